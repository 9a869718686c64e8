"""Estimators of the negative phase, by the name that ``algorithm`` gives them."""

from typing import Any

from skdeepbm.training.negative_phases.base import NegativePhase
from skdeepbm.training.negative_phases.cd import ContrastiveDivergence
from skdeepbm.training.negative_phases.pcd import PersistentContrastiveDivergence

NEGATIVE_PHASES: dict[str, Any] = {
    phase.algorithm: phase for phase in (ContrastiveDivergence, PersistentContrastiveDivergence)
}

__all__ = ["NEGATIVE_PHASES", "NegativePhase"]
