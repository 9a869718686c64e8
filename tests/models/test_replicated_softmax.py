"""The replicated softmax against sums over hidden states and over sequences of words."""

from collections import OrderedDict

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.evaluation import partition
from skdeepbm.evaluation.word_partition import exact_word_partition
from skdeepbm.models.units import MultinomialUnits

LENGTHS = [0, 1, 2, 3, 5, 40]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=["dense", "csr"])
def form(request):
    return request.param


def _tolerance(dtype):
    return {"rtol": 1e-5, "atol": 3e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}


def _documents(ref):
    """Documents of several lengths, one of them with fractional counts."""
    v = ref.some_documents(3, LENGTHS)
    return np.concatenate([v, [[0.5, 1.25, 0.0]]])


def _states(tiny, n, seed=0):
    states = tiny.hidden_states()
    return states[np.random.default_rng(seed).integers(len(states), size=n)]


def _put(ref, backend, tiny, v, form="dense", dtype=np.float64):
    """The model, counts and their lengths on a backend."""
    model = tiny.model(backend, dtype)
    return model, ref.put_counts(backend, v, form, dtype), model.lengths(v.sum(axis=1))


def _assert_close(backend, found, expected, dtype):
    host = backend.to_host(found)
    assert host.dtype == dtype
    np.testing.assert_allclose(host, expected, **_tolerance(dtype))


def test_energy(backend, ref, dtype, form):
    tiny, v = ref.make_words(), _documents(ref)
    h = _states(tiny, len(v))
    model, counts, n_words = _put(ref, backend, tiny, v, form, dtype)
    found = model.energy(counts, n_words, backend.asarray(h.astype(dtype)))
    _assert_close(backend, found, np.diag(tiny.energy(v, h)), dtype)


def test_free_energy(backend, ref, dtype, form):
    tiny, v = ref.make_words(), _documents(ref)
    model, counts, n_words = _put(ref, backend, tiny, v, form, dtype)
    found = model.free_energy(counts, n_words)
    _assert_close(backend, found, tiny.free_energy(v), dtype)
    # no word, no energy
    np.testing.assert_allclose(backend.to_host(found)[0], -4 * np.log(2), rtol=1e-6)


def test_hidden_mean(backend, ref, dtype, form):
    tiny, v = ref.make_words(), _documents(ref)
    model, counts, n_words = _put(ref, backend, tiny, v, form, dtype)
    expected = tiny.hidden_mean(v)
    _assert_close(backend, model.hidden_mean(counts, n_words), expected, dtype)
    inputs = backend.to_host(model.total_input(counts, n_words)).astype(np.float64)
    np.testing.assert_allclose(1 / (1 + np.exp(-inputs)), expected, **_tolerance(dtype))


@pytest.mark.parametrize("with_out", [False, True])
def test_words(backend, ref, dtype, with_out):
    tiny = ref.make_words()
    model, states = tiny.model(backend, dtype), tiny.hidden_states()
    h = backend.asarray(states.astype(dtype))
    out = backend.zeros((len(states), 3), dtype) if with_out else None
    p, log_mass = model.words(h, out=out)
    _assert_close(backend, log_mass, tiny.log_mass(states), dtype)
    host = backend.to_host(p)
    assert host.dtype == dtype
    share = host / host.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share, tiny.word_probabilities(states), **_tolerance(dtype))
    assert p is out or not with_out
    np.testing.assert_array_equal(backend.to_host(h), states)


def test_word_input(backend, ref):
    tiny = ref.make_words()
    h = _states(tiny, 5)
    found = tiny.model(backend).word_input(backend.asarray(h))
    np.testing.assert_allclose(backend.to_host(found), h @ tiny.weights.T, rtol=1e-13, atol=1e-15)


def test_hidden_draws(backend, ref):
    tiny, n = ref.make_words(), 4000
    v = np.repeat(ref.some_documents(3, [3]), n, axis=0)
    model, counts, n_words = _put(ref, backend, tiny, v)
    stream = backend.stream(np.random.SeedSequence(2))
    h = backend.to_host(model.draw_hidden(model.total_input(counts, n_words), stream))
    assert set(np.unique(h)) == {0.0, 1.0}
    assert ref.within_error(h, tiny.hidden_mean(v[:1])[0])


@pytest.mark.parametrize("n_words", range(5))
def test_sequences_sum_to_one(backend, ref, monkeypatch, form, n_words):
    """Over words first or over hidden states first, the partition function is the same."""
    monkeypatch.setattr(partition, "_remembered", OrderedDict())
    tiny = ref.make_words()
    v = tiny.sequences(n_words)
    assert len(v) == 3**n_words
    model, counts, lengths = _put(ref, backend, tiny, v, form)
    free_energy = backend.to_host(model.free_energy(counts, lengths))
    assert logsumexp(-free_energy) == pytest.approx(tiny.log_z(n_words), rel=1e-12)
    (log_z,) = exact_word_partition(model, np.array([n_words]))
    assert np.exp(-free_energy - log_z).sum() == pytest.approx(1, rel=1e-11)


@pytest.mark.parametrize("n_words", [0, 1, 6])
def test_gradient_of_the_free_energy(backend, ref, form, n_words):
    tiny, v = ref.make_words(), ref.some_documents(3, [n_words])

    def minus_free_energy(moved):
        return -float(backend.to_host(moved.model(backend).free_energy(counts, lengths))[0])

    model, counts, lengths = _put(ref, backend, tiny, v, form)
    (h,) = backend.to_host(model.hidden_mean(counts, lengths))
    expected = {"weights": np.outer(v[0], h), "visible_bias": v[0], "hidden_bias": n_words * h}
    for name, array in expected.items():
        numerical = tiny.numerical_gradient(minus_free_energy, name)
        np.testing.assert_allclose(numerical, array, rtol=1e-7, atol=1e-8, err_msg=name)


def test_initial_bias():
    """Shares of the words; a word that never occurs has half the share of the rarest."""
    total = np.array([6.0, 0.0, 3.0, 1.0])
    found = MultinomialUnits.initial_bias(total, total, None)
    np.testing.assert_allclose(np.exp(found), [0.6, 0.05, 0.3, 0.1], rtol=1e-13)
