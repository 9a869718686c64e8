"""Steps of deep Boltzmann machines by loops over rows, and against finite differences."""

import numpy as np
import pytest
from scipy import sparse

from skdeepbm.models.mean_field import mean_field
from skdeepbm.training import DBMSettings, DBMTrainer, Rows, TrainingState

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]


class _Watched(DBMTrainer):
    """Keeps what both phases have filled; rows can be given in their place.

    ``given`` are rows of the hidden layers beside the data, and of all layers of the model.
    """

    given = (None, None)

    @property
    def n_chains(self):
        return super().n_chains if self.given[1] is None else len(self.given[1][0])

    def _fill(self, rows, values):
        for row, value in zip(rows, values, strict=True):
            self.backend.store(self.backend.asarray(value, row.dtype), row)

    def _copies(self, rows):
        return [np.array(self.backend.to_host(row)) for row in rows]

    def _infer(self, rows):
        n_steps = 0
        if self.given[0] is None:
            n_steps = super()._infer(rows)
        else:
            self._fill(rows[1:], self.given[0])
        self.data = self._copies(rows)
        return n_steps

    def _sample(self, n_steps, rows):
        self.n_steps = n_steps
        if self.given[1] is None:
            super()._sample(n_steps, rows)
        else:
            self._fill(rows, self.given[1])
        self.model = self._copies(rows)


def _make(tiny, backend, *, dtype=np.float64, state=None, given=(None, None), **settings):
    settings = {
        "centring": False,
        "learning_rate": 1.0,
        "batch_size": 4,
        "n_chains": 7,
        "n_gibbs_steps": 2,
        "mean_field_tolerance": 1e-12,
        "mean_field_steps": 1000,
        **settings,
    }
    trainer = _Watched(
        tiny.dbm(backend, dtype),
        DBMSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(0),
    )
    trainer.given = given
    return trainer


def _offsets(tiny, seed=0):
    rng = np.random.default_rng([seed, 2])
    return [rng.uniform(0.1, 0.9, layer.bias.size) for layer in tiny.layers]


def _hand_step(tiny, data, model, offsets=None, penalties=None):
    """The direction of ascent; ``penalties`` are by the inputs of each hidden layer's units."""
    mu = [np.zeros(x.shape[1]) for x in data] if offsets is None else offsets
    found, variance = {}, tiny.layers[0].variance
    for i, layer in enumerate(tiny.layers):
        found[f"bias {i}"] = data[i].mean(axis=0) - model[i].mean(axis=0)
        if penalties is not None and i:
            found[f"bias {i}"] = found[f"bias {i}"] + penalties[i - 1]
        assert len(layer.bias) == len(mu[i])
    for i, w in enumerate(tiny.weights):
        dw = np.zeros_like(w)
        for sign, rows in ((1, data), (-1, model)):
            # each phase is averaged over its own rows
            for below, above in zip(rows[i], rows[i + 1], strict=True):
                dw += sign * np.outer(below - mu[i], above - mu[i + 1]) / len(rows[i])
        if penalties is not None:
            dw += np.outer(data[i].mean(axis=0) - mu[i], penalties[i])
        found[f"weights {i}"] = dw
        if offsets is not None:
            found[f"bias {i}"] = found[f"bias {i}"] - dw @ mu[i + 1]
            found[f"bias {i + 1}"] = found[f"bias {i + 1}"] - dw.T @ tiny.layers[i].couple(mu[i])
    if tiny.layers[0].log_variance is not None:
        w, dz = tiny.weights[0], 0.0
        bias = tiny.layers[0].bias + w @ mu[1]
        for sign, rows in ((1, data), (-1, model)):
            for v, h in zip(rows[0], rows[1], strict=True):
                square = 0.5 * (v - bias) ** 2 - (v - mu[0]) * (w @ (h - mu[1]))
                dz = dz + sign * square / variance / len(rows[0])
        found["log_variance"] = dz
    return found


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("centring", [False, True])
def test_step_by_hand(backend, ref, take_step, sizes, visible, centring):
    """Data minus model, each averaged over its own rows, also in a short batch."""
    tiny = ref.make_dbm(sizes, visible)
    offsets = _offsets(tiny) if centring else None
    state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
    for n_rows in (4, 1):
        trainer = _make(
            tiny, backend, state=state, centring=centring, learning_rate=0.01, variance_rate=0.0
        )
        v = ref.some_rows(tiny.layers[0], n_rows)
        change = take_step(trainer, v)
        change.pop("log_variance", None)
        # the positive phase is mean field, the negative one the chains
        q, _ = mean_field(tiny.dbm(backend), backend.asarray(v), 1e-12, 1000)
        np.testing.assert_array_equal(trainer.data[0], v)
        for found, expected in zip(trainer.data[1:], q, strict=True):
            np.testing.assert_allclose(found, backend.to_host(expected), rtol=1e-9)
        assert trainer.n_steps == 2
        assert {len(x) for x in trainer.model} == {7}
        for i in range(1, len(sizes), 2):
            expected = tiny.layers[i].mean(tiny.input(i, trainer.model))
            np.testing.assert_allclose(trainer.model[i], expected, rtol=1e-9)
        expected = _hand_step(tiny, trainer.data, trainer.model, offsets)
        for name, array in change.items():
            np.testing.assert_allclose(
                array, 0.01 * expected[name], rtol=1e-9, atol=1e-13, err_msg=name
            )


@pytest.mark.parametrize("centring", [False, True])
def test_step_after_step_by_hand(backend, ref, take_step, parameters, centring):
    """Batches of 4, 4, 2 and 5 rows, penalties, moving offsets, buffers used again."""
    tiny = ref.make_dbm((3, 2, 3, 2))
    offsets, activity = _offsets(tiny), None
    trainer = _make(
        tiny,
        backend,
        state=TrainingState(offsets=np.concatenate(offsets)),
        centring=centring,
        centring_rate=0.25,
        learning_rate=0.1,
        sparsity_cost=0.3,
        sparsity_target=(0.1, 0.2, 0.3),
        sparsity_decay=0.8,
    )
    chains = []
    for i, n_rows in enumerate((4, 4, 2, 5)):
        change = take_step(trainer, ref.some_rows(tiny.layers[0], n_rows, seed=i))
        means = [x.mean(axis=0) for x in trainer.data]
        if activity is None:
            activity = means[1:]
        else:
            activity = [0.8 * a + 0.2 * b for a, b in zip(activity, means[1:], strict=True)]
        penalties = [0.3 * (t - a) for t, a in zip((0.1, 0.2, 0.3), activity, strict=True)]
        used = offsets if centring else None
        expected = _hand_step(tiny, trainer.data, trainer.model, used, penalties)
        for name, array in change.items():
            np.testing.assert_allclose(
                array, 0.1 * expected[name], rtol=1e-9, atol=1e-13, err_msg=name
            )
        tiny = tiny.with_parameters(**parameters(trainer))
        offsets = [0.75 * o + 0.25 * m for o, m in zip(offsets, means, strict=True)]
        state = trainer.save_state()
        np.testing.assert_allclose(state.activity, np.concatenate(activity), rtol=1e-10)
        if centring:
            np.testing.assert_allclose(state.offsets, np.concatenate(offsets), rtol=1e-10)
        chains.append(state.chains)
    # the chains have moved on, from where they were
    assert not np.array_equal(chains[0][0], chains[-1][0])


@pytest.mark.parametrize("centring", [False, True])
def test_step_of_the_log_variance(backend, ref, take_step, centring):
    tiny = ref.make_dbm((2, 3, 2), "gaussian")
    offsets = _offsets(tiny) if centring else None
    state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
    trainer = _make(
        tiny, backend, state=state, centring=centring, learning_rate=0.1, variance_rate=0.5
    )
    change = take_step(trainer, ref.some_rows(tiny.layers[0], 4))
    dz = 0.05 * _hand_step(tiny, trainer.data, trainer.model, offsets)["log_variance"]
    np.testing.assert_allclose(change["log_variance"], dz, rtol=1e-9)
    assert np.abs(dz).max() > 1e-3
    # the first hidden layer's centred bias does not move with the variances
    moved = tiny.with_parameters(log_variance=tiny.layers[0].log_variance + dz)
    expected = 0.1 * _hand_step(moved, trainer.data, trainer.model, offsets)["bias 1"]
    if centring:
        shift = offsets[0] / moved.layers[0].variance - offsets[0] / tiny.layers[0].variance
        expected = expected - tiny.weights[0].T @ shift
    np.testing.assert_allclose(change["bias 1"], expected, rtol=1e-8)


def _weighted(rows, p):
    """Rows whose averages of each layer and of products of neighbours are expectations.

    Odd layers are weighted by the probabilities; a last row with silent odd layers puts the mean of
    the even ones right.
    """
    m, found = len(p) + 1, []
    for i, x in enumerate(rows):
        if i % 2:
            found.append(np.concatenate([m * p[:, None] * x, np.zeros((1, x.shape[1]))]))
        else:
            found.append(np.concatenate([x, (m * (p @ x) - x.sum(axis=0))[None]]))
    return found


def _hidden_states(tiny):
    """All joint states of the hidden layers."""
    return type(tiny)(tiny.layers[1:], tiny.weights[1:]).joint()[0]


def _model_rows(tiny):
    """Exact expectations of the model: all hidden states, visible units given these."""
    h = _hidden_states(tiny)
    v, log_volume = tiny.layers[0].states()
    log_p = []
    for i in range(len(h[0])):
        beside = [np.tile(x[i], (len(v), 1)) for x in h]
        log_p.append(np.logaddexp.reduce(-tiny.energies([v, *beside])) + log_volume)
    p = np.exp(np.array(log_p) - np.logaddexp.reduce(log_p))
    mean = tiny.layers[0].mean(tiny.input(0, [None, *h]))
    return _weighted([mean, *h], p)


def _expected_gradient(tiny, objective, offsets):
    """Central differences, with the factor variance of Gaussian units and the offsets."""
    variance = tiny.layers[0].variance
    names = [name for name in tiny.parameters() if name != "log_variance"]
    found = {name: tiny.numerical_gradient(objective, name) for name in names}
    found["weights 0"] = found["weights 0"] * variance[:, None]
    found["bias 0"] = found["bias 0"] * variance
    if offsets is not None:
        plain = dict(found)
        for i in range(len(tiny.weights)):
            low, high = plain[f"bias {i}"], plain[f"bias {i + 1}"]
            dw = plain[f"weights {i}"] - np.outer(low, offsets[i + 1]) - np.outer(offsets[i], high)
            found[f"weights {i}"] = dw
            found[f"bias {i}"] = found[f"bias {i}"] - dw @ offsets[i + 1]
            coupled = tiny.layers[i].couple(offsets[i])
            found[f"bias {i + 1}"] = found[f"bias {i + 1}"] - dw.T @ coupled
    return found


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_of_the_exact_log_likelihood(plain, ref, take_step, sizes, visible, centring):
    """With exact expectations in both phases, the step is the gradient of the log-likelihood."""
    if visible == "gaussian":
        sizes = (1, *sizes[1:])
    tiny = ref.make_dbm(sizes, visible)
    v = ref.some_rows(tiny.layers[0], 3)
    # the posterior of every row: all hidden states beside it, and the mean of the data at last
    h = _hidden_states(tiny)
    p = np.concatenate([tiny.posterior(row)[1] for row in v]) / len(v)
    rows = [np.repeat(v, len(h[0]), axis=0), *(np.tile(x, (len(v), 1)) for x in h)]
    data = _weighted(rows, p)
    np.testing.assert_allclose(data[0].mean(axis=0), v.mean(axis=0))
    offsets = _offsets(tiny) if centring else None
    state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
    given = (data[1:], _model_rows(tiny))
    trainer = _make(tiny, plain, state=state, given=given, centring=centring, variance_rate=0.0)
    change = take_step(trainer, data[0])
    expected = _expected_gradient(tiny, lambda model: model.log_likelihoods(v).mean(), offsets)
    for name, array in expected.items():
        np.testing.assert_allclose(change[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_of_the_bound(plain, ref, take_step, sizes, centring):
    """With mean field and the model's exact expectations, the step climbs the bound."""
    tiny = ref.make_dbm(sizes)
    v = ref.some_rows(tiny.layers[0], 3)
    q = [np.array(mean) for mean in mean_field(tiny.dbm(plain), v, 1e-13, 1000)[0]]
    offsets = _offsets(tiny) if centring else None
    state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
    given = (None, _model_rows(tiny))
    trainer = _make(tiny, plain, state=state, given=given, centring=centring)
    change = take_step(trainer, v)
    expected = _expected_gradient(tiny, lambda model: model.bounds(v, q).mean(), offsets)
    for name, array in expected.items():
        np.testing.assert_allclose(change[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


def _flip(x, layer, index):
    return np.where(layer == index, 1 - x, x)


def _flipped_model(tiny, index):
    """The model that gives states with a layer turned over the energies of the originals."""
    changes = {f"bias {index}": -tiny.layers[index].bias}
    for i, w in enumerate(tiny.weights):
        if i == index:
            changes[f"bias {i + 1}"] = tiny.layers[i + 1].bias + w.sum(axis=0)
            changes[f"weights {i}"] = -w
        if i + 1 == index:
            changes[f"bias {i}"] = tiny.layers[i].bias + w.sum(axis=1)
            changes[f"weights {i}"] = -w
    return tiny.with_parameters(**changes)


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_invariant_to_flipped_bits(backend, ref, take_step, parameters, optimizer, centring, index):
    """Layer by layer; without centring the trajectories part."""
    tiny = ref.make_dbm((3, 2, 2), std=0.5)
    ends = []
    for turned in (None, index):
        model = tiny if turned is None else _flipped_model(tiny, index)
        offsets = [_flip(mu, i, turned) for i, mu in enumerate(_offsets(tiny))]
        trainer = _make(
            model,
            backend,
            state=TrainingState(offsets=np.concatenate(offsets)),
            centring=centring,
            optimizer=optimizer,
            learning_rate=0.2,
            momentum=0.5,
            centring_rate=0.2,
        )
        rng = np.random.default_rng(3)
        for n in (5, 3, 4):
            rows = [rng.integers(0, 2, (6, k)).astype(float) for k in (3, 2, 2)]
            trainer.given = (None, [_flip(x, i, turned) for i, x in enumerate(rows)])
            take_step(trainer, _flip(rng.integers(0, 2, (n, 3)).astype(float), 0, turned))
        model = model.with_parameters(**parameters(trainer))
        ends.append((model if turned is None else _flipped_model(model, index)).parameters())
    straight, back = ends
    same = all(np.allclose(back[name], straight[name], rtol=1e-7) for name in straight)
    assert same == centring


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_scale_does_not_depend_on_the_number_of_rows(backend, ref, take_step, visible):
    """Rows that are repeated, in either phase, leave the step as it is."""
    tiny = ref.make_dbm((3, 2, 3, 2), visible)
    v = ref.some_rows(tiny.layers[0], 3)
    model = [ref.some_rows(layer, 2, seed=5) for layer in tiny.layers]
    found = []
    for n_data, n_model in [(1, 1), (2, 1), (1, 3), (4, 2)]:
        trainer = _make(tiny, backend, centring=True, sparsity_cost=0.3, learning_rate=0.1)
        trainer.given = (None, [np.tile(x, (n_model, 1)) for x in model])
        found.append(take_step(trainer, np.tile(v, (n_data, 1))))
    for other in found[1:]:
        for name, array in found[0].items():
            np.testing.assert_allclose(other[name], array, rtol=1e-8, atol=1e-13, err_msg=name)
    assert np.abs(found[0]["weights 1"]).max() > 1e-3


def test_weights_decay_and_biases_do_not(backend, ref, take_step):
    tiny = ref.make_dbm((3, 2, 3, 2))
    v = ref.some_rows(tiny.layers[0], 4)
    changes = [
        take_step(_make(tiny, backend, learning_rate=0.1, weight_decay=decay), v)
        for decay in (0.0, 0.5)
    ]
    for name, array in changes[0].items():
        expected = array - 0.05 * tiny.parameters()[name] if "weights" in name else array
        np.testing.assert_allclose(changes[1][name], expected, rtol=1e-9, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_norm_cost(backend, ref, take_step, sizes, centring):
    """It adds the descent of the spread of norms, layer by layer, and nothing to biases."""
    tiny, cost = ref.make_dbm(sizes), 0.7
    v = ref.some_rows(tiny.layers[0], 4)
    state = TrainingState(offsets=np.concatenate(_offsets(tiny)) if centring else None)
    given = (None, [ref.some_rows(layer, 3, seed=9) for layer in tiny.layers])
    free, held = (
        take_step(_make(tiny, backend, state=state, given=given, centring=centring, **options), v)
        for options in ({}, {"norm_cost": cost})
    )

    def objective(model):
        norms = [np.linalg.norm(w, axis=0) for w in model.weights]
        return -0.5 * cost * sum(((n - n.mean()) ** 2).sum() for n in norms)

    for name, array in held.items():
        expected = tiny.numerical_gradient(objective, name)
        np.testing.assert_allclose(array - free[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)
        assert "weights" not in name or np.abs(expected).max() > 0.01


def test_max_norm(backend, ref, take_step, parameters):
    tiny = ref.make_dbm((3, 4, 4), std=0.6)
    trainer = _make(tiny, backend, learning_rate=1e-6, max_norm=1.0)
    take_step(trainer, ref.some_rows(tiny.layers[0], 4))
    for i, w in enumerate(tiny.weights):
        before = np.linalg.norm(w, axis=0)
        after = np.linalg.norm(parameters(trainer)[f"weights {i}"], axis=0)
        np.testing.assert_allclose(after, np.minimum(before, 1.0), atol=1e-5)
        assert before.max() > 1.0 > before.min()


def test_momentum(backend, ref, take_step):
    """``d <- momentum d + rate g``: with given rows, biases move by 1, then 1.5 of it."""
    tiny = ref.make_dbm((3, 2, 2))
    rows = [ref.some_rows(layer, 4) for layer in tiny.layers]
    model = [ref.some_rows(layer, 3, seed=9) for layer in tiny.layers]
    trainer = _make(tiny, backend, learning_rate=0.1, momentum=0.5)
    trainer.given = (rows[1:], model)
    first, second = (take_step(trainer, rows[0]) for _ in range(2))
    for name, array in first.items():
        np.testing.assert_allclose(second[name], 1.5 * array, rtol=1e-9, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("base", [None, np.array([-1.0, 0.5, 2.0])])
def test_offsets_and_chains_at_the_start(backend, ref, take_step, visible, base):
    """Offsets are the mean of independent visible units, and the first batch's hidden means."""
    tiny = ref.make_dbm((3, 2, 3, 2), visible)
    state = TrainingState(base_bias=base)
    settings = {"centring": True, "centring_rate": 0.25, "n_chains": 5, "variance_rate": 0.0}
    trainer = _make(tiny, backend, state=state, **settings)
    state = trainer.save_state()
    assert state.offsets is None
    assert [x.shape for x in state.chains] == [(5, 2), (5, 2)]
    assert set(np.unique(np.concatenate(state.chains))) <= {0.0, 1.0}
    start = tiny if base is None else tiny.with_parameters(**{"bias 0": base})
    independent = start.layers[0].mean(np.zeros((1, 3)))[0]
    change = take_step(trainer, ref.some_rows(tiny.layers[0], 4))
    visible_mean, *means = (x.mean(axis=0) for x in trainer.data)
    expected = _hand_step(tiny, trainer.data, trainer.model, [independent, *means])
    change.pop("log_variance", None)
    for name, array in change.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-9, atol=1e-13, err_msg=name)
    offsets = [0.75 * independent + 0.25 * visible_mean, *means]
    np.testing.assert_allclose(trainer.save_state().offsets, np.concatenate(offsets), rtol=1e-9)
    # once only
    take_step(trainer, ref.some_rows(tiny.layers[0], 4, seed=1))
    offsets = [0.75 * a + 0.25 * x.mean(axis=0) for a, x in zip(offsets, trainer.data, strict=True)]
    np.testing.assert_allclose(trainer.save_state().offsets, np.concatenate(offsets), rtol=1e-9)


def test_single_precision(backend, ref, take_step):
    """float32 stays float32 and takes the step of float64, up to rounding."""
    tiny = ref.make_dbm((3, 2, 3, 2), "gaussian")
    v, found = ref.some_rows(tiny.layers[0], 6), {}
    model = [ref.some_rows(layer, 3, seed=9) for layer in tiny.layers]
    for dtype in (np.float32, np.float64):
        trainer = _make(tiny, backend, dtype=dtype, centring=True, mean_field_tolerance=1e-5)
        trainer.given = (None, model)
        found[dtype] = take_step(trainer, v.astype(dtype))
        state = trainer.save_state()
        saved = [slot for entry in state.optimizer.values() for slot in entry["slots"]]
        assert {x.dtype for x in (*saved, state.offsets, *state.chains)} == {np.dtype(dtype)}
    for name, array in found[np.float32].items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, found[np.float64][name], rtol=1e-3, atol=1e-4)


def test_batch_of_sparse_rows(plain, ref, take_step, parameters):
    tiny = ref.make_dbm((3, 2, 3))
    v = ref.some_rows(tiny.layers[0], 4)
    trainer, other = (_make(tiny, plain, centring=True) for _ in range(2))
    take_step(trainer, v)
    batch = Rows(plain, sparse.csr_array(v), np.float64).batch(np.arange(4))
    assert batch.dense is None
    other.step(batch)
    for name, array in parameters(trainer).items():
        np.testing.assert_allclose(parameters(other)[name], array, rtol=1e-12)
