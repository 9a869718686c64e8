"""Minimisation with line searches, on all rows and on batches."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import (
    BackpropSettings,
    BackpropTrainer,
    Rows,
    SolverSettings,
    SolverTrainer,
    TrainingState,
)

SOLVERS = ["lbfgs", "cg"]


def _trainer(net, backend, targets, *, state=None, dtype=np.float64, **settings):
    return SolverTrainer(
        net.network(backend, dtype),
        SolverSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(0),
        targets,
    )


def _data(ref, n, output="softmax"):
    x = np.random.default_rng(10).normal(size=(n, 4))
    return x, ref.some_targets(output, n)


def _run(trainer, X, n_epochs, hooks, parameters, held_out=None):
    trainer.run(Rows(trainer.backend, X, np.float64), n_epochs, hooks, held_out)
    return parameters(trainer)


def _with(net, found):
    """The network with these parameters."""
    net = copy.deepcopy(net)
    n = len(net.coefs)
    net.coefs, net.intercepts = (
        [found[f"{a} {i}"] for i in range(n)] for a in ("coefs", "intercepts")
    )
    return net


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_top_epochs", [0, 1])
def test_loss_and_gradient(backend, ref, sparse, n_top_epochs):
    """Of rows in three batches, against central differences."""
    net = ref.make_network(["bernoulli", "relu", "softmax"], replicated=sparse)
    x, target = _data(ref, 7)
    x = np.abs(np.round(x))
    trainer = _trainer(net, backend, target, weight_decay=0.2, n_top_epochs=n_top_epochs)
    arrays = trainer._trained()
    rows = Rows(backend, sp.csr_array(x) if sparse else x, np.float64)
    batches = [(rows.batch(np.arange(i, min(i + 3, 7))), {}) for i in (0, 3, 6)]
    theta = trainer._vector(arrays)
    loss, gradient = trainer._loss(theta, arrays, trainer.lowest, batches, 7)
    names = [n for n in net.parameters() if not n_top_epochs or n.endswith("2")]
    assert list(arrays) == names
    expected = net.gradient(x, target, weight_decay=0.2)
    flat = np.concatenate([expected[name].ravel() for name in names])
    np.testing.assert_allclose(gradient, flat, rtol=1e-6, atol=1e-9)
    decayed = sum((w**2).sum() for w in net.coefs[2 if n_top_epochs else 0 :])
    assert loss == pytest.approx(net.loss(x, target) + 0.1 * decayed, rel=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_logistic_regression(backend, ref, hooks, parameters, solver):
    """One softmax layer: the optimum that scikit-learn finds."""
    net = ref.make_network(["softmax"])
    x, target = _data(ref, 60)
    decay = 0.02
    trainer = _trainer(net, backend, target, solver=solver, weight_decay=decay, tolerance=1e-8)
    found = _run(trainer, x, 200, hooks, parameters)
    assert len(hooks.entries) < 200
    other = LogisticRegression(C=1 / (decay * 60), tol=1e-10, max_iter=1000)
    other.fit(x, target.argmax(axis=1))
    np.testing.assert_allclose(found["coefs 0"], other.coef_.T, rtol=1e-4, atol=1e-5)
    # intercepts up to the constant that a softmax does not see
    b, c = found["intercepts 0"], other.intercept_
    np.testing.assert_allclose(b - b.mean(), c - c.mean(), rtol=1e-4, atol=1e-5)


def test_agrees_with_long_descent(plain, ref, hooks, parameters):
    net = ref.make_network(["softmax"])
    x, target = _data(ref, 30)
    found = _run(_trainer(net, plain, target, weight_decay=0.1), x, 200, hooks, parameters)
    descent = BackpropTrainer(
        net.network(plain),
        BackpropSettings(learning_rate=0.5, momentum=0.9, batch_size=30, weight_decay=0.1),
        TrainingState(),
        np.random.SeedSequence(0),
        target,
    )
    expected = _run(descent, x, 1000, hooks, parameters)
    np.testing.assert_allclose(found["coefs 0"], expected["coefs 0"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_line_searches", [None, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_falls(backend, ref, hooks, solver, n_line_searches, dtype):
    net = ref.make_network(["bernoulli", "relu", "bernoulli"])
    x = np.random.default_rng(10).normal(size=(160, 4))
    target = ref.mean_of("bernoulli", x @ net.coefs[0] - 1.0)
    trainer = _trainer(
        net,
        backend,
        target,
        solver=solver,
        n_line_searches=n_line_searches,
        batch_size=60,
        dtype=dtype,
    )
    rows, held_out = Rows(backend, x, dtype), np.arange(0, 160, 4)
    trainer.run(rows, 5, hooks, held_out)
    losses = [entry["loss"] for entry in hooks.entries]
    kept = np.setdiff1d(np.arange(160), held_out)
    kept = kept[np.linspace(0, 119, 100).astype(int)]
    start = net.loss(x[kept], target[kept])
    assert losses[-1] < losses[0] < start
    assert trainer.save_state().epoch == len(losses) == 5
    assert {"validation_loss", "epoch_time", "weight_norm"} <= hooks.entries[0].keys()
    if n_line_searches is None:
        assert (np.diff(losses) < 0).all()
    for array in trainer.parameters().values():
        assert backend.to_host(array).dtype == dtype


@pytest.mark.parametrize("n_line_searches", [None, 2])
def test_backends_agree(plain, same_stream_backend, ref, hooks, parameters, n_line_searches):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    settings = {"n_line_searches": n_line_searches, "batch_size": 10, "n_top_epochs": 1}
    one, other = (
        _run(_trainer(net, backend, target, **settings), x, 3, hooks, parameters)
        for backend in (plain, same_stream_backend)
    )
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


def test_parts_of_the_rows_do_not_matter(plain, ref, hooks, parameters):
    """One minimisation over all rows, whatever goes through the network at a time."""
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    one, other = (
        _run(_trainer(net, plain, target, batch_size=n), x, 3, hooks, parameters) for n in (7, 20)
    )
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("n_line_searches", [None, 2])
def test_top_epochs_leave_the_rest_alone(backend, ref, hooks, parameters, n_line_searches):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    settings = {"n_line_searches": n_line_searches, "batch_size": 10}
    trainer = _trainer(net, backend, target, n_top_epochs=2, **settings)
    start = parameters(trainer)
    after = _run(trainer, x, 2, hooks, parameters)
    for name, array in start.items():
        assert np.array_equal(after[name], array) == name.endswith("0"), name
    last = _run(trainer, x, 1, hooks, parameters)
    for name, array in after.items():
        assert not np.array_equal(last[name], array), name


def test_goes_on_exactly(backend, ref, hooks, parameters):
    """On batches nothing but the state is carried along."""
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    settings = {"n_line_searches": 3, "batch_size": 8, "n_top_epochs": 1}
    expected = _run(_trainer(net, backend, target, **settings), x, 4, hooks, parameters)
    state, model = None, net
    for _ in range(2):
        trainer = _trainer(model, backend, target, state=state, **settings)
        found = _run(trainer, x, 2, hooks, parameters)
        state, model = trainer.save_state(), _with(net, found)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_hooks_may_stop(backend, ref, hooks, parameters):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    calls = []
    hooks.epoch_begin = lambda: calls.append("begin")
    hooks.epoch_end = lambda entry: calls.append(entry["loss"]) or len(calls) == 4
    trainer = _trainer(net, backend, target)
    found = _run(trainer, x, 10, hooks, parameters)
    assert len(calls) == 4
    assert calls[0] == calls[2] == "begin"
    # the parameters are those that were measured last
    assert calls[3] == pytest.approx(_with(net, found).loss(x, target), rel=1e-10)


@pytest.mark.parametrize("n_line_searches", [None, 2])
def test_divergence_keeps_the_last_good_parameters(
    backend, ref, hooks, parameters, n_line_searches
):
    net = ref.make_network(["gaussian", "gaussian"])
    x, target = _data(ref, 6, "gaussian")
    x[3] = 1e200
    trainer = _trainer(net, backend, target, n_line_searches=n_line_searches)
    with pytest.raises(DivergenceError, match=r"epoch 1.*standardise"):
        _run(trainer, x, 2, hooks, parameters)
    for name, array in net.parameters().items():
        np.testing.assert_array_equal(parameters(trainer)[name], array)


def test_an_interrupt_keeps_the_last_iterate(plain, ref, hooks, parameters, monkeypatch):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _data(ref, 20)
    trainer, calls = _trainer(net, plain, target), []
    loss = trainer._loss

    def interrupted(*arguments):
        calls.append(0)
        if len(hooks.entries) == 2:
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(trainer, "_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _run(trainer, x, 10, hooks, parameters)
    expected = hooks.entries[-1]["loss"]
    assert _with(net, parameters(trainer)).loss(x, target) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    "unused", [{"dropout": 0.5}, {"input_dropout": 0.2}, {"max_norm": 1.0}, {"averaging": 0.5}]
)
def test_what_moves_the_loss_is_refused(plain, ref, unused):
    (name,) = unused
    with pytest.raises(ValueError, match=name):
        _trainer(ref.make_network(["softmax"]), plain, None, **unused)
