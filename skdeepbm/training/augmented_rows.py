"""Rows of features with further values beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend, DType
from skdeepbm.training.batches import Batch, Rows


class AugmentedRows(Rows):
    """Rows ``[x | further values]`` of a data set, put together a batch at a time.

    Batches are dense, also those of sparse features: the other values are.

    Parameters
    ----------
    backend, X, dtype
        As of :class:`Rows`; ``X`` has the features alone.
    further : ndarray or array of the backend, of shape (n_rows, n_further)
    """

    def __init__(self, backend: Backend, X: Any, further: Any, dtype: DType) -> None:
        super().__init__(backend, X, dtype)
        self.keep_sparse = False
        self.further = Rows(backend, further, dtype)

    def batch(self, index: np.ndarray, out: Array | None = None) -> Batch:
        x, further = super().batch(index).dense, self.further.dense(index)
        assert x is not None
        if out is None:
            return Batch(self.backend.xp.concat([x, further], axis=1), index=index)
        out[:, : x.shape[1]] = x
        out[:, x.shape[1] :] = further
        return Batch(out, index=index)

    def part(self, start: int, stop: int) -> Array:
        return self.dense(np.arange(start, stop))
