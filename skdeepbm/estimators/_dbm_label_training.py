"""`fit` and `partial_fit` of a deep Boltzmann machine with a label: the order of things."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdeepbm.backends import Backend
from skdeepbm.estimators._dbm_label_model import DBMLabelModelMixin
from skdeepbm.estimators._dbm_label_runs import LabelledDBMRun, UnrolledRun
from skdeepbm.estimators._dbm_start import DBMStartMixin
from skdeepbm.estimators._finetuning_settings import check_finetuning
from skdeepbm.estimators._fitting import warn_of_base_rate, warn_of_silent_layers
from skdeepbm.estimators._labels import (
    class_shares,
    classes_of_partial_fit,
    encode_labels,
    replicated_rows,
    taken_rows,
)
from skdeepbm.estimators._layers import default_template
from skdeepbm.estimators._stage import begin_deep_fit
from skdeepbm.estimators.finetuning import Backprop
from skdeepbm.models.units import SoftmaxUnits


class DBMLabelTrainingMixin(DBMLabelModelMixin, DBMStartMixin):
    """Greedy layers, joint training with the labels, then backpropagation of a network."""

    finetuning: Any
    class_weight: Any
    unlabelled: Any
    n_joint_iter_: int
    joint_history_: dict[str, np.ndarray]
    _tuning: Any
    # classes are found better in sparser units
    _default_layer = staticmethod(default_template)

    def _fit(self, X: Any, y: Any, sample_weight: Any = None) -> None:
        backend, settings = self._resolve_backend(X), self._settings()
        going_on = self.warm_start and hasattr(self, "coefs_")
        is_joint = not going_on or settings is None
        # greedy training changes nothing here until all layers are there
        with self._untouched_if_bad():
            X, codes, classes = self._check_labelled(
                backend, X, y, going_on, self.n_iter * is_joint, self.classes_ if going_on else None
            )
            index = replicated_rows(
                self, X, codes, sample_weight, self.class_weight, classes, canonical=True
            )
            rows, codes = taken_rows(backend, X, codes, index)
            n_epochs = None if settings is None else settings.n_iter
            check_finetuning(self, settings, rows, codes, self._epoch(), n_epochs)
            context, _ = begin_deep_fit(self, backend, X, y, going_on, sample_weight)
            if not going_on:
                self._grow(backend, rows, context)
                self._add_label(classes, codes)
        run = None
        if is_joint:
            self._forget_network()
            run = LabelledDBMRun(self, backend, rows, codes, self.n_iter)
            run.fit(context, X, y)
        if settings is not None:
            self._unroll(codes)
            UnrolledRun(self, settings, backend, rows, codes, n_epochs).fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )
        if run is not None:
            variance, n_rows = getattr(self, "_data_variance", 0.0), int(codes.size)
            if not warn_of_base_rate(self, run.entries, variance, n_rows):
                warn_of_silent_layers(self, run.entries, n_rows)

    def _partial_fit(self, X: Any, y: Any, classes: Any) -> None:
        going_on = hasattr(self, "coefs_")
        classes = classes_of_partial_fit(self, classes, going_on)
        backend, settings = self._resolve_backend(X), self._settings()
        with self._untouched_if_bad():
            X, codes, classes = self._check_labelled(backend, X, y, going_on, 1, classes)
            index = replicated_rows(self, X, codes, None, self.class_weight, classes)
            X, codes = taken_rows(backend, X, codes, index)
            check_finetuning(self, settings, X, codes, self._epoch(), None)
            if not going_on:
                self._grow(backend, X, self._init_callback_context(max_subtasks=None))
                self._add_label(classes, codes)
        if settings is None:
            self._forget_network()
        LabelledDBMRun(self, backend, X, codes, None).step()
        if settings is not None:
            self._unroll(codes)
            if (codes >= 0).any():
                UnrolledRun(self, settings, backend, X, codes, None).step()

    def _check_labelled(
        self, backend: Backend, X: Any, y: Any, going_on: bool, n_epochs: int, classes: Any
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        """Validated rows, codes of their classes, and the classes."""
        X = self._check(backend, X, going_on, n_epochs)
        classes, codes = encode_labels(self, y, classes)
        check_consistent_length(X, codes)
        return X, codes, classes

    def _settings(self) -> Backprop | None:
        """Validated settings of the fine-tuning."""
        given = Backprop() if isinstance(self.finetuning, str) else self.finetuning
        if given is not None:
            given._validate_params()
        return given

    def _epoch(self) -> int:
        """Finished epochs of a fine-tuning that goes on."""
        state = getattr(self, "_tuning", None)
        return 0 if state is None else int(state.epoch)

    # -- what training starts from -------------------------------------------------------

    def _add_label(self, classes: np.ndarray, codes: np.ndarray) -> None:
        """A label that the other layers know nothing of yet, its bias at the shares of classes."""
        dtype, shares = self.coefs_[0].dtype, class_shares(codes, classes.size)
        self.classes_ = classes
        self.label_coef_ = np.zeros((self._sizes()[-1], classes.size), dtype)
        self.label_intercept_ = SoftmaxUnits.initial_bias(shares, shares, None).astype(dtype)
        self.joint_history_, self.n_joint_iter_ = {}, 0
        self._forget_network()

    def _forget_network(self) -> None:
        self._tuning = None
        for name in ("network_coefs_", "network_intercepts_"):
            self.__dict__.pop(name, None)

    def _unroll(self, codes: np.ndarray) -> None:
        """The network that the machine is the start of, unless there is one already."""
        if self._has_network:
            return
        shares = class_shares(codes, len(self.classes_))
        self.network_coefs_, self.network_intercepts_ = self._unrolled(shares)
        self._tuning, self.history_, self.n_iter_ = None, {}, 0
