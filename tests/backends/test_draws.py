"""Bernoulli draws that do not pass through their probabilities, and changes of softplus."""

import numpy as np
import pytest
from scipy import special

SHAPES = [(1, 1), (3, 5), (1, 64), (33, 31), (40, 101)]


def _stream(backend, seed=4):
    return backend.stream(np.random.SeedSequence(seed))


@pytest.mark.parametrize("target", ["new", "out", "in place"])
@pytest.mark.parametrize("size", [1.0, 20.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_draws_compare_uniforms(backend, rng, dtype, shape, size, target):
    """The stream's uniform numbers below the probability give 1, those above it 0."""
    x = rng.normal(0, size, shape).astype(dtype)
    bias = rng.normal(size=shape[1]).astype(dtype)
    array, shift = backend.asarray(x.copy()), backend.asarray(bias.copy())
    stream, twin = _stream(backend), _stream(backend)
    out = {"new": None, "out": backend.zeros(shape, dtype), "in place": array}[target]
    with backend.quiet():
        drawn = backend.sigmoid_sample(array, shift, stream, out=out)
    u = np.asarray(backend.to_host(backend.uniform(shape, twin, dtype)), dtype=np.float64)
    p = special.expit(x.astype(np.float64) + bias)
    host = backend.to_host(drawn)
    assert host.dtype == dtype
    # inputs are rounded when the bias is added, so that close decisions may go either way
    clear = np.abs(u - p) > np.finfo(dtype).eps * (1 + np.abs(x) + np.abs(bias)) * p
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(host[clear], (u < p)[clear])
    assert set(np.unique(host)) <= {0.0, 1.0}
    if out is not None:
        assert drawn is out
    if target != "in place":
        np.testing.assert_array_equal(backend.to_host(array), x)
    np.testing.assert_array_equal(backend.to_host(shift), bias)
    # as many numbers were used
    following = (backend.to_host(backend.uniform((3,), s, dtype)) for s in (stream, twin))
    np.testing.assert_array_equal(*following)


@pytest.mark.parametrize("in_place", [False, True])
def test_draws_of_two_ways_agree(plain, compiled, rng, in_place):
    x = rng.normal(0, 3, (77, 131)).astype(np.float32)
    bias = rng.normal(size=131).astype(np.float32)
    found = []
    for backend in (plain, compiled):
        stream, array = _stream(backend), x.copy()
        for _ in range(3):
            drawn = backend.sigmoid_sample(array, bias, stream, out=array if in_place else None)
        found.append(drawn)
    np.testing.assert_array_equal(*found)


def test_certain_draws(backend):
    x = np.tile(np.array([-1e4, -200.0, 200.0, 1e4], dtype=np.float32), (50, 1))
    bias = backend.zeros((4,), np.float32)
    with backend.quiet():
        drawn = backend.sigmoid_sample(backend.asarray(x), bias, _stream(backend))
    np.testing.assert_array_equal(backend.to_host(drawn), np.tile([0.0, 0.0, 1.0, 1.0], (50, 1)))


def _softplus_change(y, old, new):
    return np.logaddexp(0, new * y) - np.logaddexp(0, old * y)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 500])
@pytest.mark.parametrize(("old", "new"), [(0.0, 0.25), (0.5, 0.501), (1.0, 0.0), (0.9, 1.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_softplus_change(backend, rng, dtype, size, width, old, new):
    x, bias = (rng.normal(0, size, s).astype(dtype) for s in ((9, width), width))
    array, shift = backend.asarray(x.copy()), backend.asarray(bias)
    with backend.quiet():
        found = backend.to_host(backend.softplus_change(array, shift, old, new))
    y = x.astype(np.float64) + bias
    expected = _softplus_change(y, old, new).sum(1)
    assert found.shape == (9,)
    # what rounding of the terms leaves: relative to softplus itself, which the difference cancels
    scale = np.maximum(old, new) * np.abs(y).sum(1) + width
    error = np.abs(found - expected) / scale
    assert error.max() < 4 * np.finfo(dtype).eps
    np.testing.assert_array_equal(backend.to_host(array), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_softplus_change_of_nothing(backend, rng, dtype):
    x, bias = (backend.asarray(rng.normal(0, 9, s).astype(dtype)) for s in ((9, 130), 130))
    for beta in (0.0, 0.3, 1.0):
        found = backend.to_host(backend.softplus_change(x, bias, beta, beta))
        # a compiler may round the two equal exponentials of a ratio differently
        np.testing.assert_allclose(found, np.zeros(9), atol=1e-6)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_softplus_change_of_one_sign(compiled, sign):
    """Products of 64 ratios neither overflow nor vanish."""
    y = np.full((2, 640), sign * 1e-4, dtype=np.float32)
    for old, new in ((0.0, 1e6), (1e6, 0.0)):
        found = compiled.softplus_change(y, np.zeros(640, np.float32), old, new)
        expected = 640 * _softplus_change(np.float64(y[0, 0]), old, new)
        np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_softplus_change_keeps_digits(compiled, rng):
    """A small stage is more exact than the difference of two rounded sums would be."""
    x, bias = rng.normal(0, 3, (50, 500)).astype(np.float32), np.zeros(500, np.float32)
    y = x.astype(np.float64)
    step = np.float64(np.float32(0.501)) - np.float64(np.float32(0.5))
    expected = _softplus_change(y, 0.5, 0.5 + step).sum(1)
    found = compiled.softplus_change(x, bias, 0.5, 0.501)
    assert np.abs(found - expected).max() < 1e-5
