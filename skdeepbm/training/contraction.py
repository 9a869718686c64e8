"""The penalty of contractive autoencoders, whose codes hardly move with a row."""

from __future__ import annotations

from skdeepbm.backends import Array
from skdeepbm.models.network import Layer
from skdeepbm.training.penalties import squared_norms


class Contraction:
    """``cost`` times the squared Frobenius norm of the Jacobian of the code, a mean over rows.

    With the total input ``a_j`` and the weights ``W_j`` of unit j, the norm of a row is
    ``sum_j f'(a_j)^2 |W_j|^2`` (Rifai et al. 2011).

    Parameters
    ----------
    layer : Layer
        The encoder.
    cost : float
    """

    def __init__(self, layer: Layer, cost: float) -> None:
        self.layer, self.cost = layer, cost

    def ascent(self, mean: Array) -> tuple[Array, Array]:
        """Minus the derivatives of the sum over rows, given the expected values.

        Returns
        -------
        by_input : array of shape (n_rows, n_units)
            With respect to the input of the units.
        by_weights : array of shape (n_units,)
            With respect to the weights while the inputs stand still, as a factor of the weights.
        """
        xp, square = self.layer.backend.xp, squared_norms(self.layer.weights, self.layer.backend)
        first, second = self.layer.units.derivatives(mean)
        by_weights = -2.0 * self.cost * xp.sum(first * first, axis=0)
        second *= first
        second *= -2.0 * self.cost * square
        return second, by_weights

    def value(self, mean: Array) -> float:
        """The penalty of these rows, in nats."""
        xp, square = self.layer.backend.xp, squared_norms(self.layer.weights, self.layer.backend)
        first, _ = self.layer.units.derivatives(mean)
        return self.cost * float(xp.sum(first * first * square)) / int(mean.shape[0])
