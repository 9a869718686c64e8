"""Annealed importance sampling of deep Boltzmann machines against enumeration."""

import numpy as np
import pytest

from skdeepbm.evaluation.ais import anneal, draw_base, forward_estimate, plan
from skdeepbm.evaluation.dbm_annealing import annealed_side, side_states
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.evaluation.partition import estimated_log_partition
from skdeepbm.models.tempering import log_base_partition


def _stream(backend, seed=0):
    return backend.stream(np.random.SeedSequence(seed))


@pytest.mark.parametrize("std", [0.1, 1.0])
@pytest.mark.parametrize(
    ("sizes", "visible"),
    [
        ((12, 8, 10), "bernoulli"),
        ((6, 8, 10), "gaussian"),
        ((6, 8, 10), "softmax"),
        ((4, 12, 6), "bernoulli"),
        ((10, 6, 8, 6), "bernoulli"),
    ],
)
def test_estimate(compiled, ref, sizes, visible, std):
    tiny = ref.make_dbm(sizes, visible, std=std)
    expected = exact_log_partition(annealed_side(tiny.dbm(compiled)))
    model, stream = annealed_side(tiny.dbm(compiled, np.float32)), _stream(compiled)
    found = forward_estimate(model, plan(model, 100, "auto", stream), None, stream)
    assert abs(found.value - expected) < 0.05
    assert found.lower < expected < found.upper


@pytest.mark.parametrize("sizes", [(12, 8, 10), (10, 6, 8, 6)])
def test_strong_weights_lie_between_both_estimates(compiled, ref, sizes):
    tiny = ref.make_dbm(sizes, std=1.0, seed=1)
    expected = exact_log_partition(annealed_side(tiny.dbm(compiled)))
    dbm = tiny.dbm(compiled, np.float32)
    model = annealed_side(dbm)
    v = ref.some_rows(tiny.layers[0], 200).astype(np.float32)
    rows = side_states(dbm, model, v, _stream(compiled, 1))
    found = estimated_log_partition(model, 200, 300, np.random.SeedSequence(3), rows)
    assert found.lower < expected < found.upper
    assert found.reverse > expected - 0.02
    assert abs(found.reverse - expected) < 0.2
    assert found.method == "ais"


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("sizes", [(3, 2, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("forwards", [True, False])
def test_mean_weight_is_unbiased(backend, ref, rng, visible, sizes, forwards):
    """Few stages, so that runs are far from equilibrium, and many runs (Jarzynski's equality)."""
    if visible == "gaussian":
        sizes = (1, *sizes[1:])
    tiny, n = ref.make_dbm(sizes, visible, std=1.0, seed=6), 10_000
    model = annealed_side(tiny.dbm(backend))
    base = backend.asarray(np.linspace(-0.4, 0.3, model.visible.size))
    log_ratio = tiny.log_z() - log_base_partition(model, base)
    betas, stream = np.linspace(0, 1, 6), _stream(backend)
    if forwards:
        v = draw_base(model, base, n, stream)
    else:
        betas, log_ratio = betas[::-1], -log_ratio
        start = tiny.draws(n, rng)
        start[0] = tiny.layers[0].draw(tiny.input(0, start), rng)
        v = backend.asarray(np.concatenate(start[model.first :: 2], axis=1))
    log_weights, _ = anneal(model, v, betas, base, stream)
    weights = np.exp(log_weights - log_ratio)
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(n)
    # that says something: runs differ, and a bias of a tenth would be seen
    assert 1e-3 < weights.std() / np.sqrt(n) < 1 / 40


def test_side_with_fewer_units(plain, ref):
    """Runs visit h1 of the usual shapes; the visible layer where h1 is wide."""
    sizes = {(9, 4, 6): 1, (3, 9, 4): 0, (5, 9, 4): 1, (5, 5, 5, 5): 1, (2, 4, 3, 4): 0}
    for each, first in sizes.items():
        model = annealed_side(ref.make_dbm(each).dbm(plain))
        assert model.first == first
        assert model.visible.size == sum(each[first::2])


@pytest.mark.parametrize("sizes", [(3, 2, 4), (2, 4, 1, 3)])
def test_states_to_burn_in_from(backend, ref, sizes):
    tiny = ref.make_dbm(sizes)
    dbm = tiny.dbm(backend)
    model = annealed_side(dbm)
    v = backend.asarray(ref.some_rows(tiny.layers[0], 6))
    found = backend.to_host(side_states(dbm, model, v, _stream(backend)))
    assert found.shape == (6, model.visible.size)
    assert set(np.unique(found)) == {0.0, 1.0}
