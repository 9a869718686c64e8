"""Multinomial units: counts of the words of a document, drawn from one distribution.

A document of ``n_words`` words is that many softmax units that share their weights and biases
(Salakhutdinov & Hinton 2009), of which only the counts matter. ``mean`` and ``cgf`` are those of
one word, and so are the states.
"""

from __future__ import annotations

import numpy as np

from skdeepbm.models.units.softmax import SoftmaxUnits


class MultinomialUnits(SoftmaxUnits):
    """Counts over the vocabulary; visible only."""

    kind = "multinomial"
    support = (0.0, np.inf)

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        """Log of the share of each word; one that never occurs gets half the least share."""
        share = mean / mean.sum()
        return np.log(np.maximum(share, 0.5 * share[share > 0].min()))
