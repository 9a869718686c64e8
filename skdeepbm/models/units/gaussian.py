"""Gaussian units: real values, ``self_energy(v) = sum (v - bias)^2 / (2 s^2)``.

Visible units learn ``z = log s^2`` (Cho, Ilin & Raiko 2011), hidden units have ``s = 1``. The
weights see ``v / s^2``, so that the mean given a weighted input ``a`` is ``bias + a``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.units.base import Units


class GaussianUnits(Units):
    """Units with real values."""

    kind = "gaussian"
    sparse = False
    has_variance = True
    default_learning_rate = 0.01

    def _variance(self) -> Any:
        return 1.0 if self.log_variance is None else self.backend.xp.exp(self.log_variance)

    def mean(self, a: Array, out: Array | None = None) -> Array:
        return self.backend.store(a + self.bias, out)

    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        return gradient

    def derivatives(self, mean: Array) -> tuple[Array, Array]:
        xp = self.backend.xp
        return xp.ones_like(mean), xp.zeros_like(mean)

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        expected = self.mean(a, out=mean)
        noise = self.backend.normal(tuple(a.shape), stream, a.dtype)
        if self.log_variance is not None:
            noise = noise * self.backend.xp.exp(0.5 * self.log_variance)
        return self.backend.store(expected + noise, out)

    def cgf(self, a: Array) -> Array:
        # a (2 bias + a) rather than (bias + a)^2 - bias^2, which cancels
        xp, variance = self.backend.xp, self._variance()
        total = xp.sum(a * (a + 2.0 * self.bias) / (2.0 * variance), axis=1)
        constant = 0.5 * self.size * math.log(2.0 * math.pi)
        if self.log_variance is not None:
            total = total + 0.5 * xp.sum(self.log_variance)
        return total + constant

    def self_energy(self, v: Array) -> Array:
        centred = v - self.bias
        return self.backend.xp.sum(centred * centred / (2.0 * self._variance()), axis=1)

    def couple(self, v: Array) -> Array:
        return v if self.log_variance is None else v / self._variance()

    def log_density(self, v: Array, a: Array) -> Array:
        centred = v - self.bias - a
        xp = self.backend.xp
        total = -xp.sum(centred * centred / (2.0 * self._variance()), axis=1)
        if self.log_variance is not None:
            total = total - 0.5 * xp.sum(self.log_variance)
        return total - 0.5 * self.size * math.log(2.0 * math.pi)

    def log_density_gradient(self, v: Array, mean: Array, out: Array | None = None) -> Array:
        return self.backend.store((v - mean) / self._variance(), out)

    def entropy(self, a: Array) -> Array:
        # the expected self-energy exceeds that of the mean by 1/2 a unit
        return super().entropy(a) + 0.5 * self.size

    @classmethod
    def initial_bias(
        cls, mean: np.ndarray, variance: np.ndarray, groups: tuple[int, ...] | None
    ) -> np.ndarray:
        return mean
