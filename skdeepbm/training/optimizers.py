"""From a gradient to a change of parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Array, Backend


class Optimizer(ABC):
    """Ascent on several named parameters, in place, with state of its own for each."""

    slots: ClassVar[tuple[str, ...]]
    #: whether steps are sums of gradients times rates: then centring is a matter of gradients, else
    #: the optimiser must have the centred parameters
    is_linear: ClassVar[bool] = True

    def __init__(self, backend: Backend, state: dict[str, Any] | None = None) -> None:
        self.backend = backend
        self._slots: dict[str, tuple[Array, ...]] = {}
        self._counts: dict[str, int] = {}
        for name, saved in (state or {}).items():
            self._counts[name] = saved["count"]
            self._slots[name] = tuple(backend.asarray(np.array(array)) for array in saved["slots"])

    @property
    def state(self) -> dict[str, Any]:
        """Host copy from which training continues."""
        return {
            name: {
                "count": self._counts[name],
                "slots": tuple(np.array(self.backend.to_host(array)) for array in slots),
            }
            for name, slots in self._slots.items()
        }

    def slots_of(self, name: str, parameter: Array) -> tuple[Array, ...]:
        """The state arrays of a parameter, zeros at first."""
        if name not in self._slots:
            shape, dtype = tuple(parameter.shape), parameter.dtype
            self._slots[name] = tuple(self.backend.zeros(shape, dtype) for _ in self.slots)
            self._counts[name] = 0
        return self._slots[name]

    def reset(self) -> None:
        """Forget all state, as after a divergence."""
        self._slots, self._counts = {}, {}

    def gain(self, learning_rate: float) -> float:
        """Factor that the step given to :meth:`update` must carry already."""
        return learning_rate

    @abstractmethod
    def update(
        self,
        name: str,
        parameter: Array,
        step: Array,
        learning_rate: float,
        momentum: float,
        decay: float = 0.0,
    ) -> None:
        """Move ``parameter`` along ``step`` (the gradient times :meth:`gain`), used up by this.

        ``decay`` is the weight decay: its gradient ``-decay * parameter`` is added.
        """


class SGD(Optimizer):
    """Gradient ascent with classical momentum, ``d <- momentum * d + learning_rate * g``."""

    slots = ("velocity",)
    nesterov: ClassVar[bool] = False

    def update(
        self,
        name: str,
        parameter: Array,
        step: Array,
        learning_rate: float,
        momentum: float,
        decay: float = 0.0,
    ) -> None:
        (velocity,) = self.slots_of(name, parameter)
        self.backend.momentum_update(
            parameter, velocity, step, momentum, learning_rate * decay, self.nesterov
        )


class Nesterov(SGD):
    """Nesterov's momentum in the form of Sutskever et al. (2013), kept at the look-ahead point."""

    nesterov = True


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1) with ``beta1 = momentum``, ``beta2 = 0.999``."""

    slots = ("first moment", "second moment")
    is_linear = False
    beta2: ClassVar[float] = 0.999
    epsilon: ClassVar[float] = 1e-8

    def gain(self, learning_rate: float) -> float:
        return 1.0

    def update(
        self,
        name: str,
        parameter: Array,
        step: Array,
        learning_rate: float,
        momentum: float,
        decay: float = 0.0,
    ) -> None:
        first, second = self.slots_of(name, parameter)
        self._counts[name] += 1
        count = self._counts[name]
        if decay:
            step -= decay * parameter
        self.backend.adam_update(
            parameter,
            first,
            second,
            step,
            (momentum, self.beta2),
            learning_rate / (1.0 - momentum**count),
            1.0 - self.beta2**count,
            self.epsilon,
        )


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "nesterov": Nesterov, "adam": Adam}


def usable_state(optimizer: str, state: dict[str, Any]) -> dict[str, Any]:
    """The state that an optimiser goes on from: nothing of what another rule has left."""
    rule = OPTIMIZERS.get(optimizer)
    n_slots = None if rule is None else len(rule.slots)
    return state if all(len(saved["slots"]) == n_slots for saved in state.values()) else {}
