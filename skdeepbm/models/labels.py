"""An RBM with a label among its visible units: what can be summed over the label exactly.

The visible layer is ``JointUnits([features, SoftmaxUnits(labels)])``; rows of features are ``x``.
With the weights ``W`` of the features and ``U`` of the labels, class ``c`` has the weight

    ``log p*(x, c) = -self_energy(x) + b_c + cgf(W x + U_c)``

(Larochelle & Bengio 2008, section 3): one product for all classes, and one pass over the hidden
units for each.
"""

from __future__ import annotations

import math

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import JointUnits, SoftmaxUnits, Units


def label_units(rbm: RBM) -> SoftmaxUnits:
    """The label's units.

    Raises
    ------
    TypeError
        Unless the visible layer is joined of features and one softmax group of labels.
    """
    visible = rbm.visible
    if isinstance(visible, JointUnits) and len(visible.parts) == 2:
        labels = visible.parts[1]
        if isinstance(labels, SoftmaxUnits) and labels.groups == (labels.size,):
            return labels
    raise TypeError("An RBM with a label has JointUnits([features, SoftmaxUnits(labels)]).")


def feature_rbm(rbm: RBM) -> RBM:
    """The RBM without its label units: the same hidden units see the features alone.

    Features given hidden states are distributed as in the whole model.
    """
    n_classes, visible = label_units(rbm).size, rbm.visible
    assert isinstance(visible, JointUnits)
    weights = rbm.weights[: rbm.weights.shape[0] - n_classes, :]
    return RBM(visible.parts[0], rbm.hidden, weights, rbm.beta)


def label_weights(rbm: RBM) -> Array:
    """Weights between labels and hidden units, a view; shape (n_classes, n_hidden)."""
    return rbm.weights[rbm.weights.shape[0] - label_units(rbm).size :, :]


def _label_input(rbm: RBM, label: int) -> Array:
    weights = label_weights(rbm)[label, :]
    return weights if rbm.beta == 1.0 else rbm.beta * weights


def hidden_mean_given_label(rbm: RBM, a: Array, label: int, out: Array | None = None) -> Array:
    """``E[h | x, label]`` from the input ``a`` from the features; shape (n_rows, n_hidden)."""
    hidden = rbm.hidden
    return hidden.with_bias(hidden.bias + _label_input(rbm, label)).mean(a, out=out)


def label_log_weights(rbm: RBM, a: Array) -> Array:
    """``b_c + cgf(a + U_c)`` of each class, ``log p(c | x)`` up to a constant for each row.

    Parameters
    ----------
    rbm : RBM
        With a label among its visible units.
    a : array of shape (n_rows, n_hidden)
        Input of the hidden units from the features: no bias, no label.

    Returns
    -------
    log_weights : array of shape (n_rows, n_classes)
        In nats; of the dtype of ``a`` or wider.
    """
    xp, labels = rbm.backend.xp, label_units(rbm)
    columns = [_cgf(rbm.hidden, a, _label_input(rbm, c)) for c in range(labels.size)]
    return xp.stack(columns, axis=1) + labels.bias


def _cgf(hidden: Units, a: Array, label_input: Array) -> Array:
    if hidden.kind != "bernoulli":
        return hidden.cgf(a + label_input)
    # the change from inverse temperature 0 on is a fused kernel with few logarithms
    change = hidden.backend.softplus_change(a, hidden.bias + label_input, 0.0, 1.0)
    return change + hidden.size * math.log(2.0)


def log_normalised(rbm: RBM, log_weights: Array) -> Array:
    """Rows of log-weights minus their log-sum-exp."""
    xp = rbm.backend.xp
    return log_weights - xp.expand_dims(rbm.backend.logsumexp(log_weights, axis=1), axis=1)


def label_free_energies(rbm: RBM, x: Array) -> Array:
    """Free energy ``F(x, y = c)`` of the rows with each label.

    Parameters
    ----------
    rbm : RBM
        With a label among its visible units.
    x : array of shape (n_rows, n_features)

    Returns
    -------
    free_energies : array of shape (n_rows, n_classes)
        In nats.
    """
    features, xp = feature_rbm(rbm), rbm.backend.xp
    found = label_log_weights(rbm, features.hidden_input(x))
    found = xp.expand_dims(features.visible.self_energy(x), axis=1) - found
    return xp.astype(found, rbm.weights.dtype, copy=False)


def label_log_posterior(rbm: RBM, x: Array) -> Array:
    """``log p(y = c | x)``; shape (n_rows, n_classes), in nats."""
    log_weights = label_log_weights(rbm, feature_rbm(rbm).hidden_input(x))
    found = log_normalised(rbm, log_weights)
    return rbm.backend.xp.astype(found, rbm.weights.dtype, copy=False)


def label_posterior(rbm: RBM, a: Array) -> Array:
    """``p(y = c | x)`` from the hidden units' input from the features; (n_rows, n_classes)."""
    found = rbm.backend.xp.exp(log_normalised(rbm, label_log_weights(rbm, a)))
    return rbm.backend.xp.astype(found, a.dtype, copy=False)


def marginal_free_energy(rbm: RBM, x: Array) -> Array:
    """``F(x) = -log sum_c exp(-F(x, c))``; shape (n_rows,), in nats.

    ``log p(x) = -F(x) - log Z`` with the partition function of the whole model.
    """
    features, backend = feature_rbm(rbm), rbm.backend
    log_weights = label_log_weights(rbm, features.hidden_input(x))
    found = features.visible.self_energy(x) - backend.logsumexp(log_weights, axis=1)
    return backend.xp.astype(found, rbm.weights.dtype, copy=False)


def hidden_mean_given_features(rbm: RBM, x: Array) -> Array:
    """``E[h | x] = sum_c p(c | x) E[h | x, c]``; shape (n_rows, n_hidden)."""
    return hidden_mean_given_input(rbm, feature_rbm(rbm).hidden_input(x))


def hidden_mean_given_input(rbm: RBM, a: Array) -> Array:
    """The same from the hidden units' input ``a`` from the features."""
    p, total = label_posterior(rbm, a), rbm.backend.zeros(tuple(a.shape), a.dtype)
    for c in range(p.shape[1]):
        total += p[:, c : c + 1] * hidden_mean_given_label(rbm, a, c)
    return total
