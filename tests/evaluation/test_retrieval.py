"""Retrieval by codes against loops over queries and over orders of equally near rows."""

import itertools
import math

import numpy as np
import pytest

from skdeepbm.backends import get_backend
from skdeepbm.evaluation import retrieval
from skdeepbm.metrics import precision_recall, retrieval_precision


def cosine(a, b):
    norms = math.sqrt(math.fsum(x * x for x in a)) * math.sqrt(math.fsum(x * x for x in b))
    return -math.fsum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def euclidean(a, b):
    return math.dist(a, b)


def hamming(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


METRICS = {"cosine": cosine, "euclidean": euclidean, "hamming": hamming}


def ordered(codes, y, query, metric, left_out):
    """Rows by rising distance, in every order of equally near ones: lists of classes."""
    rows = [
        (round(metric(query, c), 9), k)
        for i, (c, k) in enumerate(zip(codes, y, strict=True))
        if i != left_out
    ]
    groups = [
        [k for _, k in group]
        for _, group in itertools.groupby(sorted(rows, key=lambda r: r[0]), key=lambda r: r[0])
    ]
    for orders in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield [k for group in orders for k in group]


def expected(codes, y, queries, y_queries, metric, ks):
    """Mean precision and recall over queries and over all orders of equally near rows."""
    codes, own = codes.tolist(), queries is None
    asked = codes if own else queries.tolist()
    classes = y if own else y_queries
    precision, recall = [], []
    for j, (query, k_query) in enumerate(zip(asked, classes, strict=True)):
        n_relevant = list(y).count(k_query) - own
        if not n_relevant:
            continue
        hits = np.mean(
            [
                [sum(k == k_query for k in order[:k_near]) for k_near in ks]
                for order in ordered(codes, y, query, METRICS[metric], j if own else None)
            ],
            axis=0,
        )
        precision.append(hits / ks)
        recall.append(hits / n_relevant)
    return np.mean(precision, axis=0), np.mean(recall, axis=0)


def data(rng, metric, n_rows, tied):
    """Codes of three bits, or real ones that are nowhere equally near."""
    if metric == "hamming" or tied:
        codes = rng.integers(0, 2, (n_rows, 3))
        if metric == "hamming":
            return codes.astype(bool)
        # cosines that are equal but for rounding errors
        return codes * (rng.choice([0.1, 0.3, 0.7], (n_rows, 1)) if metric == "cosine" else 0.1)
    return rng.normal(size=(n_rows, 3))


CASES = [
    ("cosine", False),
    ("cosine", True),
    ("euclidean", False),
    ("euclidean", True),
    ("hamming", True),
]


@pytest.mark.parametrize(("metric", "tied"), CASES)
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("chunk", [2**21, 16, 1])
def test_means_over_queries_and_over_all_orders_of_ties(metric, tied, own, chunk, monkeypatch):
    monkeypatch.setattr(retrieval, "_CHUNK", chunk)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        codes, y = data(rng, metric, 7, tied), rng.integers(0, 3, 7)
        queries, y_queries = None, None
        if not own:
            # a class of no row too, and one that there is
            queries, y_queries = data(rng, metric, 5, tied), rng.integers(0, 4, 5)
            y_queries[0] = y[0]
        ks = np.array([1, 2, 3, 6])
        precision, recall = expected(codes, y, queries, y_queries, metric, ks)
        found = retrieval_precision(codes, y, queries, y_queries, n_neighbors=ks, metric=metric)
        np.testing.assert_allclose(found, precision, rtol=1e-12)
        curve = precision_recall(codes, y, queries, y_queries, n_retrieved=ks, metric=metric)
        np.testing.assert_allclose(curve[0], precision, rtol=1e-12)
        np.testing.assert_allclose(curve[1], recall, rtol=1e-12)
        np.testing.assert_array_equal(curve[2], ks)


def test_deep_points_change_nothing(rng):
    """Points of few neighbours need not sort all rows."""
    codes, y = rng.integers(0, 2, (200, 4)).astype(bool), rng.integers(0, 3, 200)
    shallow = retrieval_precision(codes, y, n_neighbors=[1, 5], metric="hamming")
    deep = retrieval_precision(codes, y, n_neighbors=[1, 5, 199], metric="hamming")
    np.testing.assert_allclose(shallow, deep[:2], rtol=1e-14)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_order_of_rows_and_columns_does_not_matter(metric, rng):
    """Of equal distances either, whose rounding errors depend on the order."""
    codes, y = 0.1 * rng.choice([0, 1, 3], (80, 12)), rng.integers(0, 3, 80)
    rows, columns = rng.permutation(80), rng.permutation(12)
    found = retrieval_precision(codes[rows][:, columns], y[rows], metric=metric)
    np.testing.assert_allclose(found, retrieval_precision(codes, y, metric=metric), rtol=1e-12)


def test_a_copy_of_the_query_counts():
    """A row leaves itself out, not what is at distance zero."""
    codes = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.2, 1.0]])
    assert retrieval_precision(codes, [0, 1, 1, 1], n_neighbors=[1]).tolist() == [2 / 3]
    assert retrieval_precision(codes, [0, 0, 1, 1], n_neighbors=[1]).tolist() == [1.0]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_scale_and_far_centre(metric, rng):
    codes, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    wanted = retrieval_precision(codes, y, metric=metric)
    moved = codes * 1e-200 if metric == "cosine" else 1e-5 * codes + 1e3
    np.testing.assert_allclose(retrieval_precision(moved, y, metric=metric), wanted, rtol=1e-12)


def test_packed_codes_are_those_bits(rng):
    bits, y = rng.integers(0, 2, (40, 70)).astype(bool), rng.integers(0, 3, 40)
    wanted = retrieval_precision(bits, y, metric="hamming")
    found = retrieval_precision(np.packbits(bits, axis=1), y, metric="hamming")
    np.testing.assert_array_equal(found, wanted)


def test_classic_points(rng):
    y = np.arange(20) % 2
    for n, points in ((20, [1, 3, 7, 15, 19]), (16, [1, 3, 7, 15]), (2, [1]), (9, [1, 3, 7, 8])):
        codes = rng.normal(size=(n, 3))
        classes = y[:n] if n > 2 else [0, 0]
        precision, recall, found = precision_recall(codes, classes)
        assert found.tolist() == points
        assert recall[-1] == 1.0
        assert len(precision) == len(points)


def test_classes_may_be_words_and_codes_on_a_device():
    pytest.importorskip("array_api_strict")
    device = get_backend("array_api_strict")
    codes = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.2]])
    words = ["sport", "sport", "politics", "politics"]
    found = retrieval_precision(device.asarray(codes), words, n_neighbors=[1, 3])
    np.testing.assert_allclose(found, [1.0, 1 / 3])
    y = device.asarray(np.array([0, 0, 1, 1]))
    found = retrieval_precision(device.asarray(codes), y, n_neighbors=[1, 3])
    np.testing.assert_allclose(found, [1.0, 1 / 3])
    found = retrieval_precision(codes, words, codes[:1], ["politics"], n_neighbors=[2, 4])
    np.testing.assert_allclose(found, [0.0, 0.5])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"metric": "cosinus"}, ["metric='cosinus'", "'cosine'"]),
        ({"metric": "hamming"}, ["uint8 or bool", "float64", "numpy.packbits"]),
        ({"queries": np.ones((2, 3))}, ["y_queries"]),
        ({"queries": np.ones((2, 4)), "y_queries": [0, 1]}, ["4 columns", "3"]),
        ({"queries": np.ones((2, 3)), "y_queries": [0]}, ["y_queries", "2 rows"]),
        ({"queries": np.ones((2, 3)), "y_queries": [5, 6]}, ["No query", "own class"]),
        ({"y": [0, 1]}, ["y of", "6 rows"]),
        ({"codes": np.ones(6)}, ["codes of", "(6,)"]),
        ({"codes": np.full((6, 3), np.nan)}, ["codes of", "NaN"]),
        ({"n_neighbors": [1, 6]}, ["n_neighbors", "6 rows", "only 5"]),
        ({"n_neighbors": [0]}, ["n_neighbors", "integers from 1"]),
        ({"n_neighbors": [1.5]}, ["n_neighbors", "integers from 1"]),
        ({"n_neighbors": []}, ["n_neighbors", "integers from 1"]),
    ],
)
def test_refusals(arguments, parts, rng):
    given = {
        "codes": rng.normal(size=(6, 3)),
        "y": [0, 0, 0, 1, 1, 1],
        "n_neighbors": [1],
        **arguments,
    }
    with pytest.raises(ValueError, match="retrieval_precision") as raised:
        retrieval_precision(**given)
    assert all(part in str(raised.value) for part in parts), str(raised.value)
