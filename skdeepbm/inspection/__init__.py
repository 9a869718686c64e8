"""Diagnostics and plots of fitted models."""

from skdeepbm.inspection._codes import CodesDisplay
from skdeepbm.inspection._dead_units import DeadUnits, dead_units
from skdeepbm.inspection._filters import FiltersDisplay
from skdeepbm.inspection._history import HistoryDisplay
from skdeepbm.inspection._log_likelihood import LogLikelihoodDisplay
from skdeepbm.inspection._projection import TopFeatures, projected_filters, top_features
from skdeepbm.inspection._reconstruction import ReconstructionDisplay
from skdeepbm.inspection._samples import SamplesDisplay
from skdeepbm.inspection._topics import TopicsDisplay
from skdeepbm.inspection._weight_norms import WeightNormDisplay

__all__ = [
    "CodesDisplay",
    "DeadUnits",
    "FiltersDisplay",
    "HistoryDisplay",
    "LogLikelihoodDisplay",
    "ReconstructionDisplay",
    "SamplesDisplay",
    "TopFeatures",
    "TopicsDisplay",
    "WeightNormDisplay",
    "dead_units",
    "projected_filters",
    "top_features",
]
