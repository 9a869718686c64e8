"""The scikit-learn face: one estimator per file."""

from skdeepbm.estimators.classification_rbm import ClassificationRBM
from skdeepbm.estimators.dbm import DBM
from skdeepbm.estimators.dbm_classifier import DBMClassifier
from skdeepbm.estimators.dbn import DBNClassifier
from skdeepbm.estimators.deep_autoencoder import DeepAutoencoder
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.estimators.hamming_neighbors import HammingNeighbors
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.estimators.shallow_autoencoder import ShallowAutoencoder

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
]
