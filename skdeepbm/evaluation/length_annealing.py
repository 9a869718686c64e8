"""Annealed importance sampling of a replicated softmax for all lengths at once.

``Z_D = sum_h exp(D f(h))`` (see ``models.replicated_softmax``) with ``Z_0 = 2^n_hidden``: the
number of words is an inverse temperature, and one anneal from no word upwards estimates log Z of
every length on its way. Stages are evenly spaced in ``log(D + 1)``, since ``D f(h)`` of long
documents varies about the same at every length. Between n and n + 1 words, the last word is there
by a share e: its weights and the hidden bias for it are multiplied by e, so that a hidden state has
the weight ``exp(n f(h) + g(h, e))`` with ``g(h, e) = e a.h + log sum_k exp(b_k + e W_k.h)``, and
Gibbs steps stay exact. The estimate is low on average; runs that start at documents of the model
and go down to no word (Burda, Grosse & Salakhutdinov 2015) make one that is high.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.evaluation.ais import log_mean_weight
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax

Move = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class LengthCurve:
    """Estimates of log Z by length.

    Attributes
    ----------
    n_words : ndarray of shape (n_lengths,)
        From 0 upwards.
    value, lower, upper, effective_sample_size : ndarrays of shape (n_lengths,)
        As of :class:`skdeepbm.evaluation.ais.Estimate`.
    n_runs, n_stages : int
    """

    n_words: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    effective_sample_size: np.ndarray
    n_runs: int
    n_stages: int

    def at(self, n_words: Any, name: str = "value") -> np.ndarray:
        """An attribute at any lengths up to the longest: log Z is smooth in the length."""
        return np.interp(n_words, self.n_words, getattr(self, name))


def stages(longest: int, per_fold: int) -> Iterator[tuple[int, float, float]]:
    """Stages ``(n, old, new)`` from ``n + old`` to ``n + new`` words, up to ``longest`` or more.

    There are at least ``per_fold`` of them for each growth of the length by a factor of e, and as
    many for the first word. They do not depend on ``longest``, so that an anneal to another length
    begins with the same ones.
    """
    n = 0
    while n < longest:
        step = (n + 1) / per_fold
        if step > 1.0:
            yield n, 0.0, float(int(step))
            n += int(step)
        else:
            parts = math.ceil(1.0 / step)
            for j in range(parts):
                yield n, j / parts, (j + 1) / parts
            n += 1


def _share(model: ReplicatedSoftmax, a: Array, ha: Array, e: float) -> tuple[Array, Array]:
    """Numerators of the probabilities of a word that is there by a share, and ``g(h, e)``."""
    p = e * a
    cgf = model.backend.exponentiate(p, model.visible.bias)
    return p, cgf + e * ha


def _input_of_words(
    model: ReplicatedSoftmax, p: Array, n: int, last: Array | None, e: float, stream: Stream
) -> Array:
    """Draw ``n`` words, and one more that counts by ``e``; returns the input of hidden units."""
    backend, n_rows = model.backend, int(p.shape[0])
    v = backend.multinomial(np.full(n_rows, n), p, stream)
    x = model.total_input(v, model.lengths(np.full(n_rows, n + e)))
    if last is not None:
        word = backend.multinomial(np.ones(n_rows, np.int64), last, stream)
        x = x + e * backend.counts_matmul(word, model.weights)
    return x


def shifted(log_weights: np.ndarray, start: float) -> tuple[float, float, float, float]:
    """Value, bounds and effective size as of ``log_mean_weight``, from where weights start."""
    value, lower, upper, size = log_mean_weight(log_weights)
    return start + value, start + lower, start + upper, size


def climb(
    model: ReplicatedSoftmax,
    h: Array,
    log_weights: np.ndarray,
    path: Iterable[tuple[int, float, float]],
    stream: Stream,
    move: Move | None = None,
) -> Iterator[int]:
    """Runs from no word upwards; ``log_weights`` change in place.

    Parameters
    ----------
    model : ReplicatedSoftmax
    h : array of shape (n_runs, n_hidden)
        Hidden states of documents without words.
    log_weights : ndarray of shape (n_runs,)
        Log of the partition function that they are drawn from.
    path : iterable of (int, float, float)
        From :func:`stages`.
    stream : Stream
    move : callable or None, default=None
        New hidden states from the present ones and the input that they get from words, by a step
        that leaves the model as it is; None draws them given the words alone.

    Yields
    ------
    n_words : int
        Whenever the number of words is a whole one: the mean of the exponential of
        ``log_weights`` then estimates its partition function.
    """
    backend = model.backend
    for n, old, new in path:
        if new > 1.0:
            p, f = model.words(h)
            log_weights += new * backend.to_host(f).astype(np.float64)
            last, e, n = None, 0.0, n + int(new)
        else:
            a, ha = model.word_input(h), backend.matmul(h, model.hidden.bias)
            last, g = _share(model, a, ha, new)
            if old > 0.0:
                g = g - _share(model, a, ha, old)[1]
            log_weights += backend.to_host(g).astype(np.float64)
            p, e = last, new
            if new == 1.0:
                last, e, n = None, 0.0, n + 1
            elif n > 0:
                p, _ = _share(model, a, ha, 1.0)
        x = _input_of_words(model, p, n, last, e, stream)
        h = model.draw_hidden(x, stream) if move is None else move(h, x)
        if last is None:
            yield n


def ascend(
    model: ReplicatedSoftmax, longest: int, n_runs: int, per_fold: int, stream: Stream
) -> LengthCurve:
    """Log Z of every length up to ``longest``, low on average.

    Parameters
    ----------
    model : ReplicatedSoftmax
    longest : int
    n_runs : int
    per_fold : int
        Stages for each growth of the length by a factor of e.
    stream : Stream
    """
    backend, n_hidden = model.backend, model.hidden.size
    start = n_hidden * math.log(2.0)
    even = backend.zeros((n_runs, n_hidden), model.weights.dtype) + 0.5
    h = backend.bernoulli(even, stream)
    log_weights = np.zeros(n_runs)
    found = [(0.0, start, start, start, float(n_runs))]
    path = list(stages(longest, per_fold))
    for n in climb(model, h, log_weights, path, stream):
        found.append((float(n), *shifted(log_weights, start)))
    lengths, value, lower, upper, size = np.array(found).T
    return LengthCurve(lengths, value, lower, upper, size, n_runs, len(path))


def descend(
    model: ReplicatedSoftmax, h: Array, n_words: np.ndarray, per_fold: int, stream: Stream
) -> np.ndarray:
    """Estimates of log Z from single runs that go down to no word, each high on average.

    Parameters
    ----------
    model : ReplicatedSoftmax
    h : array of shape (n_runs, n_hidden)
        Hidden states of documents of the model, or as near to them as can be had.
    n_words : ndarray of int of shape (n_runs,)
        Lengths of those documents; at least 1.
    per_fold : int
    stream : Stream

    Returns
    -------
    log_z : ndarray of shape (n_runs,)
        Of each run's own length. The log of the mean of ``exp(-log_z)`` over runs of one length
        is minus a better one.
    """
    order = np.argsort(-n_words, kind="stable")
    h = model.backend.take_rows(h, order)
    log_weights = fall(model, h, n_words[order], per_fold, stream)
    log_z = np.empty(n_words.size)
    log_z[order] = model.hidden.size * math.log(2.0) - log_weights
    return log_z


def fall(
    model: ReplicatedSoftmax,
    h: Array,
    n_words: np.ndarray,
    per_fold: int,
    stream: Stream,
    move: Move | None = None,
) -> np.ndarray:
    """Runs down to no word.

    Parameters
    ----------
    model : ReplicatedSoftmax
    h : array of shape (n_runs, n_hidden)
        States of documents of the model; overwritten by those at the end.
    n_words : ndarray of int of shape (n_runs,)
        Lengths, the longest first.
    per_fold : int
    stream : Stream
    move : callable or None, default=None
        As of :func:`climb`; it is given the first rows, of runs that are under way.

    Returns
    -------
    log_weights : ndarray of shape (n_runs,)
    """
    backend, log_weights = model.backend, np.zeros(n_words.size)
    for n, low, high in reversed(list(stages(int(n_words[0]), per_fold))):
        # runs above the lower end of this stage; a long stage may begin above their length
        k = int(np.searchsorted(-n_words, -(n + low), side="left"))
        if k == 0:
            continue
        active = h[:k, :]
        if high > 1.0:
            p, f = model.words(active)
            above = np.minimum(n_words[:k], n + high) - n
            log_weights[:k] -= above * backend.to_host(f).astype(np.float64)
            last, e = None, 0.0
        else:
            a, ha = model.word_input(active), backend.matmul(active, model.hidden.bias)
            p, g = _share(model, a, ha, high)
            last, e = None, low
            if low > 0.0:
                last, g_low = _share(model, a, ha, low)
                g = g - g_low
            log_weights[:k] -= backend.to_host(g).astype(np.float64)
            if high < 1.0 and n > 0:
                p, _ = _share(model, a, ha, 1.0)
        if n + low > 0.0:
            x = _input_of_words(model, p, n, last, e, stream)
            h[:k, :] = model.draw_hidden(x, stream) if move is None else move(active, x)
    return log_weights
