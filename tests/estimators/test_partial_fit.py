"""partial_fit is the mathematics of fit, batch by batch; warm starts and loaded models go on."""

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from skdeepbm import DBM, RBMTransformer, schedules

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")


def assert_same_model(a, b):
    names = [*ARRAYS, *(n for n in ("h_samples_", "log_variance_visible_") if hasattr(b, n))]
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def feed(rbm, X, n_epochs):
    for _ in range(n_epochs):
        for start in range(0, X.shape[0], rbm.batch_size):
            rbm.partial_fit(X[start : start + rbm.batch_size])
    return rbm


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize(
    "options",
    [
        # neither kind of epoch compiled as a whole
        {"training_dtype": "float64"},
        {"optimizer": "adam", "sparsity_cost": 0.1},
        {
            "training_dtype": None,
            "learning_rate": schedules.Linear(0.1, 0.01, n_epochs=3),
            "momentum": [0.0, 0.5, 0.9],
            "n_gibbs_steps": [1, 2, 3],
            "optimizer": "nesterov",
        },
        {"hidden": "relu"},
    ],
    ids=["float64", "adam-sparse", "schedules", "relu"],
)
def test_same_batches_give_the_same_parameters_as_fit(container, algorithm, options, small):
    # 100 rows in batches of 16: the last one is short
    X = container(small)
    setting = {"batch_size": 16, "algorithm": algorithm, "random_state": 0, **options}
    at_once = RBMTransformer(6, n_iter=3, shuffle=False, **setting).fit(X)
    piecewise = feed(RBMTransformer(6, n_iter=0, shuffle=False, **setting).fit(X), X, 3)
    assert_same_model(piecewise, at_once)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_same_batches_of_gaussian_data(algorithm, real):
    setting = {"visible": "gaussian", "batch_size": 16, "algorithm": algorithm, "random_state": 0}
    at_once = RBMTransformer(6, n_iter=3, shuffle=False, **setting).fit(real)
    piecewise = feed(RBMTransformer(6, n_iter=0, **setting).fit(real), real, 3)
    assert_same_model(piecewise, at_once)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_same_batches_in_the_default_precision(algorithm, small):
    """Float32 epochs of small models may be compiled as a whole, equal up to rounding.

    A draw whose uniform number lies within rounding of its probability could differ: none does in
    these 21 batches.
    """
    setting = {"batch_size": 16, "algorithm": algorithm, "random_state": 0}
    at_once = RBMTransformer(6, n_iter=3, shuffle=False, **setting).fit(small)
    piecewise = feed(RBMTransformer(6, n_iter=0, **setting).fit(small), small, 3)
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(piecewise, name), getattr(at_once, name), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_from_scratch_starts_at_the_moments_of_the_first_batch(container, small):
    first = container(small[:20])
    setting = {"training_dtype": "float64", "random_state": 0}
    alone = RBMTransformer(6, **setting).partial_fit(first)
    assert alone.n_features_in_ == small.shape[1]
    assert alone.n_iter_ == 1
    # one update with all 20 rows, whatever batch_size says
    fitted = RBMTransformer(6, n_iter=1, batch_size=20, shuffle=False, **setting).fit(first)
    assert_same_model(alone, fitted)
    before = alone.components_.copy()
    alone.partial_fit(container(small[20:27]))
    assert (alone.components_ != before).any()
    assert alone.history_["free_energy"].shape == (2,)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_goes_on_after_loading(algorithm, small, tmp_path):
    rbm = RBMTransformer(
        6, batch_size=10, algorithm=algorithm, optimizer="adam", sparsity_cost=0.1, random_state=0
    )
    for start in range(0, 50, 10):
        rbm.partial_fit(small[start : start + 10])
    joblib.dump(rbm, tmp_path / "rbm.joblib")
    loaded = joblib.load(tmp_path / "rbm.joblib")
    for model in (rbm, loaded):
        for start in range(50, 100, 10):
            model.partial_fit(small[start : start + 10])
    assert_same_model(loaded, rbm)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_warm_start_goes_on(algorithm, shuffle, small):
    setting = {
        "algorithm": algorithm,
        "shuffle": shuffle,
        "learning_rate": schedules.InverseTime(0.1, half_life=2),
        "random_state": 0,
    }
    twice = RBMTransformer(6, n_iter=3, warm_start=True, **setting).fit(small).fit(small)
    once = RBMTransformer(6, n_iter=6, **setting).fit(small)
    assert_same_model(twice, once)
    assert twice.n_iter_ == once.n_iter_ == 6
    for name, values in once.history_.items():
        assert values.shape[0] == 6, name
        if name != "epoch_time":
            np.testing.assert_array_equal(twice.history_[name], values, err_msg=name)


def test_without_warm_start_fit_starts_anew(small):
    rbm = RBMTransformer(6, n_iter=2, algorithm="pcd", random_state=0)
    first = {name: getattr(rbm.fit(small), name).copy() for name in ARRAYS}
    rbm.partial_fit(small).fit(small)
    for name, array in first.items():
        np.testing.assert_array_equal(getattr(rbm, name), array)
    assert rbm.n_iter_ == 2


def test_another_optimizer_goes_on_from_the_parameters(small):
    rbm = RBMTransformer(6, n_iter=1, random_state=0, warm_start=True).fit(small)
    before = rbm.components_.copy()
    rbm.set_params(optimizer="adam").fit(small)
    assert rbm.n_iter_ == 2
    assert 0 < np.abs(rbm.components_ - before).max() < 0.5


def test_warm_start_of_another_number_of_components_is_refused(small):
    rbm = RBMTransformer(6, n_iter=1, warm_start=True, random_state=0).fit(small)
    rbm.n_components = 7
    with pytest.raises(ValueError, match="goes on from its 6 components, but n_components=7"):
        rbm.fit(small)
    with pytest.raises(ValueError, match="Set n_components to their number"):
        rbm.partial_fit(small)


def test_training_goes_on_from_parameters_that_somebody_set(small):
    rng = np.random.default_rng(0)
    rbm = RBMTransformer(3, n_iter=1, algorithm="pcd", warm_start=True, random_state=0).fit(small)
    # another number of components, with everything that belongs to it
    rbm.set_params(n_components=5)
    rbm.components_ = given = rng.normal(size=(5, 64)) * 0.1
    rbm.intercept_hidden_ = np.zeros(5)
    rbm.fit(small)
    assert rbm.components_.shape == (5, 64)
    assert 0 < np.abs(rbm.components_ - given).max() < 0.5
    assert rbm.h_samples_.shape == (10, 5)


@pytest.mark.parametrize("algorithm", ["pcd", "fpcd", "pt"])
def test_training_goes_on_with_another_number_of_chains(algorithm, small):
    rbm = RBMTransformer(5, n_iter=1, algorithm=algorithm, n_temperatures=3, random_state=0)
    n_levels = 3 if algorithm == "pt" else 1
    rbm.set_params(n_chains=4, warm_start=True).fit(small)
    before = rbm.components_.copy()
    rbm.set_params(n_chains=6).fit(small)
    assert len(rbm.h_samples_) == 6 * n_levels
    assert rbm.n_iter_ == 2
    assert 0 < np.abs(rbm.components_ - before).max() < 1
    # as many as somebody has set, where no number is asked for
    rbm.h_samples_ = rbm.h_samples_[: 3 * n_levels]
    rbm.set_params(n_chains=None).fit(small)
    assert len(rbm.h_samples_) == 3 * n_levels


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "estimator", [RBMTransformer(4), DBM((4, 3), rbm=RBMTransformer(n_iter=1))], ids=["rbm", "dbm"]
)
def test_training_does_not_go_on_without_variances(estimator, method, small):
    model = clone(estimator).set_params(n_iter=1, warm_start=True).fit(small)
    model.set_params(visible="gaussian", learning_rate=1e-3)
    with pytest.raises(ValueError, match="without log_variance_visible_, .* visible='gaussian'"):
        getattr(model, method)(small)
    model.log_variance_visible_ = np.zeros(64)
    getattr(model, method)(small)
    assert np.isfinite(model.log_variance_visible_).all()


def test_training_goes_on_from_parameters_without_a_fit(small):
    rbm = RBMTransformer(2, n_iter=2, random_state=0, warm_start=True)
    rbm.components_ = np.full((2, 64), 0.1)
    rbm.intercept_hidden_ = np.zeros(2)
    rbm.intercept_visible_ = np.zeros(64)
    rbm.fit(small)
    assert rbm.n_iter_ == 2
    assert rbm.n_features_in_ == 64
    assert 0 < np.abs(rbm.components_ - 0.1).max() < 2
