"""What the two phases of up-down training work in, and the label units of its chains."""

from __future__ import annotations

import numpy as np

from skdeepbm.backends import Array, Backend, DType, Stream
from skdeepbm.models.units import SoftmaxUnits


class ExpectedLabels(SoftmaxUnits):
    """Label units that give a chain their probabilities in place of draws."""

    def sample(
        self, a: Array, stream: Stream, mean: Array | None = None, out: Array | None = None
    ) -> Array:
        return self.backend.store(self.mean(a, out=mean), out)


class Phase:
    """Buffers for the states of all layers, and for errors of the predictions of some of them.

    Parameters
    ----------
    backend : Backend
    sizes : list of int
        Of all layers, from the data to the penultimate one.
    predicted : slice
        Layers that are predicted.
    dtype : dtype

    Attributes
    ----------
    total : list of arrays of shape ()
        Sums of the squared errors of each predicted layer.
    n_rows : int
        Rows that are in the sums.
    """

    def __init__(self, backend: Backend, sizes: list[int], predicted: slice, dtype: DType) -> None:
        self.backend, self.sizes, self.predicted, self.dtype = backend, sizes, predicted, dtype
        self._room = 0
        self.forget()

    def forget(self) -> None:
        """Begin new sums."""
        zero = self.backend.zeros((), self.dtype)
        self.total = [zero for _ in self.sizes[self.predicted]]
        self.n_rows = 0

    def rows(self, n: int) -> tuple[list[Array], list[Array]]:
        """Room for ``n`` rows: states of all layers, errors of the predicted ones."""
        if n > self._room:
            self._room = n
            self._states = [self.backend.empty((n, size), self.dtype) for size in self.sizes]
            predicted = self.sizes[self.predicted]
            self._errors = [self.backend.empty((n, size), self.dtype) for size in predicted]
        return [x[:n, :] for x in self._states], [x[:n, :] for x in self._errors]

    def mean_errors(self) -> np.ndarray:
        """Mean squared error of each predicted layer over what was summed; NaN for nothing."""
        if not self.n_rows:
            return np.full(len(self.total), np.nan)
        sums = np.array([float(total) for total in self.total])
        return sums / (self.n_rows * np.array(self.sizes[self.predicted], dtype=np.float64))
