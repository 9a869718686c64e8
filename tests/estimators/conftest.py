"""Small data sets and a device for the estimators."""

import numpy as np
import pytest
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
def device():
    """The stand-in device: ``asarray``, ``to_host`` and ``owns``."""
    pytest.importorskip("array_api_strict")
    return get_backend("array_api_strict")
