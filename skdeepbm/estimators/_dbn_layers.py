"""The layers of a deep belief net: greedy training, and the upward pass that begins with them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING, host_dtype
from skdeepbm.estimators._dbn_model import DBNModelMixin
from skdeepbm.estimators._layers import fit_layer, make_layers, named_layer, upward_arrays
from skdeepbm.estimators.classification_rbm import ClassificationRBM
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.training.start import glorot_weights


class DBNLayersMixin(DBNModelMixin):
    """RBMs from the bottom up, and what they make of the public arrays."""

    pretraining: bool
    finetuning: Any
    n_iter_: int
    history_: dict[str, np.ndarray]
    _entropy: Any
    _training: Any

    @abstractmethod
    def _settings(self) -> Backprop | WakeSleep | None:
        """Validated settings of the fine-tuning."""

    def _layers(self) -> list[Any]:
        """Unfitted layers with the settings of the templates; the top one has label units."""
        seed = None if self.random_state is None else np.random.SeedSequence(self._entropy)
        layers: list[Any] = list(make_layers(self, seed))
        if isinstance(layers[-1], ReplicatedSoftmax):
            raise ValueError(
                f"The only layer of {type(self).__name__} is a ReplicatedSoftmax, but the top one "
                "has label units beside the data: add a layer, such as hidden_layer_sizes=(50, 50)"
                " with rbm=[ReplicatedSoftmax(), RBMTransformer()]."
            )
        layers[-1] = self._labelled(layers[-1])
        for layer in layers:
            if not self.pretraining:
                layer.set_params(n_iter=0)
            layer._validate_params()
        return layers

    def _labelled(self, template: Any) -> ClassificationRBM:
        """The top RBM with label units, with the settings of its template."""
        known = ClassificationRBM().get_params(deep=False)
        shared = {k: v for k, v in template.get_params(deep=False).items() if k in known}
        if shared["early_stopping"] is not None:
            # what is looked at besides free energies
            shared["early_stopping"] = "cross_entropy"
        return ClassificationRBM(**{**shared, "objective": "generative", "unlabelled": -1})

    def _renewed(self, layers: list[Any]) -> list[Any]:
        """Copies of the fitted layers with the settings that the templates have now."""
        found = []
        for rbm, layer in zip(self.rbms_, layers, strict=True):
            given = layer.get_params(deep=False)
            given |= {"random_state": rbm.random_state, "warm_start": True}
            found.append(copy.deepcopy(rbm).set_params(**given))
        return found

    def _fit_layers(
        self,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        classes: np.ndarray,
        layers: list[Any],
        context: Any,
    ) -> None:
        """Train the layers greedily and set the public arrays from them."""
        rows = X
        for place, layer in enumerate(layers[:-1]):
            fit_layer(layer, place, rows, context, self)
            rows = layer.transform(rows)
        fit_layer(layers[-1], len(layers) - 1, rows, context, self, codes, len(classes))
        self._adopt_layers(backend, layers, classes, host_dtype(X))

    def _step_layers(
        self,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        classes: np.ndarray,
        layers: list[Any],
        going_on: bool,
    ) -> None:
        """One step of every RBM; the first one sets everything up."""
        rows, (*below, top) = X, layers
        for place, layer in enumerate(below):
            with named_layer(self, place, layer):
                # untrained layers are started from the data
                layer.partial_fit(rows) if self.pretraining else layer.fit(rows)
            rows = layer.transform(rows)
        with named_layer(self, len(below), top):
            if self.pretraining:
                top.partial_fit(rows, codes, classes=np.arange(len(classes)))
            else:
                top._fit_codes(rows, codes, len(classes))
        if going_on and self._is_classifier_network and self.finetuning is not None:
            # the upward pass is that of backpropagation
            self.rbms_, self._fit_backend = layers, backend.name
            self._forget_recognition()
        else:
            self._adopt_layers(backend, layers, classes, host_dtype(X))

    def _adopt_layers(
        self, backend: Backend, layers: list[Any], classes: np.ndarray, dtype: np.dtype
    ) -> None:
        """Set the public arrays from trained layers."""
        for layer in layers:
            layer.set_params(warm_start=False)
        self.classes_, self.rbms_ = classes, layers
        self._fit_backend = backend.name
        self._forget_recognition()
        settings = self._settings()
        self._set_upward(dtype, settings, [upward_arrays(rbm) for rbm in layers[:-1]])
        if isinstance(settings, Backprop) and not self.pretraining:
            self._randomise(dtype)

    def _match_upward(self, dtype: np.dtype, settings: Backprop | WakeSleep) -> None:
        """Another kind of fine-tuning than before begins at the generative model."""
        if isinstance(settings, Backprop) != self._is_classifier_network:
            self._set_upward(dtype, settings, self._recognition_arrays())

    def _set_upward(
        self, dtype: np.dtype, settings: Backprop | WakeSleep | None, arrays: list[Any]
    ) -> None:
        """The upward pass of the generative model, with a new output layer for backpropagation."""
        arrays = [(w.astype(dtype), b.astype(dtype)) for w, b in arrays]
        if not isinstance(settings, Backprop):
            self._forget_recognition()
        else:
            self._keep_recognition(arrays)
            weights, bias = upward_arrays(self.rbms_[-1])
            n_classes = len(self.classes_)
            # the label is not known on the way up: its mean input goes into the bias
            bias = bias + self.rbms_[-1].label_components_ @ self._label_shares()
            arrays.append((weights.astype(dtype), bias.astype(dtype)))
            zeros = np.zeros((bias.size, n_classes), dtype)
            arrays.append((zeros, zeros[0].copy()))
        self.coefs_ = [w for w, _ in arrays]
        self.intercepts_ = [b for _, b in arrays]
        self._training = None
        # an RBM that somebody made by hand has no history
        self.history_ = dict(getattr(self.rbms_[-1], "history_", {}))
        self.n_iter_ = getattr(self.rbms_[-1], "n_iter_", 0)

    def _keep_recognition(self, arrays: list[Any]) -> None:
        """Keep recognition weights that are not those of the RBMs, before `coefs_` are others."""
        tied = all(
            np.array_equal(w, up) and np.array_equal(b, bias)
            for (w, b), (up, bias) in zip(arrays, map(upward_arrays, self.rbms_[:-1]), strict=True)
        )
        if not tied:
            self.recognition_coefs_ = [w.copy() for w, _ in arrays]
            self.recognition_intercepts_ = [b.copy() for _, b in arrays]

    def _forget_recognition(self) -> None:
        for name in ("recognition_coefs_", "recognition_intercepts_"):
            self.__dict__.pop(name, None)

    def _label_shares(self) -> np.ndarray:
        """Share of each label in the top RBM without any input."""
        bias = np.asarray(self.rbms_[-1].intercept_label_, dtype=np.float64)
        weights = np.exp(bias - bias.max())
        return weights / weights.sum()

    def _randomise(self, dtype: np.dtype) -> None:
        """Random weights in place of trained ones, all biases zero."""
        rng = np.random.default_rng(np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,)))
        self.coefs_[:-1] = [glorot_weights(rng, *w.shape).astype(dtype) for w in self.coefs_[:-1]]
        self.intercepts_ = [np.zeros_like(b) for b in self.intercepts_]
