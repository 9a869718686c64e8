"""Column moments and the parameters that training starts from."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.training.start import column_moments, constant_columns, initial_parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["host", "device", "csr_matrix", "csr_array"])
def test_column_moments(backend, rng, dtype, kind):
    X = (rng.random((40, 5)) * (rng.random((40, 5)) < 0.5)).astype(dtype)
    X[:, 3] = 0
    given = {
        "host": lambda: X,
        "device": lambda: backend.asarray(X),
        "csr_matrix": lambda: sp.csr_matrix(X),
        "csr_array": lambda: sp.csr_array(X),
    }[kind]()
    mean, variance = column_moments(backend, given)
    assert mean.dtype == variance.dtype == np.float64
    # short sums may be taken in the data's own precision
    rtol = 1e-6 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(mean, X.astype(np.float64).mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(variance, X.astype(np.float64).var(axis=0), rtol=rtol, atol=1e-15)
    assert variance[3] == 0


def test_moments_far_from_zero(backend, rng):
    """The variance survives a mean a million times larger, where one pass would lose it."""
    X = 1e7 + rng.standard_normal((500, 3))
    mean, variance = column_moments(backend, X)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_of_many_rows(backend, rng, dtype):
    """Thousands of rows lose nothing to the sums over them, in single precision either."""
    X = (100 + rng.standard_normal((20_001, 3))).astype(dtype)
    for given in (X, backend.asarray(X)):
        mean, variance = column_moments(backend, given)
        rtol = 1e-7 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(mean, X.astype(np.float64).mean(axis=0), rtol=rtol)
        np.testing.assert_allclose(variance, X.astype(np.float64).var(axis=0), rtol=10 * rtol)


def test_bernoulli_start(plain, ref):
    """Biases are the logits of the clipped means: the base-rate model, not zeros."""
    mean = np.array([0.0, 0.25, 0.5, 1.0])
    rng = np.random.default_rng(0)
    found = initial_parameters("bernoulli", 200, mean, mean * (1 - mean), None, rng)
    assert found.keys() == {"weights", "visible_bias", "hidden_bias"}
    clipped = np.clip(mean, 1e-3, 1 - 1e-3)
    np.testing.assert_allclose(found["visible_bias"], np.log(clipped / (1 - clipped)), rtol=1e-12)
    # the mean of the data is no input of the hidden units
    np.testing.assert_allclose(found["hidden_bias"], -mean @ found["weights"], rtol=1e-12)
    assert found["weights"].shape == (4, 200)
    assert ref.within_error(found["weights"].reshape(-1, 1), 0.0)
    assert ref.within_error(found["weights"].reshape(-1, 1) ** 2, 1e-4)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float64)}


def test_gaussian_start(ref):
    """Mean and variance of the columns; weights in units of their standard deviations."""
    mean, variance = np.array([3.0, -1.0, 5.0]), np.array([100.0, 0.25, 0.0])
    rng = np.random.default_rng(0)
    found = initial_parameters("gaussian", 3000, mean, variance, None, rng)
    np.testing.assert_array_equal(found["visible_bias"], mean)
    # a constant column gets the variance 1
    np.testing.assert_allclose(found["log_variance"], np.log([100.0, 0.25, 1.0]), rtol=1e-12)
    expected = (0.01**2 * np.array([100.0, 0.25, 1.0]))[None, :]
    assert ref.within_error(found["weights"].T ** 2, expected)


def test_softmax_start(plain, ref):
    mean = np.array([0.5, 0.5, 0.7, 0.3, 0.0])
    rng = np.random.default_rng(0)
    found = initial_parameters("softmax", 2, mean, mean * (1 - mean), ref.GROUPS, rng)
    layer = ref.Layer("softmax", found["visible_bias"], groups=ref.GROUPS)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 5)))[0], mean, atol=2e-4)


def test_the_start_has_the_likelihood_of_independent_units(ref, rng):
    """On rare bits a start with zero biases would be nats away."""
    X = (rng.random((500, 6)) < 0.05).astype(float)
    found = initial_parameters("bernoulli", 3, X.mean(axis=0), X.var(axis=0), None, rng)
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=6).with_parameters(**found)
    p = X.mean(axis=0)
    base_rate = (p * np.log(p) + (1 - p) * np.log(1 - p)).sum()
    assert tiny.log_likelihood(X) == pytest.approx(base_rate, abs=1e-3)
    assert base_rate > -6 * np.log(2) + 2


def test_constant_columns():
    mean = np.array([0.0, 0.1, 1e6, 0.1, 0.0])
    variance = np.array([0.0, 1e-18, 1e-4, 1e-6, 1e-20])
    assert constant_columns(mean, variance).tolist() == [True, True, True, False, False]
