"""Exact pseudo-likelihood (Besag 1975)."""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import SoftmaxUnits


def pseudo_log_likelihood(rbm: RBM, v: Array) -> Array:
    """Sum over visible variables of ``log p(v_i | all others)``, with every one of them visited.

    A variable is a Bernoulli unit or a group of softmax units. A fractional value between 0 and 1
    counts as the expectation of a draw: ``v_i log p(1) + (1 - v_i) log p(0)``.

    Parameters
    ----------
    rbm : RBM
        With Bernoulli or softmax visible units.
    v : array of shape (n_rows, n_visible)

    Returns
    -------
    value : array of shape (n_rows,)
        In nats.

    Raises
    ------
    TypeError
        For visible units of another kind.
    """
    backend, xp = rbm.backend, rbm.backend.xp
    if rbm.visible.n_states is None:
        raise TypeError(f"The pseudo-likelihood of {rbm.visible.kind} units is not available.")
    a = rbm.hidden_input(v)
    bias, weights = rbm.visible.bias, rbm.weights
    total = backend.zeros((v.shape[0],), v.dtype)
    if isinstance(rbm.visible, SoftmaxUnits):
        for part in rbm.visible.slices():
            without = a - backend.matmul(v[:, part], weights[part, :])
            scores = [
                bias[k] + rbm.hidden.cgf(without + weights[k, :])
                for k in range(part.start, part.stop)
            ]
            score = xp.stack(scores, axis=1)
            total += xp.sum(v[:, part] * score, axis=1)
            total -= xp.sum(v[:, part], axis=1) * backend.logsumexp(score, axis=1)
        return total
    for i in range(rbm.visible.size):
        x = v[:, i : i + 1]
        without = a - x * weights[i, :]
        log_odds = bias[i] + rbm.hidden.cgf(without + weights[i, :]) - rbm.hidden.cgf(without)
        total += v[:, i] * log_odds - backend.softplus(log_odds)
    return total
