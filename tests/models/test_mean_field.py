"""Mean-field inference: a fixed point, the best factorial distribution, and never a step down."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from skdeepbm.models.mean_field import (
    MeanField,
    mean_field,
    mean_field_inputs,
    settled_means,
    variational_bound,
)

SIZES = [(3, 3, 2), (3, 2, 3, 2), (2, 2, 2, 2, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]


def _host(backend, arrays):
    return [np.array(backend.to_host(array)) for array in arrays]


def _inferred(tiny, backend, v, tolerance=0.0, max_steps=500):
    means, n_steps = mean_field(tiny.dbm(backend), backend.asarray(v), tolerance, max_steps)
    return _host(backend, means), n_steps


@pytest.mark.parametrize("sizes", SIZES)
def test_pass_up(backend, ref, sizes):
    """Weights count twice, except into the top layer; biases count once."""
    tiny = ref.make_dbm(sizes)
    v = ref.some_rows(tiny.layers[0], 4)
    found, n_steps = _inferred(tiny, backend, v, max_steps=0)
    x = v
    for i, mean in enumerate(found, start=1):
        factor = 1 if i == len(sizes) - 1 else 2
        x = expit(factor * x @ tiny.weights[i - 1] + tiny.layers[i].bias)
        np.testing.assert_allclose(mean, x, rtol=1e-10)
    assert n_steps == 0


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_one_step(backend, ref, sizes, visible):
    """Odd layers first, from the pass up; even ones see what became of them."""
    tiny = ref.make_dbm(sizes, visible)
    v = ref.some_rows(tiny.layers[0], 4)
    states = [v, *_inferred(tiny, backend, v, max_steps=0)[0]]
    for first in (1, 2):
        for i in range(first, len(sizes), 2):
            states[i] = tiny.layers[i].mean(tiny.input(i, states))
    found, n_steps = _inferred(tiny, backend, v, max_steps=1)
    assert n_steps == 1
    for mean, expected in zip(found, states[1:], strict=True):
        np.testing.assert_allclose(mean, expected, rtol=1e-10)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("sizes", SIZES)
def test_fixed_point(backend, ref, sizes, hidden):
    tiny = ref.make_dbm(sizes, "bernoulli", hidden)
    v = ref.some_rows(tiny.layers[0], 4)
    found, n_steps = _inferred(tiny, backend, v, tolerance=1e-13)
    assert 2 < n_steps < 500
    states = [v, *found]
    for i in range(1, len(sizes)):
        again = tiny.layers[i].mean(tiny.input(i, states))
        np.testing.assert_allclose(states[i], again, rtol=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
def test_bound_is_stationary_in_q(plain, ref, sizes):
    """Its derivative by every probability, from sums over all states, is zero."""
    tiny = ref.make_dbm(sizes, std=1.0)
    v = ref.some_rows(tiny.layers[0], 2)
    q, _ = _inferred(tiny, plain, v, tolerance=1e-13)
    best, step = tiny.bounds(v, q), 1e-4
    for p in q:
        for j in range(p.shape[1]):
            kept, ends = p[:, j].copy(), []
            for sign in (1.0, -1.0):
                p[:, j] = kept + sign * step
                ends.append(tiny.bounds(v, q))
            p[:, j] = kept
            np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), 0.0, atol=1e-6)
            # in every coordinate it is a maximum
            assert np.all(np.maximum(*ends) < best)


@pytest.mark.parametrize("sizes", SIZES)
def test_bound_never_falls(backend, ref, sizes):
    tiny = ref.make_dbm(sizes, std=2.0)
    v = ref.some_rows(tiny.layers[0], 6)
    bounds = np.array([tiny.bounds(v, _inferred(tiny, backend, v, 0.0, n)[0]) for n in range(1, 9)])
    assert np.all(np.diff(bounds, axis=0) > -1e-10)
    # there was something to gain
    assert np.all(bounds[-1] > bounds[0])


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_bound_against_sums_over_states(backend, ref, rng, sizes, visible):
    """For any q, also far from the best one."""
    if visible == "gaussian":
        # log Z is a sum over a lattice
        sizes = (1, *sizes[1:])
    tiny = ref.make_dbm(sizes, visible)
    v, dbm = ref.some_rows(tiny.layers[0], 4), tiny.dbm(backend)
    inputs = [rng.normal(size=(4, n)) for n in sizes[1:]]
    q = [layer.mean(a) for layer, a in zip(tiny.layers[1:], inputs, strict=True)]
    found = variational_bound(dbm, backend.asarray(v), [backend.asarray(a) for a in inputs])
    expected = tiny.bounds(v, q) + tiny.log_z()
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-9)
    exact = np.array([logsumexp(-tiny.hidden_energies(row)[1]) for row in v])
    assert np.all(backend.to_host(found) < exact)


def test_inputs_give_the_updates(backend, ref):
    tiny = ref.make_dbm((3, 2, 3, 2))
    v = ref.some_rows(tiny.layers[0], 4)
    means = [ref.some_rows(layer, 4) for layer in tiny.layers[1:]]
    dbm = tiny.dbm(backend)
    found = mean_field_inputs(dbm, backend.asarray(v), [backend.asarray(m) for m in means])
    for i, a in enumerate(_host(backend, found), start=1):
        np.testing.assert_allclose(a, tiny.input(i, [v, *means]), rtol=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
def test_exact_where_the_posterior_is_factorial(backend, ref, sizes):
    """Without weights between hidden layers, after a single step."""
    tiny = ref.make_dbm(sizes)
    tiny.weights[1:] = [0 * w for w in tiny.weights[1:]]
    v = ref.some_rows(tiny.layers[0], 4)
    q, n_steps = _inferred(tiny, backend, v, tolerance=1e-12)
    assert n_steps == 2
    np.testing.assert_allclose(tiny.bounds(v, q), tiny.log_likelihoods(v), rtol=1e-10)
    for i, row in enumerate(v):
        states, p = tiny.posterior(row)
        for mean, x in zip(q, states, strict=True):
            np.testing.assert_allclose(mean[i], p @ x, rtol=1e-10)


def test_steps_end_at_the_tolerance(backend, ref):
    tiny = ref.make_dbm((3, 3, 2), std=1.5)
    v = ref.some_rows(tiny.layers[0], 5)
    _, n_steps = _inferred(tiny, backend, v, tolerance=1e-3)
    trajectory = [_inferred(tiny, backend, v, max_steps=n)[0] for n in range(n_steps + 1)]
    changes = [
        max(np.abs(a - b).max() for a, b in zip(*pair, strict=True))
        for pair in zip(trajectory, trajectory[1:], strict=False)
    ]
    assert changes[-1] <= 1e-3
    assert min(changes[:-1]) > 1e-3


def test_buffers_serve_batches_of_any_size(backend, ref):
    """Also after the parameters have changed."""
    tiny = ref.make_dbm((3, 2, 3, 2))
    dbm = tiny.dbm(backend)
    inference = MeanField(dbm)
    for n in (4, 2, 7, 4):
        dbm.weights[1] *= 1.1
        tiny.weights[1] *= 1.1
        v = ref.some_rows(tiny.layers[0], n, seed=n)
        means = [backend.empty((n, units.size), np.float64) for units in dbm.layers[1:]]
        steps = inference.run(backend.asarray(v), means, 1e-9, 300)
        expected, expected_steps = _inferred(tiny, backend, v, 1e-9, 300)
        assert steps == expected_steps
        for found, other in zip(_host(backend, means), expected, strict=True):
            np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_row_settles_for_itself(backend, ref, sizes, visible):
    """With a coarse tolerance rows stop after different numbers of steps: each as if alone."""
    tiny = ref.make_dbm(sizes, visible, std=2.0)
    v = ref.some_rows(tiny.layers[0], 6)
    found = _host(backend, settled_means(tiny.dbm(backend), backend.asarray(v), 1e-2))
    n_steps = []
    for i in range(6):
        means, n = _inferred(tiny, backend, v[i : i + 1], 1e-2, 100)
        n_steps.append(n)
        for mean, expected in zip(found, means, strict=True):
            np.testing.assert_allclose(mean[i], expected[0], rtol=1e-9)
    assert len(set(n_steps)) > 1
