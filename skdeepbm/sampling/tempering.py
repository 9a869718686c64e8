"""Parallel tempering of an RBM (Desjardins et al. 2010): Gibbs chains that trade places.

Chains run side by side at several inverse temperatures. After every Gibbs step, neighbouring
temperatures exchange their visible states with the Metropolis probability
``min(1, p_i(v_j) p_j(v_i) / (p_i(v_i) p_j(v_j)))``, hidden units summed out, so that states found
where modes are connected reach the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from skdeepbm.backends import Array, Stream
from skdeepbm.models.bipartite import Bipartite
from skdeepbm.models.tempering import log_ratio, tempered


def spaced(n_temperatures: int) -> list[float]:
    """Inverse temperatures evenly spaced from 1 down to 0."""
    return [1.0 - i / (n_temperatures - 1) for i in range(n_temperatures)]


class ParallelTempering:
    """Chains at several inverse temperatures.

    Parameters
    ----------
    rbm : RBM or other Bipartite
        Its arrays may change between calls of :meth:`step`.
    betas : sequence of float
        Inverse temperatures, from 1 downwards; at least 2.
    base_bias : array of shape (n_visible,)
        Visible bias at inverse temperature 0.
    h : array of shape (n_betas * n_chains, n_hidden)
        Hidden states: those at the first inverse temperature come first. Changed in place.

    first : int, default=0
        The pair of neighbours that the next round of exchanges begins with, 0 or 1.

    Attributes
    ----------
    first : int
    n_swaps, n_offers : list of int
        Exchanges of each pair of neighbours that were accepted and offered.
    """

    def __init__(
        self, rbm: Bipartite, betas: Sequence[float], base_bias: Array, h: Array, first: int = 0
    ) -> None:
        self.rbm, self.betas, self.base_bias, self.h = rbm, list(betas), base_bias, h
        self.n_chains = int(h.shape[0]) // len(self.betas)
        self.n_swaps = [0] * (len(self.betas) - 1)
        self.n_offers = [0] * (len(self.betas) - 1)
        self.first = first

    def step(self, stream: Stream, v: Array, h_mean: Array) -> None:
        """One Gibbs step of all chains and one round of exchanges.

        Parameters
        ----------
        stream : Stream
        v : array of shape (n_chains, n_visible)
            Receives the visible states at the first inverse temperature.
        h_mean : array of shape (n_chains, n_hidden)
            Receives the expected hidden states given ``v``.
        """
        rbm, backend, n = self.rbm, self.rbm.backend, self.n_chains
        models = [tempered(rbm, beta, self.base_bias) for beta in self.betas]
        states: list[Array] = []
        for i, model in enumerate(models):
            a = model.visible_input(self.h[i * n : (i + 1) * n, :])
            states.append(model.visible.sample(a, stream))
        inputs = [rbm.hidden_input(state) for state in states]
        for i in range(self.first, len(models) - 1, 2):
            self._exchange(i, models, states, inputs, stream)
        self.first = 1 - self.first if len(models) > 2 else 0
        backend.store(states[0], v)
        for i, model in enumerate(models):
            a = inputs[i] * model.beta
            mean = h_mean if i == 0 else None
            model.hidden.sample(a, stream, mean=mean, out=self.h[i * n : (i + 1) * n, :])

    def _exchange(
        self,
        i: int,
        models: list[Bipartite],
        states: list[Array],
        inputs: list[Array],
        stream: Stream,
    ) -> None:
        """Offer the chains of two neighbours each other's states."""
        xp = self.rbm.backend.xp
        one, other = models[i], models[i + 1]
        gain = log_ratio(other, one, states[i + 1], inputs[i + 1]) - log_ratio(
            other, one, states[i], inputs[i]
        )
        u = self.rbm.backend.uniform((self.n_chains,), stream, states[i].dtype)
        accepted = xp.log(1.0 - u) < xp.astype(gain, u.dtype)
        self.n_offers[i] += self.n_chains
        self.n_swaps[i] += int(xp.count_nonzero(accepted))
        swap = xp.expand_dims(accepted, axis=1)
        for arrays in (states, inputs):
            cold, hot = arrays[i], arrays[i + 1]
            arrays[i] = xp.where(swap, hot, cold)
            arrays[i + 1] = xp.where(swap, cold, hot)
