"""Chains of documents keep the distribution of their length, with and without exchanges."""

import numpy as np
import pytest

from skdeepbm.sampling.length_tempering import LengthTempering, exchange_pairs
from skdeepbm.sampling.words import word_chain

LENGTHS = [1, 2, 4, 7]


def _stream(backend, seed=8):
    return backend.stream(np.random.SeedSequence(seed))


def _model(ref):
    """Strong weights: hidden states of long documents are far from those of short ones."""
    return ref.make_words(std=1.0, seed=5)


def _products(v, h):
    return (v[:, :, None] * h[:, None, :]).reshape(len(v), -1)


def _assert_at(ref, tiny, n_words, v, h_mean, h):
    """Counts and hidden states of documents of one length against the exact moments."""
    mean_v, mean_h, mean_vh = tiny.moments(n_words)
    for sample, expected in [
        (v, mean_v),
        (h, mean_h),
        (h_mean, mean_h),
        (_products(v, h), mean_vh.ravel()),
        (_products(v, h_mean), mean_vh.ravel()),
    ]:
        assert ref.within_error(sample, expected), n_words


@pytest.mark.parametrize("n_steps", [1, 3])
def test_chains_are_stationary(backend, ref, rng, n_steps):
    tiny, n = _model(ref), 4000
    exact = np.concatenate([tiny.draw_hidden(n_words, n, rng) for n_words in LENGTHS])
    n_words = np.repeat(LENGTHS, n)
    h = backend.asarray(exact.copy())
    found = word_chain(tiny.model(backend), h, n_words, n_steps, _stream(backend))
    v = ref.host_counts(backend, found[0])
    h_mean, h = (backend.to_host(array) for array in found[1:])
    np.testing.assert_array_equal(v.sum(axis=1), n_words)
    np.testing.assert_allclose(h_mean, tiny.hidden_mean(v), rtol=1e-10)
    assert not np.array_equal(h, exact)
    # a document's length matters: those of one word have other moments than those of seven
    assert not ref.within_error(h[:n], tiny.moments(LENGTHS[-1])[1])
    parts = (np.split(array, len(LENGTHS)) for array in (v, h_mean, h, exact))
    for length, rows, mean, drawn, start in zip(LENGTHS, *parts, strict=True):
        assert ref.within_error(start, tiny.moments(length)[1]), length
        _assert_at(ref, tiny, length, rows, mean, drawn)


def test_chains_forget_where_they_started(backend, ref):
    tiny, n = ref.make_words(std=0.7, seed=1), 3000
    n_words = np.repeat([1, 4], n)
    h = backend.asarray(np.ones((2 * n, 4)))
    found = word_chain(tiny.model(backend), h, n_words, 30, _stream(backend))
    v = ref.host_counts(backend, found[0])
    for length, part in ((1, slice(n)), (4, slice(n, None))):
        h_mean, h = (backend.to_host(array)[part] for array in found[1:])
        _assert_at(ref, tiny, length, v[part], h_mean, h)


def test_documents_without_words(backend, ref):
    """Their hidden states are even odds."""
    h = backend.asarray(np.ones((4000, 4)))
    model, n_words = _model(ref).model(backend), np.zeros(4000, dtype=np.int64)
    v, h_mean, h = word_chain(model, h, n_words, 2, _stream(backend))
    assert not ref.host_counts(backend, v).any()
    np.testing.assert_array_equal(backend.to_host(h_mean), np.full((4000, 4), 0.5))
    assert ref.within_error(backend.to_host(h), 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_chain_goes_on(backend, ref, dtype):
    """Steps taken in two calls are the steps taken in one; the start is left alone."""
    tiny, n_words = _model(ref), np.array([3, 0, 1, 30, 7])
    start = np.ones((5, 4), dtype=dtype)
    found = []
    for parts in ([4], [1, 3]):
        stream, h = _stream(backend), backend.asarray(start.copy())
        first = h
        for n_steps in parts:
            v, h_mean, h = word_chain(tiny.model(backend, dtype), h, n_words, n_steps, stream)
        np.testing.assert_array_equal(backend.to_host(first), start)
        found.append([ref.host_counts(backend, v), *(backend.to_host(x) for x in (h_mean, h))])
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(found[0][2], start)


# -- chains that exchange their states --------------------------------------------------------


def _ladders(tiny, backend, lengths, n, rng, exchanges=True):
    """Tempered chains that start at the exact distributions of their lengths, ``n`` of them."""
    model = tiny.model(backend)
    h = np.stack([tiny.draw_hidden(n_words, n, rng) for n_words in lengths], axis=1)
    for rows in h:
        yield LengthTempering(model, backend.asarray(rows), exchanges)


def _ladder(*arguments, exchanges=True):
    *head, rng = arguments
    return next(_ladders(*head, 1, rng, exchanges))


def test_every_length_is_stationary(compiled, ref, rng):
    """Many short ladders; positions along each of them, not rows, have a distribution."""
    tiny, n = _model(ref), 3000
    lengths, stream = np.array(LENGTHS), _stream(compiled)
    seen, swaps, moved = [], 0, 0
    for chains in _ladders(tiny, compiled, LENGTHS, n, rng):
        for _ in range(2):
            v, of_rows, h_mean = chains.step(lengths, stream)
        order = chains.order
        np.testing.assert_array_equal(of_rows[order], lengths)
        seen.append([ref.host_counts(compiled, v)[order], h_mean[order], chains.h[order]])
        swaps += chains.n_swaps
        moved += not np.array_equal(order, np.arange(4))
    # exchanges were there to do harm
    assert 0.2 < swaps / (n * 2 * 2 * 5) < 0.9
    assert moved > 0.5 * n
    for i, length in enumerate(LENGTHS):
        v, h_mean, h = (np.array([rows[k][i] for rows in seen]) for k in range(3))
        np.testing.assert_array_equal(v.sum(axis=1), length)
        _assert_at(ref, tiny, length, v, h_mean, h)


@pytest.mark.parametrize("exchanges", [False, True])
def test_backends_take_the_same_steps(same_stream_backend, plain, ref, exchanges):
    tiny, lengths, found = _model(ref), np.array([1, 1, 2, 4, 8, 9]), []
    for backend in (plain, same_stream_backend):
        chains = _ladder(tiny, backend, lengths, np.random.default_rng(0), exchanges=exchanges)
        stream = _stream(backend)
        for _ in range(20):
            v, of_rows, h_mean = chains.step(lengths, stream)
        host = backend.to_host
        numbers = [chains.order, of_rows, ref.host_counts(backend, v), host(chains.h)]
        found.append((*numbers, chains.n_swaps, chains.n_offers, host(h_mean)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_lengths_of_rows(backend, ref, rng):
    """A row keeps its place when it is given another length."""
    tiny, lengths = _model(ref), np.array([1, 3, 3, 8])
    chains, stream = _ladder(tiny, backend, lengths, rng), _stream(backend)
    seen = set()
    for _ in range(30):
        v, of_rows, h_mean = chains.step(lengths, stream)
        v = ref.host_counts(backend, v)
        np.testing.assert_array_equal(v.sum(axis=1), of_rows)
        np.testing.assert_array_equal(of_rows[chains.order], lengths)
        np.testing.assert_allclose(backend.to_host(h_mean), tiny.hidden_mean(v), rtol=1e-10)
        seen.add(tuple(of_rows))
    # of four chains: three neighbours, two pairs at a distance of two
    assert chains.n_offers == 30 * 2 * 5
    assert 0 < chains.n_swaps < chains.n_offers
    assert len(seen) > 5


def test_without_exchanges(backend, ref, rng):
    """Steps are those of ordinary chains."""
    tiny, lengths = _model(ref), np.array([1, 3, 3, 8])
    chains = _ladder(tiny, backend, lengths, rng, exchanges=False)
    h = backend.asarray(np.array(backend.to_host(chains.h)))
    streams = [_stream(backend) for _ in range(2)]
    for _ in range(3):
        v, of_rows, h_mean = chains.step(lengths, streams[0])
    expected = word_chain(tiny.model(backend), h, lengths, 3, streams[1])
    np.testing.assert_array_equal(of_rows, lengths)
    np.testing.assert_array_equal(chains.order, np.arange(4))
    assert chains.n_swaps == chains.n_offers == 0
    np.testing.assert_array_equal(
        ref.host_counts(backend, v), ref.host_counts(backend, expected[0])
    )
    for one, other in zip((h_mean, chains.h), expected[1:], strict=True):
        np.testing.assert_array_equal(backend.to_host(one), backend.to_host(other))


@pytest.mark.parametrize("lengths", [[1, 2], [2, 9]])
def test_acceptance_is_metropolis(compiled, ref, rng, lengths):
    """The share of accepted exchanges against the sum over all pairs of states."""
    tiny, n = _model(ref), 2000
    states, p = tiny.hidden_probabilities(lengths[0])
    _, q = tiny.hidden_probabilities(lengths[1])
    gain = np.log(p) - np.log(q)
    # the short chain's state gains where it is likelier in long documents
    expected = p @ np.minimum(1, np.exp(gain[None, :] - gain[:, None])) @ q
    assert 0.1 < expected < 0.95
    stream, swaps = _stream(compiled), []
    for chains in _ladders(tiny, compiled, lengths, n, rng):
        chains.step(np.array(lengths), stream)
        swaps.append([chains.n_swaps])
    # two rounds
    assert ref.within_error(swaps, 2 * expected)


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (2, 2)])
def test_probability_of_one_exchange(plain, ref, pair):
    """Two chains with given states, for evenly spaced uniform numbers."""
    tiny = _model(ref)
    states = tiny.hidden_states()[[3, 8, 5]]
    f, n_words = tiny.log_mass(states), np.array([2, 4])
    one, other = pair
    ratio = np.exp(2 * f[other] + 4 * f[one] - 2 * f[one] - 4 * f[other])
    chains = LengthTempering(tiny.model(plain), states[list(pair)].copy())
    swaps = 0
    for u in (np.arange(1000) + 0.5) / 1000:
        chains.order = np.arange(2)
        chains._pairs = exchange_pairs(2)
        chains._exchange(n_words, f[list(pair)], np.log1p(-np.array([[u, 0.5]])))
        swaps += chains.order[0] == 1
    assert chains.n_swaps == swaps
    assert swaps / 1000 == pytest.approx(min(1, ratio), abs=1e-3)


def test_equal_lengths_always_exchange(backend, ref, rng):
    chains = _ladder(_model(ref), backend, [3, 3, 3], rng)
    chains.step(np.array([3, 3, 3]), _stream(backend))
    assert chains.n_swaps == chains.n_offers == 6
    chains._pairs, chains.order = exchange_pairs(3), np.arange(3)
    chains._exchange(np.array([3, 3, 3]), np.zeros(3), np.full((3, 3), -0.1))
    # one round: neighbours carry the first state to the end, and the last pair back again
    np.testing.assert_array_equal(chains.order, [0, 2, 1])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 120])
def test_pairs(n):
    """At distances of all powers of two, each pair once, no chain twice at the same time."""
    found = []
    for short, long in exchange_pairs(n):
        assert np.unique([short, long]).size == 2 * short.size
        found += zip(short.tolist(), long.tolist(), strict=True)
    assert len(found) == len(set(found))
    assert set(found) == {(i, i + 2**k) for k in range(8) for i in range(n - 2**k)}


def test_crosses_between_modes(compiled, ref):
    """Two topics, equally likely: chains of long documents change theirs only by exchanges."""
    tiny = ref.TinyWords(np.array([[3.0, -3.0], [-3.0, 3.0]]), np.zeros(2), np.full(2, -2.0))
    lengths = np.array([1, 2, 4, 8, 16, 24])
    expected = tiny.moments(24)[0] / 24
    assert expected == pytest.approx([0.5, 0.5])
    share = {}
    for exchanges in (False, True):
        h = np.tile([1.0, 0.0], (6, 1))
        chains, stream = LengthTempering(tiny.model(compiled), h, exchanges), _stream(compiled)
        seen = []
        for _ in range(1500):
            v, of_rows, _ = chains.step(lengths, stream)
            seen.append(ref.host_counts(compiled, v)[chains.order[-1], 0] / 24)
        share[exchanges] = np.mean(seen)
    assert share[False] > 0.9
    assert 0.35 < share[True] < 0.65
