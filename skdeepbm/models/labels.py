"""Label units beside the features of an RBM: what every label says about a row.

The visible units are ``JointUnits([features, SoftmaxUnits])``. With a = x W_x the free energy of
features x with label c is ``self_energy(x) - bias_c - cgf(a + U_c)``, with U_c the label's weights.
"""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import JointUnits


def label_free_energies(rbm: RBM, x: Array) -> Array:
    """Free energy of the features with each label; shape (n_rows, n_classes)."""
    visible = rbm.visible
    assert isinstance(visible, JointUnits)
    features, labels = visible.parts
    split = int(features.size)
    a = rbm.backend.matmul(features.couple(x), rbm.weights[:split, :])
    if rbm.beta != 1.0:
        a *= rbm.beta
    own = features.self_energy(x)
    columns = []
    for c in range(labels.size):
        shifted = a + rbm.beta * rbm.weights[split + c, :]
        columns.append(own - labels.bias[c] - rbm.hidden.cgf(shifted))
    return rbm.backend.xp.stack(columns, axis=1)


def label_log_posterior(rbm: RBM, x: Array) -> Array:
    """``log p(y | x)`` of each label, exactly; shape (n_rows, n_classes)."""
    minus_f = -label_free_energies(rbm, x)
    return minus_f - rbm.backend.xp.expand_dims(rbm.backend.logsumexp(minus_f, axis=1), axis=1)


def marginal_free_energy(rbm: RBM, x: Array) -> Array:
    """Free energy of the features with the labels summed out; shape (n_rows,)."""
    return -rbm.backend.logsumexp(-label_free_energies(rbm, x), axis=1)
