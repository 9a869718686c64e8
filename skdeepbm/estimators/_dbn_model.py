"""What the public arrays of a deep belief net describe: a network and a generative model."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import BoltzmannBase, host_dtype, put
from skdeepbm.estimators._layers import (
    hidden_units,
    layer_sizes,
    layer_templates,
    upward_arrays,
    visible_kind,
)
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.network import Layer, Network
from skdeepbm.models.units import SoftmaxUnits


class DBNModelMixin(BoltzmannBase):
    """From the fitted arrays to models on a backend.

    ``coefs_`` and ``intercepts_`` are the upward pass. After backpropagation they are a whole
    classifier, and what generates is the stack of ``rbms_`` as earlier training left it, with
    ``recognition_coefs_`` where that was up-down training; otherwise they are the recognition
    weights of the generative model, up to the penultimate layer.
    """

    hidden_layer_sizes: Any
    rbm: Any
    rbms_: list[Any]
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    classes_: np.ndarray
    recognition_coefs_: list[np.ndarray]
    recognition_intercepts_: list[np.ndarray]
    _fitted_names = ("rbms_", "coefs_", "intercepts_", "classes_")
    _other_names = ("recognition_coefs_", "recognition_intercepts_")

    @property
    def visible(self) -> str:
        """Kind of the visible units: that of the first template."""
        return visible_kind(layer_templates(self, len(layer_sizes(self)))[0])

    @property
    def _n_visible(self) -> int:
        return int(np.shape(self.rbms_[0].components_)[-1])

    @property
    def _is_classifier_network(self) -> bool:
        """Whether the upward pass ends in the classes."""
        return len(self.coefs_) > len(self.rbms_)

    def _check_shapes(self) -> None:
        """Raise unless the public arrays, which anybody may set, fit together."""
        sizes = [self._n_visible, *(len(rbm.components_) for rbm in self.rbms_)]
        stack = [np.shape(rbm.components_) for rbm in self.rbms_]
        if stack != [(above, below) for below, above in zip(sizes[:-1], sizes[1:], strict=True)]:
            raise ValueError(
                f"The components_ of the rbms_ of {type(self).__name__} have the shapes {stack}, "
                "but each must have a column for every unit of the one below."
            )
        n_classes = np.shape(self.rbms_[-1].label_components_)[-1]
        if n_classes != len(self.classes_):
            raise ValueError(
                f"The shapes of classes_ ({len(self.classes_)},) and of the label_components_ of "
                f"the last of the rbms_ of {type(self).__name__}, (n_components, {n_classes}), do "
                "not fit."
            )
        if self._is_classifier_network:
            sizes.append(n_classes)
        found = [
            (np.shape(w), np.shape(b)) for w, b in zip(self.coefs_, self.intercepts_, strict=False)
        ]
        wanted = [
            ((below, above), (above,)) for below, above in zip(sizes[:-1], sizes[1:], strict=True)
        ][: len(self.coefs_)]
        directed = len(self.rbms_) - 1
        if (
            len(self.coefs_) != len(self.intercepts_)
            or len(self.coefs_) not in (directed, directed + 2)
            or found != wanted
        ):
            raise ValueError(
                f"coefs_ and intercepts_ of {type(self).__name__} have the shapes {found}; with "
                f"its rbms_ and classes_ they must be {wanted}."
            )

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> Network:
        """The network of the upward pass."""
        self._check_shapes()
        return Network(self._upward(backend, dtype, self.coefs_, self.intercepts_, copy_arrays))

    def _upward(
        self, backend: Backend, dtype: Any, coefs: Any, intercepts: Any, copy_arrays: bool = False
    ) -> list[Layer]:
        layers = []
        for i, (weights, bias) in enumerate(zip(coefs, intercepts, strict=True)):
            w, b = (put(backend, array, dtype, copy_arrays) for array in (weights, bias))
            if i < len(self.rbms_):
                units = hidden_units(self.rbms_[i], backend, b)
            else:
                units = SoftmaxUnits(backend, b)
            replicated = i == 0 and self.visible == "multinomial"
            layers.append(Layer(w, units, replicated))
        return layers

    def _recognition_arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and biases of the generative model's way up to the penultimate layer."""
        if len(self.coefs_) == len(self.rbms_) - 1:
            return list(zip(self.coefs_, self.intercepts_, strict=True))
        # backpropagation left the generative model as it was
        if hasattr(self, "recognition_coefs_"):
            return list(zip(self.recognition_coefs_, self.recognition_intercepts_, strict=True))
        return [upward_arrays(rbm) for rbm in self.rbms_[:-1]]

    def _belief_net(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> BeliefNet:
        """The generative model: directed layers, and the top RBM with label units."""
        self._check_shapes()
        arrays = self._recognition_arrays()
        recognition = self._upward(
            backend, dtype, [w for w, _ in arrays], [b for _, b in arrays], copy_arrays
        )
        generative = []
        for rbm in self.rbms_[:-1]:
            weights = put(backend, rbm.components_, dtype, copy_arrays)
            bias = put(backend, rbm.intercept_visible_, dtype, copy_arrays)
            # a Gaussian layer has the variance that the RBM above it has learned
            units = rbm._model(backend, dtype).visible.with_bias(bias)
            generative.append(Layer(weights, units))
        top = self.rbms_[-1]._model(backend, dtype, copy_arrays)
        return BeliefNet(recognition, generative, top)

    def _prepare_net(self, X: Any, warn: bool = True) -> tuple[Backend, Any, BeliefNet]:
        """Backend, validated rows and the generative model."""
        backend, X, _ = self._prepare(X, warn)
        return backend, X, self._belief_net(backend, host_dtype(X))

    @property
    def _width(self) -> int:
        """Units of the widest layer."""
        return max(self._n_visible, *(len(rbm.components_) for rbm in self.rbms_))
