"""Noisy rectified linear hidden units (Nair & Hinton 2010).

They stand for infinitely many Bernoulli copies that share weights and whose biases fall by one
from copy to copy (stepped sigmoid units), of which the unit's value counts those that are on. In
the smooth limit of that paper's equation (2) the count has mean ``softplus(x)``, variance
``sigmoid(x)`` and therefore the cumulant generating function ``-Li2(-exp(x))`` of the total input
``x``. Draws use the paper's ``max(0, x + N(0, sigmoid(x)))``, whose mean falls below
``softplus(x)`` where ``x`` is near or under zero.
"""

from __future__ import annotations

from skdeepbm.backends import Array, Backend, Stream
from skdeepbm.models.units.base import Units

_PI2_6 = 1.6449340668482264


class ReluUnits(Units):
    """Units with values from 0 to infinity; hidden only."""

    kind = "relu"
    has_energy = False
    default_learning_rate = 0.005

    def mean(self, a: Array, out: Array | None = None) -> Array:
        return self.backend.store(self.backend.softplus(a + self.bias), out)

    def mean_gradient(self, mean: Array, gradient: Array) -> Array:
        # the derivative of softplus is sigmoid(x) = 1 - exp(-softplus(x))
        gradient *= -self.backend.xp.expm1(-mean)
        return gradient

    def derivatives(self, mean: Array) -> tuple[Array, Array]:
        first = -self.backend.xp.expm1(-mean)
        return first, first * (1.0 - first)

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        xp = self.backend.xp
        x = a + self.bias
        noise = self.backend.normal(tuple(a.shape), stream, a.dtype)
        if mean is not None:
            self.backend.store(self.backend.softplus(x), mean)
        return self.backend.store(
            xp.clip(x + xp.sqrt(self.backend.sigmoid(x)) * noise, min=0.0), out
        )

    def cgf(self, a: Array) -> Array:
        return self.backend.xp.sum(_minus_dilog(self.backend, a + self.bias), axis=1)

    def self_energy(self, v: Array) -> Array:
        raise TypeError(
            "A state of ReLU units has no energy of its own: each value stands for many states of "
            "the Bernoulli copies behind it. Use the free energy."
        )


def _minus_dilog(backend: Backend, x: Array) -> Array:
    """``-Li2(-exp(x)) = integral of softplus from -inf to x``, to rounding of float64.

    For ``x > 0`` the inversion formula gives ``x^2/2 + pi^2/6 + Li2(-exp(-x))``. For
    ``t = exp(-|x|) <= 1``, Landen's identity turns ``-Li2(-t)`` into ``Li2(y) + log(1+t)^2/2`` with
    ``y = t/(1+t) <= 1/2``, and with ``u = -log(1-y) = log(1+t) <= log 2`` the Bernoulli series
    ``Li2(y) = u - u^2/4 + u^3/36 - u^5/3600 + ...`` converges fast (Lewin 1981, 1.7 and 1.9).
    """
    xp = backend.xp
    u = xp.log1p(xp.exp(-xp.abs(x)))
    w = u * u
    # B_{2k} / (2k + 1)! for k = 1..8
    series = 1.0 / 36.0 + w * (
        -1.0 / 3600.0
        + w
        * (
            1.0 / 211680.0
            + w
            * (
                -1.0 / 10886400.0
                + w
                * (
                    1.0 / 526901760.0
                    + w
                    * (
                        -691.0 / 16999766784000.0
                        + w * (1.0 / 1120863744000.0 + w * (-3617.0 / 181400588328960000.0))
                    )
                )
            )
        )
    )
    small = u - 0.25 * w + u * w * series + 0.5 * w
    return xp.where(x > 0, 0.5 * x * x + _PI2_6 - small, small)
