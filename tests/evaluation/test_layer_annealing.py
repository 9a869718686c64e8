"""Partition functions of machines of documents: by enumeration, on the way up and down."""

from collections import OrderedDict

import numpy as np
import pytest

from skdeepbm.evaluation import layer_annealing, partition, word_partition
from skdeepbm.evaluation.layer_annealing import ascend_layers, descend_layers, plan_above
from skdeepbm.evaluation.word_partition import (
    estimated_word_partition,
    exact_word_partition,
    reverse_word_partition,
)

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
LENGTHS = [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(partition, "_remembered", OrderedDict())


def _stream(backend, seed=0):
    return backend.stream(np.random.SeedSequence(seed))


@pytest.mark.parametrize("sizes", SIZES)
def test_exact_partition(backend, ref, sizes, monkeypatch):
    tiny = ref.make_word_dbm(sizes)
    monkeypatch.setattr(word_partition, "_CHUNK", 30)
    found = exact_word_partition(tiny.dbm(backend), np.array([3.0, 0.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [tiny.log_z(n) for n in (3, 0, 1, 2)], rtol=1e-11)


def test_exact_partition_is_of_the_parameters(plain, ref):
    tiny = ref.make_word_dbm()
    found = [exact_word_partition(tiny.dbm(plain), np.array([2.0]))]
    for name, value in tiny.parameters().items():
        other = tiny.with_parameters(**{name: value + 0.1})
        found.append(exact_word_partition(other.dbm(plain), np.array([2.0])))
        assert found[-1] == pytest.approx(other.log_z(2), rel=1e-10)
    assert len({float(x[0]) for x in found}) == len(found)


def test_too_many_units(plain, ref):
    dbm = ref.make_word_dbm((3, 15, 2, 6)).dbm(plain)
    with pytest.raises(ValueError, match="at most 20 hidden units .* there are 21"):
        exact_word_partition(dbm, np.array([2.0]))


@pytest.mark.parametrize("sizes", SIZES)
def test_all_lengths_from_one_anneal(backend, ref, sizes, monkeypatch):
    monkeypatch.setattr(layer_annealing, "_TEMPERATURES", 30)
    tiny, longest = ref.make_word_dbm(sizes, std=1.2), 10
    dbm = tiny.dbm(backend)
    curve = ascend_layers(dbm, longest, 200, 6, _stream(backend))
    exact = exact_word_partition(dbm, curve.n_words)
    assert curve.n_words[0] == 0
    assert curve.n_words[-1] >= longest
    np.testing.assert_allclose(curve.value, exact, atol=0.25)
    # what the weights say of their own error is to be trusted
    z = (np.exp(curve.value - exact) - 1) / ((np.exp(curve.upper - curve.value) - 1) / 3)
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("sizes", SIZES)
def test_estimates_with_many_runs(compiled, ref, sizes):
    """Within 0.05 nats, in both directions."""
    tiny, lengths = ref.make_word_dbm(sizes), np.array(LENGTHS)
    exact = np.array([tiny.log_z(n) for n in LENGTHS])
    dbm, seed = tiny.dbm(compiled, np.float32), np.random.SeedSequence(1)
    found = estimated_word_partition(dbm, lengths, 1000, 100, seed)
    np.testing.assert_allclose(found.value, exact, atol=0.05)
    assert (found.lower < found.value).all()
    assert (found.value < found.upper).all()
    v, rows = ref.some_documents(3, np.repeat(LENGTHS, 250)), np.repeat(LENGTHS, 250)
    v = v.astype(np.float32)
    log_z = reverse_word_partition(dbm, v, rows, rows, 100, seed)
    for n, value in zip(LENGTHS, exact, strict=True):
        own = log_z[rows == n]
        assert -np.log(np.mean(np.exp(-own))) == pytest.approx(value, abs=0.05)


def test_single_runs_down_are_high_on_average(compiled, ref, rng):
    tiny, n = ref.make_word_dbm((3, 2, 3, 2), std=1.5), 400
    dbm, n_words = tiny.dbm(compiled), np.repeat([1, 3], n)
    odd = [np.concatenate(tiny.draws(k, n, rng)[1][::2], axis=1) for k in (1, 3)]
    stream = _stream(compiled)
    way = plan_above(dbm, 100, stream)
    log_z = descend_layers(dbm, np.concatenate(odd), n_words, 3, way, stream)
    for k in (1, 3):
        own = log_z[n_words == k]
        assert own.mean() > tiny.log_z(k)
        weights = np.exp(tiny.log_z(k) - own)
        assert weights.mean() == pytest.approx(1.0, abs=4.5 * weights.std() / np.sqrt(n))
