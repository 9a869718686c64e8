"""Learning the variances of Gaussian visible units (Cho, Ilin & Raiko 2011)."""

from __future__ import annotations

from collections.abc import Iterable

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.training.optimizers import Optimizer

Offset = tuple[Array, Array] | None
"""Centring offsets of the visible units and of the hidden layer next to them."""


def variance_gradient(rbm: RBM, phases: Iterable[tuple[Array, Array]], offset: Offset) -> Array:
    """``-dE/dz`` of the log-variances z, data minus model.

    That is ``exp(-z) [(v - b)^2 / 2 - v (W h)]``. With offsets the biases of the centred
    parameters stay put instead, so that the result does not depend on where zero is:
    ``exp(-z) [(v - b')^2 / 2 - (v - mu) (W (h - lambda))]`` with ``b' = b + W lambda``.

    Parameters
    ----------
    rbm : RBM
        The visible units and the hidden layer next to them.
    phases : pair of tuples of arrays of shapes (n_rows, n_visible), (n_rows, n_hidden)
        Rows of the positive and of the negative phase.
    offset : tuple of arrays of shape (n_visible,), (n_hidden,) or None

    Returns
    -------
    gradient : array of shape (n_visible,)
    """
    backend, xp = rbm.backend, rbm.backend.xp
    log_variance: Array = rbm.visible.log_variance
    bias, mu, silent = rbm.visible.bias, 0.0, 0.0
    if offset is not None:
        mu = offset[0]
        silent = rbm.shares[0] * backend.matmul(rbm.weights, offset[1])
        bias = bias + silent
    means = []
    for v, h in phases:
        centred = v - bias
        interaction = (v - mu) * (rbm.visible_input(h) - silent)
        means.append(xp.mean(0.5 * centred * centred - interaction, axis=0))
    return xp.exp(-log_variance) * (means[0] - means[1])


def ascend_variance(
    rbm: RBM,
    gradient: Array,
    optimizer: Optimizer,
    rate: float,
    momentum: float,
    floor: Array | None,
    offset: Offset,
) -> None:
    """Move the log-variances, and keep each above its floor, in place.

    Parameters
    ----------
    rbm : RBM
        As of :func:`variance_gradient`.
    gradient : array of shape (n_visible,)
    optimizer : Optimizer
    rate, momentum : float
    floor : array of shape (n_visible,) or None
        Least log-variances.
    offset : tuple of arrays of shape (n_visible,), (n_hidden,) or None
    """
    backend, xp = rbm.backend, rbm.backend.xp
    log_variance: Array = rbm.visible.log_variance
    before = xp.exp(-log_variance)
    step = optimizer.gain(rate) * gradient
    optimizer.update("log variance", log_variance, step, rate, momentum)
    if floor is not None:
        floor = backend.asarray(floor, log_variance.dtype)
        backend.store(xp.maximum(log_variance, floor), log_variance)
    if offset is not None:
        # the hidden bias of the centred parameters stays put
        moved = offset[0] * (xp.exp(-log_variance) - before)
        hidden_bias = rbm.hidden.bias
        hidden_bias -= rbm.shares[1] * backend.matmul(rbm.weights.T, moved)
