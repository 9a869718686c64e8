"""From an RBM estimator's parameters and public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import TRAINING, host_dtype, put
from skdeepbm.estimators._fitting import warn_of_base_rate
from skdeepbm.estimators._hyperparameters import check_groups, check_schedules
from skdeepbm.estimators._likelihood import has_pseudo_likelihood
from skdeepbm.estimators._rows import check_training_rows
from skdeepbm.estimators._training import TrainingMixin
from skdeepbm.estimators._validation import name_of, warn_of_constant_columns
from skdeepbm.evaluation.pseudo_likelihood import pseudo_log_likelihood
from skdeepbm.models import RBM
from skdeepbm.models.units import UNITS
from skdeepbm.training import RBMTrainer, Rows, TrainingSettings
from skdeepbm.training.monitor import monitored_rows
from skdeepbm.training.optimizers import usable_state
from skdeepbm.training.schedules import value_at
from skdeepbm.training.start import column_moments, initial_parameters


class RBMTrainingMixin(TrainingMixin):
    """What training an RBM needs besides the order of things."""

    visible: str

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> RBM:
        self._check_shapes()

        def own(array: Any) -> Array:
            return put(backend, array, dtype, copy_arrays)

        variance = getattr(self, "log_variance_visible_", None)
        n_hidden, n_visible = np.shape(self.components_)
        visible = UNITS[self.visible](
            backend,
            own(self.intercept_visible_),
            None if variance is None else own(variance),
            check_groups(self, self.visible_groups, n_visible, "visible_groups"),
        )
        hidden = UNITS[self.hidden](
            backend,
            own(self.intercept_hidden_),
            None,
            check_groups(self, self.hidden_groups, n_hidden, "hidden_groups"),
        )
        return RBM(visible, hidden, own(np.asarray(self.components_).T))

    def _check_training(self, backend: Backend, X: Any, going_on: bool, n_epochs: int) -> Any:
        """Hyper-parameters and data, checked before anything of the estimator changes."""
        if self.sparsity_cost and self.hidden != "bernoulli":
            raise ValueError(
                f"sparsity_cost={self.sparsity_cost!r} of {name_of(self)} needs "
                "hidden='bernoulli': the penalty is defined for probabilities. For "
                f"hidden={self.hidden!r} use l1_penalty, or 0."
            )
        if going_on:
            self._check_going_on()
        if self.visible_states == "mean" and self.algorithm != "cd":
            raise ValueError(
                f"visible_states='mean' of {name_of(self)} needs algorithm='cd': chains of "
                f"algorithm={self.algorithm!r} must be drawn. Use visible_states='auto'."
            )
        self._check_early_stopping()
        check_schedules(self, self._finished_epochs(going_on), n_epochs)
        check_groups(self, self.hidden_groups, self.n_components, "hidden_groups")
        return check_training_rows(self, X, backend, going_on)

    def _check_early_stopping(self) -> None:
        super()._check_early_stopping()
        if self.early_stopping == "pseudo_likelihood" and not has_pseudo_likelihood(self):
            raise ValueError(
                f"early_stopping='pseudo_likelihood' of {name_of(self)} needs discrete visible "
                f"units; with visible={self.visible!r} use 'free_energy_gap'."
            )

    def _start(
        self, backend: Backend, X: Any, n_batches: int, index: np.ndarray | None = None
    ) -> None:
        """Set the starting parameters from the data."""
        kind = UNITS[self.visible]
        groups = check_groups(self, self.visible_groups, X.shape[1], "visible_groups")
        mean, variance = column_moments(backend, X, index)
        if kind.has_variance:
            warn_of_constant_columns(self, mean, variance)
        self._entropy = self._seed().entropy
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self._entropy)))
        start = initial_parameters(self.visible, self.n_components, mean, variance, groups, rng)
        dtype = host_dtype(X)
        # rounded to the precision of training, where that is lower
        working = np.dtype(self.training_dtype or dtype)
        start = {name: array.astype(working).astype(dtype) for name, array in start.items()}
        for name in ("h_samples_", "log_variance_visible_", "_gibbs_seed"):
            self.__dict__.pop(name, None)
        self.components_ = start["weights"].T
        self.intercept_hidden_ = start["hidden_bias"]
        self.intercept_visible_ = start["visible_bias"]
        if "log_variance" in start:
            self.log_variance_visible_ = start["log_variance"]
        self._adopt(n_batches, float(variance.mean()))
        self._training.base_bias = start["visible_bias"]

    def _trainer(self, backend: Backend, X: Any, n_epochs: int | None) -> RBMTrainer:
        dtype = np.dtype(self.training_dtype or host_dtype(self.components_))
        rbm = self._model(backend, dtype, copy_arrays=True)
        state = copy.copy(self._training)
        state.optimizer = usable_state(self.optimizer, state.optimizer)
        state.chains = getattr(self, "h_samples_", None)
        if state.chains is not None and np.shape(state.chains)[1:] != (rbm.hidden.size,):
            raise ValueError(
                f"h_samples_ of {name_of(self)} has shape {np.shape(state.chains)}, but "
                f"(n_chains, {rbm.hidden.size}) is needed."
            )
        if getattr(self, "_algorithm", self.algorithm) != self.algorithm:
            # what another algorithm carried over means nothing to this one
            state.memory, state.chains = {}, None
        n_levels = self.n_temperatures if self.algorithm == "pt" else 1
        if state.chains is not None and len(state.chains) % n_levels:
            raise ValueError(
                f"h_samples_ of {name_of(self)} has {len(state.chains)} rows, which is no "
                f"multiple of n_temperatures={n_levels}. Fit anew, or delete h_samples_."
            )
        n_rows = None if self.n_chains is None else self.n_chains * n_levels
        if state.chains is not None and n_rows not in (None, len(state.chains)):
            # another number of chains is asked for: they start anew
            state.chains = None
        settings = TrainingSettings(**self._settings())
        # another seed than that of the starting weights, the same in every call
        seed = np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,))
        sparse = sp.issparse(X) and backend.name == "numpy"
        self._fit_backend, self._algorithm = backend.name, self.algorithm
        return self._trainer_class()(rbm, settings, state, seed, sparse)

    def _trainer_class(self) -> type[RBMTrainer]:
        return RBMTrainer

    def _settings(self) -> dict[str, Any]:
        """Hyper-parameters of training, none of them "auto"."""
        fields = TrainingSettings.__dataclass_fields__
        found = {name: getattr(self, name) for name in fields if hasattr(self, name)}
        found["learning_rate"], found["momentum"] = self._learning_rate(), self._momentum()
        found["visible_states"] = self._visible_states()
        found["fast_learning_rate"] = self._fast_learning_rate()
        return found

    def _learning_rate(self) -> Any:
        if not isinstance(self.learning_rate, str):
            return self.learning_rate
        kinds = UNITS[self.visible], UNITS[self.hidden]
        rate = min(kind.default_learning_rate for kind in kinds)
        if self.algorithm != "cd":
            # chains have to keep up with the model
            rate /= 5
        return rate / 10 if self.optimizer == "adam" else rate

    def _momentum(self) -> Any:
        if not isinstance(self.momentum, str):
            return self.momentum
        return 0.0 if self.algorithm != "cd" and self.optimizer != "adam" else 0.9

    def _fast_learning_rate(self) -> float:
        if self.fast_learning_rate is not None:
            return float(self.fast_learning_rate)
        return float(value_at(self._learning_rate(), 0))

    def _visible_states(self) -> str:
        if self.visible_states != "auto":
            return self.visible_states
        expected = self.algorithm == "cd" and not UNITS[self.visible].has_variance
        return "mean" if expected else "draw"

    def _printed(
        self, trainer: RBMTrainer, rows: Rows, among: np.ndarray | None = None
    ) -> float | None:
        """Mean exact pseudo-likelihood of rows that the history is measured on."""
        if not has_pseudo_likelihood(self):
            return None
        among = np.arange(rows.n_rows) if among is None else among
        index = among[monitored_rows(among.size, trainer.rbm.visible.size)]
        total = 0.0
        for start in range(0, index.size, self.batch_size):
            v = rows.dense(index[start : start + self.batch_size])
            total += float(trainer.backend.xp.sum(pseudo_log_likelihood(trainer.rbm, v)))
        return total / index.size

    def _warn_of_base_rate(self, entries: list[dict[str, Any]], n_rows: int) -> None:
        warn_of_base_rate(self, entries, self._data_variance, n_rows)
