"""Hyper-parameters that change from epoch to epoch; see :mod:`skdeepbm.training.schedules`."""

from skdeepbm.training.schedules import Exponential, InverseTime, Linear, Step, value_at

__all__ = ["Exponential", "InverseTime", "Linear", "Step", "value_at"]
