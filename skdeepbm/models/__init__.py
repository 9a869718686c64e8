"""Energies, conditionals and free energies as pure functions of parameters."""

from skdeepbm.models.rbm import RBM

__all__ = ["RBM"]
