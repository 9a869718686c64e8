"""Random draws: their distributions, and the streams they come from."""

import numpy as np
import pytest
from scipy import special

DTYPES = [np.float32, np.float64]
N = 20_000


def _stream(backend, seed=3):
    return backend.stream(np.random.SeedSequence(seed))


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def _rows(backend, p, dtype, n=N):
    return backend.asarray(np.tile(np.asarray(p, dtype=dtype), (n, 1)))


def test_uniform_moments_and_range(backend, ref, dtype):
    u = backend.to_host(backend.uniform((N, 3), _stream(backend), dtype))
    assert u.dtype == dtype
    assert u.min() >= 0
    assert u.max() < 1
    assert ref.within_error(u, 1 / 2)
    assert ref.within_error(u.astype(float) ** 2, 1 / 3)
    assert ref.within_error(u[:, :1] * u[:, 1:], 1 / 4)


def test_normal_moments(backend, ref, dtype):
    g = backend.to_host(backend.normal((N, 3), _stream(backend), dtype))
    assert g.dtype == dtype
    for power, moment in [(1, 0), (2, 1), (3, 0), (4, 3)]:
        assert ref.within_error(g.astype(float) ** power, moment)
    assert ref.within_error(g[:, :1] * g[:, 1:], 0)


def test_bernoulli(backend, ref, dtype):
    p = [0.0, 0.03, 0.5, 0.9, 1.0]
    drawn = backend.bernoulli(_rows(backend, p, dtype), _stream(backend))
    host = backend.to_host(drawn)
    assert host.dtype == dtype
    assert set(np.unique(host)) == {0.0, 1.0}
    assert ref.within_error(host, np.array(p))
    assert not host[:, 0].any()
    assert host[:, 4].all()
    assert ref.within_error(host[:, 2] * host[:, 3], 0.45)


def test_bernoulli_into_a_buffer(backend, dtype):
    p = _rows(backend, [0.2, 0.7, 0.4], dtype, 11)
    expected = backend.to_host(backend.bernoulli(p, _stream(backend))).copy()
    out = backend.zeros((11, 3), dtype)
    assert backend.bernoulli(p, _stream(backend), out=out) is out
    np.testing.assert_array_equal(backend.to_host(out), expected)


@pytest.mark.parametrize("mean_is", ["absent", "new", "x"])
@pytest.mark.parametrize("out_is", ["absent", "new", "x"])
def test_sigmoid_sample(backend, ref, dtype, mean_is, out_is):
    if mean_is == out_is == "x":
        pytest.skip("one buffer cannot receive both")
    x, bias = np.array([-2.0, 0.3, 800.0, -800.0]), np.array([1.0, -0.5, 0.0, 0.0])
    array = _rows(backend, x, dtype)
    buffers = {"absent": None, "new": backend.zeros((N, 4), dtype), "x": array}
    mean = buffers[mean_is]
    out = {**buffers, "new": backend.zeros((N, 4), dtype)}[out_is]
    with backend.quiet():
        drawn = backend.sigmoid_sample(
            array, backend.asarray(bias.astype(dtype)), _stream(backend), mean=mean, out=out
        )
    host, p = backend.to_host(drawn), special.expit(x + bias)
    assert host.dtype == dtype
    assert set(np.unique(host)) == {0.0, 1.0}
    assert ref.within_error(host, p)
    if mean is not None:
        np.testing.assert_allclose(backend.to_host(mean), np.tile(p, (N, 1)), rtol=2e-6, atol=2e-38)
    if out is not None:
        np.testing.assert_array_equal(backend.to_host(out), host)


def test_sigmoid_sample_compares_the_same_uniforms(backend, dtype, rng):
    x = rng.normal(size=(13, 7)).astype(dtype)
    bias = rng.normal(size=7).astype(dtype)
    stream, twin = _stream(backend), _stream(backend)
    drawn = backend.sigmoid_sample(backend.asarray(x), backend.asarray(bias), stream)
    u = backend.to_host(backend.uniform((13, 7), twin, dtype))
    expected = u < special.expit(x.astype(np.float64) + bias)
    np.testing.assert_array_equal(backend.to_host(drawn), expected)
    assert stream.state["bit_generator"] == backend.bit_generator


def test_categorical(backend, ref, dtype):
    p = np.array([0.1, 0.0, 0.6, 0.05, 0.25])
    # rows need not sum to one
    drawn = backend.to_host(backend.categorical(_rows(backend, 3 * p, dtype), _stream(backend)))
    assert drawn.dtype == dtype
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn.sum(axis=1), 1)
    assert ref.within_error(drawn, p)
    assert not drawn[:, 1].any()


def test_categorical_differs_from_row_to_row(backend, dtype):
    p = np.eye(4, dtype=dtype)[[2, 0, 3, 1]]
    out = backend.zeros((4, 4), dtype)
    drawn = backend.categorical(backend.asarray(p), _stream(backend), out=out)
    np.testing.assert_array_equal(backend.to_host(drawn), p)
    np.testing.assert_array_equal(backend.to_host(out), p)


def test_multinomial_sums_exactly(backend, dtype, rng):
    n_draws = np.array([0, 1, 17, 1000, 0, 3])
    p = rng.random((6, 9)).astype(dtype)
    p[2, 3:] = 0
    counts = backend.to_host(
        backend.dense(backend.multinomial(n_draws, backend.asarray(p), _stream(backend)))
    )
    assert counts.dtype == dtype
    np.testing.assert_array_equal(counts.sum(axis=1), n_draws)
    np.testing.assert_array_equal(counts, np.round(counts))
    assert counts.min() >= 0
    assert not counts[2, 3:].any()


def test_multinomial_moments(backend, ref, dtype):
    p, n = np.array([0.5, 0.0, 0.2, 0.3]), 6
    rows = _rows(backend, 2 * p, dtype, 800)
    counts = backend.to_host(
        backend.dense(backend.multinomial(np.full(800, n), rows, _stream(backend)))
    )
    assert ref.within_error(counts, n * p)
    assert ref.within_error((counts - n * p) ** 2, n * p * (1 - p))
    # two categories of one draw exclude each other
    product = (counts[:, 0] - n * p[0]) * (counts[:, 2] - n * p[2])
    assert ref.within_error(product, -n * p[0] * p[2])


def _some_draws(backend, stream, dtype):
    p = backend.asarray(np.full((3, 5), 0.4, dtype=dtype))
    found = [
        backend.uniform((3,), stream, dtype),
        backend.normal((2, 5), stream, dtype),
        backend.bernoulli(p, stream),
        backend.sigmoid_sample(p, p[0, :], stream),
        backend.categorical(p, stream),
        backend.dense(backend.multinomial(np.array([2, 0, 5]), p, stream)),
    ]
    return [backend.to_host(array).copy() for array in found]


def test_stream_goes_on_from_its_state(backend, dtype):
    stream = _stream(backend)
    _some_draws(backend, stream, dtype)
    saved = stream.state
    first = _some_draws(backend, stream, dtype)
    second = _some_draws(backend, stream, dtype)
    restored = backend.stream(state=saved)
    for expected in (first, second):
        for a, b in zip(_some_draws(backend, restored, dtype), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[1], second[1])


def test_streams_of_one_seed_agree_and_of_two_differ(backend, dtype):
    one, same, other = (_stream(backend, seed) for seed in (1, 1, 2))
    draws = [backend.to_host(backend.uniform((50,), s, dtype)) for s in (one, same, other)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.any(draws[0] == draws[2])


# -- plain and compiled NumPy, and the strict stand-in, draw the same numbers -----------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (33, 31)])
def test_bernoulli_same_numbers(plain, same_stream_backend, dtype, shape, rng):
    p = rng.random(shape).astype(dtype)
    streams = [_stream(b, 5) for b in (plain, same_stream_backend)]
    for _ in range(3):
        expected = plain.bernoulli(p, streams[0])
        found = same_stream_backend.bernoulli(same_stream_backend.asarray(p), streams[1])
        np.testing.assert_array_equal(same_stream_backend.to_host(found), expected)
    np.testing.assert_array_equal(
        plain.uniform((9,), streams[0], dtype),
        same_stream_backend.to_host(same_stream_backend.uniform((9,), streams[1], dtype)),
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (33, 31)])
@pytest.mark.parametrize("target", ["new", "mean in place", "out in place", "both new"])
def test_sigmoid_sample_same_numbers(plain, same_stream_backend, dtype, shape, target, rng):
    x, bias = rng.normal(size=shape).astype(dtype), rng.normal(size=shape[1]).astype(dtype)
    found = []
    for backend in (plain, same_stream_backend):
        array, stream = backend.asarray(x.copy()), _stream(backend, 6)
        mean, out = {
            "new": (None, None),
            "mean in place": (array, backend.zeros(shape, dtype)),
            "out in place": (None, array),
            "both new": (backend.zeros(shape, dtype), backend.zeros(shape, dtype)),
        }[target]
        drawn = backend.sigmoid_sample(array, backend.asarray(bias), stream, mean=mean, out=out)
        after = backend.uniform((5,), stream, dtype)
        found.append([backend.to_host(a).copy() for a in (drawn, after)])
        if mean is not None:
            expected = special.expit(x.astype(np.float64) + bias)
            np.testing.assert_allclose(backend.to_host(mean), expected, rtol=2e-6)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 101])
def test_uniform_is_numpys_own(plain, compiled, dtype, n):
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(9)))
    expected = generator.random(n, dtype=dtype)
    for backend in (plain, compiled):
        found = backend.uniform((n,), _stream(backend, 9), dtype)
        np.testing.assert_array_equal(found, expected)
        below = backend.bernoulli(np.full(n, 0.5, dtype=dtype), _stream(backend, 9))
        np.testing.assert_array_equal(below, expected < 0.5)
