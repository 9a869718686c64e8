"""Which states of a deep Boltzmann machine annealing runs on, and where its way back begins.

Runs visit states of one class of layers, the other class is summed out: h1 of a model with two
hidden layers where the visible and the second one are (Salakhutdinov & Hinton 2009, section 3.1).
Everything else is that of an RBM: see :mod:`skdeepbm.evaluation.ais`.
"""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.dbm import DBM, FoldedDBM, folded
from skdeepbm.sampling import first_states, layer_chain


def annealed_side(dbm: DBM) -> FoldedDBM:
    """The model with the class of layers that has fewer units on its visible side.

    That is the one to anneal: a step takes as long with either class, but there is less to weigh.
    """
    sizes = [units.size for units in dbm.layers]
    return folded(dbm, 0 if sum(sizes[::2]) < sum(sizes[1::2]) else 1)


def side_states(dbm: DBM, model: FoldedDBM, v: Array, stream: Stream) -> Array:
    """States of the annealed layers, where reverse runs begin to burn in.

    Parameters
    ----------
    dbm : DBM
    model : FoldedDBM
        From :func:`annealed_side`.
    v : array of shape (n_rows, n_visible)
        Data. Hidden states are drawn in a pass up and one Gibbs step.
    stream : Stream

    Returns
    -------
    states : array of shape (n_rows, model.visible.size)
    """
    n = int(v.shape[0])
    states = [dbm.backend.empty((n, units.size), dbm.dtype) for units in dbm.layers]
    odd = first_states(dbm, v, stream)
    layer_chain(dbm, odd, 1, stream, states)
    states[1::2] = odd
    return dbm.backend.xp.concat(states[model.first :: 2], axis=1)
