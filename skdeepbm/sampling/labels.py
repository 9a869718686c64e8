"""Gibbs sampling of features whose label is held fixed."""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.labels import feature_rbm, label_weights
from skdeepbm.models.rbm import RBM


def clamped_chain(rbm: RBM, x: Array, y: Array, n_steps: int, stream: Stream) -> Array:
    """Run chains from rows of features, their labels held: h given (x, y), then x given h.

    Parameters
    ----------
    rbm : RBM
        With a label among its visible units.
    x : array of shape (n_chains, n_features)
        Where to start.
    y : array of shape (n_chains, n_classes)
        One-hot labels.
    n_steps : int
    stream : Stream

    Returns
    -------
    x : array of shape (n_chains, n_features)
        Drawn from ``p(x | y)`` in the limit of many steps.
    """
    features = feature_rbm(rbm)
    from_label = rbm.backend.matmul(y, label_weights(rbm))
    if rbm.beta != 1.0:
        from_label = rbm.beta * from_label
    for _ in range(n_steps):
        h = rbm.hidden.sample(features.hidden_input(x) + from_label, stream)
        x = features.visible.sample(features.visible_input(h), stream)
    return x
