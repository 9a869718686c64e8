"""Bad input: one clear error or warning each, with the estimator, the place and the remedy."""

import importlib.util
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import skdeepbm
from skdeepbm import RBMTransformer
from skdeepbm.estimators._fitting import warn_of_base_rate
from skdeepbm.exceptions import (
    BackendNotAvailableError,
    BaseRateWarning,
    DataRangeWarning,
    DivergenceError,
)

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
METHODS = ("fit", "partial_fit", "transform", "free_energy", "pseudo_log_likelihood", "gibbs")


def rbm(**options):
    return RBMTransformer(**{"n_components": 4, "n_iter": 2, "random_state": 0, **options})


def message(error, function, *args, **kwargs):
    """Text of the one error that a call raises, which is of exactly that class or below."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as raised:
            function(*args, **kwargs)
    return str(raised.value)


def warned(category, function, *args, **kwargs):
    """Text of the one warning that a call gives; the warning is located in this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    assert [w.category for w in caught] == [category], [str(w.message) for w in caught]
    assert caught[0].filename == __file__
    return str(caught[0].message)


def contains(text, *parts):
    missing = [part for part in parts if part not in text]
    assert not missing, (missing, text)


# -- wrong data ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_matrix, "device"])
def test_nan_and_infinity(value, method, container, bars, device):
    container = device.asarray if container == "device" else container
    X = np.array(bars)
    X[[5, 7], [2, 0]] = value
    text = message(ValueError, getattr(rbm().fit(bars), method), container(X))
    contains(text, "RBMTransformer", "first of 2 such values is in row 5, column 2.")
    contains(text, "NaN" if np.isnan(value) else "infinity", "SimpleImputer")


def test_nan_in_a_data_frame_names_the_column(bars):
    frame = pd.DataFrame(bars, columns=[f"pixel{i}" for i in range(9)])
    frame.loc[3, "pixel4"] = None
    text = message(ValueError, rbm().fit, frame)
    contains(text, "RBMTransformer", "row 3, column 4 ('pixel4')")


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
@pytest.mark.parametrize("method", [m for m in METHODS if m != "fit"])
def test_wrong_number_of_features(container, method, bars, device):
    container = device.asarray if container == "device" else container
    text = message(ValueError, getattr(rbm().fit(bars), method), container(bars[:, :7]))
    contains(text, "X has 7 features, but RBMTransformer is expecting 9 features")


def test_columns_that_are_not_numbers(bars):
    frame = pd.DataFrame(bars, columns=list("abcdefghi"))
    frame["c"] = "red"
    frame["h"] = pd.Categorical(["x"] * len(bars))
    text = message(ValueError, rbm().fit, frame)
    contains(text, "RBMTransformer", "not numbers: c, h.", "OneHotEncoder", "ColumnTransformer")


def test_other_column_names(bars):
    model = rbm().fit(pd.DataFrame(bars, columns=list("abcdefghi")))
    text = message(ValueError, model.transform, pd.DataFrame(bars, columns=list("abcdefghx")))
    contains(text, "feature names should match", "- x", "- i")


@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_sparse_data_for_gaussian_units(container, method, real):
    text = message(TypeError, getattr(rbm(visible="gaussian"), method), container(real))
    contains(text, "RBMTransformer", "visible='gaussian'", "toarray()", "visible='bernoulli'")


@pytest.mark.parametrize(
    "X", [np.zeros(4), np.zeros((2, 2, 2)), np.zeros((0, 3)), np.zeros((3, 0))]
)
@pytest.mark.parametrize("on_device", [False, True])
def test_wrong_shapes(X, on_device, device):
    text = message(ValueError, rbm().fit, device.asarray(X) if on_device else X)
    assert any(part in text for part in ("2D array", "2 dims", "dim 3", "least one row", "minimum"))
    if on_device:
        assert "RBMTransformer" in text


def test_hidden_values_of_the_wrong_shape(bars):
    model = rbm().fit(bars)
    text = message(ValueError, model.inverse_transform, np.zeros((2, 5)))
    contains(text, "RBMTransformer", "(2, 5)", "(n_samples, 4)")
    bad = np.zeros((2, 4))
    bad[1, 1] = np.nan
    contains(message(ValueError, model.inverse_transform, bad), "RBMTransformer", "NaN")


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("spoil", ["nan", "width", "strings", "groups", "range as error"])
def test_bad_data_leave_a_fitted_model_untouched(method, spoil, bars):
    frame = pd.DataFrame(bars, columns=list("abcdefghi"))
    model = rbm(algorithm="pcd").fit(frame)
    before = {k: np.array(v) for k, v in vars(model).items() if isinstance(v, np.ndarray)}
    history = {k: v.copy() for k, v in model.history_.items()}
    hidden = model.transform(frame)
    bad = frame.rename(columns=str.upper)
    if spoil == "nan":
        bad.iloc[3, 3] = np.nan
    elif spoil == "width":
        # `fit` may have other data than before: here they are bad as well
        bad = bad.iloc[:, :5] * np.nan
    elif spoil == "strings":
        bad["A"] = "red"
    elif spoil == "groups":
        model.set_params(visible="softmax", visible_groups=[4, 4])
        bad = bad.iloc[:, :7]
    else:
        bad.iloc[2, 2] = 7.0
    message((ValueError, DataRangeWarning), getattr(model, method), bad)
    if spoil == "groups":
        model.set_params(visible="bernoulli", visible_groups=None)
    assert list(model.feature_names_in_) == list("abcdefghi")
    assert model.n_features_in_ == 9
    assert model.n_iter_ == 2
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(model, name), array, err_msg=name)
    for name, array in history.items():
        np.testing.assert_array_equal(model.history_[name], array, err_msg=name)
    np.testing.assert_array_equal(model.transform(frame), hidden)


# -- doubtful data ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform"])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
def test_values_outside_the_range_of_bernoulli_units(method, container, bars, device):
    container = device.asarray if container == "device" else container
    X = np.array(bars)
    X[4, 3], X[6, 8] = 2.5, -1
    given = container(X.copy())
    text = warned(DataRangeWarning, getattr(rbm(), method), given)
    contains(text, "RBMTransformer", "column 3 holds 2.5 in row 4", "outside [0, 1]")
    contains(text, "2 of 9 columns", "clipped", "MinMaxScaler(clip=True)", "visible='gaussian'")
    # the rule: clipped, in a copy
    kept = given.toarray() if sp.issparse(given) else given
    np.testing.assert_array_equal(device.to_host(kept), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        spoilt = rbm().fit(given)
    np.testing.assert_array_equal(
        spoilt.components_, rbm().fit(container(np.clip(X, 0, 1))).components_
    )


def test_out_of_range_column_of_a_data_frame_is_named(bars):
    frame = pd.DataFrame(bars, columns=[f"pixel{i}" for i in range(9)])
    frame.loc[1, "pixel7"] = 3.0
    text = warned(DataRangeWarning, rbm().fit, frame)
    contains(text, "column 7 ('pixel7') holds 3 in row 1")
    model = rbm().fit(frame.clip(0, 1))
    contains(warned(DataRangeWarning, model.transform, frame), "column 7 ('pixel7')")


def test_rounding_beyond_the_range_is_no_matter(bars):
    X = bars * (1 + 1e-9) - 1e-9 * (1 - bars)
    assert np.isfinite(rbm().fit(X).transform(X)).all()


def test_constant_column_of_gaussian_units(real):
    frame = pd.DataFrame(real, columns=list("abcde"))
    frame["b"] = 4.0
    frame["d"] = -1.0
    text = warned(DataRangeWarning, rbm(visible="gaussian").fit, frame)
    contains(text, "RBMTransformer", "column 1 ('b') is constant", "2 of 5", "VarianceThreshold")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = rbm(visible="gaussian", n_iter=0).fit(frame)
    np.testing.assert_allclose(model.log_variance_visible_[[1, 3]], 0)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
def test_softmax_groups_that_are_not_one_hot(container, device):
    container = device.asarray if container == "device" else container
    X = np.eye(3)[np.random.default_rng(0).integers(3, size=(20, 2))].reshape(20, 6)
    model = rbm(visible="softmax", visible_groups=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(container(X))
    # a row with two ones and a row with none: their mean looks right
    X[7, 3:], X[8, 3:] = [1, 1, 0], 0
    text = warned(DataRangeWarning, model.fit, container(X))
    contains(text, "RBMTransformer", "columns 3 to 5 (group 1) sum to 2 in row 7", "OneHotEncoder")
    contains(text, "visible_groups")
    X[7, 3] = 9
    contains(warned(DataRangeWarning, model.fit, container(X)), "column 3 holds 9 in row 7")


def test_a_model_that_learned_nothing_warns():
    noise = np.random.default_rng(0).integers(2, size=(200, 8))
    text = warned(BaseRateWarning, rbm(n_iter=10, learning_rate=1e-5).fit, noise)
    contains(text, "RBMTransformer", "after 10 epochs", "Raise learning_rate or n_iter")
    # tables that a scaler has brought into [0, 1] look like that
    contains(text, "standardise them instead, and use visible='gaussian'")


def test_only_units_of_probabilities_are_advised_to_be_gaussian():
    history = [{"reconstruction_error": 1.0}] * 200
    for visible in ("bernoulli", "gaussian"):
        with pytest.warns(BaseRateWarning) as found:
            warn_of_base_rate(rbm(visible=visible), history, 1.0, 200)
        assert ("visible='gaussian'" in str(found[0].message)) == (visible == "bernoulli")


def test_a_model_that_has_run_away_warns_of_the_rate():
    real = np.random.default_rng(0).normal(size=(200, 8))
    model = rbm(n_iter=10, learning_rate=0.3, visible="gaussian", hidden="relu")
    text = warned(BaseRateWarning, model.fit, real)
    contains(text, "much worse than their means", "Lower learning_rate")


# -- hyper-parameters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("n_gibbs_steps", 0, "[1, inf)"),
        ("n_components", 0, "[1, inf)"),
        ("batch_size", 0, "[1, inf)"),
        ("n_iter", -1, "[0, inf)"),
        ("n_chains", 0, "[1, inf)"),
        ("learning_rate", 0.0, "(0.0, inf)"),
        ("learning_rate", "fast", "'auto'"),
        ("momentum", 1.0, "[0.0, 1.0)"),
        ("weight_decay", -0.1, "[0.0, inf)"),
        ("norm_cost", -0.1, "[0.0, inf)"),
        ("sparsity_target", 1.0, "(0.0, 1.0)"),
        ("algorithm", "fast-cd", "'cd'"),
        ("visible", "relu", "'gaussian'"),
        ("hidden", "sigmoid", "'bernoulli'"),
        ("optimizer", "lbfgs", "'adam'"),
        ("training_dtype", "float16", "'float32'"),
        ("shuffle", "no", "bool"),
        ("random_state", -1, "instance of 'numpy.random.mtrand.RandomState'"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_hyper_parameters(name, value, allowed, method, bars):
    text = message(ValueError, getattr(rbm(**{name: value}), method), bars)
    contains(text, f"The {name!r} parameter of RBMTransformer must be", allowed, repr(value))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_unknown_backend(method, bars):
    text = message(ValueError, getattr(rbm(backend="torch"), method), bars)
    contains(text, "RBMTransformer", "Unknown backend 'torch'", "'numpy'", "'cupy'")
    with pytest.raises(ValueError, match="Unknown backend 'torch'"):
        with skdeepbm.config_context(backend="torch"):
            pass


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
@pytest.mark.parametrize("method", ["fit", "transform", "sample"])
def test_cupy_absent(method, bars):
    model = rbm().fit(bars).set_params(backend="cupy")
    args = () if method == "sample" else (bars,)
    text = message(BackendNotAvailableError, getattr(model, method), *args)
    contains(
        text, "RBMTransformer", "pip install 'skdeepbm[cuda12]'", "pip install 'skdeepbm[cuda13]'"
    )
    assert model.set_params(backend="auto").transform(bars).shape == (len(bars), 4)


@pytest.mark.parametrize("side", ["visible", "hidden"])
@pytest.mark.parametrize("groups", [5, [2, 2], [3.5, 0.5], [-4, 8, 4], [], 0.5, "all"])
def test_groups_that_do_not_add_up(side, groups, bars):
    options = {side: "softmax", f"{side}_groups": groups, "n_components": 8}
    text = message(ValueError, rbm(**options).fit, bars[:, :8])
    contains(text, f"{side}_groups", "RBMTransformer")


@pytest.mark.parametrize("hidden", ["gaussian", "relu", "softmax"])
def test_sparsity_of_units_that_are_not_probabilities(hidden, bars):
    text = message(ValueError, rbm(hidden=hidden, sparsity_cost=0.1).fit, bars)
    contains(text, "sparsity_cost=0.1", "RBMTransformer", "hidden='bernoulli'", "l1_penalty")


@pytest.mark.parametrize(
    ("name", "schedule", "epoch"),
    [
        ("learning_rate", lambda epoch: 0.1 - 0.1 * epoch, 2),
        ("learning_rate", lambda epoch: np.nan if epoch else 0.1, 1),
        ("learning_rate", lambda epoch: np.inf, 0),
        ("learning_rate", lambda epoch: None, 0),
        ("learning_rate", [0.1, -0.1], 1),
        ("learning_rate", [0.1, "0.1"], 1),
        ("momentum", lambda epoch: 1.0, 0),
        ("momentum", [0.5, np.nan], 1),
        ("n_gibbs_steps", lambda epoch: 2 - epoch, 2),
        ("n_gibbs_steps", np.array([1, 0]), 1),
    ],
)
def test_schedules_that_make_no_sense(name, schedule, epoch, bars):
    model = rbm().fit(bars)
    before = model.components_.copy()
    text = message(ValueError, model.set_params(n_iter=3, **{name: schedule}).fit, bars)
    contains(text, f"schedule {name} of RBMTransformer gives", f"in epoch {epoch} ", "must")
    # before the first epoch, so that nothing is lost
    np.testing.assert_array_equal(model.components_, before)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("name", ["learning_rate", "momentum", "n_gibbs_steps"])
@pytest.mark.parametrize("schedule", [[], [[1, 1]]])
def test_sequences_of_the_wrong_shape(name, schedule, bars):
    text = message(ValueError, rbm(**{name: schedule}).fit, bars)
    contains(text, f"{name} of RBMTransformer", "one value per epoch")


def test_partial_fit_checks_the_schedule_of_its_epoch(bars):
    model = rbm(momentum=lambda epoch: 0.5 if epoch < 2 else 2.0)
    for _ in range(2):
        model.partial_fit(bars)
    contains(message(ValueError, model.partial_fit, bars), "momentum", "in epoch 2 ")


# -- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": "relu"},
        {"hidden": "gaussian"},
        {"hidden": "relu", "algorithm": "pcd", "optimizer": "nesterov"},
        {"visible": "gaussian"},
    ],
    ids=str,
)
def test_divergence_of_a_first_fit(options, small, real):
    X = real if "visible" in options else small
    model = rbm(learning_rate=1e30, n_iter=5, warm_start=True, **options)
    text = message(DivergenceError, model.fit, X)
    contains(text, "RBMTransformer", "diverged in epoch", "1e+30", "divide it by 10")
    contains(text, "last finite parameters")
    assert "norm_cost" not in text
    for name in ARRAYS:
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.isfinite(model.transform(X)).all()
    assert model.n_iter_ == model.history_["free_energy"].shape[0] < 5
    # nothing of what diverged is left: with a sane rate, training goes on
    model.set_params(learning_rate=1e-3, n_iter=2).fit(X)
    assert np.isfinite(model.components_).all()


def test_divergence_names_the_cost_of_norms(real):
    text = message(DivergenceError, rbm(visible="gaussian", norm_cost=1e30).fit, real)
    contains(text, "or lower norm_cost (1e+30)")


def test_divergence_keeps_the_last_good_epoch(small):
    rates = [0.01, 0.01, 1e35]
    setting = {"hidden": "relu", "algorithm": "pcd", "optimizer": "adam"}
    model = rbm(learning_rate=rates, n_iter=5, warm_start=True, **setting)
    contains(message(DivergenceError, model.fit, small), "diverged in epoch 3")
    good = rbm(learning_rate=0.01, n_iter=2, **setting).fit(small)
    assert model.n_iter_ == 2
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(model, name), getattr(good, name))
    model.set_params(learning_rate=1e-3, n_iter=1).fit(small)
    assert model.n_iter_ == 3
    assert np.isfinite(model.transform(small)).all()


def test_divergence_of_partial_fit(small):
    model = rbm(hidden="relu", learning_rate=0.01).partial_fit(small)
    before = {name: getattr(model, name).copy() for name in ARRAYS}
    model.set_params(learning_rate=1e40)
    contains(message(DivergenceError, model.partial_fit, small), "RBMTransformer", "1e+40")
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(model, name), array)
    model.set_params(learning_rate=0.001).partial_fit(small)
    assert np.isfinite(model.transform(small)).all()
    assert model.n_iter_ == 2


# -- the fitted model ------------------------------------------------------------------------


def test_not_fitted(bars):
    model = rbm()
    for name in (*METHODS[2:], "score", "score_samples", "reconstruct", "inverse_transform"):
        text = message(AttributeError, getattr(model, name), bars)
        contains(text, "This RBMTransformer instance is not fitted yet")
    for name in ("sample", "log_partition"):
        contains(message(AttributeError, getattr(model, name)), "RBMTransformer", "not fitted")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("components_", (4,)),
        ("components_", (5, 9)),
        ("components_", (4, 8)),
        ("intercept_hidden_", (4, 1)),
        ("intercept_visible_", (4,)),
    ],
)
def test_parameters_of_the_wrong_shape(name, shape, bars):
    model = rbm(warm_start=True).fit(bars)
    setattr(model, name, np.zeros(shape))
    for method in ("transform", "free_energy", "partial_fit", "fit"):
        text = message(ValueError, getattr(model, method), bars)
        contains(text, "RBMTransformer", f"{name} {shape}", "(n_components, n_features)")


def test_chains_of_the_wrong_shape(bars):
    model = rbm(algorithm="pcd").fit(bars)
    model.h_samples_ = np.zeros((3, 5))
    contains(message(ValueError, model.partial_fit, bars), "h_samples_ of RBMTransformer", "(3, 5)")


@pytest.mark.parametrize("init", [np.zeros((3, 9)), np.zeros((2, 8)), np.zeros(9)])
def test_sample_from_a_start_of_the_wrong_shape(init, bars):
    model = rbm().fit(bars)
    text = message(ValueError, model.sample, 2, init=init)
    contains(text, f"init has shape {init.shape}", "RBMTransformer", "= (2, 9)")


@pytest.mark.parametrize("value", [0, -1, 1.5, None, "3", True])
def test_numbers_of_samples_and_steps(value, bars):
    model = rbm().fit(bars)
    for name in ("n_samples", "n_gibbs_steps"):
        text = message(ValueError, model.sample, **{name: value})
        contains(text, name, "RBMTransformer", "integer of at least 1", repr(value))
    contains(message(ValueError, model.reconstruct, bars, value), "n_gibbs_steps", repr(value))


def test_expected_reconstructions_of_persistent_chains(bars):
    model = rbm(algorithm="pcd", visible_states="mean")
    contains(message(ValueError, model.fit, bars), "visible_states", "RBMTransformer", "'pcd'")
    assert not hasattr(model, "components_")


def test_likelihood_of_relu_units_that_is_too_large():
    X = np.random.default_rng(0).integers(2, size=(30, 25))
    model = rbm(n_components=3, hidden="relu").fit(X)
    for name in ("score", "score_samples", "log_partition"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as raised:
            getattr(model, name)
        reason = str(raised.value.__cause__)
        contains(reason, "RBMTransformer", "2**20 states", "pseudo_log_likelihood", "free_energy")
    model.fit(X[:, :20])
    assert np.isfinite(model.score(X[:, :20]))
    contains(message(ValueError, model.log_partition, "ais"), "RBMTransformer", "hidden='relu'")


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ({"n_runs": 1}, "n_runs"),
        ({"n_runs": 1.5}, "n_runs"),
        ({"n_temperatures": 0}, "n_temperatures"),
        ({"n_temperatures": "many"}, "n_temperatures"),
        ({"n_temperatures": [0.0, 0.5]}, "rise from 0 to 1"),
        ({"n_temperatures": [0.0, 0.7, 0.5, 1.0]}, "rise from 0 to 1"),
    ],
)
def test_senseless_runs_of_the_partition_function(setting, wanted, bars):
    text = message(ValueError, rbm().fit(bars).log_partition, "ais", **setting)
    contains(text, wanted, "RBMTransformer.log_partition")


def test_reverse_runs_of_an_exact_value(bars):
    text = message(ValueError, rbm().fit(bars).log_partition, "exact", reverse=bars)
    contains(text, "reverse", "RBMTransformer.log_partition", "method='ais'")


def test_model_without_a_partition_function(real):
    model = rbm(visible="gaussian", hidden="gaussian", n_iter=0).fit(real)
    model.components_ = 50.0 * np.ones_like(model.components_)
    contains(message(FloatingPointError, model.log_partition), "RBMTransformer", "not finite")


def test_early_stopping_without_held_out_rows(bars):
    model = rbm(early_stopping="pseudo_likelihood")
    contains(message(ValueError, model.fit, bars), "validation_fraction", "RBMTransformer")
    model = rbm(validation_fraction=0.5)
    contains(message(ValueError, model.fit, bars[:1]), "at least 2 rows", "RBMTransformer")


def test_early_stopping_by_a_pseudo_likelihood_that_does_not_exist(real):
    setting = {"early_stopping": "pseudo_likelihood", "validation_fraction": 0.2}
    model = rbm(visible="gaussian", **setting)
    contains(message(ValueError, model.fit, real), "'free_energy_gap'", "visible='gaussian'")


def test_unknown_method_of_sampling(bars):
    text = message(ValueError, rbm().fit(bars).sample, method="guess")
    contains(text, "RBMTransformer", "'tempering'", "'guess'")


def test_chains_of_another_number_of_temperatures(bars):
    model = rbm(algorithm="pt", n_temperatures=4, n_chains=3, warm_start=True).fit(bars)
    assert model.h_samples_.shape[0] == 12
    model.set_params(n_temperatures=5)
    contains(message(ValueError, model.fit, bars), "h_samples_", "n_temperatures=5")


def test_pseudo_likelihood_of_real_values(real):
    model = rbm(visible="gaussian").fit(real)
    assert not hasattr(model, "pseudo_log_likelihood")
    with pytest.raises(AttributeError) as raised:
        _ = model.pseudo_log_likelihood
    contains(str(raised.value.__cause__), "RBMTransformer", "free_energy(X)", "score_samples(X)")


def test_unknown_method_of_the_partition_function(bars):
    text = message(ValueError, rbm().fit(bars).log_partition, method="guess")
    contains(text, "RBMTransformer.log_partition", "'exact'", "'guess'")
