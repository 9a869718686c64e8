"""Estimated partition functions as the estimator gives them."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from skdeepbm import RBMTransformer
from skdeepbm.datasets import make_bars_and_stripes


@pytest.fixture(scope="module")
def bars():
    return make_bars_and_stripes(4)


@pytest.fixture(scope="module")
def model(bars):
    return RBMTransformer(12, n_iter=60, random_state=0).fit(bars)


def test_estimate_agrees_with_enumeration(model):
    exact, found = model.log_partition(), model.log_partition("ais")
    assert exact.method == "exact"
    assert exact.lower == exact.value == exact.upper
    assert found.method == "ais"
    assert found.reverse is None
    assert abs(found.value - exact.value) < 0.05
    assert found.lower < found.value < found.upper
    assert found.n_runs >= 100
    assert found.n_temperatures >= 1000
    assert 1 <= found.effective_sample_size <= found.n_runs


def test_both_directions_hold_the_truth_between_them(model, bars):
    exact = model.log_partition().value
    found = model.log_partition(n_runs=30, n_temperatures=300, reverse=bars)
    assert found.method == "ais"
    assert found.n_runs == 30
    assert found.n_temperatures == 300
    assert found.value - 0.3 < exact < found.reverse + 0.3


def test_reverse_runs_from_sparse_rows(model, bars):
    setting = {"n_runs": 10, "n_temperatures": 30}
    dense = model.log_partition(reverse=bars, **setting)
    assert model.log_partition(reverse=sp.csr_array(bars), **setting) == dense


def test_the_same_in_every_call_unless_told_otherwise(model):
    setting = {"method": "ais", "n_runs": 20, "n_temperatures": 50}
    first = model.log_partition(**setting)
    assert model.log_partition(**setting) is first  # remembered
    seeds = [model.log_partition(**setting, random_state=seed).value for seed in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_a_changed_parameter_is_noticed(bars):
    model = RBMTransformer(4, n_iter=3, random_state=0).fit(bars)
    setting = {"method": "ais", "n_runs": 50, "n_temperatures": 200}
    before = model.log_partition(**setting).value
    model.intercept_visible_ = model.intercept_visible_ + 1.0
    after = model.log_partition(**setting).value
    exact = model.log_partition("exact").value
    assert abs(after - before) > 1
    assert abs(after - exact) < 0.3


def test_given_temperatures(model):
    betas = np.linspace(0, 1, 40) ** 2
    assert model.log_partition("ais", n_runs=5, n_temperatures=betas).n_temperatures == 39
    assert model.log_partition("ais", n_runs=2, n_temperatures="classic").n_temperatures == 14_500


def test_score_of_a_model_that_cannot_be_enumerated(bars):
    X = np.hstack([bars, bars])
    model = RBMTransformer(24, n_iter=5, random_state=0).fit(X)
    log_z = model.log_partition().value
    np.testing.assert_allclose(model.score_samples(X), -model.free_energy(X) - log_z)
    np.testing.assert_allclose(model.score(X), model.score_samples(X).mean())


def test_grid_search_ranks_by_held_out_likelihood(bars):
    """More than 20 units on both sides, so that every score is an estimate."""
    X = np.hstack([bars, bars])
    grid = {"n_components": [22, 30], "momentum": [0.0, 0.9]}
    found = []
    for n_jobs in (1, 2):
        search = GridSearchCV(RBMTransformer(n_iter=5, random_state=0), grid, cv=2, n_jobs=n_jobs)
        with threadpool_limits(1):
            found.append(search.fit(X).cv_results_["mean_test_score"])
    # the oldest BLAS rounds differently in a worker, also on one thread
    rtol = 0 if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else 1e-6
    np.testing.assert_allclose(found[0], found[1], rtol=rtol)
    assert np.isfinite(found[0]).all()
    assert np.unique(found[0]).size == 4


@pytest.mark.parametrize(
    "setting",
    [
        {"visible": "gaussian"},
        {"visible": "softmax", "visible_groups": 2},
        {"hidden": "gaussian", "learning_rate": 1e-3},
        {"hidden": "softmax", "hidden_groups": 3},
    ],
    ids=lambda setting: "-".join(map(str, setting.values())),
)
def test_other_units(setting, bars):
    X = bars if setting.get("visible") != "softmax" else np.hstack([bars, 1 - bars])
    if setting.get("visible") == "softmax":
        X = X.reshape(len(X), 2, -1).transpose(0, 2, 1).reshape(len(X), -1)
    model = RBMTransformer(6, n_iter=20, random_state=0, **setting).fit(X)
    exact, found = model.log_partition("exact").value, model.log_partition("ais").value
    assert abs(found - exact) < 0.05


def test_sampling_by_tempering_finds_both_modes():
    """All on or all off: plain chains keep to where they begin, tempered ones do not."""
    X = np.repeat([[0.0] * 12, [1.0] * 12], 50, axis=0)
    model = RBMTransformer(4, n_iter=150, algorithm="pt", random_state=0).fit(X)
    init = np.zeros((100, 12))
    plain = model.sample(100, n_gibbs_steps=50, init=init).mean(axis=1) > 0.5
    tempered = model.sample(100, n_gibbs_steps=50, init=init, method="tempering").mean(axis=1) > 0.5
    assert plain.mean() < 0.2
    assert 0.3 < tempered.mean() < 0.7


@pytest.mark.parametrize("algorithm", ["fpcd", "pt"])
def test_partial_fit_goes_on_as_fit_does(algorithm, bars):
    setting = {"algorithm": algorithm, "batch_size": 10, "shuffle": False, "random_state": 0}
    setting |= {"n_components": 5, "training_dtype": "float64", "n_temperatures": 3}
    whole = RBMTransformer(n_iter=2, **setting).fit(bars)
    pieces = RBMTransformer(n_iter=0, **setting).fit(bars)
    for _ in range(2):
        for start in range(0, len(bars), 10):
            pieces.partial_fit(bars[start : start + 10])
    np.testing.assert_allclose(pieces.components_, whole.components_, rtol=1e-9)
    np.testing.assert_allclose(pieces.h_samples_, whole.h_samples_)
