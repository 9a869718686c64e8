"""What the displays ask of estimators, with errors that say what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import owner_of
from skdeepbm.estimators import DBNClassifier, ReplicatedSoftmax
from skdeepbm.inspection._matplotlib import pyplot

#: what estimators call their weights from the features
WEIGHTS = ("components_", "coefs_")


def on_host(array: Any) -> np.ndarray:
    """A dense array on the host."""
    if sp.issparse(array):
        return np.asarray(array.toarray())
    owner = owner_of(array)
    return np.asarray(array if owner is None else owner.to_host(array))


def first_rows(X: Any, n: int) -> Any:
    """The first rows of a table, as they come."""
    if hasattr(X, "iloc"):
        return X.iloc[:n]
    if sp.issparse(X):
        return X.tocsr()[:n]
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return X[:n]


def caller_of(display: type, estimator: Any, *names: str) -> str:
    """Who asks, for errors, once there is matplotlib and what it needs of the estimator.

    Raises
    ------
    ImportError
        Without matplotlib.
    NotFittedError, TypeError
        Unless the estimator is fitted and has one of the attributes or methods.
    """
    caller = f"{display.__name__}.from_estimator"
    pyplot(caller)
    check_is_fitted(estimator)
    if any(hasattr(estimator, name) for name in names):
        return caller
    hint = ""
    if isinstance(estimator, Pipeline):
        hint = " Give its last step, pipeline[-1], and data that have gone through the others."
    raise TypeError(
        f"{caller} needs an estimator with {' or '.join(names)}, and "
        f"{type(estimator).__name__} has none.{hint}"
    )


def of_words(estimator: Any) -> bool:
    """Whether the features of an estimator are counts of words."""
    kind = getattr(estimator, "visible", None)
    return isinstance(estimator, ReplicatedSoftmax) or kind == "multinomial"


def strongest(weights: np.ndarray, n: int) -> np.ndarray:
    """Units with the largest weights, by Euclidean norm, the largest first; all of them, if few."""
    if len(weights) <= n:
        return np.arange(len(weights))
    norms = np.linalg.norm(weights.astype(np.float64), axis=1)
    return np.argsort(-norms, kind="stable")[:n]


def weight_label(estimator: Any, layer: int = 0) -> str:
    """What weights are called on an axis.

    In an energy, a weight between discrete units is in nats; one of Gaussian visible units has the
    unit of the feature.
    """
    discrete = getattr(estimator, "visible", "multinomial") != "gaussian"
    # after backpropagation the weights of a belief net are those of a network
    energy = hasattr(type(estimator), "log_partition")
    energy = energy and not isinstance(estimator, DBNClassifier)
    return "weight, nats" if energy and discrete and layer == 0 else "weight"
