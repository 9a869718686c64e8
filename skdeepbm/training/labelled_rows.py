"""Rows of features with a label beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend, Counts, DType
from skdeepbm.training.batches import Batch, Rows


def joint_csr(csr: Any, codes: np.ndarray, n_classes: int) -> Counts:
    """CSR rows of features with one-hot labels on their right; a code below 0 is no label."""
    csr = Counts.of(csr)
    n_rows, n_features = csr.shape
    known = codes >= 0
    ends = np.asarray(csr.indptr, dtype=np.int64) + np.concatenate([[0], np.cumsum(known)])
    is_label = np.zeros(ends[-1], dtype=bool)
    is_label[ends[1:][known] - 1] = True
    data = np.ones(ends[-1], csr.data.dtype)
    columns = np.empty(ends[-1], np.int64)
    data[~is_label], columns[~is_label] = csr.data, csr.indices
    columns[is_label] = n_features + codes[known]
    return Counts(data, columns, ends, (n_rows, n_features + n_classes))


class LabelledRows(Rows):
    """Rows ``[x | one-hot y]`` of a data set, put together a batch at a time.

    Parameters
    ----------
    backend, X, dtype
        As of :class:`Rows`; ``X`` has the features alone.
    codes : ndarray of int of shape (n,)
        Class of each of the rows ``index``; -1 for none, whose label columns are zero.
    n_classes : int
    index : ndarray of int of shape (n,) or None, default=None
        Rows of ``X`` in this order, some more than once perhaps; None for all as they are.
    """

    def __init__(
        self,
        backend: Backend,
        X: Any,
        dtype: DType,
        codes: np.ndarray,
        n_classes: int,
        index: np.ndarray | None = None,
    ) -> None:
        super().__init__(backend, X, dtype)
        self.codes, self.index, self.n_classes = codes, index, n_classes
        self.n_rows = int(codes.size)

    def batch(self, index: np.ndarray, out: Array | None = None) -> Batch:
        codes = self.codes[index]
        if self.keep_sparse:
            rows = self.features(index)
            assert rows.counts is not None
            return Batch(None, joint_csr(rows.counts, codes, self.n_classes))
        x = self.features(index).dense
        assert x is not None
        hot = np.zeros((codes.size, self.n_classes))
        hot[np.flatnonzero(codes >= 0), codes[codes >= 0]] = 1
        y = self.backend.asarray(hot, self.dtype)
        if out is None:
            return Batch(self.backend.xp.concat([x, y], axis=1))
        n_features = out.shape[1] - self.n_classes
        out[:, :n_features] = x
        out[:, n_features:] = y
        return Batch(out)

    def features(self, index: np.ndarray) -> Batch:
        """Features alone of rows ``index``."""
        return super().batch(index if self.index is None else self.index[index])

    def part(self, start: int, stop: int) -> Array:
        return self.dense(np.arange(start, stop))
