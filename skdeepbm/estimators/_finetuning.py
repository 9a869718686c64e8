"""Runs of fine-tuning: from a deep estimator's public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._base import TRAINING, VALIDATION, host_dtype
from skdeepbm.estimators._early_stopping import EarlyStopping, rises
from skdeepbm.estimators._fitting import EpochHooks
from skdeepbm.estimators._hyperparameters import check_schedules
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Rows, TrainingState
from skdeepbm.training.backprop import BackpropTrainer
from skdeepbm.training.schedules import Linear
from skdeepbm.training.settings import BackpropSettings
from skdeepbm.training.solvers import SolverSettings, SolverTrainer
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
    """

    def __init__(
        self, estimator: Any, settings: Any, backend: Backend, X: Any, codes: np.ndarray
    ) -> None:
        self.estimator, self.settings, self.backend = estimator, settings, backend
        self.X, self.codes = X, codes
        self.dtype = np.dtype(settings.training_dtype or host_dtype(X))
        self.is_new = estimator._training is None
        self.state = copy.copy(estimator._training) or TrainingState()
        check_schedules(settings, self.state.epoch, settings.n_iter)
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

    @property
    def batch_size(self) -> int:
        given, n = self.settings.batch_size, int(self.X.shape[0])
        if given is None:
            return n
        return min(max(n // 100, 10), 100) if isinstance(given, str) else int(given)

    def shared(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Settings that a trainer takes as they are."""
        return {name: getattr(self.settings, name) for name in names}

    def falling(self, rate: float) -> Any:
        """The learning rate; "auto" falls to 0 in a `fit`, from where the last one ended."""
        if not isinstance(self.settings.learning_rate, str):
            return self.settings.learning_rate
        return Linear(rate, 0.0, max(self.settings.n_iter, 1))

    def one_hot(self) -> np.ndarray:
        """Targets: one row for each row of X, zeros where it has no label."""
        n_classes = len(self.estimator.classes_)
        return (self.codes[:, None] == np.arange(n_classes)).astype(self.dtype)

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
        self, estimator: Any, settings: Backprop, backend: Backend, X: Any, codes: np.ndarray
    ) -> None:
        labelled = np.flatnonzero(codes >= 0)
        if not labelled.size:
            raise ValueError(
                f"finetuning='backprop' of {type(estimator).__name__} needs rows with a label; all "
                f"{codes.size} are marked as unlabelled."
            )
        if labelled.size < codes.size:
            X = backend.take_rows(X, labelled) if owner_of(X) is backend else X[labelled]
            codes = codes[labelled]
        super().__init__(estimator, settings, backend, X, codes)
        network = estimator._model(backend, self.dtype, copy_arrays=True)
        if settings.early_stopping:
            self.held_out = self._held_out()
        shared = {
            "weight_decay": settings.weight_decay,
            "n_top_epochs": settings.n_top_iter,
            "shuffle": settings.shuffle,
            **self.shared(("max_norm", "dropout", "input_dropout", "averaging")),
        }
        trainer: type[BackpropTrainer]
        own: BackpropSettings
        if settings.optimizer in ("lbfgs", "cg"):
            whole = settings.batch_size is None or isinstance(settings.batch_size, str)
            trainer = SolverTrainer
            own = SolverSettings(
                solver=settings.optimizer,
                batch_size=1000 if whole else settings.batch_size,
                n_line_searches=None if whole else settings.n_line_searches,
                **shared,
            )
        else:
            trainer = BackpropTrainer
            own = BackpropSettings(
                optimizer=settings.optimizer,
                learning_rate=self.falling(1e-3 if settings.optimizer == "adam" else 0.1),
                momentum=settings.momentum,
                batch_size=self.batch_size,
                **shared,
            )
        self.trainer = trainer(network, own, self.state, self.seed, self.one_hot())

    def _held_out(self) -> np.ndarray:
        """Rows that are kept from training, the same share of every class."""
        words = np.random.SeedSequence(self.estimator._entropy, spawn_key=(VALIDATION,))
        seed = int(words.generate_state(1)[0])
        try:
            _, held_out = train_test_split(
                np.arange(self.codes.size),
                test_size=self.settings.validation_fraction,
                stratify=self.codes,
                random_state=seed,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping of {type(self.estimator).__name__} cannot hold out "
                f"validation_fraction={self.settings.validation_fraction!r} of "
                f"{self.codes.size} labelled rows with the same share of every class: {error}"
            ) from error
        return np.sort(held_out)

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
        self, estimator: Any, settings: WakeSleep, backend: Backend, X: Any, codes: np.ndarray
    ) -> None:
        if estimator.visible == "multinomial":
            raise ValueError(
                f"finetuning='wake-sleep' of {type(estimator).__name__} is not defined for counts "
                "of words, whose number the way down does not know. Use 'backprop' or None."
            )
        super().__init__(estimator, settings, backend, X, codes)
        names = [*WakeSleepSettings.__dataclass_fields__]
        known = [name for name in names if hasattr(settings, name)]
        given = {name: getattr(settings, name) for name in known}
        given |= {"learning_rate": self.falling(0.02), "batch_size": self.batch_size}
        own = WakeSleepSettings(**given)
        net = estimator._belief_net(backend, self.dtype, copy_arrays=True)
        self.trainer = WakeSleepTrainer(net, own, self.state, self.seed, self.one_hot())

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
