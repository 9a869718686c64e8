"""Two sides of units, each of which is independent given the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from skdeepbm.backends import Array, Backend, DType
from skdeepbm.models.units import Units


@dataclass
class Bipartite(ABC):
    """``E(v, h) = self_energy(v) + self_energy(h) - beta couple(v) . W couple(h)``.

    What tempering, Gibbs chains, annealing and enumeration know of a model; a subclass says what
    ``W`` is.

    Parameters
    ----------
    visible, hidden : Units
        With their biases.
    weights : object
    beta : float, default=1.0
        Inverse temperature of the interaction; see :mod:`skdeepbm.models.tempering`.
    """

    visible: Units
    hidden: Units
    weights: Any
    beta: float = 1.0

    @property
    def backend(self) -> Backend:
        return self.visible.backend

    @property
    def dtype(self) -> DType:
        return self.blocks[0].dtype

    @property
    @abstractmethod
    def blocks(self) -> list[Array]:
        """All arrays of weights."""

    @property
    @abstractmethod
    def layout(self) -> str:
        """The layers in words."""

    @abstractmethod
    def hidden_input(self, v: Array, out: Array | None = None) -> Array:
        """Weighted input of the hidden units, bias not included; shape (n_rows, n_hidden)."""

    @abstractmethod
    def visible_input(self, h: Array, out: Array | None = None) -> Array:
        """Weighted input of the visible units, bias not included; shape (n_rows, n_visible)."""

    def _cooled(self, a: Array) -> Array:
        if self.beta != 1.0:
            a *= self.beta
        return a

    def energy(self, v: Array, h: Array) -> Array:
        """Energy of joint states, row by row; shape (n_rows,)."""
        interaction = self.backend.xp.sum(self.hidden_input(v) * self.hidden.couple(h), axis=1)
        return self.visible.self_energy(v) + self.hidden.self_energy(h) - interaction

    def free_energy(self, v: Array, a: Array | None = None) -> Array:
        """``-log sum_h exp(-E(v, h))`` (an integral where h is continuous); shape (n_rows,).

        ``a`` is :meth:`hidden_input` of ``v``, where that is known.
        """
        a = self.hidden_input(v) if a is None else a
        return self.visible.self_energy(v) - self.hidden.cgf(a)

    def hidden_free_energy(self, h: Array) -> Array:
        """``-log sum_v exp(-E(v, h))``; shape (n_rows,)."""
        return self.hidden.self_energy(h) - self.visible.cgf(self.visible_input(h))
