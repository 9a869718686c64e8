"""The deep Boltzmann machine with a label on top: one softmax group above the last hidden layer.

To energies, Gibbs sampling, annealing and mean field the label is one more layer, clamped where it
is known. Given class ``c`` the rest is a machine of its own: the last hidden layer has the weights
of the class in its bias, and ``log p*(v, c) = d_c + log p*_c(v)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from skdeepbm.backends import Array
from skdeepbm.models.dbm import DBM
from skdeepbm.models.mean_field import mean_field_inputs, settled_means, variational_bound
from skdeepbm.models.units import Units


@dataclass
class LabelledDBM(DBM):
    """A DBM whose top layer is one softmax group of label units.

    Parameters
    ----------
    layers : list of Units
        The visible layer, at least two hidden ones, and the label's.
    weights : list of arrays of shapes (n_l, n_{l+1})
    """

    @property
    def labels(self) -> Units:
        """The label's units."""
        return self.layers[-1]

    @property
    def unlabelled(self) -> DBM:
        """The machine without its label; arrays are shared."""
        return DBM(self.layers[:-1], self.weights[:-1])

    def given(self, code: int) -> DBM:
        """The machine of the other layers given class number ``code``; weights are shared."""
        last = self.layers[-2]
        last = last.with_bias(last.bias + self.weights[-1][:, code])
        return DBM([*self.layers[:-2], last], self.weights[:-1])

    def _n_doubled(self) -> int:
        # a label alone says too little of the last hidden layer to be made up for
        return self.depth - 2


def label_bounds(
    dbm: LabelledDBM, v: Array, tolerance: float = 1e-6, max_steps: int = 100
) -> Array:
    """Lower bounds on ``log sum_h exp(-E(v, h, c))`` of every class c.

    ``E_q[-E] + H(q)`` with a mean-field posterior of the hidden layers for each class.

    Parameters
    ----------
    dbm : LabelledDBM
    v : array of shape (n_rows, n_visible)
    tolerance : float, default=1e-6
        Of mean field; every row settles for itself.
    max_steps : int, default=100

    Returns
    -------
    bounds : array of shape (n_rows, n_classes)
        In nats.
    """
    xp, found = dbm.backend.xp, []
    for code in range(dbm.labels.size):
        machine = dbm.given(code)
        means = settled_means(machine, v, tolerance, max_steps)
        found.append(variational_bound(machine, v, mean_field_inputs(machine, v, means)))
    return xp.stack(found, axis=1) + dbm.labels.bias


def bound_log_posterior(
    dbm: LabelledDBM, v: Array, tolerance: float = 1e-6, max_steps: int = 100
) -> Array:
    """``log p(c | v)`` as if the bounds were the log-probabilities; (n_rows, n_classes), nats."""
    return _normalised(dbm, label_bounds(dbm, v, tolerance, max_steps))


def mean_field_log_posterior(
    dbm: LabelledDBM, v: Array, tolerance: float = 1e-6, max_steps: int = 100
) -> Array:
    """``log q(c)``, the label inferred with the hidden layers; (n_rows, n_classes), in nats."""
    means = settled_means(dbm, v, tolerance, max_steps)
    return _normalised(dbm, dbm.from_below(dbm.depth, means[-2]) + dbm.labels.bias)


def _normalised(dbm: LabelledDBM, log_weights: Array) -> Array:
    xp = dbm.backend.xp
    return log_weights - xp.expand_dims(dbm.backend.logsumexp(log_weights, axis=1), axis=1)
