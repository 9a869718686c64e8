"""Gibbs chains leave the model's distribution as it is."""

import numpy as np
import pytest

from skdeepbm.sampling import gibbs_chain

KINDS = ["bernoulli", "gaussian", "softmax"]
N = 20_000


def _gaussian_moments(tiny):
    """Mean and covariance of the joint normal distribution of Gaussian units on both sides."""
    left, right = tiny.visible, tiny.hidden
    n = left.bias.size
    precision = np.diag(np.concatenate([1 / left.variance, 1 / right.variance]))
    precision[:n, n:] = -tiny.weights / left.variance[:, None]
    precision[n:, :n] = precision[:n, n:].T
    assert np.linalg.eigvalsh(precision).min() > 0
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.concatenate([left.bias / left.variance, right.bias])
    return mean, covariance


def _exact_draws(tiny, n, rng):
    """Joint states drawn from the model."""
    if tiny.visible.kind != "gaussian":
        states, p = tiny.visible_probabilities()
        v = states[rng.choice(len(states), size=n, p=p / p.sum())]
        return v, tiny.hidden.draw(tiny.hidden_input(v), rng)
    if tiny.hidden.kind != "gaussian":
        states, p = tiny.hidden_probabilities()
        h = states[rng.choice(len(states), size=n, p=p / p.sum())]
        return tiny.visible.draw(tiny.visible_input(h), rng), h
    joint = rng.multivariate_normal(*_gaussian_moments(tiny), size=n)
    return joint[:, : tiny.visible.bias.size], joint[:, tiny.visible.bias.size :]


def _exact_moments(tiny):
    if tiny.visible.kind == tiny.hidden.kind == "gaussian":
        mean, covariance = _gaussian_moments(tiny)
        n = tiny.visible.bias.size
        v, h = mean[:n], mean[n:]
        return v, h, covariance[:n, n:] + np.outer(v, h)
    return tiny.moments()


def _products(v, h):
    return (v[:, :, None] * h[:, None, :]).reshape(len(v), -1)


@pytest.mark.parametrize("hidden", KINDS)
@pytest.mark.parametrize("visible", KINDS)
def test_chains_are_stationary(backend, ref, rng, visible, hidden):
    tiny = ref.make_tiny(visible, hidden, seed=3)
    mean_v, mean_h, mean_vh = _exact_moments(tiny)
    exact_v, exact_h = _exact_draws(tiny, N, rng)
    # the start itself is right, or the rest would say nothing
    assert ref.within_error(exact_v, mean_v)
    assert ref.within_error(exact_h, mean_h)

    rbm = tiny.rbm(backend)
    h = backend.asarray(exact_h.copy())
    v, h_mean = (backend.zeros((N, units.size), np.float64) for units in (rbm.visible, rbm.hidden))
    stream = backend.stream(np.random.SeedSequence(8))
    returned = gibbs_chain(rbm, h, 3, stream, v, h_mean, draw_last=True)
    assert returned[0] is v
    assert returned[1] is h_mean
    v, h, h_mean = (backend.to_host(array) for array in (v, h, h_mean))
    assert not np.array_equal(v, exact_v)
    for sample, expected in [
        (v, mean_v),
        (h, mean_h),
        (h_mean, mean_h),
        (_products(v, h), mean_vh.ravel()),
        (_products(v, h_mean), mean_vh.ravel()),
    ]:
        assert ref.within_error(sample, expected)
    np.testing.assert_allclose(h_mean, tiny.hidden.mean(tiny.hidden_input(v)), rtol=1e-10)


@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_chains_forget_where_they_started(backend, ref, visible):
    """From one and the same state, many steps lead to the model's marginals."""
    tiny = ref.make_tiny(visible, "bernoulli", seed=3)
    mean_v, mean_h, mean_vh = tiny.moments()
    rbm, n = tiny.rbm(backend), 6000
    h = backend.asarray(np.ones((n, 3)))
    v = backend.zeros((n, rbm.visible.size), np.float64)
    h_mean = backend.zeros((n, 3), np.float64)
    gibbs_chain(rbm, h, 30, backend.stream(np.random.SeedSequence(2)), v, h_mean)
    v, h_mean = backend.to_host(v), backend.to_host(h_mean)
    assert ref.within_error(v, mean_v)
    assert ref.within_error(h_mean, mean_h)
    assert ref.within_error(_products(v, h_mean), mean_vh.ravel())


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "relu", "softmax"])
@pytest.mark.parametrize("visible", KINDS)
def test_a_chain_goes_on(backend, ref, visible, hidden):
    """Steps taken in two calls are the steps taken in one."""
    tiny = ref.make_tiny(visible, hidden)
    rbm = tiny.rbm(backend)
    start = np.abs(ref.some_rows(tiny.hidden, 8)) if hidden != "relu" else np.ones((8, 2))
    found = []
    for parts in ([4], [1, 3], [2, 1, 1]):
        stream = backend.stream(np.random.SeedSequence(7))
        h = backend.asarray(start.copy())
        v, h_mean = (
            backend.zeros((8, units.size), np.float64) for units in (rbm.visible, rbm.hidden)
        )
        for n_steps in parts:
            gibbs_chain(rbm, h, n_steps, stream, v, h_mean, draw_last=True)
        found.append([backend.to_host(array).copy() for array in (v, h_mean, h)])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found[0][2], start)


def test_last_hidden_states_are_drawn_on_request(backend, ref):
    tiny = ref.make_tiny()
    rbm = tiny.rbm(backend)
    start = np.zeros((40, 3))
    after = {}
    for draw_last in (False, True):
        h = backend.asarray(start.copy())
        v, h_mean = backend.zeros((40, 3), np.float64), backend.zeros((40, 3), np.float64)
        stream = backend.stream(np.random.SeedSequence(7))
        gibbs_chain(rbm, h, 1, stream, v, h_mean, draw_last=draw_last)
        after[draw_last] = [backend.to_host(array).copy() for array in (v, h_mean, h)]
    np.testing.assert_array_equal(after[False][0], after[True][0])
    np.testing.assert_allclose(after[False][1], after[True][1], rtol=1e-14)
    np.testing.assert_array_equal(after[False][2], start)
    assert set(np.unique(after[True][2])) == {0.0, 1.0}
    # expectations, not draws
    assert np.all((after[True][1] > 0) & (after[True][1] < 1))
