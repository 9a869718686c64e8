"""Fast persistent contrastive divergence: what the fast weights learn, and what follows them."""

import pickle

import numpy as np
import pytest

from skdeepbm.training import Batch, Rows, TrainingSettings, TrainingState
from skdeepbm.training.negative_phases import NEGATIVE_PHASES

VISIBLE = ["bernoulli", "gaussian", "softmax"]


def _phase(tiny, backend, memory=None, **settings):
    settings = TrainingSettings(algorithm="fpcd", **settings)
    stream = backend.stream(np.random.SeedSequence(0))
    return NEGATIVE_PHASES["fpcd"](tiny.rbm(backend), settings, stream, None, memory or {}, None)


def _fast(trainer_or_phase):
    phase = getattr(trainer_or_phase, "negative", trainer_or_phase)
    memory = phase.memory
    assert set(memory) == {"fast weights", "fast biases"}
    return memory["fast weights"], memory["fast biases"]


@pytest.mark.parametrize("gain", [1.0, 0.02])
def test_fast_weights_follow_gradients(backend, ref, rng, gain):
    """``w <- decay w + rate g``, whatever factor the gradient comes with."""
    phase = _phase(ref.make_tiny(), backend, fast_learning_rate=0.3, fast_decay=0.8)
    weights, biases = np.zeros((3, 3)), np.zeros(6)
    for found, expected in zip(_fast(phase), (weights, biases), strict=True):
        np.testing.assert_array_equal(found, expected)
    for _ in range(3):
        dw, db = rng.normal(size=(3, 3)), rng.normal(size=6)
        given = [backend.asarray(gain * array) for array in (dw, db)]
        copies = [np.array(backend.to_host(array)) for array in given]
        phase.learn(*given, gain)
        weights, biases = 0.8 * weights + 0.3 * dw, 0.8 * biases + 0.3 * db
        np.testing.assert_allclose(_fast(phase)[0], weights, rtol=1e-12)
        np.testing.assert_allclose(_fast(phase)[1], biases, rtol=1e-12)
        # the optimiser still needs them
        for array, copy in zip(given, copies, strict=True):
            np.testing.assert_array_equal(backend.to_host(array), copy)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("visible", VISIBLE)
def test_steps_of_a_trainer(
    backend, ref, make_trainer, take_step, parameters, hand_step, spy, visible, optimizer
):
    tiny = ref.make_tiny(visible)
    trainer = make_trainer(
        tiny,
        backend,
        algorithm="fpcd",
        optimizer=optimizer,
        learning_rate=0.01,
        momentum=0.5,
        weight_decay=0.1,
        batch_size=6,
        n_chains=4,
        fast_learning_rate=0.2,
        fast_decay=0.9,
    )
    weights, biases = np.zeros_like(tiny.weights), np.zeros(sum(tiny.weights.shape))
    for step in range(3):
        v0 = ref.some_rows(tiny.visible, 6, seed=step)
        h0 = tiny.hidden.mean(tiny.hidden_input(v0))
        fast = tiny.with_parameters(
            weights=tiny.weights + weights,
            visible_bias=tiny.visible.bias + biases[: len(weights)],
            hidden_bias=tiny.hidden.bias + biases[len(weights) :],
        )
        take_step(trainer, v0)
        seen = spy[-1]
        assert seen.v.shape == (4, tiny.visible.bias.size)
        # the chains run, and are looked at, under the sum of both
        np.testing.assert_allclose(seen.h, fast.hidden.mean(fast.hidden_input(seen.v)), rtol=1e-9)
        g = hand_step(tiny, v0, h0, seen.v, seen.h)
        both = np.concatenate([g["visible_bias"], g["hidden_bias"]])
        weights, biases = 0.9 * weights + 0.2 * g["weights"], 0.9 * biases + 0.2 * both
        np.testing.assert_allclose(_fast(trainer)[0], weights, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(_fast(trainer)[1], biases, rtol=1e-8, atol=1e-11)
        tiny = tiny.with_parameters(**parameters(trainer))
    assert np.abs(weights).max() > 1e-3


def test_chains_run_under_the_sum(backend, ref):
    """Slow parameters say off, fast ones on."""
    n = 40.0
    tiny = ref.make_tiny().with_parameters(
        weights=np.zeros((3, 3)), visible_bias=np.full(3, -n), hidden_bias=np.full(3, -n)
    )
    memory = {"fast weights": np.eye(3) * 2 * n, "fast biases": np.zeros(6)}
    phase = _phase(tiny, backend, memory, n_chains=5)
    v, h_mean = (backend.zeros((5, 3), np.float64) for _ in range(2))
    stream = backend.stream(np.random.SeedSequence(1))
    for given, expected in (([1, 0, 1], [1, 0, 1]), ([0, 0, 0], [0, 0, 0])):
        phase.h[...] = backend.asarray(np.tile(np.array(given, dtype=float), (5, 1)))
        phase.run(tiny.rbm(backend), None, 2, stream, v, h_mean)
        for rows in (v, h_mean, phase.h):
            np.testing.assert_allclose(backend.to_host(rows), np.tile(expected, (5, 1)), atol=1e-12)
    memory["fast biases"] = np.full(6, 3 * n)
    phase = _phase(tiny, backend, memory, n_chains=5)
    phase.run(tiny.rbm(backend), None, 1, stream, v, h_mean)
    for rows in (v, h_mean, phase.h):
        np.testing.assert_allclose(backend.to_host(rows), np.ones((5, 3)), atol=1e-12)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
def test_without_fast_learning_it_is_pcd(
    backend, ref, make_trainer, parameters, hooks, visible, hidden
):
    tiny = ref.make_tiny(visible, hidden)
    X = ref.some_rows(tiny.visible, 9)
    found = []
    for algorithm in ("pcd", "fpcd"):
        trainer = make_trainer(
            tiny,
            backend,
            algorithm=algorithm,
            fast_learning_rate=0.0,
            learning_rate=0.05,
            momentum=0.5,
            centring=True,
            batch_size=4,
            n_gibbs_steps=2,
        )
        trainer.run(Rows(backend, X, np.float64), 3, hooks)
        found.append({**parameters(trainer), "chains": trainer.save_state().chains})
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_fast_learning_changes_the_chains(backend, ref, make_trainer, parameters, hooks):
    tiny = ref.make_tiny()
    found = []
    for rate in (0.0, 0.5):
        trainer = make_trainer(tiny, backend, algorithm="fpcd", fast_learning_rate=rate)
        trainer.run(Rows(backend, ref.some_rows(tiny.visible, 40), np.float64), 3, hooks)
        found.append(parameters(trainer)["weights"])
    assert not np.array_equal(*found)


@pytest.mark.parametrize("visible", VISIBLE)
def test_goes_on_exactly(backend, ref, make_trainer, parameters, hooks, visible):
    tiny = ref.make_tiny(visible)
    X = ref.some_rows(tiny.visible, 9)
    settings = {"algorithm": "fpcd", "learning_rate": 0.05, "batch_size": 4, "centring": True}
    trainer = make_trainer(tiny, backend, **settings)
    trainer.run(Rows(backend, X, np.float64), 3, hooks)
    expected = {**parameters(trainer), **trainer.save_state().memory}
    state, model = None, tiny
    for n_epochs in (1, 2):
        trainer = make_trainer(model, backend, state=state, **settings)
        trainer.run(Rows(backend, X, np.float64), n_epochs, hooks)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        model = tiny.with_parameters(**parameters(trainer))
    found = {**parameters(trainer), **state.memory}
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert np.abs(found["fast weights"]).max() > 1e-4


def test_memory_is_a_copy(backend, ref, make_trainer):
    tiny = ref.make_tiny()
    start = TrainingState(memory={"fast weights": np.ones((3, 3)), "fast biases": np.ones(6)})
    trainer = make_trainer(tiny, backend, state=start, algorithm="fpcd", batch_size=4)
    given = start.memory
    saved = trainer.negative.memory
    trainer.step(Batch(backend.asarray(ref.some_rows(tiny.visible, 4))))
    for memory in (given, saved):
        np.testing.assert_array_equal(memory["fast weights"], np.ones((3, 3)))
        np.testing.assert_array_equal(memory["fast biases"], np.ones(6))
    assert not np.array_equal(trainer.negative.memory["fast weights"], np.ones((3, 3)))


def test_restored_chains(backend, ref, make_trainer):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, algorithm="fpcd", batch_size=4)
    batch = Batch(backend.asarray(ref.some_rows(tiny.visible, 4)))
    trainer.step(batch)
    phase = trainer.negative
    expected = [phase.state, *_fast(phase)]
    copied = phase.copy_chains()
    for _ in range(2):
        trainer.step(batch)
    assert not np.array_equal(_fast(phase)[0], expected[1])
    phase.restore_chains(copied)
    for found, array in zip([phase.state, *_fast(phase)], expected, strict=True):
        np.testing.assert_array_equal(found, array)
