"""Softmax units: groups of units of which exactly one is on (categorical variables)."""

from __future__ import annotations

import math

import numpy as np

from skdeepbm.backends import Array, Backend, DType, Stream
from skdeepbm.models.units.base import Units


class SoftmaxUnits(Units):
    """One-hot groups; ``groups=None`` makes all units one group."""

    kind = "softmax"
    support = (0.0, 1.0)

    def __init__(
        self,
        backend: Backend,
        bias: Array,
        log_variance: Array | None = None,
        groups: tuple[int, ...] | None = None,
    ) -> None:
        groups = groups or (int(bias.shape[0]),)
        super().__init__(backend, bias, log_variance, groups)
        edges = np.concatenate([[0], np.cumsum(groups)]).tolist()
        self._slices = [slice(i, j) for i, j in zip(edges[:-1], edges[1:], strict=True)]

    def slices(self) -> list[slice]:
        """Columns of each group."""
        return self._slices

    def mean(self, a: Array, out: Array | None = None) -> Array:
        backend, xp = self.backend, self.backend.xp
        x = a + self.bias
        out = backend.empty(tuple(a.shape), a.dtype) if out is None else out
        for part in self.slices():
            e = xp.exp(x[:, part] - xp.max(x[:, part], axis=1, keepdims=True))
            out[:, part] = e / xp.sum(e, axis=1, keepdims=True)
        return out

    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        xp = self.backend.xp
        for part in self.slices():
            along = xp.sum(mean[:, part] * gradient[:, part], axis=1, keepdims=True)
            gradient[:, part] -= along
        gradient *= mean
        return gradient

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        p = self.mean(a, out=mean)
        out = self.backend.empty(tuple(a.shape), a.dtype) if out is None else out
        for part in self.slices():
            out[:, part] = self.backend.categorical(p[:, part], stream)
        return out

    def cgf(self, a: Array) -> Array:
        x = a + self.bias
        parts = [self.backend.logsumexp(x[:, part], axis=1) for part in self.slices()]
        return self.backend.xp.sum(self.backend.xp.stack(parts, axis=1), axis=1)

    def self_energy(self, v: Array) -> Array:
        return -self.backend.matmul(v, self.bias)

    @property
    def n_states(self) -> int | None:
        return math.prod(self.groups or ())

    def states(self, start: int, stop: int, dtype: DType) -> Array:
        index = np.arange(start, stop, dtype=np.int64)
        hot = np.zeros((stop - start, self.size), dtype=dtype)
        for part, size in zip(self.slices(), self.groups or (), strict=True):
            hot[np.arange(stop - start), part.start + index % size] = 1
            index = index // size
        return self.backend.asarray(hot)

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        return np.log(np.clip(mean, 1e-4, None))
