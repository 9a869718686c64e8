"""Feed-forward networks: layers of units that pass their expected values on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skdeepbm.backends import Array, Backend, Counts
from skdeepbm.models.units import Units


@dataclass
class Layer:
    """Weights from one layer of units to the next, and the units they lead to.

    Parameters
    ----------
    weights : array of shape (n_inputs, n_units)
    units : Units
        With their biases.
    replicated : bool, default=False
        Whether the inputs are counts of a document and the bias counts once for every word, as in a
        replicated softmax.
    """

    weights: Array
    units: Units
    replicated: bool = False

    @property
    def backend(self) -> Backend:
        return self.units.backend

    def input(self, x: Any, out: Array | None = None) -> Array:
        """Input of the units, one bias not included; shape (n_rows, n_units).

        ``x`` may be sparse (:class:`skdeepbm.backends.Counts`).
        """
        product = self.backend.counts_matmul if isinstance(x, Counts) else self.backend.matmul
        a = product(x, self.weights, out=out)
        if self.replicated:
            a += self.extra_words(x) * self.units.bias
        return a

    def extra_words(self, x: Any) -> Array:
        """Words of each document but one, a column: the bias of one is added by the units."""
        return self.backend.xp.expand_dims(self.n_words(x), axis=1) - 1.0

    def n_words(self, x: Any) -> Array:
        """Words of each document; shape (n_rows,)."""
        return self.backend.asarray(self.backend.row_sums(x), self.weights.dtype)

    def mean(self, x: Any, out: Array | None = None) -> Array:
        """Expected values of the units given those of the layer below."""
        a = self.input(x, out=out)
        return self.units.mean(a, out=a)

    def upside_down(self, units: Units) -> Layer:
        """The layer from these units down to ``units``, with the transposed weights (a view)."""
        return Layer(self.weights.T, units)


@dataclass
class Network:
    """Layers one after the other."""

    layers: list[Layer]

    @property
    def backend(self) -> Backend:
        return self.layers[0].backend

    def hidden(self, x: Any) -> Any:
        """Expected values of the layer below the last one; the inputs if there is none."""
        for layer in self.layers[:-1]:
            x = layer.mean(x)
        return x

    def log_probabilities(self, x: Any) -> Array:
        """Log-probabilities of classes, where the last layer is one softmax group.

        Shape (n_rows, n_classes), in nats.
        """
        output = self.layers[-1]
        a = output.input(self.hidden(x)) + output.units.bias
        return a - self.backend.xp.expand_dims(self.backend.logsumexp(a, axis=1), axis=1)

    def means(self, x: Any) -> list[Array]:
        """Expected values of every layer given inputs, from the first to the last."""
        found = []
        for layer in self.layers:
            x = layer.mean(x)
            found.append(x)
        return found
