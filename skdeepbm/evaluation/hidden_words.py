"""Free energies of documents with hidden words: exact, or annealed in the number of those.

With ``x = v.W + D a`` the input of the topics from the D visible words and M hidden ones,

    ``exp(-F(v)) = exp(v.b) sum_h exp(x.h + M f(h))``,

a partition function of M words with a further input. At M = 0 it is known, and topics are
independent; runs of annealed importance sampling from there, one for each document, estimate it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.evaluation.exact import streamed_states
from skdeepbm.evaluation.length_annealing import climb, stages
from skdeepbm.models.over_replicated import OverReplicatedSoftmax

#: hidden units that are enumerated at most, for every document anew
MAX_TOPICS = 12
# elements that are held at one time
_CHUNK = 2**22


def has_few_topics(model: OverReplicatedSoftmax) -> bool:
    """Whether the hidden layer has so few states that every document may visit all."""
    return model.hidden.size <= MAX_TOPICS


def exact_free_energy(model: OverReplicatedSoftmax, v: Any, n_words: Array) -> Array:
    """``-log sum_h sum_u exp(-E(v, h, u))`` by enumeration of the topics.

    Parameters
    ----------
    model : OverReplicatedSoftmax
        In float64; its hidden layer must be small.
    v : counts of shape (n_rows, n_words_in_vocabulary)
    n_words : array of shape (n_rows,)
        Their row sums.

    Returns
    -------
    free_energy : array of shape (n_rows,)
        In nats.
    """
    backend, xp, whole = model.backend, model.backend.xp, model.whole
    x, n_rows = whole.total_input(v, n_words), int(n_words.shape[0])
    parts = list(streamed_states(model.hidden, model.visible.size))
    of_hidden_words = xp.concat([model.n_hidden_words * whole.words(h)[1] for h in parts])
    h, found = xp.concat(parts, axis=0), []
    size = max(1, _CHUNK // int(h.shape[0]))
    for start in range(0, max(n_rows, 1), size):
        part = x[start : min(start + size, n_rows), :]
        found.append(backend.logsumexp(backend.matmul(part, h.T) + of_hidden_words, axis=1))
    bias = xp.expand_dims(model.visible.bias, axis=1)
    return -backend.counts_matmul(v, bias)[:, 0] - xp.concat(found)


def annealed_free_energy(
    model: OverReplicatedSoftmax,
    v: Any,
    n_words: Array,
    per_fold: int,
    stream: Stream,
) -> np.ndarray:
    """The same from one annealed run for each document, high on average.

    Parameters
    ----------
    model : OverReplicatedSoftmax
    v : counts of shape (n_rows, n_words_in_vocabulary)
    n_words : array of shape (n_rows,)
    per_fold : int
        Stages for each growth of the number of hidden words by a factor of e.
    stream : Stream

    Returns
    -------
    free_energy : ndarray of shape (n_rows,)
        In nats.
    """
    backend, whole = model.backend, model.whole
    x = whole.total_input(v, n_words)
    log_weights = -backend.to_host(whole.free_energy(v, n_words)).astype(np.float64)
    longest, size = model.n_hidden_words, max(1, _CHUNK // model.visible.size)
    # the last of them may lead further
    path = [(n, old, min(new, longest - n)) for n, old, new in stages(longest, per_fold)]
    for start in range(0, log_weights.size, size):
        part = x[start : min(start + size, log_weights.size), :]
        weights = log_weights[start : start + size]

        def move(h: Array, x: Array, part: Array = part) -> Array:
            return whole.draw_hidden(x + part, stream)

        h = whole.draw_hidden(part, stream)
        for _ in climb(whole, h, weights, path, stream, move):
            pass
    return -log_weights
