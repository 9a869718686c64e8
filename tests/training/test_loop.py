"""Epochs: equality over backends and kinds of data, going on, learning, and divergence."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.exceptions import DivergenceError
from skdeepbm.schedules import Linear
from skdeepbm.training import Batch, RBMTrainer, Rows, TrainingSettings, TrainingState
from skdeepbm.training.start import initial_parameters

FULL = {
    "learning_rate": 0.1,
    "momentum": 0.5,
    "batch_size": 4,
    "centring": True,
    "centring_rate": 0.1,
    "weight_decay": 0.01,
    "l1_penalty": 0.01,
    "norm_cost": 0.1,
    "max_norm": 3.0,
}


def _compare(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, err_msg=name, **tolerance)


def _run(trainer, X, n_epochs, hooks, parameters):
    trainer.run(Rows(trainer.backend, X, np.float64), n_epochs, hooks)
    return parameters(trainer)


ALGORITHMS = ("cd", "pcd", "fpcd", "pt")
OPTIMIZERS = ("sgd", "nesterov", "adam")
UNITS = (
    ("bernoulli", "bernoulli"),
    ("gaussian", "relu"),
    ("softmax", "gaussian"),
    ("gaussian", "softmax"),
)


# every algorithm with every kind of units, and each of both with every optimizer
@pytest.mark.parametrize(
    ("algorithm", "visible", "hidden", "optimizer"),
    [
        (algorithm, *units, OPTIMIZERS[(i + j) % 3])
        for i, algorithm in enumerate(ALGORITHMS)
        for j, units in enumerate(UNITS)
    ],
)
def test_backends_agree(
    plain,
    same_stream_backend,
    ref,
    make_trainer,
    hooks,
    parameters,
    algorithm,
    optimizer,
    visible,
    hidden,
):
    """From the same random numbers, every backend trains the same model."""
    tiny = ref.make_tiny(visible, hidden)
    X = ref.some_rows(tiny.visible, 10)
    settings = {**FULL, "algorithm": algorithm, "optimizer": optimizer, "learning_rate": 0.02}
    if hidden == "bernoulli":
        settings["sparsity_cost"] = 0.1
    found, entries = [], []
    for backend in (plain, same_stream_backend):
        trainer = make_trainer(tiny, backend, **settings)
        found.append(_run(trainer, X, 3, hooks, parameters))
        entries.append(hooks.entries[-1])
    _compare(found[1], found[0], rtol=1e-8, atol=1e-10)
    assert np.abs(found[0]["weights"] - tiny.weights).max() > 1e-3
    for name in set(entries[0]) - {"epoch_time"}:
        np.testing.assert_allclose(entries[1][name], entries[0][name], rtol=1e-7, err_msg=name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_goes_on_exactly(backend, ref, make_trainer, hooks, parameters, algorithm):
    """Four epochs are two, a pickled state, and two more: bit for bit."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    X = ref.some_rows(tiny.visible, 9)
    settings = {**FULL, "algorithm": algorithm, "sparsity_cost": 0.1, "learning_rate": [0.1, 0.05]}
    expected = _run(make_trainer(tiny, backend, **settings), X, 4, hooks, parameters)
    state, model = None, tiny
    for _ in range(2):
        trainer = make_trainer(model, backend, state=state, seed=0, **settings)
        found = _run(trainer, X, 2, hooks, parameters)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        model = tiny.with_parameters(**found)
    assert state.epoch == 4
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_seed_decides(backend, ref, make_trainer, hooks, parameters):
    tiny = ref.make_tiny()
    X = ref.some_rows(tiny.visible, 9)
    one, same, other = (
        _run(make_trainer(tiny, backend, seed=seed, **FULL), X, 2, hooks, parameters)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one["weights"], same["weights"])
    assert not np.array_equal(one["weights"], other["weights"])


def test_no_global_random_state(backend, ref, make_trainer, hooks, parameters):
    tiny = ref.make_tiny()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    _run(make_trainer(tiny, backend, **FULL), ref.some_rows(tiny.visible, 9), 1, hooks, parameters)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("algorithm", "hidden", "container"),
    [
        (algorithm, hidden, (sp.csr_matrix, sp.csr_array)[(i + j) % 2])
        for i, algorithm in enumerate(ALGORITHMS)
        for j, hidden in enumerate(("bernoulli", "relu", "softmax"))
    ],
)
def test_sparse_rows(backend, ref, make_trainer, hooks, parameters, algorithm, hidden, container):
    """CSR batches take the steps of dense ones, up to rounding."""
    tiny = ref.make_tiny("bernoulli", hidden, n_visible=6)
    X = (np.random.default_rng(0).random((11, 6)) < 0.3).astype(float)
    X[3] = 0
    X[:, 2] = 0
    settings = {**FULL, "algorithm": algorithm}
    if hidden == "bernoulli":
        settings["sparsity_cost"] = 0.1
    expected = _run(make_trainer(tiny, backend, **settings), X, 3, hooks, parameters)
    trainer = make_trainer(tiny, backend, sparse=backend.name == "numpy", **settings)
    found = _run(trainer, container(X), 3, hooks, parameters)
    _compare(found, expected, rtol=1e-8, atol=1e-10)
    for name in ("free_energy", "reconstruction_error"):
        assert hooks.entries[-1][name] == pytest.approx(hooks.entries[2][name], rel=1e-7)


def test_sparse_rows_stay_sparse(plain, ref, make_trainer, hooks, parameters, monkeypatch):
    """On NumPy only the rows that are watched are made dense, and those in small pieces."""
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=6)
    X = sp.csr_array((np.random.default_rng(0).random((300, 6)) < 0.3).astype(float))
    dense = []
    original = sp.csr_array.toarray

    def toarray(self, *args, **kwargs):
        dense.append(self.shape[0])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sp.csr_array, "toarray", toarray)
    trainer = make_trainer(tiny, plain, sparse=True, **FULL)
    _run(trainer, X, 2, hooks, parameters)
    assert sum(dense) <= 100


@pytest.mark.parametrize("sparse", [False, True])
def test_update_is_a_step(backend, ref, make_trainer, parameters, sparse):
    tiny = ref.make_tiny()
    X = ref.some_rows(tiny.visible, 5)
    sparse_here = sparse and backend.name == "numpy"
    rows = Rows(backend, sp.csr_array(X) if sparse else X, np.float64)
    trainers = [make_trainer(tiny, backend, sparse=sparse_here, **FULL) for _ in range(2)]
    trainers[0].step(rows.batch(np.arange(5)))
    entry = trainers[1].update(rows.batch(np.arange(5)))
    stepped, updated = (parameters(trainer) for trainer in trainers)
    for name, array in stepped.items():
        np.testing.assert_array_equal(updated[name], array)
    assert entry["weight_norm"].shape == (3,)
    assert np.isfinite(entry["free_energy"])
    assert entry["epoch_time"] > 0


def test_partial_steps_are_an_epoch(backend, ref, make_trainer, hooks, parameters):
    """Updates batch by batch, the last one short, are the epoch without shuffling."""
    tiny = ref.make_tiny()
    X = ref.some_rows(tiny.visible, 10)
    trainer = make_trainer(tiny, backend, shuffle=False, **FULL)
    expected = _run(trainer, X, 1, hooks, parameters)
    trainer = make_trainer(tiny, backend, state=TrainingState(n_batches=3), **FULL)
    for start in (0, 4, 8):
        trainer.update(Batch(backend.asarray(X[start : start + 4].copy())))
    assert trainer.save_state().epoch == 1
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, expected[name])


def test_schedules_count_epochs(backend, ref, make_trainer, hooks, parameters):
    tiny = ref.make_tiny()
    X = ref.some_rows(tiny.visible, 6)
    asked = []

    def rate(epoch):
        asked.append(epoch)
        return 0.1 if epoch == 1 else 0.0

    trainer = make_trainer(
        tiny, backend, batch_size=2, learning_rate=rate, momentum=[0.0, 0.5, 0.0]
    )
    positions = [parameters(trainer)["weights"]]
    for _ in range(3):
        positions.append(_run(trainer, X, 1, hooks, parameters)["weights"])
    moved = [not np.array_equal(a, b) for a, b in zip(positions[:-1], positions[1:], strict=True)]
    assert moved == [False, True, False]
    assert set(asked) == {0, 1, 2}


def test_every_row_once_an_epoch(backend, ref, make_trainer, monkeypatch, hooks):
    tiny = ref.make_tiny("gaussian", "bernoulli")
    X = ref.some_rows(tiny.visible, 10)
    orders = {}
    for shuffle in (False, True):
        seen = []
        trainer = make_trainer(tiny, backend, batch_size=4, shuffle=shuffle, learning_rate=0.0)
        step = trainer.step

        def watched(batch, step=step, seen=seen):
            seen.append(np.array(backend.to_host(batch.dense)))
            step(batch)

        monkeypatch.setattr(trainer, "step", watched)
        trainer.run(Rows(backend, X, np.float64), 2, hooks)
        assert [len(rows) for rows in seen] == [4, 4, 2] * 2
        orders[shuffle] = [np.concatenate(seen[i : i + 3]) for i in (0, 3)]
    for epoch in orders[False]:
        np.testing.assert_array_equal(epoch, X)
    for epoch in orders[True]:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(X, axis=0))
        assert not np.array_equal(epoch, X)
    assert not np.array_equal(*orders[True])


def test_hooks_may_stop(backend, ref, make_trainer):
    class Stopping:
        calls = ()

        def epoch_begin(self):
            self.calls += ("begin",)

        def epoch_end(self, entry):
            self.calls += ("end",)
            return len(self.calls) == 4

    tiny, hooks = ref.make_tiny(), Stopping()
    trainer = make_trainer(tiny, backend)
    trainer.run(Rows(backend, ref.some_rows(tiny.visible, 6), np.float64), 10, hooks)
    assert hooks.calls == ("begin", "end") * 2
    assert trainer.save_state().epoch == 2


# -- learning ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "optimizer", "centring"),
    [
        ("cd", "sgd", True),
        ("cd", "nesterov", False),
        ("cd", "adam", True),
        ("pcd", "sgd", False),
        ("pcd", "nesterov", True),
        ("pcd", "adam", False),
    ],
)
def test_learns_bars_and_stripes(plain, ref, hooks, parameters, algorithm, optimizer, centring):
    """The exact log-likelihood rises well above that of independent pixels."""
    X = make_bars_and_stripes(3)
    rng = np.random.default_rng(0)
    start = initial_parameters("bernoulli", 8, X.mean(axis=0), X.var(axis=0), None, rng)
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=9, n_hidden=8)
    tiny = tiny.with_parameters(**start)
    before = tiny.log_likelihood(X)
    assert before == pytest.approx(-9 * np.log(2), abs=0.05)
    settings = TrainingSettings(
        learning_rate=Linear((0.02 if optimizer == "adam" else 0.2) * (2 - centring), 0.0, 500),
        momentum=0.5,
        algorithm=algorithm,
        optimizer=optimizer,
        batch_size=7,
        n_chains=50,
        n_gibbs_steps=3,
        centring=centring,
    )
    trainer = RBMTrainer(tiny.rbm(plain), settings, TrainingState(), np.random.SeedSequence(1))
    after = tiny.with_parameters(**_run(trainer, X, 500, hooks, parameters)).log_likelihood(X)
    # independent pixels: -6.24; the best there is: -log 14 = -2.64
    assert after > -4.8


def test_learns_the_variances(plain, ref, make_trainer, hooks, parameters):
    """Data of independent normal columns: the variance goes to theirs, from ten times off."""
    rng = np.random.default_rng(3)
    s = np.array([0.5, 2.0])
    X = s * rng.standard_normal((400, 2))
    tiny = ref.make_tiny("gaussian", "bernoulli", n_hidden=1)
    tiny = tiny.with_parameters(
        weights=np.zeros((2, 1)), visible_bias=np.zeros(2), log_variance=np.log(10 * s**2)
    )
    trainer = make_trainer(
        tiny, plain, learning_rate=0.02, variance_rate=1.0, batch_size=20, n_gibbs_steps=1
    )
    found = _run(trainer, X, 60, hooks, parameters)
    fitted = tiny.with_parameters(**found)
    assert fitted.log_likelihood(X) > tiny.log_likelihood(X) + 1.0
    np.testing.assert_allclose(np.exp(found["log_variance"]), s**2, rtol=0.5)


# -- divergence -------------------------------------------------------------------------------


def _diverging(ref, make_trainer, backend, **settings):
    tiny = ref.make_tiny("gaussian", "bernoulli")
    settings = {"learning_rate": [0.01, 1e300], "batch_size": 4, "momentum": 0.5, **settings}
    return tiny, make_trainer(tiny, backend, **settings)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov"])
@pytest.mark.parametrize("centring", [False, True])
def test_divergence(backend, ref, make_trainer, hooks, parameters, algorithm, optimizer, centring):
    """The error names epoch, cause and remedy; the parameters before that epoch are back."""
    settings = {"algorithm": algorithm, "optimizer": optimizer, "centring": centring}
    tiny, trainer = _diverging(ref, make_trainer, backend, **settings)
    X = ref.some_rows(tiny.visible, 8)
    rows = Rows(backend, X, np.float64)
    with pytest.raises(DivergenceError, match=r"epoch 2.*not finite.*learning rate \(1e\+300\)"):
        trainer.run(rows, 5, hooks)
    assert len(hooks.entries) == 1
    _, good = _diverging(ref, make_trainer, backend, **settings)
    good.run(rows, 1, hooks)
    expected = parameters(good)
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("centring", [False, True])
def test_training_can_go_on_after_divergence(
    backend, ref, make_trainer, hooks, parameters, algorithm, centring
):
    """What diverged with the parameters (velocity, offsets, chains) is not carried on."""
    settings = {"algorithm": algorithm, "centring": centring, "sparsity_cost": 0.1}
    tiny, trainer = _diverging(ref, make_trainer, backend, **settings)
    X = ref.some_rows(tiny.visible, 8)
    with pytest.raises(DivergenceError):
        trainer.run(Rows(backend, X, np.float64), 5, hooks)
    state = copy.deepcopy(trainer.save_state())
    for array in (state.offsets, state.activity, state.chains):
        assert array is None or np.isfinite(array).all()
    model = tiny.with_parameters(**parameters(trainer))
    trainer = make_trainer(model, backend, state=state, learning_rate=0.01, **settings)
    found = _run(trainer, X, 2, hooks, parameters)
    assert all(np.isfinite(array).all() for array in found.values())


def test_divergence_of_an_update(backend, ref, make_trainer, parameters):
    tiny = ref.make_tiny("gaussian", "bernoulli")
    trainer = make_trainer(tiny, backend, learning_rate=0.1)
    v = ref.some_rows(tiny.visible, 4)
    trainer.update(Batch(backend.asarray(v)))
    last = parameters(trainer)
    # the squares of these overflow
    batch = Batch(backend.asarray(1e200 * v))
    with pytest.raises(DivergenceError, match=r"epoch 2.*learning rate \(0\.1\)"):
        trainer.update(batch)
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, last[name])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", -0.1, "learning_rate gives -0.1 in epoch 0"),
        ("learning_rate", np.inf, "learning_rate gives inf in epoch 0"),
        ("momentum", 1.0, "momentum gives 1.0 in epoch 0"),
        ("n_gibbs_steps", 0, "n_gibbs_steps gives 0 in epoch 0"),
    ],
)
def test_senseless_schedules(plain, ref, make_trainer, take_step, name, value, message):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, plain, **{name: lambda epoch: value})
    with pytest.raises(ValueError, match=message):
        take_step(trainer, ref.some_rows(tiny.visible, 2))
