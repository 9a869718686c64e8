"""Sparse rows: the movie-feature matrix as CSR and dense, and at 200,000 columns."""

import time
import tracemalloc
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.data import movie_features
from skdeepbm import RBMTransformer


def _rows() -> tuple[sp.csr_matrix, str]:
    found = movie_features()
    if found is not None:
        return found.astype(np.float64), "movie features"
    X = sp.random(9742, 561, density=0.0045, format="csr", random_state=0)
    X.data[:] = 1.0
    return X, "random stand-in (SKDEEPBM_DATA is not set)"


def run(quick: bool = False) -> list[dict[str, Any]]:
    X, name = _rows()
    options: dict[str, Any] = {
        "n_components": 64,
        "batch_size": 100,
        "n_iter": 1 if quick else 5,
        "random_state": 0,
        "training_dtype": "float64",
    }
    models, seconds = [], []
    for data in (X, X.toarray()):
        begin = time.perf_counter()
        models.append(RBMTransformer(**options).fit(data))
        seconds.append(time.perf_counter() - begin)
    sparse, dense = models
    difference = float(np.abs(sparse.components_ - dense.components_).max())
    results = [
        {
            "data": f"{name} {X.shape[0]} x {X.shape[1]}",
            "difference": difference,
            "largest_weight": float(np.abs(dense.components_).max()),
            "seconds_csr": seconds[0],
            "seconds_dense": seconds[1],
        }
    ]
    # the same rows spread over 200,000 columns: as many entries a row, most columns rare
    wide = sp.random(X.shape[0], 200_000, density=0.0045, format="csr", random_state=1)
    wide.data = np.ones_like(wide.data, dtype=np.float32)
    wide = wide.astype(np.float32)
    tracemalloc.start()
    begin = time.perf_counter()
    RBMTransformer(32, batch_size=100, n_iter=1, random_state=0).fit(wide[:2000] if quick else wide)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    results.append(
        {
            "data": f"random {wide.shape[0]} x {wide.shape[1]}, 0.45 % ones",
            "peak_mb": peak / 1e6,
            "dense_mb": 4 * wide.shape[0] * wide.shape[1] / 1e6,
            "seconds": time.perf_counter() - begin,
        }
    )
    return results


if __name__ == "__main__":
    for row in run():
        print(row)
