"""Hidden units that say nothing about the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import owner_of


@dataclass(frozen=True)
class DeadUnits:
    """Report on hidden units.

    Attributes
    ----------
    dead : ndarray of bool of shape (n_components,)
        Which units are dead by the rule.
    standard_deviation : ndarray of shape (n_components,)
        Of each unit's posterior mean over the rows.
    mean_activity : ndarray of shape (n_components,)
        Mean of each unit's posterior mean over the rows.
    weight_norm : ndarray of shape (n_components,)
        Euclidean norm of each unit's weights.
    threshold : float
        Standard deviation under which a unit is dead.
    """

    dead: np.ndarray
    standard_deviation: np.ndarray
    mean_activity: np.ndarray
    weight_norm: np.ndarray
    threshold: float

    @property
    def n_dead(self) -> int:
        """Number of dead units."""
        return int(self.dead.sum())


def dead_units(estimator: Any, X: Any, threshold: float = 0.01) -> DeadUnits:
    """Find hidden units whose answer hardly depends on the row.

    A unit is dead if the standard deviation of its posterior mean over the rows is below
    ``threshold``: always off, always on, or always undecided. It costs time and says nothing.

    Parameters
    ----------
    estimator : RBMTransformer
        Fitted.
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Rows like those that the model is for.
    threshold : float, default=0.01
        In the unit of the hidden values, probabilities for Bernoulli units.

    Returns
    -------
    report : DeadUnits

    Raises
    ------
    ValueError
        If there are fewer than 2 rows, which show no variation.

    Examples
    --------
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.datasets import make_bars_and_stripes
    >>> from skdeepbm.inspection import dead_units
    >>> X = make_bars_and_stripes(3)
    >>> rbm = RBMTransformer(n_components=4, n_iter=200, random_state=0).fit(X)
    >>> rbm.components_[2] = 0  # a unit that sees nothing
    >>> dead_units(rbm, X).dead
    array([False, False,  True, False])
    """
    check_is_fitted(estimator)
    means = estimator.transform(X)
    owner = owner_of(means)
    means = np.asarray(means if owner is None else owner.to_host(means), dtype=np.float64)
    if len(means) < 2:
        raise ValueError(
            f"dead_units needs at least 2 rows to see whether the units of "
            f"{type(estimator).__name__} vary; X has {len(means)}."
        )
    spread = means.std(axis=0)
    norms = np.linalg.norm(np.asarray(estimator.components_, dtype=np.float64), axis=1)
    return DeadUnits(spread < threshold, spread, means.mean(axis=0), norms, threshold)
