"""An RBM with a label among its visible units: what can be summed over the label exactly.

The visible layer is ``JointUnits([features, SoftmaxUnits(labels)])``; rows of features are ``x``.
With the weights ``W`` of the features and ``U`` of the labels, class ``c`` has the weight

    ``log p*(x, c) = -self_energy(x) + b_c + cgf(W x + U_c)``

(Larochelle & Bengio 2008, section 3): one product for all classes, and one pass over the hidden
units for each.
"""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import JointUnits, SoftmaxUnits


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


def _label_inputs(rbm: RBM) -> Array:
    """Input of the hidden units from each label; shape (n_classes, n_hidden)."""
    weights = label_weights(rbm)
    return weights if rbm.beta == 1.0 else rbm.beta * weights


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
    hidden, inputs = rbm.hidden, _label_inputs(rbm)
    if hidden.kind == "bernoulli":
        found = rbm.backend.shifted_softplus(a, hidden.bias + inputs)
    else:
        columns = [hidden.cgf(a + inputs[c, :]) for c in range(inputs.shape[0])]
        found = rbm.backend.xp.stack(columns, axis=1)
    return found + label_units(rbm).bias


def weighted_hidden_means(rbm: RBM, a: Array, weights: Array) -> tuple[Array, Array]:
    """Sums of ``weights[i, c] E[h | x_i, c]`` over classes and over rows.

    Parameters
    ----------
    rbm : RBM
    a : array of shape (n_rows, n_hidden)
        Input of the hidden units from the features.
    weights : array of shape (n_rows, n_classes)

    Returns
    -------
    over_classes : array of shape (n_rows, n_hidden)
    over_rows : array of shape (n_classes, n_hidden)
    """
    backend, hidden, inputs = rbm.backend, rbm.hidden, _label_inputs(rbm)
    if hidden.kind == "bernoulli":
        return backend.shifted_sigmoids(a, hidden.bias + inputs, weights)
    over_classes = backend.zeros(tuple(a.shape), a.dtype)
    over_rows = backend.empty(tuple(inputs.shape), a.dtype)
    for c in range(inputs.shape[0]):
        means = hidden.with_bias(hidden.bias + inputs[c, :]).mean(a) * weights[:, c : c + 1]
        over_classes += means
        over_rows[c, :] = backend.xp.sum(means, axis=0)
    return over_classes, over_rows


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
    return weighted_hidden_means(rbm, a, label_posterior(rbm, a))[0]
