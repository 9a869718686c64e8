"""What the public arrays of a deep Boltzmann machine with a label describe: it, and a network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import host_dtype, put
from skdeepbm.estimators._dbm_model import DBMModelMixin
from skdeepbm.models.labelled_dbm import LabelledDBM
from skdeepbm.models.mean_field import settled_means
from skdeepbm.models.network import Layer, Network
from skdeepbm.models.units import BernoulliUnits, SoftmaxUnits

# of mean field where its result is an input of the network, or a bound that it is flat around
TOLERANCE = 1e-4


class DBMLabelModelMixin(DBMModelMixin):
    """From the fitted arrays to models on a backend.

    ``coefs_``, ``intercepts_``, ``label_coef_`` and ``label_intercept_`` are the machine. After
    backpropagation ``network_coefs_`` and ``network_intercepts_`` are a network that sees a row and
    the machine's expected values of the second hidden layer.
    """

    classes_: np.ndarray
    label_coef_: np.ndarray
    label_intercept_: np.ndarray
    network_coefs_: list[np.ndarray]
    network_intercepts_: list[np.ndarray]
    _fitted_names = (*DBMModelMixin._fitted_names, "label_coef_", "label_intercept_", "classes_")
    _other_names = (*DBMModelMixin._other_names, "network_coefs_", "network_intercepts_")

    @property
    def _width(self) -> int:
        """Units of the widest layer."""
        return max(*self._sizes(), len(self.classes_))

    @property
    def _has_network(self) -> bool:
        """Whether there is a network of backpropagation."""
        return hasattr(self, "network_coefs_")

    def _check_shapes(self) -> None:
        super()._check_shapes()
        name, n_classes, sizes = type(self).__name__, len(self.classes_), self._sizes()
        found = [np.shape(self.label_coef_), np.shape(self.label_intercept_)]
        wanted = [(sizes[-1], n_classes), (n_classes,)]
        if found != wanted:
            raise ValueError(
                f"label_coef_ and label_intercept_ of {name} have the shapes {found}; with its "
                f"coefs_ and classes_ they must be {wanted}."
            )
        if not self._has_network:
            return
        widths = [sizes[0] + sizes[2], *sizes[1:], n_classes]
        needed = [((below, above), (above,)) for below, above in itertools.pairwise(widths)]
        pairs = zip(self.network_coefs_, self.network_intercepts_, strict=False)
        shapes = [(np.shape(w), np.shape(b)) for w, b in pairs]
        lengths = {len(self.network_coefs_), len(self.network_intercepts_)}
        if shapes != needed or lengths != {len(needed)}:
            raise ValueError(
                f"network_coefs_ and network_intercepts_ of {name} have the shapes {shapes}; with "
                f"its coefs_ and classes_ they must be {needed}."
            )

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> LabelledDBM:
        dbm = super()._model(backend, dtype, copy_arrays)
        weights, bias = (
            put(backend, array, dtype, copy_arrays)
            for array in (self.label_coef_, self.label_intercept_)
        )
        return LabelledDBM([*dbm.layers, SoftmaxUnits(backend, bias)], [*dbm.weights, weights])

    def _network(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> Network:
        """The network of backpropagation, whose inputs are those of :meth:`_second_means` too."""
        layers: list[Layer] = []
        for w, b in zip(self.network_coefs_, self.network_intercepts_, strict=True):
            bias, last = put(backend, b, dtype, copy_arrays), len(layers) == len(self.coefs_)
            units = (SoftmaxUnits if last else BernoulliUnits)(backend, bias)
            layers.append(Layer(put(backend, w, dtype, copy_arrays), units))
        return Network(layers)

    def _unrolled(self, shares: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Weights and biases of the network as the machine is the start of them.

        Hidden layers get the input that they have in mean field, the first one all of it. The label
        is not known on the way: its mean input, with ``shares`` of the classes, goes into the bias.
        """
        first, second, *deeper = (np.asarray(w) for w in self.coefs_)
        if hasattr(self, "log_variance_visible_"):
            # the weights see v / s^2
            first = first * np.exp(-np.asarray(self.log_variance_visible_))[:, None]
        weights = [np.concatenate([first, second.T]), second, *deeper]
        # between two layers of which only the one below is there, its input counts for both
        weights[1:-1] = [2.0 * w for w in weights[1:-1]]
        biases = [np.array(b) for b in self.intercepts_[1:]]
        biases[-1] = biases[-1] + np.asarray(self.label_coef_) @ shares
        weights.append(np.array(self.label_coef_))
        biases.append(np.array(self.label_intercept_))
        dtype = first.dtype
        return (
            [np.ascontiguousarray(w, dtype=dtype) for w in weights],
            [np.asarray(b, dtype=dtype) for b in biases],
        )

    def _second_means(self, backend: Backend, X: Any) -> Any:
        """Mean-field expected values of the second hidden layer, the label not known.

        On the host, unless ``X`` is an array of ``backend``.
        """
        dtype = host_dtype(X)
        dbm = self._model(backend, dtype)

        def means(v: Array) -> Array:
            return settled_means(dbm, v, TOLERANCE)[1]

        return self._apply_rows(backend, X, dtype, means, sum(self._sizes()))
