"""Checks of hyper-parameters that scikit-learn's parameter constraints cannot express."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from skdeepbm.estimators._validation import name_of
from skdeepbm.training.schedules import SCHEDULED, check_value, value_at


def check_schedules(estimator: Any, first_epoch: int, n_epochs: int) -> None:
    """Raise if a scheduled hyper-parameter has a value that makes no sense.

    A sequence is checked as a whole, a callable in the epochs to come.

    Raises
    ------
    ValueError
        Naming the estimator, the hyper-parameter, the epoch and what it must be.
    """
    name = name_of(estimator)
    for parameter in SCHEDULED:
        # not every estimator has all of them
        schedule: Any = getattr(estimator, parameter, 1)
        if isinstance(schedule, str | Real):
            continue
        epochs = range(first_epoch, first_epoch + n_epochs)
        if not callable(schedule):
            if np.ndim(schedule) != 1 or len(schedule) == 0:
                raise ValueError(
                    f"{parameter} of {name} has shape {np.shape(schedule)}: a sequence needs one "
                    "value per epoch, and at least one."
                )
            epochs = range(len(schedule))
        for epoch in epochs:
            check_value(parameter, value_at(schedule, epoch), epoch, name)


def check_groups(
    estimator: Any, groups: Any, n_units: int, parameter: str
) -> tuple[int, ...] | None:
    """Sizes of softmax groups from a parameter: None, one size for all, or all sizes."""
    if groups is None:
        return None
    sizes = [groups] if np.ndim(groups) == 0 else list(groups)
    found: tuple[int, ...] = ()
    if all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        found = tuple(int(size) for size in sizes)
        if np.ndim(groups) == 0:
            found = found * (n_units // found[0])
    if not found or sum(found) != n_units:
        raise ValueError(
            f"{parameter}={groups!r} of {name_of(estimator)} does not divide {n_units} units "
            "into groups: give one size that divides their number, or sizes that sum to it."
        )
    return found


def check_count(owner: Any, name: str, value: Any) -> None:
    """Raise unless an argument that says how many is an integer of at least 1.

    ``owner`` is who takes the argument: an estimator, or a name.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        caller = owner if isinstance(owner, str) else type(owner).__name__
        raise ValueError(f"{name} of {caller} must be an integer of at least 1, got {value!r}.")
