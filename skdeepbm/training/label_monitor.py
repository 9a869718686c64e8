"""Measurements of a model of features and a label during training."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.labels import (
    feature_rbm,
    label_log_weights,
    label_units,
    log_normalised,
    weighted_hidden_means,
)
from skdeepbm.models.rbm import RBM
from skdeepbm.training.batches import Rows
from skdeepbm.training.monitor import MEASURES, norm_and_movement

#: keys of the history that are measured; epoch_time is added by the loop
LABEL_MEASURES = (
    *MEASURES,
    "cross_entropy",
    "error",
    "validation_cross_entropy",
    "validation_error",
)

# rows that are looked at together
_CHUNK = 1000


class Watched(NamedTuple):
    """Rows that the history is measured on: a few, dense, and where to find all of them."""

    v: Array
    rows: Rows
    among: np.ndarray


class _Seen(NamedTuple):
    """What a look at rows has found, on the host, one entry for each of them."""

    free_energy: np.ndarray
    log_posterior: np.ndarray
    codes: np.ndarray


def _look(rbm: RBM, v: Array) -> tuple[_Seen, Array]:
    """Free energies, posteriors and labels of joint rows, and the posteriors on the device."""
    backend, n_features = rbm.backend, v.shape[1] - label_units(rbm).size
    features = feature_rbm(rbm)
    x, y = v[:, :n_features], np.asarray(backend.to_host(v[:, n_features:]))
    log_weights = label_log_weights(rbm, features.hidden_input(x))
    log_posterior = log_normalised(rbm, log_weights)
    free_energy = features.visible.self_energy(x) - backend.logsumexp(log_weights, axis=1)
    codes = np.where(y.any(axis=1), y.argmax(axis=1), -1)
    p = backend.xp.astype(backend.xp.exp(log_posterior), v.dtype, copy=False)

    def host(array: Array) -> np.ndarray:
        return np.array(backend.to_host(array), np.float64)

    return _Seen(host(free_energy), host(log_posterior), codes), p


def _scores(seen: list[_Seen]) -> tuple[float, float]:
    """Cross-entropy and share of wrong labels, of the rows that have one."""
    log_posterior = np.concatenate([part.log_posterior for part in seen])
    codes = np.concatenate([part.codes for part in seen])
    known = np.flatnonzero(codes >= 0)
    if not known.size:
        return math.nan, math.nan
    log_posterior, codes = log_posterior[known], codes[known]
    cross_entropy = -float(log_posterior[np.arange(known.size), codes].mean())
    return cross_entropy, float(np.mean(log_posterior.argmax(axis=1) != codes))


def label_scores(rbm: RBM, rows: Rows, index: np.ndarray) -> tuple[float, float]:
    """Mean ``-log p(y | x)`` (nats) and share of wrong labels, of rows with a label; NaN if none.

    Parameters
    ----------
    rbm : RBM
    rows : Rows
        Of features and one-hot labels.
    index : ndarray of int
        Rows to look at.
    """
    parts = (index[i : i + _CHUNK] for i in range(0, index.size, _CHUNK))
    return _scores([_look(rbm, rows.dense(part))[0] for part in parts])


def label_measure(
    rbm: RBM, watched: Any, previous_weights: Array, held_out: Watched | None
) -> dict[str, Any]:
    """One entry of the history.

    As :func:`skdeepbm.training.monitor.measure`, with features alone in the reconstruction error
    and the label summed out of free energies and hidden means; with ``cross_entropy`` (mean
    ``-log p(y | x)``, nats) and ``error`` (share of wrong labels) of the watched rows that have a
    label, and the same of all held-out rows.
    """
    backend, xp = rbm.backend, rbm.backend.xp
    v = watched.v if isinstance(watched, Watched) else watched
    seen, p = _look(rbm, v)
    features = feature_rbm(rbm)
    x = v[:, : features.visible.size]
    a = features.hidden_input(x)
    h = weighted_hidden_means(rbm, a, p)[0]
    error = x - features.visible.mean(features.visible_input(h))
    norm, moved = norm_and_movement(rbm.weights, previous_weights, backend)
    free_energy, validation, error_of_gap = float(seen.free_energy.mean()), math.nan, math.nan
    others = (math.nan, math.nan)
    if held_out is not None:
        energies = _look(rbm, held_out.v)[0].free_energy
        validation = float(energies.mean())
        error_of_gap = math.sqrt(
            energies.var() / energies.size + seen.free_energy.var() / seen.free_energy.size
        )
        others = label_scores(rbm, held_out.rows, held_out.among)
    cross_entropy, wrong = _scores([seen])
    return {
        "reconstruction_error": float(xp.mean(error * error)),
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": float(xp.mean(h)),
        "weight_norm": np.array(backend.to_host(norm)),
        "weights_moved": moved,
        "cross_entropy": cross_entropy,
        "error": wrong,
        "validation_cross_entropy": others[0],
        "validation_error": others[1],
    }
