"""Noise on the inputs of units and sparse layers in backpropagation: finite differences."""

import numpy as np
import pytest

from skdeepbm.training import (
    BackpropSettings,
    BackpropTrainer,
    Batch,
    Rows,
    SolverSettings,
    SolverTrainer,
    TrainingState,
)
from skdeepbm.training.activity import ActivityPenalty

PENALTY = {"rho": 0.2, "cost": 0.7}
SETTINGS = {"sparsity_target": 0.2, "sparsity_cost": 0.7}


def _backprop(net, backend, target, *, seed=0, state=None, **settings):
    settings = {"learning_rate": 1.0, "sparsity_decay": 0.0, **settings}
    state = TrainingState() if state is None else state
    return BackpropTrainer(
        net.network(backend),
        BackpropSettings(**settings),
        state,
        np.random.SeedSequence(seed),
        target,
    )


def _solver(net, backend, target, **settings):
    settings = {"solver": "lbfgs", **settings}
    seed = np.random.SeedSequence(0)
    return SolverTrainer(
        net.network(backend), SolverSettings(**settings), TrainingState(), seed, target
    )


@pytest.fixture
def descent(parameters):
    """What one step of plain descent with rate 1 takes away."""

    def step(trainer, x):
        before = parameters(trainer)
        trainer.step(Batch(trainer.backend.asarray(x)))
        after = parameters(trainer)
        return {name: before[name] - after[name] for name in before}

    return step


def _assert_close(found, expected, rtol=1e-5, atol=1e-8):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol, atol, err_msg=name)


def _data(ref, output, n=6, seed=0):
    return np.random.default_rng([seed, 3]).normal(size=(n, 4)), ref.some_targets(output, n)


@pytest.mark.parametrize(
    ("hidden", "output"),
    [
        ("bernoulli", "bernoulli"),
        ("bernoulli", "multinomial"),
        ("gaussian", "gaussian"),
        ("gaussian", "softmax"),
        ("relu", "bernoulli"),
        ("relu", "multinomial"),
        ("groups", "gaussian"),
        ("groups", "softmax"),
    ],
)
def test_gradient_of_sparse_layers(backend, ref, descent, hidden, output):
    net = ref.make_network([hidden, "bernoulli", hidden, output])
    x, target = _data(ref, output)
    trainer = _backprop(net, backend, target, sparse_layers=(0, 2), **SETTINGS)
    expected = net.gradient(x, target, sparse=(0, 2), **PENALTY)
    plain = net.gradient(x, target)
    assert np.abs(expected["coefs 0"] - plain["coefs 0"]).max() > 1e-3
    _assert_close(descent(trainer, x), expected)


@pytest.mark.parametrize("output", ["bernoulli", "gaussian", "multinomial"])
@pytest.mark.parametrize("code", ["bernoulli", "gaussian", "relu"])
def test_gradient_under_noise(backend, ref, descent, monkeypatch, code, output):
    """The noise goes into the inputs of the code units, in nats of the noisy pass."""
    net = ref.make_network(["bernoulli", code, "bernoulli", output])
    x, target = _data(ref, output)
    noise = {1: np.random.default_rng(5).normal(0, 2.0, (6, 5))}
    trainer = _backprop(net, backend, target, noise=(0.0, 2.0))
    monkeypatch.setattr(trainer.flow, "draw_noise", lambda n: {1: backend.asarray(noise[1])})
    _assert_close(descent(trainer, x), net.gradient(x, target, noise=noise))


def test_noise_has_its_standard_deviation(backend, ref):
    net = ref.make_network(["bernoulli", "gaussian", "bernoulli"])
    trainer = _backprop(net, backend, None, noise=(0.0, 4.0))
    found = trainer.flow.draw_noise(4000)
    assert list(found) == [1]
    host = backend.to_host(found[1])
    assert host.shape == (4000, 5)
    assert abs(host.std() - 4.0) < 5 * 4.0 / np.sqrt(2 * host.size)
    assert abs(host.mean()) < 5 * 4.0 / np.sqrt(host.size)


def test_measurements_are_without_noise(backend, ref, hooks):
    net = ref.make_network(["bernoulli", "bernoulli"])
    x, target = _data(ref, "bernoulli")
    trainer = _backprop(net, backend, target, noise=(50.0,), learning_rate=1e-12)
    trainer.run(Rows(backend, x, np.float64), 1, hooks)
    entry = hooks.entries[-1]
    np.testing.assert_allclose(entry["loss"], net.loss(x, target), rtol=1e-9)
    mean = 1 / (1 + np.exp(-net.inputs(x)[-1]))
    np.testing.assert_allclose(
        entry["squared_error"], ((mean - target) ** 2).sum(axis=1).mean(), rtol=1e-9
    )


def test_decayed_activity_by_hand(backend, ref):
    """The derivative is taken at the decayed mean, which begins at the first batch."""
    units = ref.make_network(["bernoulli"]).network(backend).layers[0].units
    penalty = ActivityPenalty(units, BackpropSettings(**SETTINGS, sparsity_decay=0.75))
    first, second = np.full((2, 5), 0.4), np.full((3, 5), 0.8)
    for mean, q in ((first, 0.4), (second, 0.75 * 0.4 + 0.25 * 0.8)):
        found = backend.to_host(penalty.ascent(backend.asarray(mean)))
        np.testing.assert_allclose(found, np.full(5, 0.7 * (0.2 - q) / (q * (1 - q))))


def test_decayed_activity_goes_on(backend, ref, parameters):
    """Two steps at once and two calls that hand the state on are the same."""
    net = ref.make_network(["bernoulli", "bernoulli", "bernoulli"])
    x, target = _data(ref, "bernoulli")
    settings = {"sparse_layers": (0, 1), "sparsity_decay": 0.9, "momentum": 0.5, **SETTINGS}
    settings["learning_rate"] = 0.5
    batch = Batch(backend.asarray(x))
    whole = _backprop(net, backend, target, **settings)
    whole.step(batch)
    whole.step(batch)
    first = _backprop(net, backend, target, **settings)
    first.step(batch)
    state = first.save_state()
    assert sorted(state.memory) == ["activity 0", "activity 1"]
    second = _backprop(net, backend, target, state=state, **settings)
    for name, array in second.parameters().items():
        backend.store(first.parameters()[name], array)
    second.step(batch)
    _assert_close(parameters(second), parameters(whole), rtol=1e-12)


def test_extreme_activity_stays_finite(backend, ref):
    units = ref.make_network(["bernoulli"]).network(backend).layers[0].units
    penalty = ActivityPenalty(units, BackpropSettings(**SETTINGS, sparsity_decay=0.0))
    for value in (0.0, 1.0):
        mean = backend.asarray(np.full((3, 5), value))
        assert np.isfinite(backend.to_host(penalty.ascent(mean))).all()
        assert np.isfinite(penalty.value(mean))


@pytest.mark.parametrize("n_rows", [3, 7])
def test_loss_of_a_solver(backend, ref, n_rows):
    """Noise that stands still and the penalty of the rows that go together, in parts of three."""
    net = ref.make_network(["bernoulli", "relu", "bernoulli"])
    x, target = _data(ref, "bernoulli", 7)
    x, target = x[:n_rows], target[:n_rows]
    trainer = _solver(
        net, backend, target, batch_size=3, noise=(0.0, 1.5), sparse_layers=(0, 1), **SETTINGS
    )
    arrays = trainer._trained()
    rows = Rows(backend, x, np.float64)
    parts = [np.arange(i, min(i + 3, n_rows)) for i in range(0, n_rows, 3)]
    noise = [trainer.flow.draw_noise(part.size) for part in parts]
    batches = [(rows.batch(part), held) for part, held in zip(parts, noise, strict=True)]
    loss, gradient = trainer._loss(trainer._vector(arrays), arrays, 0, batches, n_rows)
    options = {"sparse": (0, 1), **PENALTY}
    expected, slope = 0.0, {name: 0.0 for name in net.parameters()}
    for part, held in zip(parts, noise, strict=True):
        host = {i: backend.to_host(array) for i, array in held.items()}
        share = part.size / n_rows
        expected += share * net.loss(x[part], target[part], noise=host, **options)
        for name, value in net.gradient(x[part], target[part], noise=host, **options).items():
            slope[name] = slope[name] + share * value
    np.testing.assert_allclose(loss, expected, rtol=1e-10)
    flat = np.concatenate([slope[name].reshape(-1) for name in arrays])
    np.testing.assert_allclose(gradient, flat, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("n_line_searches", [None, 3])
def test_noise_is_held_through_a_minimisation(backend, ref, hooks, monkeypatch, n_line_searches):
    net = ref.make_network(["bernoulli", "bernoulli"])
    x, target = _data(ref, "bernoulli", 7)
    trainer = _solver(
        net, backend, target, batch_size=3, noise=(2.0,), n_line_searches=n_line_searches
    )
    drawn, used = [], set()
    draw, forward = trainer.flow.draw_noise, trainer.flow.forward

    def watched_draw(n):
        drawn.append(draw(n))
        return drawn[-1]

    def watched_forward(x, noise=None):
        used.add(id(noise))
        return forward(x, noise)

    monkeypatch.setattr(trainer.flow, "draw_noise", watched_draw)
    monkeypatch.setattr(trainer.flow, "forward", watched_forward)
    trainer.run(Rows(backend, x, np.float64), 2, hooks)
    # one for each batch in a minimisation over all rows, else one for each batch in each epoch
    assert len(drawn) == (3 if n_line_searches is None else 6)
    assert used == {id(noise) for noise in drawn}


def test_solvers_have_no_decayed_activity():
    with pytest.raises(ValueError, match="sparsity_decay=0.5 goes with gradient descent only"):
        SolverSettings(sparsity_decay=0.5)
