"""Hamming search against loops over all pairs."""

import math

import numpy as np
import pytest

from skdeepbm.evaluation import hamming
from skdeepbm.evaluation.hamming_index import MultiIndex, _edges, _radii, worth_looking_up

LENGTHS = (1, 5, 8, 30, 64, 65, 100, 128, 200, 256, 300)


def bits(rng, n_rows, n_bits, n_centres=6):
    """Codes near a few centres, so that all distances occur and many are equal."""
    centres = rng.integers(0, 2, (n_centres, n_bits))
    flips = rng.random((n_rows, n_bits)) < rng.choice([0.0, 0.02, 0.1, 0.5], (n_rows, 1))
    return centres[rng.integers(n_centres, size=n_rows)] ^ flips


def words(codes):
    return hamming.to_words(np.packbits(codes, axis=1))


def pairs(queries, codes):
    """Distance of each pair, bit by bit."""
    return (queries[:, None, :] != codes).sum(axis=2).tolist()


def expected_nearest(rows, k, own):
    found = []
    for j, row in enumerate(rows):
        order = sorted((d, i) for i, d in enumerate(row) if own is None or i != own[j])
        found.append(order[:k])
    return found


def expected_ball(rows, radius, own):
    return [
        (j, i, d)
        for j, row in enumerate(rows)
        for i, d in enumerate(row)
        if d <= radius and (own is None or i != own[j])
    ]


@pytest.fixture(
    params=[(hamming.FIRST_BLOCK, hamming.BLOCK), (4, 7), (30, 7)],
    ids=["one block", "many blocks", "small blocks"],
)
def block(request, monkeypatch):
    monkeypatch.setattr(hamming, "FIRST_BLOCK", request.param[0])
    monkeypatch.setattr(hamming, "BLOCK", request.param[1])


@pytest.mark.parametrize("n_bits", LENGTHS)
def test_words_hold_the_bits_in_order(n_bits, rng):
    codes = bits(rng, 5, n_bits)
    expected = [
        [int("".join(map(str, row[w : w + 64])).ljust(64, "0"), 2) for row in codes]
        for w in range(0, n_bits, 64)
    ]
    assert words(codes).tolist() == expected


@pytest.mark.parametrize("n_bits", LENGTHS)
@pytest.mark.parametrize("k", [1, 4, 29])
@pytest.mark.usefixtures("block")
def test_nearest(n_bits, k, rng):
    codes, queries = bits(rng, 30, n_bits), bits(rng, 11, n_bits)
    for own, asked in (
        (None, queries),
        (rng.permutation(30)[:11], queries),
        (np.arange(30), codes),
    ):
        distance, index = hamming.nearest(words(codes), words(asked), k, own)
        found = [list(zip(d, i, strict=True)) for d, i in zip(distance, index, strict=True)]
        assert found == expected_nearest(pairs(asked, codes), k, own)


@pytest.mark.parametrize("n_bits", LENGTHS)
@pytest.mark.usefixtures("block")
def test_ball(n_bits, rng):
    codes, queries = bits(rng, 30, n_bits), bits(rng, 11, n_bits)
    rows = pairs(queries, codes)
    for radius in (0, 1, 3, n_bits // 2, n_bits, 10**6):
        for own in (None, rng.permutation(30)[:11]):
            found = hamming.ball(words(codes), words(queries), radius, own)
            assert list(zip(*found, strict=True)) == expected_ball(rows, radius, own)


@pytest.mark.parametrize("n_bits", LENGTHS)
@pytest.mark.parametrize("affordable", [math.inf, 20.0], ids=["look-up", "look-up or scan"])
def test_look_up_finds_what_a_scan_finds(n_bits, affordable, rng, monkeypatch):
    """Also where some queries, or all, are answered by a scan, and in several portions."""
    module = "skdeepbm.evaluation.hamming_index"
    scanned = []
    scan = hamming.ball

    def watched(w, queries, *rest):
        scanned.append(queries.shape[1])
        return scan(w, queries, *rest)

    monkeypatch.setattr(f"{module}.hamming.ball", watched)
    monkeypatch.setattr(f"{module}._scan_cost", lambda *_: affordable)
    monkeypatch.setattr(f"{module}._check_cost", lambda *_: 1.0)
    monkeypatch.setattr(f"{module}._PROBE", 0.0)
    monkeypatch.setattr(f"{module}._ROOM", 100)
    codes, queries = bits(rng, 300, n_bits), bits(rng, 40, n_bits)
    index = MultiIndex(words(codes), n_bits)
    for radius in (0, 1, 2, 5, 9):
        for own in (None, rng.permutation(300)[:40]):
            found = index.ball(words(queries), radius, own)
            expected = scan(words(codes), words(queries), radius, own)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)
    if affordable == math.inf:
        assert not any(scanned)
    else:
        assert any(scanned)


@pytest.mark.parametrize(("n_bits", "n_rows"), [(30, 10**6), (128, 10**6), (7, 100), (64, 1)])
def test_parts_cover_the_code_and_their_radii_the_ball(n_bits, n_rows):
    """Errors of `radius` bits, however spread, leave one part within its radius."""
    edges = _edges(n_rows, n_bits)
    assert edges[0] == 0
    assert edges[-1] == n_bits
    assert all(1 <= b - a <= 20 for a, b in zip(edges[:-1], edges[1:], strict=True))
    for radius in range(12):
        # errors in every searched part that just exceed its radius
        assert sum(r + 1 for _, r in _radii(edges, radius)) == radius + 1


def test_choice_between_look_up_and_scan():
    assert worth_looking_up(1, 10**6, 30, 2)
    assert worth_looking_up(2, 10**6, 128, 7)
    assert not worth_looking_up(2, 10**6, 128, 60)
    assert not worth_looking_up(1, 100, 30, 10)
