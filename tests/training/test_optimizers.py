"""Optimisers against the loops of their papers."""

import numpy as np
import pytest

from skdeepbm.training import TrainingState
from skdeepbm.training.optimizers import OPTIMIZERS


class _Reference:
    """One parameter, updated by the textbook."""

    def __init__(self, kind, value):
        self.kind, self.value, self.t = kind, np.array(value, dtype=np.float64), 0
        self.velocity = np.zeros_like(self.value)
        self.first, self.second = np.zeros_like(self.value), np.zeros_like(self.value)

    def update(self, gradient, rate, momentum, decay=0.0):
        g = gradient - decay * self.value
        self.t += 1
        if self.kind == "adam":
            self.first = momentum * self.first + (1 - momentum) * g
            self.second = 0.999 * self.second + 0.001 * g**2
            first = self.first / (1 - momentum**self.t)
            second = self.second / (1 - 0.999**self.t)
            self.value = self.value + rate * first / (np.sqrt(second) + 1e-8)
            return
        # never the learning rate times the momentum term
        self.velocity = momentum * self.velocity + rate * g
        if self.kind == "nesterov":
            self.value = self.value + momentum * self.velocity + rate * g
        else:
            self.value = self.value + self.velocity


@pytest.mark.parametrize("kind", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("decay", [0.0, 0.03])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_against_the_textbook(backend, rng, kind, decay, momentum):
    start = {"a": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
    device = {name: backend.asarray(value.copy()) for name, value in start.items()}
    expected = {name: _Reference(kind, value) for name, value in start.items()}
    optimizer = OPTIMIZERS[kind](backend)
    for t in range(5):
        rate = 0.1 / (1 + t)
        for name in ("a", "b") if t != 2 else ("a",):
            gradient = rng.normal(size=start[name].shape)
            step = backend.asarray(gradient * optimizer.gain(rate))
            optimizer.update(name, device[name], step, rate, momentum, decay)
            expected[name].update(gradient, rate, momentum, decay)
    for name, reference in expected.items():
        np.testing.assert_allclose(backend.to_host(device[name]), reference.value, rtol=1e-11)


@pytest.mark.parametrize("kind", ["sgd", "nesterov", "adam"])
def test_goes_on_from_its_state(backend, rng, kind):
    gradients = rng.normal(size=(6, 4))
    found = []
    for interrupted in (False, True):
        parameter, optimizer = backend.asarray(np.zeros(4)), OPTIMIZERS[kind](backend)
        for t, gradient in enumerate(gradients):
            if interrupted and t == 3:
                state = optimizer.state
                parameter = backend.asarray(backend.to_host(parameter).copy())
                optimizer = OPTIMIZERS[kind](backend, state)
                assert all(
                    type(slot) is np.ndarray for entry in state.values() for slot in entry["slots"]
                )
            step = backend.asarray(gradient * optimizer.gain(0.1))
            optimizer.update("p", parameter, step, 0.1, 0.8)
        found.append(backend.to_host(parameter))
    np.testing.assert_array_equal(*found)


def test_a_saved_state_stands_still(backend, rng):
    optimizer = OPTIMIZERS["sgd"](backend)
    parameter = backend.asarray(np.zeros(3))
    optimizer.update("p", parameter, backend.asarray(np.ones(3)), 0.1, 0.9)
    state = optimizer.state
    optimizer.update("p", parameter, backend.asarray(np.ones(3)), 0.1, 0.9)
    np.testing.assert_array_equal(state["p"]["slots"][0], np.ones(3))


@pytest.mark.parametrize("kind", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("centring", [False, True])
def test_whole_steps(
    backend, ref, make_trainer, take_step, hand_step, hidden_shift, spy, parameters, kind, centring
):
    """The trainer hands every parameter its own gradient, rate and decay."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    offsets = (np.array([0.2, -0.1]), np.array([0.4, 0.5, 0.6]))
    trainer = make_trainer(
        tiny,
        backend,
        state=TrainingState(offsets=np.concatenate(offsets)),
        optimizer=kind,
        learning_rate=0.05,
        momentum=0.8,
        weight_decay=0.02,
        variance_rate=0.3,
        centring=centring,
        centring_rate=0.0,
    )
    references = {name: _Reference(kind, value) for name, value in parameters(trainer).items()}
    for i in range(4):
        model = tiny.with_parameters(**{name: r.value for name, r in references.items()})
        v0 = ref.some_rows(tiny.visible, 4, seed=i)
        take_step(trainer, v0)
        h0, h1 = (model.hidden.mean(model.hidden_input(v)) for v in (v0, spy[-1].v))
        rows, used = (v0, h0, spy[-1].v, h1), offsets if centring else None
        dz = references["log_variance"]
        before = dz.value.copy()
        dz.update(hand_step(model, *rows, used)["log_variance"], 0.05 * 0.3, 0.8, 0.0)
        moved = dz.value - before
        # with the variances moved already
        later = model.with_parameters(log_variance=dz.value)
        steps = hand_step(model, *rows, used)
        mu = offsets[0] / later.visible.variance
        if centring and kind == "adam":
            # it has the centred parameters
            steps |= {k: g for k, g in hand_step(model, *rows, None).items() if "bias" in k}
        elif centring:
            correction = steps["weights"].T @ (offsets[0] / model.visible.variance - mu)
            steps["hidden_bias"] = steps["hidden_bias"] + correction
        weights = references["weights"].value
        for name, reference in references.items():
            if name == "log_variance":
                continue
            reference.update(
                steps[name],
                0.05,
                0.8,
                0.02 if name == "weights" else 0.0,
            )
        if centring and kind == "adam":
            weights = references["weights"].value - weights
            references["visible_bias"].value = (
                references["visible_bias"].value - weights @ offsets[1]
            )
            references["hidden_bias"].value = references["hidden_bias"].value - mu @ weights
        if centring:
            references["hidden_bias"].value += hidden_shift(model, moved, offsets[0])
    for name, array in parameters(trainer).items():
        np.testing.assert_allclose(
            array, references[name].value, rtol=1e-8, atol=1e-10, err_msg=name
        )


def test_momentum_of_a_constant_gradient(backend):
    """The speed approaches lr / (1 - m) per step, not lr^2 / (1 - m)."""
    optimizer, parameter = OPTIMIZERS["sgd"](backend), backend.asarray(np.zeros(1))
    positions = []
    for _ in range(200):
        step = backend.asarray(np.full(1, 3.0 * optimizer.gain(0.01)))
        optimizer.update("p", parameter, step, 0.01, 0.9)
        positions.append(float(backend.to_host(parameter)[0]))
    assert positions[-1] - positions[-2] == pytest.approx(3.0 * 0.01 / (1 - 0.9), rel=1e-6)


def test_adam_moves_by_the_rate_at_first(backend):
    """With its bias corrections, Adam's first step is the rate, whatever the gradient's size."""
    parameter = backend.asarray(np.zeros(3))
    gradient = backend.asarray(np.array([1e-3, -50.0, 2.0]))
    OPTIMIZERS["adam"](backend).update("p", parameter, gradient, 0.01, 0.9)
    np.testing.assert_allclose(backend.to_host(parameter), [0.01, -0.01, 0.01], rtol=1e-4)
