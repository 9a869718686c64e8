"""Rows by index, dense or sparse, in and out of the device's memory."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.training import Rows

INDEX = np.array([5, 0, 0, 6])


@pytest.fixture(params=["fits", "too large"])
def placed(request, backend, monkeypatch):
    """The backend, with and without room for all of the data."""
    monkeypatch.setattr(backend, "fits", lambda n_bytes: request.param == "fits")
    return backend


@pytest.fixture(params=["dense", "csr_matrix", "csr_array", "on device", "fortran"])
def kind(request):
    return request.param


def _put(backend, X, kind):
    return {
        "dense": lambda: X,
        "fortran": lambda: np.asfortranarray(X),
        "csr_matrix": lambda: sp.csr_matrix(X),
        "csr_array": lambda: sp.csr_array(X),
        "on device": lambda: backend.asarray(X),
    }[kind]()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.float32, np.float64])
@pytest.mark.parametrize("with_out", [False, True])
def test_batches(placed, kind, dtype, stored, with_out, rng):
    X = (rng.random((7, 4)) * (rng.random((7, 4)) < 0.6)).astype(stored)
    rows = Rows(placed, _put(placed, X, kind), dtype)
    assert rows.n_rows == 7
    out = placed.zeros((4, 4), dtype) if with_out and not rows.keep_sparse else None
    batch = rows.batch(INDEX, out)
    assert batch.n_rows == 4
    if "csr" in kind and placed.name == "numpy":
        assert batch.dense is None
        assert sp.issparse(batch.csr)
        assert batch.csr.dtype == dtype
        found = batch.csr.toarray()
    else:
        assert batch.csr is None
        found = placed.to_host(batch.dense)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, X[INDEX].astype(dtype))
    if out is not None:
        np.testing.assert_array_equal(placed.to_host(out), X[INDEX].astype(dtype))


def test_dense_and_part(placed, kind, rng):
    X = rng.random((7, 4)) * (rng.random((7, 4)) < 0.6)
    rows = Rows(placed, _put(placed, X, kind), np.float32)
    for found, expected in [(rows.dense(INDEX), X[INDEX]), (rows.part(2, 5), X[2:5])]:
        host = placed.to_host(found)
        assert host.dtype == np.float32
        np.testing.assert_array_equal(host, expected.astype(np.float32))


def test_large_data_stay_on_the_host(rng):
    from skdeepbm.backends import get_backend

    strict = get_backend("array_api_strict")
    small, large = rng.random((10, 10)), rng.random((200, 100))
    assert Rows(strict, small, np.float64).on_device
    rows = Rows(strict, large, np.float64)
    assert not rows.on_device
    assert rows.X is large
    np.testing.assert_array_equal(strict.to_host(rows.part(3, 9)), large[3:9])


def test_batches_do_not_write_to_the_data(backend, ref, make_trainer, hooks, rng):
    """Training and watching leave the caller's array as it was."""
    tiny = ref.make_tiny()
    X = ref.some_rows(tiny.visible, 9)
    kept = X.copy()
    X.flags.writeable = False
    trainer = make_trainer(tiny, backend, batch_size=4, centring=True)
    trainer.run(Rows(backend, X, np.float64), 2, hooks)
    np.testing.assert_array_equal(X, kept)
