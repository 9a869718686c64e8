"""The restricted Boltzmann machine: two layers of units and the weights between them."""

from __future__ import annotations

from dataclasses import dataclass

from skdeepbm.backends import Array
from skdeepbm.models.bipartite import Bipartite


@dataclass
class RBM(Bipartite):
    """``E(v, h) = self_energy(v) + self_energy(h) - beta couple(v) . W couple(h)``.

    Parameters
    ----------
    visible, hidden : Units
        With their biases.
    weights : array of shape (n_visible, n_hidden)
    beta : float, default=1.0
        Inverse temperature of the interaction; see :mod:`skdeepbm.models.tempering`.
    """

    @property
    def blocks(self) -> list[Array]:
        return [self.weights]

    @property
    def layout(self) -> str:
        v, h = self.visible, self.hidden
        return f"{v.size} {v.kind} visible and {h.size} {h.kind} hidden units"

    @property
    def shares(self) -> tuple[float, float]:
        """Share of its input that one copy of the visible, of the hidden units gets."""
        return 1.0, 1.0

    def hidden_input(self, v: Array, out: Array | None = None) -> Array:
        return self._cooled(self.backend.matmul(self.visible.couple(v), self.weights, out=out))

    def visible_input(self, h: Array, out: Array | None = None) -> Array:
        return self._cooled(self.backend.matmul(self.hidden.couple(h), self.weights.T, out=out))
