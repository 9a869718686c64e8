"""Runs of fine-tuning: from a deep estimator's public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from types import SimpleNamespace
from typing import Any

import numpy as np

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._base import TRAINING, host_dtype
from skdeepbm.estimators._early_stopping import EarlyStopping, rises
from skdeepbm.estimators._finetuning_settings import (
    backprop_trainer,
    held_out_rows,
    learning_rate,
    rows_per_batch,
)
from skdeepbm.estimators._fitting import EpochHooks
from skdeepbm.estimators._labels import one_hot
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Rows, TrainingState
from skdeepbm.training.optimizers import OPTIMIZERS
from skdeepbm.training.wake_sleep import WakeSleepTrainer
from skdeepbm.training.wake_sleep_settings import WakeSleepSettings


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
    codes : ndarray of int of shape (n_rows,)
        Position of each row's class, -1 for unlabelled rows.
    n_epochs : int or None
        None for a single step.
    """

    def __init__(
        self,
        estimator: Any,
        settings: Any,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> None:
        self.estimator, self.settings, self.backend = estimator, settings, backend
        self.X, self.codes = X, codes
        self.dtype = np.dtype(settings.training_dtype or host_dtype(X))
        state = getattr(estimator, "_training", None)
        self.is_new = state is None
        self.state = TrainingState() if state is None else copy.copy(state)
        optimizer = OPTIMIZERS.get(settings.optimizer)
        n_slots = None if optimizer is None else len(optimizer.slots)
        if any(len(saved["slots"]) != n_slots for saved in self.state.optimizer.values()):
            # another optimiser than before: nothing of its state can be used
            self.state.optimizer = {}
        self.rate = learning_rate(settings, self.state.epoch, n_epochs, int(X.shape[0]))
        self.seed = np.random.SeedSequence(estimator._entropy, spawn_key=(TRAINING, 1))
        self.held_out: np.ndarray | None = None
        self.entries: list[dict[str, Any]] = []

    # -- what a kind of fine-tuning adds -------------------------------------------------

    @abstractmethod
    def arrays(self) -> dict[str, Any]:
        """Public arrays of the model in training: on the host, in the data's dtype."""

    @abstractmethod
    def describe(self, entry: dict[str, Any]) -> str:
        """What a printed line says of an epoch."""

    trainer: Any

    # -- what both have in common --------------------------------------------------------

    def targets(self) -> np.ndarray:
        """One-hot rows; zeros where there is no label."""
        return one_hot(self.codes, len(self.estimator.classes_), self.dtype)

    def host(self, array: Any) -> np.ndarray:
        dtype = self.estimator.coefs_[0].dtype if self.estimator.coefs_ else host_dtype(self.X)
        return np.array(self.backend.to_host(array), dtype=dtype)

    def early_stopping(self) -> EarlyStopping | None:
        return None

    def fit(self, context: Any, X: Any, y: Any) -> None:
        """Train for the epochs of the settings, as a task of the estimator's callbacks."""
        estimator, n_iter = self.estimator, self.settings.n_iter
        task = context.subcontext(task_name="fine-tuning", max_subtasks=n_iter)
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        stopping = self.early_stopping()
        hooks = EpochHooks(
            estimator, task, X, y, self.public_arrays, self.describe, early_stopping=stopping
        )
        try:
            self.run(Rows(self.backend, self.X, self.dtype), hooks)
        except DivergenceError as error:
            raise DivergenceError(f"{type(estimator).__name__}, fine-tuning: {error}") from error
        finally:
            # also after an interrupt or an error in a callback: what was learned is kept
            if stopping is not None:
                stopping.finish()
            self.store(hooks.entries)
        task.call_on_fit_task_end(
            estimator=estimator, X=X, y=y, reconstruction_attributes=self.public_arrays
        )

    def run(self, rows: Rows, hooks: EpochHooks) -> None:
        self.trainer.run(rows, self.settings.n_iter, hooks, self.held_out)

    def step(self) -> None:
        """One step on all rows at once."""
        entries: list[dict[str, Any]] = []
        rows = Rows(self.backend, self.X, self.dtype)
        try:
            entries.append(self.trainer.update(rows.batch(np.arange(rows.n_rows))))
        except DivergenceError as error:
            name = type(self.estimator).__name__
            raise DivergenceError(f"{name}, fine-tuning: {error}") from error
        finally:
            self.store(entries)

    def public_arrays(self) -> dict[str, Any]:
        return {**self.estimator._public_arrays(), **self.arrays()}

    def store(self, entries: list[dict[str, Any]]) -> None:
        """Public arrays, history and the state to go on from."""
        estimator = self.estimator
        for name, value in self.arrays().items():
            setattr(estimator, name, value)
        estimator._training = self.trainer.save_state()
        estimator._fit_backend = self.backend.name
        found = {
            name: np.array([entry[name] for entry in entries]) for name in (entries or [{}])[0]
        }
        if self.is_new:
            estimator.n_iter_, estimator.history_ = len(entries), found
            return
        estimator.n_iter_ += len(entries)
        if entries:
            old = estimator.history_
            estimator.history_ = {
                name: np.concatenate([old[name], values]) if name in old else values
                for name, values in found.items()
            }


class BackpropRun(FinetuningRun):
    """Backpropagation of the upward pass; rows without a label take no part."""

    settings: Backprop

    def __init__(
        self,
        estimator: Any,
        settings: Backprop,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> None:
        labelled = np.flatnonzero(codes >= 0)
        if labelled.size < codes.size:
            X = backend.take_rows(X, labelled) if owner_of(X) is backend else X[labelled]
            codes = codes[labelled]
        super().__init__(estimator, settings, backend, X, codes, n_epochs)
        network = estimator._model(backend, self.dtype, copy_arrays=True)
        if settings.early_stopping and n_epochs is not None:
            self.held_out = held_out_rows(estimator, settings, X, codes)
        trainer, own = backprop_trainer(settings, codes.size, self.rate)
        self.trainer = trainer(network, own, self.state, self.seed, self.targets())

    def early_stopping(self) -> EarlyStopping | None:
        if not self.settings.early_stopping:
            return None
        return EarlyStopping(
            rises(lambda entry: -entry["validation_error"]),
            self.settings.n_iter_no_change,
            self.trainer.copies,
            self.trainer.restore,
        )

    def arrays(self) -> dict[str, Any]:
        layers = self.trainer.network.layers
        return {
            "coefs_": [self.host(layer.weights) for layer in layers],
            "intercepts_": [self.host(layer.units.bias) for layer in layers],
        }

    def describe(self, entry: dict[str, Any]) -> str:
        text = f"loss = {entry['loss']:.4f}, error = {entry['error']:.4f}"
        if self.held_out is not None:
            text += f", validation error = {entry['validation_error']:.4f}"
        return text


class WakeSleepRun(FinetuningRun):
    """Up-down training of the generative model."""

    settings: WakeSleep

    def __init__(
        self,
        estimator: Any,
        settings: WakeSleep,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> None:
        super().__init__(estimator, settings, backend, X, codes, n_epochs)
        names = [*WakeSleepSettings.__dataclass_fields__]
        known = [name for name in names if hasattr(settings, name)]
        given = {name: getattr(settings, name) for name in known}
        given |= {"learning_rate": self.rate, "batch_size": rows_per_batch(settings, codes.size)}
        own = WakeSleepSettings(**given)
        net = estimator._belief_net(backend, self.dtype, copy_arrays=True)
        self.trainer = WakeSleepTrainer(net, own, self.state, self.seed, self.targets())

    def arrays(self) -> dict[str, Any]:
        net = self.trainer.net
        rbms = [copy.copy(rbm) for rbm in self.estimator.rbms_]
        for rbm, layer in zip(rbms[:-1], net.generative, strict=True):
            rbm.components_ = self.host(layer.weights)
            rbm.intercept_visible_ = self.host(layer.units.bias)
        found = self.trainer.parameters()
        top = {name: found[name] for name in ("weights", "visible_bias", "hidden_bias")}
        in_training = SimpleNamespace(backend=self.backend, parameters=lambda: top)
        for name, value in rbms[-1]._fitted_arrays(in_training).items():
            setattr(rbms[-1], name, value)
        return {
            "coefs_": [self.host(layer.weights) for layer in net.recognition],
            "intercepts_": [self.host(layer.units.bias) for layer in net.recognition],
            "rbms_": rbms,
        }

    def describe(self, entry: dict[str, Any]) -> str:
        text = f"reconstruction error = {entry['reconstruction_error']:.4f}"
        return f"{text}, error = {entry['error']:.4f}"
