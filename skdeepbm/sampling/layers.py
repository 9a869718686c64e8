"""Block Gibbs sampling of a deep Boltzmann machine."""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.dbm import DBM


def layer_chain(
    dbm: DBM,
    odd: list[Array],
    n_steps: int,
    stream: Stream,
    rows: list[Array],
    rooms: list[Array] | None = None,
    top: Array | None = None,
) -> list[Array]:
    """Run chains: ``n_steps`` times all even layers given the odd ones, then the odd ones.

    Parameters
    ----------
    dbm : DBM
    odd : list of arrays of shapes (n_chains, n_l)
        States of layers 1, 3, ... to start from. Overwritten by the last states.
    n_steps : int
        At least 1.
    stream : Stream
    rows : list of arrays of shapes (n_chains, n_l)
        For every layer. Even ones receive the last states, odd ones the expected values given
        these, of which ``odd`` are draws.
    rooms : list of arrays of shapes (n_chains, n_l) or None, default=None
        For every layer: what products between two neighbours are kept in.
    top : array of shape (n_chains, n_top) or None, default=None
        States of the top layer that are held in all steps; it then has no rows and is not drawn.

    Returns
    -------
    rows : list of arrays
    """
    n_layers = dbm.depth + 1
    states = list(rows)
    states[1::2] = odd
    if top is not None:
        states[-1], n_layers = top, dbm.depth
    for _ in range(n_steps):
        for i in (*range(0, n_layers, 2), *range(1, n_layers, 2)):
            a = dbm.input(i, states, out=rows[i], room=None if rooms is None else rooms[i])
            mean = rows[i] if i % 2 else None
            dbm.layers[i].sample(a, stream, mean=mean, out=states[i])
    return rows


def first_states(dbm: DBM, v: Array, stream: Stream) -> list[Array]:
    """States of the odd layers to begin chains with, drawn in one pass up from visible values.

    Parameters
    ----------
    dbm : DBM
    v : array of shape (n_chains, n_visible)
    stream : Stream

    Returns
    -------
    odd : list of arrays of shapes (n_chains, n_l)
    """
    states = [v]
    for i in range(1, dbm.depth + 1):
        a = dbm.up_input(i, states[-1])
        states.append(dbm.layers[i].sample(a, stream))
    return states[1::2]
