"""Exact partition functions by enumeration of one layer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.bipartite import Bipartite
from skdeepbm.models.units import Units

#: states of a layer that are enumerated at most: 20 binary units
MAX_STATES = 2**20


def enumerable_side(rbm: Bipartite) -> str | None:
    """The layer whose states to enumerate, "hidden" or "visible"; None if both are too large."""
    counts = {}
    if rbm.hidden.n_states is not None and rbm.hidden.has_energy:
        counts["hidden"] = rbm.hidden.n_states
    if rbm.visible.n_states is not None:
        counts["visible"] = rbm.visible.n_states
    side = min(counts, key=lambda name: counts[name], default=None)
    return side if side is not None and counts[side] <= MAX_STATES else None


def streamed_states(units: Units, width: int) -> Iterator[Array]:
    """All joint states of some units in parts, of which ``width`` values a state fit in memory."""
    n_states = units.n_states
    assert n_states is not None
    chunk = max(1, min(n_states, 2**22 // width))
    for start in range(0, n_states, chunk):
        yield units.states(start, min(start + chunk, n_states), np.float64)


def exact_log_partition(rbm: Bipartite) -> float:
    """Logarithm of ``Z = sum_v sum_h exp(-E(v, h))``, with one layer summed out analytically.

    The states of the other one are streamed, so that memory does not grow with their number.

    Parameters
    ----------
    rbm : RBM or other Bipartite
        In float64 for full precision.

    Returns
    -------
    log_z : float
        In nats.

    Raises
    ------
    ValueError
        If both layers have more than 2**20 states.
    """
    side = enumerable_side(rbm)
    if side is None:
        raise ValueError(
            "log Z cannot be computed exactly: a layer of at most 2**20 states (20 binary units) "
            f"is needed, but there are {rbm.layout}."
        )
    units = rbm.hidden if side == "hidden" else rbm.visible
    free_energy = rbm.hidden_free_energy if side == "hidden" else rbm.free_energy
    total = -math.inf
    for states in streamed_states(units, rbm.visible.size + rbm.hidden.size):
        minus_f = rbm.backend.to_host(-free_energy(states))
        top = float(minus_f.max())
        total = float(np.logaddexp(total, top + math.log(np.exp(minus_f - top).sum())))
    return total
