"""The variational lower bound on the log-likelihood of a deep belief net.

With the recognition distribution q(h_1, ..., h_L | v), factorial within a layer given a state of
the layer below,

    ``log p(v) >= E_q[sum_l log p(h_l | h_{l+1}) + log p*_top(h_L)] + H(q) - log Z_top``

(Hinton, Osindero & Teh 2006, section 4; Salakhutdinov & Murray 2008, section 4.3). States are drawn
from q; the entropy of each layer is exact given the state drawn below it.
"""

from __future__ import annotations

from skdeepbm.backends import Array, Stream
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.labels import marginal_free_energy
from skdeepbm.models.network import Layer

# values of the widest layer that are held at once
_ROOM = 2**22


def belief_bound(
    net: BeliefNet,
    v: Array,
    log_z: float,
    n_draws: int,
    stream: Stream,
    labels: Array | None = None,
) -> Array:
    """Lower bound on ``log p(v)``, row by row, in nats.

    Without directed layers it is the log-likelihood itself, and nothing is drawn.

    Parameters
    ----------
    net : BeliefNet
        In float64 for full precision.
    v : array of shape (n_rows, n_visible)
    log_z : float
        Logarithm of the partition function of ``net.top``, label units included.
    n_draws : int
        Draws of the hidden layers that each row's bound is averaged over: the average is the bound
        up to noise.
    stream : Stream
    labels : array of shape (n_rows, n_classes) or None, default=None
        One-hot; the bound is then on ``log p(v, label)``. None sums the labels out.

    Returns
    -------
    bound : array of shape (n_rows,)
        Of counts of words, it is about the sequence of the words.

    Raises
    ------
    TypeError
        If states of a layer have no energy (ReLU units).
    """
    backend = net.backend
    sizes = [layer.units.size for layer in net.recognition]
    widest = max(net.visible.size, net.top.hidden.size, net.top.visible.size, *sizes, 1)
    size = max(1, _ROOM // widest)
    n_draws = n_draws if net.recognition else 1
    parts = []
    for start in range(0, v.shape[0], size):
        stop = min(start + size, v.shape[0])
        rows = v[start:stop, :]
        known = None if labels is None else labels[start:stop, :]
        total = _one_draw(net, rows, known, stream)
        for _ in range(n_draws - 1):
            total = total + _one_draw(net, rows, known, stream)
        parts.append(total / n_draws - float(log_z))
    return backend.xp.concat(parts)


def _one_draw(net: BeliefNet, v: Array, labels: Array | None, stream: Stream) -> Array:
    """The bound but for log Z, from one draw of the hidden layers."""
    total, x = 0.0, v
    for up, down in zip(net.recognition, net.generative, strict=True):
        a = up.input(x)
        total = total + up.units.entropy(a)
        above = up.units.sample(a, stream)
        total = total + _log_density(down, x, above, counts=up.replicated)
        x = above
    if labels is not None:
        return total - net.top.free_energy(net.join(x, labels))
    if net.n_classes:
        return total - marginal_free_energy(net.top, x)
    return total - net.top.free_energy(x)


def _log_density(layer: Layer, x: Array, above: Array, counts: bool) -> Array:
    """Log-density of a layer's values given the layer above; of counts, of their sequence."""
    a = layer.input(above)
    if not counts:
        return layer.units.log_density(x, a)
    xp = layer.backend.xp
    of_words = xp.sum(a * x, axis=1) - layer.units.self_energy(x)
    return of_words - xp.sum(x, axis=1) * layer.units.cgf(a)
