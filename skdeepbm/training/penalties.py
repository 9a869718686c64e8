"""Sparsity, norms of weights, and constraints on them."""

from __future__ import annotations

from skdeepbm.backends import Array, Backend
from skdeepbm.models.network import Layer
from skdeepbm.models.rbm import RBM
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax


def sparsity_gradient(
    activity: Array | None, batch_mean: Array, target: float, cost: float, decay: float
) -> tuple[Array, Array]:
    """Penalty on hidden units whose average activity is not the target.

    The penalty is ``cost * KL(target || q)`` of the decayed average ``q <- decay * q + (1 - decay)
    * batch mean``; its derivative with respect to a sigmoid unit's total input is
    ``cost * (q - target)`` (Nair & Hinton 2009, section 4; Hinton 2010, section 11).

    Parameters
    ----------
    activity : array of shape (n_hidden,) or None
        Decayed average so far; None before the first batch.
    batch_mean : array of shape (n_hidden,)
        Mean activity over the rows of the batch.
    target, cost, decay : float

    Returns
    -------
    activity : array of shape (n_hidden,)
    gradient : array of shape (n_hidden,)
        Of the objective (to be ascended), with respect to the unit's total input.
    """
    activity = batch_mean * 1.0 if activity is None else decay * activity + (1 - decay) * batch_mean
    return activity, cost * (target - activity)


def norm_gradient(weights: Array, cost: float, backend: Backend) -> Array:
    """Gradient of a penalty on norms that differ from unit to unit of a layer.

    The penalty is ``cost / 2 * sum_j (n_j - m)^2`` of the Euclidean norms ``n_j`` of the weights
    that lead to unit j from below and their mean m. The mean moves with every norm, but as the
    deviations sum to zero this adds nothing: the gradient is ``cost * (n_j - m) w_j / n_j``, weight
    decay towards a norm of m in place of 0.

    Parameters
    ----------
    weights : array of shape (n_below, n_units)
    cost : float
    backend : Backend

    Returns
    -------
    gradient : array of shape (n_below, n_units)
        Of the objective (to be ascended). Zero for units without any weights, which have no
        direction to grow in.
    """
    xp = backend.xp
    norms = xp.sqrt(squared_norms(weights, backend))
    # 1e-30: no division by zero for a unit without weights
    return cost * weights * (xp.mean(norms) / (norms + 1e-30) - 1.0)


def constrain_norm(model: RBM | ReplicatedSoftmax | Layer, max_norm: float) -> None:
    """Shrink the weights that lead to units whose Euclidean norm exceeds ``max_norm``, in place."""
    xp, weights = model.backend.xp, model.weights
    square = squared_norms(weights, model.backend)
    # 1e-30: no division by zero for a unit without weights
    weights *= xp.clip(max_norm / (xp.sqrt(square) + 1e-30), max=1.0)


def squared_norms(weights: Array, backend: Backend) -> Array:
    """Squared Euclidean norms of the weights that lead to each unit; shape (n_units,)."""
    n_rows, n_units = weights.shape
    square = backend.zeros((n_units,), weights.dtype)
    # a few rows at a time: no temporary of the size of the weights
    size = max(1, 2**16 // n_units)
    for start in range(0, n_rows, size):
        block = weights[start : min(start + size, n_rows), :]
        square += backend.xp.sum(block * block, axis=0)
    return square
