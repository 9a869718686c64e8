"""Runs of the training of a deep Boltzmann machine with a label: jointly, then backpropagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING
from skdeepbm.estimators._dbm_run import DBMRun
from skdeepbm.estimators._dbn_runs import BackpropRun
from skdeepbm.estimators._labels import one_hot
from skdeepbm.models.network import Network
from skdeepbm.training import DBMSettings, LabelledDBMTrainer, Rows
from skdeepbm.training.augmented_rows import AugmentedRows


class LabelledDBMRun(DBMRun):
    """Joint training; labels that are known are clamped in the positive phase."""

    names = ("_training", "n_joint_iter_", "joint_history_")

    def __init__(
        self, estimator: Any, backend: Backend, X: Any, codes: np.ndarray, n_epochs: int | None
    ) -> None:
        self.codes = codes
        super().__init__(estimator, backend, X, n_epochs)

    def make_trainer(self, dbm: Any, settings: DBMSettings) -> LabelledDBMTrainer:
        labels = one_hot(self.codes, len(self.estimator.classes_), self.dtype)
        return LabelledDBMTrainer(dbm, settings, self.state, self.seed, labels)

    def arrays(self) -> dict[str, Any]:
        found = super().arrays()
        found["label_coef_"] = found["coefs_"].pop()
        found["label_intercept_"] = found["intercepts_"].pop()
        return found

    def store(self, entries: list[dict[str, Any]]) -> None:
        super().store(entries)
        estimator = self.estimator
        if not estimator._has_network:
            estimator.n_iter_ = estimator.n_joint_iter_
            estimator.history_ = dict(estimator.joint_history_)

    def describe(self, entry: dict[str, Any]) -> str:
        return f"{super().describe(entry)}, error = {entry['error']:.4f}"


class UnrolledRun(BackpropRun):
    """Backpropagation of the network that the machine is the start of.

    Expected values of the second hidden layer are computed once, by the machine as it is now.
    """

    names = ("_tuning", "n_iter_", "history_")
    coefs, intercepts = "network_coefs_", "network_intercepts_"

    def seed_key(self) -> tuple[int, ...]:
        return TRAINING, 2

    def network(self) -> Network:
        network: Network = self.estimator._network(self.backend, self.dtype, copy_arrays=True)
        return network

    def rows(self) -> Rows:
        further = self.estimator._second_means(self.backend, self.X)
        return AugmentedRows(self.backend, self.X, further, self.dtype)
