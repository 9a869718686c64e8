"""Gradient estimators, penalties, optimisers, schedules and the epoch loop."""

from skdeepbm.training.backprop import BackpropTrainer
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.classification_trainer import ClassificationTrainer
from skdeepbm.training.dbm_trainer import DBMTrainer
from skdeepbm.training.label_trainer import LabelTrainer
from skdeepbm.training.labelled_dbm_trainer import LabelledDBMTrainer
from skdeepbm.training.labelled_rows import LabelledRows
from skdeepbm.training.rbm_trainer import RBMTrainer
from skdeepbm.training.settings import (
    BackpropSettings,
    DBMSettings,
    TrainingSettings,
    TrainingState,
)
from skdeepbm.training.shallow_trainer import ShallowSettings, ShallowTrainer
from skdeepbm.training.solvers import SolverSettings, SolverTrainer
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.wake_sleep import WakeSleepTrainer
from skdeepbm.training.wake_sleep_settings import WakeSleepSettings
from skdeepbm.training.word_dbm_trainer import WordDBMTrainer
from skdeepbm.training.word_trainer import WordTrainer

__all__ = [
    "BackpropSettings",
    "BackpropTrainer",
    "Batch",
    "ClassificationTrainer",
    "DBMSettings",
    "DBMTrainer",
    "LabelTrainer",
    "LabelledDBMTrainer",
    "LabelledRows",
    "RBMTrainer",
    "Rows",
    "ShallowSettings",
    "ShallowTrainer",
    "SolverSettings",
    "SolverTrainer",
    "Trainer",
    "TrainingSettings",
    "TrainingState",
    "WakeSleepSettings",
    "WakeSleepTrainer",
    "WordDBMTrainer",
    "WordTrainer",
]
