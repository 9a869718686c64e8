"""Mini-batches of a data set, dense or sparse, on the host or on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Array, Backend, Counts, DType


@dataclass
class Batch:
    """Rows of the data: dense, or those of a sparse data set."""

    dense: Array | None
    counts: Counts | None = None
    #: which rows of the data set they are (host integers), where that is known
    index: np.ndarray | None = None

    @property
    def csr(self) -> Any:
        """The rows of a sparse data set as a CSR array."""
        return None if self.counts is None else self.counts.csr

    @property
    def rows(self) -> Any:
        """The rows themselves: a dense array, or counts that are sparse."""
        return self.counts if self.dense is None else self.dense

    @property
    def n_rows(self) -> int:
        return int(self.rows.shape[0])


class Rows:
    """Rows of a data set by index, in the dtype of training.

    Sparse rows stay sparse on the NumPy backend; other backends get one batch at a time made
    dense. Dense data that the device has room for is moved there once, larger data batch by batch.

    Parameters
    ----------
    backend : Backend
    X : ndarray, CSR matrix or array, or array of the backend, of shape (n_rows, n_features)
    dtype : dtype
    """

    def __init__(self, backend: Backend, X: Any, dtype: DType) -> None:
        self.backend = backend
        self.dtype = dtype
        self.n_rows = int(X.shape[0])
        self.is_sparse = sp.issparse(X)
        self.keep_sparse = self.is_sparse and backend.name == "numpy"
        if not self.is_sparse and not backend.owns(X) and backend.fits(X.nbytes):
            X = backend.asarray(X)
        self.on_device = not self.is_sparse and (backend.name == "numpy" or backend.owns(X))
        self.X = X

    def batch(self, index: np.ndarray, out: Array | None = None) -> Batch:
        """Rows ``index``; dense ones are written to ``out`` where that is given."""
        backend = self.backend
        if self.keep_sparse:
            counts = Counts.of(self.X).rows(index)
            counts.data = counts.data.astype(self.dtype, copy=False)
            return Batch(None, counts, index)
        if self.on_device:
            rows = backend.take_rows(self.X, index, out)
            return Batch(backend.asarray(rows, self.dtype), index=index)
        rows = self.X[index]
        rows = rows.toarray() if self.is_sparse else rows
        dense = backend.store(backend.asarray(rows.astype(self.dtype, copy=False)), out)
        return Batch(dense, index=index)

    def dense(self, index: np.ndarray) -> Array:
        """Rows ``index`` as a dense array on the device."""
        found = self.batch(index)
        if found.dense is not None:
            return found.dense
        return self.backend.asarray(found.csr.toarray())

    def part(self, start: int, stop: int) -> Array:
        """Rows from ``start`` to ``stop`` as a dense array on the device, a view if possible."""
        if self.on_device:
            return self.backend.asarray(self.X[start:stop, :], self.dtype)
        return self.dense(np.arange(start, stop))
