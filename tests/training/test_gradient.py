"""The step of the parameters against loops over rows, and against finite differences."""

import numpy as np
import pytest

from skdeepbm.training import TrainingState

VISIBLE = ["bernoulli", "gaussian", "softmax"]
HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]


def _offsets(tiny, seed=0):
    rng = np.random.default_rng([seed, 2])
    return rng.uniform(0.1, 0.9, tiny.visible.bias.size), rng.uniform(
        0.1, 0.9, tiny.hidden.bias.size
    )


def _assert_changes(change, expected, rtol=1e-9):
    assert change.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(
            change[name], expected[name], rtol=rtol, atol=1e-13, err_msg=name
        )


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_step_by_hand(
    backend, ref, make_trainer, take_step, hand_change, spy, visible, hidden, centring, algorithm
):
    """Data minus model, each averaged over its own rows, also in a short batch."""
    tiny = ref.make_tiny(visible, hidden)
    offsets = _offsets(tiny) if centring else None
    for n_rows in (4, 1):
        state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
        trainer = make_trainer(
            tiny,
            backend,
            state=state,
            algorithm=algorithm,
            batch_size=4,
            n_chains=7,
            n_gibbs_steps=2,
            centring=centring,
            learning_rate=0.01,
            variance_rate=0.5,
        )
        v0 = ref.some_rows(tiny.visible, n_rows)
        change = take_step(trainer, v0)
        (seen,) = spy[-1:]
        assert len(seen.v) == (n_rows if algorithm == "cd" else 7)
        h0 = tiny.hidden.mean(tiny.hidden_input(v0))
        h1 = tiny.hidden.mean(tiny.hidden_input(seen.v))
        expected = hand_change(
            tiny, v0, h0, seen.v, h1, rate=0.01, variance_rate=0.5, offsets=offsets
        )
        _assert_changes(change, expected)


@pytest.mark.parametrize("centring", [False, True])
def test_step_after_step_by_hand(
    backend, ref, make_trainer, take_step, hand_change, spy, parameters, centring
):
    """Batches of 4, 4 and 2 rows, with moving offsets and buffers used again."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    offsets = _offsets(tiny)
    state = TrainingState(offsets=np.concatenate(offsets))
    trainer = make_trainer(
        tiny,
        backend,
        state=state,
        batch_size=4,
        centring=centring,
        centring_rate=0.25,
        learning_rate=0.1,
        variance_rate=1.0,
    )
    for i, n_rows in enumerate((4, 4, 2, 4)):
        v0 = ref.some_rows(tiny.visible, n_rows, seed=i)
        change = take_step(trainer, v0)
        h0, h1 = (tiny.hidden.mean(tiny.hidden_input(v)) for v in (v0, spy[-1].v))
        expected = hand_change(
            tiny,
            *(v0, h0, spy[-1].v, h1),
            rate=0.1,
            variance_rate=1.0,
            offsets=offsets if centring else None,
        )
        _assert_changes(change, expected)
        tiny = tiny.with_parameters(**parameters(trainer))
        targets = (v0.mean(axis=0), h0.mean(axis=0))
        offsets = tuple(0.75 * o + 0.25 * t for o, t in zip(offsets, targets, strict=True))
        if centring:
            np.testing.assert_allclose(
                trainer.save_state().offsets, np.concatenate(offsets), rtol=1e-10
            )


def _model_rows(tiny):
    """Rows whose averages of v, h and v h^T are the model's exact expectations.

    Every state is there once, its hidden row weighted by its probability; a last row with silent
    hidden units puts the mean of the visible ones right.
    """
    if tiny.visible.kind == "gaussian":
        h, p = tiny.hidden_probabilities()
        v = tiny.visible.mean(tiny.visible_input(h))
    else:
        v, p = tiny.visible_probabilities()
        h = tiny.hidden.mean(tiny.hidden_input(v))
    m = len(p) + 1
    last = m * (p @ v) - v.sum(axis=0)
    v = np.concatenate([v, last[None, :]])
    h = np.concatenate([m * p[:, None] * h, np.zeros((1, h.shape[1]))])
    return v, h


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize(
    ("visible", "hidden"),
    [(v, h) for v in ("bernoulli", "softmax") for h in HIDDEN]
    + [("gaussian", "bernoulli"), ("gaussian", "softmax")],
)
def test_gradient_of_the_exact_log_likelihood(
    plain, ref, make_trainer, take_step, given_phase, visible, hidden, centring
):
    """With exact expectations of the model, the step is the gradient of the log-likelihood."""
    tiny = ref.make_tiny(visible, hidden)
    v0 = ref.some_rows(tiny.visible, 5)
    given_phase.v, given_phase.h = _model_rows(tiny)
    mu, lam = _offsets(tiny)
    trainer = make_trainer(
        tiny,
        plain,
        state=TrainingState(offsets=np.concatenate([mu, lam])),
        algorithm="given",
        centring=centring,
        variance_rate=0.0,
    )
    change = take_step(trainer, v0)

    def objective(model):
        return model.log_likelihood(v0)

    numerical = {
        name: tiny.numerical_gradient(objective, name)
        for name in ("weights", "visible_bias", "hidden_bias")
    }
    # the weights see v / s^2 of Gaussian units: their gradients are multiplied by s^2
    G = numerical["weights"] * tiny.visible.variance[:, None]
    dv, dh = numerical["visible_bias"] * tiny.visible.variance, numerical["hidden_bias"]
    if centring:
        G = G - np.outer(dv, lam) - np.outer(mu, dh)
        dv, dh = dv - G @ lam, dh - G.T @ (mu / tiny.visible.variance)
    expected = {"weights": G, "visible_bias": dv, "hidden_bias": dh}
    change.pop("log_variance", None)
    for name in expected:
        np.testing.assert_allclose(change[name], expected[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_gradient_by_the_log_variance(plain, ref, make_trainer, take_step, given_phase):
    """A mixture whose four components have the weights 1/10 to 4/10, as rows.

    Each component is its mean plus and minus one standard deviation, as often as its weight says:
    these rows have the model's exact moments up to the second.
    """
    tiny = ref.make_tiny("gaussian", "bernoulli", n_visible=2, n_hidden=2)
    s2, b = tiny.visible.variance, tiny.visible.bias
    wanted = {(0, 0): 1, (1, 0): 2, (0, 1): 3, (1, 1): 4}
    W = tiny.weights.copy()
    W[0, 1] = 0.0
    # the overlap of the two columns couples the hidden units
    overlap = np.log(wanted[1, 1] * wanted[0, 0] / (wanted[1, 0] * wanted[0, 1]))
    W[0, 1] = (overlap - (W[:, 0] * W[:, 1] / s2).sum()) * s2[0] / W[0, 0]
    own = ((2 * b[:, None] * W + W**2) / (2 * s2[:, None])).sum(axis=0)
    c = np.log([wanted[1, 0] / wanted[0, 0], wanted[0, 1] / wanted[0, 0]]) - own
    tiny = tiny.with_parameters(weights=W, hidden_bias=c)
    states, p = tiny.hidden_probabilities()
    np.testing.assert_allclose(p, [wanted[tuple(h)] / 10 for h in states.astype(int)], rtol=1e-9)

    rows_v, rows_h = [], []
    for h in states:
        for sign in (1, -1):
            for _ in range(wanted[tuple(h.astype(int))]):
                rows_v.append(b + W @ h + sign * np.sqrt(s2))
                rows_h.append(h)
    given_phase.v, given_phase.h = np.array(rows_v), np.array(rows_h)
    v0 = ref.some_rows(tiny.visible, 5)
    trainer = make_trainer(tiny, plain, algorithm="given", variance_rate=1.0)
    change = take_step(trainer, v0)
    for name, factor in [
        ("weights", s2[:, None]),
        ("visible_bias", s2),
        ("hidden_bias", 1.0),
        ("log_variance", 1.0),
    ]:
        numerical = tiny.numerical_gradient(lambda model: model.log_likelihood(v0), name)
        np.testing.assert_allclose(
            change[name], factor * numerical, rtol=1e-6, atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("visible", VISIBLE)
def test_scale_does_not_depend_on_the_number_of_rows(
    backend, ref, make_trainer, take_step, given_phase, visible
):
    """Rows that are repeated, in either phase, leave the step as it is."""
    tiny = ref.make_tiny(visible, "bernoulli")
    v0, v1 = ref.some_rows(tiny.visible, 3), ref.some_rows(tiny.visible, 2, seed=1)
    found = []
    for n_data, n_model in [(1, 1), (2, 1), (1, 3), (4, 2)]:
        given_phase.v = np.tile(v1, (n_model, 1))
        trainer = make_trainer(
            tiny,
            backend,
            algorithm="given",
            centring=True,
            sparsity_cost=0.3,
            learning_rate=0.1,
        )
        found.append(take_step(trainer, np.tile(v0, (n_data, 1))))
    for other in found[1:]:
        _assert_changes(other, found[0], rtol=1e-9)
    assert np.abs(found[0]["weights"]).max() > 1e-3


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_rate_of_zero(backend, ref, make_trainer, take_step, parameters, algorithm, optimizer):
    """A schedule may end at 0: nothing moves, and everything stays finite."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    trainer = make_trainer(
        tiny,
        backend,
        algorithm=algorithm,
        optimizer=optimizer,
        learning_rate=0.0,
        momentum=0.0,
        centring=True,
        centring_rate=0.5,
        sparsity_cost=0.1,
        weight_decay=0.1,
    )
    v0 = ref.some_rows(tiny.visible, 4)
    for _ in range(2):
        change = take_step(trainer, v0)
        for name, array in change.items():
            np.testing.assert_array_equal(array, np.zeros_like(array), err_msg=name)
    state = trainer.save_state()
    # the offsets go on following the data
    h0 = tiny.hidden.mean(tiny.hidden_input(v0)).mean(axis=0)
    v = tiny.visible.bias[None, :]
    start = np.concatenate([v[0], tiny.hidden.mean(tiny.hidden_input(v))[0]])
    target = np.concatenate([v0.mean(axis=0), h0])
    np.testing.assert_allclose(state.offsets, 0.25 * start + 0.75 * target, rtol=1e-10)
    np.testing.assert_allclose(state.activity, h0, rtol=1e-10)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("hidden", ["bernoulli", "relu", "softmax"])
def test_single_precision(backend, ref, make_trainer, take_step, algorithm, centring, hidden):
    """float32 stays float32 and takes the step of float64, up to rounding."""
    tiny = ref.make_tiny("bernoulli", hidden)
    v0 = ref.some_rows(tiny.visible, 6)
    # with one and the same negative phase
    trainer = make_trainer(
        tiny, backend, dtype=np.float32, algorithm=algorithm, centring=centring, sparsity_cost=0.0
    )
    for name, array in take_step(trainer, v0.astype(np.float32)).items():
        assert array.dtype == np.float32, name
        assert np.isfinite(array).all(), name
    state = trainer.save_state()
    saved = [slot for entry in state.optimizer.values() for slot in entry["slots"]]
    saved += [] if state.offsets is None else [state.offsets]
    saved += [] if state.chains is None else [state.chains]
    assert saved
    assert {array.dtype for array in saved} == {np.dtype(np.float32)}


def test_single_and_double_precision_agree(backend, ref, make_trainer, take_step, given_phase):
    tiny = ref.make_tiny("gaussian", "bernoulli")
    given_phase.v = ref.some_rows(tiny.visible, 3, seed=1)
    v0 = ref.some_rows(tiny.visible, 6)
    found = {
        dtype: take_step(
            make_trainer(tiny, backend, dtype=dtype, algorithm="given", centring=True),
            v0.astype(dtype),
        )
        for dtype in (np.float32, np.float64)
    }
    for name, array in found[np.float32].items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, found[np.float64][name], rtol=1e-4, atol=2e-6)
