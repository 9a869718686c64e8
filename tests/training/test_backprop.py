"""Backpropagation against finite differences, and the loop around it."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import BackpropSettings, BackpropTrainer, Batch, Rows, TrainingState

HIDDEN = ["bernoulli", "gaussian", "relu", "groups"]
OUTPUT = ["bernoulli", "gaussian", "softmax", "groups", "multinomial"]


def _trainer(net, backend, targets, *, state=None, seed=0, dtype=np.float64, **settings):
    settings = {"learning_rate": 1.0, **settings}
    return BackpropTrainer(
        net.network(backend, dtype),
        BackpropSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(seed),
        targets,
    )


def _counts(n, width=4, seed=0):
    counts = np.random.default_rng([seed, 9]).poisson(1.0, (n, width)).astype(float)
    counts[0] = 0.0
    return counts


def _x(n, seed=0):
    return np.random.default_rng([seed, 10]).normal(size=(n, 4))


@pytest.fixture
def gradient(parameters):
    """What one step of plain descent with rate 1 takes away."""

    def step(trainer, batch):
        before = parameters(trainer)
        trainer.step(batch)
        after = parameters(trainer)
        return {name: before[name] - after[name] for name in before}

    return step


def _assert_close(found, expected, rtol=1e-6, atol=1e-9):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol, atol, err_msg=name)


def _run(trainer, X, n_epochs, hooks, parameters, held_out=None):
    trainer.run(Rows(trainer.backend, X, np.float64), n_epochs, hooks, held_out)
    return parameters(trainer)


# -- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("output", OUTPUT)
def test_gradient(backend, ref, gradient, hidden, output):
    net = ref.make_network([hidden, hidden, output])
    x, target = _x(3), ref.some_targets(output, 3)
    trainer = _trainer(net, backend, target)
    found = gradient(trainer, Batch(backend.asarray(x)))
    _assert_close(found, net.gradient(x, target))


@pytest.mark.parametrize("normalised", [False, True])
def test_gradient_of_counts(backend, ref, gradient, normalised):
    """Of a document as a sequence of words, or of its mean word; also of one without words."""
    net = ref.make_network(["bernoulli", "multinomial"])
    x, target = _x(3), ref.some_targets("multinomial", 3)
    target[1] = 0.0
    if normalised:
        target /= np.maximum(target.sum(axis=1, keepdims=True), 1.0)
    found = gradient(_trainer(net, backend, target), Batch(backend.asarray(x)))
    _assert_close(found, net.gradient(x, target))


@pytest.mark.parametrize("sparse", [None, sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("replicated", [False, True])
def test_gradient_of_sparse_and_replicated_inputs(backend, ref, gradient, sparse, replicated):
    net = ref.make_network(["bernoulli", "relu", "softmax"], replicated=replicated)
    x, target = _counts(4), ref.some_targets("softmax", 4)
    rows = Rows(backend, x if sparse is None else sparse(x), np.float64)
    found = gradient(_trainer(net, backend, target), rows.batch(np.arange(4)))
    _assert_close(found, net.gradient(x, target))


def test_gradient_of_weight_decay(backend, ref, gradient):
    """Weights decay, biases never."""
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(3), ref.some_targets("softmax", 3)
    trainer = _trainer(net, backend, target, weight_decay=0.3)
    found = gradient(trainer, Batch(backend.asarray(x)))
    _assert_close(found, net.gradient(x, target, weight_decay=0.3))


@pytest.mark.parametrize("sparse", [False, True])
def test_targets_may_be_the_inputs(backend, ref, gradient, sparse):
    net = ref.make_network(["bernoulli", "multinomial"], n_inputs=5, replicated=True)
    x = _counts(3, width=5)
    rows = Rows(backend, sp.csr_array(x) if sparse else x, np.float64)
    found = gradient(_trainer(net, backend, None), rows.batch(np.arange(3)))
    _assert_close(found, net.gradient(x, x))


@pytest.mark.parametrize("kind", ["host", "device", "csr", "integers"])
def test_targets_belong_to_their_rows(backend, ref, gradient, kind):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(6), ref.some_targets("softmax", 6)
    index = np.array([4, 1, 5])
    expected = net.gradient(x[index], target[index])
    given = {
        "host": lambda: target,
        "device": lambda: backend.asarray(target),
        "csr": lambda: sp.csr_array(target),
        "integers": lambda: target.astype(np.int64),
    }[kind]()
    rows = Rows(backend, x, np.float64)
    found = gradient(_trainer(net, backend, given), rows.batch(index))
    _assert_close(found, expected)


def test_one_layer(backend, ref, gradient):
    net = ref.make_network(["softmax"])
    x, target = _x(3), ref.some_targets("softmax", 3)
    found = gradient(_trainer(net, backend, target), Batch(backend.asarray(x)))
    _assert_close(found, net.gradient(x, target))


# -- batches ----------------------------------------------------------------------------------


def test_batches_by_hand(backend, ref, hooks, parameters):
    """Seven rows in batches of three: the last one averages over its one row."""
    net = ref.make_network(["relu", "softmax"])
    x, target = _x(7), ref.some_targets("softmax", 7)
    trainer = _trainer(
        net, backend, target, learning_rate=0.1, momentum=0.5, batch_size=3, shuffle=False
    )
    expected = ref.make_network(["relu", "softmax"])
    velocity = {name: 0.0 for name in expected.parameters()}
    for i in (0, 3, 6):
        step = expected.gradient(x[i : i + 3], target[i : i + 3])
        for name, array in expected.parameters().items():
            velocity[name] = 0.5 * velocity[name] - 0.1 * step[name]
            array += velocity[name]
    _assert_close(_run(trainer, x, 1, hooks, parameters), expected.parameters())
    assert trainer.save_state().epoch == 1


def test_one_batch_does_not_depend_on_the_order(backend, ref, hooks, parameters):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(7), ref.some_targets("softmax", 7)
    settings = {"batch_size": 7, "learning_rate": 0.1}
    found = [
        _run(_trainer(net, backend, target, shuffle=s, **settings), x, 2, hooks, parameters)
        for s in (False, True)
    ]
    _assert_close(*found, rtol=1e-10)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_backends_agree(plain, same_stream_backend, ref, hooks, parameters, optimizer):
    net = ref.make_network(["bernoulli", "relu", "groups", "softmax"])
    x, target = _x(10), ref.some_targets("softmax", 10)
    found, entries = [], []
    for backend in (plain, same_stream_backend):
        trainer = _trainer(
            net,
            backend,
            target,
            learning_rate=0.05,
            momentum=0.5,
            batch_size=4,
            optimizer=optimizer,
            weight_decay=0.01,
            dropout=0.3,
            input_dropout=0.2,
            max_norm=1.5,
        )
        found.append(_run(trainer, x, 3, hooks, parameters, np.array([1, 6])))
        entries.append(hooks.entries[-1])
    _assert_close(found[1], found[0], rtol=1e-9)
    for name in set(entries[0]) - {"epoch_time"}:
        np.testing.assert_allclose(entries[1][name], entries[0][name], rtol=1e-8, err_msg=name)
    for array in (found[0][f"coefs {i}"] for i in range(4)):
        assert np.sqrt((array**2).sum(axis=0)).max() <= 1.5 + 1e-12


def test_single_precision(backend, ref, hooks):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(10), ref.some_targets("softmax", 10)
    trainer = _trainer(net, backend, target, learning_rate=0.1, dtype=np.float32, momentum=0.9)
    trainer.run(Rows(backend, x, np.float32), 2, hooks)
    for array in trainer.parameters().values():
        assert backend.to_host(array).dtype == np.float32


def test_top_epochs_leave_the_rest_alone(backend, ref, hooks, parameters):
    net = ref.make_network(["bernoulli", "relu", "softmax"])
    x, target = _x(8), ref.some_targets("softmax", 8)
    trainer = _trainer(
        net, backend, target, batch_size=3, n_top_epochs=2, learning_rate=0.1, weight_decay=0.1
    )
    start = parameters(trainer)
    after = _run(trainer, x, 2, hooks, parameters)
    for name, array in start.items():
        assert np.array_equal(after[name], array) == (not name.endswith("2")), name
    last = _run(trainer, x, 1, hooks, parameters)
    for name, array in after.items():
        assert not np.array_equal(last[name], array), name


# -- dropout ----------------------------------------------------------------------------------


def test_dropout_keeps_the_expected_output(backend, ref):
    """Linear units: the mean over masks is the output without dropout."""
    net = ref.make_network(["gaussian", "gaussian"])
    n, x = 20_000, _x(1)
    trainer = _trainer(net, backend, None, dropout=0.4, input_dropout=0.25)
    found = backend.to_host(trainer.flow.forward(backend.asarray(np.tile(x, (n, 1)))))
    assert ref.within_error(found, net.inputs(x)[-1][0])
    masks = {i: backend.to_host(mask) for i, mask in trainer.flow.buffers(n).masks.items()}
    assert set(np.unique(masks[0])) == {0.0, 1.0 / 0.75}
    assert set(np.unique(masks[1])) == {0.0, 1.0 / 0.6}


def test_gradient_with_dropout(backend, ref, gradient):
    """The gradient is that of the network which the masks have left."""
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(1), ref.some_targets("softmax", 1)
    trainer = _trainer(net, backend, target, dropout=0.5, input_dropout=0.5, seed=3)
    found = gradient(trainer, Batch(backend.asarray(x)))
    masks = {i: backend.to_host(mask)[0] for i, mask in trainer.flow.buffers(1).masks.items()}
    assert 0 < np.count_nonzero(masks[1]) < 5
    left = ref.make_network(["bernoulli", "softmax"])
    left.coefs[1] *= masks[1][:, None]
    expected = left.gradient(x * masks[0], target)
    expected["coefs 1"] *= masks[1][:, None]
    _assert_close(found, expected)


def test_dropout_of_sparse_inputs(backend, ref):
    net = ref.make_network(["gaussian"])
    n, x = 20_000, _counts(2)[1:]
    trainer = _trainer(net, backend, None, input_dropout=0.25)
    rows = Rows(backend, sp.csr_array(np.tile(x, (n, 1))), np.float64)
    batch = rows.batch(np.arange(n))
    kept = batch.counts.data.copy() if batch.dense is None else None
    given = batch.counts if batch.dense is None else batch.dense
    found = backend.to_host(trainer.flow.forward(given))
    assert ref.within_error(found, net.inputs(x)[-1][0])
    if kept is not None:
        np.testing.assert_array_equal(batch.counts.data, kept)


def test_no_dropout_in_measurements(backend, ref, hooks):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(9), ref.some_targets("softmax", 9)
    trainer = _trainer(
        net, backend, target, learning_rate=0.0, dropout=0.5, input_dropout=0.5, batch_size=2
    )
    trainer.run(Rows(backend, x, np.float64), 1, hooks)
    assert hooks.entries[0]["loss"] == pytest.approx(net.loss(x, target), rel=1e-12)


# -- history, going on, divergence ------------------------------------------------------------


def test_history(backend, ref, hooks, parameters):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _x(2500), ref.some_targets("softmax", 2500)
    held_out = np.arange(0, 2500, 2)
    trainer = _trainer(net, backend, target, learning_rate=0.1, batch_size=200)
    after = _run(trainer, x, 1, hooks, parameters, held_out)
    net.coefs, net.intercepts = (
        [after[f"{n} {i}"] for i in (0, 1)] for n in ("coefs", "intercepts")
    )
    (entry,) = hooks.entries
    expected = net.loss(x[held_out], target[held_out])
    assert entry["validation_loss"] == pytest.approx(expected, rel=1e-10)
    wrong = net.inputs(x)[-1].argmax(axis=1) != target.argmax(axis=1)
    assert entry["validation_error"] == pytest.approx(wrong[held_out].mean(), abs=1e-12)
    # a hundred of the 1250 rows, evenly spaced
    seen = np.arange(1, 2500, 2)[np.linspace(0, 1249, 100).astype(int)]
    assert entry["loss"] == pytest.approx(net.loss(x[seen], target[seen]), rel=1e-10)
    assert entry["error"] == pytest.approx(wrong[seen].mean(), abs=1e-12)
    norms = [np.sqrt((w**2).sum(axis=0)).mean() for w in net.coefs]
    np.testing.assert_allclose(entry["weight_norm"], norms, rtol=1e-10)
    assert 0 < entry["weights_moved"] <= 1


def test_history_without_classes(backend, ref, hooks):
    net = ref.make_network(["bernoulli", "bernoulli"])
    x, target = _x(5), ref.some_targets("bernoulli", 5)
    _trainer(net, backend, target).run(Rows(backend, x, np.float64), 1, hooks)
    assert np.isnan([hooks.entries[0][name] for name in ("error", "validation_error")]).all()
    assert np.isnan(hooks.entries[0]["validation_loss"])


@pytest.mark.parametrize("sparse", [False, True])
def test_update_is_one_step(backend, ref, parameters, gradient, sparse):
    net = ref.make_network(["bernoulli", "softmax"])
    x, target = _counts(5), ref.some_targets("softmax", 5)
    rows = Rows(backend, sp.csr_array(x) if sparse else x, np.float64)
    trainer = _trainer(net, backend, target, learning_rate=0.1)
    entry = trainer.update(rows.batch(np.arange(5)))
    expected = ref.make_network(["bernoulli", "softmax"])
    step = expected.gradient(x, target)
    for name, array in expected.parameters().items():
        array -= 0.1 * step[name]
    _assert_close(parameters(trainer), expected.parameters())
    assert entry["loss"] == pytest.approx(expected.loss(x, target), rel=1e-6)


@pytest.mark.parametrize("optimizer", ["nesterov", "adam"])
def test_goes_on_exactly(backend, ref, hooks, parameters, optimizer):
    """Four epochs are two, a pickled state, and two more: bit for bit."""
    net = ref.make_network(["bernoulli", "relu", "softmax"])
    x, target = _x(9), ref.some_targets("softmax", 9)
    settings = {
        "learning_rate": [0.1, 0.05, 0.02],
        "momentum": 0.5,
        "batch_size": 4,
        "optimizer": optimizer,
        "dropout": 0.2,
        "n_top_epochs": 3,
    }
    expected = _run(_trainer(net, backend, target, **settings), x, 4, hooks, parameters)
    state, model = None, copy.deepcopy(net)
    for _ in range(2):
        trainer = _trainer(model, backend, target, state=state, **settings)
        found = _run(trainer, x, 2, hooks, parameters)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        model.coefs = [found[f"coefs {i}"] for i in range(3)]
        model.intercepts = [found[f"intercepts {i}"] for i in range(3)]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_divergence_keeps_the_last_good_parameters(backend, ref, hooks, parameters):
    net = ref.make_network(["gaussian", "gaussian"])
    x, target = _x(6), ref.some_targets("gaussian", 6)
    settings = {"batch_size": 2, "shuffle": False}
    good = _trainer(net, backend, target, learning_rate=[0.01], **settings)
    expected = _run(good, x, 1, hooks, parameters)
    trainer = _trainer(net, backend, target, learning_rate=[0.01, 1e80], **settings)
    with pytest.raises(DivergenceError, match="diverged in epoch 2"):
        _run(trainer, x, 3, hooks, parameters)
    _assert_close(parameters(trainer), expected, rtol=0, atol=0)
    assert trainer.save_state().epoch == 1


def test_learns(backend, ref, hooks):
    """Exclusive or needs the hidden layer."""
    x = np.array([[0.0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]])
    target = np.zeros((4, 5))
    target[np.arange(4), [0, 1, 1, 0]] = 1.0
    net = ref.make_network(["bernoulli", "softmax"])
    trainer = _trainer(net, backend, target, learning_rate=0.5, momentum=0.9, batch_size=4)
    trainer.run(Rows(backend, x, np.float64), 300, hooks)
    assert hooks.entries[-1]["loss"] < 0.05
    assert hooks.entries[-1]["error"] == 0
