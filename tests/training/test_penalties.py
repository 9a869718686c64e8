"""Sparsity, weight decay, L1, equal norms and the bound on weights."""

import numpy as np
import pytest

from skdeepbm.training import TrainingState


def _still(given_phase, v0):
    """Let the model phase equal the data phase, so that penalties alone move parameters."""
    given_phase.v, given_phase.h = v0, None


def _kl(target, q):
    return target * np.log(target / q) + (1 - target) * np.log((1 - target) / (1 - q))


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
def test_sparsity_descends_the_divergence(
    backend, ref, make_trainer, take_step, given_phase, visible
):
    """Finite differences of cost * KL(target || q), for rows of one and the same total input."""
    tiny, cost, target = ref.make_tiny(visible, "bernoulli"), 0.7, 0.15
    v0 = np.tile(ref.some_rows(tiny.visible, 1), (3, 1))
    _still(given_phase, v0)
    trainer = make_trainer(
        tiny,
        backend,
        algorithm="given",
        sparsity_cost=cost,
        sparsity_target=target,
        sparsity_decay=0.0,
    )
    change = take_step(trainer, v0)

    def objective(model):
        q = model.hidden.mean(model.hidden_input(v0)).mean(axis=0)
        return -cost * _kl(target, q).sum()

    numerical = {n: tiny.numerical_gradient(objective, n) for n in ("weights", "hidden_bias")}
    numerical["weights"] *= tiny.visible.variance[:, None]
    for name, expected in numerical.items():
        np.testing.assert_allclose(change[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(change["visible_bias"], 0, atol=1e-13)


@pytest.mark.parametrize("centring", [False, True])
def test_sparsity_by_hand(
    backend, ref, make_trainer, take_step, hand_step, given_phase, parameters, centring
):
    """q follows the batches' mean activity; cost * (target - q) goes to the total input."""
    tiny, cost, target, decay = ref.make_tiny(), 0.5, 0.1, 0.8
    offsets = (np.array([0.3, 0.6, 0.4]), np.array([0.2, 0.5, 0.7]))
    trainer = make_trainer(
        tiny,
        backend,
        state=TrainingState(offsets=np.concatenate(offsets)),
        algorithm="given",
        centring=centring,
        centring_rate=0.0,
        sparsity_cost=cost,
        sparsity_target=target,
        sparsity_decay=decay,
        learning_rate=0.1,
    )
    q = None
    for i, n_rows in enumerate((5, 2, 4)):
        v0 = ref.some_rows(tiny.visible, n_rows, seed=i)
        given_phase.v = ref.some_rows(tiny.visible, 3, seed=10 + i)
        h0, h1 = (tiny.hidden.mean(tiny.hidden_input(v)) for v in (v0, given_phase.v))
        q = h0.mean(axis=0) if q is None else decay * q + (1 - decay) * h0.mean(axis=0)
        change = take_step(trainer, v0)
        np.testing.assert_allclose(trainer.save_state().activity, q, rtol=1e-10)
        expected = hand_step(
            tiny,
            v0,
            h0,
            given_phase.v,
            h1,
            offsets if centring else None,
            penalty=cost * (target - q),
        )
        for name, array in expected.items():
            np.testing.assert_allclose(change[name], 0.1 * array, rtol=1e-9, atol=1e-13)
        tiny = tiny.with_parameters(**parameters(trainer))


def test_sparsity_is_averaged_over_rows(backend, ref, make_trainer, take_step, given_phase):
    tiny = ref.make_tiny()
    found = []
    for n in (1, 2, 10):
        v0 = np.tile(ref.some_rows(tiny.visible, 3), (n, 1))
        _still(given_phase, v0)
        trainer = make_trainer(tiny, backend, algorithm="given", sparsity_cost=0.5)
        found.append(take_step(trainer, v0))
    for other in found[1:]:
        for name, array in found[0].items():
            np.testing.assert_allclose(other[name], array, rtol=1e-9, atol=1e-14)
    assert np.abs(found[0]["hidden_bias"]).max() > 0.01


def test_activity_goes_on_from_the_state(backend, ref, make_trainer, take_step):
    tiny = ref.make_tiny()
    v0 = ref.some_rows(tiny.visible, 4)
    start = np.array([0.9, 0.5, 0.1])
    trainer = make_trainer(
        tiny,
        backend,
        state=TrainingState(activity=start),
        sparsity_cost=0.1,
        sparsity_decay=0.75,
    )
    take_step(trainer, v0)
    h0 = tiny.hidden.mean(tiny.hidden_input(v0)).mean(axis=0)
    np.testing.assert_allclose(trainer.save_state().activity, 0.75 * start + 0.25 * h0, rtol=1e-10)


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize(
    "penalty",
    # Adam's first step has the gradient's signs: the penalty must turn one
    [{"weight_decay": 0.3}, {"l1_penalty": 0.3}, {"max_norm": 0.3}, {"norm_cost": 30.0}],
    ids=str,
)
def test_penalties_never_touch_biases(
    backend, ref, make_trainer, take_step, given_phase, centring, optimizer, penalty
):
    """With and without the penalty, biases take the same step and weights another one."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    v0 = ref.some_rows(tiny.visible, 4)
    given_phase.v = ref.some_rows(tiny.visible, 4, seed=1)
    found = []
    for strength in ({}, penalty):
        trainer = make_trainer(
            tiny,
            backend,
            algorithm="given",
            centring=centring,
            optimizer=optimizer,
            learning_rate=0.01,
            **strength,
        )
        if centring:
            mu, lam = np.split(np.array(backend.to_host(trainer.offsets)), [tiny.visible.bias.size])
        step = take_step(trainer, v0)
        if centring and optimizer == "adam":
            # it has the centred parameters, whose biases these are
            variance = tiny.visible.variance * np.exp(step["log_variance"])
            step["visible_bias"] = step["visible_bias"] + step["weights"] @ lam
            step["hidden_bias"] = step["hidden_bias"] + (mu / variance) @ step["weights"]
        found.append(step)
    free, held = found
    for name in ("visible_bias", "hidden_bias", "log_variance"):
        np.testing.assert_allclose(held[name], free[name], rtol=1e-12, atol=1e-15, err_msg=name)
        assert np.abs(free[name]).max() > 1e-5
    assert np.abs(held["weights"] - free["weights"]).max() > 1e-5


def test_weight_decay(backend, ref, make_trainer, take_step, given_phase):
    tiny = ref.make_tiny()
    v0 = ref.some_rows(tiny.visible, 4)
    _still(given_phase, v0)
    trainer = make_trainer(
        tiny, backend, algorithm="given", weight_decay=0.2, learning_rate=0.1, centring=True
    )
    change = take_step(trainer, v0)
    np.testing.assert_allclose(change["weights"], -0.1 * 0.2 * tiny.weights, rtol=1e-10)
    for name in ("visible_bias", "hidden_bias"):
        np.testing.assert_allclose(change[name], 0, atol=1e-14)


def test_l1_penalty(backend, ref, make_trainer, take_step, given_phase):
    tiny = ref.make_tiny()
    weights = tiny.weights.copy()
    weights[0, 0] = 0.0
    tiny = tiny.with_parameters(weights=weights)
    v0 = ref.some_rows(tiny.visible, 4)
    _still(given_phase, v0)
    trainer = make_trainer(tiny, backend, algorithm="given", l1_penalty=0.2, learning_rate=0.1)
    change = take_step(trainer, v0)
    np.testing.assert_allclose(
        change["weights"], -0.1 * 0.2 * np.sign(weights), rtol=1e-10, atol=1e-15
    )


@pytest.mark.parametrize("centring", [False, True])
def test_norm_cost_descends_the_spread_of_norms(
    backend, ref, make_trainer, take_step, given_phase, centring
):
    """Finite differences, in which the mean norm moves with every weight."""
    tiny, cost = ref.make_tiny("bernoulli", "bernoulli", n_hidden=4), 0.7
    v0 = ref.some_rows(tiny.visible, 4)
    _still(given_phase, v0)
    trainer = make_trainer(tiny, backend, algorithm="given", norm_cost=cost, centring=centring)
    change = take_step(trainer, v0)

    def objective(model):
        norms = np.linalg.norm(model.weights, axis=0)
        return -0.5 * cost * ((norms - norms.mean()) ** 2).sum()

    expected = tiny.numerical_gradient(objective, "weights")
    np.testing.assert_allclose(change["weights"], expected, rtol=1e-6, atol=1e-9)
    assert np.abs(expected).max() > 0.1
    for name in ("visible_bias", "hidden_bias"):
        np.testing.assert_allclose(change[name], 0, atol=1e-14)


def test_norm_cost_of_units_without_weights(backend, ref, make_trainer, take_step, given_phase):
    """They count in the mean but have no direction to grow in; the least weight gives one."""
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_hidden=4)
    direction = tiny.weights / np.linalg.norm(tiny.weights, axis=0)
    norms = np.array([2.0, 0.0, 1e-20, 4.0])
    tiny = tiny.with_parameters(weights=direction * norms)
    v0 = ref.some_rows(tiny.visible, 4)
    _still(given_phase, v0)
    trainer = make_trainer(tiny, backend, algorithm="given", norm_cost=0.5, learning_rate=0.1)
    change = take_step(trainer, v0)["weights"]
    expected = 0.05 * (norms.mean() - norms) * direction
    expected[:, 1] = 0
    np.testing.assert_allclose(change, expected, rtol=1e-9, atol=1e-14)


def test_norm_cost_makes_norms_equal(backend, ref, make_trainer, parameters, take_step):
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_hidden=4)
    spread = []
    for cost in (0.0, 2.0):
        trainer = make_trainer(tiny, backend, norm_cost=cost, learning_rate=0.1, momentum=0.5)
        for i in range(30):
            take_step(trainer, ref.some_rows(tiny.visible, 20, seed=i))
        norms = np.linalg.norm(parameters(trainer)["weights"], axis=0)
        spread.append(norms.std() / norms.mean())
    assert spread[1] < 0.1 < spread[0]


def test_max_norm(backend, ref, make_trainer, parameters, take_step, given_phase):
    """Columns that are too long are cut to the bound; the others are left alone."""
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_hidden=4)
    weights = tiny.weights / np.linalg.norm(tiny.weights, axis=0) * [0.2, 3.0, 0.99, 0.0]
    tiny = tiny.with_parameters(weights=weights)
    v0 = ref.some_rows(tiny.visible, 4)
    _still(given_phase, v0)
    trainer = make_trainer(tiny, backend, algorithm="given", max_norm=1.0)
    take_step(trainer, v0)
    found = parameters(trainer)["weights"]
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), [0.2, 1.0, 0.99, 0.0], atol=1e-12)
    np.testing.assert_allclose(found[:, 1], weights[:, 1] / 3, rtol=1e-10)
    np.testing.assert_allclose(found[:, [0, 2]], weights[:, [0, 2]], rtol=1e-12)


def test_max_norm_holds_after_every_step(backend, ref, make_trainer, parameters, take_step):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, max_norm=0.5, momentum=0.9)
    for i in range(3):
        take_step(trainer, ref.some_rows(tiny.visible, 4, seed=i))
        norm = np.linalg.norm(parameters(trainer)["weights"], axis=0)
        assert np.all(norm <= 0.5 * (1 + 1e-12))


def test_variance_has_a_floor(backend, ref, make_trainer, take_step, parameters, given_phase):
    """Data without any spread pull the variance down, but not below the floor."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    floor = tiny.visible.log_variance - 0.5
    v0 = np.tile(tiny.visible.bias, (4, 1))
    given_phase.v = v0 + np.array([[3.0], [-3.0], [2.0], [-2.0]])
    trainer = make_trainer(
        tiny,
        backend,
        state=TrainingState(log_variance_floor=floor),
        algorithm="given",
        learning_rate=0.01,
        variance_rate=1.0,
    )
    change = take_step(trainer, v0)["log_variance"]
    assert np.all(change < 0)
    assert np.all(change > -0.5)
    for _ in range(40):
        take_step(trainer, v0)
    np.testing.assert_allclose(parameters(trainer)["log_variance"], floor, rtol=1e-12)
