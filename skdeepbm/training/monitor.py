"""Cheap measurements of a model during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.models.rbm import RBM

#: keys of the history that are measured; epoch_time is added by the loop
MEASURES = (
    "reconstruction_error",
    "free_energy",
    "validation_free_energy",
    "free_energy_gap",
    "free_energy_gap_error",
    "mean_hidden_activity",
    "weight_norm",
    "weights_moved",
)


def monitored_rows(n_rows: int, n_visible: int) -> np.ndarray:
    """Indices of the rows that the history is measured on, evenly spaced.

    They are 1 % of the rows, but at least 100 and at most 1000; fewer where rows are so wide that
    they would take more memory than a batch.
    """
    n = min(n_rows, max(100, n_rows // 100), 1000, max(1, 2**21 // n_visible))
    return np.unique(np.linspace(0, n_rows - 1, n).astype(np.intp))


def measure(
    rbm: RBM, v: Array, previous_weights: Array, held_out: Array | None = None
) -> dict[str, Any]:
    """One entry of the history.

    Parameters
    ----------
    rbm : RBM
    v : array of shape (n_rows, n_visible)
    previous_weights : array of shape (n_visible, n_hidden)
        Those at the last measurement.
    held_out : array of shape (n_held_out, n_visible) or None, default=None
        Rows that take no part in training.

    Returns
    -------
    entry : dict
        ``reconstruction_error``: squared error of one deterministic pass up and down, averaged
        over rows and features; ``free_energy``: nats, averaged over rows;
        ``validation_free_energy``: the same of ``held_out``; ``free_energy_gap``: that minus
        ``free_energy``; ``free_energy_gap_error``: its standard error over rows (NaN where nothing
        is held out);
        ``mean_hidden_activity``: averaged over rows and units; ``weight_norm``: Euclidean norm of
        each hidden unit's weights; ``weights_moved``: fraction of weights that moved by more than
        1e-3.
    """
    backend, xp = rbm.backend, rbm.backend.xp
    a = rbm.hidden_input(v)
    energies = np.asarray(backend.to_host(rbm.free_energy(v, a)))
    free_energy, validation, error_of_gap = float(energies.mean()), math.nan, math.nan
    if held_out is not None:
        others = np.asarray(backend.to_host(rbm.free_energy(held_out)))
        validation = float(others.mean())
        error_of_gap = math.sqrt(others.var() / others.size + energies.var() / energies.size)
    h = rbm.hidden.mean(a)
    activity = xp.mean(h)
    error = v - rbm.visible.mean(rbm.visible_input(h))
    norm, moved = norm_and_movement(rbm.weights, previous_weights, backend)
    return {
        "reconstruction_error": float(xp.mean(error * error)),
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": float(activity),
        "weight_norm": np.array(backend.to_host(norm)),
        "weights_moved": moved,
    }


def norm_and_movement(
    weights: Array, previous_weights: Array, backend: Backend
) -> tuple[Array, float]:
    """Norms and the moved fraction of the weights, a few rows at a time to save memory."""
    xp = backend.xp
    n_visible, n_hidden = weights.shape
    square = backend.zeros((n_hidden,), weights.dtype)
    moved, size = 0, max(1, 2**16 // n_hidden)
    for start in range(0, n_visible, size):
        stop = min(start + size, n_visible)
        block = weights[start:stop, :]
        square += xp.sum(block * block, axis=0)
        moved += int(xp.count_nonzero(xp.abs(block - previous_weights[start:stop, :]) > 1e-3))
    return xp.sqrt(square), moved / (n_visible * n_hidden)
