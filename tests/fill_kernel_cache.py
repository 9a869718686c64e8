"""Compile what tests of bitwise equality use, before the suite on the oldest dependencies.

Under the oldest numba, kernels that a process has compiled itself round differently (1e-9) from
those that it loads from the cache, as workers do. With a full cache all processes load them.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skdeepbm import RBMTransformer


def fill() -> None:
    X = load_digits().data[:300] / 16
    X.flags.writeable = False
    RBMTransformer(n_components=32, n_iter=2, random_state=0).fit(X).transform(X)
    large = RBMTransformer(
        n_components=200, batch_size=100, training_dtype="float64", n_iter=2, random_state=0
    )
    large.fit(X).transform(X)
    GridSearchCV(
        RBMTransformer(12, n_iter=1, random_state=0),
        {"momentum": [0.0, 0.5], "algorithm": ["cd", "pcd"]},
        cv=2,
        error_score="raise",
    ).fit(X[:200]).best_estimator_.transform(np.array(X[:200]))


if __name__ == "__main__":
    fill()
