"""Cheap measurements of a deep Boltzmann machine during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.dbm import DBM
from skdeepbm.models.mean_field import mean_field, mean_field_inputs, variational_bound
from skdeepbm.training.monitor import norm_and_movement

#: a unit whose expected value has a smaller standard deviation over the rows is dead
DEAD = 0.01


def measure_dbm(
    dbm: DBM,
    v: Array,
    previous_weights: list[Array],
    held_out: Array | None,
    tolerance: float,
    max_steps: int,
    tops: tuple[Array | None, Array | None] = (None, None),
) -> dict[str, Any]:
    """One entry of the history.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_rows, n_visible)
    previous_weights : list of arrays of shapes (n_l, n_{l+1})
        Those at the last measurement.
    held_out : array of shape (n_held_out, n_visible) or None
        Rows that take no part in training.
    tolerance, max_steps : float, int
        Of mean field.
    tops : tuple of array or None, default=(None, None)
        Known states of the top layer beside ``v`` and beside ``held_out``, as of
        :meth:`skdeepbm.models.mean_field.MeanField.run`.

    Returns
    -------
    entry : dict
        ``reconstruction_error``: squared error of the expected visible values given those of the
        first hidden layer, averaged over rows and features, and
        ``validation_reconstruction_error`` that of ``held_out``; ``free_energy``: minus the
        variational bound but for log Z, in nats, averaged over rows; ``validation_free_energy``,
        ``free_energy_gap``, ``free_energy_gap_error``: as of
        :func:`skdeepbm.training.monitor.measure`; ``mean_hidden_activity``: of each hidden layer,
        averaged over rows and units; ``dead_units``: share of each hidden layer's units whose
        expected value has a standard deviation under 0.01 over the rows; ``weight_norm``: Euclidean
        norm of the weights that lead to each hidden unit from below, layer after layer;
        ``weights_moved``: fraction of all weights that moved by more than 1e-3.
    """
    backend, xp = dbm.backend, dbm.backend.xp

    def inferred(rows: Array, top: Array | None) -> tuple[list[Array], np.ndarray]:
        means, _ = mean_field(dbm, rows, tolerance, max_steps, top)
        bound = variational_bound(dbm, rows, mean_field_inputs(dbm, rows, means), top)
        return means, -np.asarray(backend.to_host(bound))

    def error_of(rows: Array, means: list[Array]) -> float:
        error = rows - dbm.visible.mean(dbm.from_above(0, means[0]))
        return float(xp.mean(error * error))

    means, energies = inferred(v, tops[0])
    free_energy, validation, error_of_gap = float(energies.mean()), math.nan, math.nan
    validation_error = math.nan
    if held_out is not None:
        their_means, others = inferred(held_out, tops[1])
        validation_error = error_of(held_out, their_means)
        validation = float(others.mean())
        error_of_gap = math.sqrt(others.var() / others.size + energies.var() / energies.size)
    norms, moved = norms_and_movement(dbm, previous_weights)
    return {
        "reconstruction_error": error_of(v, means),
        "validation_reconstruction_error": validation_error,
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": np.array([float(xp.mean(mean)) for mean in means]),
        "dead_units": dead_shares(dbm, means),
        "weight_norm": norms,
        "weights_moved": moved,
    }


def dead_shares(dbm: DBM, means: list[Array]) -> np.ndarray:
    """Share of dead units in each hidden layer, from expected values of rows."""
    xp = dbm.backend.xp
    dead = [int(xp.count_nonzero(xp.std(mean, axis=0) < DEAD)) for mean in means]
    return np.array(dead) / [mean.shape[1] for mean in means]


def norms_and_movement(dbm: DBM, previous_weights: list[Array]) -> tuple[np.ndarray, float]:
    """Norms of all hidden units' weights from below, and the moved fraction of all weights."""
    norms, n_moved, n_weights = [], 0.0, 0
    for weights, previous in zip(dbm.weights, previous_weights, strict=True):
        norm, moved = norm_and_movement(weights, previous, dbm.backend)
        norms.append(np.array(dbm.backend.to_host(norm)))
        size = math.prod(weights.shape)
        n_moved, n_weights = n_moved + moved * size, n_weights + size
    return np.concatenate(norms), n_moved / n_weights
