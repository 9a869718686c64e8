"""Units of several kinds side by side, such as features and a label."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from skdeepbm.backends import Array, DType, Stream
from skdeepbm.models.units.base import Units


class JointUnits(Units):
    """Layers of units that are one layer to whatever they are connected to.

    Variances of its parts, where they have some, are those of a fixed model: they are not learned.

    Parameters
    ----------
    parts : sequence of Units
        On one backend; columns are in this order.
    bias : array of shape (n_units,) or None, default=None
        Of all units; the biases of the parts become views of it. None joins those of the parts.
    """

    kind = "joint"

    def __init__(self, parts: Sequence[Units], bias: Array | None = None) -> None:
        edges = np.cumsum([0, *(part.size for part in parts)]).tolist()
        self.slices = [slice(i, j) for i, j in zip(edges[:-1], edges[1:], strict=True)]
        backend = parts[0].backend
        bias = backend.xp.concat([part.bias for part in parts]) if bias is None else bias
        # parts of its own, so that a new bias is nobody else's
        self.parts = [part.with_bias(bias[i]) for part, i in zip(parts, self.slices, strict=True)]
        super().__init__(backend, bias)

    @property
    def bias(self) -> Array:
        """Biases of all units; those of the parts are views of it."""
        return self._bias

    @bias.setter
    def bias(self, bias: Array) -> None:
        self._bias = bias
        for part, i in zip(self.parts, self.slices, strict=True):
            part.bias = bias[i]

    def with_bias(self, bias: Array) -> Self:
        return type(self)(self.parts, bias)

    def split(self, v: Array) -> list[Array]:
        """Columns of each part; of one row, its elements."""
        return [v[..., i] for i in self.slices]

    def _each(
        self, x: Array, function: Callable[[Units, Array], Array], out: Array | None
    ) -> Array:
        """``function`` of each part and its columns (contiguous copies), side by side."""
        xp = self.backend.xp
        found = [
            function(part, xp.asarray(columns, copy=True))
            for part, columns in zip(self.parts, self.split(x), strict=True)
        ]
        return self.backend.store(xp.concat(found, axis=1), out)

    def mean(self, a: Array, out: Array | None = None) -> Array:
        return self._each(a, lambda part, x: part.mean(x), out)

    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        parts = zip(self.parts, self.split(mean), self.split(gradient), strict=True)
        found = [
            part.mean_gradient(m, self.backend.xp.asarray(g, copy=True)) for part, m, g in parts
        ]
        return self.backend.xp.concat(found, axis=1)

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        xp, means = self.backend.xp, []

        def draw(part: Units, x: Array) -> Array:
            if mean is None:
                return part.sample(x, stream)
            means.append(self.backend.empty(tuple(x.shape), x.dtype))
            return part.sample(x, stream, mean=means[-1])

        # `a` may be `mean` or `out`: both are written when everything is drawn
        drawn = self._each(a, draw, None)
        if mean is not None:
            self.backend.store(xp.concat(means, axis=1), mean)
        return self.backend.store(drawn, out)

    def _total(self, values: list[Array]) -> Array:
        return self.backend.xp.sum(self.backend.xp.stack(values, axis=1), axis=1)

    def cgf(self, a: Array) -> Array:
        parts = zip(self.parts, self.split(a), strict=True)
        return self._total([part.cgf(x) for part, x in parts])

    def self_energy(self, v: Array) -> Array:
        parts = zip(self.parts, self.split(v), strict=True)
        return self._total([part.self_energy(x) for part, x in parts])

    def entropy(self, a: Array) -> Array:
        parts = zip(self.parts, self.split(a), strict=True)
        return self._total(
            [part.entropy(self.backend.xp.asarray(x, copy=True)) for part, x in parts]
        )

    def bias_at(self, mean: np.ndarray) -> np.ndarray:
        parts = zip(self.parts, self.slices, strict=True)
        return np.concatenate([part.bias_at(mean[i]) for part, i in parts])

    def energy_change(self, v: Array, old: Units) -> Array:
        assert isinstance(old, JointUnits)
        parts = zip(self.parts, old.parts, self.split(v), strict=True)
        return self._total([part.energy_change(x, before) for part, before, x in parts])

    def log_density(self, v: Array, a: Array) -> Array:
        parts = zip(self.parts, self.split(v), self.split(a), strict=True)
        return self._total([part.log_density(x, y) for part, x, y in parts])

    def log_density_gradient(self, v: Array, mean: Array, out: Array | None = None) -> Array:
        parts = zip(self.parts, self.split(v), self.split(mean), strict=True)
        found = [part.log_density_gradient(x, m) for part, x, m in parts]
        return self.backend.store(self.backend.xp.concat(found, axis=1), out)

    def couple(self, v: Array) -> Array:
        if not any(part.has_variance for part in self.parts):
            return v
        parts = zip(self.parts, self.split(v), strict=True)
        return self.backend.xp.concat([part.couple(x) for part, x in parts], axis=-1)

    @property
    def n_states(self) -> int | None:
        counts = [part.n_states for part in self.parts]
        if any(count is None for count in counts):
            return None
        return math.prod(count for count in counts if count is not None)

    def states(self, start: int, stop: int, dtype: DType) -> Array:
        index, columns = np.arange(start, stop), []
        for part in self.parts:
            n_states = part.n_states
            if n_states is None:
                raise TypeError(f"The states of {part.kind} units cannot be enumerated.")
            every = self.backend.to_host(part.states(0, n_states, dtype))
            columns.append(every[index % n_states])
            index = index // n_states
        return self.backend.asarray(np.concatenate(columns, axis=1))
