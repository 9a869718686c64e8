"""Block Gibbs sampling of a replicated softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax


def word_chain(
    model: ReplicatedSoftmax, h: Array, n_words: np.ndarray, n_steps: int, stream: Stream
) -> tuple[Any, Array, Array]:
    """Run chains from hidden states: ``n_steps`` times words given h, then h given the words.

    Parameters
    ----------
    model : ReplicatedSoftmax
    h : array of shape (n_chains, n_hidden)
        Hidden states to start from.
    n_words : ndarray of int of shape (n_chains,)
        Length of each document, on the host.
    n_steps : int
        At least 1.
    stream : Stream

    Returns
    -------
    v : counts of shape (n_chains, n_words_in_vocabulary)
        The last ones.
    h_mean, h : arrays of shape (n_chains, n_hidden)
        Expected and drawn hidden states given ``v``.
    """
    lengths = model.lengths(n_words)
    p = model.backend.empty((int(h.shape[0]), model.visible.size), model.weights.dtype)
    for _ in range(n_steps):
        model.words(h, out=p)
        v = model.backend.multinomial(n_words, p, stream)
        h_mean = model.hidden_mean(v, lengths)
        h = model.backend.bernoulli(h_mean, stream)
    return v, h_mean, h
