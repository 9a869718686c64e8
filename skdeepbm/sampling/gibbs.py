"""Block Gibbs sampling of an RBM, or of any model with two sides."""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.bipartite import Bipartite


def gibbs_chain(
    rbm: Bipartite,
    h: Array,
    n_steps: int,
    stream: Stream,
    v: Array,
    h_mean: Array,
    draw_last: bool = False,
    draw_visible: bool = True,
) -> tuple[Array, Array]:
    """Run chains from hidden states: ``n_steps`` times v given h, then h given v.

    Parameters
    ----------
    rbm : RBM or other Bipartite
    h : array of shape (n_chains, n_hidden)
        Hidden states to start from. Overwritten by later states of the chains.
    n_steps : int
        At least 1.
    stream : Stream
    v : array of shape (n_chains, n_visible)
        Receives the last visible states.
    h_mean : array of shape (n_chains, n_hidden)
        Receives the expected hidden states given ``v``.
    draw_last : bool, default=False
        Whether to draw the last hidden states, so that the chains can go on from ``h``.
    draw_visible : bool, default=True
        False passes the expected visible states on instead of drawing them; this is no sampler of
        the model, but what contrastive divergence often reconstructs with.

    Returns
    -------
    v, h_mean : arrays
        The two buffers.
    """
    for step in range(n_steps):
        a = rbm.visible_input(h, out=v)
        if draw_visible:
            rbm.visible.sample(a, stream, out=v)
        else:
            rbm.visible.mean(a, out=v)
        a = rbm.hidden_input(v, out=h_mean)
        if draw_last or step + 1 < n_steps:
            rbm.hidden.sample(a, stream, mean=h_mean, out=h)
        else:
            rbm.hidden.mean(a, out=h_mean)
    return v, h_mean
