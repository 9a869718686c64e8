"""Estimators of the negative phase, by the name that ``algorithm`` gives them."""

from skdeepbm.training.negative_phases.base import NegativePhase
from skdeepbm.training.negative_phases.cd import ContrastiveDivergence
from skdeepbm.training.negative_phases.fpcd import FastPersistentContrastiveDivergence
from skdeepbm.training.negative_phases.pcd import PersistentContrastiveDivergence
from skdeepbm.training.negative_phases.pt import ParallelTemperingPhase

NEGATIVE_PHASES: dict[str, type[NegativePhase]] = {
    phase.algorithm: phase
    for phase in (
        ContrastiveDivergence,
        PersistentContrastiveDivergence,
        FastPersistentContrastiveDivergence,
        ParallelTemperingPhase,
    )
}

__all__ = ["NEGATIVE_PHASES", "NegativePhase"]
