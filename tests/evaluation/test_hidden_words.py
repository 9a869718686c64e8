"""Free energies of documents with hidden words: by enumeration, and by annealed runs."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.evaluation import hidden_words
from skdeepbm.evaluation.hidden_words import (
    annealed_free_energy,
    exact_free_energy,
    has_few_topics,
)
from skdeepbm.models.over_replicated import OverReplicatedSoftmax

LENGTHS = [0, 1, 2, 5, 40]


@pytest.fixture(params=["dense", "csr"])
def form(request):
    return request.param


def _put(ref, backend, tiny, n_hidden_words, v, form="dense", dtype=np.float64):
    model = OverReplicatedSoftmax(tiny.model(backend, dtype), n_hidden_words)
    return model, ref.put_counts(backend, v, form, dtype), model.lengths(v.sum(axis=1))


def _stream(backend, seed):
    return backend.stream(np.random.SeedSequence(seed))


def _expected(tiny, v, n_hidden_words):
    """Over all sequences of hidden words."""
    rows = [-tiny.free_energy(v + u) for u in tiny.sequences(n_hidden_words)]
    return -logsumexp(rows, axis=0)


@pytest.mark.parametrize("n_hidden_words", [0, 1, 4])
def test_enumeration(backend, ref, form, monkeypatch, n_hidden_words):
    # two documents at a time
    monkeypatch.setattr(hidden_words, "_CHUNK", 40)
    tiny, v = ref.make_words(), ref.some_documents(3, LENGTHS)
    found = exact_free_energy(*_put(ref, backend, tiny, n_hidden_words, v, form))
    np.testing.assert_allclose(
        backend.to_host(found), _expected(tiny, v, n_hidden_words), rtol=1e-11
    )


@pytest.mark.parametrize("n_hidden_words", [1, 4])
def test_annealed_runs(backend, ref, form, monkeypatch, n_hidden_words):
    """The mean of ``exp(-F)`` over runs, within its standard error; each is high on average."""
    tiny, n = ref.make_words(std=1.0), 1500
    some = ref.some_documents(3, [0, 2, 12])
    monkeypatch.setattr(hidden_words, "_CHUNK", 3 * 2000)
    model, v, lengths = _put(ref, backend, tiny, n_hidden_words, np.repeat(some, n, axis=0), form)
    found = annealed_free_energy(model, v, lengths, 2, _stream(backend, 4))
    exact = _expected(tiny, some, n_hidden_words)
    for value, runs in zip(exact, found.reshape(3, n), strict=True):
        weights = np.exp(value - runs)
        assert abs(weights.mean() - 1) < 4.5 * weights.std() / np.sqrt(n)
        assert 0 < runs.mean() - value < 0.5
        assert weights.std() > 0.01


def test_more_stages_are_better(plain, ref):
    tiny, v = ref.make_words(std=1.0), np.repeat(ref.some_documents(3, [6]), 300, axis=0)
    model, counts, lengths = _put(ref, plain, tiny, 60, v, dtype=np.float32)
    wide = OverReplicatedSoftmax(tiny.model(plain), 60)
    (exact,) = exact_free_energy(wide, v[:1], wide.lengths([6.0]))
    spreads = []
    for per_fold in (2, 50):
        found = annealed_free_energy(model, counts, lengths, per_fold, _stream(plain, 0))
        spreads.append(found.std())
        assert found.mean() == pytest.approx(exact, abs=4.5 * found.std() / np.sqrt(300) + 0.6)
    assert spreads[1] < 0.5 * spreads[0]


def test_few_topics(plain, ref):
    for n_hidden, expected in [(12, True), (13, False)]:
        tiny = ref.make_words(n_hidden=n_hidden)
        assert has_few_topics(OverReplicatedSoftmax(tiny.model(plain), 5)) is expected
