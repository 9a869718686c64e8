"""DeepAutoencoder as an estimator: the unrolled network, codes, containers, bad input."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from scipy.special import expit, xlog1py, xlogy
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

from skdeepbm import (
    Backprop,
    ClassificationRBM,
    DeepAutoencoder,
    ReplicatedSoftmax,
)
from skdeepbm import RBMTransformer as RBM
from skdeepbm.exceptions import DataRangeWarning

GAUSSIAN = [RBM(visible="gaussian", n_iter=3), RBM(n_iter=2)]
COUNTS = [ReplicatedSoftmax(n_iter=2), RBM(n_iter=2)]


def autoencoder(sizes=(8, 3), *, finetuning=None, **options):
    options = {"pretrainer": RBM(n_iter=2), "random_state": 0, **options}
    return DeepAutoencoder(sizes, finetuning=finetuning, **options)


def arrays(model):
    """All public arrays by name."""
    found = {}
    for name in ("coefs_", "intercepts_"):
        found |= {f"{name}[{i}]": array for i, array in enumerate(getattr(model, name))}
    for i, rbm in enumerate(model.pretrainers_):
        found |= {
            f"pretrainers_[{i}].{k}": v for k, v in vars(rbm).items() if isinstance(v, np.ndarray)
        }
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
def rows(small, real, documents):
    """Data for each kind of visible units, and templates for them."""
    return {
        "bernoulli": (small, RBM(n_iter=2)),
        "gaussian": (real, GAUSSIAN),
        "counts": (documents, COUNTS),
    }


KINDS = ["bernoulli", "gaussian", "counts"]


# -- the unrolled network --------------------------------------------------------------------


@pytest.mark.parametrize("code", ["linear", "sigmoid", "relu", "binary"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_fine_tuning_it_is_the_stack(kind, code, rows):
    """The way up and down through the fitted layers, one by one."""
    X, templates = rows[kind]
    model = autoencoder(pretrainer=templates, code=code).fit(X)
    h = X
    for layer in model.pretrainers_:
        h = layer.transform(h)
    np.testing.assert_allclose(model.transform(X), h, rtol=1e-6, atol=1e-9)
    v = h
    for layer in reversed(model.pretrainers_):
        v = layer.inverse_transform(v)
    np.testing.assert_allclose(model.inverse_transform(h), v, rtol=1e-6, atol=1e-9)
    if kind == "counts":
        v = v * np.asarray(X.sum(axis=1)).reshape(-1, 1)
    np.testing.assert_allclose(model.reconstruct(X), v, rtol=1e-6, atol=1e-9)
    assert np.ptp(model.transform(X), axis=0).min() > 0
    assert model.n_iter_ == 0
    assert model.history_ == {}


def test_a_learned_variance_counts_on_the_way_up(real):
    """Gaussian visible units with variances far from 1: the weights see v / s^2."""
    X = real * [3.0, 0.2, 1.0, 2.0, 0.5]
    templates = [RBM(visible="gaussian", n_iter=20), RBM(n_iter=2)]
    model = autoencoder(pretrainer=templates).fit(X)
    variance = np.exp(model.pretrainers_[0].log_variance_visible_)
    assert variance.max() / variance.min() > 10
    weights = model.pretrainers_[0].components_
    np.testing.assert_allclose(model.coefs_[0], weights.T / variance[:, None], rtol=1e-6)
    np.testing.assert_allclose(model.coefs_[-1], weights, rtol=1e-6)


def test_a_gaussian_layer_in_the_middle(real):
    """Its variance, which the layer above has learned, counts as well."""
    templates = [RBM(visible="gaussian", hidden="gaussian", n_iter=5), RBM(n_iter=5)]
    model = autoencoder((4, 3), pretrainer=templates, code="sigmoid").fit(real)
    assert model.pretrainers_[1].visible == "gaussian"
    h = model.pretrainers_[1].transform(model.pretrainers_[0].transform(real))
    np.testing.assert_allclose(model.transform(real), h, rtol=1e-6)
    v = model.pretrainers_[0].inverse_transform(model.pretrainers_[1].inverse_transform(h))
    np.testing.assert_allclose(model.reconstruct(real), v, rtol=1e-6)


@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("sizes", [7, (7,), (7, 5), [7, 5, 4], np.array([7, 5])], ids=str)
def test_shapes_and_order(sizes, pretraining, small):
    model = autoencoder(sizes, pretraining=pretraining).fit(small)
    up = [64, *np.atleast_1d(sizes)]
    widths = [*up, *up[-2::-1]]
    assert [w.shape for w in model.coefs_] == list(zip(widths[:-1], widths[1:], strict=True))
    assert [b.shape for b in model.intercepts_] == [(n,) for n in widths[1:]]
    assert model.transform(small).shape == (100, up[-1])
    assert model.reconstruct(small).shape == small.shape
    assert list(model.get_feature_names_out()) == [f"deepautoencoder{i}" for i in range(up[-1])]
    assert len(model.pretrainers_) == (len(up) - 1 if pretraining else 0)


def test_decoder_is_the_transposed_encoder_until_fine_tuning_unties_them(small):
    start = autoencoder((8, 6, 3)).fit(small)
    for i, layer in enumerate(start.pretrainers_):
        np.testing.assert_array_equal(start.coefs_[i], start.coefs_[5 - i].T)
        np.testing.assert_array_equal(start.intercepts_[i], layer.intercept_hidden_)
        np.testing.assert_array_equal(start.intercepts_[5 - i], layer.intercept_visible_)
    settings = Backprop(n_iter=1, training_dtype="float64")
    tuned = autoencoder((8, 6, 3), finetuning=settings).fit(small)
    for i in range(3):
        assert not np.array_equal(tuned.coefs_[i], tuned.coefs_[5 - i].T)
        # layers are kept as pretraining left them
        np.testing.assert_array_equal(
            tuned.pretrainers_[i].components_, start.pretrainers_[i].components_
        )
    for i in range(6):
        assert not np.array_equal(tuned.coefs_[i], start.coefs_[i])
        assert not np.array_equal(tuned.intercepts_[i], start.intercepts_[i])


def test_fitted_arrays_are_the_model(small):
    """Whoever sets them gets the network they describe."""
    rng = np.random.default_rng(0)
    model = autoencoder(code="sigmoid")
    shapes = [(5, 8), (8, 3), (3, 8), (8, 5)]
    model.coefs_ = [rng.normal(size=shape) for shape in shapes]
    model.intercepts_ = [rng.normal(size=shape[1]) for shape in shapes]
    x = rng.random((4, 5))
    h = x
    for w, b in zip(model.coefs_[:2], model.intercepts_[:2], strict=True):
        h = expit(h @ w + b)
    np.testing.assert_allclose(model.transform(x), h)
    v = h
    for w, b in zip(model.coefs_[2:], model.intercepts_[2:], strict=True):
        v = expit(v @ w + b)
    np.testing.assert_allclose(model.reconstruct(x), v)
    model.coefs_[0] = np.zeros((5, 8))
    np.testing.assert_allclose(np.ptp(model.transform(x), axis=0), 0)
    with pytest.raises(ValueError, match="X has 6 features, but .* DeepAutoencoder are for 5"):
        model.transform(np.zeros((2, 6)))
    # and training goes on from them
    model.set_params(warm_start=True, finetuning=Backprop(n_iter=1)).fit(x)
    assert model.coefs_[0].shape == (5, 8)
    assert model.n_iter_ == 1


# -- scores ----------------------------------------------------------------------------------


def test_score_of_sigmoid_outputs_is_minus_the_cross_entropy(small):
    model = autoencoder(finetuning=Backprop(n_iter=1)).fit(small)
    p = model.reconstruct(small)
    expected = (xlogy(small, p) + xlog1py(1 - small, -p)).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(small), expected, rtol=1e-9)
    assert model.score(small) == pytest.approx(expected.mean(), rel=1e-12)


def test_score_of_linear_outputs_is_a_normal_log_density(real):
    model = autoencoder(pretrainer=GAUSSIAN, finetuning=Backprop(n_iter=1)).fit(real)
    square = ((real - model.reconstruct(real)) ** 2).sum(axis=1)
    expected = -0.5 * square - 0.5 * real.shape[1] * np.log(2 * np.pi)
    np.testing.assert_allclose(model.score_samples(real), expected, rtol=1e-9)


def test_score_of_counts_is_that_of_the_words(documents):
    model = autoencoder(pretrainer=COUNTS, finetuning=Backprop(n_iter=1)).fit(documents)
    p = model.inverse_transform(model.transform(documents))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = (documents.toarray() * np.log(p)).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(documents), expected, rtol=1e-9)


def test_documents_without_words(documents):
    """They have a code, nothing to be reconstructed, and change no training that they are in."""
    X = sp.csr_array(sp.vstack([documents, np.zeros((3, 12))]))
    model = autoencoder(
        pretrainer=COUNTS, code="sigmoid", finetuning=Backprop(n_iter=2, optimizer="lbfgs")
    ).fit(X)
    assert np.isfinite(model.transform(X)).all()
    # without words nothing speaks for or against a unit of the first layer
    half = expit(np.full(8, 0.5) @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.transform(X)[-3:], np.tile(half, (3, 1)))
    np.testing.assert_array_equal(model.score_samples(X)[-3:], 0)
    np.testing.assert_array_equal(model.reconstruct(X)[-3:], 0)
    np.testing.assert_allclose(model.reconstruct(X).sum(axis=1), X.sum(axis=1))


@pytest.mark.parametrize("pretraining", [True, False])
def test_no_document_has_a_word(pretraining, documents, device):
    model = autoencoder(pretrainer=COUNTS, pretraining=pretraining, finetuning=Backprop(n_iter=1))
    for X in (0 * documents, device.asarray(0 * documents.toarray())):
        with pytest.raises(ValueError, match="120 documents for DeepAutoencoder, but no word in"):
            model.fit(X)
    # later there is nothing to learn from such a batch
    model.set_params(finetuning=Backprop(weight_decay=0, n_iter=0)).fit(documents)
    before = copy.deepcopy(model.coefs_)
    model.partial_fit(0 * documents)
    for a, b in zip(model.coefs_, before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=1)], ids=str)
def test_fractional_counts_are_told_once(finetuning, documents):
    frame = pd.DataFrame(documents.toarray() / 2, columns=[f"w{i}" for i in range(12)])
    model = autoencoder(pretrainer=COUNTS, finetuning=finetuning)
    for method in (model.fit, model.partial_fit):
        with pytest.warns(DataRangeWarning, match="DeepAutoencoder: column .*'w.*no count") as told:
            method(frame)
        assert len(told) == 1


def test_softmax_groups():
    X = np.eye(3)[np.random.default_rng(0).integers(3, size=(60, 3))].reshape(60, 9)
    rbm = RBM(visible="softmax", visible_groups=3, n_iter=2)
    templates = [rbm, RBM(n_iter=2)]
    model = autoencoder(pretrainer=templates, finetuning=Backprop(n_iter=2)).fit(X)
    p = model.reconstruct(X)
    np.testing.assert_allclose(p.reshape(60, 3, 3).sum(axis=2), 1)
    np.testing.assert_allclose(model.score_samples(X), (X * np.log(p)).sum(axis=1))
    unpretrained = autoencoder(pretrainer=templates, pretraining=False).fit(X)
    np.testing.assert_allclose(unpretrained.reconstruct(X).reshape(60, 3, 3).sum(axis=2), 1)


# -- binary codes ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["binary", "sigmoid"])
@pytest.mark.parametrize("n_bits", [5, 8, 12])
def test_binary_codes_are_packed_bits(code, n_bits, small):
    model = autoencoder((9, n_bits), code=code, finetuning=Backprop(n_iter=1)).fit(small)
    h = model.transform(small)
    bits = np.zeros((100, 8 * -(-n_bits // 8)), dtype=int)
    bits[:, :n_bits] = h > 0.5
    expected = bits.reshape(100, -1, 8) @ (2 ** np.arange(7, -1, -1))
    found = model.binary_codes(small)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, np.packbits(h > 0.5, axis=1))
    # encoding has no noise
    np.testing.assert_array_equal(model.binary_codes(small), found)
    np.testing.assert_array_equal(model.transform(small), h)
    # bits are codes for the way down
    up = np.unpackbits(found, axis=1, count=n_bits)
    np.testing.assert_allclose(
        model.inverse_transform(up), model.inverse_transform((h > 0.5).astype(float))
    )


def test_thresholds(small):
    model = autoencoder((9, 8), code="binary").fit(small)
    h = model.transform(small)
    medians = np.median(h, axis=0)
    np.testing.assert_array_equal(
        model.binary_codes(small, threshold=medians), np.packbits(h > medians, axis=1)
    )
    share = np.unpackbits(model.binary_codes(small, threshold=list(medians)), axis=1).mean(axis=0)
    np.testing.assert_allclose(share, 0.5)
    np.testing.assert_array_equal(model.binary_codes(small, threshold=0), 255)
    np.testing.assert_array_equal(model.binary_codes(small, threshold=1), 0)
    # a value that is equal to the threshold is not greater
    same = np.unpackbits(model.binary_codes(small[:1], threshold=h[0]), axis=1)
    np.testing.assert_array_equal(same, 0)


@pytest.mark.parametrize("code", ["linear", "relu"])
def test_bits_need_sigmoid_units(code, small):
    model = autoencoder(code=code).fit(small)
    with pytest.raises(ValueError, match=f"binary_codes of DeepAutoencoder .* code='{code}'"):
        model.binary_codes(small)


@pytest.mark.parametrize(
    "threshold", [[0.5], [0.5] * 4, np.nan, None, np.full((1, 3), 0.5), "half", [[0.5], [0, 1]]]
)
def test_thresholds_that_are_none(threshold, small):
    model = autoencoder(code="binary").fit(small)
    with pytest.raises(ValueError, match="threshold of binary_codes of DeepAutoencoder .* 3 code"):
        model.binary_codes(small, threshold=threshold)


# -- templates -------------------------------------------------------------------------------


def test_layers_have_the_settings_of_their_templates(small):
    rbm = RBM(5, n_iter=1, momentum=0.3, learning_rate=0.02, random_state=7)
    before = rbm.get_params()
    model = autoencoder((8, 6, 3), pretrainer=rbm).fit(small)
    found = [(r.n_components, r.n_iter, r.momentum, r.visible) for r in model.pretrainers_]
    assert found == [(n, 1, 0.3, "bernoulli") for n in (8, 6, 3)]
    assert [r.hidden for r in model.pretrainers_] == ["bernoulli", "bernoulli", "gaussian"]
    assert [r.learning_rate for r in model.pretrainers_] == [0.02, 0.02, "auto"]
    assert len({r.random_state for r in model.pretrainers_}) == 3
    assert rbm.get_params() == before
    assert not hasattr(rbm, "components_")
    # a template whose units are those of the code keeps its rate
    top = RBM(hidden="gaussian", n_iter=1, learning_rate=0.003)
    model = autoencoder(pretrainer=[rbm, top]).fit(small)
    assert model.pretrainers_[1].learning_rate == 0.003
    # without a seed of its own, the estimator takes those of the templates
    first, second = (autoencoder(pretrainer=rbm, random_state=None).fit(small) for _ in range(2))
    assert_same_model(first, second)


def test_one_sparse_template_for_all_layers(small):
    """Its penalty is of sigmoid units; linear codes go without."""
    model = autoencoder(pretrainer=RBM(n_iter=1, sparsity_cost=0.1))
    assert [r.sparsity_cost for r in model.fit(small).pretrainers_] == [0.1, 0.0]
    model.set_params(code="binary").fit(small)
    assert [r.sparsity_cost for r in model.pretrainers_] == [0.1, 0.1]


def test_default_templates(small):
    model = DeepAutoencoder((4,), random_state=0, finetuning=None).fit(small)
    assert model.pretrainers_[0].n_iter == RBM().n_iter
    assert model.pretrainers_[0].hidden == "gaussian"


@pytest.mark.parametrize(
    ("templates", "error", "match"),
    [
        ([RBM()], ValueError, "pretrainer of DeepAutoencoder is a list of 1 templates, but"),
        (ClassificationRBM(), TypeError, "pretrainer of DeepAutoencoder must be an RBMTransfor"),
        ([RBM(), MinMaxScaler()], TypeError, "layer 1 is MinMaxScaler"),
        (RBM(hidden="relu"), ValueError, "layer 0 of DeepAutoencoder has hidden='relu'"),
        ([], ValueError, "a list of 0 templates, but hidden_layer_sizes has 2 layers"),
        (
            "rbm",
            TypeError,
            "RBMTransformer or a ShallowAutoencoder, .* layer 0 is 'rbm'",
        ),
        (RBM, TypeError, "must be an RBMTransformer"),
        (MinMaxScaler(), TypeError, r"layer 0 is MinMaxScaler\(\)"),
        ([RBM(), ReplicatedSoftmax()], ValueError, "can only be the first one: give a list"),
        (ReplicatedSoftmax(), ValueError, "layer 1 of DeepAutoencoder is a ReplicatedSoftmax"),
        ([RBM(), RBM(n_iter=-1)], ValueError, "'n_iter' parameter of RBMTransformer"),
        (RBM(visible="words"), ValueError, "'visible' parameter of RBMTransformer"),
    ],
)
def test_templates_that_do_not_fit(templates, error, match, small):
    model = autoencoder(pretrainer=templates)
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(small)
    assert vars(model) == before
    assert model.__sklearn_tags__().input_tags.sparse


@pytest.mark.parametrize("code", ["linear", "relu"])
def test_counts_alone_have_sigmoid_codes(code, documents):
    model = autoencoder(4, pretrainer=ReplicatedSoftmax(n_iter=1), code=code)
    with pytest.raises(ValueError, match=f"code='{code}' of DeepAutoencoder .* 'sigmoid'"):
        model.fit(documents)
    assert model.set_params(code="binary").fit(documents).transform(documents).shape == (120, 4)


# -- the tools of scikit-learn ---------------------------------------------------------------


def test_sweep_and_clone(small):
    model = autoencoder().set_params(pretrainer__momentum=0.2, pretrainer__n_iter=1)
    model.set_params(finetuning=Backprop()).set_params(finetuning__n_iter=1).fit(small)
    assert model.pretrainers_[1].momentum == 0.2
    assert model.n_iter_ == 1
    other = clone(model)
    assert other.pretrainer is not model.pretrainer
    assert not hasattr(other, "coefs_")
    assert_same_model(other.fit(small), model)


def test_grid_search_is_the_same_in_several_processes(small):
    grid = {
        "pretrainer__momentum": [0.0, 0.5],
        "sparsity": [None, "all"],
    }
    found = []
    for n_jobs in (1, 2):
        # products of one and of several threads may differ in the last bit
        with threadpool_limits(1):
            model = autoencoder(
                pretrainer=RBM(n_iter=1), code="sigmoid", finetuning=Backprop(n_iter=1)
            )
            found.append(GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(small))
    one, two = found
    for name, values in one.cv_results_.items():
        if "time" not in name and name != "params":
            np.testing.assert_array_equal(two.cv_results_[name], values, err_msg=name)
    assert len(np.unique(one.cv_results_["mean_test_score"])) == 4
    assert_same_model(two.best_estimator_, one.best_estimator_)


def test_saved_and_loaded(small, tmp_path):
    model = autoencoder(code="binary", finetuning=Backprop(n_iter=1), warm_start=True).fit(small)
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(loaded.transform(small), model.transform(small))
        np.testing.assert_array_equal(loaded.binary_codes(small), model.binary_codes(small))
        # training goes on as if nothing had been
        assert_same_model(loaded.fit(small), copy.deepcopy(model).fit(small))


def test_frames(small):
    frame = pd.DataFrame(small, columns=[f"p{i}" for i in range(64)])
    model = autoencoder(code="sigmoid").set_output(transform="pandas")
    fitted = model.fit_transform(frame)
    out = model.transform(frame)
    assert list(out.columns) == [f"deepautoencoder{i}" for i in range(3)]
    pd.testing.assert_frame_equal(fitted, out)
    assert list(model.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(out, autoencoder(code="sigmoid").fit(small).transform(small))
    np.testing.assert_array_equal(
        model.binary_codes(frame), np.packbits(np.asarray(out) > 0.5, axis=1)
    )
    with sklearn.config_context(transform_output="pandas"):
        everywhere = autoencoder(finetuning=Backprop(n_iter=1)).fit(small).partial_fit(small)
        assert isinstance(everywhere.transform(small), pd.DataFrame)
    assert not hasattr(everywhere.pretrainers_[1], "feature_names_in_")


def test_in_a_pipeline(small):
    y = (small[:, 20] > 0.5).astype(int)
    pipe = make_pipeline(MinMaxScaler(), autoencoder(), LogisticRegression())
    assert pipe.fit(16 * small, y).predict(16 * small).shape == (100,)
    np.testing.assert_array_equal(
        pipe[:-1].transform(16 * small),
        autoencoder().fit(pipe[0].transform(16 * small)).transform(pipe[0].transform(16 * small)),
    )


# -- numbers ---------------------------------------------------------------------------------

FINETUNING = [None, Backprop(n_iter=1), Backprop(n_iter=1, optimizer="lbfgs", training_dtype=None)]


@pytest.mark.parametrize("finetuning", FINETUNING, ids=["none", "sgd", "lbfgs"])
@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32(kind, pretraining, finetuning, rows):
    X, templates = rows[kind]
    options = {
        "pretrainer": templates,
        "pretraining": pretraining,
        "finetuning": finetuning,
        "intermediate_finetuning": Backprop(n_iter=1),
        "code": "sigmoid",
    }
    small = X.astype(np.float32)
    model = autoencoder(**options).fit(small)
    for _ in range(2):
        for name, array in arrays(model).items():
            assert array.dtype == np.float32 or array.dtype.kind != "f", name
        h = model.transform(small)
        for found in (h, model.inverse_transform(h), model.reconstruct(small)):
            assert found.dtype == np.float32
        assert model.score_samples(small).dtype == np.float32
        model.partial_fit(small)
    double = autoencoder(**options).fit(X)
    assert {array.dtype for array in [*double.coefs_, *double.intercepts_]} == {np.dtype("f8")}
    assert double.transform(X).dtype == double.reconstruct(X).dtype == np.float64


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("kind", ["bernoulli", "counts"])
def test_sparse_rows(kind, pretraining, container, rows):
    X, templates = rows[kind]
    dense_rows = X.toarray() if sp.issparse(X) else X
    options = {
        "pretrainer": templates,
        "pretraining": pretraining,
        "intermediate_finetuning": Backprop(n_iter=1),
        "finetuning": Backprop(n_iter=1),
        "code": "binary",
    }
    X = container(dense_rows)
    model, dense = autoencoder(**options).fit(X), autoencoder(**options).fit(dense_rows)
    assert_same_model(model, dense, exact=False)
    for name in ("transform", "reconstruct", "score_samples", "binary_codes"):
        found = getattr(dense, name)(X)
        assert type(found) is np.ndarray, name
        np.testing.assert_allclose(found, getattr(dense, name)(dense_rows), rtol=1e-9)
    assert_same_model(model.partial_fit(X), dense.partial_fit(dense_rows), exact=False)


@pytest.mark.parametrize("kind", ["bernoulli", "counts"])
def test_sparse_rows_are_never_made_dense_together(kind, monkeypatch):
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

    def forbidden(self, *args, **kwargs):
        raise AssertionError("made dense")

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    for name in ("todense", "__array__"):
        monkeypatch.setattr(sp.csr_array, name, forbidden, raising=False)
    monkeypatch.setattr("skdeepbm.estimators._base.CHUNK", batch * n_columns)
    monkeypatch.setattr("skdeepbm.training.backprop.CHUNK", batch)
    bottom = ReplicatedSoftmax if kind == "counts" else RBM
    settings = Backprop(n_iter=1, batch_size=batch)
    model = autoencoder(
        (3, 2),
        pretrainer=[bottom(n_iter=1, batch_size=batch), RBM(n_iter=1)],
        intermediate_finetuning=settings,
        finetuning=settings,
    ).fit(X)
    model.partial_fit(X[:batch])
    assert model.transform(X).shape == (n_rows, 2)
    assert model.score_samples(X).shape == (n_rows,)
    assert sizes


@pytest.mark.parametrize("code", ["linear", "binary"])
def test_seeds(code, small):
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    options = {
        "code": code,
        "intermediate_finetuning": Backprop(n_iter=1, dropout=0.2),
        "finetuning": Backprop(n_iter=2, dropout=0.2),
    }
    first, second = (autoencoder(**options).fit(small) for _ in range(2))
    assert_same_model(first, second)
    other = autoencoder(random_state=1, **options).fit(small)
    assert not np.array_equal(other.coefs_[0], first.coefs_[0])
    for seed in (None, np.random.RandomState(0)):
        autoencoder(random_state=seed, **options).fit(small).partial_fit(small).transform(small)
    free = [autoencoder(random_state=None, **options).fit(small).coefs_[0] for _ in range(2)]
    assert (free[0] != free[1]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


SPARSE = {"code": "binary", "sparsity": "all", "intermediate_finetuning": Backprop(n_iter=1)}
UNTRAINED = {"pretraining": False, "finetuning": Backprop(n_iter=1, early_stopping=True)}
# line searches magnify what is rounded
SEARCH = Backprop(n_iter=1, optimizer="cg", batch_size=50, training_dtype=None)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("bernoulli", {**SPARSE, "finetuning": Backprop(n_iter=1)}),
        ("gaussian", {"code": "relu", "finetuning": SEARCH}),
        ("gaussian", UNTRAINED),
        ("counts", SPARSE),
        ("counts", UNTRAINED),
    ],
    ids=["bernoulli", "gaussian", "gaussian-untrained", "counts", "counts-untrained"],
)
def test_device(kind, options, rows, device):
    X, templates = rows[kind]
    X = X.toarray() if sp.issparse(X) else X
    if kind == "counts":
        # where chains exchange states, rounding in float32 may decide whether they do
        templates = [ReplicatedSoftmax(n_iter=2, algorithm="cd"), templates[1]]
    options = {"pretrainer": templates, **options}
    there = device.asarray(X)
    host = autoencoder(**options).fit(X)
    by_data = autoencoder(**options).fit(there)
    by_name = autoencoder(backend="array_api_strict", **options).fit(X)
    for model in (by_data, by_name):
        assert all(type(array) is np.ndarray for array in arrays(model).values())
        assert all(type(values) is np.ndarray for values in model.history_.values())
        assert_same_model(model, host, exact=False)
    for name in ("transform", "reconstruct", "score_samples"):
        out = getattr(by_data, name)(there)
        assert device.owns(out), name
        same = getattr(by_data, name)(X)
        assert type(same) is np.ndarray, name
        np.testing.assert_allclose(device.to_host(out), same, rtol=1e-8, err_msg=name)
        assert type(getattr(by_name, name)(X)) is np.ndarray, name
    h = by_data.transform(there)
    assert device.owns(by_data.inverse_transform(h))
    assert type(by_data.inverse_transform(device.to_host(h))) is np.ndarray
    assert by_data.score(there) == pytest.approx(by_data.score(X), rel=1e-10)
    if by_data.code == "binary":
        assert type(by_data.binary_codes(there)) is np.ndarray
    by_name.partial_fit(X)
    by_data.partial_fit(there)
    assert type(by_data.coefs_[0]) is np.ndarray
    assert_same_model(by_name, by_data, exact=False)


# -- bad data --------------------------------------------------------------------------------

METHODS = ("transform", "reconstruct", "score_samples", "score", "binary_codes")


def test_wrong_rows_for_a_fitted_model(small, documents):
    model = autoencoder(code="binary").fit(small)
    for name in METHODS:
        with pytest.raises(ValueError, match="X has 5 features, but DeepAutoencoder is expecting"):
            getattr(model, name)(small[:, :5])
        with pytest.raises(ValueError, match=r"(?s)NaN.*DeepAutoencoder.*row 0, column 0"):
            getattr(model, name)(small * np.nan)
    words = autoencoder(pretrainer=COUNTS, code="binary").fit(documents)
    for name in (*METHODS, "fit", "partial_fit"):
        with pytest.raises(ValueError, match="Negative values .* DeepAutoencoder: column"):
            getattr(words, name)(-documents)


def test_wrong_codes(small):
    model = autoencoder().fit(small)
    for H in (np.zeros((2, 4)), np.zeros((2, 64))):
        with pytest.raises(ValueError, match=r"inverse_transform of DeepAutoencoder .*, 3\): one"):
            model.inverse_transform(H)
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="2D"):
        model.inverse_transform(np.zeros(3))


def test_not_fitted(small):
    for name in (*METHODS, "inverse_transform"):
        with pytest.raises(NotFittedError, match="DeepAutoencoder"):
            getattr(autoencoder(code="binary"), name)(small)


def test_gaussian_bottom_refuses_sparse_rows(real):
    model = autoencoder(pretrainer=GAUSSIAN)
    assert not model.__sklearn_tags__().input_tags.sparse
    with pytest.raises(TypeError, match="Sparse data .* DeepAutoencoder with visible='gaussian'"):
        model.fit(sp.csr_array(real))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m.coefs_.pop(),
        lambda m: m.intercepts_.pop(),
        lambda m: m.coefs_.__setitem__(1, np.zeros((8, 4))),
        lambda m: m.coefs_.__setitem__(0, np.zeros(8)),
        lambda m: m.coefs_.__setitem__(-1, np.zeros((8, 63))),
        lambda m: m.intercepts_.__setitem__(0, np.zeros(7)),
        lambda m: m.set_params(hidden_layer_sizes=(8, 6, 3)),
    ],
)
def test_arrays_that_do_not_fit_together(spoil, small):
    model = autoencoder(finetuning=Backprop(n_iter=1), warm_start=True).fit(small)
    spoil(model)
    for name in ("transform", "reconstruct", "fit", "partial_fit"):
        with pytest.raises(ValueError, match="coefs_ and intercepts_ of DeepAutoencoder have the"):
            getattr(model, name)(small)


@pytest.mark.parametrize("sizes", [(), (3, 0), (3, 2.5), "ab", [[3]]], ids=str)
def test_wrong_sizes(sizes, small):
    with pytest.raises(ValueError, match="hidden_layer_sizes.*DeepAutoencoder"):
        autoencoder(sizes).fit(small)
