"""Names of features, and features in the order of their weights."""

from __future__ import annotations

from typing import Any

import numpy as np


def names_of_features(
    estimator: Any, given: Any, n_features: int, where: str, what: str = "features"
) -> np.ndarray:
    """Names that were given, else `feature_names_in_`, else the numbers of the columns.

    ``where`` and ``what`` are for the error: who asks, and what the features are called there.
    """
    if given is None:
        given = getattr(estimator, "feature_names_in_", np.arange(n_features))
    names = np.asarray(given)
    if names.shape != (n_features,):
        raise ValueError(
            f"feature_names of {where} has shape {names.shape}, but the model has {n_features} "
            f"{what}."
        )
    return names


def heaviest(weights: np.ndarray, n: int) -> np.ndarray:
    """Columns of the ``n`` largest weights of each row, the largest first, ties by column."""
    return np.argsort(-weights, axis=1, kind="stable")[:, :n]
