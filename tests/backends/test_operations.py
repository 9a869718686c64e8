"""Every operation of the backend interface against NumPy and SciPy."""

import numpy as np
import pytest
from scipy import special

DTYPES = [np.float32, np.float64]


def _tolerance(dtype):
    return {"rtol": 5e-7, "atol": 0} if dtype == np.float32 else {"rtol": 1e-14, "atol": 0}


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def x(rng, dtype):
    found = rng.normal(0, 5, (7, 5)).astype(dtype)
    found[0, :] = [-1000, 1000, 0, -30, 30]
    return found


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("target", ["new", "out", "in place"])
def test_sigmoid(backend, x, rng, dtype, with_bias, target):
    bias = rng.normal(size=5).astype(dtype)
    total = x.astype(np.float64) + bias if with_bias else x.astype(np.float64)
    array = backend.asarray(x.copy())
    out = {"new": None, "out": backend.zeros((7, 5), dtype), "in place": array}[target]
    with backend.quiet():
        found = backend.sigmoid(array, backend.asarray(bias) if with_bias else None, out=out)
    if target == "new":
        np.testing.assert_array_equal(backend.to_host(array), x)
    else:
        np.testing.assert_array_equal(backend.to_host(out), backend.to_host(found))
    host = backend.to_host(found)
    assert host.dtype == dtype
    # sums are rounded before the exponential, hence the absolute size of x
    rtol = 3e-6 if dtype == np.float32 else 1e-14
    # float32 kernels clip the exponent at 87, where the result is below the least normal number
    np.testing.assert_allclose(host, special.expit(total), rtol=rtol, atol=2e-38)
    assert host[0, 1] == 1.0


def test_softplus(backend, x, dtype):
    found = backend.to_host(backend.softplus(backend.asarray(x)))
    assert found.dtype == dtype
    expected = np.logaddexp(0.0, x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=_tolerance(dtype)["rtol"], atol=1e-38)


@pytest.mark.parametrize("axis", [0, 1])
def test_logsumexp(backend, x, dtype, axis):
    x[2, :] = -np.inf
    x[:, 3] = -np.inf
    with backend.quiet():
        found = backend.to_host(backend.logsumexp(backend.asarray(x), axis=axis))
    assert found.dtype == dtype
    expected = special.logsumexp(x.astype(np.float64), axis=axis)
    assert np.isneginf(expected).sum() == 1
    np.testing.assert_allclose(found, expected, rtol=10 * _tolerance(dtype)["rtol"])


@pytest.mark.parametrize("with_out", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_matmul(backend, rng, dtype, with_out, transposed):
    a = rng.normal(size=(6, 4)).astype(dtype)
    b = rng.normal(size=(3, 4) if transposed else (4, 3)).astype(dtype)
    right = backend.asarray(b).T if transposed else backend.asarray(b)
    out = backend.zeros((6, 3), dtype) if with_out else None
    found = backend.matmul(backend.asarray(a), right, out=out)
    expected = a.astype(np.float64) @ (b.T if transposed else b)
    atol = 1e-5 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=0, atol=atol)
    if with_out:
        np.testing.assert_array_equal(backend.to_host(out), backend.to_host(found))


def test_matmul_with_a_vector(backend, rng, dtype):
    a, b = rng.normal(size=(6, 4)).astype(dtype), rng.normal(size=4).astype(dtype)
    found = backend.to_host(backend.matmul(backend.asarray(a), backend.asarray(b)))
    assert found.shape == (6,)
    np.testing.assert_allclose(found, a.astype(np.float64) @ b, atol=1e-5)


def test_take_rows(backend, x, dtype):
    index = np.array([6, 0, 0, 3])
    array = backend.asarray(x)
    np.testing.assert_array_equal(backend.to_host(backend.take_rows(array, index)), x[index])
    out = backend.zeros((4, 5), dtype)
    backend.take_rows(array, index, out)
    np.testing.assert_array_equal(backend.to_host(out), x[index])


def test_store(backend, x, dtype):
    array = backend.asarray(x)
    assert backend.store(array, None) is array
    out = backend.zeros((7, 5), dtype)
    assert backend.store(array, out) is out
    np.testing.assert_array_equal(backend.to_host(out), x)


def test_new_arrays(backend, dtype):
    assert backend.to_host(backend.empty((2, 3), dtype)).dtype == dtype
    assert tuple(backend.empty((2, 3), dtype).shape) == (2, 3)
    np.testing.assert_array_equal(
        backend.to_host(backend.zeros((2, 3), dtype)), np.zeros((2, 3), dtype)
    )


def test_asarray_converts(backend, dtype):
    found = backend.asarray(np.arange(4, dtype=np.int32), dtype)
    assert backend.to_host(found).dtype == dtype
    other = np.float64 if dtype == np.float32 else np.float32
    assert backend.to_host(backend.asarray(found, other)).dtype == other


@pytest.mark.parametrize("n_rows", [(7, 7), (2, 5), (6, 1)])
@pytest.mark.parametrize("sparse", [False, True])
def test_phase_statistics(backend, rng, dtype, n_rows, sparse):
    n, m = n_rows
    v0, v1 = (rng.normal(size=(k, 4)).astype(dtype) for k in n_rows)
    h0, h1 = (rng.normal(size=(k, 3)).astype(dtype) for k in n_rows)
    d0, d1 = backend.asarray(h0.copy()), backend.asarray(h1.copy())
    data_mean = (backend.asarray(v0.mean(axis=0)), backend.zeros((3,), dtype))
    difference = (backend.zeros((4,), dtype), backend.zeros((3,), dtype))
    if not sparse:
        data_mean[0][...] = -9.0
    backend.phase_statistics(
        None if sparse else backend.asarray(v0),
        d0,
        backend.asarray(v1),
        d1,
        0.3,
        data_mean,
        difference,
    )
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-13}
    for found, expected in [
        (data_mean[0], v0.mean(axis=0)),
        (data_mean[1], h0.mean(axis=0)),
        (difference[0], v0.mean(axis=0) - v1.mean(axis=0)),
        (difference[1], h0.mean(axis=0) - h1.mean(axis=0)),
        (d0, 0.3 / n * h0),
        (d1, -0.3 / m * h1),
    ]:
        np.testing.assert_allclose(backend.to_host(found), expected, **tolerance)


def test_outer_rows(backend, rng, dtype):
    dv, mu = (rng.normal(size=4).astype(dtype) for _ in range(2))
    dh, lam = (rng.normal(size=3).astype(dtype) for _ in range(2))
    rows_v, rows_h = backend.zeros((3, 4), dtype), backend.zeros((3, 3), dtype)
    put = backend.asarray
    backend.outer_rows((put(dv), put(dh)), (put(mu), put(lam)), 0.5, rows_v, rows_h)
    product = backend.to_host(rows_v).T.astype(float) @ backend.to_host(rows_h)
    expected = -0.5 * (np.outer(dv, lam) + np.outer(mu, dh))
    np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6)
    # a third row is left for others
    assert not backend.to_host(rows_v)[2].any()
    assert not backend.to_host(rows_h)[2].any()


def test_follow(backend, rng, dtype):
    x, target = rng.normal(size=6).astype(dtype), rng.normal(size=6).astype(dtype)
    moving = backend.asarray(x.copy())
    backend.follow(moving, backend.asarray(target), 0.25)
    np.testing.assert_allclose(
        backend.to_host(moving), 0.75 * x + 0.25 * target, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("shape", [(5,), (4, 3)])
def test_momentum_update(backend, rng, dtype, nesterov, decay, shape):
    parameter, velocity = (rng.normal(size=shape) for _ in range(2))
    device = [backend.asarray(array.astype(dtype)) for array in (parameter, velocity)]
    for _ in range(3):
        step = rng.normal(size=shape)
        backend.momentum_update(*device, backend.asarray(step.astype(dtype)), 0.9, decay, nesterov)
        gradient = step - decay * parameter
        velocity = 0.9 * velocity + gradient
        parameter = parameter + (0.9 * velocity + gradient if nesterov else velocity)
    tolerance = {"rtol": 1e-4, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-13}
    np.testing.assert_allclose(backend.to_host(device[0]), parameter, **tolerance)
    np.testing.assert_allclose(backend.to_host(device[1]), velocity, **tolerance)


def test_sigmoid_gradient(backend, rng, dtype):
    y, gradient = rng.uniform(size=(7, 5)).astype(dtype), rng.normal(size=(7, 5)).astype(dtype)
    array = backend.asarray(gradient.copy())
    found = backend.sigmoid_gradient(backend.asarray(y), array)
    host = backend.to_host(found)
    assert host.dtype == dtype
    expected = gradient.astype(float) * y * (1.0 - y.astype(float))
    np.testing.assert_allclose(host, expected, rtol=1e-5 if dtype == np.float32 else 1e-13)
    np.testing.assert_array_equal(backend.to_host(array), host)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_many_parameters(backend, rng, dtype, nesterov):
    """More of them than are worked on at a time."""
    p, d, s = (rng.normal(size=(300, 250)).astype(dtype) for _ in range(3))
    arrays = [backend.asarray(x.copy()) for x in (p, d, s)]
    backend.momentum_update(*arrays, 0.9, 0.1, nesterov)
    s = s - 0.1 * p.astype(float)
    d = 0.9 * d.astype(float) + s
    p = p + (0.9 * d + s if nesterov else d)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(backend.to_host(arrays[0]), p, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(backend.to_host(arrays[1]), d, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 64, 65, 500])
def test_shifted_softplus_and_sigmoids(backend, dtype, width):
    rng = np.random.default_rng(width)
    x, shifts = rng.normal(0, 4, (6, width)), rng.normal(0, 3, (3, width))
    # far out: both ends, and opposite ones that cancel
    x[0], x[1, 0], shifts[0, 0], x[2, 0], shifts[1, 0] = 300.0, -300.0, 40.0, 40.0, -40.0
    x, shifts = x.astype(dtype), shifts.astype(dtype)
    weights = rng.normal(size=(6, 3)).astype(dtype)
    weights[3, 1] = 0.0
    sums = x.astype(np.float64)[:, None, :] + shifts
    tolerance = {"rtol": 3e-6, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12}
    found = backend.to_host(backend.shifted_softplus(backend.asarray(x), backend.asarray(shifts)))
    np.testing.assert_allclose(found, np.logaddexp(0, sums).sum(axis=2), **tolerance)
    s = weights.astype(np.float64)[:, :, None] * special.expit(sums)
    put = (backend.asarray(array) for array in (x, shifts, weights))
    over_shifts, over_rows = map(backend.to_host, backend.shifted_sigmoids(*put))
    assert over_shifts.dtype == over_rows.dtype == dtype
    tolerance = {"rtol": 1e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-10}
    np.testing.assert_allclose(over_shifts, s.sum(axis=1), **tolerance)
    np.testing.assert_allclose(over_rows, s.sum(axis=0), **tolerance)
