"""The path from a model of independent visible units to an RBM.

At inverse temperature ``beta`` the weights and the hidden bias are multiplied by ``beta`` and the
visible bias is ``(1 - beta) base_bias + beta bias`` (Salakhutdinov & Murray 2008, equation 15). At
0 the visible units are independent and the hidden ones say nothing; at 1 the model is the RBM.
Variances of Gaussian units stay what they are, so that every model on the way is normalisable
where the RBM with Bernoulli or softmax hidden units is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from skdeepbm.backends import Array
from skdeepbm.models.bipartite import Bipartite

Model = TypeVar("Model", bound=Bipartite)


def tempered(rbm: Model, beta: float, base_bias: Array) -> Model:
    """The model at an inverse temperature; it shares the weights of ``rbm``.

    Parameters
    ----------
    rbm : RBM or other Bipartite
        At inverse temperature 1.
    beta : float
        From 0 to 1.
    base_bias : array of shape (n_visible,)

    Returns
    -------
    model : of the type of ``rbm``
    """
    beta = float(beta)  # NumPy's float64 would widen float32 arrays
    visible_bias = beta * rbm.visible.bias + (1.0 - beta) * base_bias
    hidden = rbm.hidden.with_bias(beta * rbm.hidden.bias)
    return replace(rbm, visible=rbm.visible.with_bias(visible_bias), hidden=hidden, beta=beta)


def log_ratio(old: Bipartite, new: Bipartite, v: Array, a: Array) -> Array:
    """``log p*_new(v) - log p*_old(v)`` for two models of one path, hidden units summed out.

    Parameters
    ----------
    old, new : Bipartite
        From :func:`tempered`, of the same model.
    v : array of shape (n_rows, n_visible)
    a : array of shape (n_rows, n_hidden)
        Input of the hidden units at inverse temperature 1, bias not included.

    Returns
    -------
    log_ratio : array of shape (n_rows,)
        In nats.
    """
    return new.hidden.cgf_change(a, old.hidden, old.beta, new.beta) - new.visible.energy_change(
        v, old.visible
    )


def log_base_partition(rbm: Bipartite, base_bias: Array) -> float:
    """Log partition function of the path's beginning, in nats."""
    base = tempered(rbm, 0.0, base_bias)
    backend, dtype = rbm.backend, rbm.dtype
    visible = base.visible.cgf(backend.zeros((1, rbm.visible.size), dtype))
    hidden = base.hidden.cgf(backend.zeros((1, rbm.hidden.size), dtype))
    return float(visible[0]) + float(hidden[0])
