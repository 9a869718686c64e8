"""Hyper-parameters that change from epoch to epoch."""

import pickle

import numpy as np
import pytest

from skdeepbm.schedules import Exponential, InverseTime, Linear, Step, value_at


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (0.3, [0.3, 0.3, 0.3, 0.3]),
        (2, [2, 2, 2, 2]),
        ([0.5, 0.7, 0.9], [0.5, 0.7, 0.9, 0.9]),
        ((1, 2), [1, 2, 2, 2]),
        (np.array([0.1, 0.2]), [0.1, 0.2, 0.2, 0.2]),
        (lambda epoch: 10 - epoch, [10, 9, 8, 7]),
        (Linear(1.0, 0.0, n_epochs=2), [1.0, 0.5, 0.0, 0.0]),
        (Linear(0.5, 0.9, n_epochs=4), [0.5, 0.6, 0.7, 0.8]),
        (Exponential(0.8, 0.5), [0.8, 0.4, 0.2, 0.1]),
        (Exponential(0.8, 0.5, floor=0.3), [0.8, 0.4, 0.3, 0.3]),
        (InverseTime(0.6, half_life=1), [0.6, 0.3, 0.2, 0.15]),
        (Step(1, 2, period=2), [1, 1, 3, 3]),
    ],
)
def test_values(schedule, expected):
    assert [value_at(schedule, epoch) for epoch in range(4)] == pytest.approx(expected)


@pytest.mark.parametrize(
    "schedule", [Linear(1.0, 0.0, 5), Exponential(0.1, 0.9), InverseTime(0.1, 5), Step(1, 1, 10)]
)
def test_are_values_themselves(schedule):
    """They can be pickled and compared, for clones and grid searches."""
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert type(schedule).__name__ in repr(schedule)
    assert [again(epoch) for epoch in (0, 3)] == [schedule(epoch) for epoch in (0, 3)]
    assert schedule != Linear(7.0, 0.0, 5)
