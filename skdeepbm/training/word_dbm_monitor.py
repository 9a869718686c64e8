"""Cheap measurements of a deep Boltzmann machine of documents during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.mean_field import mean_field, mean_field_inputs, variational_bound
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.training.dbm_monitor import dead_shares, norms_and_movement


def measure_word_dbm(
    dbm: WordDBM,
    v: Array,
    previous_weights: list[Array],
    held_out: Array | None,
    tolerance: float,
    max_steps: int,
) -> dict[str, Any]:
    """One entry of the history.

    Parameters
    ----------
    dbm : WordDBM
    v : array of shape (n_rows, n_words_in_vocabulary)
        Dense counts.
    previous_weights : list of arrays of shapes (n_l, n_{l+1})
        Those at the last measurement.
    held_out : array of shape (n_held_out, n_words_in_vocabulary) or None
        Documents that take no part in training.
    tolerance, max_steps : float, int
        Of mean field.

    Returns
    -------
    entry : dict
        As of :func:`skdeepbm.training.dbm_monitor.measure_dbm`, except that
        ``reconstruction_error`` is the cross-entropy of a document's words under their distribution
        given the expected first hidden layer (nats per word), and free energies are those of a
        document divided by its length; all are averaged over documents that have words.
    """
    backend, xp = dbm.backend, dbm.backend.xp

    def inferred(rows: Array) -> tuple[Array, Array, list[Array], np.ndarray]:
        kept = np.flatnonzero(backend.to_host(xp.sum(rows, axis=1)) > 0)
        rows = backend.take_rows(rows, kept)
        n_words = xp.sum(rows, axis=1)
        means = [backend.zeros((0, units.size), dbm.dtype) for units in dbm.layers[1:]]
        if kept.size:
            means, _ = mean_field(dbm, rows, tolerance, max_steps)
        bound = variational_bound(dbm, rows, mean_field_inputs(dbm, rows, means))
        return rows, n_words, means, -np.asarray(backend.to_host(bound / n_words))

    def entropy_of(rows: Array, n_words: Array, means: list[Array], *_: Any) -> float:
        a = dbm.from_above(0, means[0]) + dbm.visible.bias
        log_p = a - xp.expand_dims(backend.logsumexp(a, axis=1), axis=1)
        entropy = np.asarray(backend.to_host(-xp.sum(rows * log_p, axis=1) / n_words))
        return float(entropy.mean()) if entropy.size else math.nan

    seen = inferred(v)
    means, energies = seen[2:]
    validation = validation_error = error_of_gap = math.nan
    others = np.empty(0)
    if held_out is not None:
        kept = inferred(held_out)
        others, validation_error = kept[3], entropy_of(*kept)
    if others.size and energies.size:
        validation = float(others.mean())
        error_of_gap = math.sqrt(others.var() / others.size + energies.var() / energies.size)
    norms, moved = norms_and_movement(dbm, previous_weights)
    free_energy = float(energies.mean()) if energies.size else math.nan
    activity, dead = np.full((2, len(means)), math.nan)
    if energies.size:
        activity = np.array([float(xp.mean(mean)) for mean in means])
        dead = dead_shares(dbm, means)
    return {
        "reconstruction_error": entropy_of(*seen),
        "validation_reconstruction_error": validation_error,
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": activity,
        "dead_units": dead,
        "weight_norm": norms,
        "weights_moved": moved,
    }
