"""Weights, reconstructions and samples as images."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepbm import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    RBMTransformer,
    ReplicatedSoftmax,
)
from skdeepbm.inspection import FiltersDisplay, ReconstructionDisplay, SamplesDisplay

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    # 24 features: images of 4 x 6
    X = (rng.random((60, 24)) < 0.2 + 0.6 * (np.arange(60) % 2)[:, None]).astype(float)
    return X, np.where(np.arange(60) % 2, "b", "a")


@pytest.fixture(scope="module")
def rbm(data):
    return RBMTransformer(7, n_iter=3, random_state=0).fit(data[0])


@pytest.fixture(scope="module")
def dbn(data):
    template = RBMTransformer(n_iter=1)
    return DBNClassifier((5, 4), rbm=template, finetuning=None, random_state=0).fit(*data)


def images_of(im, height, width, n):
    """Images of a sheet, found by what lies between them: NaN."""
    pixels = np.ma.filled(im.get_array().astype(float), np.nan)
    there = ~np.isnan(pixels)
    lines = np.flatnonzero(np.diff(there.any(axis=1).astype(int)) == 1) + 1
    columns = np.flatnonzero(np.diff(there.any(axis=0).astype(int)) == 1) + 1
    found = [pixels[y : y + height, x : x + width] for y in lines for x in columns][:n]
    assert not np.isnan(found).any()
    assert there.sum() == n * height * width
    return np.array(found)


reconstructions = ReconstructionDisplay.from_estimator


def test_filters_are_the_weights(rbm):
    display = FiltersDisplay.from_estimator(rbm, image_shape=(4, 6))
    shown = images_of(display.im_, 4, 6, 7)
    np.testing.assert_allclose(shown.reshape(7, 24), rbm.components_)
    limit = np.abs(rbm.components_).max()
    np.testing.assert_allclose(display.im_.get_clim(), (-limit, limit))
    assert display.ax_.get_title() == "7 hidden units"
    assert display.colorbar_.ax.get_ylabel() == "weight, nats"


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=1)])
def test_units_of_filters_of_machines_and_networks(finetuning):
    """An energy is in nats; of a belief net, fine-tuning makes a network of its weights."""
    rows = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(float)
    y = rows[:, 0].astype(int)
    machine = DBMClassifier((3, 2), pretraining=False, n_iter=1, finetuning=finetuning)
    net = DBNClassifier((3, 2), rbm=RBMTransformer(n_iter=1), finetuning=finetuning)
    for model, label in ((machine, "weight, nats"), (net, "weight")):
        display = FiltersDisplay.from_estimator(model.fit(rows, y))
        assert display.colorbar_.ax.get_ylabel() == label


def test_strongest_filters_first(rbm):
    display = FiltersDisplay.from_estimator(
        rbm, image_shape=(4, 6), max_units=3, n_columns=2, colorbar=False, im_kw={"vmax": 9.0}
    )
    order = np.argsort(-np.linalg.norm(rbm.components_, axis=1))[:3]
    np.testing.assert_array_equal(display.units, order)
    shown = images_of(display.im_, 4, 6, 3)
    np.testing.assert_allclose(shown.reshape(3, 24), rbm.components_[order])
    assert display.ax_.get_title() == "3 strongest of 7 hidden units"
    assert display.colorbar_ is None
    assert display.im_.get_clim()[1] == 9.0


def test_filters_of_upper_layers(data, dbn):
    X, _ = data
    template = RBMTransformer(visible_states="draw", n_iter=1)
    dbm = DBM((5, 4), rbm=template, n_iter=1, random_state=0).fit(X)
    coder = DeepAutoencoder((5, 4), pretraining=False, finetuning=Backprop(n_iter=1)).fit(X)
    dbn_weights = [rbm.components_.T for rbm in dbn.rbms_]
    for model, coefs in ((dbm, dbm.coefs_), (coder, coder.coefs_), (dbn, dbn_weights)):
        first = FiltersDisplay.from_estimator(model, image_shape=(4, 6))
        np.testing.assert_allclose(first.filters.reshape(5, 24), coefs[0].T, rtol=1e-6)
        second = FiltersDisplay.from_estimator(model, layer=1, image_shape=(4, 6))
        product = (coefs[0] @ coefs[1]).T
        np.testing.assert_allclose(second.filters.reshape(4, 24), product, rtol=1e-5, atol=1e-9)
        # the decoder is no layer of units that look at features
        with pytest.raises(ValueError, match="layer=.* is none of the 2 hidden layers"):
            FiltersDisplay.from_estimator(model, layer=2, image_shape=(4, 6))


def test_dead_units_are_crossed_out(data, rbm):
    X, _ = data
    spoiled = RBMTransformer(7, n_iter=0, random_state=0).fit(X)
    spoiled.components_ = rbm.components_.copy()
    spoiled.components_[[2, 5]] *= 1e-9
    display = FiltersDisplay.from_estimator(spoiled, image_shape=(4, 6), X=X, n_columns=7)
    np.testing.assert_array_equal(np.flatnonzero(display.dead), [2, 5])
    assert display.ax_.get_title() == "7 hidden units, 2 dead"
    # two diagonals from corner to corner of each; images are 6 wide, the gap is 1
    ends = np.array(display.crosses_.get_segments())
    assert ends.shape == (4, 2, 2)
    for unit, lines in ((2, ends[:2]), (5, ends[2:])):
        left = 1 + 7 * unit - 0.5
        np.testing.assert_array_equal(np.unique(lines[..., 0]), [left, left + 6])
        np.testing.assert_array_equal(np.unique(lines[..., 1]), [0.5, 4.5])
    # the weakest are not among the strongest, whose numbers dead units follow
    assert not FiltersDisplay.from_estimator(
        spoiled, image_shape=(4, 6), X=X, max_units=5
    ).dead.any()
    assert FiltersDisplay.from_estimator(spoiled, image_shape=(4, 6)).crosses_ is None
    with pytest.raises(ValueError, match="dead of FiltersDisplay.plot .* each of 7 units"):
        FiltersDisplay(display.filters, dead=[True]).plot()


def test_dead_units_of_the_layer_that_is_shown(data):
    X, _ = data
    dbm = DBM((5, 4), rbm=RBMTransformer(n_iter=1), n_iter=1, random_state=0).fit(X)
    dbm.coefs_ = [3 * np.random.default_rng(0).standard_normal(w.shape) for w in dbm.coefs_]
    dbm.coefs_[1][:, 3] = 0
    display = FiltersDisplay.from_estimator(dbm, layer=1, image_shape=(4, 6), X=X)
    np.testing.assert_array_equal(display.dead, [False, False, False, True])


def test_no_such_image(rbm):
    with pytest.raises(
        ValueError, match="24 features make no square image. Give image_shape.*TopicsDis"
    ):
        FiltersDisplay.from_estimator(rbm)
    with pytest.raises(ValueError, match=r"height \* width = 24.*\(5, 5\)"):
        FiltersDisplay.from_estimator(rbm, image_shape=(5, 5))
    with pytest.raises(ValueError, match=r"at least one image.*got \(3,\)"):
        FiltersDisplay(np.zeros(3)).plot()
    with pytest.raises(ValueError, match="max_units.*got 0"):
        FiltersDisplay.from_estimator(rbm, image_shape=(4, 6), max_units=0)
    with pytest.raises(ValueError, match="n_columns.*got 0"):
        FiltersDisplay(np.zeros((2, 3, 3))).plot(n_columns=0)


@pytest.mark.parametrize("n_words", [5, 9])
@pytest.mark.parametrize("deep", [False, True])
def test_words_make_no_image(n_words, deep, rng):
    """Whether or not their number is a square; counts of pixels do."""
    counts = rng.integers(1, 5, (20, n_words))
    model = ReplicatedSoftmax(3, n_iter=1, random_state=0)
    if deep:
        tuning = {"finetuning": Backprop(n_iter=1), "random_state": 0}
        model = DeepAutoencoder((3,), pretrainer=[model], code="sigmoid", **tuning)
    model.fit(counts)
    draw = [FiltersDisplay.from_estimator, lambda m, **kw: reconstructions(m, counts, **kw)]
    if not deep:
        draw.append(SamplesDisplay.from_estimator)
    for one in draw:
        with pytest.raises(ValueError, match="counts of words.*TopicsDisplay.*image_shape"):
            one(model)
        one(model, image_shape=(1, n_words))


def test_reconstructions_below_originals(data, rbm):
    X, _ = data
    display = ReconstructionDisplay.from_estimator(
        rbm, X, n_images=5, image_shape=(4, 6), reconstruct_kw={"n_gibbs_steps": 3}
    )
    shown = images_of(display.im_, 4, 6, 10).reshape(10, 24)
    np.testing.assert_array_equal(shown[:5], X[:5])
    np.testing.assert_allclose(shown[5:], rbm.reconstruct(X[:5], n_gibbs_steps=3))
    assert display.im_.get_clim() == (0.0, 1.0)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["original", "reconstruction"]
    rows = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert rows == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("kind", ["list", "sparse", "frame"])
def test_only_the_rows_shown_are_reconstructed(data, rbm, kind):
    import pandas as pd

    X, _ = data
    given = {"list": X.tolist(), "sparse": sp.coo_array(X), "frame": pd.DataFrame(X)}[kind]
    if kind == "frame":
        rbm = RBMTransformer(2, n_iter=1, random_state=0).fit(given)
    display = ReconstructionDisplay.from_estimator(rbm, given, n_images=2, image_shape=(4, 6))
    shown = images_of(display.im_, 4, 6, 4).reshape(4, 24)
    np.testing.assert_array_equal(shown[:2], X[:2])


def test_reconstruction_through_a_pipeline(data, rbm):
    X, _ = data
    pipeline = make_pipeline(MinMaxScaler(), PCA(3, random_state=0)).fit(2 * X)
    display = ReconstructionDisplay.from_estimator(pipeline, 2 * X, n_images=4, image_shape=(4, 6))
    again = pipeline.inverse_transform(pipeline.transform(2 * X[:4]))
    np.testing.assert_allclose(display.reconstructions.reshape(4, 24), again)
    assert display.im_.get_clim() == (0.0, 2.0)
    with pytest.raises(TypeError, match="Pipeline does not have"):
        ReconstructionDisplay.from_estimator(
            pipeline, X, image_shape=(4, 6), reconstruct_kw={"n_gibbs_steps": 2}
        )
    with pytest.raises(ValueError, match="'other' has 3 images, and there are 4 originals"):
        ReconstructionDisplay(X[:4], {"other": X[:3]}, image_shape=(4, 6)).plot()


def test_samples_are_those_of_the_model(rbm):
    options = {"n_gibbs_steps": 5, "random_state": 3}
    display = SamplesDisplay.from_estimator(rbm, 6, image_shape=(4, 6), sample_kw=options)
    shown = images_of(display.im_, 4, 6, 6).reshape(6, 24)
    np.testing.assert_array_equal(shown, rbm.sample(6, **options))
    assert not display.ax_.get_yticks().size
    with pytest.raises(TypeError, match="RBMTransformer has none"):
        SamplesDisplay.from_estimator(rbm, labels=["a"], image_shape=(4, 6))


def test_samples_of_classes(data, dbn):
    crbm = ClassificationRBM(3, n_iter=1, random_state=0).fit(*data)
    labels = np.repeat(["a", "b"], 3)
    options = {"n_gibbs_steps": 5, "random_state": 3}
    for model in (crbm, dbn):
        display = SamplesDisplay.from_estimator(
            model, labels=labels, image_shape=(4, 6), sample_kw=options
        )
        shown = images_of(display.im_, 4, 6, 6).reshape(6, 24)
        np.testing.assert_allclose(shown, model.sample(labels=labels, **options), rtol=1e-6)
        assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["a", "b"]
        assert display.ax_.get_ylabel() == "class"
    one = SamplesDisplay.from_estimator(
        dbn, 4, labels="b", image_shape=(4, 6), sample_kw={"n_gibbs_steps": 1}
    )
    assert one.labels.tolist() == ["b"] * 4


@pytest.mark.parametrize(
    ("labels", "n_columns", "lines", "columns", "corners"),
    [
        ([0, 0, 0, 1, 1, 1], None, ["0", "1"], [], []),
        # one of each class, once and again
        (list("abcdef"), None, [], list("abcdef"), []),
        ([0, 1, 2, 0, 1, 2], None, [], ["0", "1", "2"], []),
        ([0, 0, 0, 1, 1, 1], 2, [], [], list("000111")),
        ([1, 1, 1, 1, 1, 1], 4, ["1", "1"], [], []),
        ([0, 1, 2, 3, 0, 1], 4, [], list("0123"), []),
    ],
)
def test_labels_of_samples(labels, n_columns, lines, columns, corners):
    display = SamplesDisplay(np.zeros((6, 2, 2)), labels=labels).plot(n_columns=n_columns)
    ax = display.ax_
    assert [text.get_text() for text in ax.get_yticklabels()] == lines
    assert [text.get_text() for text in ax.get_xticklabels()] == columns
    assert [text.get_text() for text in display.texts_] == corners
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("class" * bool(lines), "class" * bool(columns))
    if corners:
        # inside of their images: two to a line, 2 x 2 pixels, the gap is 1
        places = [text.get_position() for text in display.texts_]
        assert places == [(1 + 3 * (i % 2), 0.5 + 3 * (i // 2)) for i in range(6)]


def test_labels_of_other_samples():
    images = np.zeros((6, 2, 2))
    with pytest.raises(ValueError, match="one for each of 6 images"):
        SamplesDisplay(images, labels=[0, 1]).plot()
