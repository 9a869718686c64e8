"""The deep Boltzmann machine of counts against sums over all sequences and hidden states."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from skdeepbm.evaluation.dbm_likelihood import exact_log_likelihood
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.models.dbm import folded
from skdeepbm.models.mean_field import mean_field
from skdeepbm.models.word_dbm import document_means, word_bounds, word_means

SIZES = [(3, 3, 2), (4, 2, 3, 2)]
LENGTHS = [1, 2, 3, 3, 1]


@pytest.fixture(params=["dense", "csr"])
def form(request):
    return request.param


def _host(backend, arrays):
    return [np.array(backend.to_host(array)) for array in arrays]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("n_words", [0, 1, 3])
def test_sequences_of_a_length_sum_to_one(backend, ref, form, sizes, n_words):
    tiny = ref.make_word_dbm(sizes)
    dbm, v = tiny.dbm(backend), tiny.sequences(n_words)
    log_p = exact_log_likelihood(dbm, ref.put_counts(backend, v, form), tiny.log_z(n_words))
    log_p = backend.to_host(log_p)
    np.testing.assert_allclose(log_p, tiny.log_likelihoods(v), rtol=1e-9, atol=1e-12)
    assert np.exp(log_p).sum() == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("n_words", [0, 2, 3])
def test_of_one_length_it_is_a_plain_machine(backend, ref, sizes, n_words):
    tiny = ref.make_word_dbm(sizes)
    dbm = tiny.dbm(backend).of_length(n_words)
    assert exact_log_partition(folded(dbm, 1)) == pytest.approx(tiny.log_z(n_words), rel=1e-10)
    v, h = tiny.sequences(n_words), tiny.hidden_states()
    for i in range(0, len(h[0]), 5):
        states = [v, *(np.tile(x[i], (len(v), 1)) for x in h)]
        found = backend.to_host(dbm.energy([backend.asarray(x) for x in states]))
        np.testing.assert_allclose(found, tiny.energies(v, h)[:, i], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
def test_pass_up(backend, ref, form, sizes):
    """What words say counts twice, with the bias that they bring, but into the top layer once."""
    tiny, v = ref.make_word_dbm(sizes), ref.some_documents(sizes[0], LENGTHS)
    dbm = tiny.dbm(backend)
    found, n_steps = mean_field(dbm, ref.put_counts(backend, v, form), max_steps=0)
    assert n_steps == 0
    x = expit(2 * (v @ tiny.weights[0] + v.sum(axis=1)[:, None] * tiny.biases[1]))
    for i, mean in enumerate(_host(backend, found), start=1):
        if i > 1:
            factor = 1 if i == len(sizes) - 1 else 2
            x = expit(factor * x @ tiny.weights[i - 1] + tiny.biases[i])
        np.testing.assert_allclose(mean, x, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", SIZES)
def test_means_are_a_fixed_point(backend, ref, form, sizes, dtype):
    tiny, v = ref.make_word_dbm(sizes), ref.some_documents(sizes[0], [*LENGTHS, 40])
    counts = ref.put_counts(backend, v, form, dtype)
    found = word_means(tiny.dbm(backend, dtype), counts, 1e-7, 1000)
    assert all(str(mean.dtype).endswith(np.dtype(dtype).name) for mean in found)
    q = [v, *_host(backend, found)]
    for i in range(1, len(sizes)):
        bias = tiny.biases[i] * (v.sum(axis=1)[:, None] if i == 1 else 1)
        a = q[i - 1] @ tiny.weights[i - 1] + bias
        if i + 1 < len(sizes):
            a = a + q[i + 1] @ tiny.weights[i].T
        np.testing.assert_allclose(q[i], expit(a), atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_bound(backend, ref, form, sizes):
    """That of the means, and below the log-likelihood."""
    tiny, v = ref.make_word_dbm(sizes), ref.some_documents(sizes[0], LENGTHS)
    dbm, counts = tiny.dbm(backend), ref.put_counts(backend, v, form)
    q = _host(backend, word_means(dbm, counts, 1e-12, 1000))
    bound = backend.to_host(word_bounds(dbm, counts, 1e-12, 1000))
    np.testing.assert_allclose(bound, tiny.bounds(v, q), rtol=1e-8)
    gap = tiny.log_sums(v) - bound
    assert (gap > 0).all()
    assert gap.max() < 0.5
    # the bound of a length's sequences leaves out some of their probability
    every = tiny.sequences(2)
    bound = backend.to_host(word_bounds(dbm, ref.put_counts(backend, every, form)))
    assert logsumexp(bound - tiny.log_z(2)) < 0


def test_documents_without_words_are_uninformed(backend, ref, form):
    tiny, v = ref.make_word_dbm(), np.array([[0.0, 0, 0], [1, 0, 1]])
    found = _host(backend, word_means(tiny.dbm(backend), ref.put_counts(backend, v, form)))
    alone = word_means(tiny.dbm(backend), ref.put_counts(backend, v[1:], form))
    for mean, other in zip(found, _host(backend, alone), strict=True):
        np.testing.assert_array_equal(mean[0], 0.5)
        np.testing.assert_allclose(mean[1:], other, rtol=1e-12)


def test_down_from_the_top(backend, ref):
    """Mean field of all layers below it, the words included."""
    tiny = ref.make_word_dbm((4, 2, 3, 2))
    top = np.array([[0.2, 0.9], [1.0, 0.0]])
    found = document_means(tiny.dbm(backend), backend.asarray(top), 5)
    h2, h1, v = _host(backend, found)
    np.testing.assert_allclose(v.sum(axis=1), 5, rtol=1e-10)
    a = h1 @ tiny.weights[0].T + tiny.biases[0]
    np.testing.assert_allclose(v, 5 * np.exp(a - logsumexp(a, axis=1)[:, None]), rtol=1e-4)
    a = v @ tiny.weights[0] + 5 * tiny.biases[1] + h2 @ tiny.weights[1].T
    np.testing.assert_allclose(h1, expit(a), atol=1e-4)
    a = h1 @ tiny.weights[1] + top @ tiny.weights[2].T + tiny.biases[2]
    np.testing.assert_allclose(h2, expit(a), atol=1e-4)
