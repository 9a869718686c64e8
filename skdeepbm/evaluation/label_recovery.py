"""Labels of an RBM with label units, recovered by Gibbs sampling."""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.labels import feature_rbm, label_units, label_weights
from skdeepbm.models.rbm import RBM


def recovered_labels(rbm: RBM, x: Array, n_steps: int, stream: Stream) -> Array:
    """Log of the share of each label while the features are clamped.

    The chain starts from the uniform prior of the label: at first every label unit has the value
    ``1 / n_labels`` (Hinton, Osindero & Teh 2006, section 4). Then hidden units and label are drawn
    in turn. The first half of the steps is left out; over the others the label's probabilities
    given the hidden units are averaged, which varies less than counting drawn labels.

    Parameters
    ----------
    rbm : RBM
        Its visible layer joins features and softmax label units.
    x : array of shape (n_rows, n_features)
    n_steps : int
        At least 1.
    stream : Stream

    Returns
    -------
    log_p : array of shape (n_rows, n_labels)
        In nats; its exponentials sum to one in every row.
    """
    labels, weights = label_units(rbm), label_weights(rbm)
    xp, n_labels = rbm.backend.xp, labels.size
    from_x = feature_rbm(rbm).hidden_input(x)
    total = rbm.backend.zeros((int(x.shape[0]), n_labels), from_x.dtype)
    y = total + 1.0 / n_labels
    for step in range(n_steps):
        h = rbm.hidden.sample(from_x + rbm.backend.matmul(y, weights), stream)
        p = xp.zeros_like(y)
        y = labels.sample(rbm.backend.matmul(h, weights.T), stream, mean=p)
        if step >= n_steps // 2:
            total += p
    # a probability that rounding made zero still has a finite logarithm
    floor = float(xp.finfo(total.dtype).smallest_normal)
    total = xp.clip(total, min=floor)
    return xp.log(total / xp.sum(total, axis=1, keepdims=True))
