"""Whole epochs compiled against the same epochs step by step."""

import numpy as np
import pytest

from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import BernoulliUnits
from skdeepbm.training import RBMTrainer, Rows, TrainingSettings, TrainingState, rbm_trainer


class _Hooks:
    def epoch_begin(self):
        pass

    def epoch_end(self, entry):
        return False


def _train(rows, **settings):
    backend = NumpyBackend(compiled=True)
    rng = np.random.default_rng(0)
    n_visible, n_hidden = rows.shape[1], 7
    rbm = RBM(
        BernoulliUnits(backend, rng.normal(size=n_visible).astype(np.float32)),
        BernoulliUnits(backend, rng.normal(size=n_hidden).astype(np.float32)),
        rng.normal(size=(n_visible, n_hidden)).astype(np.float32),
    )
    used = []
    original = backend.bernoulli_epoch
    backend.bernoulli_epoch = lambda *arguments: (used.append(1), original(*arguments))
    state = TrainingState()
    machine = RBMTrainer(rbm, TrainingSettings(**settings), state, np.random.SeedSequence(1))
    machine.run(Rows(backend, rows, np.float32), 3, _Hooks())
    return machine, len(used)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"visible_states": "mean"},
        {"visible_states": "mean", "n_gibbs_steps": 3, "momentum": 0.9},
        {"n_gibbs_steps": [1, 2, 4], "optimizer": "nesterov", "momentum": 0.5},
        {"algorithm": "pcd", "n_chains": 5, "n_gibbs_steps": 2},
        {"algorithm": "pcd", "centring": False, "weight_decay": 0.01},
        {"centring": False, "shuffle": False, "learning_rate": [0.1, 0.0]},
        {"batch_size": 1},
        {"batch_size": 50},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_steps(monkeypatch, settings, dtype):
    """Same random numbers, same order of updates; a last short batch included."""
    rows = np.random.default_rng(2).integers(0, 2, (23, 9)).astype(dtype)
    settings = {"batch_size": 5, "learning_rate": 0.05, **settings}
    fused, n_fused = _train(rows, **settings)
    monkeypatch.setattr(rbm_trainer, "is_fusible", lambda *_: False)
    steps, n_steps = _train(rows, **settings)
    assert (n_fused, n_steps) == (3, 0)
    for name, array in steps.parameters().items():
        np.testing.assert_allclose(
            fused.parameters()[name], array, rtol=1e-4, atol=1e-5, err_msg=name
        )
    before, after = fused.save_state(), steps.save_state()
    assert before.stream["state"]["state"].tolist() == after.stream["state"]["state"].tolist()
    assert before.epoch == after.epoch == 3
    if settings.get("centring", True):
        np.testing.assert_allclose(before.offsets, after.offsets, atol=1e-5)
    if settings.get("algorithm") == "pcd":
        np.testing.assert_array_equal(before.chains, after.chains)


@pytest.mark.parametrize(
    "settings",
    [
        {"sparsity_cost": 0.1},
        {"l1_penalty": 0.1},
        {"max_norm": 1.0},
        {"norm_cost": 0.1},
        {"optimizer": "adam"},
        {"batch_size": 5000},
    ],
)
def test_unusual_problems_go_step_by_step(settings):
    rows = np.random.default_rng(2).integers(0, 2, (23, 9)).astype(np.float32)
    assert _train(rows, learning_rate=0.01, **settings)[1] == 0
