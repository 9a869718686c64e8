"""Parallel tempering of documents over their lengths; see ``sampling.length_tempering``."""

from __future__ import annotations

import numpy as np

from skdeepbm.training.word_phases.pcd import PersistentWords


class TemperedWords(PersistentWords):
    """PCD-k whose chains exchange their states.

    ``n_temperatures`` further chains of shorter documents, with lengths in a geometric series from
    1 word up to the shortest document, connect long documents to where chains move freely. The
    gradient does not use them.
    """

    algorithm = "pt"
    exchanges = True

    @property
    def n_short(self) -> int:
        return self.settings.n_temperatures

    def _short_lengths(self, shortest: int) -> np.ndarray:
        share = np.arange(self.n_short) / max(self.n_short, 1)
        return np.round(float(shortest) ** share).astype(np.int64)
