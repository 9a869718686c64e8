"""Callbacks for what scikit-learn has none for: checkpoints, and logs of the history."""

from skdeepbm.callbacks._checkpoint import Checkpoint
from skdeepbm.callbacks._csv_log import CSVLog
from skdeepbm.callbacks._tensorboard import TensorBoard

__all__ = ["CSVLog", "Checkpoint", "TensorBoard"]
