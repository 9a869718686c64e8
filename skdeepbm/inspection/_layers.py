"""Weights and expected values of every hidden layer, whatever estimator they belong to."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.estimators import DBM, DBMClassifier, DBNClassifier, DeepAutoencoder
from skdeepbm.inspection._estimators import on_host
from skdeepbm.models.network import Network

#: deep Boltzmann machines, with and without a label
MACHINES = (DBM, DBMClassifier)
LAYERED = (*MACHINES, DBNClassifier, DeepAutoencoder)


def layer_weights(estimator: Any) -> list[np.ndarray]:
    """Weights of each hidden layer from the one below it, from the first layer to the top.

    Returns
    -------
    weights : list of ndarrays of float64 of shape (n_below, n_units)
        Of a :class:`DeepAutoencoder` those of the encoder.

    Raises
    ------
    TypeError
        If the estimator has no hidden units that are known here.
    """
    check_is_fitted(estimator)
    if isinstance(estimator, DBNClassifier):
        found = list(estimator.coefs_[: len(estimator.rbms_)])
        if len(found) < len(estimator.rbms_):
            # without backpropagation the top layer is an RBM, whose weights are its own
            found.append(np.asarray(estimator.rbms_[-1].components_).T)
    elif isinstance(estimator, DeepAutoencoder):
        found = estimator.coefs_[: len(estimator.coefs_) // 2]
    elif isinstance(estimator, MACHINES):
        found = estimator.coefs_
    elif hasattr(estimator, "components_"):
        found = [on_host(estimator.components_).T]
    elif hasattr(estimator, "coefs_") and hasattr(estimator, "hidden_layer_sizes"):
        # scikit-learn's networks
        found = estimator.coefs_[: len(np.atleast_1d(estimator.hidden_layer_sizes))]
    else:
        raise TypeError(
            f"{type(estimator).__name__} has no hidden units to look at: give an estimator with "
            f"components_, such as RBMTransformer, or a "
            f"{' or a '.join(kind.__name__ for kind in LAYERED)}."
        )
    return [np.asarray(weights, dtype=np.float64) for weights in found]


def layer_means(estimator: Any, X: Any) -> list[np.ndarray]:
    """Expected values of each hidden layer given the rows, from the first layer to the top.

    Returns
    -------
    means : list of ndarrays of float64 of shape (n_samples, n_units)
        On the host.
    """
    # a copy that shares the fitted arrays can be told what to return
    told = copy.copy(estimator)
    if isinstance(estimator, MACHINES):
        told.transform_layers = "all"
        edges = np.cumsum([np.shape(weights)[1] for weights in estimator.coefs_])[:-1]
        return np.split(_means(told.transform(X)), edges, axis=1)
    if isinstance(estimator, DBNClassifier):
        found = []
        for i in range(len(estimator.rbms_)):
            told.transform_layer = i
            found.append(_means(told.transform(X)))
        return found
    if isinstance(estimator, DeepAutoencoder):
        backend, X, network = estimator._prepare(X)
        layers = network.layers[: len(network.layers) // 2]
        parts = [Network(layers[: i + 1]) for i in range(len(layers))]
        return [_means(estimator._apply_network(backend, X, part)) for part in parts]
    return [_means(estimator.transform(X))]


def _means(array: Any) -> np.ndarray:
    return on_host(array).astype(np.float64, copy=False)
