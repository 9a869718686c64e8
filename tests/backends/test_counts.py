"""Counts of categories: how they are drawn, and what is computed from them."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import special

from skdeepbm.backends import Counts

WIDTHS = [1, 2, 16, 37, 100]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def _stream(backend, seed=4):
    return backend.stream(np.random.SeedSequence(seed))


def _probabilities(rng, n_rows, width, dtype=np.float64):
    """Rows of different sums, in which the first, the last and some other categories are missing.

    Of 100 categories, sixteen that are summed together are all missing.
    """
    p = rng.uniform(0.1, 1.0, (n_rows, width)) * np.geomspace(1e-3, 1e3, n_rows)[:, None]
    if width > 2:
        p[:, [0, -1]] = 0.0
    if width > 16:
        p[:, [15, 16, 31]] = 0.0
    if width > 64:
        p[:, 32:64] = 0.0
    return p.astype(dtype)


# -- draws ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_draws_are_as_many_as_asked(backend, ref, rng, dtype, width):
    n_draws = np.array([3, 0, 1, 250, 0, 17])
    p = _probabilities(rng, 6, width, dtype)
    array = backend.asarray(p.copy())
    drawn = backend.multinomial(n_draws, array, _stream(backend))
    v = ref.host_counts(backend, drawn)
    assert v.shape == (6, width)
    assert v.dtype == dtype
    np.testing.assert_array_equal(v.sum(axis=1), n_draws)
    np.testing.assert_array_equal(v, np.maximum(np.round(v), 0))
    assert not v[p == 0].any()
    np.testing.assert_array_equal(backend.to_host(array), p)


def test_no_draws_at_all(backend, ref, rng, dtype):
    p = backend.asarray(_probabilities(rng, 3, 5, dtype))
    v = backend.multinomial(np.zeros(3, dtype=np.int64), p, _stream(backend))
    np.testing.assert_array_equal(ref.host_counts(backend, v), np.zeros((3, 5)))


def test_least_uniform_number(backend, ref, monkeypatch):
    """Even that does not draw a category of probability zero."""
    if getattr(backend, "compiled", False):
        pytest.skip("the kernel fetches its numbers itself")
    p = backend.asarray(np.array([[0.0, 0.25, 0.75, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    monkeypatch.setattr(
        backend, "uniform", lambda shape, stream, dtype: backend.zeros(shape, dtype)
    )
    v = backend.multinomial(np.array([2, 3]), p, _stream(backend))
    np.testing.assert_array_equal(ref.host_counts(backend, v), [[0, 2, 0, 0], [0, 0, 3, 0]])


@pytest.mark.parametrize("width", [5, 16, 40])
def test_largest_uniform_number(backend, ref, monkeypatch, dtype, width):
    """Nor does that: the last category with a probability, wherever sums were rounded."""
    if getattr(backend, "compiled", False):
        pytest.skip("the kernel fetches its numbers itself")
    p = np.zeros((3, width), dtype)
    p[:, : width - 2] = np.random.default_rng(0).random((3, width - 2))
    monkeypatch.setattr(
        backend,
        "uniform",
        lambda shape, stream, dtype: backend.zeros(shape, dtype) + (1.0 - 2.0**-53),
    )
    v = backend.multinomial(np.array([2, 3, 1]), backend.asarray(p), _stream(backend))
    found = ref.host_counts(backend, v)
    np.testing.assert_array_equal(found[:, width - 3], [2, 3, 1])
    assert found.sum() == 6


def test_moments_of_draws(backend, ref, rng, dtype):
    """Means and covariances of rows with distributions and lengths of their own."""
    lengths, n = [1, 2, 9], 4000
    p = _probabilities(rng, 3, 6)
    repeated = backend.asarray(np.repeat(p, n, axis=0).astype(dtype))
    drawn = backend.multinomial(np.repeat(lengths, n), repeated, _stream(backend))
    rows = np.split(ref.host_counts(backend, drawn).astype(float), 3)
    p /= p.sum(axis=1, keepdims=True)
    for v, n_words, share in zip(rows, lengths, p, strict=True):
        centred = v - n_words * share
        products = centred[:, :, None] * centred[:, None, :]
        covariance = n_words * (np.diag(share) - np.outer(share, share))
        assert ref.within_error(v, n_words * share)
        assert ref.within_error(products.reshape(n, -1), covariance.ravel())


@pytest.mark.parametrize("width", [37, 100])
def test_draws_from_wide_rows(backend, ref, rng, dtype, width):
    p = _probabilities(rng, 2, width)
    repeated = backend.asarray(np.repeat(p, 400, axis=0).astype(dtype))
    drawn = backend.multinomial(np.full(800, 60), repeated, _stream(backend))
    for v, share in zip(np.split(ref.host_counts(backend, drawn), 2), p, strict=True):
        assert not v[:, share == 0].any()
        assert ref.within_error(v, 60 * share / share.sum())


@pytest.mark.parametrize("width", WIDTHS)
def test_backends_draw_the_same(same_stream_backend, plain, ref, rng, dtype, width):
    p, n_draws = _probabilities(rng, 8, width, dtype), rng.integers(0, 90, 8)
    found = []
    for backend in (plain, same_stream_backend):
        stream = _stream(backend)
        drawn = [backend.multinomial(n_draws, backend.asarray(p), stream) for _ in range(3)]
        following = backend.to_host(backend.uniform((3,), stream, np.float64))
        found.append([*(ref.host_counts(backend, v) for v in drawn), following])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert width == 1 or not np.array_equal(found[0][0], found[0][1])


# -- exponentials ---------------------------------------------------------------------------


def _assert_exponentiates(backend, x, bias):
    array = backend.asarray(x.copy())
    with backend.quiet():
        log_sum = backend.to_host(backend.exponentiate(array, backend.asarray(bias)))
    p = backend.to_host(array)
    assert p.dtype == log_sum.dtype == x.dtype
    assert np.isfinite(p).all()
    assert np.all(p >= 0)
    assert np.all(p.max(axis=1) > 0)
    total = x.astype(np.float64) + bias
    expected = special.logsumexp(total, axis=1)
    # sums are rounded before the exponential, hence the absolute size of x
    eps = 4 * np.finfo(x.dtype).eps * (1 + np.abs(x).max() + np.abs(bias).max())
    np.testing.assert_allclose(log_sum, expected, rtol=0, atol=eps)
    share = p.astype(np.float64) / p.sum(axis=1, dtype=np.float64, keepdims=True)
    np.testing.assert_allclose(share, np.exp(total - expected[:, None]), rtol=2 * eps, atol=1e-37)


@pytest.mark.parametrize("width", [1, 3, 16, 37, 700])
def test_exponentiate(backend, rng, dtype, width):
    x, bias = (rng.normal(0, 2, shape).astype(dtype) for shape in ((9, width), width))
    _assert_exponentiates(backend, x, bias)


def test_exponentiate_large_values(backend, rng, dtype):
    x = np.array([[200.0, -200, 0], [-200, -200, -200], [200, 200, 199], [-999, -1000, -9999]])
    for bias in (np.zeros(3), rng.normal(0, 1, 3), np.array([200.0, -200.0, -200.0])):
        _assert_exponentiates(backend, x.astype(dtype), bias.astype(dtype))


# -- products and sums ----------------------------------------------------------------------


@pytest.fixture(params=["dense", "csr", "drawn"])
def counts(request, backend, ref, rng, dtype):
    """Seven rows of counts of five categories, two of them empty, and the same on the host."""
    if request.param == "drawn":
        p = backend.asarray(_probabilities(rng, 7, 5, dtype))
        found = backend.multinomial(np.array([4, 0, 1, 30, 2, 7, 0]), p, _stream(backend))
    else:
        v = ref.some_documents(5, [4, 0, 1, 30, 2, 7, 0])
        found = ref.put_counts(backend, v, request.param, dtype)
    return found, ref.host_counts(backend, found)


def _tolerance(dtype):
    return {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-13, "atol": 1e-13}


def test_sums(backend, counts):
    found, host = counts
    np.testing.assert_array_equal(backend.to_host(backend.row_sums(found)), host.sum(axis=1))
    dense = backend.to_host(backend.dense(found))
    assert dense.dtype == host.dtype
    np.testing.assert_array_equal(dense, host)


@pytest.mark.parametrize("width", [1, 4])
def test_products(backend, rng, dtype, counts, width):
    found, host = counts
    left, right = (rng.normal(size=(n, width)).astype(dtype) for n in host.shape[::-1])
    product = backend.to_host(backend.counts_matmul(found, backend.asarray(left)))
    transposed = backend.to_host(backend.counts_transposed_matmul(found, backend.asarray(right)))
    assert product.dtype == transposed.dtype == dtype
    host = host.astype(np.float64)
    np.testing.assert_allclose(product, host @ left, **_tolerance(dtype))
    np.testing.assert_allclose(transposed, host.T @ right, **_tolerance(dtype))


def test_weighted_counts(backend, rng, dtype, counts):
    found, host = counts
    weights = rng.normal(size=7)
    sums = backend.to_host(backend.weighted_counts(found, weights))
    assert sums.dtype == dtype
    np.testing.assert_allclose(sums, weights @ host.astype(np.float64), **_tolerance(dtype))


@pytest.mark.parametrize("index", [[3, 0, 0, 6], [1], [1, 6], []])
def test_take_counts(backend, ref, rng, dtype, counts, index):
    """Rows in any order, also more than once, empty ones, or none; they serve like the others."""
    found, host = counts
    index = np.array(index, dtype=np.intp)
    taken = backend.take_counts(found, index)
    assert tuple(taken.shape) == (index.size, 5)
    np.testing.assert_array_equal(ref.host_counts(backend, taken), host[index])
    np.testing.assert_array_equal(backend.to_host(backend.row_sums(taken)), host[index].sum(axis=1))
    right = rng.normal(size=(5, 2)).astype(dtype)
    product = backend.to_host(backend.counts_matmul(taken, backend.asarray(right)))
    np.testing.assert_allclose(product, host[index] @ right, **_tolerance(dtype))
    # what they were taken from is as it was
    np.testing.assert_array_equal(ref.host_counts(backend, found), host)


def test_repeated_columns_in_any_order(plain, compiled, ref, rng):
    data = np.array([2.0, 1.0, 4.0, 0.5, 3.0, 1.0])
    rows = Counts(data, np.array([2, 0, 2, 1, 1, 1]), np.array([0, 3, 3, 6]), (3, 4))
    host = np.array([[1.0, 0.0, 6.0, 0.0], [0.0] * 4, [0.0, 4.5, 0.0, 0.0]])
    np.testing.assert_array_equal(rows.csr.toarray(), host)
    np.testing.assert_array_equal(rows.sums(), host.sum(axis=1))
    left, right, weights = rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), rng.normal(size=3)
    for backend in (plain, compiled):
        np.testing.assert_array_equal(backend.dense(rows), host)
        for found, expected in [
            (backend.counts_matmul(rows, left), host @ left),
            (backend.counts_transposed_matmul(rows, right), host.T @ right),
            (backend.weighted_counts(rows, weights), weights @ host),
        ]:
            np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_counts_of_csr(plain, ref, kind):
    """The arrays are shared, not copied."""
    csr = kind(ref.some_documents(5, [3, 0, 8]))
    found = plain.counts(csr)
    assert np.shares_memory(found.data, csr.data)
    assert found.shape == csr.shape
    assert found.dtype == csr.dtype
    assert Counts.of(found) is found
    np.testing.assert_array_equal(found.csr.toarray(), csr.toarray())


# -- Adam -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (4, 3)])
def test_adam_update(backend, rng, dtype, shape):
    parameter, first = (rng.normal(size=shape) for _ in range(2))
    second = rng.uniform(0.1, 1, shape)
    device = [backend.asarray(array.astype(dtype)) for array in (parameter, first, second)]
    for count in (1, 2, 3):
        step = rng.normal(size=shape)
        numbers = ((0.8, 0.95), 0.1, 1 - 0.95**count, 1e-3)
        backend.adam_update(*device, backend.asarray(step.astype(dtype)), *numbers)
        first = 0.8 * first + 0.2 * step
        second = 0.95 * second + 0.05 * step**2
        parameter = parameter + 0.1 * first / (np.sqrt(second / (1 - 0.95**count)) + 1e-3)
    tolerance = {"rtol": 1e-4, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12}
    for found, expected in zip(device, (parameter, first, second), strict=True):
        np.testing.assert_allclose(backend.to_host(found), expected, **tolerance)
