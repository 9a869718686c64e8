"""Gradient estimators, penalties, optimisers, schedules and the epoch loop."""

from skdeepbm.training.backprop import BackpropTrainer
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.rbm_trainer import RBMTrainer
from skdeepbm.training.settings import BackpropSettings, TrainingSettings, TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.word_trainer import WordTrainer

__all__ = [
    "BackpropSettings",
    "BackpropTrainer",
    "Batch",
    "RBMTrainer",
    "Rows",
    "Trainer",
    "TrainingSettings",
    "TrainingState",
    "WordTrainer",
]
