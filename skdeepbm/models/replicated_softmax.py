"""The replicated softmax: a model of the counts of words in documents of any length.

Salakhutdinov & Hinton (2009): one RBM for each number of words D, all with the same parameters,

    ``E(v, h) = -v.b - v.W h - D a.h``,

where the hidden bias counts once for every word. With the words summed out, a hidden state has
the weight ``exp(D f(h))`` with the log-mass of one word
``f(h) = a.h + log sum_k exp(b_k + W_k.h)``, so that D acts as an inverse temperature:
``Z_D = sum_h exp(D f(h))`` over word *sequences*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Array, Backend, Stream
from skdeepbm.models.units import BernoulliUnits, MultinomialUnits


@dataclass
class ReplicatedSoftmax:
    """Parameters of the model, for documents of every length.

    Counts ``v`` are arrays, or CSR on the host; ``n_words`` has their row sums.

    Parameters
    ----------
    visible : MultinomialUnits
    hidden : BernoulliUnits
        The bias is that for one word.
    weights : array of shape (n_words_in_vocabulary, n_hidden)
    """

    visible: MultinomialUnits
    hidden: BernoulliUnits
    weights: Array

    #: as of :class:`skdeepbm.models.over_replicated.OverReplicatedSoftmax`: all words are visible
    n_hidden_words: ClassVar[int] = 0

    @property
    def whole(self) -> ReplicatedSoftmax:
        """The model of all words, of visible and of hidden ones."""
        return self

    @property
    def backend(self) -> Backend:
        return self.visible.backend

    def lengths(self, n_words: Any) -> Array:
        """Numbers of words as an array of the weights' dtype."""
        host = n_words if self.backend.owns(n_words) else np.asarray(n_words)
        return self.backend.asarray(host, self.weights.dtype)

    def total_input(self, v: Any, n_words: Array) -> Array:
        """Input of the hidden units, bias included; shape (n_rows, n_hidden)."""
        a = self.backend.counts_matmul(v, self.weights)
        a += self.backend.xp.expand_dims(n_words, axis=1) * self.hidden.bias
        return a

    def hidden_mean(self, v: Any, n_words: Array) -> Array:
        """Expected hidden states given counts."""
        return self.backend.sigmoid(self.total_input(v, n_words))

    def word_input(self, h: Array, out: Array | None = None) -> Array:
        """Weighted input of the visible units, bias not included."""
        return self.backend.matmul(h, self.weights.T, out=out)

    def words(self, h: Array, out: Array | None = None) -> tuple[Array, Array]:
        """What hidden states say of a word; the probabilities go into ``out``.

        Returns
        -------
        p : array of shape (n_rows, n_words_in_vocabulary)
            Probabilities of the words, up to a factor per row.
        log_mass : array of shape (n_rows,)
            ``f(h)``, so that ``log sum_v exp(-E(v, h)) = D f(h)`` over sequences.
        """
        p = self.word_input(h, out=out)
        cgf = self.backend.exponentiate(p, self.visible.bias)
        return p, cgf + self.backend.matmul(h, self.hidden.bias)

    def _word_energy(self, v: Any) -> Array:
        """Energy of counts apart from the interaction."""
        bias = self.backend.xp.expand_dims(self.visible.bias, axis=1)
        return -self.backend.counts_matmul(v, bias)[:, 0]

    def energy(self, v: Any, n_words: Array, h: Array) -> Array:
        """Energy of joint states, row by row; shape (n_rows,)."""
        interaction = self.backend.xp.sum(self.total_input(v, n_words) * h, axis=1)
        return self._word_energy(v) - interaction

    def free_energy(self, v: Any, n_words: Array) -> Array:
        """``-log sum_h exp(-E(v, h))``; shape (n_rows,)."""
        softplus = self.backend.softplus(self.total_input(v, n_words))
        return self._word_energy(v) - self.backend.xp.sum(softplus, axis=1)

    def draw_hidden(self, x: Array, stream: Stream) -> Array:
        """Draw of the hidden states given their total input."""
        return self.backend.bernoulli(self.backend.sigmoid(x), stream)
