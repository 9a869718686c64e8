"""Hidden words against sums over all their sequences."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp, softmax, xlogy

from skdeepbm.models.over_replicated import OverReplicatedSoftmax

LENGTHS = [1, 2, 3, 5, 40]


@pytest.fixture(params=["dense", "csr"])
def form(request):
    return request.param


def _documents(ref):
    """Documents of several lengths, one of them with fractional counts."""
    v = ref.some_documents(3, LENGTHS)
    return np.concatenate([v, [[0.5, 1.25, 0.0]]])


def _put(ref, backend, tiny, n_hidden_words, v, form="dense", dtype=np.float64, **options):
    """The model, counts and their lengths on a backend."""
    model = OverReplicatedSoftmax(tiny.model(backend, dtype), n_hidden_words, **options)
    return model, ref.put_counts(backend, v, form, dtype), model.lengths(v.sum(axis=1))


def _exact(tiny, v, n_hidden_words):
    """``log p*(v)``: the weights of documents completed by every sequence of hidden words."""
    u = tiny.sequences(n_hidden_words)
    return logsumexp([-tiny.free_energy(v + words) for words in u], axis=0)


def _bound(tiny, v, n_hidden_words, h):
    """``E_q[-E] + H(q)`` as it is written, with the best distribution of hidden words."""
    p = softmax(tiny.visible_bias + h @ tiny.weights.T, axis=1)
    words = v + n_hidden_words * p
    total = (words * (tiny.visible_bias + h @ tiny.weights.T)).sum(axis=1)
    total += words.sum(axis=1) * (h @ tiny.hidden_bias)
    total -= (xlogy(h, h) + xlogy(1 - h, 1 - h)).sum(axis=1)
    return total - n_hidden_words * xlogy(p, p).sum(axis=1)


@pytest.mark.parametrize("n_hidden_words", [1, 3])
@pytest.mark.parametrize("n_words", [0, 1, 3])
def test_sequences_sum_to_one(backend, ref, form, n_words, n_hidden_words):
    """With the partition function of a document of all words."""
    tiny = ref.make_words()
    v, h = tiny.sequences(n_words), tiny.hidden_states()
    model, counts, lengths = _put(ref, backend, tiny, n_hidden_words, v, form)
    minus_energy = []
    for state in h:
        rows = backend.asarray(np.tile(state, (len(v), 1)))
        minus_energy.append(-backend.to_host(model.energy(counts, lengths, rows)))
    log_p = logsumexp(minus_energy, axis=0)
    np.testing.assert_allclose(log_p, _exact(tiny, v, n_hidden_words), rtol=1e-11)
    assert logsumexp(log_p) == pytest.approx(tiny.log_z(n_words + n_hidden_words), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_hidden_words", [1, 3, 30])
def test_fixed_point(backend, ref, form, n_hidden_words, dtype):
    tiny, v = ref.make_words(), _documents(ref)
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    options = {"tolerance": tolerance, "max_steps": 1000, "dtype": dtype}
    model, counts, lengths = _put(ref, backend, tiny, n_hidden_words, v, form, **options)
    found = backend.to_host(model.hidden_mean(counts, lengths))
    assert found.dtype == dtype
    h = found.astype(np.float64)
    p = softmax(tiny.visible_bias + h @ tiny.weights.T, axis=1)
    words = v + n_hidden_words * p
    again = expit(words @ tiny.weights + words.sum(axis=1)[:, None] * tiny.hidden_bias)
    np.testing.assert_allclose(h, again, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_pass_up(backend, ref, form):
    """Weights count ``1 + M / D`` times: the hidden words are like the visible ones."""
    tiny, v = ref.make_words(), _documents(ref)
    model, counts, lengths = _put(ref, backend, tiny, 7, v, form, max_steps=0)
    filled = v * (1 + 7 / v.sum(axis=1, keepdims=True))
    expected = tiny.hidden_mean(filled)
    np.testing.assert_allclose(
        backend.to_host(model.hidden_mean(counts, lengths)), expected, rtol=1e-10
    )
    from_data, _ = model.pass_up(counts, lengths)
    x = v @ tiny.weights + (v.sum(axis=1)[:, None] + 7) * tiny.hidden_bias
    np.testing.assert_allclose(backend.to_host(from_data), x, rtol=1e-10)


def test_hidden_words(backend, ref):
    tiny, h = ref.make_words(), ref.make_words().hidden_states()
    model = OverReplicatedSoftmax(tiny.model(backend), 9)
    found = backend.to_host(model.hidden_words(backend.asarray(h)))
    np.testing.assert_allclose(found, 9 * tiny.word_probabilities(h), rtol=1e-12)


@pytest.mark.parametrize("n_hidden_words", [1, 3])
def test_bound(backend, ref, rng, form, n_hidden_words):
    """Entropies of both layers included, for any q; below the sum over all sequences."""
    tiny, v = ref.make_words(), ref.some_documents(3, LENGTHS)
    model, counts, lengths = _put(ref, backend, tiny, n_hidden_words, v, form)
    exact, best = _exact(tiny, v, n_hidden_words), -np.inf
    # also at certainty
    for h in (rng.uniform(size=(5, 4)), rng.integers(0, 2, (5, 4)) * 1.0):
        found = model.variational_free_energy(counts, lengths, backend.asarray(h))
        expected = _bound(tiny, v, n_hidden_words, h)
        np.testing.assert_allclose(-backend.to_host(found), expected, rtol=1e-10)
        best = np.maximum(best, expected)
    bound = -backend.to_host(model.free_energy(counts, lengths))
    assert np.all(best < bound)
    assert np.all(bound < exact)
    assert np.all(exact - bound < 0.5)


def test_bound_never_falls_and_ends_at_a_maximum(plain, ref):
    tiny, v = ref.make_words(std=1.5), ref.some_documents(3, LENGTHS)

    def bound(n_steps):
        options = {"tolerance": 0.0, "max_steps": n_steps}
        model, counts, lengths = _put(ref, plain, tiny, 20, v, **options)
        h = model.hidden_mean(counts, lengths)
        return h, -model.variational_free_energy(counts, lengths, h)

    bounds = np.array([bound(n)[1] for n in range(8)])
    assert np.all(np.diff(bounds, axis=0) > -1e-11)
    assert np.any(bounds[-1] > bounds[0] + 0.01)
    h, best = bound(500)
    for j in range(4):
        for step in (-1e-3, 1e-3):
            moved = h.copy()
            moved[:, j] = np.clip(h[:, j] + step, 0, 1)
            assert np.all(_bound(tiny, v, 20, moved) <= best + 1e-12)


def test_every_document_settles_for_itself(backend, ref):
    tiny, v = ref.make_words(std=1.2), ref.some_documents(3, [1, 3, 0, 9, 2, 30])
    model, counts, lengths = _put(ref, backend, tiny, 15, v, tolerance=1e-3)
    found = backend.to_host(model.hidden_mean(counts, lengths))
    for i, row in enumerate(v):
        model, counts, lengths = _put(ref, backend, tiny, 15, row[None], tolerance=1e-3)
        alone = backend.to_host(model.hidden_mean(counts, lengths))[0]
        np.testing.assert_allclose(found[i], alone, rtol=1e-9)
    np.testing.assert_array_equal(found[2], 0.5)


def test_without_hidden_words(backend, ref, form):
    """A single step, and nothing is approximate."""
    tiny, v = ref.make_words(), _documents(ref)
    model, counts, lengths = _put(ref, backend, tiny, 0, v, form)
    found = backend.to_host(model.hidden_mean(counts, lengths))
    np.testing.assert_allclose(found, tiny.hidden_mean(v), rtol=1e-10)
    free_energy = backend.to_host(model.free_energy(counts, lengths))
    np.testing.assert_allclose(free_energy, tiny.free_energy(v), rtol=1e-10)
    assert model.whole.whole is model.whole
    assert model.whole.n_hidden_words == 0


@pytest.mark.parametrize("n_words", [0, 2])
def test_gradient_of_the_exact_log_likelihood(plain, ref, n_words):
    """Documents completed by hidden words drawn from their posterior are data of ``whole``."""
    tiny, (v,) = ref.make_words(), ref.some_documents(3, [n_words])
    u = tiny.sequences(2)
    model = tiny.model(plain)
    lengths = model.lengths((v + u).sum(axis=1))
    weights = softmax(-model.free_energy(v + u, lengths))
    h = model.hidden_mean(v + u, lengths)
    positive = {
        "weights": ((v + u) * weights[:, None]).T @ h,
        "visible_bias": weights @ (v + u),
        "hidden_bias": (n_words + 2) * (weights @ h),
    }
    mean_v, mean_h, mean_vh = tiny.moments(n_words + 2)
    negative = {"weights": mean_vh, "visible_bias": mean_v, "hidden_bias": (n_words + 2) * mean_h}
    for name in positive:
        numerical = tiny.numerical_gradient(
            lambda moved: float(_exact(moved, v[None], 2)[0] - moved.log_z(n_words + 2)), name
        )
        np.testing.assert_allclose(
            positive[name] - negative[name], numerical, rtol=1e-6, atol=1e-8, err_msg=name
        )
