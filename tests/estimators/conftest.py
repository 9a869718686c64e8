"""Small data sets and a device for the estimators."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits

from skdeepbm.backends import get_backend
from skdeepbm.datasets import make_bars_and_stripes


@pytest.fixture(scope="session")
def digits():
    """1797 images of 8 x 8 pixels in [0, 1], read-only."""
    X = load_digits(return_X_y=True)[0] / 16
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def small(digits):
    """100 images."""
    return digits[:100]


@pytest.fixture
def bars():
    """The 14 bars and stripes of 3 x 3 pixels."""
    return make_bars_and_stripes(3)


@pytest.fixture
def real():
    """120 rows of 5 correlated real columns."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(120, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(120, 5))


@pytest.fixture
def documents():
    """120 documents of 1 to 60 words, each about one of three topics, over 12 words; CSR."""
    rng = np.random.default_rng(0)
    topics = np.full((3, 12), 0.1)
    for k in range(3):
        topics[k, 4 * k : 4 * k + 4] = [3, 4, 5, 6]
    topics /= topics.sum(axis=1, keepdims=True)
    lengths = rng.integers(1, 61, size=120)
    counts = [rng.multinomial(n, topics[rng.integers(3)]) for n in lengths]
    return sp.csr_array(np.array(counts, dtype=np.float64))


@pytest.fixture
def device():
    """The stand-in device: ``asarray``, ``to_host`` and ``owns``."""
    pytest.importorskip("array_api_strict")
    return get_backend("array_api_strict")
