"""Sparse data stay sparse, and train the same model as dense ones."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm import RBMTransformer

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
METHODS = ("transform", "free_energy", "pseudo_log_likelihood", "reconstruct", "score_samples")


def random_rows(n_rows, n_columns, n_ones, seed=0):
    """Binary CSR with a number of ones in every row."""
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.integers(n_columns, size=(n_rows, n_ones)), axis=1)
    X = sp.csr_array(
        (np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, n_ones)),
        shape=(n_rows, n_columns),
    )
    X.sum_duplicates()
    X.data[:] = 1
    return X


def movie_features():
    folder = os.environ.get("SKDEEPBM_DATA")
    if not folder:
        pytest.skip("SKDEEPBM_DATA is not set")
    X = sp.load_npz(Path(folder) / "movielens_small" / "movie_features.npz")
    assert X.shape == (9742, 561)
    return X


def assert_same_as_dense(X, **options):
    setting = {"training_dtype": "float64", "random_state": 0, **options}
    sparse = RBMTransformer(16, **setting).fit(X)
    dense = RBMTransformer(16, **setting).fit(X.toarray())
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(sparse, name), getattr(dense, name), rtol=1e-7, atol=1e-9, err_msg=name
        )
    for name, values in sparse.history_.items():
        if name not in ("epoch_time", "weights_moved"):
            np.testing.assert_allclose(values, dense.history_[name], rtol=1e-6, err_msg=name)
    start = RBMTransformer(16, **{**setting, "n_iter": 0}).fit(X)
    assert np.abs(sparse.components_ - start.components_).max() > 1e-4
    return sparse, dense


@pytest.mark.parametrize(
    ("container", "options"),
    [
        (sp.csr_array, {}),
        (sp.csr_matrix, {"algorithm": "pcd", "centring": False}),
        (sp.csr_matrix, {"optimizer": "adam", "sparsity_cost": 0.1, "hidden": "bernoulli"}),
        (sp.csc_array, {}),
        (sp.csr_array, {"hidden": "relu", "l1_penalty": 1e-3, "max_norm": 1.0, "norm_cost": 0.1}),
        (sp.coo_array, {"algorithm": "pcd", "sparsity_cost": 0.1}),
    ],
    ids=str,
)
def test_trains_the_same_model_as_dense_rows(container, options):
    X = random_rows(205, 60, 6)
    sparse, dense = assert_same_as_dense(container(X), n_iter=2, **options)
    rows = container(X)
    for name in METHODS:
        if name == "score_samples" and options.get("hidden") == "relu":
            continue
        found, wanted = getattr(sparse, name)(rows), getattr(dense, name)(X.toarray())
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.data
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_movie_features_train_as_csr_the_same_as_dense(algorithm):
    X = movie_features().astype(np.float64)
    assert_same_as_dense(X[:3000], algorithm=algorithm, n_iter=1, batch_size=100)


@pytest.mark.data
def test_all_movie_features():
    """Two epochs: half a nat a row better than independent features."""
    X = movie_features()
    rbm = RBMTransformer(10, n_iter=2, learning_rate=0.1, random_state=0).fit(X)
    independent = RBMTransformer(10, n_iter=0, random_state=0).fit(X)
    assert rbm.score(X) > independent.score(X) + 0.5


def test_values_between_zero_and_one():
    X = random_rows(50, 30, 5)
    X.data[:] = np.random.default_rng(1).random(X.nnz)
    assert_same_as_dense(X, n_iter=2)


def test_rows_without_entries_and_duplicates():
    X = random_rows(40, 30, 5).tolil()
    X[3], X[39] = 0, 0
    assert_same_as_dense(X.tocsr(), n_iter=2)
    entries = np.array([0.25, 0.25, 1.0]), np.array([2, 2, 0]), np.array([0, 2, 3])
    twice = sp.csr_matrix(entries, shape=(2, 3))
    rbm = RBMTransformer(3, n_iter=2, random_state=0).fit(twice)
    same = RBMTransformer(3, n_iter=2, random_state=0).fit(sp.csr_matrix(twice.toarray()))
    np.testing.assert_array_equal(rbm.components_, same.components_)
    # the caller's matrix keeps its entries
    assert twice.nnz == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_types_of_entries(dtype):
    X = random_rows(40, 30, 5)
    out = RBMTransformer(3, n_iter=1, random_state=0).fit_transform(X.astype(dtype))
    assert out.dtype == (np.float32 if dtype is np.float32 else np.float64)
    expected = RBMTransformer(3, n_iter=1, random_state=0).fit_transform(X)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


N_ROWS, N_COLUMNS, BATCH = 600, 200_000, 5


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.BaseRateWarning")
def test_memory_stays_far_below_that_of_dense_rows():
    """At most a sixth of what dense rows take in float32; 3.2 of its 80 MB are the weights."""
    X = random_rows(N_ROWS, N_COLUMNS, 10).astype(np.float32)
    rbm = RBMTransformer(4, n_iter=1, batch_size=BATCH, random_state=0)
    # without what the first use of a compiled kernel takes
    rbm.fit(X[:20, :50]).transform(X[:20, :50])
    tracemalloc.start()
    try:
        hidden = rbm.fit(X).transform(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hidden.shape == (N_ROWS, 4)
    assert peak < N_ROWS * N_COLUMNS * 4 / 6


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix])
def test_rows_are_never_made_dense_together(container, algorithm, monkeypatch):
    """No call makes more rows dense than a batch, or than fit into 2**21 elements."""
    X = container(random_rows(300, 20_000, 10))
    limit = max(BATCH, 2**21 // X.shape[1])
    assert limit < X.shape[0] / 2
    dense_rows = []

    def guarded(toarray):
        def watched(self, *args, **kwargs):
            dense_rows.append(self.shape[0])
            assert self.shape[0] <= limit
            return toarray(self, *args, **kwargs)

        return watched

    def forbidden(self, *args, **kwargs):
        raise AssertionError("made dense")

    # batches are arrays, whatever the data are
    for kind in {container, sp.csr_array}:
        monkeypatch.setattr(kind, "toarray", guarded(kind.toarray))
        for name in ("todense", "__array__"):
            monkeypatch.setattr(kind, name, forbidden, raising=False)
    rbm = RBMTransformer(2, n_iter=1, batch_size=BATCH, algorithm=algorithm, random_state=0).fit(X)
    rbm.partial_fit(X[:BATCH]).transform(X)
    # what is dense by nature comes in chunks
    monkeypatch.setattr("skdeepbm.estimators._base.CHUNK", BATCH * X.shape[1])
    assert rbm.free_energy(X).shape == (300,)
    assert dense_rows
