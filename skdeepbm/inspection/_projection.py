"""What hidden units of any layer look for in the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._ranking import heaviest, names_of_features
from skdeepbm.inspection._layers import layer_weights


@dataclass(frozen=True)
class TopFeatures:
    """Features that a hidden unit favours most and least.

    Attributes
    ----------
    highest, lowest : list of (str, float)
        Names and weights, the largest weight first and the smallest first.
    """

    highest: list[tuple[str, float]]
    lowest: list[tuple[str, float]]


def projected_filters(estimator: Any, *, layer: Any = -1) -> np.ndarray:
    """Weights of hidden units in the space of the features, also of deeper layers.

    A unit of the first layer has weights to the features, and they are returned as they are. For
    deeper layers the weights of all layers up to it are multiplied, ``W_1 W_2 ... W_l``: the
    filters of a deep linear network (Lee et al. 2007). This needs no data. It passes
    over what sigmoids do in between; to weight the paths by how steep these are over the data
    comes nearer to the gradient of the unit's input and not to how it varies with the features.

    Parameters
    ----------
    estimator : RBMTransformer, another estimator with `components_`, DBM, DBMClassifier, \
DBNClassifier or DeepAutoencoder
        Fitted.
    layer : int, default=-1
        Hidden layer, counted from 0 for the first one; negative numbers count from the top.

    Returns
    -------
    filters : ndarray of float64 of shape (n_units, n_features)
        Of a DBNClassifier in terms of its upward pass, of a DeepAutoencoder of its encoder.

    Raises
    ------
    ValueError
        If there is no such layer.
    TypeError
        If the estimator has no hidden units.

    References
    ----------
    Lee, H., Ekanadham, C. and Ng, A. Y. Sparse deep belief net model for visual area V2. NIPS 2007.

    Examples
    --------
    >>> from skdeepbm import DBM
    >>> from skdeepbm.datasets import make_bars_and_stripes
    >>> from skdeepbm.inspection import projected_filters
    >>> dbm = DBM((8, 4), n_iter=5, random_state=0).fit(make_bars_and_stripes(3))
    >>> projected_filters(dbm).shape, projected_filters(dbm, layer=0).shape
    ((4, 9), (8, 9))
    """
    weights = layer_weights(estimator)
    n_layers = len(weights)
    if not isinstance(layer, int | np.integer) or not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer={layer!r} is none of the {n_layers} hidden layers of "
            f"{type(estimator).__name__}: give {-n_layers} to {n_layers - 1}."
        )
    return np.ascontiguousarray(reduce(np.matmul, weights[: int(layer) % n_layers + 1]).T)


def top_features(
    estimator: Any, feature_names: Any = None, n: int = 10, *, layer: Any = -1
) -> list[TopFeatures]:
    """Features that each hidden unit favours most and least, by :func:`projected_filters`.

    Parameters
    ----------
    estimator : RBMTransformer, another estimator with `components_`, DBM, DBMClassifier, \
DBNClassifier or DeepAutoencoder
        Fitted.
    feature_names : array-like of str of shape (n_features,) or None, default=None
        None means `feature_names_in_`, or the numbers of the columns.
    n : int, default=10
        Features to either side.
    layer : int, default=-1
        Hidden layer, counted from 0 for the first one; negative numbers count from the top.

    Returns
    -------
    features : list of n_units TopFeatures

    Raises
    ------
    ValueError
        If there is no such layer, not one name for each feature, or `n` is not at least 1.
    TypeError
        If the estimator has no hidden units.

    Examples
    --------
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.inspection import top_features
    >>> rbm = RBMTransformer(1, n_iter=0, random_state=0).fit([[1, 0, 1], [0, 1, 0]])
    >>> rbm.components_[:] = [[0.5, -1.0, 2.0]]
    >>> unit = top_features(rbm, ["sun", "moon", "stars"], n=2)[0]
    >>> unit.highest
    [('stars', 2.0), ('sun', 0.5)]
    >>> unit.lowest
    [('moon', -1.0), ('sun', 0.5)]
    """
    filters = projected_filters(estimator, layer=layer)
    where = f"top_features of {type(estimator).__name__}"
    names = names_of_features(estimator, feature_names, filters.shape[1], where)
    check_count(estimator, "n", n)

    def named(unit: np.ndarray, order: np.ndarray) -> list[tuple[str, float]]:
        return [(str(names[k]), float(unit[k])) for k in order]

    sides = zip(filters, heaviest(filters, n), heaviest(-filters, n), strict=True)
    return [TopFeatures(named(unit, high), named(unit, low)) for unit, high, low in sides]
