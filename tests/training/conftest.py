"""Trainers of tiny models, negative phases that are watched or given, and the step by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from skdeepbm.training import Batch, RBMTrainer, TrainingSettings, TrainingState
from skdeepbm.training.negative_phases import NEGATIVE_PHASES, NegativePhase


def _make_trainer(tiny, backend, *, dtype=np.float64, state=None, seed=0, sparse=False, **settings):
    settings = {"centring": False, "learning_rate": 1.0, **settings}
    return RBMTrainer(
        tiny.rbm(backend, dtype),
        TrainingSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(seed),
        sparse,
    )


@pytest.fixture
def make_trainer():
    """A trainer of a tiny model; plain ascent with rate 1, unless told otherwise."""
    return _make_trainer


@pytest.fixture
def parameters():
    """Host copies of a trainer's parameters."""

    def read(trainer):
        host = trainer.backend.to_host
        return {name: np.array(host(array)) for name, array in trainer.parameters().items()}

    return read


@pytest.fixture
def take_step(parameters):
    """One step on a batch of rows; returns how much every parameter changed."""

    def step(trainer, v):
        before = parameters(trainer)
        trainer.step(Batch(trainer.backend.asarray(v)))
        after = parameters(trainer)
        return {name: after[name] - before[name] for name in before}

    return step


@pytest.fixture
def spy(monkeypatch):
    """What the negative phase was given and has filled, step by step."""
    seen = []

    def watched(phase):
        class Watched(phase):
            def run(self, rbm, h_data, n_steps, stream, v, h_mean):
                host = rbm.backend.to_host
                found = SimpleNamespace(n_steps=n_steps)
                if self.from_data:
                    found.h_data = np.array(host(h_data))
                super().run(rbm, h_data, n_steps, stream, v, h_mean)
                found.v, found.h = np.array(host(v)), np.array(host(h_mean))
                seen.append(found)

        return Watched

    for name, phase in list(NEGATIVE_PHASES.items()):
        monkeypatch.setitem(NEGATIVE_PHASES, name, watched(phase))
    return seen


@pytest.fixture
def given_phase(monkeypatch):
    """The algorithm "given", whose rows are chosen by the test.

    ``rows.v`` are the visible rows and ``rows.h`` the hidden ones, None for the model's
    expectations given ``rows.v``.
    """
    rows = SimpleNamespace(v=None, h=None)

    class Given(NegativePhase):
        algorithm = "given"
        from_data = False

        def __init__(self, rbm, settings, stream, state, memory, base_bias):
            pass

        def n_rows(self, n_data):
            return len(rows.v)

        def run(self, rbm, h_data, n_steps, stream, v, h_mean):
            backend = rbm.backend
            backend.store(backend.asarray(rows.v, v.dtype), v)
            if rows.h is None:
                rbm.hidden.mean(rbm.hidden_input(v), out=h_mean)
            else:
                backend.store(backend.asarray(rows.h, h_mean.dtype), h_mean)

    monkeypatch.setitem(NEGATIVE_PHASES, "given", Given)
    return rows


def _hand_step(tiny, v0, h0, v1, h1, offsets=None, penalty=None, z_rate=0.0):
    """The ascent direction, by loops over rows.

    ``offsets`` are those of centring, visible and hidden; ``penalty`` the gradient of the sparsity
    penalty by the hidden units' total input. Gradients of Gaussian units' weights and biases carry
    the factor variance. ``z_rate`` is the rate of the log-variances, which move first: with offsets
    the hidden bias that keeps the centred one depends on them.
    """
    n_visible, n_hidden = tiny.weights.shape
    mu, lam = (np.zeros(n_visible), np.zeros(n_hidden)) if offsets is None else offsets
    dW = np.zeros_like(tiny.weights)
    db, dc, dz = np.zeros(n_visible), np.zeros(n_hidden), np.zeros(n_visible)
    for sign, rows_v, rows_h in ((1.0, v0, h0), (-1.0, v1, h1)):
        # each phase is averaged over its own rows
        for v, h in zip(rows_v, rows_h, strict=True):
            share = sign / len(rows_v)
            dW += share * np.outer(v - mu, h - lam)
            db += share * v
            dc += share * h
            centred_bias = tiny.visible.bias + tiny.weights @ lam
            square = 0.5 * (v - centred_bias) ** 2 - (v - mu) * (tiny.weights @ (h - lam))
            dz += share * square / tiny.visible.variance
    if penalty is not None:
        dW += np.outer(np.mean(v0, axis=0) - mu, penalty)
        dc += penalty
    db -= dW @ lam
    moves = z_rate if tiny.visible.log_variance is not None else 0.0
    dc -= dW.T @ (mu / (tiny.visible.variance * np.exp(moves * dz)))
    found = {"weights": dW, "visible_bias": db, "hidden_bias": dc}
    if tiny.visible.log_variance is not None:
        found["log_variance"] = dz
    return found


def _hand_change(tiny, *rows, rate, variance_rate=0.1, offsets=None, penalty=None):
    """What plain gradient ascent adds to the parameters."""
    step = _hand_step(tiny, *rows, offsets, penalty, rate * variance_rate)
    change = {name: rate * array for name, array in step.items()}
    if "log_variance" in change:
        change["log_variance"] *= variance_rate
        if offsets is not None:
            change["hidden_bias"] += _hidden_shift(tiny, change["log_variance"], offsets[0])
    return change


def _hidden_shift(tiny, dz, mu):
    """Change of the hidden bias that keeps the centred one when the variances change."""
    return -tiny.weights.T @ (mu / tiny.visible.variance * (np.exp(-dz) - 1.0))


@pytest.fixture
def hand_change():
    """What plain gradient ascent adds to the parameters, by explicit loops."""
    return _hand_change


@pytest.fixture
def hidden_shift():
    return _hidden_shift


@pytest.fixture
def hand_step():
    """The direction of ascent by explicit loops."""
    return _hand_step


class _NoHooks:
    def __init__(self):
        self.entries = []

    def epoch_begin(self):
        pass

    def epoch_end(self, entry):
        self.entries.append(entry)
        return False


@pytest.fixture
def hooks():
    """Hooks of the epoch loop that only collect the history."""
    return _NoHooks()
