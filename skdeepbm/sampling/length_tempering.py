"""Parallel tempering of a replicated softmax with the length of a document as the ladder.

With the words summed out, a hidden state h of a document of D words has the weight ``exp(D f(h))``
(see ``models.replicated_softmax``): D is an inverse temperature, and a model of documents of many
lengths is a ladder already. Chains of lengths D < D' exchange their hidden states with the
Metropolis probability ``min(1, exp((D' - D) (f(h) - f(h'))))``. Short documents move freely, so
that long ones, which alone would stay where they are, visit all modes.

Exchanges leave every ``f(h)`` as it is, so that many of them cost less than the draws that follow.
A state has a hundred chains to pass on its way from the shortest documents to the longest; so
chains are paired at distances of 1, 2, 4 and so on, as far as the ladder goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream

# rounds of exchanges in a step, each at all distances
_ROUNDS = 2


def exchange_pairs(n_chains: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places of the shorter and the longer documents of all pairs of a round of exchanges.

    No chain is in two pairs of an entry; pairs at all distances that are powers of two are there.
    """
    found, distance = [], 1
    while distance < n_chains:
        place = np.arange(n_chains - distance)
        for parity in (0, 1):
            short = place[place // distance % 2 == parity]
            if short.size:
                found.append((short, short + distance))
        distance *= 2
    return found


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
        self._pairs = exchange_pairs(self.order.size) * _ROUNDS
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
        if self.exchanges and self._pairs:
            f = backend.to_host(log_mass).astype(np.float64)
            shape = (len(self._pairs), self.order.size)
            u = backend.to_host(backend.uniform(shape, stream, np.float64))
            self._exchange(n_words, f, np.log1p(-u))
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

    def _exchange(self, n_words: np.ndarray, f: np.ndarray, log_u: np.ndarray) -> None:
        """Offer pairs of chains each other's states; a row of ``log_u`` for each set of pairs."""
        order = self.order
        for (short, long), bound in zip(self._pairs, log_u, strict=True):
            one, other = order[short], order[long]
            swap = bound[short] < (n_words[long] - n_words[short]) * (f[one] - f[other])
            order[short[swap]], order[long[swap]] = other[swap], one[swap]
            self.n_offers += short.size
            self.n_swaps += int(np.count_nonzero(swap))
