"""Partition functions of all lengths: by enumeration, on the way up and on the way down."""

from collections import OrderedDict
from dataclasses import fields

import numpy as np
import pytest

from skdeepbm.evaluation import partition, word_partition
from skdeepbm.evaluation.length_annealing import LengthCurve, ascend, descend, stages
from skdeepbm.evaluation.word_partition import (
    estimated_word_partition,
    exact_word_partition,
    reverse_word_partition,
)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(partition, "_remembered", OrderedDict())


def _stream(backend, seed=0):
    return backend.stream(np.random.SeedSequence(seed))


def _model(ref, std, seed=0):
    return ref.make_words(n_vocabulary=10, n_hidden=6, std=std, seed=seed)


def _exact(tiny, lengths):
    return np.array([tiny.log_z(n_words) for n_words in lengths])


# -- by enumeration -------------------------------------------------------------------------


def test_exact_partition(backend, ref):
    tiny, lengths = _model(ref, 1.0), np.array([7.0, 0.0, 0.3, 1.0, 2.5, 1e4])
    found = exact_word_partition(tiny.model(backend), lengths)
    np.testing.assert_allclose(found, _exact(tiny, lengths), rtol=1e-12)


def test_exact_partition_in_pieces(backend, ref, monkeypatch):
    tiny, sizes = _model(ref, 1.0), []
    model = tiny.model(backend)
    words = type(model).words

    def watched(model, h):
        sizes.append(int(h.shape[0]))
        return words(model, h)

    monkeypatch.setattr(type(model), "words", watched)
    monkeypatch.setattr(word_partition, "_CHUNK", 30 * (10 + 6))
    found = exact_word_partition(model, np.array([1, 6]))
    np.testing.assert_allclose(found, _exact(tiny, [1, 6]), rtol=1e-12)
    assert sizes == [30, 30, 4]
    # other lengths need no other pass
    found = exact_word_partition(model, np.array([3]))
    np.testing.assert_allclose(found, _exact(tiny, [3]), rtol=1e-12)
    assert sizes == [30, 30, 4]


@pytest.mark.parametrize("name", ["weights", "visible_bias", "hidden_bias"])
def test_changed_parameters_are_noticed(plain, ref, name):
    tiny, lengths = _model(ref, 1.0), np.array([3])
    exact_word_partition(tiny.model(plain), lengths)
    moved = tiny.with_parameters(**{name: tiny.parameters()[name] + 0.1})
    found = exact_word_partition(moved.model(plain), lengths)
    np.testing.assert_allclose(found, _exact(moved, [3]), rtol=1e-12)


def test_too_many_states_to_enumerate(plain, ref):
    with pytest.raises(ValueError, match="at most 20 hidden units.* there are 21"):
        exact_word_partition(ref.make_words(n_hidden=21).model(plain), np.array([3]))


# -- stages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("longest", [1, 2, 7, 100])
@pytest.mark.parametrize("per_fold", [1, 3, 20, 200])
def test_stages(longest, per_fold):
    """Each begins where the last one ended; it lies within a word or adds whole ones."""
    found, end = list(stages(longest, per_fold)), 0.0
    for n, old, new in found:
        assert n + old == pytest.approx(end, abs=1e-12)
        # evenly spaced in the log of the length, or closer
        assert 0 < np.log((n + new + 1) / (n + old + 1)) <= 1 / per_fold + 1e-12
        assert n + old < longest
        assert 0 <= old < new
        assert new <= 1 or (old == 0 and new == int(new))
        end = n + new
    assert longest <= end
    # the steps of a word, and the last one, may be closer than they need to be
    assert len(found) < 2 * per_fold * np.log(longest + 1) + longest + 1
    assert list(stages(longest + 30, per_fold))[: len(found)] == found


def test_no_stages():
    assert list(stages(0, 5)) == []


# -- upwards --------------------------------------------------------------------------------


@pytest.mark.parametrize("std", [0.1, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_ascent(compiled, ref, std, seed):
    tiny = _model(ref, std, seed)
    found = ascend(tiny.model(compiled, np.float32), 30, 1000, 200, _stream(compiled))
    expected = _exact(tiny, range(31))
    np.testing.assert_array_equal(found.n_words, np.arange(31))
    assert np.abs(found.value - expected).max() < 0.05
    assert np.all(found.lower[1:] < found.value[1:])
    assert np.all(found.value[1:] < found.upper[1:])
    assert np.all(found.effective_sample_size <= 1000 * (1 + 1e-12))
    assert found.effective_sample_size.min() > 500
    assert (found.n_runs, found.n_stages) == (1000, len(list(stages(30, 200))))
    start = [getattr(found, name)[0] for name in ("value", "lower", "upper")]
    assert start == pytest.approx([6 * np.log(2)] * 3)


@pytest.mark.parametrize("per_fold", [1, 3, 5])
def test_mean_weight_of_the_ascent_is_unbiased(backend, ref, per_fold):
    """Few stages, so that runs are far from equilibrium, and many runs (Jarzynski's equality)."""
    tiny = ref.make_words(n_hidden=3, std=1.2, seed=3)
    found = ascend(tiny.model(backend), 7, 8000, per_fold, _stream(backend))
    ratio = np.exp(found.value - _exact(tiny, found.n_words))[1:]
    error = (np.exp(found.upper - found.value)[1:] - 1) / 3 * ratio
    assert np.all(np.abs(ratio - 1) < 4 * error)
    # that says something: runs differ, and a bias of a tenth would be seen
    assert 1e-3 < error[-1] < 1 / 40


@pytest.mark.parametrize("per_fold", [1, 4, 40])
def test_ascent_begins_with_a_shorter_one(backend, ref, per_fold):
    """Estimates of a length do not depend on how much longer the anneal goes on."""
    model, found = _model(ref, 1.0).model(backend, np.float32), []
    for longest in (3, 12):
        found.append(ascend(model, longest, 20, per_fold, _stream(backend)))
    short, long = found
    assert 3 <= short.n_words[-1] < 12 <= long.n_words[-1]
    for name in ("n_words", "value", "lower", "upper", "effective_sample_size"):
        one, other = getattr(short, name), getattr(long, name)
        np.testing.assert_array_equal(other[: one.size], one, err_msg=name)


@pytest.mark.parametrize("per_fold", [1, 6])
def test_backends_ascend_alike(same_stream_backend, plain, ref, per_fold):
    tiny = _model(ref, 1.0)
    one, other, another = (
        ascend(tiny.model(backend), 9, 30, per_fold, _stream(backend, seed))
        for backend, seed in ((plain, 0), (same_stream_backend, 0), (plain, 1))
    )
    for field in fields(LengthCurve):
        a, b = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_allclose(a, b, rtol=1e-9, err_msg=field.name)
    assert not np.allclose(one.value[1:], another.value[1:], rtol=1e-9)


def test_between_lengths(plain, ref):
    """Long steps leave lengths out, where log Z is interpolated."""
    curve = ascend(_model(ref, 1.0).model(plain), 20, 10, 2, _stream(plain))
    n_words, value = curve.n_words, curve.value
    i = int(np.argmax(np.diff(n_words) > 1))
    n, gap = n_words[i], n_words[i + 1] - n_words[i]
    assert gap > 1
    np.testing.assert_array_equal(curve.at(n_words), value)
    np.testing.assert_array_equal(curve.at(n_words[::-1], "lower"), curve.lower[::-1])
    expected = value[i] + (value[i + 1] - value[i]) / gap
    assert curve.at(n + 1) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(curve.at(np.array([0.5])), (value[0] + value[1]) / 2, rtol=1e-13)


# -- downwards ------------------------------------------------------------------------------


def _descent(tiny, backend, lengths, n, per_fold, rng, dtype=np.float64):
    """Runs from exact hidden states, in no order of the lengths; estimates of each length."""
    n_words = rng.permutation(np.repeat(lengths, n))
    h = np.empty((n_words.size, tiny.hidden_bias.size), dtype=dtype)
    for length in lengths:
        h[n_words == length] = tiny.draw_hidden(length, n, rng)
    start = backend.asarray(h.copy())
    log_z = descend(tiny.model(backend, dtype), start, n_words, per_fold, _stream(backend))
    np.testing.assert_array_equal(backend.to_host(start), h)
    return [log_z[n_words == length] for length in lengths]


@pytest.mark.parametrize("per_fold", [2, 5])
def test_mean_weight_of_the_descent_is_unbiased(backend, ref, rng, per_fold):
    tiny, lengths = ref.make_words(n_hidden=3, std=0.6, seed=3), [1, 2, 4, 7]
    found = _descent(tiny, backend, lengths, 6000, per_fold, rng)
    for log_z, expected in zip(found, _exact(tiny, lengths), strict=True):
        weights = np.exp(expected - log_z)
        assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(6000)
        # single runs are high on average
        assert log_z.mean() > expected - 3 * log_z.std() / np.sqrt(6000)
    assert 1e-3 < weights.std() / np.sqrt(6000) < 1 / 40


@pytest.mark.parametrize("std", [0.1, 1.0])
def test_descent(compiled, ref, rng, std):
    tiny, lengths = _model(ref, std), [30, 1, 8]
    found = _descent(tiny, compiled, lengths, 400, 200, rng, np.float32)
    for log_z, expected in zip(found, _exact(tiny, lengths), strict=True):
        top = log_z.min()
        assert abs(top - np.log(np.mean(np.exp(top - log_z))) - expected) < 0.05
        error = log_z.std() / np.sqrt(400)
        assert -3 * error < log_z.mean() - expected < 0.1


@pytest.mark.parametrize("per_fold", [1, 6])
def test_backends_descend_alike(same_stream_backend, plain, ref, per_fold):
    tiny, n_words = _model(ref, 1.0), np.array([3, 9, 1, 9, 4])
    h = (np.random.default_rng(0).random((5, 6)) < 0.5).astype(float)
    found = [
        descend(tiny.model(backend), backend.asarray(h), n_words, per_fold, _stream(backend))
        for backend in (plain, same_stream_backend)
    ]
    np.testing.assert_allclose(*found, rtol=1e-9)


# -- together -------------------------------------------------------------------------------


def test_estimated_partition(backend, ref):
    model, seed = _model(ref, 1.0).model(backend, np.float32), np.random.SeedSequence(3)
    lengths = np.array([4.5, 0.0, 2.0])
    found = estimated_word_partition(model, lengths, 50, 6, seed)
    curve = ascend(model, 5, 50, 6, backend.stream(np.random.SeedSequence(3)))
    for name in ("value", "lower", "upper", "effective_sample_size"):
        np.testing.assert_array_equal(getattr(found, name), curve.at(lengths, name), err_msg=name)
    assert (found.method, found.reverse) == ("ais", None)
    assert (found.n_runs, found.n_temperatures) == (50, curve.n_stages)


def test_estimates_are_remembered(plain, ref, monkeypatch):
    """As long as they are of the same model, seed and numbers, and long enough."""
    made = []

    def watched(model, longest, *arguments):
        made.append(longest)
        return ascend(model, longest, *arguments)

    monkeypatch.setattr(word_partition, "ascend", watched)
    model, n_words = _model(ref, 1.0).model(plain), np.array([5])

    def estimate(model=model, n_words=n_words, n_runs=10, per_fold=2, seed=3):
        seed = np.random.SeedSequence(seed)
        return estimated_word_partition(model, n_words, n_runs, per_fold, seed).value[0]

    expected = estimate()
    assert estimate(n_words=np.array([5, 2])) == expected
    assert made == [5]
    estimate(n_words=np.array([20]))
    assert estimate() == expected
    assert made == [5, 20]
    changes = [{"n_runs": 11}, {"per_fold": 3}, {"seed": 4}]
    changes.append({"model": _model(ref, 0.9).model(plain)})
    assert all(estimate(**change) != expected for change in changes)
    assert made == [5, 20, 5, 5, 5, 5]


@pytest.mark.parametrize("size", [7, 1000])
def test_reverse_partition(compiled, ref, monkeypatch, size):
    """From documents of four words to other lengths, in pieces or at once."""
    tiny, n = _model(ref, 0.7), 30
    monkeypatch.setattr(word_partition, "_CHUNK", size * 10)
    v, n_words = ref.some_documents(10, np.full(3 * n, 4)), np.tile([1, 12, 5], n)
    model, seed = tiny.model(compiled, np.float32), np.random.SeedSequence(1)
    counts, lengths = ref.put_counts(compiled, v, "csr", np.float32), model.lengths(v.sum(axis=1))
    log_z = reverse_word_partition(model, counts, lengths, n_words, 100, seed)
    for length in (1, 12, 5):
        error = log_z[n_words == length] - tiny.log_z(length)
        assert np.abs(error).max() < 1
        assert abs(error.mean()) < 0.2


def test_reverse_partition_starts_at_the_model(plain, ref, monkeypatch):
    """From documents of a word that the model hardly ever uses, Gibbs steps lead to its own."""
    tiny = ref.TinyWords(np.array([[4.0], [0.0]]), np.array([0.0, 5.0]), np.zeros(1))
    seen = []

    def watched(model, h, *arguments):
        seen.append(np.array(h))
        return descend(model, h, *arguments)

    monkeypatch.setattr(word_partition, "descend", watched)
    model, v = tiny.model(plain), np.tile([[9.0, 0.0]], (2000, 1))
    n_words = np.full(2000, 2)
    reverse_word_partition(model, v, model.lengths(v.sum(1)), n_words, 1, np.random.SeedSequence(0))
    (h,) = seen
    assert ref.within_error(h, tiny.moments(2)[1])
