"""Small data of all kinds."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def data():
    """Arguments of `fit` by kind of data, of 60 rows."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:60] / 16, y[:60] % 3
    X = X[:, 16:40]
    rng = np.random.default_rng(0)
    return {
        "images": (X,),
        "labels": (X, y, rng.integers(1, 3, size=60)),
        "sparse": (sp.csr_array(X * (X > 0.5)),),
        "real": (rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(60, 5)),),
        "words": (sp.csr_array(rng.poisson(1.0, (60, 8)).astype(np.float64)),),
    }
