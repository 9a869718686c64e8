"""Boltzmann machines and the deep models built from them, as scikit-learn estimators."""

from skdeepbm import metrics, schedules
from skdeepbm.backends import config_context, get_config
from skdeepbm.estimators import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    HammingNeighbors,
    RBMTransformer,
    ReplicatedSoftmax,
    ShallowAutoencoder,
    WakeSleep,
)
from skdeepbm.persistence import load, save

__version__ = "0.1.0.dev0"

__all__ = [
    "DBM",
    "Backprop",
    "ClassificationRBM",
    "DBMClassifier",
    "DBNClassifier",
    "DeepAutoencoder",
    "HammingNeighbors",
    "RBMTransformer",
    "ReplicatedSoftmax",
    "ShallowAutoencoder",
    "WakeSleep",
    "__version__",
    "config_context",
    "get_config",
    "load",
    "metrics",
    "save",
    "schedules",
]
