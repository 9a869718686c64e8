"""Alphadigits: a grid search that ranks by held-out log-likelihood, with one and with two jobs."""

import time
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, KFold
from threadpoolctl import threadpool_limits

from benchmarks.data import alphadigits
from skdeepbm import RBMTransformer

GRID = {"n_components": [24, 64], "momentum": [0.0, 0.5], "sparsity_cost": [0.0, 0.05]}


def run(quick: bool = False) -> dict[str, Any]:
    X, name = alphadigits()
    X = X[::4] if quick else X
    results, seconds = [], []
    for n_jobs in (1, 2):
        begin = time.perf_counter()
        # joblib gives each of two workers one thread; the products of one and of two threads
        # may differ in the last bit
        with threadpool_limits(1):
            search = GridSearchCV(
                RBMTransformer(algorithm="pcd", batch_size=20, n_iter=20, random_state=0),
                GRID,
                cv=KFold(3, shuffle=True, random_state=0),
                n_jobs=n_jobs,
            ).fit(X)
        results.append(search.cv_results_)
        seconds.append(time.perf_counter() - begin)
    one, two = (found["mean_test_score"] for found in results)
    order = np.argsort(-one)
    return {
        "data": f"{name}, {X.shape[0]} x {X.shape[1]}",
        "same": bool((one == two).all()),
        "seconds": seconds,
        "rows": [{**results[0]["params"][i], "mean": float(one[i])} for i in order],
    }


if __name__ == "__main__":
    print(run())
