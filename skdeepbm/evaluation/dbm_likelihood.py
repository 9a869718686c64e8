"""Likelihoods of a deep Boltzmann machine: exact where it is small, and a lower bound anywhere.

Given data, one class of hidden layers is summed out analytically and the states of the other are
streamed, as for the partition function. The bound is that of mean field (Salakhutdinov & Hinton
2009, section 2.2), with the entropy of q.
"""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.evaluation.exact import MAX_STATES, streamed_states
from skdeepbm.models.dbm import DBM, FoldedDBM, folded
from skdeepbm.models.labelled_dbm import LabelledDBM
from skdeepbm.models.mean_field import mean_field_inputs, settled_means, variational_bound


def exact_log_likelihood(dbm: DBM, v: Array, log_z: float) -> Array:
    """``log p(v) = log sum_h exp(-E(v, h)) - log Z``, row by row, in nats.

    Parameters
    ----------
    dbm : DBM
        In float64 for full precision.
    v : array of shape (n_rows, n_visible)
    log_z : float
        Logarithm of the partition function.

    Returns
    -------
    log_likelihood : array of shape (n_rows,)

    Raises
    ------
    ValueError
        If the odd and the even hidden layers have more than 2**20 joint states each.
    """
    # the hidden layers alone: a model with the odd layers on its visible side
    model = folded(DBM(dbm.layers[1:], dbm.weights[1:]), 0)
    counts = {
        name: units.n_states
        for name, units in (("odd", model.visible), ("even", model.hidden))
        if units.n_states is not None and units.n_states <= MAX_STATES
    }
    if not counts:
        raise ValueError(
            "The likelihood cannot be computed exactly: the odd or the even hidden layers must "
            "have at most 2**20 joint states (20 binary units), but there are "
            f"{folded(dbm, 0).layout}."
        )
    a = dbm.from_below(1, v)
    over_odd = min(counts, key=lambda name: counts[name]) == "odd"
    parts = _over_odd_states(model, a) if over_odd else _over_even_states(model, a)
    log_sum = dbm.backend.logsumexp(dbm.backend.xp.stack(parts, axis=1), axis=1)
    return log_sum - dbm.visible.self_energy(v) - float(log_z)


def exact_label_log_posterior(dbm: LabelledDBM, v: Array) -> Array:
    """``log p(c | v)`` of every class, by sums over the states of the hidden layers.

    Parameters
    ----------
    dbm : LabelledDBM
        In float64 for full precision.
    v : array of shape (n_rows, n_visible)

    Returns
    -------
    log_p : array of shape (n_rows, n_classes)
        In nats.

    Raises
    ------
    ValueError
        If the odd and the even hidden layers have more than 2**20 joint states each.
    """
    xp = dbm.backend.xp
    each = [exact_log_likelihood(dbm.given(code), v, 0.0) for code in range(dbm.labels.size)]
    found = xp.stack(each, axis=1) + dbm.labels.bias
    return found - xp.expand_dims(dbm.backend.logsumexp(found, axis=1), axis=1)


def _over_odd_states(model: FoldedDBM, a: Array) -> list[Array]:
    """Log-sums of ``exp(-E)`` over parts of the odd states; ``a`` is the data's input of layer 1.

    What does not depend on the data is computed once for all rows.
    """
    backend, xp = model.backend, model.backend.xp
    parts = []
    for states in streamed_states(model.visible, int(a.shape[0]) + model.visible.size):
        coupled = model.visible.couple(states)[:, : a.shape[1]]
        interaction = backend.matmul(a, coupled.T)
        minus_f = xp.expand_dims(model.free_energy(states), axis=0)
        parts.append(backend.logsumexp(interaction - minus_f, axis=1))
    return parts


def _over_even_states(model: FoldedDBM, a: Array) -> list[Array]:
    """The same over parts of the even states, the odd ones summed out row by row."""
    backend, xp = model.backend, model.backend.xp
    parts = []
    for states in streamed_states(model.hidden, model.visible.size):
        energy, inputs = model.hidden.self_energy(states), model.visible_input(states)
        sums = []
        for i in range(a.shape[0]):
            given = xp.asarray(inputs, copy=True)
            given[:, : a.shape[1]] += a[i, :]
            sums.append(backend.logsumexp(model.visible.cgf(given) - energy, axis=0))
        parts.append(xp.stack(sums))
    return parts


def dbm_bound(
    dbm: DBM, v: Array, log_z: float, tolerance: float = 1e-6, max_steps: int = 100
) -> Array:
    """Lower bound on ``log p(v)``, row by row: ``E_q[-E] + H(q) - log Z``, q from mean field.

    Parameters
    ----------
    dbm : DBM
        In float64 for full precision.
    v : array of shape (n_rows, n_visible)
    log_z : float
        Logarithm of the partition function.
    tolerance : float, default=1e-6
        Largest change of an expected value in the last step of mean field.
    max_steps : int, default=100
        Of mean field. The bound holds for any number.

    Returns
    -------
    bound : array of shape (n_rows,)
        In nats.
    """
    means = settled_means(dbm, v, tolerance, max_steps)
    # even layers stay what they were made of the odd ones, these are updated once more
    inputs = mean_field_inputs(dbm, v, means)
    return variational_bound(dbm, v, inputs) - float(log_z)
