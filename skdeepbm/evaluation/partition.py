"""Results of partition functions, remembered for the parameters they belong to."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.models.rbm import RBM

_MAX_REMEMBERED = 64
_remembered: OrderedDict[bytes, float] = OrderedDict()


@dataclass(frozen=True)
class LogPartition:
    """Logarithm of a partition function.

    Attributes
    ----------
    value : float
        In nats.
    lower, upper : float
        Bounds; equal to ``value`` where that is exact.
    method : str
        ``"exact"``.
    """

    value: float
    lower: float
    upper: float
    method: str


def _digest(rbm: RBM) -> bytes:
    """Hash of everything that log Z depends on, so that a changed parameter is noticed."""
    found = hashlib.blake2b(
        repr((rbm.visible.kind, rbm.visible.groups, rbm.hidden.kind, rbm.hidden.groups)).encode()
    )
    arrays = [rbm.weights, rbm.visible.bias, rbm.hidden.bias, rbm.visible.log_variance]
    for array in arrays:
        if array is not None:
            host = np.ascontiguousarray(rbm.backend.to_host(array))
            found.update(repr(host.shape).encode())
            found.update(host.tobytes())
    return found.digest()


def cached_log_partition(rbm: RBM) -> LogPartition:
    """Exact log Z, computed once for the same parameters.

    Parameters
    ----------
    rbm : RBM
        In float64.

    Returns
    -------
    result : LogPartition
    """
    key = _digest(rbm)
    if key not in _remembered:
        _remembered[key] = exact_log_partition(rbm)
        if len(_remembered) > _MAX_REMEMBERED:
            _remembered.popitem(last=False)
    value = _remembered[key]
    return LogPartition(value, value, value, "exact")
