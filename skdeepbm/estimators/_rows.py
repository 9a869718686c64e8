"""Checks of rows of any kind of visible units."""

from __future__ import annotations

from typing import Any

from skdeepbm.backends import Backend
from skdeepbm.estimators._counts import check_counts
from skdeepbm.estimators._hyperparameters import check_groups
from skdeepbm.estimators._validation import check_data, name_of, repair_range, warn_of_groups
from skdeepbm.models.units import UNITS


def kind_of_rows(estimator: Any) -> str:
    """What `visible` says: a kind of units, or "multinomial" for counts of words."""
    try:
        return str(estimator.visible)
    except (TypeError, ValueError):
        # that of templates that do not fit: `fit` says so
        return "bernoulli"


def check_rows(
    estimator: Any, X: Any, backend: Backend, *, reset: bool = False, warn: bool = True
) -> Any:
    """Validated rows, as :func:`check_counts` and :func:`check_data` return them.

    Parameters
    ----------
    estimator : estimator
        Whose `visible` says what rows may hold: a kind of units, or "multinomial" for counts.
    X, backend, reset
        As of :func:`check_data`.
    warn : bool, default=True
        Whether to warn of values that the units cannot take.
    """
    if estimator.visible == "multinomial":
        return check_counts(estimator, X, backend, reset=reset, warn=warn)
    kind = UNITS[estimator.visible]
    X = check_data(estimator, X, backend, reset=reset, sparse=kind.sparse)
    return repair_range(estimator, X, kind, warn=warn)[0]


def check_training_rows(estimator: Any, X: Any, backend: Backend, going_on: bool) -> Any:
    """The same before training, with the groups of softmax units and the width of a fitted model.

    Parameters
    ----------
    estimator : estimator
        With `visible` and `visible_groups`.
    X, backend
    going_on : bool
        Whether training goes on from the public arrays.
    """
    # parameters that somebody set by hand come without a number of features
    reset = not (going_on and hasattr(estimator, "n_features_in_"))
    is_counts = estimator.visible == "multinomial"
    if is_counts:
        X = check_counts(estimator, X, backend, reset=reset)
    else:
        kind = UNITS[estimator.visible]
        X = check_data(estimator, X, backend, reset=reset, sparse=kind.sparse)
    if going_on:
        estimator._check_width(X)
        _check_variance(estimator)
    groups = check_groups(estimator, estimator.visible_groups, X.shape[1], "visible_groups")
    if is_counts:
        return X
    X, was_outside = repair_range(estimator, X, kind)
    if kind.kind == "softmax" and not was_outside:
        warn_of_groups(estimator, X, groups)
    return X


def _check_variance(estimator: Any) -> None:
    """Raise if training would go on with variances that are not there.

    Units were of another kind at the last fit, or somebody has set all arrays but that one.
    """
    kind = UNITS.get(estimator.visible)
    learned = hasattr(estimator, "variance_rate") and kind is not None and kind.has_variance
    if learned and not hasattr(estimator, "log_variance_visible_"):
        raise ValueError(
            f"{name_of(estimator)} goes on from parameters without log_variance_visible_, which "
            f"training with visible={estimator.visible!r} needs. Set it (zeros are variances of "
            "1), or fit anew with warm_start=False."
        )
