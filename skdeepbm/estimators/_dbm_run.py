"""Runs of the joint training of a deep Boltzmann machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING
from skdeepbm.estimators._finetuning import FinetuningRun
from skdeepbm.models.dbm import DBM
from skdeepbm.models.units import UNITS
from skdeepbm.training import DBMSettings, DBMTrainer, TrainingState

#: what is measured of held-out rows alone
HELD_OUT = ("validation_free_energy", "free_energy_gap", "free_energy_gap_error")


class DBMRun(FinetuningRun):
    """Mean field and persistent chains, all layers together; settings are the estimator's own."""

    task_name = "joint training"

    def __init__(self, estimator: Any, backend: Backend, X: Any, n_epochs: int | None) -> None:
        super().__init__(estimator, estimator, backend, X, n_epochs)
        variance = getattr(estimator, "log_variance_visible_", None)
        if self.is_new and variance is not None:
            self.state.log_variance_floor = np.asarray(variance) + np.log(1e-3)
        if self.state.base_bias is None:
            self.state.base_bias = np.array(estimator.intercepts_[0])
        own = self._own_settings()

        def dbm() -> DBM:
            found: DBM = estimator._model(backend, self.dtype, copy_arrays=True)
            return found

        self.build(lambda: self.make_trainer(dbm(), own))

    def make_trainer(self, dbm: Any, settings: DBMSettings) -> DBMTrainer:
        """The trainer of a machine in arrays of its own."""
        return DBMTrainer(dbm, settings, self.state, self.seed)

    def _own_settings(self) -> DBMSettings:
        """Hyper-parameters of training, none of them "auto"."""
        estimator = self.estimator
        fields = DBMSettings.__dataclass_fields__
        found = {name: getattr(estimator, name) for name in fields if hasattr(estimator, name)}
        if np.ndim(found["sparsity_target"]):
            found["sparsity_target"] = tuple(float(p) for p in found["sparsity_target"])
        return DBMSettings(
            **{
                **found,
                "learning_rate": self.rate,
                "n_chains": estimator.n_chains or estimator.batch_size,
                "mean_field_steps": estimator.max_mean_field_steps,
                "mean_field_tolerance": estimator.mean_field_tol,
            }
        )

    def saved_state(self) -> TrainingState | None:
        estimator = self.estimator
        if getattr(estimator, "_trained_sizes", None) != estimator._sizes():
            # layers that somebody has set since: nothing of the state fits them
            return None
        state = super().saved_state()
        levels = estimator.n_temperatures if estimator.algorithm == "pt" else None
        n_chains = (estimator.n_chains or estimator.batch_size) * (levels or 1)
        if state is not None and (
            state.memory.get("n_temperatures") != levels or len(state.chains[0]) != n_chains
        ):
            # chains of another kind, or another number of them
            state = TrainingState(**{**vars(state), "chains": None, "memory": {}})
        if state is not None and bool(estimator.centring) == (state.offsets is None):
            state = TrainingState(**{**vars(state), "offsets": None})
        return state

    def seed_key(self) -> tuple[int, ...]:
        return TRAINING, 1

    def starting_rate(self) -> float:
        estimator = self.estimator
        rate = 0.05 * UNITS[estimator.visible].default_learning_rate / 0.1
        if estimator.optimizer == "adam":
            return rate / 10
        # greedy layers have been most of the way
        return rate if estimator.pretraining else 4 * rate

    def arrays(self) -> dict[str, Any]:
        dbm = self.trainer.dbm
        found: dict[str, Any] = {
            "coefs_": [self.host(weights) for weights in dbm.weights],
            "intercepts_": [self.host(units.bias) for units in dbm.layers],
        }
        if dbm.visible.log_variance is not None:
            found["log_variance_visible_"] = self.host(dbm.visible.log_variance)
        return found

    def store(self, entries: list[dict[str, Any]]) -> None:
        self.entries = [{k: v for k, v in e.items() if k not in HELD_OUT} for e in entries]
        super().store(self.entries)
        self.estimator._trained_sizes = self.estimator._sizes()

    def describe(self, entry: dict[str, Any]) -> str:
        error, energy = entry["reconstruction_error"], entry["free_energy"]
        return f"reconstruction error = {error:.4f}, free energy = {energy:.2f}"
