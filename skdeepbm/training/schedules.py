"""Hyper-parameters that change from epoch to epoch.

``learning_rate``, ``momentum``, ``n_gibbs_steps`` and ``n_mean_field_steps`` take a number, a
sequence (one value per epoch, the last one for all epochs after it) or a callable of the epoch,
counted from 0. The classes here are such callables; unlike a lambda they can be pickled, compared
and printed.

Examples
--------
>>> from skdeepbm import RBMTransformer, schedules
>>> rate = schedules.InverseTime(0.05, half_life=10)
>>> rate(0), rate(10)
(0.05, 0.025)
>>> rbm = RBMTransformer(learning_rate=rate, momentum=[0.5] * 5 + [0.9])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from numbers import Real
from typing import Any

__all__ = ["Exponential", "InverseTime", "Linear", "Schedule", "Step", "value_at"]

Schedule = float | Sequence[float] | Callable[[int], float]


def value_at(schedule: Schedule, epoch: int) -> float:
    """Value of a schedule in an epoch.

    Parameters
    ----------
    schedule : float, sequence of float or callable
    epoch : int
        Counted from 0.

    Returns
    -------
    value : float

    Examples
    --------
    >>> from skdeepbm.schedules import value_at
    >>> [value_at([0.5, 0.5, 0.9], epoch) for epoch in range(5)]
    [0.5, 0.5, 0.9, 0.9, 0.9]
    """
    if callable(schedule):
        return schedule(epoch)
    if isinstance(schedule, Sized):
        return schedule[min(epoch, len(schedule) - 1)]
    return schedule


#: what a value of each scheduled hyper-parameter must be, and how to say it
SCHEDULED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "learning_rate": (lambda value: 0 <= value < math.inf, "finite and not negative"),
    "momentum": (lambda value: 0 <= value < 1, "at least 0 and less than 1"),
    "n_gibbs_steps": (lambda value: 1 <= value < math.inf, "at least 1"),
    "n_mean_field_steps": (lambda value: 0 <= value < math.inf, "at least 0"),
}


def check_value(name: str, value: Any, epoch: int, owner: str = "") -> None:
    """Raise if the schedule of a hyper-parameter gave an epoch a value that makes no sense.

    Raises
    ------
    ValueError
        Naming the hyper-parameter, the epoch and what it must be.
    """
    is_valid, wanted = SCHEDULED[name]
    if not isinstance(value, Real) or not is_valid(value):
        of = f" of {owner}" if owner else ""
        raise ValueError(
            f"The schedule {name}{of} gives {value!r} in epoch {epoch} (counted from 0); "
            f"it must give a number that is {wanted}."
        )


@dataclass(frozen=True)
class Linear:
    """Straight line from ``start`` to ``stop`` over ``n_epochs``, then ``stop``.

    Parameters
    ----------
    start, stop : float
    n_epochs : int

    Examples
    --------
    >>> from skdeepbm.schedules import Linear
    >>> [Linear(1.0, 0.0, n_epochs=4)(epoch) for epoch in (0, 1, 4, 9)]
    [1.0, 0.75, 0.0, 0.0]
    """

    start: float
    stop: float
    n_epochs: int

    def __call__(self, epoch: int) -> float:
        share = min(epoch / self.n_epochs, 1.0)
        return self.start + share * (self.stop - self.start)


@dataclass(frozen=True)
class Exponential:
    """``start * factor ** epoch``, not below ``floor``.

    Parameters
    ----------
    start : float
    factor : float
    floor : float, default=0.0

    Examples
    --------
    >>> from skdeepbm.schedules import Exponential
    >>> Exponential(0.1, factor=0.5)(2)
    0.025
    """

    start: float
    factor: float
    floor: float = 0.0

    def __call__(self, epoch: int) -> float:
        return max(self.start * self.factor**epoch, self.floor)


@dataclass(frozen=True)
class InverseTime:
    """``start / (1 + epoch / half_life)``.

    Parameters
    ----------
    start : float
    half_life : float
        Epochs after which the value has halved.

    Examples
    --------
    >>> from skdeepbm.schedules import InverseTime
    >>> InverseTime(0.1, half_life=5)(15)
    0.025
    """

    start: float
    half_life: float

    def __call__(self, epoch: int) -> float:
        return self.start / (1.0 + epoch / self.half_life)


@dataclass(frozen=True)
class Step:
    """``start``, raised by ``increment`` every ``period`` epochs (a growing CD-k, for example).

    Parameters
    ----------
    start, increment : float
    period : int

    Examples
    --------
    >>> from skdeepbm.schedules import Step
    >>> [Step(1, 1, period=10)(epoch) for epoch in (0, 9, 10, 25)]
    [1, 1, 2, 3]
    """

    start: float
    increment: float
    period: int

    def __call__(self, epoch: int) -> float:
        return self.start + self.increment * (epoch // self.period)
