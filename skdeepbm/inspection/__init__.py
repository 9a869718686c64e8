"""Diagnostics of fitted models."""

from skdeepbm.inspection._dead_units import DeadUnits, dead_units

__all__ = ["DeadUnits", "dead_units"]
