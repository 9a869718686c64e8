"""The gradient of the log-likelihood from a positive and a negative phase.

The weights' gradient ``<v h>_data - <v h>_model`` is one matrix product of stacked rows,
``[v0; v1]^T [h0 / n; -h1 / m]``: each phase is averaged over its own number of rows. Centring
(Montavon & Muller 2012; Melchior, Fischer & Wiskott 2016) with offsets mu and lambda,

    ``dW = <(v - mu)(h - lambda)^T>_data - <.>_model = G - dv lambda^T - mu dh^T``,

where ``G`` is the plain gradient, ``dv = <v>_data - <v>_model`` and ``dh`` likewise, and the
gradient of the sparsity penalty are outer products of vectors: they ride along as extra rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skdeepbm.backends import Array, Backend, DType
from skdeepbm.training.batches import Batch


class View(NamedTuple):
    """Rows of the stacked buffers that one batch uses."""

    v0: Array
    h0: Array
    v1: Array
    h1: Array
    outer_v: Array
    outer_h: Array
    stacked_v_t: Array
    stacked_h: Array
    drawn: Array


class Contrast:
    """Buffers for both phases of a batch, and the gradient made from them.

    Parameters
    ----------
    backend : Backend
    n_visible, n_hidden : int
    n_outer : int
        Number of outer products that are added to the gradient.
    dtype : dtype
    dense : bool
        Whether batches come dense; sparse ones need no room for visible rows.

    Attributes
    ----------
    data_mean, difference : tuple of arrays of shape (n_visible,), (n_hidden,)
        Means of the positive phase; the same minus those of the negative phase. Views of
        ``data_means`` and ``differences``, of shape (n_visible + n_hidden,).
    """

    def __init__(
        self,
        backend: Backend,
        n_visible: int,
        n_hidden: int,
        n_outer: int,
        dtype: DType,
        dense: bool,
    ) -> None:
        self.backend, self.dtype, self.dense, self.n_outer = backend, dtype, dense, n_outer
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self._views: dict[tuple[int, int], View] = {}
        self._room = (0, 0)
        self.gradient = backend.empty((n_visible, n_hidden), dtype)
        self.data_means = backend.empty((n_visible + n_hidden,), dtype)
        self.differences = backend.empty((n_visible + n_hidden,), dtype)
        self.data_mean = self.split(self.data_means)
        self.difference = self.split(self.differences)

    def split(self, vector: Array) -> tuple[Array, Array]:
        """Visible and hidden part of a vector over both layers."""
        return vector[: self.n_visible], vector[self.n_visible :]

    def view(self, n: int, m: int) -> View:
        """Buffers for ``n`` data rows and ``m`` model rows."""
        found = self._views.get((n, m))
        if found is None:
            self._make_room(n, m)
            n_v = n if self.dense else 0
            end_v, end_h = n_v + m, n + m
            V, H, outer = self._visible, self._hidden, self.n_outer
            found = self._views[n, m] = View(
                v0=V[:n_v, :],
                h0=H[:n, :],
                v1=V[n_v:end_v, :],
                h1=H[n:end_h, :],
                outer_v=V[end_v : end_v + outer, :],
                outer_h=H[end_h : end_h + outer, :],
                stacked_v_t=V[: end_v + outer, :].T,
                stacked_h=H[n - n_v : end_h + outer, :],
                drawn=self._drawn[:n, :],
            )
        return found

    def _make_room(self, n: int, m: int) -> None:
        if n <= self._room[0] and m <= self._room[1]:
            return
        n, m = max(n, self._room[0]), max(m, self._room[1])
        self._views.clear()
        self._room = (n, m)
        rows_v = (n if self.dense else 0) + m + self.n_outer
        self._visible = self.backend.empty((rows_v, self.n_visible), self.dtype)
        self._hidden = self.backend.empty((n + m + self.n_outer, self.n_hidden), self.dtype)
        self._drawn = self.backend.empty((n, self.n_hidden), self.dtype)

    def weights_gradient(self, batch: Batch, view: View) -> Array:
        """Gradient of the weights, from rows that are scaled and outer rows that are written."""
        gradient = self.backend.matmul(view.stacked_v_t, view.stacked_h, out=self.gradient)
        if batch.csr is not None:
            # only columns with an entry in this batch have a positive part
            columns, inverse = np.unique(batch.csr.indices, return_inverse=True)
            block = type(batch.csr)(
                (batch.csr.data, inverse, batch.csr.indptr), shape=(batch.n_rows, columns.size)
            )
            gradient[columns] += block.T @ view.h0
        return gradient
