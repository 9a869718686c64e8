"""Partition functions of a replicated softmax for many lengths, exact or estimated."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.evaluation.exact import MAX_STATES
from skdeepbm.evaluation.length_annealing import LengthCurve, ascend, descend, stages
from skdeepbm.evaluation.partition import LogPartition, digest, remember
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.sampling.words import word_chain

# Gibbs steps from given documents to those of the model, before the way down begins
_BURN_IN = 100
# elements of the rows that are held at one time
_CHUNK = 2**22


def is_enumerable(model: ReplicatedSoftmax) -> bool:
    """Whether the hidden layer has few enough states."""
    return model.hidden.n_states <= MAX_STATES


def exact_word_partition(model: ReplicatedSoftmax, n_words: np.ndarray) -> np.ndarray:
    """``log Z_D = log sum_h exp(D f(h))`` for each length, by enumeration of the hidden states.

    Parameters
    ----------
    model : ReplicatedSoftmax
        In float64 for full precision.
    n_words : ndarray of shape (n_lengths,)
        Not necessarily whole numbers.

    Returns
    -------
    log_z : ndarray of shape (n_lengths,)
        In nats.

    Raises
    ------
    ValueError
        If there are more than 20 hidden units.
    """
    if not is_enumerable(model):
        raise ValueError(
            "log Z cannot be computed exactly: at most 20 hidden units can be enumerated, but "
            f"there are {model.hidden.size}."
        )

    def masses() -> np.ndarray:
        n_states, backend = model.hidden.n_states, model.backend
        chunk = max(1, _CHUNK // (model.visible.size + model.hidden.size))
        found = []
        for start in range(0, n_states, chunk):
            h = model.hidden.states(start, min(start + chunk, n_states), np.float64)
            found.append(backend.to_host(model.words(h)[1]))
        return np.concatenate(found)

    f = remember(digest(model, "log mass"), masses)
    top = f.max()
    return np.array([n * top + np.log(np.exp(n * (f - top)).sum()) for n in n_words.tolist()])


def estimated_curve(
    model: ReplicatedSoftmax,
    longest: int,
    n_runs: int,
    per_fold: int,
    seed: np.random.SeedSequence,
) -> LengthCurve:
    """Log Z up to a length, estimated once for the same parameters and seed; see ``ascend``."""
    where = (model.backend.name, str(model.weights.dtype))
    key = digest(model, *where, n_runs, per_fold, seed.entropy, seed.spawn_key)
    return remember(
        key,
        lambda: ascend(model, longest, n_runs, per_fold, model.backend.stream(seed)),
        lambda curve: bool(curve.n_words[-1] >= longest),
    )


def estimated_word_partition(
    model: ReplicatedSoftmax,
    n_words: np.ndarray,
    n_runs: int,
    per_fold: int,
    seed: np.random.SeedSequence,
) -> LogPartition:
    """Log Z of several lengths from one anneal; attributes are arrays, one value a length."""
    longest = int(np.ceil(n_words.max()))
    curve = estimated_curve(model, longest, n_runs, per_fold, seed)
    return LogPartition(
        curve.at(n_words),
        curve.at(n_words, "lower"),
        curve.at(n_words, "upper"),
        "ais",
        None,
        n_runs,
        # a longer anneal may have been remembered
        sum(1 for _ in stages(longest, per_fold)),
        curve.at(n_words, "effective_sample_size"),
    )


def reverse_word_partition(
    model: ReplicatedSoftmax,
    v: Any,
    lengths: Array,
    n_words: np.ndarray,
    per_fold: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    """Estimates of log Z, high on average, from single runs that start at documents.

    Parameters
    ----------
    model : ReplicatedSoftmax
    v : counts of shape (n_runs, n_words_in_vocabulary)
    lengths : array of shape (n_runs,)
        Their row sums.
    n_words : ndarray of int of shape (n_runs,)
        The length to which each is taken by 100 Gibbs steps, and whose log Z is estimated.
    per_fold : int
    seed : SeedSequence

    Returns
    -------
    log_z : ndarray of shape (n_runs,)
    """
    stream = model.backend.stream(seed)
    h = model.backend.bernoulli(model.hidden_mean(v, lengths), stream)
    size = max(1, _CHUNK // model.visible.size)
    found = []
    # the longest documents first, so that runs of one chunk end together
    order = np.argsort(-n_words, kind="stable")
    for start in range(0, n_words.size, size):
        index = order[start : start + size]
        part = model.backend.take_rows(h, index)
        _, _, part = word_chain(model, part, n_words[index], _BURN_IN, stream)
        found.append(descend(model, part, n_words[index], per_fold, stream))
    log_z = np.empty(n_words.size)
    log_z[order] = np.concatenate(found)
    return log_z
