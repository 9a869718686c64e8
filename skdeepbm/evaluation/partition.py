"""Partition functions, exact or estimated, remembered for the parameters they belong to."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.evaluation.ais import forward_estimate, plan, reverse_estimate
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.models.bipartite import Bipartite
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.sampling import gibbs_chain

_MAX_REMEMBERED = 64
_remembered: OrderedDict[bytes, Any] = OrderedDict()

# Gibbs steps from the given rows to the model, before the way back begins
_BURN_IN = 1000


@dataclass(frozen=True)
class LogPartition:
    """Logarithm of a partition function.

    Attributes
    ----------
    value : float
        In nats. Of a model of several lengths, this and the other estimates are arrays with a
        value for each length.
    lower, upper : float
        Bounds at three standard errors of the weights of annealed importance sampling; equal to
        ``value`` where that is exact.
    method : str
        ``"exact"`` or ``"ais"``.
    reverse : float or None
        Estimate from runs that start at the model, high on average, where that was asked for.
    n_runs, n_temperatures : int
        Of annealed importance sampling; 0 where the value is exact.
    effective_sample_size : float
        Of the runs: few effective ones mean that the value is not to be trusted.
    """

    value: Any
    lower: Any
    upper: Any
    method: str
    reverse: Any = None
    n_runs: int = 0
    n_temperatures: int = 0
    effective_sample_size: Any = 0.0


def digest(model: Bipartite | ReplicatedSoftmax, *settings: object) -> bytes:
    """Hash of everything that log Z depends on, so that a changed parameter is noticed."""
    visible, hidden = model.visible, model.hidden
    parts = [part for side in (visible, hidden) for part in getattr(side, "parts", (side,))]
    kinds = [(units.kind, units.size, units.groups) for units in parts]
    beta, blocks = None, [model.weights]
    if isinstance(model, Bipartite):
        beta, blocks = model.beta, model.blocks
    found = hashlib.blake2b(repr((kinds, beta, settings)).encode())
    variances = [part.log_variance for part in parts]
    for array in (*blocks, visible.bias, hidden.bias, *variances):
        if array is not None:
            host = np.ascontiguousarray(model.backend.to_host(array))
            found.update(repr(host.shape).encode())
            found.update(host.tobytes())
    return found.digest()


def remember(
    key: bytes, compute: Callable[[], Any], suffices: Callable[[Any], bool] = lambda found: True
) -> Any:
    """What ``compute`` returned for this key, if that suffices; else computed and remembered."""
    if key not in _remembered or not suffices(_remembered[key]):
        _remembered[key] = compute()
        if len(_remembered) > _MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return _remembered[key]


def cached_log_partition(rbm: Bipartite) -> LogPartition:
    """Exact log Z, computed once for the same parameters.

    Parameters
    ----------
    rbm : RBM or other Bipartite
        In float64.

    Returns
    -------
    result : LogPartition
    """

    def compute() -> LogPartition:
        value = exact_log_partition(rbm)
        return LogPartition(value, value, value, "exact")

    return remember(digest(rbm), compute)


def estimated_log_partition(
    rbm: Bipartite,
    n_runs: int | None,
    temperatures: str | int | np.ndarray,
    seed: np.random.SeedSequence,
    rows: Array | None = None,
) -> LogPartition:
    """Log Z by annealed importance sampling, computed once for the same parameters and seed.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    n_runs : int or None
        None chooses.
    temperatures : "auto", "classic", int or ndarray
        See :func:`skdeepbm.evaluation.ais.plan`.
    seed : SeedSequence
    rows : array of shape (n_rows, n_visible) or None, default=None
        Where the reverse estimate starts, after 1000 Gibbs steps. It is not remembered.

    Returns
    -------
    result : LogPartition
    """

    def compute() -> LogPartition:
        stream = rbm.backend.stream(seed)
        path = plan(rbm, n_runs or 100, temperatures, stream)
        found = forward_estimate(rbm, path, n_runs, stream)
        reverse = None
        if rows is not None:
            v = _burnt_in(rbm, rows)
            reverse = reverse_estimate(rbm, path, v, stream).value
        return LogPartition(
            found.value,
            found.lower,
            found.upper,
            "ais",
            reverse,
            found.n_runs,
            found.n_temperatures,
            found.effective_sample_size,
        )

    def _burnt_in(rbm: Bipartite, rows: Array) -> Array:
        key = (*seed.spawn_key, 0)
        stream = rbm.backend.stream(np.random.SeedSequence(seed.entropy, spawn_key=key))
        v = rbm.backend.xp.asarray(rows, copy=True)
        a = rbm.hidden_input(v)
        h = rbm.hidden.sample(a, stream)
        gibbs_chain(rbm, h, _BURN_IN, stream, v, a)
        return v

    if rows is not None:
        return compute()
    names = (n_runs, np.asarray(temperatures).tolist(), seed.entropy, seed.spawn_key)
    return remember(digest(rbm, rbm.backend.name, str(rbm.dtype), *names), compute)
