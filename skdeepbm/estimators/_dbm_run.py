"""Runs of the joint training of a deep Boltzmann machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING
from skdeepbm.estimators._counts import document_lengths
from skdeepbm.estimators._documents import word_totals
from skdeepbm.estimators._early_stopping import EarlyStopping, Rises, has_small_gap
from skdeepbm.estimators._finetuning import FinetuningRun
from skdeepbm.estimators._held_out import trained_rows
from skdeepbm.models.dbm import DBM
from skdeepbm.models.units import UNITS, MultinomialUnits
from skdeepbm.training import DBMSettings, DBMTrainer, Trainer, TrainingState, WordDBMTrainer
from skdeepbm.training.start import column_moments

#: what is measured of held-out rows alone
HELD_OUT = (
    "validation_reconstruction_error",
    "validation_free_energy",
    "free_energy_gap",
    "free_energy_gap_error",
)


class DBMRun(FinetuningRun):
    """Mean field and persistent chains, all layers together; settings are the estimator's own."""

    task_name = "joint training"

    def __init__(
        self,
        estimator: Any,
        backend: Backend,
        X: Any,
        n_epochs: int | None,
        held_out: np.ndarray | None = None,
    ) -> None:
        super().__init__(estimator, estimator, backend, X, n_epochs)
        self.held_out = held_out
        variance = getattr(estimator, "log_variance_visible_", None)
        if self.is_new and variance is not None:
            self.state.log_variance_floor = np.asarray(variance) + np.log(1e-3)
        if self.state.base_bias is None:
            self.state.base_bias = self.base_bias()
        own = self._own_settings()

        def dbm() -> DBM:
            found: DBM = estimator._model(backend, self.dtype, copy_arrays=True)
            return found

        self.build(lambda: self.make_trainer(dbm(), own))

    def base_bias(self) -> np.ndarray:
        """Visible bias of independent units with the data's mean.

        Not that of the machine, which greedy layers have moved: offsets and chains would begin at
        rows like none in the data, and the first steps, off by them, silence units for good.
        """
        rows = trained_rows(self.backend, self.X, self.held_out)
        mean, variance = column_moments(self.backend, rows)
        return UNITS[self.estimator.visible].initial_bias(mean, variance, None)

    def make_trainer(self, dbm: Any, settings: DBMSettings) -> Trainer:
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
                **self.further_settings(),
            }
        )

    def further_settings(self) -> dict[str, Any]:
        """Settings that are no hyper-parameters."""
        return {}

    def saved_state(self) -> TrainingState | None:
        estimator = self.estimator
        if getattr(estimator, "_trained_sizes", None) != estimator._sizes():
            # layers that somebody has set since: nothing of the state fits them
            return None
        state = super().saved_state()
        if state is not None and not self.has_such_chains(state):
            # chains of another kind, or another number of them
            state = TrainingState(**{**vars(state), "chains": None, "memory": {}})
        if state is not None and bool(estimator.centring) == (state.offsets is None):
            state = TrainingState(**{**vars(state), "offsets": None})
        return state

    def has_such_chains(self, state: TrainingState) -> bool:
        """Whether the chains of a state are as many as are asked for, and of their kind."""
        estimator = self.estimator
        levels = estimator.n_temperatures if estimator.algorithm == "pt" else None
        n_chains = (estimator.n_chains or estimator.batch_size) * (levels or 1)
        same_kind: bool = state.memory.get("n_temperatures") == levels
        return same_kind and isinstance(state.chains, list) and len(state.chains[0]) == n_chains

    def seed_key(self) -> tuple[int, ...]:
        return TRAINING, 1

    def starting_rate(self) -> float:
        estimator = self.estimator
        rate = 0.05 * UNITS[estimator.visible].default_learning_rate / 0.1
        if estimator.optimizer == "adam":
            return rate / 10
        # greedy layers have been most of the way
        return rate if estimator.pretraining else 4 * rate

    def early_stopping(self) -> EarlyStopping | None:
        estimator, trainer = self.estimator, self.trainer
        criterion = getattr(estimator, "early_stopping", None)
        if criterion is None:
            return None
        is_better: Any = has_small_gap
        if criterion == "reconstruction_error":
            is_better = Rises(lambda entry: -float(entry["validation_reconstruction_error"]))
        return EarlyStopping(is_better, estimator.n_iter_no_change, trainer.copies, trainer.restore)

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
        self.entries = entries
        if not hasattr(self.estimator, "validation_fraction"):
            self.entries = [{k: v for k, v in e.items() if k not in HELD_OUT} for e in entries]
        super().store(self.entries)
        self.estimator._trained_sizes = self.estimator._sizes()

    def describe(self, entry: dict[str, Any]) -> str:
        error, energy = entry["reconstruction_error"], entry["free_energy"]
        return f"reconstruction error = {error:.4f}, free energy = {energy:.2f}"


class WordDBMRun(DBMRun):
    """Joint training on documents."""

    def base_bias(self) -> np.ndarray:
        total = word_totals(trained_rows(self.backend, self.X, self.held_out), self.backend)
        if not total.any():
            # parameters that somebody has set, and a batch without words
            return np.array(self.estimator.intercepts_[0])
        return MultinomialUnits.initial_bias(total, total, None)

    def make_trainer(self, dbm: Any, settings: DBMSettings) -> Trainer:
        return WordDBMTrainer(dbm, settings, self.state, self.seed)

    def further_settings(self) -> dict[str, Any]:
        estimator = self.estimator
        if not hasattr(estimator, "mean_n_words_"):
            # somebody has set the other arrays
            n_words = document_lengths(self.X, self.backend)
            estimator.mean_n_words_ = float(n_words[n_words > 0].mean()) if n_words.any() else 1.0
        return {"mean_n_words": float(estimator.mean_n_words_)}

    def has_such_chains(self, state: TrainingState) -> bool:
        estimator = self.estimator
        n_short = estimator.n_temperatures if estimator.algorithm == "pt" else 0
        n_chains = (estimator.n_chains or estimator.batch_size) + n_short
        return "order" in state.memory and len(state.chains) == n_chains

    def starting_rate(self) -> float:
        return 0.002 if self.estimator.optimizer == "adam" else 0.05

    def arrays(self) -> dict[str, Any]:
        found = super().arrays()
        found["intercepts_"][1] = self.host(self.trainer.dbm.word_bias)
        return found

    def describe(self, entry: dict[str, Any]) -> str:
        error, energy = entry["reconstruction_error"], entry["free_energy"]
        return f"cross-entropy = {error:.4f}, free energy = {energy:.4f} nats per word"
