"""ClassificationRBM: labels in and out, likelihoods, weights, and where arrays live."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepbm import ClassificationRBM, RBMTransformer
from skdeepbm.exceptions import DivergenceError

ARRAYS = (
    "components_",
    "label_components_",
    "intercept_hidden_",
    "intercept_visible_",
    "intercept_label_",
)
OBJECTIVES = ["generative", "discriminative", "hybrid"]


@pytest.fixture(scope="module")
def labelled():
    """400 images of 8 x 8 pixels in [0, 1] and their digits."""
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


@pytest.fixture
def toy():
    """60 rows of 5 bits, most of them copies of the class's pattern."""
    rng = np.random.default_rng(0)
    patterns = np.array([[1, 1, 0, 0, 1], [0, 0, 1, 1, 0], [1, 0, 1, 0, 1]])
    y = rng.integers(3, size=60)
    return np.abs(patterns[y] - (rng.random((60, 5)) < 0.1)) * 1.0, np.array(["a", "b", "c"])[y]


def _fit(X, y, n=6, **options):
    return ClassificationRBM(n, **{"n_iter": 3, "random_state": 0, **options}).fit(X, y)


def _assert_same(one, other, **tolerance):
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        if tolerance:
            np.testing.assert_allclose(a, b, err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def _enumerated(rbm):
    """log p*(x, c, h) summed over h by hand, for all x of few bits; (2**n, n_classes)."""
    n = rbm.n_features_in_
    x = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    a = x @ rbm.components_.T + rbm.intercept_hidden_
    inputs = a[:, None, :] + rbm.label_components_.T
    log_p = np.logaddexp(0, inputs).sum(axis=2) + (x @ rbm.intercept_visible_)[:, None]
    return x * 1.0, log_p + rbm.intercept_label_


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_probabilities_and_likelihoods_by_enumeration(toy, objective):
    rbm = _fit(*toy, objective=objective)
    x, log_p = _enumerated(rbm)
    log_z = logsumexp(log_p)
    assert rbm.log_partition("exact").value == pytest.approx(log_z, rel=1e-12)
    np.testing.assert_allclose(rbm.score_samples(x), logsumexp(log_p, axis=1) - log_z)
    assert np.exp(rbm.score_samples(x)).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(rbm.free_energy(x), -logsumexp(log_p, axis=1))
    posterior = log_p - logsumexp(log_p, axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.predict_log_proba(x), posterior, atol=1e-12)
    np.testing.assert_allclose(rbm.predict_proba(x), np.exp(posterior))
    np.testing.assert_array_equal(rbm.predict(x), rbm.classes_[posterior.argmax(axis=1)])
    a = x @ rbm.components_.T + rbm.intercept_hidden_
    means = 1 / (1 + np.exp(-(a[:, None, :] + rbm.label_components_.T)))
    by_hand = np.einsum("nc,nch->nh", np.exp(posterior), means)
    np.testing.assert_allclose(rbm.transform(x), by_hand)


def test_annealed_log_partition(toy):
    rbm = _fit(*toy, n_iter=20)
    exact = rbm.log_partition("exact").value
    estimate = rbm.log_partition("ais", reverse=toy[0])
    assert estimate.value == pytest.approx(exact, abs=0.05)
    assert estimate.reverse == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_learns(labelled, objective):
    X, y = labelled
    rbm = _fit(X[:300], y[:300], 50, objective=objective, n_iter=20)
    assert rbm.score(X[300:], y[300:]) > 0.8
    history = rbm.history_
    assert history["cross_entropy"].shape == (20,)
    assert history["cross_entropy"][-1] < history["cross_entropy"][0]
    assert history["error"][-1] == pytest.approx(1 - rbm.score(X[:300], y[:300]), abs=0.1)


def test_labels_of_any_kind(toy):
    X, y = toy
    names = _fit(X, y)
    numbers = _fit(X, np.searchsorted(["a", "b", "c"], y).tolist())
    _assert_same(names, numbers)
    np.testing.assert_array_equal(names.classes_, ["a", "b", "c"])
    np.testing.assert_array_equal(names.classes_[numbers.predict(X)], names.predict(X))
    assert set(names.predict(X)) <= {"a", "b", "c"}


@pytest.mark.parametrize("kind", ["int", "object", "str", "list"])
def test_rows_without_label(toy, kind):
    X, y = toy
    hidden = np.arange(60) % 3 > 0
    if kind == "int":
        y = np.where(hidden, -1, np.searchsorted(["a", "b", "c"], y))
    else:
        y = np.where(hidden, -1, y.astype(object))
        y = {"object": y, "str": y.astype(str), "list": y.tolist()}[kind]
    rbm = _fit(X, y, objective="generative")
    assert rbm.classes_.size == 3
    assert rbm.history_["cross_entropy"].shape == (3,)


def test_rows_without_label_teach_the_density(labelled):
    """Twenty labels and 280 rows without: more than the twenty alone can say of the features."""
    X, y = labelled
    few = np.full(300, -1)
    few[:20] = y[:20]
    options = {"n": 30, "objective": "generative", "n_iter": 20}
    both, alone = _fit(X[:300], few, **options), _fit(X[:20], y[:20], **options)
    errors = [((rbm.reconstruct(X[300:]) - X[300:]) ** 2).mean() for rbm in (both, alone)]
    assert errors[0] < 0.8 * errors[1]
    # with the discriminative objective they teach nothing but the start and the offsets
    still = _fit(X[:40], np.r_[y[:20], np.full(20, -1)], objective="discriminative")
    assert still.history_["cross_entropy"][-1] < still.history_["cross_entropy"][0]


def test_minus_one_and_one_other_value_are_classes(toy):
    X, y = toy
    signs = np.where(y == "a", -1, 1)
    np.testing.assert_array_equal(_fit(X, signs).classes_, [-1, 1])
    three = np.where(y == "a", -1, np.where(y == "b", 0, 1))
    np.testing.assert_array_equal(_fit(X, three).classes_, [0, 1])
    np.testing.assert_array_equal(_fit(X, three, unlabelled=None).classes_, [-1, 0, 1])
    np.testing.assert_array_equal(_fit(X, three, unlabelled=0).classes_, [-1, 1])
    found = ClassificationRBM(3, random_state=0).partial_fit(X, three, classes=[0, 1])
    np.testing.assert_array_equal(found.classes_, [0, 1])
    found = ClassificationRBM(3, random_state=0).partial_fit(X, three, classes=[-1, 0, 1])
    np.testing.assert_array_equal(found.classes_, [-1, 0, 1])


def test_bad_labels(toy):
    X, y = toy
    for bad, message in (
        (None, "requires y to be passed, but the target y is None"),
        (np.linspace(0, 1, 60), "Unknown label type: continuous"),
        (
            np.full(60, np.nan),
            "(?s)Input y contains NaN.*first of 60 .* row 0. Put -1 in the place",
        ),
        (
            np.array(["a", None] * 30),
            "(?s)ClassificationRBM contains None or NA.*of 30 .* row 1. Put -1",
        ),
        (pd.Series(["a", "b", pd.NA] * 20, dtype="string"), "(?s)of 20 .* row 2. Put -1"),
        (pd.Series(["a", "b", np.nan] * 20), "(?s)contains NaN.*of 20 .* row 2. Put -1 in the pla"),
        (np.ones(60), "number of classes has to be greater than one; got 1 class"),
        (np.full(60, -1), "than one; got 0 classes .* 60 of 60 rows hold unlabelled=-1 and count"),
        (y[:-1], "inconsistent numbers of samples"),
        (np.array([1, "a"] * 30, dtype=object), "labels of ClassificationRBM are of several kinds"),
        (np.stack([np.ones(60), np.zeros(60)], axis=1), r"y should be a 1d .*y.argmax\(axis=1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            ClassificationRBM(3).fit(X, bad)
    rbm = ClassificationRBM(3, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        rbm.partial_fit(X, y)
    assert not hasattr(rbm, "n_features_in_")
    rbm.partial_fit(X, y, classes=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"target label\(s\) \['z'\] in y do not exist"):
        rbm.partial_fit(X[:2], ["a", "z"])
    with pytest.raises(ValueError, match="is not the same as on the last call"):
        rbm.partial_fit(X, y, classes=["a", "b"])
    with pytest.raises(ValueError, match="class_weight='balanced'.*not supported by partial_fit"):
        rbm.set_params(class_weight="balanced").partial_fit(X, y)


def test_other_bad_input(toy):
    X, y = toy
    with pytest.raises(ValueError, match="held-out rows: set validation_fraction"):
        ClassificationRBM(3, early_stopping="error").fit(X, y)
    few = np.where(np.arange(60) < 2, y.astype(object), -1)
    few[1] = "a" if few[0] != "a" else "b"
    with pytest.raises(ValueError, match="needs held-out rows with a label, but none of 3 has"):
        ClassificationRBM(3, validation_fraction=0.05, early_stopping="error", random_state=0).fit(
            X, few
        )
    with pytest.raises(ValueError, match="'early_stopping' parameter of ClassificationRBM"):
        ClassificationRBM(3, early_stopping="free_energy_gap").fit(X, y)
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        ClassificationRBM(3).fit(X, y, sample_weight=np.r_[-1.0, np.ones(59)])
    with pytest.raises(ValueError, match="only one class have a positive weight"):
        ClassificationRBM(3).fit(X, y, sample_weight=(y == "a") * 1.0)
    rbm = _fit(X, y)
    with pytest.raises(ValueError, match="hold 'z', which is none of the classes"):
        rbm.sample(labels=["a", "z"])
    with pytest.raises(ValueError, match="one class or"):
        rbm.sample(3, labels=["a", "b"])
    with pytest.raises(ValueError, match=r"init has shape \(2, 4\)"):
        rbm.sample(2, init=np.zeros((2, 4)))
    rbm.label_components_ = rbm.label_components_[:, :2]
    with pytest.raises(ValueError, match="label_components_ .6, 2."):
        rbm.predict(X)
    with pytest.raises(DivergenceError, match="diverged"):
        ClassificationRBM(3, learning_rate=1e30, n_iter=5, random_state=0).fit(X, y)


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_weights_are_repetitions(toy, form, objective):
    X, y = toy
    weights = np.random.default_rng(1).integers(0, 4, 60)
    put = sp.csr_array if form == "csr" else np.asarray
    rbm = ClassificationRBM(4, objective=objective, n_iter=2, random_state=0)
    repeated = clone(rbm).fit(put(X.repeat(weights, axis=0)), y.repeat(weights))
    order = np.random.default_rng(2).permutation(60)
    weighted = clone(rbm).fit(put(X[order]), y[order], sample_weight=weights[order])
    _assert_same(repeated, weighted)
    # a weight split between equal rows is the same weight
    split = np.r_[weights / 2, weights / 2]
    _assert_same(weighted, clone(rbm).fit(put(np.r_[X, X]), np.r_[y, y], sample_weight=split))
    assert abs(repeated.components_ - clone(rbm).fit(put(X), y).components_).max() > 1e-4


def test_class_weight(toy):
    X, y = toy
    rare = np.r_[np.flatnonzero(y == "a")[:3], np.flatnonzero(y == "b"), np.flatnonzero(y == "c")]
    X, y = X[rare], y[rare]
    plain, balanced = _fit(X, y, n_iter=0), _fit(X, y, n_iter=0, class_weight="balanced")
    assert plain.intercept_label_[0] < plain.intercept_label_[1] - 1
    np.testing.assert_allclose(balanced.intercept_label_, np.log(1 / 3), atol=0.1)
    heavy = _fit(X, y, n_iter=0, class_weight={"a": 3.0, "b": 1.0, "c": 1.0})
    by_hand = _fit(X, y, n_iter=0, unlabelled=None)
    by_hand.fit(X, y, sample_weight=np.where(y == "a", 3.0, 1.0))
    _assert_same(heavy, by_hand)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_sparse_equals_dense(labelled, objective):
    X, y = labelled
    y = np.where(np.arange(400) % 5 == 0, -1, y)
    options = {"objective": objective, "n_iter": 2, "training_dtype": "float64"}
    dense, sparse = _fit(X, y, **options), _fit(sp.csr_matrix(X), y, **options)
    _assert_same(dense, sparse, rtol=1e-6, atol=1e-8)
    for name in ("predict", "predict_proba", "transform", "free_energy", "reconstruct"):
        one, other = getattr(dense, name)(X), getattr(dense, name)(sp.csr_array(X))
        np.testing.assert_allclose(one, other, err_msg=name)


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "fpcd"])
def test_reproducible(labelled, algorithm):
    X, y = labelled
    y = np.where(np.arange(400) % 5 == 0, -1, y)
    options = {"algorithm": algorithm, "validation_fraction": 0.2, "early_stopping": "error"}
    _assert_same(_fit(X, y, **options), _fit(X, y, **options))
    order = np.random.default_rng(0).permutation(400)
    _assert_same(_fit(X, y, n_iter=2), _fit(X[order], y[order], n_iter=2))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_float32_stays(labelled, objective):
    X, y = labelled
    rbm = _fit(X.astype(np.float32), y, objective=objective)
    for name in ARRAYS:
        assert getattr(rbm, name).dtype == np.float32, name
    for name in ("transform", "predict_proba", "free_energy", "reconstruct"):
        assert getattr(rbm, name)(X.astype(np.float32)).dtype == np.float32, name
    _assert_same(
        rbm,
        _fit(X.astype(np.float32).astype(np.float64), y, objective=objective),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_partial_fit_is_fit(labelled, visible, objective):
    X, y = labelled[0][:, 20:23], labelled[1]
    options = {"visible": visible, "objective": objective, "shuffle": False, "batch_size": 100}
    whole = _fit(X[:250], y[:250], n_iter=2, **options)
    steps = _fit(X[:250], y[:250], n_iter=0, **options)
    for _ in range(2):
        for start in (0, 100, 200):
            assert steps.partial_fit(X[start:250][:100], y[start:250][:100]) is steps
    _assert_same(whole, steps)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_warm_start_goes_on(labelled, algorithm):
    X, y = labelled
    whole = _fit(X, y, n_iter=4, algorithm=algorithm)
    parts = _fit(X, y, n_iter=2, algorithm=algorithm, warm_start=True).fit(X, y)
    _assert_same(whole, parts, rtol=1e-10)
    assert parts.n_iter_ == 4
    assert parts.history_["error"].shape == (4,)
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        parts.fit(X, y + 5)


@pytest.mark.parametrize("criterion", ["error", "cross_entropy"])
def test_early_stopping_goes_back_to_the_best(labelled, criterion):
    X, y = labelled
    rbm = _fit(
        X, y, 40, n_iter=60, validation_fraction=0.25, early_stopping=criterion, n_iter_no_change=3,
        objective="discriminative",
    )  # fmt: skip
    values = rbm.history_[f"validation_{criterion}"]
    assert rbm.n_iter_ < 60
    assert rbm.n_iter_ == values.argmin() + 1 + 3
    # a quarter of every class
    index = np.arange(400)
    rows = type("Rows", (), {"n_rows": 400, "index": None, "codes": y})
    held = rbm._held_out_rows(rows)
    assert held.size == 100
    np.testing.assert_allclose(np.bincount(y[held]), np.bincount(y) / 4, atol=1.01)
    error = 1 - rbm.score(X[held], y[held])
    if criterion == "error":
        assert error == pytest.approx(values.min(), abs=1e-9)
    del index


def test_samples_of_a_class(toy):
    """Chains with a label held fixed have the conditional distribution of features."""
    # a small weight: chains with a free label cross between classes soon
    rbm = _fit(*toy, n_iter=30, generative_weight=0.01)
    x, log_p = _enumerated(rbm)
    n = 4000
    for c, name in enumerate(rbm.classes_):
        p = np.exp(log_p[:, c] - logsumexp(log_p[:, c]))
        found, y = rbm.sample(n, labels=name, n_gibbs_steps=50, return_labels=True)
        assert set(y) == {name}
        error = 4.5 * np.sqrt(p @ x * (1 - p @ x) / n) + 1e-3
        assert (np.abs(found.mean(axis=0) - p @ x) < error).all()
    found, y = rbm.sample(n, n_gibbs_steps=100, return_labels=True)
    joint = np.exp(log_p - logsumexp(log_p)).sum(axis=0)
    share = (y[:, None] == rbm.classes_).mean(axis=0)
    assert (np.abs(share - joint) < 5 * np.sqrt(joint * (1 - joint) / n)).all()
    np.testing.assert_array_equal(rbm.sample(3), rbm.sample(3))
    assert rbm.sample(labels=["a", "b"], n_gibbs_steps=3).shape == (2, 5)
    assert rbm.sample(n_gibbs_steps=3).shape == (1, 5)
    assert rbm.sample(60, init=toy[0], n_gibbs_steps=3).shape == (60, 5)


def test_reconstruction(toy):
    rbm = _fit(*toy, n_iter=20)
    X = toy[0]
    np.testing.assert_allclose(rbm.reconstruct(X), rbm.inverse_transform(rbm.transform(X)))
    assert ((rbm.reconstruct(X, n_gibbs_steps=2) - X) ** 2).mean() < X.var()


def test_reconstruction_of_missing_entries(toy):
    """Known ones are put back after every pass; the others start without any input."""
    X, y = toy
    rbm = _fit(X, y, n_iter=20)
    known = np.arange(X.size).reshape(X.shape) % 4 > 0
    spoiled = np.where(known, X, np.nan)
    v = np.where(known, X, 1 / (1 + np.exp(-rbm.intercept_visible_)))
    for _ in range(3):
        v = np.where(known, X, rbm.inverse_transform(rbm.transform(v)))
    found = rbm.reconstruct(spoiled, 3, mask=known)
    np.testing.assert_allclose(found, v, rtol=1e-10)
    np.testing.assert_allclose(rbm.reconstruct(sp.csr_array(spoiled), 3, mask=known), v, rtol=1e-10)
    assert np.mean((found - X)[~known] ** 2) < 0.7 * X.var()
    with pytest.raises(ValueError, match="mask has shape"):
        rbm.reconstruct(X, mask=known[0])


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_device_in_device_out(labelled, device, visible, objective):
    X, y = labelled[0][:100, 18:23], np.where(np.arange(100) % 4 == 0, -1, labelled[1][:100])
    options = {"objective": objective, "visible": visible, "n_iter": 2}
    on_device, host = _fit(device.asarray(X), y, **options), _fit(X, y, **options)
    _assert_same(on_device, host, rtol=1e-3, atol=1e-5)
    names = (
        "transform",
        "predict_proba",
        "predict_log_proba",
        "predict",
        "free_energy",
        "reconstruct",
    )
    for name in names:
        out = getattr(on_device, name)(device.asarray(X))
        assert device.owns(out), name
        np.testing.assert_allclose(
            device.to_host(out), getattr(on_device, name)(X), rtol=1e-8, err_msg=name
        )
    assert type(on_device.components_) is np.ndarray
    assert device.owns(on_device.sample(100, init=device.asarray(X), n_gibbs_steps=2))
    weights = np.arange(100) % 3
    _assert_same(
        clone(host).fit(device.asarray(X), y, sample_weight=weights),
        clone(host).fit(X, y, sample_weight=weights),
        rtol=1e-3,
        atol=1e-5,
    )


def test_gaussian_variances_are_those_of_the_data(real):
    y = (real[:, 0] > 0).astype(int)
    rbm = _fit(real, y, visible="gaussian", n_iter=5)
    np.testing.assert_allclose(rbm.log_variance_visible_, np.log(real.var(axis=0)), rtol=1e-6)
    options = {"visible": "gaussian", "training_dtype": "float64", "shuffle": False}
    scaled, plain = _fit(real * 10, y, **options), _fit(real, y, **options)
    found, expected = scaled.predict_proba(real * 10), plain.predict_proba(real)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_in_scikit_learn(labelled, capsys):
    X, y = labelled
    rbm = ClassificationRBM(10, n_iter=2, random_state=0)
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(clip=True), rbm),
        {"classificationrbm__objective": ["hybrid", "generative"]},
        cv=2,
    ).fit(X, y)
    assert search.best_score_ > 0.1
    assert list(rbm.fit(X, y).get_feature_names_out()[:2]) == [
        "classificationrbm0",
        "classificationrbm1",
    ]
    np.testing.assert_array_equal(clone(rbm).fit_transform(X, y), rbm.transform(X))
    clone(rbm).set_params(verbose=1, validation_fraction=0.1).fit(X, y)
    assert "validation_cross_entropy = " in capsys.readouterr().out


def test_parameters_are_those_of_rbm_transformer():
    ours, theirs = ClassificationRBM().get_params(), RBMTransformer().get_params()
    assert set(theirs) - set(ours) == {"variance_rate"}
    assert set(ours) - set(theirs) == {
        "objective",
        "generative_weight",
        "bias_shift",
        "unlabelled",
        "class_weight",
    }
