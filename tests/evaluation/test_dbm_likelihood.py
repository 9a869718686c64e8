"""Log Z, likelihoods and the bound of deep Boltzmann machines, against sums over all states."""

import numpy as np
import pytest

from skdeepbm.evaluation.dbm_likelihood import dbm_bound, exact_log_likelihood
from skdeepbm.evaluation.exact import enumerable_side, exact_log_partition
from skdeepbm.evaluation.partition import cached_log_partition
from skdeepbm.models.dbm import folded
from skdeepbm.models.mean_field import mean_field, mean_field_inputs, variational_bound

# the odd or the even hidden layers have fewer states
SIZES = [(3, 2, 4), (3, 4, 2), (2, 3, 2, 2), (2, 2, 3, 1, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]


def _make(ref, sizes, visible="bernoulli", **options):
    if visible == "gaussian":
        sizes = (1, *sizes[1:])
    return ref.make_dbm(sizes, visible, **options)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_log_partition(backend, ref, sizes, visible, hidden):
    tiny = _make(ref, sizes, visible, hidden=hidden)
    for first in (0, 1):
        model = folded(tiny.dbm(backend), first)
        if visible == "gaussian":
            assert enumerable_side(model) == ("hidden" if first == 0 else "visible")
        assert exact_log_partition(model) == pytest.approx(tiny.log_z(), rel=1e-10)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_log_likelihood(backend, ref, sizes, visible, hidden):
    tiny = _make(ref, sizes, visible, hidden=hidden)
    v = ref.some_rows(tiny.layers[0], 4)
    found = exact_log_likelihood(tiny.dbm(backend), backend.asarray(v), tiny.log_z())
    np.testing.assert_allclose(backend.to_host(found), tiny.log_likelihoods(v), rtol=1e-9)


@pytest.mark.parametrize("sizes", SIZES)
def test_probabilities_add_up_to_one(plain, ref, sizes):
    tiny = ref.make_dbm(sizes)
    dbm = tiny.dbm(plain)
    log_z = exact_log_partition(folded(dbm, 0))
    found = exact_log_likelihood(dbm, tiny.layers[0].states()[0], log_z)
    assert np.exp(found).sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("sizes", [(3, 2, 4), (3, 4, 2)])
def test_states_are_streamed(plain, ref, monkeypatch, sizes):
    tiny = ref.make_dbm(sizes)
    v, dbm = ref.some_rows(tiny.layers[0], 3), tiny.dbm(plain)
    whole = exact_log_likelihood(dbm, v, 0.0)
    streamed = []

    def in_threes(units, width):
        for start in range(0, units.n_states, 3):
            streamed.append(start)
            yield units.states(start, min(start + 3, units.n_states), np.float64)

    monkeypatch.setattr("skdeepbm.evaluation.dbm_likelihood.streamed_states", in_threes)
    np.testing.assert_allclose(exact_log_likelihood(dbm, v, 0.0), whole, rtol=1e-12)
    assert streamed == [0, 3]


def test_too_many_states(plain, ref):
    dbm = ref.make_dbm((30, 21, 22)).dbm(plain)
    with pytest.raises(ValueError, match=r"layers of 30, 21 and 22 units"):
        exact_log_likelihood(dbm, np.zeros((1, 30)), 0.0)
    with pytest.raises(ValueError, match=r"layers of 30, 21 and 22 units"):
        exact_log_partition(folded(dbm, 0))


def test_remembered_for_its_parameters(plain, ref):
    """A change of any array is noticed."""
    tiny = ref.make_dbm((3, 2, 3))
    dbm = tiny.dbm(plain)
    arrays = [*dbm.weights, *(units.bias for units in dbm.layers)]
    seen = [cached_log_partition(folded(dbm, 1)).value]
    assert seen[0] == pytest.approx(tiny.log_z(), rel=1e-12)
    for array in arrays:
        array += 0.1
        seen.append(cached_log_partition(folded(dbm, 1)).value)
        assert seen[-1] == exact_log_partition(folded(dbm, 1))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("std", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_bound_is_below_the_likelihood(backend, ref, sizes, visible, std):
    tiny = _make(ref, sizes, visible, std=std, seed=1)
    v = ref.some_rows(tiny.layers[0], 6)
    found = dbm_bound(tiny.dbm(backend), backend.asarray(v), tiny.log_z(), 1e-12, 1000)
    gap = tiny.log_likelihoods(v) - backend.to_host(found)
    assert np.all(gap > -1e-10)
    # a distribution q, and the right one: the best that mean field finds is not far
    assert gap.max() < {0.1: 0.01, 1.0: 0.8, 3.0: 4.0}[std]
    means, _ = mean_field(tiny.dbm(backend), backend.asarray(v), 1e-12, 1000)
    expected = tiny.bounds(v, [backend.to_host(mean) for mean in means])
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-8)


@pytest.mark.parametrize("sizes", SIZES)
def test_bound_is_tight_without_upper_weights(backend, ref, sizes):
    tiny = ref.make_dbm(sizes)
    tiny.weights[1:] = [0 * w for w in tiny.weights[1:]]
    v = ref.some_rows(tiny.layers[0], 5)
    found = dbm_bound(tiny.dbm(backend), backend.asarray(v), tiny.log_z())
    np.testing.assert_allclose(backend.to_host(found), tiny.log_likelihoods(v), rtol=1e-10)


@pytest.mark.parametrize("n_steps", [0, 1, 3])
def test_bound_after_few_steps(backend, ref, n_steps):
    """It is that of the q it was computed from: the last odd layers made once more."""
    tiny = ref.make_dbm((3, 2, 3, 2), std=2.0)
    v = ref.some_rows(tiny.layers[0], 5)
    dbm, put = tiny.dbm(backend), backend.asarray(v)
    found = backend.to_host(dbm_bound(dbm, put, tiny.log_z(), 0.0, n_steps))
    means, _ = mean_field(dbm, put, 0.0, n_steps)
    inputs = mean_field_inputs(dbm, put, means)
    q = [layer.mean(backend.to_host(a)) for layer, a in zip(tiny.layers[1:], inputs, strict=True)]
    np.testing.assert_allclose(found, tiny.bounds(v, q), rtol=1e-9)
    if n_steps:
        before = tiny.bounds(v, [backend.to_host(mean) for mean in means])
        assert np.all(found > before - 1e-12)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-2])
def test_a_row_does_not_depend_on_the_others(backend, ref, tolerance):
    tiny = ref.make_dbm((3, 2, 3), std=2.0)
    v = ref.some_rows(tiny.layers[0], 7)
    dbm, put = tiny.dbm(backend), backend.asarray(v)
    whole = backend.to_host(dbm_bound(dbm, put, 0.3, tolerance, 1000))
    alone = [
        backend.to_host(dbm_bound(dbm, put[i : i + 1, :], 0.3, tolerance, 1000)) for i in range(7)
    ]
    np.testing.assert_allclose(np.concatenate(alone), whole, rtol=1e-12)


def test_inputs_of_another_model_are_a_bound_too(plain, ref):
    """Whatever q is, nothing is above the likelihood."""
    tiny, other = ref.make_dbm(std=1.5), ref.make_dbm(seed=4)
    v, dbm = tiny.layers[0].states()[0], tiny.dbm(plain)
    means, _ = mean_field(other.dbm(plain), v)
    inputs = mean_field_inputs(other.dbm(plain), v, means)
    gap = tiny.log_likelihoods(v) - (variational_bound(dbm, v, inputs) - tiny.log_z())
    assert np.all(gap > 0.01)
