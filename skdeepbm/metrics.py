"""Measures of reconstructions, and of retrieval by codes."""

from skdeepbm.evaluation.reconstruction import reverse_cross_entropy, squared_error
from skdeepbm.evaluation.retrieval import precision_recall, retrieval_precision

__all__ = ["precision_recall", "retrieval_precision", "reverse_cross_entropy", "squared_error"]
