"""Chains of all layers of documents keep the distribution of their length."""

import numpy as np
import pytest
from scipy.special import expit

from skdeepbm.sampling.word_layers import LayerTempering, first_odd, word_layer_chain

SIZES = [(3, 3, 2), (3, 2, 2, 2)]
LENGTHS = [1, 2, 4]
N = 4000


def _stream(backend, seed=8):
    return backend.stream(np.random.SeedSequence(seed))


def _products(x, y):
    return (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)


def _assert_at(ref, tiny, n_words, states):
    """States of all layers, words first, in documents of one length against exact moments."""
    v, h, p = tiny.joint(n_words)
    exact = [np.repeat(v, p.shape[1], axis=0), *(np.tile(x, (len(v), 1)) for x in h)]
    p = p.ravel()
    for i, x in enumerate(states):
        assert ref.within_error(x, p @ exact[i]), (n_words, i)
        for j in range(i):
            expected = p @ _products(exact[j], exact[i])
            assert ref.within_error(_products(states[j], x), expected), (n_words, j, i)


def _start(backend, tiny, rng):
    """Odd layers of exact documents of each length, and their lengths."""
    found = [tiny.draws(n_words, N, rng)[1][::2] for n_words in LENGTHS]
    odd = np.concatenate([np.concatenate(h, axis=1) for h in found])
    return backend.asarray(odd), np.repeat(LENGTHS, N)


@pytest.mark.parametrize("sizes", SIZES)
def test_chains_are_stationary(backend, ref, rng, sizes):
    tiny = ref.make_word_dbm(sizes, seed=3)
    odd, n_words = _start(backend, tiny, rng)
    v, odd = word_layer_chain(tiny.dbm(backend), odd, n_words, 2, _stream(backend))
    v, odd = ref.host_counts(backend, v), np.array(backend.to_host(odd))
    np.testing.assert_array_equal(v.sum(axis=1), n_words)
    for k, n in enumerate(LENGTHS):
        rows = slice(k * N, (k + 1) * N)
        exact_v, h, p = tiny.joint(n)
        p_h = p.sum(axis=0)
        for x, columns in zip(h[::2], tiny.dbm(backend).odd_slices, strict=True):
            assert ref.within_error(odd[rows, columns], p_h @ x)
        expected = sum(
            _products(exact_v, np.tile(state, (len(exact_v), 1))).T @ p[:, j]
            for j, state in enumerate(h[0])
        )
        assert ref.within_error(_products(v[rows], odd[rows, : sizes[1]]), expected)


@pytest.mark.parametrize("exchanges", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_tempered_chains_are_stationary(backend, ref, rng, sizes, exchanges):
    """Rows of all hidden layers, after two steps of three chains of different lengths each."""
    tiny, n = ref.make_word_dbm(sizes, seed=3), 1500
    dbm, stream = tiny.dbm(backend), _stream(backend)
    seen = {n_words: [] for n_words in LENGTHS}
    odd, _ = _start(backend, tiny, rng)
    start = np.array(backend.to_host(odd)).reshape(len(LENGTHS), N, -1)
    # many chains of each length beside each other: neighbours of equal length exchange for sure
    chains = LayerTempering(
        dbm, backend.asarray(start[:, :n].reshape(-1, start.shape[2])), exchanges
    )
    lengths = np.repeat(LENGTHS, n)
    for _ in range(2):
        v, of_rows, h = chains.step(lengths, stream)
    v, h = ref.host_counts(backend, v), np.array(backend.to_host(h))
    np.testing.assert_array_equal(v.sum(axis=1), of_rows)
    assert (chains.n_swaps > 0) == exchanges
    for n_words in LENGTHS:
        rows = of_rows == n_words
        seen = [v[rows], *(h[rows, columns] for columns in dbm.hidden_slices)]
        _assert_at(ref, tiny, n_words, seen)


@pytest.mark.parametrize("sizes", SIZES)
def test_expected_values_are_those_given_words_and_even_layers(backend, ref, sizes):
    tiny = ref.make_word_dbm(sizes)
    dbm = tiny.dbm(backend)
    odd = backend.asarray(np.ones((3, dbm.above.visible.size)))
    v, _, h = LayerTempering(dbm, odd).step(np.array(LENGTHS), _stream(backend))
    v, h = ref.host_counts(backend, v), np.array(backend.to_host(h))
    x = [v, *(h[:, columns] for columns in dbm.hidden_slices)]
    for i in range(1, len(sizes), 2):
        bias = tiny.biases[i] * (v.sum(axis=1)[:, None] if i == 1 else 1)
        a = x[i - 1] @ tiny.weights[i - 1] + bias
        if i + 1 < len(sizes):
            a = a + x[i + 1] @ tiny.weights[i].T
        np.testing.assert_allclose(x[i], expit(a), rtol=1e-9)
    assert set(np.unique(x[2])) <= {0.0, 1.0}


def test_first_states_follow_the_pass_up(backend, ref):
    tiny = ref.make_word_dbm((3, 2, 2, 2))
    v = np.tile([[2.0, 0.0, 1.0]], (4000, 1))
    odd = first_odd(tiny.dbm(backend), ref.put_counts(backend, v, "csr"), _stream(backend))
    odd = np.array(backend.to_host(odd))
    p = expit(2 * (v[0] @ tiny.weights[0] + 3 * tiny.biases[1]))
    assert odd.shape == (4000, 4)
    assert ref.within_error(odd[:, :2], p)
