"""Rows of both phases of every layer of a deep Boltzmann machine, and gradients made from them.

Rows of the data, rows of the model and rows of outer products lie one below the other in one
buffer a layer, so that the gradient of a layer's weights is one product (see
:mod:`skdeepbm.training.contrast`). A layer in the middle is the left factor of one product and the
right factor of another: the right one is scaled in place, after it has served on the left.
"""

from __future__ import annotations

from typing import NamedTuple

from skdeepbm.backends import Array, Backend, DType


class View(NamedTuple):
    """Rows of one layer that one batch uses."""

    data: Array
    model: Array
    outer: Array
    stacked: Array


class LayerRows:
    """Buffers for both phases of a batch.

    Parameters
    ----------
    backend : Backend
    sizes : list of int
        Units in every layer.
    n_outer : int
        Number of outer products that are added to each gradient.
    dtype : dtype

    Attributes
    ----------
    slices : list of slice
        Places of the layers in a vector over all units.
    data_means, differences : arrays of shape (n_units,)
        Means of the positive phase; the same minus those of the negative phase. All layers.
    data_mean, difference : lists of arrays of shape (n_l,)
        The same layer by layer (views).
    """

    def __init__(self, backend: Backend, sizes: list[int], n_outer: int, dtype: DType) -> None:
        self.backend, self.sizes, self.n_outer, self.dtype = backend, sizes, n_outer, dtype
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        self.slices = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self._views: dict[tuple[int, int], list[View]] = {}
        self._room = 0
        self._gradients = [
            backend.empty((below, above), dtype)
            for below, above in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self.data_means = backend.zeros((sum(sizes),), dtype)
        self.differences = backend.zeros((sum(sizes),), dtype)
        self.data_mean = self.split(self.data_means)
        self.difference = self.split(self.differences)

    def split(self, vector: Array) -> list[Array]:
        """Parts of a vector over all units that belong to each layer."""
        return [vector[i] for i in self.slices]

    def views(self, n: int, m: int) -> list[View]:
        """For every layer, room for ``n`` rows of data and ``m`` rows of the model."""
        n_rows = n + m + self.n_outer
        if n_rows > self._room:
            self._room = n_rows
            self._views.clear()
            self._buffers = [self.backend.empty((n_rows, size), self.dtype) for size in self.sizes]
        if (n, m) not in self._views:
            self._views[n, m] = [
                View(x[:n, :], x[n : n + m, :], x[n + m : n_rows, :], x[:n_rows, :])
                for x in self._buffers
            ]
        return self._views[n, m]

    def scale(self, index: int, below: View, above: View, gain: float) -> None:
        """Find the means of layers ``index`` and ``index + 1``, and scale rows of the latter.

        Data rows are multiplied by ``gain`` over their number, model rows by minus that of theirs.
        """
        pair = slice(index, index + 2)
        self.backend.phase_statistics(
            below.data,
            above.data,
            below.model,
            above.model,
            gain,
            (self.data_mean[pair][0], self.data_mean[pair][1]),
            (self.difference[pair][0], self.difference[pair][1]),
        )

    def gradient(self, index: int, below: View, above: View) -> Array:
        """``gain`` times the gradient of the weights between layers ``index`` and ``index + 1``.

        Once rows are scaled and outer rows are written; overwritten by the next batch.
        """
        out = self._gradients[index]
        return self.backend.matmul(below.stacked.T, above.stacked, out=out)
