"""Parallel tempering of a replicated softmax with the length of a document as the ladder.

With the words summed out, a hidden state h of a document of D words has the weight ``exp(D f(h))``
(see ``models.replicated_softmax``): D is an inverse temperature, and a model of documents of many
lengths is a ladder already. Chains of neighbouring lengths D < D' exchange their hidden states
with the Metropolis probability ``min(1, exp((D' - D) (f(h) - f(h'))))``. Short documents move
freely, so that long ones, which alone would stay where they are, visit all modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream

# rounds of exchanges in a step: they cost next to nothing beside the draws
_ROUNDS = 2


class LengthTempering:
    """Chains of documents of several lengths.

    Parameters
    ----------
    model : ReplicatedSoftmax
        Its arrays may change between calls of :meth:`step`.
    h : array of shape (n_chains, n_hidden)
        Hidden states, those of the shortest documents first (or as `order` will say).
    exchanges : bool, default=True
        Whether chains exchange their states.

    Attributes
    ----------
    h : array of shape (n_chains, n_hidden)
    order : ndarray of int of shape (n_chains,)
        Row of ``h`` of the shortest document, the next one, and so on.
    n_swaps, n_offers : int
        Exchanges that were accepted and offered.
    """

    def __init__(self, model: Any, h: Array, exchanges: bool = True) -> None:
        self.model, self.h, self.exchanges = model, h, exchanges
        self.order = np.arange(int(h.shape[0]))
        self.n_swaps = self.n_offers = 0
        self._p = model.backend.empty((self.order.size, model.visible.size), h.dtype)

    def step(self, n_words: np.ndarray, stream: Stream) -> tuple[Any, np.ndarray, Array]:
        """One round of exchanges and one Gibbs step.

        Parameters
        ----------
        n_words : ndarray of int of shape (n_chains,)
            Lengths in rising order.
        stream : Stream

        Returns
        -------
        v : counts of shape (n_chains, n_words_in_vocabulary)
        n_words : ndarray of int of shape (n_chains,)
            Lengths of the rows of ``v``.
        h_mean : array of shape (n_chains, n_hidden)
            Expected hidden states given ``v``.
        """
        backend = self.model.backend
        p, log_mass = self._words()
        if self.exchanges:
            f = backend.to_host(log_mass).astype(np.float64)
            for _ in range(_ROUNDS):
                u = backend.to_host(backend.uniform((self.order.size,), stream, np.float64))
                self._exchange(n_words, f, u)
        lengths = np.empty_like(n_words)
        lengths[self.order] = n_words
        v = backend.multinomial(lengths, p, stream)
        return v, lengths, self._hidden(v, lengths, stream)

    def _words(self) -> tuple[Array, Array]:
        """What the states say of a word; as of ``ReplicatedSoftmax.words``."""
        return self.model.words(self.h, out=self._p)

    def _hidden(self, v: Any, n_words: np.ndarray, stream: Stream) -> Array:
        """Draw the states given the words; returns their expected values."""
        h_mean = self.model.hidden_mean(v, self.model.lengths(n_words))
        self.h = self.model.backend.bernoulli(h_mean, stream)
        return h_mean

    def _exchange(self, n_words: np.ndarray, f: np.ndarray, u: np.ndarray) -> None:
        """Offer neighbours each other's states: first the pairs from 0, then those from 1."""
        order = self.order
        for first in (0, 1):
            short = np.arange(first, order.size - 1, 2)
            one, other = order[short], order[short + 1]
            gain = (n_words[short + 1] - n_words[short]) * (f[one] - f[other])
            swap = np.log1p(-u[short]) < gain
            order[short[swap]], order[short[swap] + 1] = other[swap], one[swap]
            self.n_offers += short.size
            self.n_swaps += int(np.count_nonzero(swap))
