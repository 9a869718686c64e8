"""`fit` and `partial_fit` of every estimator that is trained in epochs."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import VALIDATION, BoltzmannBase, host_dtype
from skdeepbm.estimators._early_stopping import (
    EarlyStopping,
    Entry,
    Rises,
    check_held_out,
    has_small_gap,
)
from skdeepbm.estimators._fitting import EpochHooks
from skdeepbm.estimators._stage import Stage
from skdeepbm.estimators._validation import name_of
from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Rows, Trainer, TrainingState
from skdeepbm.training.monitor import MEASURES


class TrainingMixin(BoltzmannBase):
    """The order of things in a fit; a subclass says what the data must be and what is trained."""

    n_components: int
    n_iter: int
    batch_size: Any
    warm_start: bool
    validation_fraction: float
    early_stopping: str | None
    n_iter_no_change: int
    components_: np.ndarray
    intercept_hidden_: np.ndarray
    intercept_visible_: np.ndarray
    n_iter_: int
    history_: dict[str, np.ndarray]
    #: keys of the history that a trainer measures
    _measures: ClassVar[tuple[str, ...]] = MEASURES

    # -- what an estimator adds ----------------------------------------------------------

    @abstractmethod
    def _check_training(self, backend: Backend, X: Any, going_on: bool, n_epochs: int) -> Any:
        """Hyper-parameters and data, checked before anything of the estimator changes."""

    def _check_labelled(
        self, backend: Backend, X: Any, y: Any, going_on: bool, n_epochs: int, **options: Any
    ) -> Any:
        """The same with what else `fit` was given; the other methods here get what it returns."""
        return self._check_training(backend, X, going_on, n_epochs)

    @staticmethod
    def _features(data: Any) -> Any:
        """The validated X among them, for callbacks."""
        return data

    def _rows(self, backend: Backend, X: Any, dtype: Any) -> Rows:
        """Rows to train on."""
        return Rows(backend, X, dtype)

    @abstractmethod
    def _start(self, backend: Backend, X: Any, n_batches: int) -> None:
        """Set the starting parameters from the data."""

    @abstractmethod
    def _trainer(self, backend: Backend, X: Any, n_epochs: int | None) -> Trainer:
        """Trainer of the model that the public arrays describe; ``n_epochs=None`` for one step."""

    @abstractmethod
    def _printed(self, trainer: Any, rows: Rows, among: np.ndarray | None = None) -> float | None:
        """What a printed line reports and early stopping looks at, if there is such a thing."""

    @abstractmethod
    def _warn_of_base_rate(self, entries: list[dict[str, Any]], n_rows: int) -> None:
        """Warn if the fitted model is no better than one without hidden units."""

    @staticmethod
    def _described(entry: dict[str, Any], value: float | None) -> str:
        """What a printed line says of an epoch."""
        if value is None:
            return f"reconstruction error = {entry['reconstruction_error']:.4f}"
        return f"pseudo-likelihood = {value:.2f}"

    def _is_better(self, trainer: Any, rows: Rows, held_out: Any) -> Callable[[Entry], bool]:
        """When early stopping keeps an epoch."""
        if self.early_stopping == "free_energy_gap":
            return has_small_gap
        return Rises(lambda _: float(self._printed(trainer, rows, held_out) or 0.0))

    def _rows_per_batch(self, n_rows: int) -> int:
        """Size of the batches that `fit` makes of so many rows."""
        return self.batch_size

    # -- fitting -------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, **options: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "components_")
        with self._untouched_if_bad():
            data = self._check_labelled(backend, X, y, going_on, self.n_iter, **options)
            n_batches = -(-data.shape[0] // self._rows_per_batch(data.shape[0]))
            X, weight = self._features(data), options.get("sample_weight")
            context = self._init_callback_context(max_subtasks=self.n_iter)
            stage = Stage(self, backend, context, going_on, sample_weight=weight)
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            if not going_on:
                self._start(backend, data, n_batches)
            else:
                self._resume(n_batches)
        self._take_over(stage)
        trainer = self._trainer(backend, data, self.n_iter)
        rows = self._rows(backend, data, host_dtype(trainer.parameters()["weights"]))
        held_out = self._held_out_rows(rows)
        stopping = None
        if self.early_stopping is not None:
            stopping = EarlyStopping(
                self._is_better(trainer, rows, held_out),
                self.n_iter_no_change,
                trainer.copies,
                trainer.restore,
            )
        stage.begin(trainer, stopping)
        hooks = EpochHooks(
            self,
            context,
            X,
            y,
            fitted_arrays=lambda: self._fitted_arrays(trainer),
            describe=lambda entry: self._described(entry, self._printed(trainer, rows)),
            stage=stage,
            early_stopping=stopping,
        )
        try:
            if not stage.is_finished:
                trainer.run(rows, self.n_iter, hooks, held_out)
        except DivergenceError as error:
            raise DivergenceError(f"{name_of(self)}: {error}") from error
        finally:
            # also after an interrupt or an error in a callback: what was learned is kept
            if stopping is not None:
                stopping.finish()
            self._store(trainer, hooks.entries)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=lambda: self._fitted_arrays(trainer)
        )
        stage.end()
        self._warn_of_base_rate(hooks.entries, rows.n_rows)

    def _partial_fit(self, X: Any, y: Any = None, **options: Any) -> None:
        going_on = hasattr(self, "components_")
        backend = self._resolve_backend(X)
        with self._untouched_if_bad():
            data = self._check_labelled(backend, X, y, going_on, 1, **options)
            if not going_on:
                self._start(backend, data, 1)
            else:
                self._resume(1)
        trainer = self._trainer(backend, data, None)
        rows = self._rows(backend, data, host_dtype(trainer.parameters()["weights"]))
        entries: list[dict[str, Any]] = []
        try:
            entries.append(trainer.update(rows.batch(np.arange(rows.n_rows))))
        except DivergenceError as error:
            raise DivergenceError(f"{name_of(self)}: {error}") from error
        finally:
            self._store(trainer, entries)

    def _check_early_stopping(self) -> None:
        """Raise if early stopping has nothing to look at."""
        check_held_out(self)

    def _check_shapes(self) -> None:
        """Raise unless the public arrays, which anybody may set, fit together."""
        weights = np.shape(self.components_)
        shapes = {
            "components_": (weights, "(n_components, n_features)"),
            "intercept_hidden_": (np.shape(self.intercept_hidden_), "(n_components,)"),
            "intercept_visible_": (np.shape(self.intercept_visible_), "(n_features,)"),
        }
        fit = (
            len(weights) == 2
            and shapes["intercept_hidden_"][0] == weights[:1]
            and shapes["intercept_visible_"][0] == weights[1:]
            and getattr(self, "n_features_in_", weights[-1]) == weights[-1]
        )
        if hasattr(self, "log_variance_visible_"):
            shape = np.shape(self.log_variance_visible_)
            shapes["log_variance_visible_"] = (shape, "(n_features,)")
            fit = fit and shape == weights[1:]
        if not fit:
            found = ", ".join(f"{name} {shape}" for name, (shape, _) in shapes.items())
            wanted = ", ".join(wanted for _, wanted in shapes.values())
            n_features = getattr(self, "n_features_in_", None)
            known = "" if n_features is None else f" with n_features_in_ = {n_features}"
            raise ValueError(
                f"The fitted arrays of {name_of(self)} do not fit together: {found}; they "
                f"must have the shapes {wanted}{known}."
            )

    def _fitted_arrays(self, trainer: Trainer) -> dict[str, np.ndarray]:
        """The public fitted arrays of a model in training: on the host, in the data's dtype."""
        names = {
            "weights": "components_",
            "hidden_bias": "intercept_hidden_",
            "visible_bias": "intercept_visible_",
            "log_variance": "log_variance_visible_",
        }
        dtype = host_dtype(self.components_)
        found = {}
        for name, array in trainer.parameters().items():
            host = trainer.backend.to_host(array).astype(dtype)
            found[names[name]] = host.T if name == "weights" else host
        return found

    def _check_going_on(self) -> None:
        """Raise unless the public arrays are what `fit` can go on from."""
        self._check_shapes()
        if len(self.components_) != self.n_components:
            raise ValueError(
                f"{name_of(self)} goes on from its {len(self.components_)} components, "
                f"but n_components={self.n_components}. Set n_components to their number, or "
                "fit anew with warm_start=False."
            )

    def _held_out_rows(self, rows: Rows) -> np.ndarray | None:
        """Which of the rows to keep from training."""
        return self._held_out(rows.n_rows)

    def _held_out(self, n_rows: int) -> np.ndarray | None:
        """Rows that are kept from training, the same in every call for one number of rows."""
        n = self._n_held_out(n_rows)
        if not n:
            return None
        return np.sort(self._held_out_stream().permutation(n_rows)[:n])

    def _n_held_out(self, n_rows: int) -> int:
        if not self.validation_fraction:
            return 0
        n = min(max(1, round(self.validation_fraction * n_rows)), n_rows - 1)
        if n < 1:
            raise ValueError(
                f"validation_fraction={self.validation_fraction!r} of {name_of(self)} needs "
                f"at least 2 rows; X has {n_rows}."
            )
        return n

    def _held_out_stream(self) -> np.random.Generator:
        seed = np.random.SeedSequence(self._entropy, spawn_key=(VALIDATION,))
        return np.random.Generator(np.random.SFC64(seed))

    def _resume(self, n_batches: int) -> None:
        """Go on from the last call, or adopt parameters that somebody set without training."""
        state = getattr(self, "_training", None)
        if state is None:
            self._adopt(n_batches, 0.0)
        elif any(
            np.shape(saved["slots"][0]) != self._weights_shape()
            for name, saved in state.optimizer.items()
            if name == "weights"
        ):
            # another number of components than was trained
            self.__dict__.pop("h_samples_", None)
            self._adopt(n_batches, self._data_variance)

    def _take_over(self, stage: Stage) -> None:
        """What a trainer is made of, where the fit goes on from a checkpoint."""
        if not stage.take_seed():
            return
        self._training = stage.state()
        # of another fit in this process
        for name in ("h_samples_", "_algorithm"):
            self.__dict__.pop(name, None)
        if self._training.chains is not None:
            self.h_samples_ = self._training.chains
            self._training.chains = None

    def _weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights in training."""
        return np.shape(self.components_)[::-1]

    def _adopt(self, n_batches: int, data_variance: float) -> None:
        """Begin the bookkeeping of a model that has parameters and has not been trained."""
        if not hasattr(self, "_entropy"):
            self._entropy = self._seed().entropy
        self._training = TrainingState(n_batches=n_batches)
        if hasattr(self, "log_variance_visible_"):
            self._training.log_variance_floor = self.log_variance_visible_ + np.log(1e-3)
        self._data_variance = data_variance
        self.n_iter_ = 0
        self.history_: dict[str, np.ndarray] = {
            name: np.empty((0, len(self.components_)) if name == "weight_norm" else 0)
            for name in (*self._measures, "epoch_time")
        }

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    @property
    def _n_visible(self) -> int:
        return int(np.shape(self.components_)[-1])

    def _store(self, trainer: Trainer, entries: list[dict[str, Any]]) -> None:
        """Public arrays, history and the state to go on from.

        After a divergence the trainer holds what the last good epoch ended with.
        """
        for name, array in self._fitted_arrays(trainer).items():
            setattr(self, name, array)
        self._training = copy.copy(trainer.save_state())
        if self._training.chains is not None:
            self.h_samples_ = self._training.chains.astype(self.components_.dtype)
            self._training.chains = None
        self.n_iter_ += len(entries)
        if entries:
            self.history_ = {
                name: np.concatenate([old, np.array([entry[name] for entry in entries])])
                for name, old in self.history_.items()
            }
