"""Steps of deep Boltzmann machines with labels, against finite differences and sums over states."""

import numpy as np
import pytest
from scipy import sparse

from skdeepbm.models.mean_field import mean_field
from skdeepbm.training import Batch, DBMSettings, LabelledDBMTrainer, Rows, TrainingState

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]
CODES = np.array([0, 2, -1, 1, -1])


def _hot(codes=CODES, n_classes=3):
    return (codes[:, None] == np.arange(n_classes)).astype(float)


class _Watched(LabelledDBMTrainer):
    """Keeps what the positive phase has filled; rows of the model can be given."""

    model = None

    @property
    def n_chains(self):
        return super().n_chains if self.model is None else len(self.model[0])

    def _infer(self, rows):
        n_steps = super()._infer(rows)
        self.data = [np.array(self.backend.to_host(row)) for row in rows]
        return n_steps

    def _sample(self, n_steps, rows):
        if self.model is None:
            return super()._sample(n_steps, rows)
        for row, value in zip(rows, self.model, strict=True):
            self.backend.store(self.backend.asarray(value, row.dtype), row)
        return None


def _make(tiny, backend, *, codes=CODES, dtype=np.float64, state=None, model=None, **settings):
    settings = {
        "centring": False,
        "learning_rate": 1.0,
        "n_chains": 7,
        "n_gibbs_steps": 2,
        "mean_field_tolerance": 1e-13,
        "mean_field_steps": 1000,
        **settings,
    }
    trainer = _Watched(
        tiny.dbm(backend, dtype),
        DBMSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(0),
        _hot(codes),
    )
    trainer.model = model
    return trainer


def _exact_model_rows(tiny):
    """Rows whose means, and means of products of neighbours, are those of the model."""
    states, p = tiny.probabilities()
    m = len(p) + 1
    found = []
    for i, x in enumerate(states):
        if i % 2:
            found.append(np.concatenate([m * p[:, None] * x, np.zeros((1, x.shape[1]))]))
        else:
            found.append(np.concatenate([x, (m * (p @ x) - x.sum(axis=0))[None]]))
    return found


def _offsets(tiny):
    rng = np.random.default_rng(2)
    return [rng.uniform(0.1, 0.9, layer.bias.size) for layer in tiny.layers]


def _centred(tiny, gradient, offsets):
    """The gradient of the centred parameters, in those of the model."""
    found = dict(gradient)
    for i in range(len(tiny.weights)):
        low, high = gradient[f"bias {i}"], gradient[f"bias {i + 1}"]
        dw = gradient[f"weights {i}"] - np.outer(low, offsets[i + 1]) - np.outer(offsets[i], high)
        found[f"weights {i}"] = dw
        found[f"bias {i}"] = found[f"bias {i}"] - dw @ offsets[i + 1]
        found[f"bias {i + 1}"] = found[f"bias {i + 1}"] - dw.T @ offsets[i]
    return found


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_of_the_joint_bound(plain, ref, take_step, sizes, centring):
    """Mean field with clamped labels and exact expectations of the model climb the bound on
    ``log p(v, y)``; every sum is over states."""
    tiny = ref.make_labelled_dbm(sizes)
    codes = np.array([0, 2, 2, 1, 0])
    v = ref.some_rows(tiny.layers[0], 5)
    q = [np.array(x) for x in mean_field(tiny.dbm(plain), v, 1e-13, 1000, _hot(codes))[0][:-1]]
    offsets = _offsets(tiny)
    state = TrainingState(offsets=np.concatenate(offsets) if centring else None)
    model = _exact_model_rows(tiny)
    trainer = _make(tiny, plain, codes=codes, state=state, model=model, centring=centring)
    change = take_step(trainer, v)

    def objective(other):
        return other.label_bounds(v, codes, q).mean() - other.log_z()

    expected = {name: tiny.numerical_gradient(objective, name) for name in tiny.parameters()}
    if centring:
        expected = _centred(tiny, expected, offsets)
    for name, array in expected.items():
        np.testing.assert_allclose(change[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_of_the_exact_joint_likelihood(plain, ref, take_step, sizes):
    """Where hidden layers do not see each other the posterior is factorial, and the step the
    gradient of ``log p(v, y)`` itself."""
    tiny = ref.make_labelled_dbm(sizes)
    tiny.weights[1:-1] = [0 * w for w in tiny.weights[1:-1]]
    codes = np.array([0, 2, 2, 1, 0])
    v = ref.some_rows(tiny.layers[0], 5)
    trainer = _make(tiny, plain, codes=codes, model=_exact_model_rows(tiny))
    change = take_step(trainer, v)

    def objective(other):
        return other.joint_log_weights(v)[np.arange(5), codes].mean() - other.log_z()

    for name in tiny.parameters():
        expected = tiny.numerical_gradient(objective, name)
        np.testing.assert_allclose(change[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_positive_phase(backend, ref, sizes, visible):
    """Labels of the rows of the batch, whichever these are; others are inferred."""
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    v = ref.some_rows(tiny.layers[0], 5)
    trainer = _make(tiny, backend, learning_rate=0.01)
    rows = Rows(backend, v, np.float64)
    for index in ([0, 1, 2, 3, 4], [2, 1], [4], [3, 0]):
        now = tiny.with_parameters(**_host(trainer))
        trainer.step(rows.batch(np.array(index)))
        top = backend.asarray(_hot()[index])
        means, _ = mean_field(now.dbm(backend), backend.asarray(v[index]), 1e-13, 1000, top)
        for found, expected in zip(trainer.data[1:], means, strict=True):
            np.testing.assert_allclose(found, backend.to_host(expected), rtol=1e-8)
    trainer.step(Batch(backend.asarray(v[:3])))
    np.testing.assert_array_equal(trainer.data[-1][:2], _hot()[:2])


def _host(trainer):
    return {k: np.array(trainer.backend.to_host(v)) for k, v in trainer.parameters().items()}


def test_batch_of_sparse_rows(plain, ref):
    tiny = ref.make_labelled_dbm((3, 2, 3))
    v = ref.some_rows(tiny.layers[0], 5)
    found = []
    for X in (v, sparse.csr_array(v)):
        trainer = _make(tiny, plain, centring=True)
        trainer.step(Rows(plain, X, np.float64).batch(np.array([3, 0, 2])))
        found.append(_host(trainer))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-12)


def test_same_numbers_on_other_backends(plain, same_stream_backend, ref, hooks):
    tiny, found = ref.make_labelled_dbm((3, 2, 3, 2)), []
    v = ref.some_rows(tiny.layers[0], 5)
    for backend in (plain, same_stream_backend):
        trainer = _make(
            tiny, backend, batch_size=2, momentum=0.5, sparsity_cost=0.1, learning_rate=0.05
        )
        trainer.run(Rows(backend, v, np.float64), 2, hooks)
        found.append(_host(trainer))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-8, atol=1e-12, err_msg=name)


def test_the_label_is_not_sparse(backend, ref, take_step):
    """The penalty is that of hidden layers alone; its targets are for them."""
    tiny = ref.make_labelled_dbm((3, 2, 3))
    v, changes = ref.some_rows(tiny.layers[0], 5), []
    for cost in (0.0, 0.3):
        trainer = _make(
            tiny,
            backend,
            learning_rate=0.1,
            sparsity_cost=cost,
            sparsity_target=(0.2, 0.1),
            model=_exact_model_rows(tiny),
        )
        changes.append(take_step(trainer, v))
    for name in ("weights 2", "bias 3", "bias 0"):
        np.testing.assert_allclose(changes[1][name], changes[0][name], rtol=1e-9, atol=1e-13)
    means = [x.mean(axis=0) for x in trainer.data]
    for i, target in ((1, 0.2), (2, 0.1)):
        penalty = 0.03 * (target - means[i])
        extra = changes[1][f"bias {i}"] - changes[0][f"bias {i}"]
        np.testing.assert_allclose(extra, penalty, rtol=1e-8)
    # and training goes on from the saved activities
    again = _make(tiny, backend, state=trainer.save_state(), sparsity_cost=0.3)
    take_step(again, v)


@pytest.mark.parametrize("held_out", [None, np.array([1, 4])])
def test_history(backend, ref, hooks, held_out):
    tiny = ref.make_labelled_dbm((3, 4, 2))
    trainer = _make(tiny, backend, batch_size=2, learning_rate=0.05)
    v = ref.some_rows(tiny.layers[0], 5)
    trainer.run(Rows(backend, v, np.float64), 1, hooks, held_out)
    (entry,) = hooks.entries
    now = tiny.with_parameters(**_host(trainer))
    seen = np.arange(5) if held_out is None else np.setdiff1d(np.arange(5), held_out)

    def energies(rows):
        """Minus the bound with the labels that are known."""
        total = []
        for row in rows:
            code = CODES[row]
            top = backend.asarray(_hot()[[row]])
            means = mean_field(now.dbm(backend), backend.asarray(v[[row]]), 1e-13, 1000, top)[0]
            q = [np.array(backend.to_host(x)) for x in means]
            if code >= 0:
                total.append(-now.label_bounds(v[[row]], [code], q[:-1])[0])
            else:
                each = [now.label_bounds(v[[row]], [c], q[:-1])[0] for c in range(3)]
                total.append(-(q[-1][0] @ (np.array(each) - np.log(q[-1][0]))))
        return np.mean(total)

    assert entry["free_energy"] == pytest.approx(energies(seen), rel=1e-8)
    if held_out is not None:
        assert entry["validation_free_energy"] == pytest.approx(energies(held_out), rel=1e-8)
    assert entry["mean_hidden_activity"].shape == (2,)
    assert entry["dead_units"].shape == (2,)
    norms = np.concatenate([np.linalg.norm(w, axis=0) for w in now.weights[:-1]])
    np.testing.assert_allclose(entry["weight_norm"], norms, rtol=1e-10)
    free = mean_field(now.dbm(backend), backend.asarray(v), 1e-13, 1000)[0][-1]
    known = seen[CODES[seen] >= 0]
    wrong = np.argmax(backend.to_host(free), axis=1)[known] != CODES[known]
    assert entry["error"] == pytest.approx(wrong.mean())


def test_no_labels_no_error(plain, ref, hooks):
    tiny = ref.make_labelled_dbm()
    trainer = _make(tiny, plain, codes=np.full(5, -1), learning_rate=0.05)
    trainer.run(Rows(plain, ref.some_rows(tiny.layers[0], 5), np.float64), 1, hooks)
    assert np.isnan(hooks.entries[0]["error"])


def test_learns_the_label(compiled, ref):
    """Which of two pixels is on, from a start without weights to the label; one row has none."""
    v = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=np.float32)
    tiny = ref.make_labelled_dbm((3, 6, 4), 2, std=0.1)
    tiny.weights[-1] *= 0
    trainer = _make(
        tiny,
        compiled,
        dtype=np.float32,
        batch_size=4,
        n_chains=50,
        learning_rate=0.2,
        momentum=0.5,
        centring=True,
        mean_field_tolerance=1e-3,
    )
    codes = np.array([0, 0, 1, -1])
    trainer.labels = Rows(compiled, _hot(codes, 2), np.float64)
    rows = Rows(compiled, v, np.float32)
    for _ in range(500):
        trainer.step(rows.batch(np.arange(4)))
    guess = mean_field(trainer.dbm, v)[0][-1]
    np.testing.assert_array_equal(guess.argmax(axis=1), [0, 0, 1, 1])
    assert guess.max(axis=1).min() > 0.7
