"""Hidden units that say nothing about the data, or nothing that another one does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.inspection._layers import LAYERED, layer_means, layer_weights
from skdeepbm.training.dbm_monitor import DEAD


@dataclass(frozen=True, repr=False)
class DeadUnits:
    """Report on the hidden units of a layer.

    Attributes
    ----------
    dead : ndarray of bool of shape (n_units,)
        Which units are dead by the rule.
    standard_deviation : ndarray of shape (n_units,)
        Of each unit's posterior mean over the rows.
    mean_activity : ndarray of shape (n_units,)
        Mean of each unit's posterior mean over the rows.
    weight_norm : ndarray of shape (n_units,)
        Euclidean norm of each unit's weights from the layer below.
    threshold : float
        Standard deviation under which a unit is dead.
    redundant : ndarray of bool of shape (n_units,)
        Which units that are not dead repeat one that comes before them.
    correlation : float
        Absolute correlation from which on a unit repeats another.
    """

    dead: np.ndarray
    standard_deviation: np.ndarray
    mean_activity: np.ndarray
    weight_norm: np.ndarray
    threshold: float
    redundant: np.ndarray
    correlation: float

    def __repr__(self) -> str:
        # arrays of hundreds of units would bury the numbers that count
        return (
            f"DeadUnits(n_units={self.dead.size}, n_dead={self.n_dead}, "
            f"n_redundant={self.n_redundant}, threshold={self.threshold}, "
            f"correlation={self.correlation})"
        )

    @property
    def n_dead(self) -> int:
        """Number of dead units."""
        return int(self.dead.sum())

    @property
    def n_redundant(self) -> int:
        """Number of units that repeat others; without them, nothing much would be lost."""
        return int(self.redundant.sum())


def dead_units(
    estimator: Any, X: Any, threshold: float = DEAD, *, correlation: float = 0.95
) -> DeadUnits | list[DeadUnits]:
    """Find hidden units whose answer hardly depends on the row, or only as another unit's does.

    A unit is **dead** if the standard deviation of its posterior mean over the rows is below
    ``threshold``: always off, always on, or always undecided. It costs time and says nothing. A
    unit that is not dead is **redundant** if its posterior mean and that of a unit before it in
    its layer, which is neither dead nor redundant, have an absolute correlation of at least
    ``correlation``: of units that all say the same, the first one remains.

    Parameters
    ----------
    estimator : RBMTransformer, another estimator with `components_`, DBM, DBMClassifier, \
DBNClassifier or DeepAutoencoder
        Fitted.
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        Rows like those that the model is for.
    threshold : float, default=0.01
        In the unit of the hidden values, probabilities for Bernoulli units.
    correlation : float, default=0.95
        Above 0, at most 1.

    Returns
    -------
    report : DeadUnits or list of DeadUnits
        Of a DBM, DBMClassifier, DBNClassifier or DeepAutoencoder a list, with one report for each
        hidden layer from the first to the top (of an autoencoder, to the code).

    Raises
    ------
    ValueError
        If there are fewer than 2 rows, which show no variation, or ``correlation`` is none.
    TypeError
        If the estimator has no hidden units.

    Notes
    -----
    Norms of weights are reported and decide nothing. A unit with small ones hardly varies and is
    dead by the rule, but most dead units have large ones: their biases keep them off or on.

    Examples
    --------
    >>> from skdeepbm import DBM, RBMTransformer
    >>> from skdeepbm.datasets import make_bars_and_stripes
    >>> from skdeepbm.inspection import dead_units
    >>> X = make_bars_and_stripes(3)
    >>> rbm = RBMTransformer(n_components=4, n_iter=200, random_state=0).fit(X)
    >>> rbm.components_[2] = 0  # a unit that sees nothing
    >>> dead_units(rbm, X).dead
    array([False, False,  True, False])
    >>> dbm = DBM((8, 4), n_iter=5, random_state=0).fit(X)
    >>> [len(report.dead) for report in dead_units(dbm, X)]
    [8, 4]
    >>> dead_units(rbm, X)
    DeadUnits(n_units=4, n_dead=1, n_redundant=0, threshold=0.01, correlation=0.95)
    """
    if not 0 < correlation <= 1:
        raise ValueError(
            f"correlation={correlation!r} of dead_units must be above 0 and at most 1."
        )
    weights = layer_weights(estimator)
    means = layer_means(estimator, X)
    if len(means[0]) < 2:
        raise ValueError(
            f"dead_units needs at least 2 rows to see whether the units of "
            f"{type(estimator).__name__} vary; X has {len(means[0])}."
        )
    reports = [_report(h, w, threshold, correlation) for h, w in zip(means, weights, strict=True)]
    return reports if isinstance(estimator, LAYERED) else reports[0]


def _report(
    means: np.ndarray, weights: np.ndarray, threshold: float, correlation: float
) -> DeadUnits:
    spread = means.std(axis=0)
    dead = spread < threshold
    centred = means - means.mean(axis=0)
    # units that never vary have no correlation with any
    varies = np.flatnonzero(~dead & (spread > 0))
    scaled = centred[:, varies] / (spread[varies] * np.sqrt(len(means)))
    alike = np.abs(scaled.T @ scaled) >= correlation
    redundant = np.zeros(len(dead), dtype=bool)
    for place, unit in enumerate(varies):
        redundant[unit] = (alike[place, :place] & ~redundant[varies[:place]]).any()
    norms = np.linalg.norm(weights, axis=0)
    return DeadUnits(dead, spread, means.mean(axis=0), norms, threshold, redundant, correlation)
