"""Codes in the plane and words of topics."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbm import RBMTransformer, ReplicatedSoftmax
from skdeepbm.inspection import CodesDisplay, TopicsDisplay

pytest.importorskip("matplotlib")
WORDS = ["sun", "moon", "stars", "cat", "dog"]


@pytest.fixture
def data(rng):
    X = rng.random((40, 5))
    return X, np.array(["red", "green", "blue", "green"] * 10)


@pytest.fixture
def model(rng):
    return ReplicatedSoftmax(4, n_iter=3, random_state=0).fit(rng.integers(0, 5, (30, 5)))


def test_codes_are_what_transform_says(data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0)).fit(X)
    display = CodesDisplay.from_estimator(pipeline, X, y, y_name="colour")
    codes = pipeline.transform(X)
    for label, points in zip(["blue", "green", "red"], display.collections_, strict=True):
        np.testing.assert_allclose(points.get_offsets(), codes[y == label])
    assert [text.get_text() for text in display.legend_.get_texts()] == ["blue", "green", "red"]
    assert display.legend_.get_title().get_text() == "colour"
    assert display.ax_.get_xlabel() == "code unit 0"


def test_two_of_many_units(data):
    X, _ = data
    rbm = RBMTransformer(4, n_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"RBMTransformer have 4. Choose two by units=\(0, 1\)"):
        CodesDisplay.from_estimator(rbm, X)
    display = CodesDisplay.from_estimator(rbm, X, units=(3, 1))
    (points,) = display.collections_
    np.testing.assert_allclose(points.get_offsets(), rbm.transform(X)[:, [3, 1]])
    assert display.ax_.get_ylabel() == "code unit 1"
    assert display.legend_ is None
    for wrong in ((0, 4), (0, -1), (0,), (0.5, 1)):
        with pytest.raises(ValueError, match="two integers from 0 to 3"):
            CodesDisplay.from_estimator(rbm, X, units=wrong)


def test_classes_differ_in_more_than_colour():
    codes, y = np.zeros((30, 2)), np.arange(30)
    display = CodesDisplay(codes, y).plot(markers="shape")
    looks = set()
    for points in display.collections_:
        (path,) = points.get_paths()
        looks.add((tuple(points.get_facecolor()[0]), path.vertices.tobytes()))
    assert len(looks) == 30


def test_labels_as_markers():
    codes = np.zeros((4, 2))
    written = CodesDisplay(codes, [0, 1, 1, 0]).plot()
    shapes = CodesDisplay(codes, [0, 1, 1, 0]).plot(markers="shape")
    long = CodesDisplay(codes, [10, 11, 11, 10])
    n = [len(d.collections_[0].get_paths()[0].vertices) for d in (written, shapes, long.plot())]
    assert n[0] != n[1]
    assert n[1] == n[2]
    long.plot(markers="label")
    for names in (["a_b", "$", "a_b", "{"], ["a\\b", "\\", "~", "^"], ["", " ", "a b", "%"]):
        CodesDisplay(codes, names).plot(markers="label").figure_.canvas.draw()


def test_values_have_a_colour_bar(data):
    X, _ = data
    display = CodesDisplay(X[:, :2], X[:, 2], y_name="third, metres").plot()
    (points,) = display.collections_
    np.testing.assert_allclose(points.get_array(), X[:, 2])
    assert display.colorbar_.ax.get_ylabel() == "third, metres"
    assert display.legend_ is None


def test_the_name_of_what_colours_codes(data):
    X, _ = data
    codes, kinds = X[:, :2], np.arange(len(X)) % 2
    for y, name in ((X[:, 2], "value"), (pd.Series(X[:, 2], name="metres"), "metres")):
        assert CodesDisplay(codes, y).plot().colorbar_.ax.get_ylabel() == name
    for y, name in ((kinds, "class"), (pd.Series(kinds, name="kind"), "kind")):
        assert CodesDisplay(codes, y).plot().legend_.get_title().get_text() == name


def test_codes_that_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"two numbers.*got \(4, 3\)"):
        CodesDisplay(np.zeros((4, 3))).plot()
    with pytest.raises(ValueError, match="one value for each of 4 codes"):
        CodesDisplay(np.zeros((4, 2)), [1, 2]).plot()
    with pytest.raises(ValueError, match="markers of CodesDisplay.plot.*'dots'"):
        CodesDisplay(np.zeros((4, 2))).plot(markers="dots")


def bars(display):
    """Words and lengths of the bars of every panel, from above."""
    words = [[label.get_text() for label in panel.get_yticklabels()] for panel in display.axes_]
    lengths = [[bar.get_width() for bar in panel] for panel in display.bars_]
    for panel in display.axes_:
        assert panel.yaxis_inverted()
    return words, np.array(lengths)


def test_bars_are_the_top_words(model):
    display = TopicsDisplay.from_estimator(model, WORDS, n_words=3)
    words, lengths = bars(display)
    assert words == model.top_words(WORDS, n=3)
    np.testing.assert_allclose(lengths, -np.sort(-model.components_, axis=1)[:, :3])
    assert [panel.get_title() for panel in display.axes_] == [f"topic {k}" for k in range(4)]
    assert display.axes_[-1].get_xlabel() == "weight, nats"
    assert len({panel.get_xlim() for panel in display.axes_}) == 1


def test_choice_of_topics(model):
    strongest = TopicsDisplay.from_estimator(model, WORDS, max_topics=2)
    norms = np.linalg.norm(model.components_, axis=1)
    np.testing.assert_array_equal(strongest.topics, np.argsort(-norms)[:2])
    chosen = TopicsDisplay.from_estimator(model, WORDS, topics=[2, 0], n_words=2)
    assert bars(chosen)[0] == [model.top_words(WORDS, n=2)[k] for k in (2, 0)]
    assert chosen.axes_[0].get_title() == "topic 2"
    for wrong in ([4], [-1], [0.5], []):
        with pytest.raises(ValueError, match="integers from 0 to 3"):
            TopicsDisplay.from_estimator(model, WORDS, topics=wrong)


def test_units_of_any_model(data):
    X, _ = data
    rbm = RBMTransformer(2, visible="gaussian", n_iter=1, random_state=0)
    rbm.fit(pd.DataFrame(X - X.mean(axis=0), columns=WORDS))
    display = TopicsDisplay.from_estimator(rbm, n_words=2)
    order = np.argsort(-rbm.components_, axis=1)[:, :2]
    assert bars(display)[0] == [[WORDS[k] for k in line] for line in order]
    assert display.ax_.get_title() == "unit 0"
    assert display.axes_[0].get_xlabel() == "weight"


def test_words_that_do_not_fit(model):
    with pytest.raises(ValueError, match=r"feature_names of TopicsDisplay.*\(2,\).*5 features"):
        TopicsDisplay.from_estimator(model, ["sun", "moon"])
    with pytest.raises(ValueError, match="n_words of TopicsDisplay.*got 0"):
        TopicsDisplay.from_estimator(model, WORDS, n_words=0)
    with pytest.raises(ValueError, match=r"\[1\] words and \[2\] weights"):
        TopicsDisplay([["sun"]], [[1.0, 2.0]]).plot()
    with pytest.raises(ValueError, match=r"topics of TopicsDisplay.plot.*each of 2 topics.*\(1,\)"):
        TopicsDisplay([["sun"], ["moon"]], [[1.0], [2.0]], topics=[3]).plot()
