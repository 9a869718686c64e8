"""Bernoulli units: 0 or 1, ``self_energy(v) = -bias . v``."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from skdeepbm.backends import Array, DType, Stream
from skdeepbm.models.units.base import Units


class BernoulliUnits(Units):
    """Units with the values 0 and 1."""

    kind = "bernoulli"
    support = (0.0, 1.0)

    def mean(self, a: Array, out: Array | None = None) -> Array:
        return self.backend.sigmoid(a, self.bias, out=out)

    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        return self.backend.sigmoid_gradient(mean, gradient)

    def derivatives(self, mean: Array) -> tuple[Array, Array]:
        first = mean - mean * mean
        return first, first * (1.0 - 2.0 * mean)

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        return self.backend.sigmoid_sample(a, self.bias, stream, mean=mean, out=out)

    def cgf(self, a: Array) -> Array:
        return self.backend.xp.sum(self.backend.softplus(a + self.bias), axis=1)

    def cgf_change(self, a: Array, old: Units, old_factor: float, factor: float) -> Array:
        if factor:
            bias = self.bias / factor
        else:
            bias = old.bias / old_factor if old_factor else old.bias
        return self.backend.softplus_change(a, bias, old_factor, factor)

    def self_energy(self, v: Array) -> Array:
        return -self.backend.matmul(v, self.bias)

    def energy_change(self, v: Array, old: Units) -> Array:
        # linear in the bias: the difference first, so that nothing cancels
        return self.backend.matmul(v, old.bias - self.bias)

    @property
    def n_states(self) -> int:
        return 2**self.size

    def states(self, start: int, stop: int, dtype: DType) -> Array:
        index = np.arange(start, stop, dtype=np.int64)[:, None]
        bits = (index >> np.arange(self.size, dtype=np.int64)) & 1
        return self.backend.asarray(bits.astype(dtype))

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        # a column that never varies would have an infinite logit
        return logit(np.clip(mean, 1e-3, 1.0 - 1e-3))
