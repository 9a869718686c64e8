"""Multinomial units: counts of the words of a document, drawn from one distribution.

A document of ``n_words`` words is that many softmax units that share their weights and biases
(Salakhutdinov & Hinton 2009), of which only the counts matter. ``mean`` and ``cgf`` are those of
one word, and so are the states; the log-density is that of a document as a sequence of words.
Counts that were divided by the number of words make it the mean over words.
"""

from __future__ import annotations

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.units.softmax import SoftmaxUnits


class MultinomialUnits(SoftmaxUnits):
    """Counts over the vocabulary; visible only."""

    kind = "multinomial"
    support = (0.0, np.inf)

    def self_energy(self, v: Array) -> Array:
        # counts may be sparse
        bias = self.backend.xp.expand_dims(self.bias, axis=1)
        return -self.backend.counts_matmul(v, bias)[:, 0]

    def log_density(self, v: Array, a: Array) -> Array:
        backend, xp = self.backend, self.backend.xp
        x = a + self.bias
        return xp.sum(v * (x - xp.expand_dims(backend.logsumexp(x, axis=1), axis=1)), axis=1)

    def log_density_gradient(self, v: Array, mean: Array, out: Array | None = None) -> Array:
        n_words = self.backend.xp.sum(v, axis=1, keepdims=True)
        return self.backend.store(v - n_words * mean, out)

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        """Log of the share of each word; one that never occurs gets half the least share."""
        share = mean / mean.sum()
        return np.log(np.maximum(share, 0.5 * share[share > 0].min()))
