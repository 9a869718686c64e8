"""Dreams, missing entries and likelihoods of DBNClassifier, against sums over states."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_digits

from skdeepbm import Backprop, DBNClassifier, RBMTransformer, WakeSleep
from skdeepbm.estimators.classification_rbm import ClassificationRBM

FINETUNING = [None, Backprop(n_iter=2), WakeSleep(n_iter=2)]
IDS = ["none", "backprop", "wake-sleep"]
SIZES = [(3,), (3, 2), (3, 2, 3)]


def adopt(tiny):
    """An estimator with the parameters of a tiny net, set by hand."""
    widths = (*(len(units.bias) for _, units in tiny.recognition), len(tiny.top.hidden.bias))
    kind = tiny.visible.kind
    model = DBNClassifier(widths, rbm=[RBMTransformer(visible=kind)] * len(widths))
    model.set_params(finetuning=None, random_state=0)
    model.classes_ = np.array(["a", "b", "c"])[: tiny.n_classes]
    model.coefs_ = [w for w, _ in tiny.recognition]
    model.intercepts_ = [units.bias for _, units in tiny.recognition]
    model.rbms_ = []
    pairs = zip(tiny.generative, tiny.recognition, strict=True)
    for i, ((weights, units), (_, above)) in enumerate(pairs):
        rbm = RBMTransformer(len(weights), visible=kind if i == 0 else "bernoulli")
        rbm.components_, rbm.intercept_visible_ = weights, units.bias
        rbm.intercept_hidden_ = above.bias
        if units.log_variance is not None:
            rbm.log_variance_visible_ = units.log_variance
        model.rbms_.append(rbm)
    top = ClassificationRBM(widths[-1], visible="bernoulli" if tiny.generative else kind)
    top.components_, top.label_components_ = tiny.top.weights.T, tiny.label_weights.T
    top.intercept_hidden_, top.intercept_visible_ = tiny.top.hidden.bias, tiny.top.visible.bias
    top.intercept_label_, top.classes_ = tiny.label_bias, model.classes_
    if tiny.top.visible.log_variance is not None:
        top.log_variance_visible_ = tiny.top.visible.log_variance
    model.rbms_.append(top)
    return model


@pytest.fixture(scope="module")
def trained():
    """A net of 700 digits that knows them well enough to dream, and 300 others."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = DBNClassifier((48, 48), rbm=RBMTransformer(n_iter=15), finetuning=None, random_state=0)
    return model.fit(X[:700], y[:700]), X[700:1000], y[700:1000]


@pytest.fixture
def blobs(small):
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


def fitted(small, y, finetuning, sizes=(8, 6)):
    rbm = RBMTransformer(n_iter=2)
    return DBNClassifier(sizes, rbm=rbm, finetuning=finetuning, random_state=0).fit(small, y)


# -- likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_score_samples_is_a_bound(sizes, visible, ref):
    for seed in range(3):
        tiny = ref.make_net(sizes, n_classes=2, visible=visible, seed=seed)
        model, v = adopt(tiny), ref.some_rows(tiny.visible, 6)
        found, exact = model.score_samples(v), tiny.log_likelihoods(v)
        if len(sizes) == 1:
            np.testing.assert_allclose(found, exact, rtol=1e-9)
            continue
        # 20 draws of the recognition distribution, the same for every row
        bound = tiny.bounds(v)
        assert np.all(bound < exact)
        assert np.abs(found - bound).mean() < 0.6
        assert model.log_partition().value == pytest.approx(tiny.log_z(), rel=1e-9)
    many = []
    for seed in range(60):
        model._entropy = seed
        many.append(model.score_samples(v))
    assert ref.within_error(np.array(many), tiny.bounds(v) if len(sizes) > 1 else exact)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_the_bound_of_a_row_does_not_depend_on_others(finetuning, small, blobs):
    model = fitted(small, blobs, finetuning)
    found = model.score_samples(small)
    assert found.shape == (100,)
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(model.score_samples(small[order]), found[order])
    np.testing.assert_array_equal(model.score_samples(small[7:8]), found[7:8])
    np.testing.assert_allclose(model.score_samples(small.astype(np.float32)), found, rtol=0.02)
    assert model.score(small, blobs) == np.mean(model.predict(small) == blobs)


def test_likelihood_of_what_was_learned(trained):
    _, X, y = trained
    model = fitted(X, y, None, (16, 8))
    found = model.score_samples(X[:40]).mean()
    noise = np.random.default_rng(0).permuted(X[:40], axis=1)
    assert found > model.score_samples(noise).mean() + 20


# -- dreams ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("label", [None, 0, 1])
def test_draws_have_the_distribution_of_the_model(sizes, label, ref):
    tiny = ref.make_net(sizes, n_classes=2)
    model, n = adopt(tiny), 4000
    states, p = tiny.visible_probabilities(label)
    options = {"n_samples": n} if label is None else {"labels": ["ab"[label]] * n}
    for values in ("draw", "mean"):
        found = model.sample(**options, values=values, n_gibbs_steps=60)
        assert ref.within_error(found, p @ states)
    assert set(np.unique(model.sample(**options, values="draw", n_gibbs_steps=1))) == {0, 1}


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_seeds_of_dreams(finetuning, small, blobs):
    model = fitted(small, blobs, finetuning)
    a, b = (model.sample(labels=[0, 1, 2], n_gibbs_steps=3) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (model.sample(labels=[0, 1, 2], n_gibbs_steps=3, random_state=1) != a).any()
    assert model.sample(n_gibbs_steps=1).shape == (1, 64)
    assert model.sample(5, n_gibbs_steps=1).shape == (5, 64)
    assert model.sample(2, labels=[0, 1], n_gibbs_steps=1).shape == (2, 64)
    assert 0 <= a.min() <= a.max() <= 1
    model.random_state = None
    # a single row has eight units above it, which may well be drawn alike
    one, two = (model.sample(n_samples=50, n_gibbs_steps=3) for _ in range(2))
    assert (one != two).any()


def test_one_label_for_all_dreams(trained):
    model = trained[0]
    found = model.sample(4, labels=3, n_gibbs_steps=5)
    np.testing.assert_array_equal(found, model.sample(labels=[3] * 4, n_gibbs_steps=5))
    assert model.sample(labels=3, n_gibbs_steps=5).shape == (1, found.shape[1])


def test_labels_of_dreams(trained):
    """Dreams of a class look like it to a judge who has never seen the model."""
    from sklearn.neighbors import KNeighborsClassifier

    model, X, y = trained
    labels = np.tile(np.arange(10), 8)
    found = model.sample(labels=labels, n_gibbs_steps=100)
    judge = KNeighborsClassifier(3).fit(X, y)
    assert judge.score(found, labels) > 0.6


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"labels": [0, 7]}, r"hold 7, which is none of the classes \[0, 1, 2\]"),
        ({"labels": ["0"]}, "hold '0', which is none"),
        ({"labels": 7}, "hold 7, which is none"),
        ({"labels": [[1]]}, r"shape \(1, 1\), but one class or"),
        (
            {"labels": 1, "n_samples": 0},
            "n_samples of DBNClassifier must be an integer",
        ),
        ({"labels": []}, "the number of labels of DBNClassifier must be an integer of at least 1"),
        ({"n_samples": [0, 1]}, r"is the number of rows.*give classes as labels=\[0, 1\]"),
        ({"n_samples": "a"}, "is the number of rows.*give classes as labels='a'"),
        ({"labels": [0, 1], "n_samples": 3}, r"shape \(2,\), but one class or \(3,\)"),
        ({"n_samples": 0}, "n_samples of DBNClassifier must be an integer"),
        ({"n_samples": 2.5}, "n_samples of DBNClassifier must be an integer"),
        ({"n_gibbs_steps": 0}, "n_gibbs_steps of DBNClassifier must be an integer of at least 1"),
        ({"values": "median"}, "must be 'mean' or 'draw', got 'median'"),
    ],
)
def test_wrong_arguments_of_sample(options, match, small, blobs):
    model = fitted(small, blobs, None)
    with pytest.raises(ValueError, match=match):
        model.sample(**options)


# -- missing entries -------------------------------------------------------------------------


def test_missing_entries_are_filled_in(trained):
    """Better than by the means of the columns; what is known stays as it is."""
    model, X, _ = trained
    rng = np.random.default_rng(0)
    mask = rng.random(X.shape) < 0.7
    spoiled = np.where(mask, X, rng.random(X.shape))
    means = np.broadcast_to(X.mean(axis=0), X.shape)
    error = np.mean((means - X)[~mask] ** 2)
    found = model.reconstruct(spoiled, mask=mask)
    np.testing.assert_array_equal(found[mask], X[mask])
    assert np.mean((found - X)[~mask] ** 2) < 0.9 * error
    # several steps draw: their mean is the prediction
    drawn = [model.reconstruct(spoiled, 5, mask=mask, random_state=seed) for seed in range(10)]
    for found in drawn:
        np.testing.assert_array_equal(found[mask], X[mask])
    assert np.mean((np.mean(drawn, axis=0) - X)[~mask] ** 2) < 0.9 * error
    # what stands in the place of a missing entry does not matter
    for value in (0.0, -7.0, np.nan, np.inf):
        np.testing.assert_array_equal(
            model.reconstruct(np.where(mask, X, value), mask=mask),
            model.reconstruct(spoiled, mask=mask),
        )
    out = model.reconstruct(spoiled.astype(np.float32), mask=mask)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[mask], X.astype(np.float32)[mask])
    as_list = model.reconstruct(spoiled, mask=mask.tolist())
    np.testing.assert_array_equal(as_list, model.reconstruct(spoiled, mask=mask))


def test_nothing_missing(trained):
    model, X, _ = trained
    everything = np.ones(X.shape, dtype=bool)
    np.testing.assert_array_equal(model.reconstruct(X, mask=everything), X)
    found = model.reconstruct(X)
    assert found.shape == X.shape
    assert np.mean((found - X) ** 2) < 0.6 * X.var(axis=0).mean()
    again = model.reconstruct(X, n_gibbs_steps=3)
    np.testing.assert_array_equal(model.reconstruct(X, n_gibbs_steps=3), again)
    assert (model.reconstruct(X, n_gibbs_steps=3, random_state=1) != again).any()


def test_one_pass_by_hand(ref):
    """Expected values up by recognition, through the top with the label, and down."""
    tiny = ref.make_net((3, 2), n_classes=2)
    model, v = adopt(tiny), ref.some_rows(tiny.visible, 4)
    ((up, above),), ((down, units),) = tiny.recognition, tiny.generative
    x = expit(v @ up + above.bias)
    y = np.exp(tiny.label_bias) / np.exp(tiny.label_bias).sum()
    h = expit(x @ tiny.top.weights + y @ tiny.label_weights + tiny.top.hidden.bias)
    back = expit(h @ tiny.top.weights.T + tiny.top.visible.bias)
    expected = expit(back @ down + units.bias)
    np.testing.assert_allclose(model.reconstruct(v), expected, rtol=1e-9)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_bad_rows_to_reconstruct(finetuning, small, blobs):
    model = fitted(small, blobs, finetuning)
    X = small.copy()
    X[3, 5] = np.nan
    with pytest.raises(ValueError, match="DBNClassifier.reconstruct: .* row 3, column 5 is NaN"):
        model.reconstruct(X, mask=np.ones(X.shape, bool))
    with pytest.raises(ValueError, match=r"mask has shape \(100, 3\).*\(100, 64\)"):
        model.reconstruct(small, mask=np.ones((100, 3), bool))
    with pytest.raises(ValueError, match="n_gibbs_steps of DBNClassifier must be"):
        model.reconstruct(small, n_gibbs_steps=0)


def test_rows_in_parts(small, blobs, monkeypatch):
    """Wide nets go through many chunks."""
    model = fitted(small, blobs, None)
    mask = np.arange(6400).reshape(100, 64) % 3 > 0
    whole = model.reconstruct(small, mask=mask), model.predict_proba(small), model.transform(small)
    monkeypatch.setattr("skdeepbm.estimators._base.CHUNK", 2000)
    parts = model.reconstruct(small, mask=mask), model.predict_proba(small), model.transform(small)
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
