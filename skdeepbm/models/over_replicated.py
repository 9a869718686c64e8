"""The over-replicated softmax: documents of which some words are hidden.

Srivastava, Salakhutdinov & Hinton (2013): beside its D visible words, every document has M hidden
ones with the same weights and biases,

    ``E(v, h, u) = -(v + u).b - (v + u).W h - (D + M) a.h``,

so that it is a replicated softmax of ``D + M`` words whose counts are ``v + u``, and has the
partition function of that length. Hidden words are a prior of topics that is stronger for short
documents. With them summed out,

    ``-log p*(v, h) = -v.b - v.W h - D a.h - M f(h)``

with the log-mass ``f(h)`` of one word. Topics are no longer independent given the words; the best
factorial distribution has ``h = sigmoid(v.W + M p.W + (D + M) a)`` and ``p = softmax(b + W h)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import BernoulliUnits, MultinomialUnits


@dataclass
class OverReplicatedSoftmax:
    """Visible words and topics; hidden words are summed out or in mean field.

    Parameters
    ----------
    whole : ReplicatedSoftmax
        Of all words, the hidden ones included.
    n_hidden_words : int
        In every document.
    tolerance : float, default=1e-4
        The mean field of a document has settled when no topic has changed by more in a step.
    max_steps : int, default=100
        A step updates hidden words, then topics.
    """

    whole: ReplicatedSoftmax
    n_hidden_words: int
    tolerance: float = 1e-4
    max_steps: int = 100

    @property
    def backend(self) -> Backend:
        return self.whole.backend

    @property
    def visible(self) -> MultinomialUnits:
        return self.whole.visible

    @property
    def hidden(self) -> BernoulliUnits:
        return self.whole.hidden

    @property
    def weights(self) -> Array:
        return self.whole.weights

    def lengths(self, n_words: Any) -> Array:
        """Numbers of words as an array of the weights' dtype."""
        return self.whole.lengths(n_words)

    def word_input(self, h: Array, out: Array | None = None) -> Array:
        """Weighted input of the visible units, bias not included."""
        return self.whole.word_input(h, out)

    def energy(self, v: Any, n_words: Array, h: Array) -> Array:
        """``-log p*(v, h)``, row by row; shape (n_rows,)."""
        _, log_mass = self.whole.words(h)
        return self.whole.energy(v, n_words, h) - self.n_hidden_words * log_mass

    # -- mean field ----------------------------------------------------------------------

    def pass_up(self, v: Any, n_words: Array) -> tuple[Array, Array]:
        """Where mean field begins.

        Hidden words are taken to be distributed as the visible ones, which multiplies the weights
        on the way up by ``1 + M / D``.

        Parameters
        ----------
        v : counts of shape (n_rows, n_words_in_vocabulary)
        n_words : array of shape (n_rows,)
            Their row sums; greater than 0.

        Returns
        -------
        from_data : array of shape (n_rows, n_hidden)
            Input of the topics from all but the hidden words.
        h : array of shape (n_rows, n_hidden)
        """
        backend, xp, n_hidden_words = self.backend, self.backend.xp, self.n_hidden_words
        x = backend.counts_matmul(v, self.weights)
        bias = xp.expand_dims(n_words + n_hidden_words, axis=1) * self.hidden.bias
        factor = xp.expand_dims((n_words + n_hidden_words) / n_words, axis=1)
        return x + bias, backend.sigmoid(factor * x + bias)

    def hidden_words(self, h: Array, out: Array | None = None) -> Array:
        """Expected counts of the hidden words given topics; rows sum to M."""
        xp = self.backend.xp
        p, _ = self.whole.words(h, out=out)
        p *= self.n_hidden_words / xp.sum(p, axis=1, keepdims=True)
        return p

    def update(self, from_data: Array, h: Array, out: Array | None = None) -> Array:
        """Expected topics at the expected hidden words of topics ``h``; words go into ``out``."""
        words = self.hidden_words(h, out=out)
        return self.backend.sigmoid(from_data + self.backend.matmul(words, self.weights))

    def hidden_mean(self, v: Any, n_words: Array) -> Array:
        """Expected topics in the mean field, of every document as if it were alone.

        A document without words gets 0.5: its posterior is the prior of topics, of which a
        factorial distribution would show a single mode.
        """
        backend, n = self.backend, int(n_words.shape[0])
        host = backend.to_host(n_words)
        active, empty = np.flatnonzero(host > 0), np.flatnonzero(host <= 0)
        places = [empty]
        found = [backend.zeros((empty.size, self.hidden.size), self.weights.dtype) + 0.5]
        if active.size < n:
            v, n_words = backend.take_counts(v, active), backend.take_rows(n_words, active)
        x, h = self.pass_up(v, n_words)
        for _ in range(self.max_steps):
            new = self.update(x, h)
            change = backend.to_host(backend.xp.max(backend.xp.abs(new - h), axis=1))
            h, settled = new, change <= self.tolerance
            if not settled.any():
                continue
            ends, going = np.flatnonzero(settled), np.flatnonzero(~settled)
            places.append(active[ends])
            found.append(backend.take_rows(h, ends))
            x, h = backend.take_rows(x, going), backend.take_rows(h, going)
            active = active[going]
            if not active.size:
                break
        order = np.argsort(np.concatenate([*places, active]), kind="stable")
        return backend.take_rows(backend.xp.concat([*found, h], axis=0), order)

    def variational_free_energy(self, v: Any, n_words: Array, h: Array) -> Array:
        """``E_q[E(v, h, u)] - H(q)``, an upper bound of the free energy.

        Parameters
        ----------
        v : counts of shape (n_rows, n_words_in_vocabulary)
        n_words : array of shape (n_rows,)
        h : array of shape (n_rows, n_hidden)
            Expected topics of a factorial q; its hidden words are the best ones given these.

        Returns
        -------
        free_energy : array of shape (n_rows,)
            In nats.
        """
        xp, least = self.backend.xp, float(np.finfo(np.float32).tiny)
        entropy = -h * xp.log(xp.clip(h, least, None))
        entropy -= (1.0 - h) * xp.log(xp.clip(1.0 - h, least, None))
        # at the best words, M times their expected energy and entropy is M f(h)
        return self.energy(v, n_words, h) - xp.sum(entropy, axis=1)

    def free_energy(self, v: Any, n_words: Array) -> Array:
        """Variational free energy in the mean field; shape (n_rows,)."""
        return self.variational_free_energy(v, n_words, self.hidden_mean(v, n_words))
