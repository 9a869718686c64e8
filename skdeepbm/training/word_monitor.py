"""Cheap measurements of a replicated softmax during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.over_replicated import OverReplicatedSoftmax
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.training.monitor import norm_and_movement


def _per_word(
    model: ReplicatedSoftmax | OverReplicatedSoftmax, v: Array
) -> tuple[Array, Array, Array]:
    """Topics, cross-entropy and free energy of a word in each document that has words."""
    xp = model.backend.xp
    n_words = xp.sum(v, axis=1)
    kept = np.flatnonzero(model.backend.to_host(n_words) > 0)
    v, n_words = model.backend.take_rows(v, kept), model.backend.take_rows(n_words, kept)
    h = model.hidden_mean(v, n_words)
    a = model.word_input(h) + model.visible.bias
    log_p = a - xp.expand_dims(model.backend.logsumexp(a, axis=1), axis=1)
    entropy = -xp.sum(v * log_p, axis=1) / n_words
    if isinstance(model, OverReplicatedSoftmax):
        return h, entropy, model.variational_free_energy(v, n_words, h) / n_words
    return h, entropy, model.free_energy(v, n_words) / n_words


def measure_words(
    model: ReplicatedSoftmax | OverReplicatedSoftmax,
    v: Array,
    previous_weights: Array,
    held_out: Array | None = None,
) -> dict[str, Any]:
    """One entry of the history.

    Parameters
    ----------
    model : ReplicatedSoftmax or OverReplicatedSoftmax
        With hidden words, free energies are variational.
    v : array of shape (n_rows, n_words_in_vocabulary)
        Dense counts.
    previous_weights : array of shape (n_words_in_vocabulary, n_hidden)
        Those at the last measurement.
    held_out : array or None, default=None
        Documents that take no part in training.

    Returns
    -------
    entry : dict
        As of :func:`skdeepbm.training.monitor.measure`, except that ``reconstruction_error`` is
        the cross-entropy of a document's words under the distribution of one deterministic pass
        up and down (nats per word), and free energies are those of a document divided by its
        length; all are averaged over documents that have words.
    """
    backend = model.backend
    h, entropy, energy = (np.asarray(backend.to_host(x)) for x in _per_word(model, v))
    validation = error_of_gap = math.nan
    others = np.empty(0)
    if held_out is not None:
        others = np.asarray(backend.to_host(_per_word(model, held_out)[2]))
    if others.size and energy.size:
        validation = float(others.mean())
        error_of_gap = math.sqrt(others.var() / others.size + energy.var() / energy.size)
    norm, moved = norm_and_movement(model.weights, previous_weights, backend)
    free_energy = float(energy.mean()) if energy.size else math.nan
    return {
        "reconstruction_error": float(entropy.mean()) if entropy.size else math.nan,
        "free_energy": free_energy,
        "validation_free_energy": validation,
        "free_energy_gap": validation - free_energy,
        "free_energy_gap_error": error_of_gap,
        "mean_hidden_activity": float(h.mean()) if h.size else math.nan,
        "weight_norm": np.array(backend.to_host(norm)),
        "weights_moved": moved,
    }
