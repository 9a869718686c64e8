"""Training of DBMClassifier: layers, machine and network, going on, and what may go wrong."""

import copy
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdeepbm import DBM, Backprop, DBMClassifier, WakeSleep, schedules
from skdeepbm import RBMTransformer as RBM
from skdeepbm.estimators._labels import row_keys
from skdeepbm.exceptions import DataRangeWarning, DivergenceError, SilentLayerWarning


def machine(finetuning=None, sizes=(8, 5), **options):
    options = {"rbm": RBM(n_iter=2), "n_iter": 2, "random_state": 0, **options}
    return DBMClassifier(sizes, finetuning=finetuning, **options)


def backprop(n_iter=2, **options):
    return Backprop(n_iter=n_iter, **options)


def arrays(model):
    """All public arrays by name."""
    found = {"label_coef_": model.label_coef_, "label_intercept_": model.label_intercept_}
    for name in ("coefs_", "intercepts_", "network_coefs_", "network_intercepts_"):
        found |= {f"{name}[{i}]": array for i, array in enumerate(getattr(model, name, []))}
    if hasattr(model, "log_variance_visible_"):
        found["log_variance_visible_"] = model.log_variance_visible_
    return found


def generative(model):
    return {k: v for k, v in arrays(model).items() if not k.startswith("network")}


def assert_same(found, expected, rtol=0.0, atol=0.0):
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=atol, err_msg=name)


def plain_order(X, y):
    """The order in which a fit takes the rows."""
    return np.argsort(row_keys(X, y), kind="stable")


@pytest.fixture
def blobs(small):
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


EXACT = {"learning_rate": 0.05, "shuffle": False, "training_dtype": "float64"}


# -- the order of things ---------------------------------------------------------------------


def test_the_label_starts_at_the_shares_of_the_classes(small, blobs):
    y = np.where(np.arange(100) % 3 == 0, -1, blobs)
    model = machine(n_iter=0).fit(small, y)
    np.testing.assert_array_equal(model.label_coef_, 0)
    shares = np.bincount(y[y >= 0]) / (y >= 0).sum()
    np.testing.assert_allclose(model.label_intercept_, np.log(shares), rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(small), np.tile(shares, (100, 1)), rtol=1e-5)
    # the other layers are those of a machine without a label
    order = plain_order(small, y)
    other = DBM((8, 5), rbm=RBM(n_iter=2), n_iter=0, random_state=0).fit(small[order])
    for w, expected in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(w, expected)
    np.testing.assert_allclose(model.transform(small), other.transform(small), atol=1e-6)


@pytest.mark.parametrize("pretraining", [True, False])
def test_stages(pretraining, small, blobs):
    model = machine(backprop(3), pretraining=pretraining).fit(small, blobs)
    assert len(model.rbms_) == 2 * pretraining
    assert (model.n_joint_iter_, model.n_iter_) == (2, 3)
    assert {len(values) for values in model.joint_history_.values()} == {2}
    assert {len(values) for values in model.history_.values()} == {3}
    assert {"free_energy", "mean_field_steps", "error"} <= set(model.joint_history_)
    assert {"loss", "validation_error"} <= set(model.history_)
    assert model.joint_history_["mean_hidden_activity"].shape == (2, 2)
    assert model.joint_history_["weight_norm"].shape == (2, 13)
    plain = machine(pretraining=pretraining).fit(small, blobs)
    assert_same(generative(model), generative(plain))
    assert not hasattr(plain, "network_coefs_")
    assert plain.n_iter_ == plain.n_joint_iter_ == 2
    assert_same(
        {k: v for k, v in plain.history_.items() if k != "epoch_time"},
        {k: v for k, v in plain.joint_history_.items() if k != "epoch_time"},
    )
    np.testing.assert_array_equal(plain.history_["error"], model.joint_history_["error"])
    # a string is the settings' defaults
    string = machine("backprop", n_iter=0).fit(small[:30], blobs[:30])
    default = machine(Backprop(), n_iter=0).fit(small[:30], blobs[:30])
    assert_same(arrays(string), arrays(default))


@pytest.fixture
def four(digits):
    """300 images of the digits 0 to 3, and their names; all writers are among the first 200."""
    y = load_digits(return_X_y=True)[1]
    kept = np.random.default_rng(0).permutation(np.flatnonzero(y < 4)[:300])
    return digits[kept], np.array([f"digit {c}" for c in range(4)])[y[kept]]


@pytest.mark.parametrize("finetuning", [None, backprop(10)], ids=["none", "backprop"])
def test_learns_digits(finetuning, four):
    X, y = four
    rbm = RBM(n_iter=8, centring=False)
    model = machine(finetuning, (48, 24), rbm=rbm, n_iter=8, batch_size=10)
    model.fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.85
    assert set(model.predict(X)) == set(model.classes_) == set(y)
    assert model.joint_history_["error"][-1] < 0.2
    assert model.sample(labels=model.classes_, n_gibbs_steps=100).shape == (4, 64)


def test_rows_without_a_label_teach_the_machine_alone(small, blobs):
    y = np.where(np.arange(100) % 4 == 0, blobs, -1)
    model, known = machine(backprop(), **EXACT).fit(small, y), y >= 0
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    fewer = machine(backprop(), **EXACT).fit(small[known], y[known])
    assert (fewer.coefs_[0] != model.coefs_[0]).any()
    # the network sees labelled rows alone: from the same machine both take the same steps
    start = copy.deepcopy(model).set_params(finetuning=None, n_iter=0, warm_start=True)
    start.fit(small, y).set_params(finetuning=backprop())
    some = copy.deepcopy(start).fit(small[known], y[known])
    assert_same(arrays(some), arrays(start.fit(small, y)))
    with pytest.raises(ValueError, match="of DBMClassifier needs rows with a label"):
        machine(backprop(), warm_start=True).fit(small, blobs).fit(small, np.full(100, -1))


@pytest.mark.parametrize(
    "settings",
    [
        backprop(optimizer="adam", dropout=0.2, input_dropout=0.1),
        backprop(optimizer="cg"),
        backprop(optimizer="lbfgs", batch_size=50),
        backprop(optimizer="nesterov", max_norm=1.0, averaging=0.5),
        backprop(n_top_iter=1),
        backprop(early_stopping=True, validation_fraction=0.3),
    ],
    ids=str,
)
def test_settings_of_backpropagation(settings, small, blobs):
    start = machine(backprop(0)).fit(small, blobs)
    model = machine(settings).fit(small, blobs)
    assert_same(generative(model), generative(start))
    for w, before in zip(model.network_coefs_, start.network_coefs_, strict=True):
        assert np.isfinite(w).all()
        assert (w != before).any()
    assert model.history_["loss"][-1] < -np.log(1 / 3)
    assert np.isnan(model.history_["validation_error"]).any() != settings.early_stopping


def test_early_stopping_goes_back_to_the_best_epoch(small, blobs):
    settings = backprop(40, early_stopping=True, n_iter_no_change=2, learning_rate=0.5)
    model = machine(settings).fit(small, blobs)
    errors = model.history_["validation_error"]
    assert model.n_iter_ == errors.size == np.argmin(errors) + 3 < 40


# -- going on --------------------------------------------------------------------------------


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_fit_and_partial_fit_are_one_mathematics(visible, small, real, blobs):
    """Of the machine, for each batch; also the last one, which is short."""
    X = small if visible == "bernoulli" else real[:100]
    y = np.where(np.arange(100) % 5 == 0, -1, blobs)
    options = {"visible": visible, "batch_size": 32, **EXACT, "learning_rate": 0.01}
    whole = machine(**options).fit(X, y)
    parts = machine(**{**options, "n_iter": 0}).fit(X, y)
    order = plain_order(X, y)
    for start in [*range(0, 100, 32)] * 2:
        rows = order[start : start + 32]
        assert parts.partial_fit(X[rows], y[rows]) is parts
    assert_same(arrays(parts), arrays(whole), rtol=1e-9, atol=1e-12)
    assert parts.n_iter_ == parts.n_joint_iter_ == 8


def test_partial_fit_of_both(small, blobs):
    model = machine(backprop(learning_rate=0.1))
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        model.partial_fit(small, blobs)
    for i in range(3):
        model.partial_fit(small[:50], blobs[:50], classes=range(4))
        assert (model.n_joint_iter_, model.n_iter_) == (i + 1, i + 1)
    assert model.predict_proba(small).shape == (100, 4)
    before, unlabelled = arrays(copy.deepcopy(model)), np.full(50, -1)
    model.partial_fit(small[50:], unlabelled)
    after = arrays(model)
    assert (after["coefs_[0]"] != before["coefs_[0]"]).any()
    np.testing.assert_array_equal(after["network_coefs_[0]"], before["network_coefs_[0]"])
    with pytest.raises(ValueError, match="is not the same as on the last call"):
        model.partial_fit(small, blobs, classes=range(3))
    with pytest.raises(ValueError, match="class_weight='balanced' of DBMClassifier is not suppor"):
        model.set_params(class_weight="balanced").partial_fit(small, blobs)
    model.set_params(class_weight=None, finetuning=None).partial_fit(small, blobs)
    assert not hasattr(model, "network_coefs_")
    assert model.n_iter_ == model.n_joint_iter_ == 5


def test_partial_fit_learns(four):
    X, y = four
    model = machine(backprop(), (48, 24), rbm=RBM(n_iter=8, centring=False))
    model.partial_fit(X[:200], y[:200], classes=np.unique(y))
    before = clone(model).set_params(n_iter=0, finetuning=None).fit(X[:200], y[:200])
    for start in [*range(0, 200, 40)] * 6:
        model.partial_fit(X[start : start + 40], y[start : start + 40])
    assert model.score(X[200:], y[200:]) > 0.85
    bound = model.set_params(inference="bound").score(X[200:], y[200:])
    assert bound > before.score(X[200:], y[200:]) + 0.3


@pytest.mark.parametrize("finetuning", [None, backprop()], ids=["none", "backprop"])
def test_warm_start_goes_on(finetuning, small, blobs):
    """With the last stage, and with that alone."""
    options = {"warm_start": True, **EXACT}
    if finetuning is not None:
        finetuning = clone(finetuning).set_params(learning_rate=0.1)
    model = machine(finetuning, **options).fit(small, blobs)
    before = copy.deepcopy(model)
    model.fit(small, blobs)
    assert model.n_iter_ == len(model.history_["epoch_time"]) == 4
    twice = clone(model)
    name = "n_iter" if finetuning is None else "finetuning__n_iter"
    assert_same(arrays(model), arrays(twice.set_params(**{name: 4}).fit(small, blobs)))
    if finetuning is not None:
        assert_same(generative(model), generative(before))
        assert model.n_joint_iter_ == 2
        # the machine goes on where nothing else does, and makes the network another one
        model.set_params(finetuning=None).fit(small, blobs)
        assert model.n_joint_iter_ == model.n_iter_ == 4
        assert not hasattr(model, "network_coefs_")
        model.set_params(finetuning=backprop(0)).fit(small, blobs)
        np.testing.assert_allclose(model.network_coefs_[-1], model.label_coef_, rtol=1e-6)
    with pytest.raises(ValueError, match=r"DBMClassifier goes on from hidden layers of \(8, 5\)"):
        model.set_params(hidden_layer_sizes=(8, 4)).fit(small, blobs)


def test_training_goes_on_with_other_settings(small, blobs):
    """Of the machine, whatever its chains, centring and penalties have been."""
    model = machine(warm_start=True, pretraining=False).fit(small, blobs)
    changes = (
        {"algorithm": "pt", "n_temperatures": 3, "n_chains": 7},
        {"centring": False, "norm_cost": 0.1},
        {"algorithm": "pcd", "optimizer": "adam", "sparsity_cost": 0.1},
        {"centring": True, "max_norm": 1.0},
    )
    for change in changes:
        before = model.label_coef_.copy()
        model.set_params(**change).fit(small, blobs)
        assert np.isfinite(model.label_coef_).all()
        assert (model.label_coef_ != before).any()
    assert model.n_joint_iter_ == 10


def test_a_new_fit_forgets_the_old_one(small, blobs):
    model = machine(backprop()).fit(small, blobs)
    model.set_params(finetuning=None).fit(small, blobs)
    assert_same(arrays(model), arrays(machine().fit(small, blobs)))
    assert model.n_iter_ == 2


# -- weights, numbers and containers ---------------------------------------------------------


@pytest.mark.parametrize("finetuning", [None, backprop()], ids=["none", "backprop"])
def test_weights_repeat_rows(finetuning, small, blobs):
    weights = np.random.default_rng(0).integers(0, 3, 100)
    index = np.repeat(np.arange(100), weights)
    weighted = machine(finetuning, **EXACT).fit(small, blobs, weights)
    repeated = machine(finetuning, **EXACT).fit(small[index], blobs[index])
    assert_same(arrays(weighted), arrays(repeated))
    of_class = machine(finetuning, class_weight={0: 3.0}, **EXACT).fit(small, blobs)
    index = np.repeat(np.arange(100), np.where(blobs == 0, 3, 1))
    tripled = machine(finetuning, **EXACT).fit(small[index], blobs[index])
    assert_same(arrays(of_class), arrays(tripled))


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
def test_float32_stays_float32(visible, small, real, blobs):
    hot = np.eye(3)[np.random.default_rng(0).integers(3, size=(100, 3))].reshape(100, 9)
    X = {"bernoulli": small, "gaussian": real[:100], "softmax": hot}[visible].astype("f4")
    options = {"visible": visible, "visible_groups": 3 if visible == "softmax" else None}
    model = machine(backprop(), **options).fit(X, blobs)
    for _ in range(2):
        assert {array.dtype for array in arrays(model).values()} == {np.dtype("f4")}
        for inference in ("network", "bound", "mean_field"):
            p = model.set_params(inference=inference).predict_proba(X)
            assert p.dtype == np.float32
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        assert model.transform(X).dtype == np.float32
        model.partial_fit(X, blobs)
    double = machine(backprop(), **options).fit(X.astype(np.float64), blobs)
    assert {array.dtype for array in arrays(double).values()} == {np.dtype("f8")}


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix])
def test_sparse_rows(container, small, blobs):
    X = container(small)
    model, dense = (machine(backprop()).fit(rows, blobs) for rows in (X, small))
    assert_same(arrays(model), arrays(dense), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(dense.predict_proba(X), dense.predict_proba(small), rtol=1e-8)
    model.partial_fit(X, blobs)
    dense.partial_fit(small, blobs)
    assert_same(arrays(model), arrays(dense), rtol=1e-3, atol=1e-4)
    with pytest.raises(TypeError, match="DBMClassifier with visible='gaussian' needs dense data"):
        machine(visible="gaussian").fit(X, blobs)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_sparse_rows_are_never_made_dense_together(optimizer, monkeypatch):
    """No call makes more rows dense than a batch, or than fit into 2**21 elements."""
    n_rows, n_columns, batch = 240, 20_000, 8
    rng = np.random.default_rng(0)
    X = sp.csr_array((rng.random((n_rows, n_columns)) < 5e-4).astype(np.float64))
    y = np.arange(n_rows) % 2
    limit = max(batch, 2**21 // n_columns)
    sizes, toarray = [], sp.csr_array.toarray

    def watched(self, *args, **kwargs):
        sizes.append(self.shape[0])
        assert self.shape[0] <= limit
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    monkeypatch.setattr("skdeepbm.estimators._base.CHUNK", batch * n_columns)
    monkeypatch.setattr("skdeepbm.training.backprop.CHUNK", batch)
    settings = backprop(1, optimizer=optimizer, batch_size=batch)
    model = machine(settings, (3, 2), n_iter=1, batch_size=batch)
    model.set_params(rbm=RBM(n_iter=1, batch_size=batch)).fit(X, y)
    model.partial_fit(X[:batch], y[:batch])
    assert model.predict(X).shape == (n_rows,)
    assert sizes


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_device(visible, small, real, blobs, device):
    X = small if visible == "bernoulli" else real[:100]
    there, options = device.asarray(X), {"visible": visible, "training_dtype": None}
    options["rbm"] = RBM(n_iter=2, training_dtype=None)
    settings = backprop(training_dtype=None)
    host, model = (machine(settings, **options).fit(rows, blobs) for rows in (X, there))
    assert all(type(array) is np.ndarray for array in arrays(model).values())
    assert_same(arrays(model), arrays(host), rtol=1e-5, atol=1e-8)
    for inference in ("network", "bound", "mean_field"):
        p = model.set_params(inference=inference).predict_proba(there)
        assert type(p) is np.ndarray
        np.testing.assert_allclose(p, model.predict_proba(X), rtol=1e-7)
    assert device.owns(model.transform(there))
    model.partial_fit(there, blobs)


# -- the tools of scikit-learn ---------------------------------------------------------------


def test_seeds(small, blobs):
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (machine(backprop()).fit(small, blobs) for _ in range(2))
    assert_same(arrays(first), arrays(second))
    other = machine(backprop(), random_state=1).fit(small, blobs)
    assert (other.coefs_[0] != first.coefs_[0]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_clone_and_save(small, blobs, tmp_path):
    model = machine(backprop(), warm_start=True).set_params(rbm__momentum=0.2).fit(small, blobs)
    assert model.rbms_[1].momentum == 0.2
    other = clone(model)
    with pytest.raises(NotFittedError):
        other.predict(small)
    assert_same(arrays(other.fit(small, blobs)), arrays(model))
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(loaded.predict_proba(small), model.predict_proba(small))
        again = copy.deepcopy(model).fit(small, blobs)
        assert_same(arrays(loaded.fit(small, blobs)), arrays(again))


def test_grid_search_reaches_layers_and_finetuning(small, blobs):
    grid = {"rbm__n_iter": [1, 2], "finetuning__learning_rate": [1e-9, 0.3]}
    model = machine(backprop(40), n_iter=1)
    search = GridSearchCV(model, grid, cv=2).fit(small, blobs)
    assert search.best_params_["finetuning__learning_rate"] == 0.3
    assert search.best_estimator_.rbms_[0].n_iter_ == search.best_params_["rbm__n_iter"]


def test_html_repr_shows_the_documentation_of_every_parameter():
    html = DBMClassifier()._repr_html_()
    for name in DBMClassifier().get_params():
        shown = html[html.index(f"--doc-link-{name};") :]
        description = shown[shown.index("param-doc-description") : shown.index("</span>")]
        assert re.search(rf"{name}: .*default=.*<br><br>\w.{{15,}}", description, re.S), name


def test_frames(small, blobs):
    frame = pd.DataFrame(small, columns=[f"p{i}" for i in range(64)])
    model = machine(backprop(), transform_layers="all").set_output(transform="pandas")
    fitted = model.fit_transform(frame, blobs, sample_weight=np.ones(100))
    assert list(fitted.columns) == [f"dbmclassifier{i}" for i in range(13)]
    pd.testing.assert_frame_equal(model.transform(frame), fitted)
    np.testing.assert_array_equal(model.feature_names_in_, frame.columns)
    assert model.set_params(transform_layers="top").transform(frame).shape == (100, 5)


class Recorder:
    """Keeps the names of tasks and the classes of the model after each epoch."""

    def __init__(self, stop_at=None):
        self.stop_at, self.tasks, self.found = stop_at, [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return None
        self.found.append(fitted_estimator.predict_proba(X))
        return len(self.found) == self.stop_at


def test_callbacks(small, blobs, capsys):
    recorder = Recorder(stop_at=4)
    model = machine(backprop(5), verbose=1).set_callbacks(recorder).fit(small, blobs)
    epochs = ["joint training", "epoch", "epoch", "fine-tuning", "epoch", "epoch"]
    assert recorder.tasks == ["fit", "layer 0", "layer 1", *epochs]
    assert (model.n_joint_iter_, model.n_iter_) == (2, 2)
    np.testing.assert_array_equal(recorder.found[-1], model.predict_proba(small))
    joint = clone(model).set_params(finetuning=None, verbose=0).fit(small, blobs)
    np.testing.assert_array_equal(recorder.found[1], joint.predict_proba(small))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert re.match(r"\[DBMClassifier\] Iteration 1, reconstruction .*, error = 0\.\d", printed[0])
    assert printed[2].startswith("[DBMClassifier] Iteration 1, loss = ")


# -- what goes wrong -------------------------------------------------------------------------


def test_divergence_of_the_machine(real, blobs):
    X = real[:100]
    model = machine(backprop(), visible="gaussian", learning_rate=[0.01, 1e30], n_iter=3)
    with pytest.raises(DivergenceError, match="DBMClassifier, joint training: training diverged"):
        model.fit(X, blobs)
    assert model.n_joint_iter_ == model.n_iter_ == 1
    good = machine(visible="gaussian", learning_rate=0.01, n_iter=1).fit(X, blobs)
    assert_same(arrays(model), arrays(good))


def test_layers_that_fall_silent_are_named(small, blobs):
    layer = RBM(n_iter=50, batch_size=10, learning_rate=0.1, visible_states="draw")
    model = machine(rbm=layer, n_iter=10, batch_size=10, warm_start=True).fit(small, blobs)
    assert (model.joint_history_["dead_units"] < 0.9).all()
    assert model.joint_history_["dead_units"].shape == (10, 2)
    for array in (model.coefs_[1], model.intercepts_[2], model.label_coef_):
        array[...] = 0.0
    model.set_params(learning_rate=1e-9)
    with pytest.warns(SilentLayerWarning, match="DBMClassifier: .* 1 \\(100 % of its units\\)"):
        model.fit(small, blobs)


def test_divergence_of_the_network(small, blobs):
    model = machine(backprop(3, learning_rate=[0.1, 1e30, 0.1], momentum=0.0))
    with pytest.raises(DivergenceError, match="DBMClassifier, fine-tuning: training diverged in"):
        model.fit(small, blobs)
    assert model.n_iter_ == 1
    good = machine(backprop(1, learning_rate=0.1, momentum=0.0)).fit(small, blobs)
    assert_same(arrays(model), arrays(good))


def test_divergence_of_a_layer_leaves_nothing(real, blobs):
    model = machine(visible="gaussian", rbm=RBM(learning_rate=1e30, n_iter=2))
    before = dict(vars(model))
    with pytest.raises(DivergenceError, match="^DBMClassifier, layer 0: training div"):
        model.fit(real[:100], blobs)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"sizes": (5,)}, ValueError, "of DBMClassifier must have at least two layers"),
        ({"finetuning": "wake-sleep"}, ValueError, "'finetuning' parameter of DBMClassifier"),
        ({"finetuning": WakeSleep()}, ValueError, "'finetuning' parameter of DBMClassifier"),
        ({"finetuning": Backprop(dropout=2)}, ValueError, "'dropout' parameter of Backprop"),
        (
            {"finetuning": Backprop(optimizer="cg", dropout=0.1)},
            ValueError,
            "Backprop of DBMClassifier: ",
        ),
        (
            {"finetuning": Backprop(learning_rate=[0.1, -1])},
            ValueError,
            "learning_rate of Backprop",
        ),
        ({"inference": "gibbs"}, ValueError, "'inference' parameter of DBMClassifier"),
        ({"rbm": RBM(hidden="relu")}, ValueError, "layer 0 of DBMClassifier has hidden='relu'"),
        ({"sparsity_target": [0.1]}, ValueError, "sparsity_target=.* each of its 2 hidden layers"),
        ({"learning_rate": [0.1, -1]}, ValueError, "learning_rate of DBMClassifier"),
    ],
)
def test_bad_parameters(options, error, match, small, blobs):
    model = machine(**options)
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(small, blobs)
    assert vars(model) == before


def test_bad_data(small, blobs):
    model = machine()
    before = dict(vars(model))
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(small, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(small, blobs[1:])
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        model.fit(small, np.zeros(100))
    assert vars(model) == before
    with pytest.warns(DataRangeWarning, match="DBMClassifier: column .* outside") as told:
        model.fit(2 * small, blobs)
    assert len([w for w in told if w.category is DataRangeWarning]) == 1
    with pytest.raises(ValueError, match="X has 63 features, but DBMClassifier is expecting 64"):
        model.predict(small[:, 1:])


def test_schedules_of_both_stages(small, blobs):
    rates = schedules.Linear(0.1, 0.0, 2)
    model = machine(backprop(learning_rate=rates), learning_rate=rates).fit(small, blobs)
    assert np.isfinite(model.network_coefs_[0]).all()
