"""Counts of categories in rows on the host, as sparse as they were drawn."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp


class Counts:
    """The arrays of a CSR array without its checks, which take longer than a small product.

    Parameters
    ----------
    data, indices, indptr : ndarrays
        As of a CSR array; a column may occur several times in a row.
    shape : tuple of int
    """

    def __init__(
        self, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.data, self.indices, self.indptr, self.shape = data, indices, indptr, shape

    @classmethod
    def of(cls, counts: Any) -> Counts:
        """Counts from a CSR array or matrix, or as they are."""
        if isinstance(counts, Counts):
            return counts
        return cls(counts.data, counts.indices, counts.indptr, counts.shape)

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @cached_property
    def csr(self) -> Any:
        """The same as a CSR array."""
        return sp.csr_array((self.data, self.indices, self.indptr), shape=self.shape)

    def sums(self) -> np.ndarray:
        """Sum of each row."""
        each = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        return np.bincount(each, weights=self.data, minlength=self.shape[0])

    def rows(self, index: np.ndarray) -> Counts:
        """Rows ``index``."""
        lengths = np.diff(self.indptr)[index]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        place = np.arange(ends[-1]) + np.repeat(self.indptr[index] - ends[:-1], lengths)
        shape = (index.size, self.shape[1])
        return Counts(self.data[place], self.indices[place], ends, shape)
