"""Cheap measurements of a deep belief net during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.labels import label_free_energies
from skdeepbm.training.monitor import norm_and_movement

Watched = tuple[Array, np.ndarray | None]
"""Rows and their one-hot labels on the host; all zero where there is none."""


def _energies(net: BeliefNet, watched: Watched) -> tuple[Array, Array | None, np.ndarray, float]:
    """Penultimate means, label posterior, free energies and error of some rows."""
    backend, (v, labels) = net.backend, watched
    penultimate = net.up(v)[-1]
    if not net.n_classes:
        energies = net.top.free_energy(penultimate)
        return penultimate, None, np.asarray(backend.to_host(energies)), math.nan
    minus_f = -label_free_energies(net.top, penultimate)
    log_sum = backend.logsumexp(minus_f, axis=1)
    posterior = backend.xp.exp(minus_f - backend.xp.expand_dims(log_sum, axis=1))
    error = math.nan
    if labels is not None:
        known = labels.any(axis=1)
        found = np.asarray(backend.to_host(minus_f))[known]
        if known.any():
            error = float(np.mean(found.argmax(axis=1) != labels[known].argmax(axis=1)))
    return penultimate, posterior, -np.asarray(backend.to_host(log_sum)), error


def measure_belief(
    net: BeliefNet, watched: Watched, previous_weights: Array, held_out: Watched | None = None
) -> dict[str, Any]:
    """One entry of the history.

    Parameters
    ----------
    net : BeliefNet
    watched : tuple of array of shape (n_rows, n_visible) and ndarray or None
        Rows and labels.
    previous_weights : array of shape (n_top_visible, n_top_hidden)
        Of the top RBM, at the last measurement.
    held_out : the same or None, default=None
        Rows that take no part in training.

    Returns
    -------
    entry : dict
        As of :func:`skdeepbm.training.monitor.measure`. The pass up and down goes through all
        layers with expected values; free energies are those of the top RBM at the expected
        penultimate values, labels summed out; activity and weights are those of its hidden units.
        With label units also ``error`` and ``validation_error``: the share of the labelled rows
        whose label has not the least free energy (NaN where none is labelled).
    """
    backend, xp, top = net.backend, net.backend.xp, net.top
    penultimate, posterior, energies, error = _energies(net, watched)
    free_energy, validation = float(energies.mean()), math.nan
    error_of_gap = validation_error = math.nan
    if held_out is not None:
        others, validation_error = _energies(net, held_out)[2:]
        validation = float(others.mean())
        error_of_gap = math.sqrt(others.var() / others.size + energies.var() / energies.size)
    h = top.hidden.mean(top.hidden_input(net.join(penultimate, posterior)))
    back = net.split(top.visible.mean(top.visible_input(h)))[0]
    difference = watched[0] - net.down(back)[-1]
    norm, moved = norm_and_movement(top.weights, previous_weights, backend)
    entry = {
        "reconstruction_error": float(xp.mean(difference * difference)),
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": float(xp.mean(h)),
        "weight_norm": np.array(backend.to_host(norm)),
        "weights_moved": moved,
    }
    if net.n_classes:
        entry["error"], entry["validation_error"] = error, validation_error
    return entry
