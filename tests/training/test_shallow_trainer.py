"""Autoencoders with one hidden layer: finite differences of every loss, and the loop around."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Batch, Rows, ShallowSettings, ShallowTrainer, TrainingState
from skdeepbm.training.contraction import Contraction

VISIBLE = ["bernoulli", "gaussian", "groups", "multinomial"]
HIDDEN = ["bernoulli", "gaussian", "relu"]
# settings of the trainer, and what the reference calls them
PENALTIES = {
    "none": ({}, {}),
    "decay": ({"weight_decay": 0.3}, {"weight_decay": 0.3}),
    "sparse": (
        {"sparsity_cost": 0.7, "sparsity_target": 0.2, "sparsity_decay": 0.0},
        {"sparsity": 0.7, "rho": 0.2},
    ),
    "contractive": ({"contraction_cost": 0.4}, {"contraction": 0.4}),
}


def _trainer(tiny, backend, *, dtype=np.float64, state=None, seed=0, **settings):
    settings = {"learning_rate": 1.0, "shuffle": False, **settings}
    return ShallowTrainer(
        tiny.model(backend, dtype),
        ShallowSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(seed),
    )


@pytest.fixture
def descent(parameters):
    """What one step of plain descent with rate 1 takes away."""

    def step(trainer, batch):
        before = parameters(trainer)
        trainer.step(batch)
        after = parameters(trainer)
        return {name: before[name] - after[name] for name in before}

    return step


def _assert_close(found, expected, rtol=1e-5, atol=1e-8):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol, atol, err_msg=name)


# -- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visible", "hidden", "penalty", "tied"),
    [
        (visible, hidden, penalty, (i + j + k) % 2 == 0)
        for i, visible in enumerate(VISIBLE)
        for j, hidden in enumerate(HIDDEN)
        for k, penalty in enumerate(PENALTIES)
    ],
)
def test_gradient(backend, ref, descent, visible, hidden, tied, penalty):
    if penalty == "contractive" and visible == "multinomial":
        pytest.skip("not defined for counts")
    tiny, v = ref.make_autoencoder(visible, hidden, tied), ref.rows_for_autoencoder(visible, 4)
    settings, options = PENALTIES[penalty]
    found = descent(_trainer(tiny, backend, **settings), Batch(backend.asarray(v)))
    expected = tiny.gradient(v, **options)
    if options:
        # the penalty is seen
        plain = tiny.gradient(v)
        assert np.abs(expected["weights"] - plain["weights"]).max() > 1e-3
    _assert_close(found, expected)


@pytest.mark.parametrize("visible", ["bernoulli", "multinomial"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("penalty", ["none", "decay", "sparse"])
def test_gradient_of_sparse_rows(backend, ref, descent, visible, tied, penalty):
    tiny, v = ref.make_autoencoder(visible, tied=tied), ref.rows_for_autoencoder(visible, 4)
    v[v < 0.5] = 0.0
    settings, options = PENALTIES[penalty]
    rows = Rows(backend, sp.csr_array(v), np.float64)
    found = descent(_trainer(tiny, backend, **settings), rows.batch(np.arange(4)))
    _assert_close(found, tiny.gradient(v, **options))


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("tied", [True, False])
def test_all_penalties_together(backend, ref, descent, visible, tied):
    tiny, v = ref.make_autoencoder(visible, tied=tied), ref.rows_for_autoencoder(visible, 4)
    settings = {name: value for given, _ in PENALTIES.values() for name, value in given.items()}
    options = {name: value for _, given in PENALTIES.values() for name, value in given.items()}
    found = descent(_trainer(tiny, backend, **settings), Batch(backend.asarray(v)))
    _assert_close(found, tiny.gradient(v, **options))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_contraction_by_the_jacobian(backend, ref, hidden):
    """The closed form against derivatives of the code by the row, in turn against differences."""
    tiny, v, step = (
        ref.make_autoencoder(hidden=hidden),
        ref.rows_for_autoencoder("gaussian", 4),
        1e-5,
    )
    jacobians = tiny.jacobians(v)
    for j in range(5):
        moved = step * np.eye(5)[j]
        slope = (tiny.codes(v + moved) - tiny.codes(v - moved)) / (2 * step)
        np.testing.assert_allclose(jacobians[:, :, j], slope, rtol=1e-6, atol=1e-9)
    layer = tiny.model(backend).encoder
    found = Contraction(layer, 0.4).value(layer.mean(backend.asarray(v)))
    assert found == pytest.approx(0.4 * (jacobians**2).sum() / 4, rel=1e-12)


@pytest.mark.parametrize("corruption", ["masking", "salt", "gaussian"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("contraction", [0.0, 0.4])
def test_gradient_under_corruption(backend, ref, descent, corruption, tied, contraction):
    """The code is that of the corrupted row, the target is clean."""
    tiny, v = ref.make_autoencoder(tied=tied), ref.rows_for_autoencoder("bernoulli", 4)
    trainer = _trainer(
        tiny, backend, corruption=corruption, corruption_level=0.4, contraction_cost=contraction
    )
    seen, inputs = [], trainer.inputs

    def watched(batch):
        seen.append(np.array(backend.to_host(inputs(batch))))
        return backend.asarray(seen[-1])

    trainer.inputs = watched
    found = descent(trainer, Batch(backend.asarray(v)))
    assert (seen[0] != v).any()
    _assert_close(found, tiny.gradient(seen[0], target=v, contraction=contraction))


@pytest.mark.parametrize("corruption", ["masking", "salt", "gaussian"])
@pytest.mark.parametrize("sparse", [False, True])
def test_corruption_in_an_epoch(backend, ref, hooks, monkeypatch, corruption, sparse):
    """Rows lie in the trainer's own buffers, of which the corrupted ones take one."""
    tiny, v = ref.make_autoencoder(), ref.rows_for_autoencoder("bernoulli", 7)
    trainer = _trainer(tiny, backend, corruption=corruption, corruption_level=0.5, batch_size=3)
    targets, seen, forward = [], [], trainer.flow.forward
    backward = trainer.flow.backward

    def watched_backward(target, scale):
        targets.append(np.array(backend.to_host(target)))
        return backward(target, scale)

    def watched_forward(x):
        seen.append(np.array(backend.to_host(x if hasattr(x, "ndim") else backend.dense(x))))
        return forward(x)

    monkeypatch.setattr(trainer.flow, "backward", watched_backward)
    monkeypatch.setattr(trainer.flow, "forward", watched_forward)
    rows = Rows(backend, sp.csr_array(v) if sparse else v, np.float64)
    trainer.run(rows, 2, hooks)
    np.testing.assert_array_equal(np.concatenate(targets), np.concatenate([v, v]))
    corrupted = np.concatenate(seen)
    hit = corrupted != np.concatenate([v, v])
    assert hit.all() if corruption == "gaussian" else 0 < hit.mean() < 1
    assert (corrupted[:7] != corrupted[7:]).any()


def test_masked_documents_are_shorter(ref, compiled, descent):
    """The hidden bias counts the words that are left, the target has all of them."""
    tiny, v = ref.make_autoencoder("multinomial"), ref.rows_for_autoencoder("multinomial", 6)
    trainer = _trainer(tiny, compiled, corruption="masking", corruption_level=0.5)
    batch = Rows(compiled, sp.csr_array(v), np.float64).batch(np.arange(6))
    masked = trainer.inputs(batch)
    seen = masked.csr.toarray()
    assert 0 < seen.sum() < v.sum()
    trainer.inputs = lambda _: masked
    found = descent(trainer, batch)
    _assert_close(found, tiny.gradient(seen, target=tiny.targets(v)))


# -- steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_tied_weights_make_one_step(backend, ref, parameters, optimizer):
    """As an optimiser would that is given the sum of both gradients, decay included."""
    tiny, v = ref.make_autoencoder(), ref.rows_for_autoencoder("bernoulli", 4)
    rate, momentum, decay = 0.01, 0.8, 0.1
    trainer = _trainer(
        tiny,
        backend,
        optimizer=optimizer,
        learning_rate=rate,
        momentum=momentum,
        weight_decay=decay,
    )
    mine, d, m, s = copy.deepcopy(tiny), 0.0, 0.0, 0.0
    for count in (1, 2, 3):
        trainer.step(Batch(backend.asarray(v)))
        g = {name: -slope for name, slope in mine.gradient(v, weight_decay=decay).items()}
        flat = np.concatenate([g[name].ravel() for name in mine.parameters()])
        d = momentum * d + rate * flat
        m, s = momentum * m + (1 - momentum) * flat, 0.999 * s + 0.001 * flat**2
        move = {
            "sgd": d,
            "nesterov": momentum * d + rate * flat,
            "adam": rate * m / (1 - momentum**count) / (np.sqrt(s / (1 - 0.999**count)) + 1e-8),
        }[optimizer]
        start = 0
        for array in mine.parameters().values():
            array += move[start : start + array.size].reshape(array.shape)
            start += array.size
    _assert_close(parameters(trainer), mine.parameters(), rtol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_max_norm(backend, ref, parameters, tied):
    """Of the weights of each hidden unit, in either direction."""
    tiny, v = ref.make_autoencoder(tied=tied), ref.rows_for_autoencoder("bernoulli", 4)
    trainer = _trainer(tiny, backend, max_norm=0.5, learning_rate=1e-3)
    trainer.step(Batch(backend.asarray(v)))
    found = parameters(trainer)
    norms = [np.linalg.norm(found["weights"], axis=0)]
    if not tied:
        norms.append(np.linalg.norm(found["decoder_weights"], axis=1))
    for norm in norms:
        np.testing.assert_allclose(norm, 0.5, rtol=1e-10)


@pytest.mark.parametrize("sizes", [(2, 3), (2, 7), (5, 3)])
def test_batches_of_any_size_share_buffers(plain, ref, descent, sizes):
    tiny = ref.make_autoencoder()
    trainer = _trainer(tiny, plain, learning_rate=0.1)
    for n in sizes:
        v = ref.rows_for_autoencoder("bernoulli", n)
        expected = {name: 0.1 * slope for name, slope in tiny.gradient(v).items()}
        _assert_close(descent(trainer, Batch(v)), expected)
        for name, array in tiny.parameters().items():
            array -= expected[name]


# -- history, going on, divergence ------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_history(backend, ref, hooks, parameters, tied):
    tiny, v = ref.make_autoencoder(tied=tied), ref.rows_for_autoencoder("bernoulli", 30)
    before = {name: array.copy() for name, array in tiny.parameters().items()}
    held_out = np.arange(0, 30, 3)
    trainer = _trainer(tiny, backend, learning_rate=0.01, batch_size=4, corruption="masking")
    trainer.run(Rows(backend, v, np.float64), 1, hooks, held_out)
    for name, array in parameters(trainer).items():
        tiny.parameters()[name][...] = array
    (entry,) = hooks.entries
    trained = np.setdiff1d(np.arange(30), held_out)
    for name, index in (("", trained), ("validation_", held_out)):
        rows = v[index]
        assert entry[f"{name}loss"] == pytest.approx(tiny.loss(rows), rel=1e-10)
        output = ref.mean_of("bernoulli", tiny.network().inputs(rows)[-1])
        square = ((output - rows) ** 2).sum(axis=1).mean()
        assert entry[f"{name}squared_error"] == pytest.approx(square, rel=1e-10)
    assert entry["mean_hidden_activity"] == pytest.approx(tiny.codes(v[trained]).mean(), rel=1e-10)
    np.testing.assert_allclose(entry["weight_norm"], np.linalg.norm(tiny.weights, axis=0))
    weights = [name for name in before if name.endswith("weights")]
    moved = [np.abs(tiny.parameters()[name] - before[name]) > 1e-3 for name in weights]
    assert entry["weights_moved"] == pytest.approx(np.concatenate(moved, axis=None).mean())


@pytest.mark.parametrize("tied", [True, False])
def test_goes_on_exactly(backend, ref, hooks, parameters, tied):
    """Four epochs are two, a pickled state, and two more: bit for bit."""
    tiny, v = ref.make_autoencoder(tied=tied), ref.rows_for_autoencoder("bernoulli", 9)
    settings = {
        "learning_rate": [0.1, 0.05, 0.02],
        "momentum": 0.5,
        "batch_size": 4,
        "shuffle": True,
        "corruption": "salt",
        "sparsity_cost": 0.1,
    }
    whole = _trainer(tiny, backend, **settings)
    whole.run(Rows(backend, v, np.float64), 4, hooks)
    state, model = None, copy.deepcopy(tiny)
    for _ in range(2):
        trainer = _trainer(model, backend, state=state, **settings)
        trainer.run(Rows(backend, v, np.float64), 2, hooks)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        for name, array in parameters(trainer).items():
            model.parameters()[name][...] = array
    for name, array in parameters(whole).items():
        np.testing.assert_array_equal(parameters(trainer)[name], array, err_msg=name)


def test_divergence_keeps_the_last_good_parameters(backend, ref, hooks, parameters):
    tiny, v = ref.make_autoencoder("gaussian", "gaussian"), ref.rows_for_autoencoder("gaussian", 6)
    good = _trainer(tiny, backend, learning_rate=0.01, batch_size=2)
    good.run(Rows(backend, v, np.float64), 1, hooks)
    trainer = _trainer(tiny, backend, learning_rate=[0.01, 1e80], batch_size=2)
    with pytest.raises(DivergenceError, match="diverged in epoch 2"):
        trainer.run(Rows(backend, v, np.float64), 3, hooks)
    _assert_close(parameters(trainer), parameters(good), rtol=0, atol=0)
