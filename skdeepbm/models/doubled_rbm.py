"""RBMs that become layers of a deep Boltzmann machine: one side is there twice.

In a deep Boltzmann machine a layer gets input from two sides, in the RBM that its weights are
trained as from one. Salakhutdinov & Hinton (2009), section 2.3, make up for this with copies that
share weights and state: two of the visible units in the first RBM, two of the hidden ones in the
last. Those in the middle are plain. In the deep machine all weights are half as strong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM


@dataclass
class DoubledRBM(RBM):
    """An RBM with copies of its sides, each pair of them with an equal share of the weights.

    With two copies of the visible units, hidden ones get the input ``v W`` and visible ones half
    of ``h W^T``. In the words of the paper: with half the weights and half the hidden bias as
    parameters, both are doubled on the way up only. For training; energies are those of states in
    which all copies are the same.

    Parameters
    ----------
    visible, hidden : Units
        Of one copy.
    weights : array of shape (n_visible, n_hidden)
    beta : float, default=1.0
    visible_copies, hidden_copies : int, default=1
    """

    visible_copies: int = field(default=1, kw_only=True)
    hidden_copies: int = field(default=1, kw_only=True)

    @property
    def shares(self) -> tuple[float, float]:
        return 1.0 / self.visible_copies, 1.0 / self.hidden_copies

    def hidden_input(self, v: Array, out: Array | None = None) -> Array:
        a = super().hidden_input(v, out)
        a *= self.shares[1]
        return a

    def visible_input(self, h: Array, out: Array | None = None) -> Array:
        a = super().visible_input(h, out)
        a *= self.shares[0]
        return a

    def energy(self, v: Array, h: Array) -> Array:
        xp, copies = self.backend.xp, self.hidden_copies
        interaction = xp.sum(self.hidden_input(v) * self.hidden.couple(h), axis=1)
        own = self.visible_copies * self.visible.self_energy(v)
        return own + copies * (self.hidden.self_energy(h) - interaction)

    def free_energy(self, v: Array, a: Array | None = None) -> Array:
        a = self.hidden_input(v) if a is None else a
        own = self.visible_copies * self.visible.self_energy(v)
        return own - self.hidden_copies * self.hidden.cgf(a)

    def hidden_free_energy(self, h: Array) -> Array:
        own = self.hidden_copies * self.hidden.self_energy(h)
        return own - self.visible_copies * self.visible.cgf(self.visible_input(h))
