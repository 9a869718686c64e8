"""Rows with further values beside them, from every kind of container."""

import numpy as np
import pytest
from scipy import sparse

from skdeepbm.training.augmented_rows import AugmentedRows


@pytest.mark.parametrize("container", ["dense", "csr", "device"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches(backend, rng, container, dtype):
    x, further = rng.random((9, 4)) * (rng.random((9, 4)) < 0.6), rng.random((9, 3))
    forms = {"dense": np.asarray, "csr": sparse.csr_array, "device": backend.asarray}
    values = backend.asarray(further) if container == "device" else further
    rows = AugmentedRows(backend, forms[container](x), values, np.dtype(dtype))
    expected = np.concatenate([x, further], axis=1).astype(dtype)
    assert not rows.keep_sparse
    for index in ([3, 0, 7], [8], [2, 2, 1, 0]):
        batch = rows.batch(np.array(index))
        np.testing.assert_array_equal(backend.to_host(batch.dense), expected[index])
        np.testing.assert_array_equal(batch.index, index)
        assert str(batch.dense.dtype).endswith(np.dtype(dtype).name)
        room = backend.zeros((len(index), 7), np.dtype(dtype))
        found = rows.batch(np.array(index), room)
        assert found.dense is room
        np.testing.assert_array_equal(backend.to_host(room), expected[index])
    np.testing.assert_array_equal(backend.to_host(rows.part(2, 5)), expected[2:5])
    np.testing.assert_array_equal(backend.to_host(rows.dense(np.array([1, 6]))), expected[[1, 6]])
