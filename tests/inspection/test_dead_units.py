"""The report on dead units."""

import numpy as np
import pytest

from skdeepbm import RBMTransformer
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.inspection import dead_units


@pytest.fixture
def fitted():
    X = make_bars_and_stripes(3)
    return RBMTransformer(5, n_iter=200, random_state=0).fit(X), X


def test_units_off_on_and_undecided(fitted):
    rbm, X = fitted
    rbm.components_[0], rbm.intercept_hidden_[0] = 0.0, 0.0
    rbm.intercept_hidden_[1] = -100.0
    rbm.intercept_hidden_[3] = 100.0
    report = dead_units(rbm, X)
    np.testing.assert_array_equal(report.dead, [True, True, False, True, False])
    assert report.n_dead == 3
    np.testing.assert_allclose(report.mean_activity[[0, 1, 3]], [0.5, 0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(report.standard_deviation, rbm.transform(X).std(axis=0))
    np.testing.assert_allclose(report.weight_norm, np.linalg.norm(rbm.components_, axis=1))


def test_threshold(fitted):
    rbm, X = fitted
    spread = dead_units(rbm, X).standard_deviation
    limit = np.sort(spread)[2]
    np.testing.assert_array_equal(dead_units(rbm, X, threshold=limit).dead, spread < limit)


def test_one_row_shows_nothing(fitted):
    rbm, X = fitted
    with pytest.raises(ValueError, match="at least 2 rows.*RBMTransformer"):
        dead_units(rbm, X[:1])
