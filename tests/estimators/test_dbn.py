"""DBNClassifier as an estimator: labels, templates, containers, reproducibility, bad input."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

from skdeepbm import Backprop, DBNClassifier, RBMTransformer, ReplicatedSoftmax, WakeSleep
from skdeepbm.exceptions import DataRangeWarning

FINETUNING = [None, Backprop(n_iter=2), WakeSleep(n_iter=2)]
IDS = ["none", "backprop", "wake-sleep"]


def dbn(sizes=(8, 6), *, finetuning=None, n_iter=2, **options):
    options = {"rbm": RBMTransformer(n_iter=n_iter), "random_state": 0, **options}
    return DBNClassifier(sizes, finetuning=finetuning, **options)


def arrays(model):
    """All public arrays by name."""
    found = {}
    for name in ("coefs_", "intercepts_"):
        found |= {f"{name}[{i}]": array for i, array in enumerate(getattr(model, name))}
    for i, rbm in enumerate(model.rbms_):
        found |= {f"rbms_[{i}].{k}": v for k, v in vars(rbm).items() if isinstance(v, np.ndarray)}
    return found


def assert_same_model(a, b, exact=True):
    found, expected = arrays(a), arrays(b)
    assert list(found) == list(expected)
    for name, array in expected.items():
        if exact:
            np.testing.assert_array_equal(found[name], array, err_msg=name)
        else:
            np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.fixture
def blobs(small):
    """Labels that the images have something to do with."""
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


# -- labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["no", "some", "all"],
        [3, 5, 9],
        np.array(["a", "b", "c"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array([0.0, 1.0, 2.0]),
    ],
    ids=["str", "int", "numpy str", "object", "float"],
)
@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_classes_of_every_kind(names, finetuning, small, blobs):
    y = np.asarray(names)[blobs]
    model = dbn(finetuning=finetuning).fit(small, y)
    expected = np.unique(y)
    np.testing.assert_array_equal(model.classes_, expected)
    assert model.predict(small).dtype == expected.dtype
    assert set(model.predict(small)) <= set(expected)
    same = dbn(finetuning=finetuning).fit(small, np.searchsorted(expected, y))
    np.testing.assert_array_equal(model.predict_proba(small), same.predict_proba(small))
    assert model.sample(labels=expected[[2, 0]], n_gibbs_steps=2).shape == (2, 64)
    assert model.score(small, y) == np.mean(model.predict(small) == y)


def test_two_classes_of_booleans(small, blobs):
    model = dbn().fit(small, blobs > 0)
    assert model.predict(small).dtype == bool
    assert model.sample(labels=[True, False], n_gibbs_steps=2).shape == (2, 64)


def test_minus_one_and_one_are_two_classes(small, blobs):
    y = np.where(blobs > 0, 1, -1)
    np.testing.assert_array_equal(dbn().fit(small, y).classes_, [-1, 1])


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_unlabelled_rows(finetuning, small, blobs):
    """They change what the RBMs learn."""
    y = blobs.copy()
    y[::3] = -1
    model = dbn(finetuning=finetuning).fit(small, y)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    without = dbn(finetuning=finetuning).fit(small[y >= 0], y[y >= 0])
    assert (model.rbms_[0].components_ != without.rbms_[0].components_).any()
    marked = np.array(["zero", "one", "two", "?"])[y]
    named = dbn(finetuning=finetuning, unlabelled="?").fit(small, marked)
    assert list(named.classes_) == ["one", "two", "zero"]
    np.testing.assert_array_equal(
        named.rbms_[0].components_.sum() != 0, model.rbms_[0].components_.sum() != 0
    )
    every = dbn(finetuning=finetuning, unlabelled=None).fit(small, y)
    np.testing.assert_array_equal(every.classes_, [-1, 0, 1, 2])


def test_backpropagation_ignores_unlabelled_rows(small, blobs):
    """A pass without them, from the same start, is the same; full batches have no order."""
    y = blobs.copy()
    y[::3] = -1
    kept = y >= 0
    options = {"n_iter": 2, "batch_size": None, "training_dtype": "float64", "shuffle": False}
    model = dbn(warm_start=True, n_iter=1).fit(small, y)
    other = copy.deepcopy(model)
    model.set_params(finetuning=Backprop(**options)).fit(small, y)
    other.set_params(finetuning=Backprop(**options)).fit(small[kept], y[kept])
    for a, b in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_no_row_has_a_label(finetuning, small):
    model = dbn(finetuning=finetuning)
    with pytest.raises(ValueError, match=r"DBNClassifier.*0 classes|0 classes.*DBNClassifier"):
        model.fit(small, np.full(len(small), -1))
    assert not hasattr(model, "n_features_in_")


def test_no_row_has_a_label_when_training_goes_on(small, blobs):
    model = dbn(warm_start=True).fit(small, blobs)
    nothing = np.full(len(small), -1)
    before = copy.deepcopy(arrays(model))
    model.set_params(finetuning="backprop")
    with pytest.raises(ValueError, match="needs rows with a label; all 100 are marked"):
        model.fit(small, nothing)
    for name, array in arrays(model).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    model.set_params(finetuning=WakeSleep(n_iter=1)).fit(small, nothing)
    assert np.isnan(model.history_["error"]).all()


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_whole_weights_repeat_rows(finetuning, early_stopping, small, blobs):
    if early_stopping and not isinstance(finetuning, Backprop):
        pytest.skip("only backpropagation stops early")
    if early_stopping:
        finetuning = clone(finetuning).set_params(early_stopping=True, n_iter=3)
    weight = np.arange(len(small)) % 3
    weighted = dbn(finetuning=finetuning).fit(small, blobs, weight)
    repeated = dbn(finetuning=finetuning).fit(
        np.repeat(small, weight, axis=0), np.repeat(blobs, weight)
    )
    assert_same_model(weighted, repeated)


def test_balanced_classes(digits):
    """Rare classes are found as often as others."""
    rng = np.random.default_rng(0)
    y = (digits[:400, 42] > 0.6).astype(int)
    X = np.concatenate([digits[:400][y == 0], digits[:400][y == 1][:8]])
    y = np.repeat([0, 1], [len(X) - 8, 8])
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    settings = {"finetuning": Backprop(n_iter=15), "n_iter": 2}
    plain = dbn(**settings).fit(X, y)
    balanced = dbn(class_weight="balanced", **settings).fit(X, y)
    rare = [model.predict_proba(X)[y == 1, 1].mean() for model in (plain, balanced)]
    assert rare[0] < 0.3 < 0.6 < rare[1]
    assert np.mean(balanced.predict(X)[y == 1]) > np.mean(plain.predict(X)[y == 1])
    by_hand = dbn(class_weight={0: 0.5 * len(y) / (len(y) - 8), 1: len(y) / 16}, **settings)
    assert_same_model(by_hand.fit(X, y), balanced)


# -- templates -------------------------------------------------------------------------------


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("sizes", [7, (7,), (7, 5), [7, 5, 4], np.array([7, 5])], ids=str)
def test_shapes_of_the_upward_pass(finetuning, sizes, small, blobs):
    model = dbn(sizes, finetuning=finetuning).fit(small, blobs)
    widths = [64, *np.atleast_1d(sizes)]
    assert [rbm.components_.shape for rbm in model.rbms_] == list(
        zip(widths[1:], widths[:-1], strict=True)
    )
    if isinstance(finetuning, Backprop):
        widths.append(3)
    else:
        widths.pop()
    expected = list(zip(widths[:-1], widths[1:], strict=True))
    assert [w.shape for w in model.coefs_] == expected
    assert [b.shape for b in model.intercepts_] == [(n,) for _, n in expected]
    for i, n in enumerate(np.atleast_1d(sizes)):
        model.transform_layer = i
        assert model.transform(small).shape == (100, n)
        assert len(model.get_feature_names_out()) == n
        later = i - len(model.rbms_)
        np.testing.assert_array_equal(
            model.set_params(transform_layer=later).transform(small),
            model.set_params(transform_layer=i).transform(small),
        )
    model.transform_layer = len(model.rbms_)
    with pytest.raises(ValueError, match="is none of its"):
        model.transform(small)


def test_layers_have_the_settings_of_their_templates(small, blobs):
    rbm = RBMTransformer(3, n_iter=1, sparsity_cost=0.1, random_state=7)
    one = dbn(rbm=rbm).fit(small, blobs)
    assert [(r.n_components, r.sparsity_cost, r.n_iter) for r in one.rbms_] == [
        (8, 0.1, 1),
        (6, 0.1, 1),
    ]
    assert (
        rbm.get_params()
        == RBMTransformer(3, n_iter=1, sparsity_cost=0.1, random_state=7).get_params()
    )
    assert not hasattr(rbm, "components_")
    several = dbn(rbm=[rbm, RBMTransformer(n_iter=2, hidden="relu")]).fit(small, blobs)
    assert [(r.sparsity_cost, r.hidden, r.n_iter_) for r in several.rbms_] == [
        (0.1, "bernoulli", 1),
        (0.0, "relu", 2),
    ]
    default = DBNClassifier((4,), random_state=0, finetuning=None).fit(small, blobs)
    assert default.rbms_[0].n_iter == RBMTransformer().n_iter
    # without a seed of its own, the net takes those of the templates
    first, second = (dbn(rbm=rbm, random_state=None).fit(small, blobs) for _ in range(2))
    assert_same_model(first, second)


def test_early_stopping_of_every_layer(small, blobs):
    rbm = RBMTransformer(n_iter=3, early_stopping="pseudo_likelihood", validation_fraction=0.1)
    model = dbn(rbm=rbm).fit(small, blobs)
    assert model.rbms_[0].early_stopping == "pseudo_likelihood"
    assert model.rbms_[1].early_stopping == "cross_entropy"


@pytest.mark.parametrize(
    ("rbm", "error", "match"),
    [
        ([RBMTransformer()], ValueError, "a list of 1 templates, but hidden_layer_sizes has 2"),
        ("rbm", TypeError, "must be an RBMTransformer"),
        ([RBMTransformer(), MinMaxScaler()], TypeError, "layer 1 is MinMaxScaler"),
        (ReplicatedSoftmax(), ValueError, "layer 1 of DBNClassifier is a ReplicatedSoftmax"),
        ([RBMTransformer(), ReplicatedSoftmax()], ValueError, "can only be the first one"),
        (RBMTransformer(hidden="relu"), ValueError, "layer 0 of DBNClassifier has hidden='relu'"),
        ([RBMTransformer(), RBMTransformer(n_iter=-1)], ValueError, "n_iter"),
    ],
)
def test_templates_that_do_not_fit(rbm, error, match, small, blobs):
    model = dbn(rbm=rbm)
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(small, blobs)
    assert vars(model) == before
    assert model.__sklearn_tags__().input_tags.sparse


def test_counts_alone_cannot_be_the_top(documents):
    with pytest.raises(ValueError, match="The only layer .* is a ReplicatedSoftmax"):
        dbn(5, rbm=ReplicatedSoftmax(n_iter=1)).fit(documents, np.arange(120) % 2)


@pytest.mark.parametrize("sizes", [(), (3, 0), (3, 2.5), "ab", [[3]]], ids=str)
def test_wrong_sizes(sizes, small, blobs):
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        dbn(sizes).fit(small, blobs)


def _topics(documents):
    return np.asarray(documents[:, :4].sum(axis=1) > documents[:, 4:8].sum(axis=1)).astype(int)


@pytest.mark.parametrize("finetuning", FINETUNING[:2], ids=IDS[:2])
def test_counts_of_words(finetuning, documents):
    y = _topics(documents)
    templates = [ReplicatedSoftmax(n_iter=3), RBMTransformer(n_iter=5)]
    model = dbn(rbm=templates, finetuning=finetuning).fit(documents, y)
    dense = dbn(rbm=templates, finetuning=finetuning).fit(documents.toarray(), y)
    np.testing.assert_allclose(
        model.predict_proba(documents), dense.predict_proba(documents.toarray()), atol=1e-3
    )
    assert model.score(documents, y) > 0.6
    first = model.set_params(transform_layer=0).transform(documents)
    if finetuning is None:
        np.testing.assert_allclose(first, model.rbms_[0].transform(documents), rtol=1e-6)
    words = model.sample(labels=[0, 1, 1], n_gibbs_steps=5)
    np.testing.assert_allclose(words.sum(axis=1), 1)
    assert np.isfinite(model.score_samples(documents[:5])).all()
    with pytest.raises(ValueError, match="values='draw' .* not defined for counts"):
        model.sample(values="draw")
    with pytest.raises(TypeError, match="reconstruct .* not defined for counts"):
        model.reconstruct(documents)
    with pytest.raises(ValueError, match="[Nn]egative"):
        model.predict(-documents.toarray())


def test_up_down_training_of_counts_is_refused_at_once(documents):
    model = dbn(rbm=[ReplicatedSoftmax(n_iter=1), RBMTransformer()], finetuning="wake-sleep")
    before = dict(vars(model))
    with pytest.raises(ValueError, match="wake-sleep.* not defined for counts"):
        model.fit(documents, _topics(documents))
    assert vars(model) == before


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_real_data_and_real_hidden_layers(finetuning, real):
    y = (real[:, 0] > 0).astype(int)
    templates = [
        RBMTransformer(visible="gaussian", hidden="gaussian", n_iter=20),
        RBMTransformer(n_iter=40),
    ]
    model = dbn((4, 8), rbm=templates, finetuning=finetuning).fit(real, y)
    assert model.rbms_[1].visible == "gaussian"
    assert model.score(real, y) > 0.6
    assert np.isfinite(model.score_samples(real[:3])).all()
    assert np.std(model.sample(n_samples=50, n_gibbs_steps=20, values="draw")) > 0.3
    with pytest.raises(TypeError, match="Sparse"):
        model.predict(sp.csr_array(real))


def test_a_gaussian_layer_in_the_middle_has_its_learned_variance(real):
    """It is drawn as the RBM above it says."""
    y = (real[:, 0] > 0).astype(int)
    templates = [
        RBMTransformer(visible="gaussian", hidden="gaussian", n_iter=1),
        RBMTransformer(n_iter=1),
        RBMTransformer(n_iter=1),
    ]
    model = dbn((2, 3, 3), rbm=templates).fit(real, y)
    # the way down is all zero but for the middle layer, which is all noise
    model.rbms_[0].components_ = np.array([[1.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0]])
    model.rbms_[0].intercept_visible_ = np.zeros(5)
    model.rbms_[1].components_ = np.zeros((3, 2))
    model.rbms_[1].intercept_visible_ = np.zeros(2)
    model.rbms_[1].log_variance_visible_ = np.log([4.0, 0.25])
    found = model.sample(n_samples=4000, n_gibbs_steps=1)
    np.testing.assert_allclose(found.std(axis=0)[:2], [2.0, 0.5], rtol=0.1)
    np.testing.assert_array_equal(found[:, 2:], 0)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_softmax_groups(finetuning, small, blobs):
    templates = [
        RBMTransformer(hidden="softmax", hidden_groups=2, n_iter=2),
        RBMTransformer(n_iter=2),
    ]
    model = dbn(rbm=templates, finetuning=finetuning, transform_layer=0).fit(small, blobs)
    assert model.rbms_[1].visible == "softmax"
    found = model.transform(small)
    np.testing.assert_allclose(found.reshape(100, 4, 2).sum(axis=2), 1)


# -- the tools of scikit-learn ---------------------------------------------------------------


def test_sweep_of_the_template(small, blobs):
    model = dbn().set_params(rbm__sparsity_target=0.2, rbm__n_iter=1)
    model.set_params(finetuning=Backprop()).set_params(finetuning__n_iter=1).fit(small, blobs)
    assert model.rbms_[1].sparsity_target == 0.2
    assert model.n_iter_ == 1
    other = clone(model)
    assert other.rbm is not model.rbm
    assert not hasattr(other, "rbms_")
    assert_same_model(other.fit(small, blobs), model)


def test_grid_search_is_the_same_in_several_processes(digits):
    from sklearn.datasets import load_digits

    X, y = digits[:150], load_digits(return_X_y=True)[1][:150]
    grid = {
        "hidden_layer_sizes": [(6,), (6, 4)],
        "rbm__sparsity_target": [0.1, 0.3],
        "rbm__momentum": [0.0, 0.5],
    }
    rbm = RBMTransformer(n_iter=1, sparsity_cost=0.1)
    found = []
    for n_jobs in (1, 2):
        # products of one and of several threads may differ in the last bit
        with threadpool_limits(1):
            model = dbn(rbm=rbm, finetuning=Backprop(n_iter=1))
            found.append(GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X, y))
    one, two = found
    for name, values in one.cv_results_.items():
        if "time" not in name and name != "params":
            np.testing.assert_array_equal(two.cv_results_[name], values, err_msg=name)
    np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))
    assert_same_model(two.best_estimator_, one.best_estimator_)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_saved_and_loaded(finetuning, small, blobs, tmp_path):
    model = dbn(finetuning=finetuning, warm_start=True).fit(small, blobs)
    joblib.dump(model, tmp_path / "dbn.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "dbn.joblib")):
        np.testing.assert_array_equal(loaded.predict_proba(small), model.predict_proba(small))
        again = copy.deepcopy(model)
        assert_same_model(loaded.fit(small, blobs), again.fit(small, blobs))


def test_frames(small, blobs):
    frame = pd.DataFrame(small, columns=[f"p{i}" for i in range(64)])
    y = pd.Series(blobs).map({0: "a", 1: "b", 2: "c"})
    model = dbn(transform_layer=0).set_output(transform="pandas").fit(frame, y)
    out = model.transform(frame)
    assert list(out.columns) == [f"dbnclassifier{i}" for i in range(8)]
    assert list(model.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(out, dbn(transform_layer=0).fit(small, y).transform(small))
    pipe = make_pipeline(MinMaxScaler(), dbn())
    assert pipe.fit(frame, y).predict_proba(frame).shape == (100, 3)


def test_frames_everywhere(small, blobs):
    """Layers pass arrays on whatever the configuration says."""
    with sklearn.config_context(transform_output="pandas"):
        model = dbn(finetuning=Backprop(n_iter=1)).fit(small, blobs)
        model.partial_fit(small, blobs)
        assert isinstance(model.transform(small), pd.DataFrame)
    assert not hasattr(model.rbms_[1], "feature_names_in_")
    model.partial_fit(small, blobs)
    assert_same_model(
        model,
        dbn(finetuning=Backprop(n_iter=1))
        .fit(small, blobs)
        .partial_fit(small, blobs)
        .partial_fit(small, blobs),
    )


# -- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("pretraining", [True, False])
def test_float32_stays_float32(finetuning, pretraining, small, blobs):
    X = small.astype(np.float32)
    model = dbn(finetuning=finetuning, pretraining=pretraining).fit(X, blobs)
    for name, array in arrays(model).items():
        assert array.dtype == (np.float32 if array.dtype.kind == "f" else array.dtype), name
    for found in (
        model.transform(X),
        model.predict_proba(X),
        model.sample(n_gibbs_steps=1),
        model.reconstruct(X),
        model.fit(X, blobs).partial_fit(X, blobs).transform(X),
        model.coefs_[0],
    ):
        assert found.dtype == np.float32
    assert model.fit(small, blobs).transform(small).dtype == np.float64


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array])
def test_sparse_rows(finetuning, container, small, blobs):
    X = container(small)
    model = dbn(finetuning=finetuning).fit(X, blobs)
    dense = dbn(finetuning=finetuning).fit(small, blobs)
    assert_same_model(model, dense, exact=False)
    np.testing.assert_allclose(dense.transform(X), dense.transform(small), rtol=1e-9)
    np.testing.assert_allclose(dense.predict_proba(X), dense.predict_proba(small), rtol=1e-9)
    np.testing.assert_allclose(dense.score_samples(X[:5]), dense.score_samples(small[:5]))
    mask = np.arange(64) < 32
    mask = np.tile(mask, (100, 1))
    np.testing.assert_allclose(dense.reconstruct(X, mask=mask), dense.reconstruct(small, mask=mask))


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_seeds(finetuning, small, blobs):
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (dbn(finetuning=finetuning).fit(small, blobs) for _ in range(2))
    assert_same_model(first, second)
    np.testing.assert_array_equal(first.score_samples(small[:3]), second.score_samples(small[:3]))
    # the order of the rows is not part of the data
    order = np.random.default_rng(0).permutation(100)
    assert_same_model(dbn(finetuning=finetuning).fit(small[order], blobs[order]), first)
    free = [
        dbn(finetuning=finetuning, random_state=None).fit(small, blobs).rbms_[0].components_
        for _ in range(2)
    ]
    assert (free[0] != free[1]).any()
    for seed in (0, None, np.random.RandomState(0)):
        model = dbn(finetuning=finetuning, random_state=seed).fit(small, blobs)
        model.sample(n_gibbs_steps=1)
        model.set_params(inference="gibbs").predict(small)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_device(finetuning, small, blobs, device):
    X, y = device.asarray(small), blobs.copy()
    y[:9] = -1
    host = dbn(finetuning=finetuning).fit(small, y)
    by_data = dbn(finetuning=finetuning).fit(X, y)
    by_name = dbn(finetuning=finetuning, backend="array_api_strict").fit(small, y)
    for model in (by_data, by_name):
        assert all(type(array) is np.ndarray for array in arrays(model).values())
        assert_same_model(model, host, exact=False)
    mask = np.tile(np.arange(64) < 32, (100, 1))
    for name, options in (
        ("transform", {}),
        ("score_samples", {}),
        ("reconstruct", {}),
        ("reconstruct", {"mask": mask, "n_gibbs_steps": 2}),
        ("reconstruct", {"mask": device.asarray(mask)}),
    ):
        out = getattr(by_data, name)(X, **options)
        assert device.owns(out), name
        same = getattr(by_data, name)(small, **options)
        assert type(same) is np.ndarray, name
        np.testing.assert_allclose(device.to_host(out), same, rtol=1e-8, err_msg=name)
        assert type(getattr(by_name, name)(small, **options)) is np.ndarray, name
    for inference in ("auto", "free_energy", "gibbs"):
        by_data.inference = inference
        p = by_data.predict_proba(X)
        assert type(p) is np.ndarray
        np.testing.assert_allclose(p, by_data.predict_proba(small), rtol=1e-6)
    assert type(by_name.sample(labels=[0, 1], n_gibbs_steps=2)) is np.ndarray
    by_name.partial_fit(small, y)
    by_data.partial_fit(X, y)
    assert type(by_data.rbms_[0].components_) is np.ndarray
    assert_same_model(by_name, by_data, exact=False)


# -- bad data --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    "spoil", ["nan", "labels", "length", "weights", "finetuning", "schedule", "solver", "held out"]
)
def test_bad_input_changes_nothing(method, fitted, spoil, small, blobs):
    model = dbn(finetuning=Backprop(n_iter=1), random_state=None)
    if fitted:
        model.fit(pd.DataFrame(small, columns=[f"p{i}" for i in range(64)]), blobs)
    X, y, options = np.array(small[:, :63]), np.array(blobs, dtype=object), {}
    if method == "partial_fit" and fitted:
        X = pd.DataFrame(small, columns=model.feature_names_in_)
    if method == "partial_fit" and not fitted:
        options["classes"] = [0, 1, 2]
    if spoil == "nan":
        X = X * np.nan
    elif spoil == "labels":
        y[5] = None
    elif spoil == "length":
        y = y[:-1]
    elif spoil == "weights":
        if method == "partial_fit":
            model.set_params(class_weight="balanced")
        else:
            options["sample_weight"] = -np.ones(100)
    elif spoil == "finetuning":
        model.set_params(finetuning__n_iter=-1)
    elif spoil == "schedule":
        model.set_params(finetuning__momentum=[0.5, 1.5])
    elif spoil == "solver":
        model.set_params(finetuning__optimizer="cg", finetuning__dropout=0.5)
    elif method == "partial_fit":
        pytest.skip("nothing is held out")
    else:
        model.set_params(finetuning__early_stopping=True, finetuning__validation_fraction=0.001)
    before = copy.deepcopy(vars(model))
    settings = repr(model)
    with pytest.raises((ValueError, TypeError)):
        getattr(model, method)(X, y, **options)
    assert vars(model).keys() == before.keys()
    assert repr(model) == settings
    for name, value in before.items():
        if isinstance(value, int | str | tuple | np.ndarray | list) and name != "rbms_":
            found = vars(model)[name]
            for a, b in zip(
                np.atleast_1d(found) if not isinstance(found, list) else found,
                np.atleast_1d(value) if not isinstance(value, list) else value,
                strict=True,
            ):
                np.testing.assert_array_equal(a, b, err_msg=name)
    if fitted:
        assert len(model.feature_names_in_) == model.n_features_in_ == 64


def test_settings_are_not_changed_by_fit(small, blobs):
    rbm, finetuning = RBMTransformer(n_iter=1), Backprop(n_iter=1)
    before = [vars(copy.deepcopy(obj)) for obj in (rbm, finetuning)]
    model = dbn(rbm=rbm, finetuning=finetuning, pretraining=False)
    model.fit(small, blobs).partial_fit(small, blobs)
    assert [vars(obj) for obj in (rbm, finetuning)] == before
    assert model.rbm is rbm


def test_wrong_rows_for_a_fitted_net(small, blobs):
    for finetuning in FINETUNING:
        model = dbn(finetuning=finetuning).fit(small, blobs)
        for name in ("predict", "predict_proba", "transform", "score_samples", "reconstruct"):
            with pytest.raises(ValueError, match="X has 5 features, but DBNClassifier is expec"):
                getattr(model, name)(small[:, :5])
            with pytest.raises(ValueError, match="NaN"):
                getattr(model, name)(small * np.nan)


def test_values_outside_the_range_are_clipped_with_one_warning(small, blobs):
    with pytest.warns(DataRangeWarning, match="DBNClassifier: column") as caught:
        model = dbn().fit(2 * small, blobs)
    assert len(caught) == 1
    assert_same_model(model, dbn().fit(np.clip(2 * small, 0, 1), blobs))
