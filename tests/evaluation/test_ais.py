"""Annealed importance sampling against partition functions by enumeration."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skdeepbm.backends import numpy_backend as numpy_backend_module
from skdeepbm.evaluation.ais import (
    Plan,
    anneal,
    draw_base,
    forward_estimate,
    log_mean_weight,
    plan,
    reverse_estimate,
)
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.models.tempering import log_base_partition

PAIRS = [
    ("bernoulli", "bernoulli"),
    ("gaussian", "bernoulli"),
    ("softmax", "bernoulli"),
    ("bernoulli", "softmax"),
]


def _stream(backend, seed=0):
    return backend.stream(np.random.SeedSequence(seed))


def _model(ref, visible, hidden, std, n_visible=12, n_hidden=10, seed=0):
    n_visible = 6 if visible == "gaussian" else n_visible
    tiny = ref.make_tiny(visible, hidden, seed=seed, n_visible=n_visible, n_hidden=n_hidden)
    if visible == "softmax":
        tiny.visible.groups = (3, 4, 5)
    shape = (n_visible, n_hidden)
    return tiny.with_parameters(weights=np.random.default_rng(seed).normal(0, std, shape))


@pytest.fixture(params=["plain", "compiled"])
def numpy_backend(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("std", [0.1, 1.0])
@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_estimate(compiled, ref, visible, hidden, std):
    tiny = _model(ref, visible, hidden, std)
    expected = exact_log_partition(tiny.rbm(compiled))
    rbm, stream = tiny.rbm(compiled, np.float32), _stream(compiled)
    found = forward_estimate(rbm, plan(rbm, 100, "auto", stream), None, stream)
    assert abs(found.value - expected) < 0.05
    assert found.lower < found.value < found.upper
    assert 100 <= found.n_runs <= 2000
    assert 1000 <= found.n_temperatures <= 10_000
    assert 1 <= found.effective_sample_size <= found.n_runs * (1 + 1e-12)


def test_strong_weights_lie_between_both_estimates(compiled, ref, rng):
    tiny = _model(ref, "bernoulli", "bernoulli", 2.0)
    rbm, stream = tiny.rbm(compiled, np.float32), _stream(compiled)
    path = plan(rbm, 100, 1000, stream)
    forward = forward_estimate(rbm, path, 100, stream)
    states, p = tiny.visible_probabilities()
    v = states[rng.choice(len(states), size=100, p=p / p.sum())].astype(np.float32)
    backward = reverse_estimate(rbm, path, v, stream)
    assert forward.lower < tiny.log_z() < backward.upper
    assert backward.lower < backward.value < backward.upper
    assert abs(forward.value - tiny.log_z()) < 0.5
    assert abs(backward.value - tiny.log_z()) < 0.5


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax", "gaussian"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("forwards", [True, False])
def test_mean_weight_is_unbiased(backend, ref, rng, visible, hidden, forwards):
    """Few stages, so that runs are far from equilibrium, and many runs (Jarzynski's equality)."""
    if visible == hidden == "gaussian":
        pytest.skip("not normalisable for every choice of weights")
    tiny, n = ref.make_tiny(visible, hidden, seed=6), 20_000
    factor = 0.6 if "gaussian" in (visible, hidden) else 1.0
    rbm = (tiny := tiny.with_parameters(weights=factor * tiny.weights)).rbm(backend)
    base = backend.asarray(np.linspace(-0.4, 0.3, tiny.visible.bias.size))
    log_ratio = tiny.log_z() - log_base_partition(rbm, base)
    betas, stream = np.linspace(0, 1, 6), _stream(backend)
    if forwards:
        v = draw_base(rbm, base, n, stream)
    else:
        betas, log_ratio = betas[::-1], -log_ratio
        if hidden == "gaussian":
            states, p = tiny.visible_probabilities()
            v = states[rng.choice(len(states), size=n, p=p / p.sum())]
        else:
            states, p = tiny.hidden_probabilities()
            h = states[rng.choice(len(states), size=n, p=p / p.sum())]
            v = tiny.visible.draw(tiny.visible_input(h), rng)
        v = backend.asarray(v)
    before = np.array(backend.to_host(v))
    log_weights, after = anneal(rbm, v, betas, base, stream)
    weights = np.exp(log_weights - log_ratio)
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(n)
    # that says something: runs differ, and a bias of a tenth would be seen
    assert 1e-3 < weights.std() / np.sqrt(n) < 1 / 40
    np.testing.assert_array_equal(backend.to_host(v), before)
    assert not np.array_equal(backend.to_host(after), before)


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
def test_one_stage_is_importance_sampling(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden, seed=4)
    rbm, n = tiny.rbm(backend), 50
    b0 = np.linspace(-0.5, 0.5, tiny.visible.bias.size)
    path = Plan(backend.asarray(b0), np.array([0.0, 1.0]))
    found = forward_estimate(rbm, path, n, _stream(backend, 3))
    v = np.array(backend.to_host(draw_base(rbm, path.base_bias, n, _stream(backend, 3))))
    base = tiny.with_parameters(
        weights=0 * tiny.weights, visible_bias=b0, hidden_bias=0 * tiny.hidden.bias
    )
    log_p = -tiny.free_energy(v) + base.free_energy(v) + base.log_z()
    weights = np.exp(log_p)
    error = weights.std(ddof=1) / np.sqrt(n)
    assert found.value == pytest.approx(np.log(weights.mean()), rel=1e-10)
    assert found.upper == pytest.approx(np.log(weights.mean() + 3 * error), rel=1e-10)
    assert found.lower == pytest.approx(np.log(weights.mean() - 3 * error), rel=1e-10)
    assert (found.n_runs, found.n_temperatures) == (n, 1)
    assert found.effective_sample_size == pytest.approx(
        weights.sum() ** 2 / np.sum(weights**2), rel=1e-9
    )


def test_blocks_of_runs_are_a_sample_of_the_same_weights(compiled, ref, monkeypatch):
    """Runs in blocks, side by side or not, have unbiased weights too, and the same ones."""
    monkeypatch.setattr(numpy_backend_module, "_BLOCK_PRODUCTS", 1)
    tiny, n = ref.make_tiny("bernoulli", "bernoulli", seed=6), 20_000
    rbm, betas = tiny.rbm(compiled), np.linspace(0, 1, 6)
    base = np.linspace(-0.4, 0.3, tiny.visible.bias.size)
    found = []
    for n_threads in (1, 2):
        stream, factors = _stream(compiled), np.empty((5, n))
        v = draw_base(rbm, base, n, stream)
        with threadpool_limits(n_threads, user_api="blas"):
            log_weights, after = anneal(rbm, v, betas, base, stream, factors)
        np.testing.assert_allclose(factors.sum(axis=0), log_weights, rtol=1e-12)
        found.append((log_weights, after))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
    weights = np.exp(found[0][0] - tiny.log_z() + log_base_partition(rbm, base))
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(n)
    assert 1e-3 < weights.std() / np.sqrt(n) < 1 / 40
    assert len(compiled.row_blocks(n, 1)) == 400


def test_coverage(compiled, ref):
    tiny = _model(ref, "bernoulli", "bernoulli", 1.0, n_visible=12, n_hidden=8)
    expected, rbm = tiny.log_z(), tiny.rbm(compiled, np.float32)
    covered = []
    for seed in range(200):
        stream = _stream(compiled, seed)
        found = forward_estimate(rbm, plan(rbm, 100, 100, stream), 100, stream)
        covered.append(found.lower <= expected <= found.upper)
    assert np.mean(covered) >= 0.97


@pytest.mark.parametrize("temperatures", ["auto", 30])
def test_seed_decides(numpy_backend, ref, temperatures):
    rbm = _model(ref, "bernoulli", "bernoulli", 0.5).rbm(numpy_backend, np.float32)
    found = []
    for seed in (1, 1, 2):
        stream = _stream(numpy_backend, seed)
        found.append(forward_estimate(rbm, plan(rbm, 20, temperatures, stream), 20, stream))
    assert found[0] == found[1]
    assert found[0].value != found[2].value


def test_log_mean_weight_by_hand():
    weights = np.array([1.0, 2.0, 3.0, 2.5])
    value, lower, upper, size = log_mean_weight(np.log(weights))
    error = weights.std(ddof=1) / 2
    assert value == pytest.approx(np.log(2.125), rel=1e-12)
    assert lower == pytest.approx(np.log(2.125 - 3 * error), rel=1e-10)
    assert upper == pytest.approx(np.log(2.125 + 3 * error), rel=1e-12)
    assert size == pytest.approx(8.5**2 / (1 + 4 + 9 + 6.25), rel=1e-12)


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_log_mean_weight_of_any_size(shift):
    log_weights = np.log([1.0, 2.0, 3.0, 2.5])
    expected, found = log_mean_weight(log_weights), log_mean_weight(log_weights + shift)
    np.testing.assert_allclose(found[:3], np.array(expected[:3]) + shift, rtol=1e-13)
    assert found[3] == pytest.approx(expected[3], rel=1e-11)
    value, lower, upper, size = log_mean_weight(np.array([-shift, shift]))
    assert value == pytest.approx(1000 - np.log(2))
    assert lower == -np.inf
    assert upper == pytest.approx(1000 - np.log(2) + np.log(4))
    assert size == 1.0


def test_one_run_has_no_error():
    assert log_mean_weight(np.array([2.0])) == (2.0, -np.inf, np.inf, 1.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(wrong):
    with pytest.raises(FloatingPointError, match="no finite partition function"):
        log_mean_weight(np.array([0.0, wrong]))


@pytest.mark.parametrize("temperatures", ["auto", 30])
def test_model_without_partition_function(plain, ref, temperatures):
    tiny = ref.make_tiny("gaussian", "gaussian")
    rbm = tiny.with_parameters(weights=np.full((2, 2), 50.0)).rbm(plain, np.float32)
    stream = _stream(plain)
    with plain.quiet(), pytest.raises(FloatingPointError, match="no finite partition function"):
        forward_estimate(rbm, plan(rbm, 20, temperatures, stream), 20, stream)
