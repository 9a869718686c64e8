"""`fit` and `partial_fit` of a deep belief net: the order of things."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._dbn_layers import DBNLayersMixin
from skdeepbm.estimators._dbn_runs import BackpropRun, WakeSleepRun
from skdeepbm.estimators._finetuning_settings import check_finetuning
from skdeepbm.estimators._labels import (
    classes_of_partial_fit,
    encode_labels,
    replicated_rows,
    taken_rows,
)
from skdeepbm.estimators._layers import check_same_layers
from skdeepbm.estimators._rows import check_rows
from skdeepbm.estimators._stage import begin_deep_fit
from skdeepbm.estimators.finetuning import Backprop, WakeSleep

FINETUNING = {"backprop": Backprop, "wake-sleep": WakeSleep}


class DBNTrainingMixin(DBNLayersMixin):
    """The order of things: layers from the bottom up, then the net as a whole."""

    class_weight: Any
    unlabelled: Any
    warm_start: bool
    _set_by_checks = (*DBNLayersMixin._set_by_checks, "_entropy")

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "rbms_")
        settings = self._settings()
        # greedy training changes nothing here until all layers are there
        with self._untouched_if_bad():
            X, codes, classes, layers = self._check(
                backend, X, y, going_on, self.classes_ if going_on else None
            )
            index = replicated_rows(
                self, X, codes, sample_weight, self.class_weight, classes, canonical=True
            )
            rows, codes = taken_rows(backend, X, codes, index)
            n_epochs = None if settings is None else settings.n_iter
            check_finetuning(self, settings, rows, codes, self._epoch(settings), n_epochs)
            context, has_seed = begin_deep_fit(self, backend, X, y, going_on, sample_weight)
            if has_seed:
                layers = self._layers()
            if not going_on or settings is None:
                if going_on:
                    layers = self._renewed(layers)
                self._fit_layers(backend, rows, codes, classes, layers, context)
        if settings is not None:
            self._match_upward(host_dtype(X), settings)
            self._run(settings, backend, rows, codes, settings.n_iter).fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )

    def _partial_fit(self, X: Any, y: Any, classes: Any) -> None:
        going_on = hasattr(self, "rbms_")
        classes = classes_of_partial_fit(self, classes, going_on)
        backend, settings = self._resolve_backend(X), self._settings()
        with self._untouched_if_bad():
            X, codes, classes, layers = self._check(backend, X, y, going_on, classes)
            index = replicated_rows(self, X, codes, None, self.class_weight, classes)
            X, codes = taken_rows(backend, X, codes, index)
            check_finetuning(self, settings, X, codes, self._epoch(settings), None)
            if not going_on or (self.pretraining and not isinstance(settings, WakeSleep)):
                if going_on:
                    layers = self._renewed(layers)
                self._step_layers(backend, X, codes, classes, layers, going_on)
        if settings is None:
            return
        self._match_upward(host_dtype(X), settings)
        if isinstance(settings, WakeSleep) or (codes >= 0).any():
            self._run(settings, backend, X, codes, None).step()

    def _check(
        self, backend: Backend, X: Any, y: Any, going_on: bool, classes: Any
    ) -> tuple[Any, np.ndarray, np.ndarray, list[Any]]:
        """Validated rows, codes of their classes, the classes, and unfitted layers."""
        # parameters that somebody set by hand come without a number of features
        reset = not (going_on and hasattr(self, "n_features_in_"))
        X = check_rows(self, X, backend, reset=reset)
        classes, codes = encode_labels(self, y, classes)
        check_consistent_length(X, codes)
        if going_on:
            self._check_going_on(X)
        if not going_on or not hasattr(self, "_entropy"):
            self._entropy = self._seed().entropy
        return X, codes, classes, self._layers()

    def _check_going_on(self, X: Any) -> None:
        """Raise unless the public arrays are what training can go on from."""
        self._check_shapes()
        check_same_layers(self, tuple(len(rbm.components_) for rbm in self.rbms_))
        self._check_width(X)

    def _settings(self) -> Backprop | WakeSleep | None:
        """Validated settings of the fine-tuning."""
        given = self.finetuning
        if isinstance(given, str):
            given = FINETUNING[given]()
        if given is not None:
            given._validate_params()
        return given

    def _epoch(self, settings: Backprop | WakeSleep | None) -> int:
        """Finished epochs of a fine-tuning that goes on."""
        state = getattr(self, "_training", None)
        if state is None or isinstance(settings, Backprop) != self._is_classifier_network:
            return 0
        return int(state.epoch)

    # -- fine-tuning ---------------------------------------------------------------------

    def _run(
        self,
        settings: Backprop | WakeSleep,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> BackpropRun | WakeSleepRun:
        kind = BackpropRun if isinstance(settings, Backprop) else WakeSleepRun
        return kind(self, settings, backend, X, codes, n_epochs)
