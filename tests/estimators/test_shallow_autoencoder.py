"""ShallowAutoencoder as scikit-learn's users expect it, and what it learns."""

import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbm import ShallowAutoencoder
from skdeepbm.exceptions import BaseRateWarning, DataRangeWarning, DivergenceError

ARRAYS = ("components_", "decoder_components_", "intercept_hidden_", "intercept_visible_")
# kinds of units, and everything that may befall them
SETTINGS = [
    {},
    {"tied_weights": False, "hidden": "relu", "optimizer": "sgd"},
    {"corruption": "masking", "optimizer": "nesterov", "learning_rate": 0.02},
    {"corruption": "salt", "sparsity_cost": 0.1},
    {"corruption": "gaussian", "contraction_cost": 0.1, "weight_decay": 1e-3, "max_norm": 2.0},
    {"visible": "gaussian", "hidden": "gaussian"},
    {"visible": "softmax", "visible_groups": 8, "training_dtype": None},
]


def autoencoder(**options):
    return ShallowAutoencoder(**{"n_components": 6, "n_iter": 2, "random_state": 0, **options})


def assert_same_model(a, b):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def feed(model, X, n_epochs):
    for _ in range(n_epochs):
        for start in range(0, X.shape[0], model.batch_size):
            model.partial_fit(X[start : start + model.batch_size])
    return model


def squared_error(model, X):
    return ((model.reconstruct(X) - X) ** 2).sum(axis=1).mean()


# -- the model -------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "multinomial"])
def test_methods_against_the_formulas(ref, visible, tied):
    tiny, X = ref.make_autoencoder(visible, "relu", tied), ref.rows_for_autoencoder(visible, 6)
    model = ShallowAutoencoder(visible=visible, hidden="relu", tied_weights=tied)
    model.components_ = tiny.weights.T
    model.intercept_hidden_, model.intercept_visible_ = tiny.hidden_bias, tiny.visible_bias
    if not tied:
        model.decoder_components_ = tiny.decoder
    H, output = tiny.codes(X), ref.mean_of(visible, tiny.network().inputs(X)[-1])
    np.testing.assert_allclose(model.transform(X), H, rtol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(H), output, rtol=1e-12)
    times = X.sum(axis=1, keepdims=True) if visible == "multinomial" else 1.0
    np.testing.assert_allclose(model.reconstruct(X), times * output, rtol=1e-12)
    expected = -tiny.network().losses(X, X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-12, atol=1e-13)
    assert model.score(X) == pytest.approx(expected.mean())


def test_tied_weights_are_one_array(small):
    model = autoencoder().fit(small)
    assert model.decoder_components_ is model.components_
    before = model.inverse_transform(np.ones((1, 6)))
    model.components_ = model.components_ + 0.5
    assert (model.inverse_transform(np.ones((1, 6))) > before).all()
    with pytest.raises(AttributeError, match="has the weights components_: set those"):
        model.decoder_components_ = model.components_
    assert not hasattr(autoencoder(), "decoder_components_")


def test_untied_weights(small):
    model = autoencoder(tied_weights=False).fit(small)
    assert model.decoder_components_.shape == model.components_.shape
    assert (model.decoder_components_ != model.components_).all()
    model.decoder_components_ = model.decoder_components_[:, :5]
    with pytest.raises(
        ValueError, match=r"decoder_components_ .* \(6, 5\), but needs .* \(6, 64\)"
    ):
        model.transform(small)
    tied = autoencoder().fit(small).set_params(tied_weights=False)
    with pytest.raises(AttributeError, match="Call fit, or set them"):
        tied.reconstruct(small)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "relu"])
@pytest.mark.parametrize("tied", [True, False])
def test_starts_at_the_base_rate(hidden, tied, small):
    """A row at the mean of the data is reconstructed as the mean is."""
    X = 0.01 + 0.98 * small
    start = autoencoder(n_iter=0, hidden=hidden, tied_weights=tied, training_dtype=None).fit(X)
    mean = X.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(start.reconstruct(mean), mean, rtol=1e-10)
    bound = (4 if hidden == "bernoulli" else 1) * np.sqrt(6 / 70)
    assert 0.95 * bound < np.abs(start.components_).max() <= bound


# -- composition, persistence, reproducibility -----------------------------------------------


def test_every_parameter_is_stored_and_documented():
    given = {name: object() for name in ShallowAutoencoder().get_params()}
    model = ShallowAutoencoder(**given)
    assert all(getattr(model, name) is value for name, value in given.items())
    html = ShallowAutoencoder()._repr_html_()
    for name in given:
        shown = html[html.index(f"--doc-link-{name};") :]
        description = shown[shown.index("param-doc-description") : shown.index("</span>")]
        assert re.search(rf"{name}: .*default=.*<br><br>\w.{{15,}}", description, re.S), name


def test_pipeline_and_pandas_output(small):
    y = (small.mean(axis=1) > np.median(small.mean(axis=1))).astype(int)
    model = autoencoder(corruption="masking")
    pipe = make_pipeline(model, LogisticRegression()).fit(small, y)
    H = clone(model).fit_transform(small)
    expected = LogisticRegression().fit(H, y).predict_proba(H)
    np.testing.assert_array_equal(pipe.predict_proba(small), expected)
    frame = pd.DataFrame(small, columns=[f"pixel{i}" for i in range(64)])
    out = clone(model).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == [f"shallowautoencoder{i}" for i in range(6)]
    np.testing.assert_array_equal(out, H)


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.BaseRateWarning")
def test_grid_search_scores_by_reconstructions_of_held_out_rows(digits):
    X = digits[:200]
    search = GridSearchCV(autoencoder(n_iter=10), {"learning_rate": [1e-7, 0.01]}, cv=KFold(2)).fit(
        X
    )
    assert search.best_params_ == {"learning_rate": 0.01}
    train, test = next(KFold(2).split(X))
    expected = clone(search.best_estimator_).fit(X[train]).score_samples(X[test]).mean()
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
def test_an_int_gives_the_same_model_and_another_int_another(setting, small):
    first, second, other = (
        autoencoder(**{"random_state": seed, **setting}).fit(small) for seed in (0, 0, 1)
    )
    assert_same_model(first, second)
    assert (first.components_ != other.components_).all()
    np.testing.assert_array_equal(first.transform(small), second.transform(small))


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
def test_keeps_the_dtype(setting, small):
    for dtype in (np.float32, np.float64):
        X = small.astype(dtype)
        model = autoencoder(**setting).fit(X)
        for name in ARRAYS:
            assert getattr(model, name).dtype == dtype, name
        for method in (model.transform, model.reconstruct, model.score_samples):
            assert method(X).dtype == dtype


@pytest.mark.parametrize("setting", SETTINGS[:5], ids=str)
def test_goes_on_after_loading(setting, small, tmp_path):
    model = autoencoder(**setting)
    for start in range(0, 50, 10):
        model.partial_fit(small[start : start + 10])
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.transform(small), model.transform(small))
    for one in (model, loaded):
        for start in range(50, 100, 10):
            one.partial_fit(small[start : start + 10])
    assert_same_model(loaded, model)


# -- batches, epochs, containers -------------------------------------------------------------


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
def test_same_batches_give_the_same_parameters_as_fit(setting, small):
    # 100 rows in batches of 16: the last one is short
    setting = {"batch_size": 16, "shuffle": False, **setting}
    at_once = autoencoder(n_iter=3, **setting).fit(small)
    piecewise = feed(autoencoder(n_iter=0, **setting).fit(small), small, 3)
    assert_same_model(piecewise, at_once)


def test_first_partial_fit_is_an_epoch_of_one_batch(small):
    alone = autoencoder(corruption="salt").partial_fit(small[:20])
    assert_same_model(
        alone, autoencoder(corruption="salt", n_iter=1, shuffle=False).fit(small[:20])
    )
    assert alone.n_iter_ == 1
    alone.partial_fit(small[20:27])
    assert alone.history_["loss"].shape == (2,)


@pytest.mark.parametrize("setting", SETTINGS[:5], ids=str)
def test_warm_start_goes_on(setting, small):
    twice = autoencoder(warm_start=True, **setting).fit(small).fit(small)
    once = autoencoder(n_iter=4, **setting).fit(small)
    assert_same_model(twice, once)
    assert twice.n_iter_ == 4
    np.testing.assert_array_equal(twice.history_["loss"], once.history_["loss"])


def test_warm_start_after_a_change_of_the_settings(small):
    model = autoencoder(warm_start=True, tied_weights=False, optimizer="sgd").fit(small)
    for change in ({"optimizer": "adam"}, {"tied_weights": True}, {"sparsity_cost": 0.1}):
        before = model.components_.copy()
        model.set_params(**change).fit(small)
        assert 0 < np.abs(model.components_ - before).max() < 0.5
    # the decoder's weights of long ago
    model.set_params(tied_weights=False).fit(small)
    assert np.isfinite(model.decoder_components_).all()
    with pytest.raises(ValueError, match="goes on from its 6 components, but n_components=7"):
        model.set_params(n_components=7).fit(small)


def test_training_goes_on_from_parameters_that_somebody_set(small):
    model = autoencoder(warm_start=True, n_components=2)
    model.components_, model.intercept_hidden_ = np.full((2, 64), 0.1), np.zeros(2)
    model.intercept_visible_ = np.zeros(64)
    model.fit(small)
    assert model.n_iter_ == 2
    assert 0 < np.abs(model.components_ - 0.1).max() < 1


@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array])
@pytest.mark.parametrize("setting", [{}, {"tied_weights": False, "hidden": "relu"}], ids=str)
def test_sparse_rows_train_the_same_model_as_dense_ones(container, setting, small):
    setting = {"training_dtype": "float64", **setting}
    X = container(small)
    sparse, dense = autoencoder(**setting).fit(X), autoencoder(**setting).fit(small)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(sparse, name), getattr(dense, name), rtol=1e-8)
    for method in ("transform", "reconstruct", "score_samples"):
        np.testing.assert_allclose(
            getattr(sparse, method)(X), getattr(dense, method)(small), rtol=1e-7
        )


@pytest.mark.parametrize("corruption", ["salt", "gaussian"])
def test_dense_corruption_of_sparse_rows(corruption, small):
    setting = {"corruption": corruption, "training_dtype": "float64"}
    sparse = autoencoder(**setting).fit(sp.csr_array(small))
    np.testing.assert_allclose(
        sparse.components_, autoencoder(**setting).fit(small).components_, rtol=1e-8
    )


@pytest.mark.parametrize("setting", SETTINGS[:6], ids=str)
def test_device_arrays(setting, small, device):
    model = autoencoder(backend="array_api_strict", **setting).fit(device.asarray(small))
    assert isinstance(model.components_, np.ndarray)
    found = model.transform(device.asarray(small))
    assert device.owns(found)
    host = clone(model).set_params(backend="numpy").fit(small)
    np.testing.assert_allclose(device.to_host(found), host.transform(small), rtol=1e-3, atol=1e-4)


# -- history, held-out rows ------------------------------------------------------------------


def test_history_measures_the_model_of_the_epoch(small):
    """All of 100 rows are monitored, so that the last entry is known exactly."""
    setting = {"training_dtype": "float64", "corruption": "masking"}
    model = autoencoder(n_iter=3, **setting).fit(small)
    last = {name: values[-1] for name, values in model.history_.items()}
    assert last["loss"] == pytest.approx(-model.score(small), rel=1e-10)
    assert last["squared_error"] == pytest.approx(squared_error(model, small), rel=1e-10)
    assert last["mean_hidden_activity"] == pytest.approx(model.transform(small).mean(), rel=1e-10)
    np.testing.assert_allclose(last["weight_norm"], np.linalg.norm(model.components_, axis=1))
    before = autoencoder(n_iter=2, **setting).fit(small)
    moved = np.abs(model.components_ - before.components_) > 1e-3
    assert last["weights_moved"] == pytest.approx(moved.mean())
    assert np.isnan(last["validation_loss"])
    assert all(len(values) == 3 for values in model.history_.values())


@pytest.mark.parametrize("criterion", ["loss", "squared_error"])
def test_early_stopping_goes_back_to_the_best_epoch(criterion, digits):
    setting = {"validation_fraction": 0.3, "early_stopping": criterion, "n_iter_no_change": 2}
    model = autoencoder(n_components=40, n_iter=500, learning_rate=0.03, **setting)
    model.fit(digits[:60])
    held_out = model.history_[f"validation_{criterion}"]
    best = int(held_out.argmin())
    assert model.n_iter_ == best + 3 < 500
    again = clone(model).set_params(n_iter=best + 1, early_stopping=None).fit(digits[:60])
    np.testing.assert_array_equal(model.components_, again.components_)


def test_verbose_lines(small, capsys):
    autoencoder(verbose=1, validation_fraction=0.2).fit(small)
    line = capsys.readouterr().out.splitlines()[1]
    number = r"\d+\.\d+"
    assert re.match(
        rf"\[ShallowAutoencoder\] Iteration 2, loss = {number}, squared error = {number}, "
        rf"validation loss = {number}, time = ",
        line,
    )


class Watcher:
    """Keeps the codes and reconstructions of every epoch; stops after some."""

    def __init__(self, stop_at):
        self.stop_at, self.found = stop_at, []

    def setup(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return None
        self.found.append(fitted_estimator.reconstruct(X))
        return len(self.found) == self.stop_at

    def teardown(self, estimator, context): ...


@pytest.mark.parametrize("tied", [True, False])
def test_callbacks_see_the_model_of_the_epoch_and_stop(tied, small):
    setting = {"tied_weights": tied, "training_dtype": "float64"}
    watcher = Watcher(stop_at=2)
    model = autoencoder(n_iter=9, **setting).set_callbacks(watcher).fit(small)
    assert model.n_iter_ == 2
    for n_iter, found in enumerate(watcher.found, start=1):
        expected = autoencoder(n_iter=n_iter, **setting).fit(small)
        np.testing.assert_array_equal(found, expected.reconstruct(small))


# -- learning --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "bound"),
    [
        ({}, 0.5),
        ({"hidden": "relu"}, 0.5),
        ({"hidden": "gaussian"}, 0.5),
        ({"optimizer": "sgd"}, 0.5),
        ({"optimizer": "nesterov", "tied_weights": False}, 0.5),
        ({"corruption": "masking"}, 1.2),
        ({"corruption": "salt"}, 1.2),
        ({"corruption": "gaussian"}, 1.2),
        ({"contraction_cost": 0.02}, 1.2),
        ({"sparsity_cost": 0.1}, 1.2),
        ({"visible": "gaussian", "hidden": "relu"}, 1.2),
    ],
    ids=str,
)
def test_learns_digits(setting, bound, digits):
    """The mean of the training rows has an error of 4.7."""
    train, test = digits[:1000], digits[1000:]
    model = ShallowAutoencoder(100, random_state=0, **setting).fit(train)
    base = ((test - train.mean(axis=0)) ** 2).sum(axis=1).mean()
    assert base > 4.5
    assert squared_error(model, test) < bound


def test_a_linear_autoencoder_finds_the_principal_subspace(real):
    X = StandardScaler().fit_transform(real)
    model = ShallowAutoencoder(
        2,
        visible="gaussian",
        hidden="gaussian",
        n_iter=300,
        learning_rate=[0.01] * 200 + [0.001],
        training_dtype=None,
        random_state=0,
    ).fit(X)
    pca = PCA(2).fit(X)
    best = ((pca.inverse_transform(pca.transform(X)) - X) ** 2).sum(axis=1).mean()
    assert best * (1 - 1e-9) < squared_error(model, X) < 1.01 * best


def test_penalties_and_corruption_do_what_they_are_for(digits):
    train, test = digits[:1000], digits[1000:]

    def fitted(**setting):
        return ShallowAutoencoder(64, random_state=0, **setting).fit(train)

    def stretch(model):
        h = model.transform(test)
        return ((h - h * h) ** 2 @ (model.components_**2).sum(axis=1)).mean()

    plain = fitted()
    assert stretch(fitted(contraction_cost=0.05)) < 0.5 * stretch(plain)
    sparse = fitted(sparsity_cost=2.0, sparsity_target=0.1)
    assert abs(sparse.transform(train).mean() - 0.1) < 0.03
    assert plain.transform(train).mean() > 0.3
    # rows of which half of the pixels are missing
    missing = test * (np.random.default_rng(0).random(test.shape) < 0.5)
    found = [
        ((model.reconstruct(missing) - test) ** 2).sum(axis=1).mean()
        for model in (plain, fitted(corruption="masking", corruption_level=0.5))
    ]
    assert found[1] < 0.7 * found[0]


def test_topics_of_counts(documents):
    # of the documents about each of three topics, one word in four is not theirs
    model = ShallowAutoencoder(3, visible="multinomial", n_iter=100, random_state=0).fit(documents)
    share = np.asarray(documents.sum(axis=0)).reshape(-1) / documents.sum()
    base = documents @ np.log(share)
    assert model.score(documents) > base.mean() + 5
    np.testing.assert_allclose(
        model.reconstruct(documents).sum(axis=1), documents.sum(axis=1), rtol=1e-6
    )
    dense = clone(model).fit(documents.toarray())
    assert_same_model(dense, model)


# -- bad input -------------------------------------------------------------------------------


def message(error, function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as raised:
            function(*args)
    return str(raised.value)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "reconstruct", "score"])
def test_bad_rows(method, small):
    X = small.copy()
    X[5, 2] = np.nan
    model = autoencoder().fit(small)
    before = model.components_.copy()
    text = message(ValueError, getattr(model, method), X)
    assert "ShallowAutoencoder" in text
    assert "row 5, column 2" in text
    if method != "fit":
        text = message(ValueError, getattr(model, method), small[:, :7])
        assert "X has 7 features, but ShallowAutoencoder is expecting 64 features" in text
    np.testing.assert_array_equal(model.components_, before)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"corruption": "salt", "visible": "multinomial"}, ["'salt'", "counts", "'masking'"]),
        ({"corruption": "gaussian", "visible": "multinomial"}, ["'gaussian'", "counts"]),
        ({"corruption": "salt", "visible": "gaussian"}, ["ends of their range", "'masking'"]),
        ({"corruption": "masking", "corruption_level": 1.5}, ["corruption_level=1.5", "at most 1"]),
        ({"contraction_cost": 0.1, "visible": "multinomial"}, ["contraction_cost=0.1", "counts"]),
        ({"early_stopping": "loss"}, ["early_stopping='loss'", "validation_fraction"]),
        ({"visible": "softmax", "visible_groups": 5}, ["visible_groups=5", "64 units"]),
        ({"learning_rate": [0.1, -1.0]}, ["learning_rate", "epoch 1"]),
        ({"corruption": "dropout"}, ["'corruption' parameter", "'dropout'"]),
        ({"hidden": "softmax"}, ["'hidden' parameter", "'softmax'"]),
        ({"tied_weights": "no"}, ["'tied_weights' parameter", "'no'"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_settings_that_make_no_sense(options, parts, method, small):
    text = message(ValueError, getattr(autoencoder(**options), method), small)
    for part in (*parts, "ShallowAutoencoder"):
        assert part in text


def test_counts_that_are_none(small):
    model = autoencoder(visible="multinomial")
    assert "Negative values" in message(ValueError, model.fit, -small)
    assert "no word" in message(ValueError, model.fit, 0 * small)
    with pytest.warns(DataRangeWarning, match="ShallowAutoencoder: .* is no count"):
        model.fit(small)
    # a document without words gets the answer for nothing known
    code = model.fit(np.round(16 * small)).transform(np.zeros((1, 64)))
    np.testing.assert_allclose(code, 0.5)


def test_values_out_of_range_are_clipped(small):
    with pytest.warns(DataRangeWarning, match=r"outside \[0, 1\].*Values outside are clipped"):
        found = autoencoder().fit(2 * small)
    assert_same_model(found, autoencoder().fit(np.clip(2 * small, 0, 1)))


def test_sparse_data_for_gaussian_units(small):
    text = message(TypeError, autoencoder(visible="gaussian").fit, sp.csr_array(small))
    assert "toarray()" in text


def test_a_model_that_learned_nothing_warns():
    noise = np.random.default_rng(0).integers(2, size=(400, 8))
    with pytest.warns(BaseRateWarning, match="ShallowAutoencoder: after 10 epochs"):
        autoencoder(n_iter=10, learning_rate=0.05, weight_decay=10.0).fit(noise)


def test_divergence(small):
    setting = {"visible": "gaussian", "hidden": "gaussian", "optimizer": "sgd", "n_iter": 5}
    model = autoencoder(learning_rate=[0.001, 1e30], **setting)
    text = message(DivergenceError, model.fit, small)
    for part in ("ShallowAutoencoder", "diverged in epoch 2", "1e+30", "last finite parameters"):
        assert part in text
    assert_same_model(
        model, autoencoder(**{**setting, "learning_rate": 0.001, "n_iter": 1}).fit(small)
    )
    assert model.n_iter_ == len(model.history_["loss"]) == 1
