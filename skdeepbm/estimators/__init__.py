"""The scikit-learn face: one estimator per file."""

from skdeepbm.estimators.classification_rbm import ClassificationRBM
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax

__all__ = ["ClassificationRBM", "RBMTransformer", "ReplicatedSoftmax"]
