"""Measures of reconstructions against loops."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import PCA

from skdeepbm.backends import get_backend
from skdeepbm.evaluation import reconstruction
from skdeepbm.metrics import reverse_cross_entropy, squared_error


@pytest.fixture
def pair(rng):
    """Data with zeros and ones, and probabilities."""
    X = np.where(rng.random((23, 7)) < 0.5, 0.0, rng.random((23, 7)))
    X[3, 2] = 1
    return X, rng.uniform(0.01, 0.99, (23, 7))


def loops(X, R, one):
    return sum(
        one(x, r) for row, other in zip(X, R, strict=True) for x, r in zip(row, other, strict=True)
    ) / len(X)


def entropy(x, r):
    return -(x * math.log(r) + (1 - x) * math.log(1 - r))


MEASURES = [
    (squared_error, lambda x, r: (x - r) ** 2),
    (reverse_cross_entropy, entropy),
]


@pytest.mark.parametrize(("measure", "one"), MEASURES)
@pytest.mark.parametrize("chunk", [2**20, 15, 1])
@pytest.mark.parametrize("container", [np.asarray, np.ndarray.tolist, sp.csr_array, sp.csc_matrix])
def test_sum_over_features_and_mean_over_rows(measure, one, chunk, container, pair, monkeypatch):
    monkeypatch.setattr(reconstruction, "_CHUNK", chunk)
    X, R = pair
    assert measure(container(X), R) == pytest.approx(loops(X, R, one), rel=1e-12)


@pytest.mark.parametrize(("measure", "one"), MEASURES)
def test_on_a_device(measure, one, pair):
    pytest.importorskip("array_api_strict")
    device = get_backend("array_api_strict")
    X, R = (device.asarray(x.astype(np.float32)) for x in pair)
    found = measure(X, R)
    assert type(found) is float
    assert found == pytest.approx(loops(*pair, one), rel=1e-5)


@pytest.mark.parametrize(("measure", "one"), MEASURES)
def test_duplicates_of_sparse_data_add_up(measure, one):
    X = sp.csr_array((np.array([0.25, 0.5, 1.0]), np.array([1, 1, 0]), np.array([0, 2, 3])))
    R = np.array([[0.2, 0.4], [0.6, 0.8]])
    assert measure(X, R) == pytest.approx(loops(X.toarray(), R, one), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wrong_certainty_costs_the_resolution_of_the_type(dtype):
    R = np.array([[0.0, 1.0]], dtype=dtype)
    right, wrong = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    eps = float(np.finfo(dtype).eps)
    assert reverse_cross_entropy(wrong, R) == pytest.approx(-2 * math.log(eps), rel=1e-9)
    assert reverse_cross_entropy(right, R) == pytest.approx(2 * eps, rel=1e-6)
    assert reverse_cross_entropy(wrong, R.astype(int)) == pytest.approx(
        -2 * math.log(np.finfo(np.float64).eps), rel=1e-9
    )


def test_sparse_data_are_never_dense_as_a_whole(monkeypatch, rng):
    """Rows that are dense at one time stay within the chunk."""
    largest = []
    to_dense = sp.csr_array.toarray

    def watched(self, *args, **kwargs):
        largest.append(self.shape[0] * self.shape[1])
        return to_dense(self, *args, **kwargs)

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    monkeypatch.setattr(reconstruction, "_CHUNK", 100)
    X = sp.csr_array(rng.random((500, 10)) < 0.1)
    squared_error(X, np.full((500, 10), 0.5))
    assert max(largest) == 100


@pytest.mark.parametrize("measure", [squared_error, reverse_cross_entropy])
def test_refusals_name_the_measure_the_place_and_the_remedy(measure, pair):
    X, R = pair
    for a, b in ((X, R[:5]), (X[0], R[0]), (X[:0], R[:0])):
        with pytest.raises(ValueError, match=f"{measure.__name__} compares two arrays of the same"):
            measure(a, b)
    R = R.copy()
    R[20, 3] = np.nan
    with pytest.raises(ValueError, match="reconstruction of .* row 20, column 3. Impute") as raised:
        measure(X, R)
    assert measure.__name__ in str(raised.value)


def test_place_of_a_value_that_is_not_finite_in_a_later_chunk(pair, monkeypatch):
    monkeypatch.setattr(reconstruction, "_CHUNK", 14)
    X, R = pair
    X[20, 3] = np.inf
    with pytest.raises(ValueError, match="X of squared_error is not finite in row 20, column 3"):
        squared_error(X, R)


def test_entropy_refuses_what_is_no_probability(pair):
    X, R = pair
    with pytest.raises(ValueError, match="X of reverse_cross_entropy has values outside"):
        reverse_cross_entropy(2 * X, R)
    with pytest.raises(ValueError, match="reconstruction of reverse_cross_entropy .*MinMaxScaler"):
        reverse_cross_entropy(X, R - 0.1)
    # rounding of a scaler is no mistake
    assert np.isfinite(reverse_cross_entropy(X + 1e-9, R))


@pytest.mark.data
def test_principal_components_of_mnist_have_the_error_of_the_literature():
    folder = os.environ.get("SKDEEPBM_DATA")
    if not folder:
        pytest.skip("SKDEEPBM_DATA is not set")
    parts = []
    for part in ("train", "t10k"):
        with gzip.open(Path(folder) / "mnist" / f"{part}-images-idx3-ubyte.gz") as file:
            pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
        parts.append(pixels.astype(np.float32) / 255)
    train, test = parts
    pca = PCA(30, svd_solver="covariance_eigh").fit(train)
    found = squared_error(test, pca.inverse_transform(pca.transform(test)))
    assert found == pytest.approx(13.87, abs=0.02)
