"""Annealed importance sampling of a deep Boltzmann machine of documents, for all lengths at once.

Runs visit states of the odd hidden layers, of weight ``exp(D f(h_1) + g)`` in documents of D words
(see ``models.word_dbm``), the even layers in ``g`` and the words in ``f`` summed out. They begin
with independent units, come to the hidden layers alone by an inverse temperature, as runs of any
machine of two sides do (:mod:`skdeepbm.evaluation.ais`), which is the machine of documents without
words, and from there climb from length to length as those of a replicated softmax
(:mod:`skdeepbm.evaluation.length_annealing`). Every length is on the way of one anneal. The
estimate is low on average; runs that go the same way back, from documents of the model, make one
that is high.
"""

from __future__ import annotations

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.evaluation.ais import Plan, anneal, draw_base, plan
from skdeepbm.evaluation.length_annealing import LengthCurve, climb, fall, shifted, stages
from skdeepbm.models.tempering import log_base_partition
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.sampling.word_layers import draw_layers

# inverse temperatures between independent units and the hidden layers alone
_TEMPERATURES: str | int = "auto"


class _Layers:
    """Gibbs steps of the odd layers; those above the first follow it in rows of their own."""

    def __init__(self, dbm: WordDBM, odd: Array, stream: Stream) -> None:
        self.dbm, self.stream, self.n_first = dbm, stream, dbm.layers[1].size
        self.first = dbm.backend.xp.asarray(odd[:, : self.n_first], copy=True)
        self.others = odd[:, self.n_first :]

    def odd(self, h: Array) -> Array:
        """States of all odd layers in the first rows, of which ``h`` are those of the first."""
        others = self.others[: int(h.shape[0]), :]
        return self.dbm.backend.xp.concat([h, others], axis=1)

    def __call__(self, h: Array, x: Array) -> Array:
        _, odd, _ = draw_layers(self.dbm, self.odd(h), x, self.stream)
        self.others[: int(h.shape[0]), :] = odd[:, self.n_first :]
        return odd[:, : self.n_first]


def plan_above(dbm: WordDBM, n_runs: int, stream: Stream) -> Plan:
    """The way from independent units to the hidden layers alone."""
    return plan(dbm.above, n_runs, _TEMPERATURES, stream)


def ascend_layers(
    dbm: WordDBM, longest: int, n_runs: int, per_fold: int, stream: Stream
) -> LengthCurve:
    """Log Z of every length up to ``longest``, low on average.

    Parameters
    ----------
    dbm : WordDBM
    longest : int
    n_runs : int
    per_fold : int
        Stages for each growth of the length by a factor of e.
    stream : Stream
    """
    above, way = dbm.above, plan_above(dbm, n_runs, stream)
    start = log_base_partition(above, way.base_bias)
    odd = draw_base(above, way.base_bias, n_runs, stream)
    log_weights, odd = anneal(above, odd, way.betas, way.base_bias, stream)
    found = [(0.0, *shifted(log_weights, start))]
    move, path = _Layers(dbm, odd, stream), list(stages(longest, per_fold))
    for n in climb(dbm.bottom, move.first, log_weights, path, stream, move):
        found.append((float(n), *shifted(log_weights, start)))
    lengths, value, lower, upper, size = np.array(found).T
    return LengthCurve(lengths, value, lower, upper, size, n_runs, len(path))


def descend_layers(
    dbm: WordDBM, odd: Array, n_words: np.ndarray, per_fold: int, way: Plan, stream: Stream
) -> np.ndarray:
    """Estimates of log Z from single runs that go down to independent units, high on average.

    Parameters
    ----------
    dbm : WordDBM
    odd : array of shape (n_runs, n_1 + n_3 + ...)
        States of the odd layers in documents of the model, or as near to them as can be had.
    n_words : ndarray of int of shape (n_runs,)
        Lengths of those documents.
    per_fold : int
    way : Plan
        From :func:`plan_above`.
    stream : Stream

    Returns
    -------
    log_z : ndarray of shape (n_runs,)
        Of each run's own length.
    """
    order = np.argsort(-n_words, kind="stable")
    move = _Layers(dbm, dbm.backend.take_rows(odd, order), stream)
    log_weights = fall(dbm.bottom, move.first, n_words[order], per_fold, stream, move)
    odd, betas = move.odd(move.first), way.betas[::-1]
    log_weights += anneal(dbm.above, odd, betas, way.base_bias, stream)[0]
    log_z = np.empty(n_words.size)
    log_z[order] = log_base_partition(dbm.above, way.base_bias) - log_weights
    return log_z
