"""Estimators of the negative phase of a deep Boltzmann machine, by the name in ``algorithm``."""

from skdeepbm.training.layer_phases.base import LayerPhase
from skdeepbm.training.layer_phases.pcd import PersistentLayers
from skdeepbm.training.layer_phases.pt import TemperedLayers

LAYER_PHASES: dict[str, type[LayerPhase]] = {
    phase.algorithm: phase for phase in (PersistentLayers, TemperedLayers)
}

__all__ = ["LAYER_PHASES", "LayerPhase"]
