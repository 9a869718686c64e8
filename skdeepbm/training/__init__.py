"""Gradient estimators, penalties, optimisers, schedules and the epoch loop."""

from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.settings import TrainingSettings, TrainingState
from skdeepbm.training.trainer import Trainer

__all__ = ["Batch", "Rows", "Trainer", "TrainingSettings", "TrainingState"]
