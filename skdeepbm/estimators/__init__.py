"""The scikit-learn face: one estimator per file."""

from skdeepbm.estimators.rbm import RBMTransformer

__all__ = ["RBMTransformer"]
