"""Runs of fine-tuning: from a deep estimator's public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING, host_dtype
from skdeepbm.estimators._early_stopping import EarlyStopping
from skdeepbm.estimators._finetuning_settings import classifier_rate, learning_rate
from skdeepbm.estimators._fitting import EpochHooks
from skdeepbm.estimators._stage import Stage
from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Rows, TrainingState
from skdeepbm.training.optimizers import usable_state


class FinetuningRun(ABC):
    """One call of `fit` or `partial_fit` of a deep estimator, once its layers are there.

    Parameters
    ----------
    estimator : estimator
        With its public arrays set; they are replaced when the run ends.
    settings : Backprop or WakeSleep
    backend : Backend
    X : ndarray, CSR or array of the backend
        Validated rows.
    n_epochs : int or None
        None for a single step.
    """

    def __init__(
        self,
        estimator: Any,
        settings: Any,
        backend: Backend,
        X: Any,
        n_epochs: int | None,
    ) -> None:
        self.estimator, self.settings, self.backend = estimator, settings, backend
        self.X = X
        self.dtype = np.dtype(settings.training_dtype or host_dtype(X))
        state = self.saved_state()
        self.is_new = state is None
        self.state = TrainingState() if state is None else copy.copy(state)
        self.state.optimizer = usable_state(settings.optimizer, self.state.optimizer)
        self.rate = learning_rate(settings, self.state.epoch, n_epochs, self.starting_rate())
        self.seed = np.random.SeedSequence(estimator._entropy, spawn_key=self.seed_key())
        self.held_out: np.ndarray | None = None
        self.entries: list[dict[str, Any]] = []
        self._make: Callable[[], Any]

    def build(self, make: Callable[[], Any]) -> None:
        """Set the trainer, made of the estimator's arrays and of what ``state`` is now."""
        self._make, self.trainer = make, make()

    def saved_state(self) -> TrainingState | None:
        """What to go on from; it is not changed."""
        return getattr(self.estimator, self.names[0], None)

    def starting_rate(self) -> float:
        """Where the learning rate "auto" begins."""
        return classifier_rate(self.settings, int(self.X.shape[0]))

    def seed_key(self) -> tuple[int, ...]:
        """What the random numbers of the run are for."""
        return TRAINING, 1

    # -- what a kind of fine-tuning adds -------------------------------------------------

    @abstractmethod
    def arrays(self) -> dict[str, Any]:
        """Public arrays of the model in training: on the host, in the data's dtype."""

    @abstractmethod
    def describe(self, entry: dict[str, Any]) -> str:
        """What a printed line says of an epoch."""

    trainer: Any
    task_name = "fine-tuning"
    #: where the estimator keeps the state to go on from, the number of epochs and their history
    names: tuple[str, str, str] = ("_training", "n_iter_", "history_")

    # -- what all have in common --------------------------------------------------------

    def host(self, array: Any) -> np.ndarray:
        dtype = self.estimator.coefs_[0].dtype if self.estimator.coefs_ else host_dtype(self.X)
        return np.array(self.backend.to_host(array), dtype=dtype)

    def early_stopping(self) -> EarlyStopping | None:
        return None

    def rows(self) -> Rows:
        """What the trainer sees of the data."""
        return Rows(self.backend, self.X, self.dtype)

    def fit(self, context: Any, X: Any, y: Any) -> None:
        """Train for the epochs of the settings, as a task of the estimator's callbacks."""
        estimator, n_iter = self.estimator, self.settings.n_iter
        task = context.subcontext(task_name=self.task_name, max_subtasks=n_iter)
        stage = Stage(estimator, self.backend, task)
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        if stage.saved is not None:
            self.state = stage.state()
            self.trainer = self._make()
        stopping = self.early_stopping()
        stage.begin(self.trainer, stopping)
        hooks = EpochHooks(
            estimator, task, X, y, self.public_arrays, self.describe, stage, stopping
        )
        try:
            if not stage.is_finished:
                self.run(self.rows(), hooks)
        except DivergenceError as error:
            raise DivergenceError(f"{self.where()}: {error}") from error
        finally:
            # also after an interrupt or an error in a callback: what was learned is kept
            if stopping is not None:
                stopping.finish()
            self.store(hooks.entries)
        task.call_on_fit_task_end(
            estimator=estimator, X=X, y=y, reconstruction_attributes=self.public_arrays
        )
        stage.end()

    def run(self, rows: Rows, hooks: EpochHooks) -> None:
        self.trainer.run(rows, self.settings.n_iter, hooks, self.held_out)

    def step(self) -> None:
        """One step on all rows at once."""
        entries: list[dict[str, Any]] = []
        rows = self.rows()
        try:
            entries.append(self.trainer.update(rows.batch(np.arange(rows.n_rows))))
        except DivergenceError as error:
            raise DivergenceError(f"{self.where()}: {error}") from error
        finally:
            self.store(entries)

    def where(self) -> str:
        """What a divergence happened in."""
        return f"{type(self.estimator).__name__}, {self.task_name}"

    def public_arrays(self) -> dict[str, Any] | None:
        """What makes a fitted copy for callbacks; None where there is none yet."""
        return {**self.estimator._public_arrays(), **self.arrays()}

    def store(self, entries: list[dict[str, Any]]) -> None:
        """Public arrays, history and the state to go on from."""
        estimator = self.estimator
        for name, value in self.arrays().items():
            setattr(estimator, name, value)
        state, count, history = self.names
        setattr(estimator, state, copy.copy(self.trainer.save_state()))
        estimator._fit_backend = self.backend.name
        found = {
            name: np.array([entry[name] for entry in entries]) for name in (entries or [{}])[0]
        }
        if self.is_new:
            setattr(estimator, count, len(entries))
            setattr(estimator, history, found)
            return
        setattr(estimator, count, getattr(estimator, count) + len(entries))
        if entries:
            old = getattr(estimator, history)
            joined = {
                name: np.concatenate([old[name], values]) if name in old else values
                for name, values in found.items()
            }
            setattr(estimator, history, joined)
