"""What a layer of units is: a base measure, a bias and what follows from a total input.

A unit with value ``v`` and weighted input ``a`` has the conditional density
``exp(a * couple(v) - self_energy(v)) / exp(cgf(a))``. One class serves both sides of an RBM and
every layer of a deeper model; whatever is particular to a kind of unit is in its own file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from skdeepbm.backends import Array, Backend, DType, Stream


class Units(ABC):
    """A layer of units of one kind, with its parameters.

    Parameters
    ----------
    backend : Backend
        Where the arrays live.
    bias : array of shape (n_units,)
    log_variance : array of shape (n_units,) or None, default=None
        Logarithm of the variance, for kinds that have one.
    groups : sequence of int or None, default=None
        Sizes of the groups that the units form, for kinds that have groups.
    """

    kind: ClassVar[str]
    #: least and greatest value that a visible unit of this kind can take
    support: ClassVar[tuple[float, float] | None] = None
    #: whether zeros in the data may stay unstored
    sparse: ClassVar[bool] = True
    #: whether the kind has a variance that is learned on the visible side
    has_variance: ClassVar[bool] = False
    #: whether a state of a hidden unit has an energy, not only its total input a free energy
    has_energy: ClassVar[bool] = True
    #: learning rate that suits hidden units of this kind
    default_learning_rate: ClassVar[float] = 0.1

    def __init__(
        self,
        backend: Backend,
        bias: Array,
        log_variance: Array | None = None,
        groups: tuple[int, ...] | None = None,
    ) -> None:
        self.backend = backend
        self.bias = bias
        self.log_variance = log_variance
        self.groups = groups

    @property
    def size(self) -> int:
        """Number of units."""
        return int(self.bias.shape[0])

    @abstractmethod
    def mean(self, a: Array, out: Array | None = None) -> Array:
        """Expected values given the weighted input ``a`` (bias not included)."""

    @abstractmethod
    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        """Gradient with respect to the input, from one with respect to the expected values.

        Parameters
        ----------
        mean : array of shape (n_rows, n_units)
            What :meth:`mean` returned.
        gradient : array of shape (n_rows, n_units)
            May be overwritten.
        """

    def derivatives(self, mean: Array) -> tuple[Array, Array]:
        """First and second derivative of the expected values by the input, unit by unit.

        Parameters
        ----------
        mean : array of shape (n_rows, n_units)
            What :meth:`mean` returned.

        Returns
        -------
        first, second : arrays of shape (n_rows, n_units)
        """
        raise TypeError(f"The values of {self.kind} units depend on each other's inputs.")

    @abstractmethod
    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        """Draw of the values given the weighted input; the expected values go into ``mean``."""

    @abstractmethod
    def cgf(self, a: Array) -> Array:
        """Cumulant generating function: log of the conditional's normaliser, summed over units.

        Returns
        -------
        cgf : array of shape (n_rows,)
            In nats.
        """

    @abstractmethod
    def self_energy(self, v: Array) -> Array:
        """Energy of the values apart from the interaction, summed over units; shape (n_rows,)."""

    def couple(self, v: Array) -> Array:
        """What the weights see of the values."""
        return v

    def with_bias(self, bias: Array) -> Self:
        """The same units with another bias."""
        return type(self)(self.backend, bias, self.log_variance, self.groups)

    def cgf_change(self, a: Array, old: Units, old_factor: float, factor: float) -> Array:
        """``cgf(factor * a)`` minus that of ``old`` at ``old_factor * a``; shape (n_rows,).

        Both biases must be the same multiples of one bias as the inputs of ``a``.
        """
        return self.cgf(factor * a) - old.cgf(old_factor * a)

    def energy_change(self, v: Array, old: Units) -> Array:
        """``self_energy(v)`` minus that of ``old``, which differs in the bias; (n_rows,)."""
        return self.self_energy(v) - old.self_energy(v)

    @property
    def n_states(self) -> int | None:
        """Number of joint states; None if they cannot be counted."""
        return None

    def states(self, start: int, stop: int, dtype: DType) -> Array:
        """Joint states ``start`` to ``stop`` of the enumeration; shape (stop - start, n_units)."""
        raise TypeError(f"The states of {self.kind} units cannot be enumerated.")

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        """Visible bias at which independent units have the mean of the data (float64, host)."""
        raise TypeError(f"{cls.kind} units cannot be visible units.")

    def bias_at(self, mean: np.ndarray) -> np.ndarray:
        """Bias at which these units, without input, have a mean (float64, host)."""
        return self.initial_bias(mean, mean, self.groups)

    def log_density(self, v: Array, a: Array) -> Array:
        """Log-density of the values given the weighted input, summed over units; (n_rows,)."""
        xp = self.backend.xp
        return xp.sum(a * self.couple(v), axis=1) - self.self_energy(v) - self.cgf(a)

    def log_density_gradient(self, v: Array, mean: Array, out: Array | None = None) -> Array:
        """Gradient of :meth:`log_density` with respect to the input, given the expected values."""
        return self.backend.store(v - mean, out)

    def entropy(self, a: Array) -> Array:
        """Entropy of the values given the weighted input, in nats, summed over units; (n_rows,).

        That is ``cgf(a) - E[a . couple(v)] + E[self_energy(v)]``; here for kinds whose self-energy
        is linear in the values.
        """
        mean = self.mean(a)
        interaction = self.backend.xp.sum(a * self.couple(mean), axis=1)
        return self.cgf(a) - interaction + self.self_energy(mean)
