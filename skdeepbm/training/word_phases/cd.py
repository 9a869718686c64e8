"""Contrastive divergence of documents: chains start at those of the batch."""

from __future__ import annotations

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.sampling.words import word_chain
from skdeepbm.training.word_phases.base import Fantasy, WordPhase


class WordContrastiveDivergence(WordPhase):
    """CD-k; each document is followed by as many words."""

    algorithm = "cd"

    def run(self, h_mean: Array, n_words: np.ndarray, n_steps: int, stream: Stream) -> Fantasy:
        h = self.model.backend.bernoulli(h_mean, stream)
        v, h_mean, _ = word_chain(self.model, h, n_words, n_steps, stream)
        return Fantasy(v, n_words, h_mean)
