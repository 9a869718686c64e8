"""Annealed importance sampling of partition functions, forwards and backwards.

Neal (2001), Salakhutdinov & Murray (2008); backwards Burda, Grosse & Salakhutdinov (2015). With
hidden units summed out, ``p*_beta(v)`` is the unnormalised density of the path of
``models.tempering``. A run visits ``beta_0, ..., beta_K``, is multiplied by
``p*_{beta_k}(v) / p*_{beta_{k-1}}(v)`` at every stage and moved by a Gibbs step that leaves
``p_{beta_k}`` as it is. Forwards the mean weight estimates ``Z / Z_base`` without bias, so that its
logarithm is low on average; backwards it estimates ``Z_base / Z``, which makes log Z high on
average. The truth lies between the two, up to their noise.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.bipartite import Bipartite
from skdeepbm.models.tempering import log_base_partition, log_ratio, tempered
from skdeepbm.models.units import JointUnits

#: inverse temperatures of Salakhutdinov & Murray (2008): 500 + 4000 + 10,000 intermediate ones
CLASSIC = np.concatenate(
    [np.arange(0, 500) / 1e3, np.arange(5000, 9000) / 1e4, np.arange(90_000, 100_001) / 1e5]
)

#: stages of each of the two pilots, before the path is known
PILOT_STAGES = 100
_EVEN = np.linspace(0.0, 1.0, PILOT_STAGES + 1)
#: standard error of log Z (nats) that automatic choices aim at, and the fewest and most stages
_WANTED_ERROR, _FEWEST, _MOST = 0.01, 1000, 10_000
#: runs of an automatic choice at first and at most, and the multiplications that more may take
_FIRST_RUNS, _MOST_RUNS, _BUDGET = 100, 2000, 2**35


@dataclass(frozen=True)
class Estimate:
    """Log of a partition function, estimated from weighted runs.

    Attributes
    ----------
    value : float
        In nats.
    lower, upper : float
        Three standard errors of the mean weight to both sides, on the scale of logarithms;
        ``lower`` is minus infinity where the error is as large as the mean.
    effective_sample_size : float
        ``(sum w)^2 / sum w^2`` of the weights, at most the number of runs.
    n_runs, n_temperatures : int
        Number of runs and of stages.
    """

    value: float
    lower: float
    upper: float
    effective_sample_size: float
    n_runs: int
    n_temperatures: int


def anneal(
    rbm: Bipartite,
    v: Array,
    betas: Sequence[float] | np.ndarray,
    base_bias: Array,
    stream: Stream,
    factors: np.ndarray | None = None,
) -> tuple[np.ndarray, Array]:
    """Take states from the first inverse temperature to the last.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    v : array of shape (n_runs, n_visible)
        Draws from the model at ``betas[0]``.
    betas : sequence of float
        Rising or falling.
    base_bias : array of shape (n_visible,)
        Visible bias at inverse temperature 0.
    stream : Stream
    factors : ndarray of shape (n_stages, n_runs) or None, default=None
        On the host, filled with the logarithms of the factors by which each stage multiplies the
        weights.

    Returns
    -------
    log_weights : ndarray of float64 of shape (n_runs,)
        On the host.
    v : array of shape (n_runs, n_visible)
        States after the last Gibbs step, which is one at ``betas[-2]``.
    """
    backend = rbm.backend
    log_weights = np.zeros(int(v.shape[0]))
    v = backend.xp.asarray(v, copy=True)
    n_products = 2 * sum(math.prod(block.shape) for block in rbm.blocks)
    blocks = backend.row_blocks(log_weights.size, n_products)
    streams = backend.branches(stream, len(blocks))
    backend.run_together(
        [
            _stages(
                rbm,
                v[rows, :],
                betas,
                base_bias,
                each,
                log_weights[rows],
                None if factors is None else factors[:, rows],
            )
            for rows, each in zip(blocks, streams, strict=True)
        ],
        n_products * log_weights.size // len(blocks),
    )
    return log_weights, v


def _stages(
    rbm: Bipartite,
    v: Array,
    betas: Sequence[float] | np.ndarray,
    base_bias: Array,
    stream: Stream,
    log_weights: np.ndarray,
    factors: np.ndarray | None,
) -> Generator[None, None, None]:
    """Anneal a block of rows: ``v``, ``log_weights`` and ``factors`` change in place."""
    backend = rbm.backend
    a = backend.empty((int(v.shape[0]), rbm.hidden.size), rbm.dtype)
    h = backend.empty((int(v.shape[0]), rbm.hidden.size), rbm.dtype)
    old = tempered(rbm, float(betas[0]), base_bias)
    for stage, beta in enumerate(betas[1:], start=1):
        new = tempered(rbm, float(beta), base_bias)
        rbm.hidden_input(v, out=a)
        change = backend.to_host(log_ratio(old, new, v, a)).astype(np.float64)
        log_weights += change
        if factors is not None:
            factors[stage - 1] = change
        if stage + 1 < len(betas):
            a *= new.beta
            new.hidden.sample(a, stream, out=h)
            new.visible_input(h, out=v)
            new.visible.sample(v, stream, out=v)
        old = new
        yield


def log_mean_weight(log_weights: np.ndarray) -> tuple[float, float, float, float]:
    """Log of the mean of weights, its bounds at three standard errors, and the effective size.

    Raises
    ------
    FloatingPointError
        If a weight is not finite.
    """
    _check_finite(log_weights)
    top = float(log_weights.max())
    weights = np.exp(log_weights - top)
    mean = float(weights.mean())
    n = weights.size
    error = float(weights.std(ddof=1)) / math.sqrt(n) / mean if n > 1 else math.inf
    value = top + math.log(mean)
    lower = value + math.log1p(-3.0 * error) if 3.0 * error < 1.0 else -math.inf
    upper = value + math.log1p(3.0 * error)
    return value, lower, upper, float(weights.sum() ** 2 / (weights**2).sum())


def _check_finite(log_weights: np.ndarray) -> None:
    if not np.isfinite(log_weights).all():
        raise FloatingPointError(
            "annealed importance sampling met weights that are not finite: the model has no "
            "finite partition function (Gaussian units on both sides with too large weights), or "
            "its parameters are too large."
        )


@dataclass(frozen=True)
class Plan:
    """A path to anneal along: where it begins, and its stages."""

    base_bias: Array
    betas: np.ndarray


def base_bias(rbm: Bipartite, n_runs: int, stream: Stream) -> Array:
    """Visible bias of the independent units at the beginning of the path.

    Real-valued units get the mean they have when nothing is known of the hidden ones, so that the
    path does not favour any side. Others get about the mean they have in the model, from a pilot
    of short runs that start at even odds.
    """
    backend, units, dtype = rbm.backend, rbm.visible, rbm.dtype
    silent = rbm.hidden.with_bias(0.0 * rbm.hidden.bias)
    h = silent.mean(backend.zeros((1, silent.size), dtype))
    undecided = units.bias + rbm.visible_input(h)[0, :]
    if units.has_variance:
        return undecided
    even = backend.zeros((units.size,), dtype)
    _, v = anneal(rbm, draw_base(rbm, even, n_runs, stream), _EVEN, even, stream)
    mean = backend.to_host(backend.xp.mean(v, axis=0)).astype(np.float64)
    # as if one more run had seen every unit half on: no unit is certain
    mean = (n_runs * mean + 0.5) / (n_runs + 1)
    found = backend.asarray(units.bias_at(mean), dtype)
    if isinstance(units, JointUnits):
        for part, i in zip(units.parts, units.slices, strict=True):
            if part.has_variance:
                found[i] = undecided[i]
    return found


def plan(rbm: Bipartite, n_runs: int, temperatures: str | int | np.ndarray, stream: Stream) -> Plan:
    """Choose where the path begins and its inverse temperatures.

    A pilot measures the standard deviation ``g(beta)`` of the derivative of the runs' log-weights;
    stages of equal ``g`` make the variance of the weights least (Gelman & Meng 1998). A tenth of
    the stages is spread evenly.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    n_runs : int
        Of the pilots.
    temperatures : "auto", "classic", int or ndarray
        A number of stages to place, the inverse temperatures themselves, or "auto": as many as
        should make the standard error of log Z 0.01 nats if the chains mixed at once, between 1000
        and 10,000.
    stream : Stream

    Returns
    -------
    plan : Plan
    """
    start = base_bias(rbm, n_runs, stream)
    if isinstance(temperatures, str) and temperatures == "classic":
        return Plan(start, CLASSIC)
    if not isinstance(temperatures, str) and np.ndim(temperatures):
        return Plan(start, np.asarray(temperatures, dtype=np.float64))
    factors = np.empty((PILOT_STAGES, n_runs))
    anneal(rbm, draw_base(rbm, start, n_runs, stream), _EVEN, start, stream, factors)
    speed = factors.std(axis=1) * PILOT_STAGES
    _check_finite(speed)
    length = float(speed.mean())
    if isinstance(temperatures, str):
        n_stages = math.ceil(length**2 / (n_runs * _WANTED_ERROR**2))
        n_stages = min(max(n_stages, _FEWEST), _MOST)
    else:
        n_stages = int(temperatures)
    density = 0.9 * speed / max(length, 1e-300) + 0.1
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    share = np.linspace(0.0, 1.0, n_stages + 1) * cumulative[-1]
    return Plan(start, np.interp(share, cumulative, _EVEN))


def draw_base(rbm: Bipartite, base_bias: Array, n_runs: int, stream: Stream) -> Array:
    """Exact draws from the independent visible units at the beginning of the path."""
    units = rbm.visible.with_bias(base_bias)
    zeros = rbm.backend.zeros((n_runs, units.size), rbm.dtype)
    return units.sample(zeros, stream)


def forward_estimate(rbm: Bipartite, path: Plan, n_runs: int | None, stream: Stream) -> Estimate:
    """Log Z from runs that start at independent units; low on average.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    path : Plan
    n_runs : int or None
        None begins with 100 and adds more until the standard error of log Z is 0.01 nats, as long
        as that takes a few seconds and no more than 2000 runs.
    stream : Stream
    """

    def runs(n: int) -> np.ndarray:
        v = draw_base(rbm, path.base_bias, n, stream)
        return anneal(rbm, v, path.betas, path.base_bias, stream)[0]

    log_weights = runs(n_runs or _FIRST_RUNS)
    n_v, n_h = rbm.visible.size, rbm.hidden.size
    # a draw takes about as long as fifty multiplications in a product
    n_weights = sum(math.prod(block.shape) for block in rbm.blocks)
    cost = path.betas.size * (n_weights + 50 * (n_v + n_h))
    most = min(_MOST_RUNS, _BUDGET // cost)
    while n_runs is None and log_weights.size < most:
        value, _, upper, _ = log_mean_weight(log_weights)
        error = math.expm1(upper - value) / 3.0
        if error <= _WANTED_ERROR:
            break
        wanted = math.ceil(1.2 * log_weights.size * (error / _WANTED_ERROR) ** 2)
        wanted = min(max(wanted, 2 * log_weights.size), most)
        log_weights = np.concatenate([log_weights, runs(wanted - log_weights.size)])
    value, lower, upper, size = log_mean_weight(log_weights)
    base = log_base_partition(rbm, path.base_bias)
    return Estimate(
        base + value, base + lower, base + upper, size, log_weights.size, path.betas.size - 1
    )


def reverse_estimate(rbm: Bipartite, path: Plan, v: Array, stream: Stream) -> Estimate:
    """Log Z from runs that start at states of the model; high on average.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    path : Plan
    v : array of shape (n_runs, n_visible)
        Draws from the model, or as near to them as can be had.
    stream : Stream
    """
    log_weights, _ = anneal(rbm, v, path.betas[::-1], path.base_bias, stream)
    value, lower, upper, size = log_mean_weight(log_weights)
    base = log_base_partition(rbm, path.base_bias)
    return Estimate(
        base - value, base - upper, base - lower, size, log_weights.size, path.betas.size - 1
    )
