"""The scikit-learn face: one estimator per file."""

from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax

__all__ = ["RBMTransformer", "ReplicatedSoftmax"]
