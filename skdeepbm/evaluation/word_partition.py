"""Partition functions of models of documents for many lengths, exact or estimated.

Of a replicated softmax, or of a deep Boltzmann machine whose words and first layer are one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.evaluation.exact import MAX_STATES
from skdeepbm.evaluation.layer_annealing import ascend_layers, descend_layers, plan_above
from skdeepbm.evaluation.length_annealing import LengthCurve, ascend, descend, stages
from skdeepbm.evaluation.partition import LogPartition, digest, remember
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import Units
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.sampling.word_layers import first_odd, word_layer_chain
from skdeepbm.sampling.words import word_chain

# Gibbs steps from given documents to those of the model, before the way down begins
_BURN_IN = 100
# runs that choose the way between independent units and hidden layers without words
_PILOT_RUNS = 100
# elements of the rows that are held at one time
_CHUNK = 2**22


def enumerated_units(model: ReplicatedSoftmax | WordDBM) -> Units:
    """The hidden units whose states an exact sum visits: of a machine those of all odd layers."""
    return model.above.visible if isinstance(model, WordDBM) else model.hidden


def is_enumerable(model: ReplicatedSoftmax | WordDBM) -> bool:
    """Whether these have few enough states."""
    n_states = enumerated_units(model).n_states
    return n_states is not None and n_states <= MAX_STATES


def exact_word_partition(model: ReplicatedSoftmax | WordDBM, n_words: np.ndarray) -> np.ndarray:
    """``log Z_D = log sum_h exp(D f(h) + g(h))`` for each length, by enumeration of hidden states.

    Parameters
    ----------
    model : ReplicatedSoftmax or WordDBM
        In float64 for full precision. Of the latter, ``g`` is the log-weight of the odd layers
        without words, the even ones summed out; of the former it is 0.
    n_words : ndarray of shape (n_lengths,)
        Not necessarily whole numbers.

    Returns
    -------
    log_z : ndarray of shape (n_lengths,)
        In nats.

    Raises
    ------
    ValueError
        If there are more than 20 hidden units (in odd layers).
    """
    if not is_enumerable(model):
        raise ValueError(
            "log Z cannot be computed exactly: at most 20 hidden units can be enumerated, but "
            f"there are {enumerated_units(model).size}."
        )
    units, backend = enumerated_units(model), model.backend
    bottom = model.bottom if isinstance(model, WordDBM) else model

    def masses() -> tuple[np.ndarray, np.ndarray]:
        n_states = units.n_states
        assert n_states is not None
        chunk = max(1, _CHUNK // (bottom.visible.size + units.size))
        f, g = [], []
        for start in range(0, n_states, chunk):
            h = units.states(start, min(start + chunk, n_states), np.float64)
            f.append(backend.to_host(bottom.words(h[:, : bottom.hidden.size])[1]))
            if isinstance(model, WordDBM):
                g.append(backend.to_host(-model.above.free_energy(h)))
        return np.concatenate(f), np.concatenate(g) if g else np.zeros(1)

    f, g = remember(_digest(model, "log mass"), masses)

    def log_sum(n: float) -> float:
        x = n * f + g
        top = x.max()
        return float(top + np.log(np.exp(x - top).sum()))

    return np.array([log_sum(n) for n in n_words.tolist()])


def _digest(model: ReplicatedSoftmax | WordDBM, *settings: object) -> bytes:
    if isinstance(model, WordDBM):
        return digest(model.bottom, *settings) + digest(model.above)
    return digest(model, *settings)


def estimated_curve(
    model: ReplicatedSoftmax | WordDBM,
    longest: int,
    n_runs: int,
    per_fold: int,
    seed: np.random.SeedSequence,
) -> LengthCurve:
    """Log Z up to a length, estimated once for the same parameters and seed; see ``ascend``."""
    where = (model.backend.name, str(enumerated_units(model).bias.dtype))
    key = _digest(model, *where, n_runs, per_fold, seed.entropy, seed.spawn_key)

    def compute() -> LengthCurve:
        stream = model.backend.stream(seed)
        if isinstance(model, WordDBM):
            return ascend_layers(model, longest, n_runs, per_fold, stream)
        return ascend(model, longest, n_runs, per_fold, stream)

    return remember(
        key,
        compute,
        lambda curve: bool(curve.n_words[-1] >= longest),
    )


def estimated_word_partition(
    model: ReplicatedSoftmax | WordDBM,
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
    model: ReplicatedSoftmax | WordDBM,
    v: Any,
    lengths: Array,
    n_words: np.ndarray,
    per_fold: int,
    seed: np.random.SeedSequence,
) -> np.ndarray:
    """Estimates of log Z, high on average, from single runs that start at documents.

    Parameters
    ----------
    model : ReplicatedSoftmax or WordDBM
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
    if isinstance(model, WordDBM):
        way, h = plan_above(model, _PILOT_RUNS, stream), first_odd(model, v, stream)
    else:
        h = model.backend.bernoulli(model.hidden_mean(v, lengths), stream)
    size = max(1, _CHUNK // model.visible.size)
    found = []
    # the longest documents first, so that runs of one chunk end together
    order = np.argsort(-n_words, kind="stable")
    for start in range(0, n_words.size, size):
        index = order[start : start + size]
        part, own = model.backend.take_rows(h, index), n_words[index]
        if isinstance(model, WordDBM):
            _, part = word_layer_chain(model, part, own, _BURN_IN, stream)
            found.append(descend_layers(model, part, own, per_fold, way, stream))
        else:
            _, _, part = word_chain(model, part, own, _BURN_IN, stream)
            found.append(descend(model, part, own, per_fold, stream))
    log_z = np.empty(n_words.size)
    log_z[order] = np.concatenate(found)
    return log_z
