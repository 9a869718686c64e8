"""Greedy pretraining of a deep belief net, and what follows it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._base import TRAINING, host_dtype
from skdeepbm.estimators._dbn_model import DBNModelMixin, upward_arrays
from skdeepbm.estimators._finetuning import BackpropRun, WakeSleepRun
from skdeepbm.estimators._labels import encode_labels, replicated_rows
from skdeepbm.estimators._layers import fit_layer, make_layers
from skdeepbm.estimators.classification_rbm import ClassificationRBM
from skdeepbm.estimators.finetuning import Backprop, WakeSleep

FINETUNING = {"backprop": Backprop, "wake-sleep": WakeSleep}


class DBNTrainingMixin(DBNModelMixin):
    """The order of things: layers from the bottom up, then the net as a whole."""

    pretraining: bool
    finetuning: Any
    class_weight: Any
    unlabelled: Any
    warm_start: bool
    n_iter_: int
    history_: dict[str, np.ndarray]

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "rbms_")
        settings = self._settings()
        with self._untouched_if_bad():
            layers = make_layers(self, self._layer_seed())
            X = self._check_rows(X, backend, warn=True, reset=not going_on)
            classes, codes = encode_labels(self, y, self.classes_ if going_on else None)
            check_consistent_length(X, codes)
            index = replicated_rows(
                self, X, codes, sample_weight, self.class_weight, classes, canonical=True
            )
        if index is not None:
            X = backend.take_rows(X, index) if owner_of(X) is backend else X[index]
            codes = codes[index]
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        if not going_on:
            self._start(backend, X, codes, classes, layers, context)
        elif settings is None:
            self._go_on_greedily(X, codes, context)
        elif isinstance(settings, Backprop) != self._is_classifier_network:
            # another kind of fine-tuning than before begins at the generative model
            self._set_upward(host_dtype(X), settings)
        if settings is not None:
            run = self._finetuning_run(settings, backend, X, codes)
            run.fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )

    def _settings(self) -> Backprop | WakeSleep | None:
        """Validated settings of the fine-tuning."""
        given = self.finetuning
        if isinstance(given, str):
            given = FINETUNING[given]()
        if given is not None:
            given._validate_params()
        return given

    def _layer_seed(self) -> np.random.SeedSequence | None:
        self._entropy = self._seed().entropy
        return None if self.random_state is None else np.random.SeedSequence(self._entropy)

    def _start(
        self,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        classes: np.ndarray,
        layers: list[Any],
        context: Any,
    ) -> None:
        """Train the layers greedily and set the public arrays from them."""
        if not self.pretraining:
            layers = [layer.set_params(n_iter=0) for layer in layers]
        layers[-1] = self._labelled(layers[-1])
        rows = X
        for place, layer in enumerate(layers[:-1]):
            fit_layer(layer, place, rows, context, self)
            rows = layer.transform(rows)
        fit_layer(layers[-1], len(layers) - 1, rows, context, self, codes, len(classes))
        self.classes_, self.rbms_ = classes, layers
        self.coefs_, self.intercepts_ = [], []
        self._fit_backend = backend.name
        settings = self._settings()
        self._set_upward(host_dtype(X), settings)
        if isinstance(settings, Backprop) and not self.pretraining:
            self._randomise(host_dtype(X))

    def _labelled(self, template: Any) -> ClassificationRBM:
        """The top RBM with label units, with the settings of its template."""
        known = ClassificationRBM().get_params(deep=False)
        shared = {k: v for k, v in template.get_params(deep=False).items() if k in known}
        return ClassificationRBM(**{**shared, "objective": "generative", "unlabelled": -1})

    def _set_upward(self, dtype: np.dtype, settings: Backprop | WakeSleep | None) -> None:
        """The upward pass of the generative model, with a new output layer for backpropagation."""
        arrays = self._recognition_arrays()
        if isinstance(settings, Backprop):
            weights, bias = upward_arrays(self.rbms_[-1])
            n_classes = len(self.classes_)
            # the label is not known on the way up: its mean input goes into the bias
            bias = bias + self.rbms_[-1].label_components_ @ self._label_shares()
            arrays.append((weights, bias))
            arrays.append((np.zeros((bias.size, n_classes)), np.zeros(n_classes)))
        self.coefs_ = [w.astype(dtype) for w, _ in arrays]
        self.intercepts_ = [b.astype(dtype) for _, b in arrays]
        self._training = None
        self.history_ = dict(self.rbms_[-1].history_)
        self.n_iter_ = self.rbms_[-1].n_iter_

    def _label_shares(self) -> np.ndarray:
        """Share of each label in the top RBM without any input."""
        bias = np.asarray(self.rbms_[-1].intercept_label_, dtype=np.float64)
        weights = np.exp(bias - bias.max())
        return weights / weights.sum()

    def _randomise(self, dtype: np.dtype) -> None:
        """Random weights in place of trained ones, all biases zero."""
        rng = np.random.default_rng(np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,)))
        self.coefs_[:-1] = [_glorot(rng, *w.shape).astype(dtype) for w in self.coefs_[:-1]]
        self.intercepts_ = [np.zeros_like(b) for b in self.intercepts_]

    def _go_on_greedily(self, X: Any, codes: np.ndarray, context: Any) -> None:
        """More epochs of every layer, from the bottom up."""
        rows, rbms = X, [copy.deepcopy(rbm).set_params(warm_start=True) for rbm in self.rbms_]
        for place, rbm in enumerate(rbms):
            if place + 1 < len(rbms):
                fit_layer(rbm, place, rows, context, self)
                rows = rbm.transform(rows)
            else:
                fit_layer(rbm, place, rows, context, self, codes, len(self.classes_))
        self.rbms_, self.coefs_, self.intercepts_ = rbms, [], []
        self._set_upward(host_dtype(X), None)

    def _finetuning_run(
        self, settings: Backprop | WakeSleep, backend: Backend, X: Any, codes: np.ndarray
    ) -> BackpropRun | WakeSleepRun:
        kind = BackpropRun if isinstance(settings, Backprop) else WakeSleepRun
        return kind(self, settings, backend, X, codes)

    def _public_arrays(self) -> dict[str, Any]:
        """What makes a fitted copy for callbacks."""
        names = ("rbms_", "coefs_", "intercepts_", "classes_", "n_features_in_")
        return {name: getattr(self, name) for name in names}

    def _partial_fit(self, X: Any, y: Any, classes: Any) -> None:
        going_on = hasattr(self, "rbms_")
        backend, settings = self._resolve_backend(X), self._settings()
        with self._untouched_if_bad():
            layers = [] if going_on else make_layers(self, self._layer_seed())
            X = self._check_rows(X, backend, warn=True, reset=not going_on)
            if going_on and classes is None:
                classes = self.classes_
            classes, codes = encode_labels(self, y, classes)
            check_consistent_length(X, codes)
        if not going_on:
            layers[-1] = self._labelled(layers[-1])
        if not going_on or not isinstance(settings, WakeSleep):
            self._step_layers(backend, X, codes, classes, layers)
        if settings is not None:
            self._finetuning_run(settings, backend, X, codes).step()

    def _step_layers(
        self, backend: Backend, X: Any, codes: np.ndarray, classes: np.ndarray, layers: list[Any]
    ) -> None:
        """One step of every RBM; the first one sets everything up."""
        going_on = not layers
        # copies, so that a failure leaves all of the model as it was
        rbms = [copy.deepcopy(rbm) for rbm in self.rbms_] if going_on else layers
        rows = X
        for rbm in rbms[:-1]:
            rbm.partial_fit(rows)
            rows = rbm.transform(rows)
        rbms[-1].partial_fit(rows, codes, classes=np.arange(len(classes)))
        self.rbms_, self.classes_ = rbms, classes
        self._fit_backend = backend.name
        settings = self._settings()
        if not going_on or settings is None:
            self.coefs_, self.intercepts_ = [], []
            self._set_upward(host_dtype(X), settings)


def _glorot(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    """Starting weights of a sigmoid network without pretraining (Glorot & Bengio 2010)."""
    bound = 4.0 * np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_in, n_out))
