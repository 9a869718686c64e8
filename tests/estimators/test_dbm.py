"""DBM as an estimator: features, containers, going on, bad input."""

import copy
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeepbm import DBM, ReplicatedSoftmax
from skdeepbm import RBMTransformer as RBM
from skdeepbm.estimators._held_out import held_out_kinds
from skdeepbm.exceptions import (
    BaseRateWarning,
    DataRangeWarning,
    DivergenceError,
    SilentLayerWarning,
)


def machine(hidden_layer_sizes=(8, 5), **options):
    options = {"rbm": RBM(n_iter=2), "n_iter": 2, "random_state": 0, **options}
    return DBM(hidden_layer_sizes, **options)


def arrays(model):
    """All public arrays by name."""
    found = {}
    for name in ("coefs_", "intercepts_"):
        found |= {f"{name}[{i}]": array for i, array in enumerate(getattr(model, name))}
    if hasattr(model, "log_variance_visible_"):
        found["log_variance_visible_"] = model.log_variance_visible_
    return found


def assert_same_model(a, b, rtol=0.0, atol=0.0):
    found, expected = arrays(a), arrays(b)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=atol, err_msg=name)


def by_hand(model, tiny):
    """The estimator with the parameters of a tiny model."""
    model.coefs_ = [w.copy() for w in tiny.weights]
    model.intercepts_ = [layer.bias.copy() for layer in tiny.layers]
    if tiny.layers[0].log_variance is not None:
        model.log_variance_visible_ = tiny.layers[0].log_variance.copy()
    return model


def by_hand_of(dbm):
    """A new estimator with the parameters of another."""
    other = clone(dbm).set_params(warm_start=True)
    for name in ("coefs_", "intercepts_", "log_variance_visible_"):
        if hasattr(dbm, name):
            setattr(other, name, copy.deepcopy(getattr(dbm, name)))
    return other


@pytest.fixture
def rows(small, real):
    """Data for each kind of visible units."""
    rng = np.random.default_rng(0)
    hot = np.eye(3)[rng.integers(3, size=(60, 3))].reshape(60, 9)
    return {"bernoulli": small, "gaussian": real, "softmax": hot}


KINDS = ["bernoulli", "gaussian", "softmax"]


# -- features --------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(3, 4, 2), (3, 2, 3, 2)])
@pytest.mark.parametrize("visible", KINDS)
def test_transform_is_mean_field(visible, sizes, ref):
    """A fixed point: every unit has its expected value given those beside it."""
    tiny = ref.make_dbm(sizes, visible, std=0.5)
    X = ref.some_rows(tiny.layers[0], 6)
    model = by_hand(DBM(sizes[1:], visible=visible, transform_layers="all"), tiny)
    h = model.transform(X)
    edges = np.cumsum([0, *sizes[1:]])
    states = [X, *(h[:, a:b] for a, b in zip(edges[:-1], edges[1:], strict=True))]
    for i in range(1, len(sizes)):
        expected = tiny.layers[i].mean(tiny.input(i, states))
        np.testing.assert_allclose(states[i], expected, atol=3e-6)
    np.testing.assert_array_equal(model.set_params(transform_layers="top").transform(X), states[-1])
    assert len(model.get_feature_names_out()) == sizes[-1]
    model.set_params(transform_layers="al")
    for call in (model.transform, model.inverse_transform, lambda _: model.get_feature_names_out()):
        with pytest.raises(ValueError, match="transform_layers of DBM must be 'top' or 'all', got"):
            call(X)


def test_a_row_has_the_features_it_would_have_alone(small):
    """Bitwise as far as products are: other rows do not decide when it has settled."""
    model = machine((12, 9), n_iter=10).fit(small)
    together = model.transform(small)
    alone = np.concatenate([model.transform(row[None]) for row in small])
    np.testing.assert_allclose(alone, together, rtol=1e-10)


@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("sizes", [(7, 5), [7, 5, 4], np.array([7, 5, 4, 3])], ids=str)
def test_shapes_and_names(sizes, pretraining, small):
    model = machine(sizes, pretraining=pretraining).fit(small)
    widths = [64, *sizes]
    assert [w.shape for w in model.coefs_] == list(zip(widths[:-1], widths[1:], strict=True))
    assert [b.shape for b in model.intercepts_] == [(n,) for n in widths]
    assert model.transform(small).shape == (100, widths[-1])
    assert list(model.get_feature_names_out()) == [f"dbm{i}" for i in range(widths[-1])]
    model.set_params(transform_layers="all")
    assert model.transform(small).shape == (100, sum(widths[1:]))
    assert len(model.get_feature_names_out()) == sum(widths[1:])
    assert len(model.rbms_) == (len(sizes) if pretraining else 0)
    assert model.n_iter_ == 2
    assert model.history_["mean_hidden_activity"].shape == (2, len(sizes))
    assert model.history_["dead_units"].shape == (2, len(sizes))
    assert model.history_["weight_norm"].shape == (2, sum(widths[1:]))
    layers = np.split(model.history_["weight_norm"], np.cumsum(sizes)[:-1], axis=1)
    for norms, weights in zip(layers, model.coefs_, strict=True):
        np.testing.assert_allclose(norms[-1], np.linalg.norm(weights, axis=0), rtol=1e-5)
    for name, values in model.history_.items():
        of_others = name.startswith(("validation", "free_energy_gap"))
        assert np.isnan(values).all() if of_others else np.isfinite(values).all(), name


def test_setting_the_fitted_arrays_sets_the_model(small):
    model = machine().fit(small)
    before = model.transform(small)
    for name in ("coefs_", "intercepts_"):
        getattr(model, name)[-1][...] = 0
    assert not np.allclose(before, 0.5)
    np.testing.assert_allclose(model.transform(small), 0.5)
    model.coefs_[1] = np.zeros((9, 5))
    with pytest.raises(ValueError, match="fitted arrays of DBM do not fit together: coefs_"):
        model.transform(small)
    with pytest.raises(NotFittedError):
        machine().transform(small)


# -- where training starts -------------------------------------------------------------------


@pytest.mark.parametrize("visible", KINDS)
def test_joint_training_starts_at_half_the_weights_of_the_layers(visible, rows):
    X = rows[visible]
    groups = 3 if visible == "softmax" else None
    model = machine((6, 5, 4), visible=visible, visible_groups=groups, n_iter=0).fit(X)
    first, middle, top = model.rbms_
    for w, rbm in zip(model.coefs_, model.rbms_, strict=True):
        np.testing.assert_allclose(w, rbm.components_.T / 2, rtol=1e-6)
    np.testing.assert_allclose(model.intercepts_[0], first.intercept_visible_)
    for b, below, above in zip(
        model.intercepts_[1:-1], (first, middle), (middle, top), strict=True
    ):
        mean = (below.intercept_hidden_ + above.intercept_visible_) / 2
        np.testing.assert_allclose(b, mean, rtol=1e-6)
    np.testing.assert_allclose(model.intercepts_[3], top.intercept_hidden_)
    # the last layer sees half of what its weights say, the first one all of it
    values = X if visible != "gaussian" else X / np.exp(first.log_variance_visible_)
    h = expit(values @ first.components_.T + first.intercept_hidden_)
    np.testing.assert_allclose(first.transform(X), h, rtol=1e-5)
    x = np.random.default_rng(0).random((4, 5))
    half = expit(x @ top.components_.T / 2 + top.intercept_hidden_)
    np.testing.assert_allclose(top.transform(x), half, rtol=1e-5)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("held_out", [False, True])
def test_joint_training_starts_from_the_mean_of_the_data(visible, held_out, rows):
    """Not from the visible biases of greedy layers, which are no model of the data."""
    X = rows[visible]
    options = {"visible": visible, "n_iter": 1, "learning_rate": 1e-9, "batch_size": len(X)}
    if visible == "softmax":
        options["visible_groups"] = 3
    if held_out:
        options |= {"early_stopping": "free_energy_gap", "validation_fraction": 0.3}
    dbm = machine(rbm=RBM(n_iter=30, learning_rate=0.1), **options).fit(X)
    trained = X
    if held_out:
        trained = np.delete(X, held_out_kinds(dbm, X), axis=0)
    offsets = dbm._training.offsets[: X.shape[1]]
    np.testing.assert_allclose(offsets, trained.mean(axis=0), rtol=1e-4, atol=2e-3)
    if visible == "bernoulli":
        assert abs(expit(dbm.intercepts_[0]) - trained.mean(axis=0)).max() > 0.02
    # so it does from arrays that somebody has set
    other = by_hand_of(dbm).fit(X)
    np.testing.assert_allclose(other._training.offsets, dbm._training.offsets, rtol=1e-4, atol=1e-5)
    # in the hidden layers they are the means of the rows
    means = dbm.set_params(transform_layers="all").transform(trained).mean(axis=0)
    np.testing.assert_allclose(dbm._training.offsets[X.shape[1] :], means, rtol=1e-3, atol=1e-4)


def test_layers_have_the_settings_of_their_templates(small):
    rbm = RBM(5, n_iter=1, momentum=0.3, random_state=7, visible="gaussian")
    before = rbm.get_params()
    model = machine((8, 6, 3), rbm=rbm).fit(small)
    found = [(r.n_components, r.n_iter, r.momentum, r.visible) for r in model.rbms_]
    assert found == [(n, 1, 0.3, "bernoulli") for n in (8, 6, 3)]
    assert len({r.random_state for r in model.rbms_}) == 3
    assert rbm.get_params() == before
    assert [r.visible_states for r in machine(rbm=None).fit(small).rbms_] == ["draw", "draw"]
    model.set_params(rbm=[RBM(n_iter=n) for n in (1, 2, 3)]).fit(small)
    assert [r.n_iter for r in model.rbms_] == [1, 2, 3]


# -- going on --------------------------------------------------------------------------------

EXACT = {"learning_rate": 0.01, "shuffle": False, "training_dtype": "float64"}


@pytest.mark.parametrize("centring", [True, False])
@pytest.mark.parametrize("visible", KINDS)
def test_fit_and_partial_fit_are_one_mathematics(visible, centring, rows):
    """Also the last batch, which is short."""
    X = rows[visible]
    options = {"visible": visible, "centring": centring, "batch_size": 32, **EXACT}
    if visible == "softmax":
        options["visible_groups"] = 3
    whole = machine(n_iter=2, sparsity_cost=0.1, **options).fit(X)
    parts = machine(n_iter=0, sparsity_cost=0.1, **options).fit(X)
    for start in [*range(0, len(X), 32)] * 2:
        assert parts.partial_fit(X[start : start + 32]) is parts
    assert_same_model(parts, whole, rtol=1e-9, atol=1e-12)
    assert parts.n_iter_ == 2 * -(-len(X) // 32)


@pytest.mark.parametrize("pretraining", [True, False])
def test_tempering_goes_on_between_the_same_ends(pretraining, small):
    """The independent units that chains at the inverse temperature 0 have stay what they were."""
    options = {"algorithm": "pt", "n_temperatures": 3, "batch_size": 50, "pretraining": pretraining}
    options |= {**EXACT, "learning_rate": 0.05}
    whole = machine(n_iter=4, **options).fit(small)
    warm = machine(n_iter=2, warm_start=True, **options).fit(small).fit(small)
    assert_same_model(warm, whole)
    parts = machine(n_iter=0, **options).fit(small)
    for start in [0, 50] * 4:
        parts.partial_fit(small[start : start + 50])
    assert_same_model(parts, whole, rtol=1e-9, atol=1e-12)


def test_warm_start_goes_on(small):
    whole = machine(n_iter=4, **EXACT).fit(small)
    parts = machine(n_iter=2, warm_start=True, **EXACT).fit(small)
    layers = [rbm.components_.copy() for rbm in parts.rbms_]
    parts.fit(small)
    assert_same_model(parts, whole)
    assert parts.n_iter_ == 4
    assert len(parts.history_["free_energy"]) == 4
    for rbm, components in zip(parts.rbms_, layers, strict=True):
        np.testing.assert_array_equal(rbm.components_, components)
    with pytest.raises(ValueError, match=r"DBM goes on from hidden layers of \(8, 5\) units"):
        parts.set_params(hidden_layer_sizes=(8, 4)).fit(small)


def test_training_goes_on_with_other_settings(small):
    """Centring, optimiser and number of chains may change; layers that somebody set, too."""
    model = machine(warm_start=True, pretraining=False).fit(small)
    changes = (
        {"centring": False},
        {"optimizer": "adam"},
        {"n_chains": 7},
        {"centring": True},
        {"algorithm": "pt", "n_temperatures": 3},
        {"n_temperatures": 2},
        {"algorithm": "pcd"},
    )
    for change in changes:
        assert np.isfinite(model.set_params(**change).fit(small).coefs_[0]).all()
        levels = model.n_temperatures if model.algorithm == "pt" else 1
        assert len(model._training.chains[0]) == (model.n_chains or 50) * levels
    assert model.n_iter_ == 2 + 2 * len(changes)
    rng = np.random.default_rng(0)
    model.coefs_ = [rng.normal(size=shape) for shape in ((64, 4), (4, 3))]
    model.intercepts_ = [np.zeros(n) for n in (64, 4, 3)]
    model.set_params(hidden_layer_sizes=(4, 3)).fit(small)
    assert model.n_iter_ == 2
    assert model.transform(small).shape == (100, 3)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({}, 0.05),
        ({"pretraining": False}, 0.2),
        ({"visible": "gaussian"}, 0.005),
        ({"optimizer": "adam", "pretraining": False}, 0.005),
    ],
)
def test_automatic_learning_rate(options, rate, real):
    """Falls to 0 in the course of a fit, and stays in single steps."""
    X = real if "visible" in options else (real > 0).astype(float)
    expected = [rate, 0.5 * rate]
    exact = {**options, "n_iter": 2, "training_dtype": "float64"}
    found = machine(**exact).fit(X)
    assert_same_model(found, machine(learning_rate=expected, **exact).fit(X), rtol=1e-8)
    found = machine(**exact).partial_fit(X).partial_fit(X)
    same = machine(learning_rate=rate, **exact).partial_fit(X).partial_fit(X)
    assert_same_model(found, same, rtol=1e-8)


def test_first_partial_fit_starts_from_its_rows(small):
    expected = machine(n_iter=1, batch_size=100, **EXACT).fit(small)
    # without a number, chains are as many as rows in a batch
    model = machine(n_iter=7, n_chains=100, **EXACT).partial_fit(small)
    assert_same_model(model, expected)


# -- numbers and containers ------------------------------------------------------------------


@pytest.mark.parametrize("visible", KINDS)
def test_float32_stays_float32(visible, rows):
    X = rows[visible].astype(np.float32)
    options = {"visible": visible, "visible_groups": 3 if visible == "softmax" else None}
    model = machine(**options).fit(X)
    for _ in range(2):
        assert {array.dtype for array in arrays(model).values()} == {np.dtype("f4")}
        assert model.transform(X).dtype == np.float32
        model.partial_fit(X)
    double = machine(**options).fit(X.astype(np.float64))
    assert {array.dtype for array in arrays(double).values()} == {np.dtype("f8")}
    assert double.transform(X.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix])
def test_sparse_rows(container, small):
    X = container(small)
    model, dense = machine().fit(X), machine().fit(small)
    assert_same_model(model, dense, rtol=1e-3, atol=1e-4)
    assert type(model.transform(X)) is np.ndarray
    np.testing.assert_allclose(dense.transform(X), dense.transform(small), rtol=1e-9)
    assert_same_model(model.partial_fit(X), dense.partial_fit(small), rtol=1e-3, atol=1e-4)
    with pytest.raises(TypeError, match="DBM with visible='gaussian' needs dense data"):
        machine(visible="gaussian").fit(X)


@pytest.mark.parametrize("pretraining", [True, False])
def test_sparse_rows_are_never_made_dense_together(pretraining, monkeypatch):
    """No call makes more rows dense than a batch, or than fit into 2**21 elements."""
    n_rows, n_columns, batch = 300, 20_000, 5
    rng = np.random.default_rng(0)
    X = sp.csr_array((rng.random((n_rows, n_columns)) < 5e-4).astype(np.float64))
    limit = max(batch, 2**21 // n_columns)
    assert limit < n_rows / 2
    sizes, toarray = [], sp.csr_array.toarray

    def watched(self, *args, **kwargs):
        sizes.append(self.shape[0])
        assert self.shape[0] <= limit
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    monkeypatch.setattr("skdeepbm.estimators._base.CHUNK", batch * n_columns)
    model = machine((3, 2), pretraining=pretraining, n_iter=1, batch_size=batch)
    model.set_params(rbm=RBM(n_iter=1, batch_size=batch)).fit(X).partial_fit(X[:batch])
    assert model.transform(X).shape == (n_rows, 2)
    assert model.score_samples(X).shape == (n_rows,)
    assert sizes


@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_device(visible, pretraining, rows, device):
    X = rows[visible]
    there = device.asarray(X)
    options = {"visible": visible, "pretraining": pretraining, "training_dtype": None}
    options["rbm"] = RBM(n_iter=2, training_dtype=None)
    host = machine(**options).fit(X)
    model = machine(**options).fit(there)
    assert all(type(array) is np.ndarray for array in arrays(model).values())
    assert_same_model(model, host, rtol=1e-6, atol=1e-9)
    out = model.transform(there)
    assert device.owns(out)
    assert type(model.transform(X)) is np.ndarray
    np.testing.assert_allclose(device.to_host(out), model.transform(X), rtol=1e-8)


# -- the tools of scikit-learn ---------------------------------------------------------------


def test_seeds(small):
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (machine().fit(small) for _ in range(2))
    assert_same_model(first, second)
    assert (machine(random_state=1).fit(small).coefs_[0] != first.coefs_[0]).any()
    free = [machine(random_state=None).fit(small).coefs_[0] for _ in range(2)]
    assert (free[0] != free[1]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_clone_and_save(small, tmp_path):
    model = machine(warm_start=True).set_params(rbm__momentum=0.2).fit(small)
    assert model.rbms_[1].momentum == 0.2
    other = clone(model)
    assert not hasattr(other, "coefs_")
    assert_same_model(other.fit(small), model)
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(loaded.transform(small), model.transform(small))
        # training goes on as if nothing had been
        assert_same_model(loaded.fit(small), copy.deepcopy(model).fit(small))


def test_html_repr_shows_the_documentation_of_every_parameter():
    html = DBM()._repr_html_()
    for name in DBM().get_params():
        shown = html[html.index(f"--doc-link-{name};") :]
        description = shown[shown.index("param-doc-description") : shown.index("</span>")]
        assert re.search(rf"{name}: .*default=.*<br><br>\w.{{15,}}", description, re.S), name


def test_pipeline_and_frames(small):
    y = (small[:, 20] > 0.5).astype(int)
    pipe = make_pipeline(machine(transform_layers="all"), LogisticRegression()).fit(small, y)
    assert pipe.predict(small).shape == (100,)
    assert len(pipe[:-1].get_feature_names_out()) == 13
    frame = pd.DataFrame(small, columns=[f"p{i}" for i in range(64)])
    model = machine().set_output(transform="pandas")
    fitted = model.fit_transform(frame)
    assert list(fitted.columns) == [f"dbm{i}" for i in range(5)]
    pd.testing.assert_frame_equal(model.transform(frame), fitted)
    np.testing.assert_array_equal(fitted, machine().fit(small).transform(small))


class Recorder:
    """Keeps the names of tasks and the features of the model after each epoch."""

    def __init__(self, stop_at=None):
        self.stop_at, self.tasks, self.hidden = stop_at, [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return None
        self.hidden.append(fitted_estimator.transform(X))
        return len(self.hidden) == self.stop_at


def test_callbacks(small, capsys):
    recorder = Recorder(stop_at=2)
    model = machine(n_iter=5, verbose=1, **EXACT).set_callbacks(recorder).fit(small)
    epochs = ["joint training", "epoch", "epoch"]
    assert recorder.tasks == ["fit", "layer 0", "layer 1", *epochs]
    assert model.n_iter_ == 2
    np.testing.assert_array_equal(recorder.hidden[-1], model.transform(small))
    assert (recorder.hidden[0] != recorder.hidden[1]).any()
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2
    assert printed[0].startswith("[DBM] Iteration 1, reconstruction error = 0.")


# -- what goes wrong -------------------------------------------------------------------------


def test_divergence_keeps_the_last_finite_parameters(real):
    model = machine(visible="gaussian", learning_rate=[0.01, 1e30], n_iter=3)
    with pytest.raises(DivergenceError, match="DBM, joint training: training diverged in epoch 2"):
        model.fit(real)
    assert model.n_iter_ == 1
    assert all(np.isfinite(array).all() for array in arrays(model).values())
    good = machine(visible="gaussian", learning_rate=0.01, n_iter=1).fit(real)
    assert_same_model(model, good)


def test_warnings_of_layers_name_their_place(small, capsys):
    """Not the classes that layers are of inside."""
    template = RBM(learning_rate=1e-9, n_iter=1, batch_size=1, verbose=1)
    model = machine(rbm=template, n_iter=0)
    with pytest.warns(BaseRateWarning) as found:
        model.fit(small)
    assert [str(w.message)[:19] for w in found] == ["DBM, layer 0: after", "DBM, layer 1: after"]
    printed = capsys.readouterr().out.splitlines()
    assert [line[:14] for line in printed] == ["[DBM, layer 0]", "[DBM, layer 1]"]
    # a layer that is used for itself is one
    assert not any(hasattr(rbm, "_place") for rbm in model.rbms_)


def test_layers_that_fall_silent_are_named(small):
    """Where others go on; if the whole machine says nothing, that is what it says."""
    layer = RBM(n_iter=50, batch_size=10, learning_rate=0.1, visible_states="draw")
    options = {"rbm": layer, "batch_size": 10, "warm_start": True}
    model = machine((8, 5, 4), n_iter=10, **options).fit(small)
    assert (model.history_["dead_units"] < 0.9).all()
    for name in ("coefs_", "intercepts_"):
        getattr(model, name)[2][...] = 0.0
    model.set_params(learning_rate=1e-9, n_iter=9).fit(small)
    model.set_params(n_iter=10)
    with pytest.warns(SilentLayerWarning) as found:
        model.fit(small)
    assert len(found) == 1
    text = str(found[0].message)
    assert text.startswith("DBM: after 10 epochs of joint training these hidden layers have nearly")
    assert "counted from 0: 2 (100 % of its units)." in text
    assert found[0].filename == __file__
    np.testing.assert_array_equal(model.history_["dead_units"][-1], [0.0, 0.0, 1.0])
    model.coefs_[0][...] = 0.0
    with pytest.warns(BaseRateWarning) as found:
        model.fit(small)
    assert len(found) == 1


def test_layers_that_cannot_be_trained_name_their_place(small):
    model = machine(rbm=RBM(visible_states="mean", algorithm="pcd"))
    with pytest.raises(ValueError, match="visible_states='mean' of DBM, layer 0 needs algorithm"):
        model.fit(small)


def test_divergence_of_a_layer_leaves_nothing(real):
    model = machine(visible="gaussian", rbm=RBM(learning_rate=1e30, n_iter=2))
    with pytest.raises(DivergenceError, match="^DBM, layer 0: training diverged"):
        model.fit(real)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"hidden_layer_sizes": (5,)}, ValueError, "of DBM must have at least two layers"),
        ({"hidden_layer_sizes": (5, 0)}, ValueError, "of DBM must hold at least one number"),
        ({"visible": "words"}, ValueError, "'visible' parameter of DBM"),
        ({"rbm": ReplicatedSoftmax()}, TypeError, "layer 0 is .* Counts of words are not supp"),
        ({"rbm": [RBM()]}, ValueError, "rbm of DBM is a list of 1 templates, but"),
        ({"rbm": RBM(hidden="relu")}, ValueError, "layer 0 of DBM has hidden='relu'"),
        ({"rbm": RBM(n_iter=-1)}, ValueError, "'n_iter' parameter of RBMTransformer"),
        ({"sparsity_target": [0.1]}, ValueError, "sparsity_target=.* each of its 2 hidden layers"),
        ({"sparsity_target": ["a", "b"]}, ValueError, "sparsity_target=.* each of its 2 hidden"),
        ({"sparsity_target": [0.1, 1.0]}, ValueError, "sparsity_target=.* each of its 2 hidden"),
        ({"learning_rate": [0.1, -1]}, ValueError, "learning_rate of DBM"),
        ({"visible": "softmax", "visible_groups": 7}, ValueError, "visible_groups=7 of DBM"),
    ],
)
def test_bad_parameters(options, error, match, small):
    model = machine(**options)
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(small)
    assert vars(model) == before


def test_doubtful_data_are_told_once_in_its_own_name(small, rows):
    cases = [
        ({}, 2 * small, "DBM: column .* outside"),
        ({"visible": "gaussian"}, small, "DBM: column 0 is constant"),
        ({"visible": "softmax"}, rows["softmax"], "DBM: columns 0 to 8 .* sum to 3"),
    ]
    for options, X, match in cases:
        with pytest.warns(DataRangeWarning, match=match) as told:
            machine(**options).fit(X)
        assert len([w for w in told if w.category is DataRangeWarning]) == 1


def test_other_widths(small):
    model = machine().fit(small)
    with pytest.raises(ValueError, match="X has 63 features, but DBM is expecting 64"):
        model.transform(small[:, 1:])
    with pytest.raises(ValueError, match="X has 63 features, but DBM is expecting 64"):
        model.partial_fit(small[:, 1:])
