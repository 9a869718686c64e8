"""HammingNeighbors: scikit-learn's conventions, the rules of its input, and its memory."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from skdeepbm import HammingNeighbors, RBMTransformer
from skdeepbm.evaluation import hamming_index

N_BITS = 30


@pytest.fixture
def bits(rng):
    """400 codes near 20 centres."""
    centres = rng.integers(0, 2, (20, N_BITS), dtype=np.int64)
    return centres[rng.integers(20, size=400)] ^ (rng.random((400, N_BITS)) < 0.05)


@pytest.fixture
def codes(bits):
    return np.packbits(bits, axis=1)


@pytest.fixture
def queries(bits, rng):
    return np.packbits(bits[:50] ^ (rng.random((50, N_BITS)) < 0.05), axis=1)


def reference(bits, radius=None):
    """scikit-learn's search of the same bits, by the sum of absolute differences."""
    return NearestNeighbors(n_neighbors=7, radius=radius, metric="manhattan").fit(bits)


def unpacked(codes):
    return np.unpackbits(codes, axis=1, count=N_BITS).astype(np.int64)


@pytest.mark.parametrize("given", [True, False], ids=["queries", "X=None"])
def test_kneighbors_has_the_distances_of_scikit_learn(codes, queries, given):
    asked = queries if given else None
    found = HammingNeighbors(n_bits=N_BITS).fit(codes).kneighbors(asked, 7)
    expected = reference(unpacked(codes)).kneighbors(unpacked(queries) if given else None)
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[0].dtype == np.int64
    assert found[1].dtype == expected[1].dtype
    assert found[1].shape == expected[1].shape
    pairs = unpacked(queries if given else codes)[:, None] != unpacked(codes)[found[1]]
    np.testing.assert_array_equal(pairs.sum(axis=2), found[0])
    if not given:
        assert not (found[1] == np.arange(len(codes))[:, None]).any()


@pytest.mark.parametrize("given", [True, False], ids=["queries", "X=None"])
@pytest.mark.parametrize("look_up", [True, False])
@pytest.mark.parametrize("radius", [0, 2, 2.9, 5])
def test_radius_neighbors_are_those_of_scikit_learn(
    codes, queries, given, look_up, radius, monkeypatch
):
    monkeypatch.setattr(
        "skdeepbm.estimators.hamming_neighbors.worth_looking_up", lambda *_: look_up
    )
    # no query is given back to a scan
    monkeypatch.setattr(hamming_index, "_scan_cost", lambda *_: np.inf)
    asked = queries if given else None
    model = HammingNeighbors(n_bits=N_BITS, radius=radius).fit(codes)
    found = model.radius_neighbors(asked)
    expected = reference(unpacked(codes), radius).radius_neighbors(
        unpacked(queries) if given else None
    )
    assert found[0].dtype == found[1].dtype == object
    assert found[0].shape == found[1].shape == expected[0].shape
    for d, i, e_d, e_i in zip(*found, *expected, strict=True):
        order = np.argsort(e_i)
        np.testing.assert_array_equal(i, e_i[order])
        np.testing.assert_array_equal(d, e_d[order])
        assert (d.dtype, i.dtype) == (np.int64, np.intp)
    alone = model.radius_neighbors(asked, return_distance=False)
    assert [i.tolist() for i in alone] == [i.tolist() for i in found[1]]
    for d, i in zip(*model.radius_neighbors(asked, sort_results=True), strict=True):
        assert list(zip(d, i, strict=True)) == sorted(zip(d, i, strict=True))
    assert (model._search.get("index") is not None) == look_up


def test_results_of_equal_lengths_are_arrays_of_arrays():
    model = HammingNeighbors(packed=True).fit(np.array([[0], [255], [3]], np.uint8))
    distances, indices = model.radius_neighbors(radius=0)
    assert indices.shape == (3,)
    assert [i.tolist() for i in indices] == [[], [], []]
    distances, indices = model.radius_neighbors(np.array([[0], [255]], np.uint8), radius=0)
    assert indices.shape == distances.shape == (2,)
    assert [i.tolist() for i in indices] == [[0], [1]]


def test_values_are_cut_at_the_threshold(bits, codes, rng):
    activity = np.where(bits, 0.9, 0.3).astype(np.float32)
    packed = HammingNeighbors(n_bits=N_BITS).fit(codes)
    for X, options in (
        (bits, {}),
        (bits.astype(bool), {}),
        (pd.DataFrame(activity), {}),
        (activity - 0.5, {"threshold": 0.0}),
        (bits.astype(np.uint8), {"packed": False}),
    ):
        model = HammingNeighbors(**options).fit(X)
        np.testing.assert_array_equal(model.codes_, packed.codes_)
        assert (model.packed_, model.n_bits_, model.n_features_in_) == (False, N_BITS, N_BITS)
        np.testing.assert_array_equal(model.kneighbors(X[:9])[1], packed.kneighbors(codes[:9])[1])
    assert (packed.packed_, packed.n_bits_, packed.n_features_in_) == (True, N_BITS, 4)
    assert HammingNeighbors().fit(codes).n_bits_ == 32


def test_codes_of_an_rbm(small):
    hidden = RBMTransformer(40, n_iter=2, random_state=0).fit_transform(small)
    found = HammingNeighbors(3).fit(hidden).kneighbors()[1]
    expected = HammingNeighbors(3, n_bits=40).fit(np.packbits(hidden > 0.5, axis=1)).kneighbors()[1]
    np.testing.assert_array_equal(found, expected)


def test_codes_on_a_device(codes, device):
    model = HammingNeighbors(n_bits=N_BITS).fit(device.asarray(codes))
    found = model.kneighbors(device.asarray(codes[:5]))
    expected = HammingNeighbors(n_bits=N_BITS).fit(codes).kneighbors(codes[:5])
    np.testing.assert_array_equal(found, expected)


def test_other_codes_are_noticed(codes, monkeypatch):
    monkeypatch.setattr("skdeepbm.estimators.hamming_neighbors.worth_looking_up", lambda *_: True)
    model = HammingNeighbors(n_bits=N_BITS).fit(codes)
    model.radius_neighbors(codes[:5])
    with pytest.raises(ValueError, match="read-only"):
        model.codes_[0, 0] = 1
    model.codes_ = codes[::-1].copy()
    fresh = HammingNeighbors(n_bits=N_BITS).fit(codes[::-1])
    np.testing.assert_array_equal(model.kneighbors(codes[:5]), fresh.kneighbors(codes[:5]))
    found, expected = (m.radius_neighbors(codes[:5])[1] for m in (model, fresh))
    assert [i.tolist() for i in found] == [i.tolist() for i in expected]


def test_the_callers_array_stays_writeable(codes):
    model = HammingNeighbors(n_bits=N_BITS).fit(codes)
    before = model.kneighbors()[1]
    codes[:] = 0
    np.testing.assert_array_equal(model.kneighbors()[1], before)


def test_a_pickle_holds_the_codes_alone(codes, tmp_path):
    model = HammingNeighbors(n_bits=N_BITS, radius=3).fit(codes)
    size = len(pickle.dumps(model))
    expected = model.kneighbors()
    model._index()
    assert len(pickle.dumps(model)) == size
    joblib.dump(model, tmp_path / "model.joblib")
    for mmap_mode in (None, "r"):
        loaded = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
        np.testing.assert_array_equal(loaded.kneighbors(), expected)
    assert not hasattr(clone(model), "codes_")


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "X", "parts"),
    [
        ({}, np.array([[0, 1], [1, 1]], np.uint8), ["uint8", "packed=False", "packed=True"]),
        ({"packed": True}, np.ones((3, 2)), ["uint8", "float64", "numpy.packbits"]),
        ({"n_bits": 30}, np.full((3, 5), 2, np.uint8), ["n_bits=30", "4 columns", "has 5"]),
        ({"n_bits": 30}, np.ones((3, 5)), ["n_bits=30", "30 columns", "has 5"]),
        (
            {"n_bits": 13},
            np.array([[0, 0], [9, 7]], np.uint8),
            ["Row 1", "beyond n_bits=13", "'big'"],
        ),
        ({}, np.array([[0.5, np.nan]]), ["NaN"]),
        ({}, np.ones(3), ["1D array"]),
        ({}, [["a", "b"]], ["numeric"]),
        ({"n_neighbors": 0}, np.ones((3, 2)), ["n_neighbors"]),
        ({"radius": -1}, np.ones((3, 2)), ["radius"]),
        ({"packed": "yes"}, np.ones((3, 2)), ["packed"]),
    ],
)
def test_fit_refuses(options, X, parts):
    with pytest.raises(ValueError, match="HammingNeighbors") as raised:
        HammingNeighbors(**options).fit(X)
    assert all(part in str(raised.value) for part in parts), str(raised.value)


@pytest.mark.parametrize(
    "X", [np.ones((3, 7), np.uint8), np.full((3, 5), 9, np.uint8), np.full((2, 4), 255, np.uint8)]
)
def test_bad_data_leave_what_was_fitted(X, codes):
    model = HammingNeighbors(n_bits=N_BITS).fit(codes)
    expected = model.kneighbors(codes[:5])
    with pytest.raises(ValueError, match="HammingNeighbors"):
        model.fit(X)
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.kneighbors(codes[:5]), expected)


def test_names_of_columns(codes):
    frame = pd.DataFrame(codes, columns=list("abcd"))
    model = HammingNeighbors(n_bits=N_BITS).fit(frame)
    assert model.packed_
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(model.kneighbors(frame), model.fit(codes).kneighbors(codes))
    with pytest.raises(ValueError, match="feature names should match"):
        model.fit(frame).kneighbors(frame[list("bacd")])


@pytest.mark.parametrize(
    ("method", "arguments", "parts"),
    [
        ("kneighbors", {"n_neighbors": 400}, ["n_neighbors=400", "1 to 399", "own neighbour"]),
        ("kneighbors", {"n_neighbors": 2.0}, ["n_neighbors=2.0", "1 to 399"]),
        ("kneighbors", {"n_neighbors": 0}, ["n_neighbors=0"]),
        ("kneighbors", {"X": np.zeros((2, 30))}, ["30 features", "4 features"]),
        ("kneighbors", {"X": np.zeros((2, 4))}, ["uint8", "float64"]),
        ("kneighbors", {"X": np.full((2, 4), 1, np.uint8)}, ["Row 0", "n_bits=30"]),
        ("radius_neighbors", {"radius": -1}, ["radius=-1", "0 or more"]),
        ("radius_neighbors", {"radius": np.nan}, ["radius=nan"]),
        (
            "radius_neighbors",
            {"return_distance": False, "sort_results": True},
            ["sort_results", "return_distance=True"],
        ),
    ],
)
def test_search_refuses(codes, method, arguments, parts):
    model = HammingNeighbors(n_bits=N_BITS).fit(codes)
    with pytest.raises(ValueError, match="HammingNeighbors") as raised:
        getattr(model, method)(**arguments)
    assert all(part in str(raised.value) for part in parts), str(raised.value)
    assert model.kneighbors(codes[:1], 400)[1].shape == (1, 400)


def test_an_infinite_radius_finds_all(codes):
    found = HammingNeighbors(n_bits=N_BITS).fit(codes).radius_neighbors(radius=np.inf)[1]
    assert {i.size for i in found} == {399}
