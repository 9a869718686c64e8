"""Definitions, on models small enough to enumerate: samples, marginals, likelihoods."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, logsumexp, softmax

from skdeepbm import RBMTransformer


def states(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def made(n_hidden=3, n_visible=4, scale=1.0, **options):
    """A model with given parameters, fitted by nobody."""
    rng = np.random.default_rng(5)
    rbm = RBMTransformer(n_hidden, random_state=0, **options)
    rbm.components_ = scale * rng.normal(size=(n_hidden, n_visible))
    rbm.intercept_hidden_ = rng.normal(size=n_hidden)
    rbm.intercept_visible_ = rng.normal(size=n_visible)
    if rbm.visible == "gaussian":
        rbm.log_variance_visible_ = 0.3 * rng.normal(size=n_visible)
    return rbm


def minus_energy(rbm, v, h):
    """``-E(v, h)`` of all pairs of Bernoulli states, straight from the class's docstring."""
    b, c, W = rbm.intercept_visible_, rbm.intercept_hidden_, rbm.components_
    return (v @ b)[:, None] + (h @ c)[None] + v @ W.T @ h.T


def test_likelihoods_of_all_states_sum_to_one():
    rbm = made()
    assert np.exp(rbm.score_samples(states(4))).sum() == pytest.approx(1, rel=1e-12)
    blocks = np.eye(3)[np.array(list(itertools.product(range(3), repeat=2)))].reshape(9, 6)
    for hidden in ("bernoulli", "gaussian", "softmax", "relu"):
        rbm = made(n_visible=6, scale=0.3, visible="softmax", visible_groups=3, hidden=hidden)
        assert np.exp(rbm.score_samples(blocks)).sum() == pytest.approx(1, rel=1e-12), hidden


def test_free_energy_and_likelihood_by_enumeration():
    rbm = made()
    v, h = states(4), states(3)
    joint = minus_energy(rbm, v, h)
    np.testing.assert_allclose(rbm.free_energy(v), -logsumexp(joint, axis=1))
    np.testing.assert_allclose(rbm.score_samples(v), logsumexp(joint, axis=1) - logsumexp(joint))
    log_z = rbm.log_partition()
    assert log_z.value == pytest.approx(logsumexp(joint), rel=1e-12)
    assert (log_z.lower, log_z.upper, log_z.method) == (log_z.value, log_z.value, "exact")
    assert rbm.score(v[3:7]) == pytest.approx(rbm.score_samples(v[3:7]).mean(), rel=1e-12)


def test_likelihood_is_a_density_of_gaussian_units():
    """Integrated over a fine grid of one visible unit."""
    rbm = made(n_visible=1, visible="gaussian")
    grid = np.linspace(-30, 30, 20_001)[:, None]
    total = np.exp(rbm.score_samples(grid)).sum() * (grid[1, 0] - grid[0, 0])
    assert total == pytest.approx(1, rel=1e-8)


def test_pseudo_likelihood_by_its_definition():
    rbm = made()
    v = states(4)
    log_p = rbm.score_samples(v)
    expected = np.zeros(16)
    for i in range(4):
        flipped = v.copy()
        flipped[:, i] = 1 - v[:, i]
        expected += log_p - np.logaddexp(log_p, rbm.score_samples(flipped))
    np.testing.assert_allclose(rbm.pseudo_log_likelihood(v), expected, rtol=1e-10)
    # a fraction is the expectation of a draw
    half = np.array([[0.25, 0, 1, 1]])
    ends = rbm.pseudo_log_likelihood(np.array([[0.0, 0, 1, 1], [1, 0, 1, 1]]))
    assert ends.min() - 5 < rbm.pseudo_log_likelihood(half)[0] < 0


def test_single_precision_rows_give_the_same_likelihood():
    rbm = made()
    v = states(4)
    found = rbm.score_samples(v.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rbm.score_samples(v), rtol=1e-5)


def test_transform_inverse_transform_and_reconstruct():
    rbm = made()
    W, b, c = rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_
    v = np.random.default_rng(0).random((6, 4))
    h = expit(v @ W.T + c)
    np.testing.assert_allclose(rbm.transform(v), h)
    down = expit(h @ W + b)
    np.testing.assert_allclose(rbm.inverse_transform(h), down)
    np.testing.assert_allclose(rbm.reconstruct(v), down)
    np.testing.assert_allclose(rbm.reconstruct(v, 2), expit(expit(down @ W.T + c) @ W + b))
    np.testing.assert_array_equal(rbm.inverse_transform([[1, 0, 1]]), expit(W[[0]] + W[[2]] + b))


def test_gaussian_visible_units_by_their_definition():
    rbm = made(visible="gaussian", scale=0.3)
    W, b, c = rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_
    variance = np.exp(rbm.log_variance_visible_)
    v = np.random.default_rng(0).normal(size=(6, 4))
    h = expit((v / variance) @ W.T + c)
    np.testing.assert_allclose(rbm.transform(v), h)
    np.testing.assert_allclose(rbm.inverse_transform(h), h @ W + b)


def test_softmax_units_by_their_definition():
    rbm = made(n_hidden=4, hidden="softmax", hidden_groups=2)
    v = np.random.default_rng(0).random((6, 4))
    x = (v @ rbm.components_.T + rbm.intercept_hidden_).reshape(6, 2, 2)
    np.testing.assert_allclose(rbm.transform(v), softmax(x, axis=2).reshape(6, 4))


@pytest.mark.parametrize("init", [False, True])
def test_samples_have_the_exact_probabilities(init):
    """Frequencies of all 16 states from independent chains, within 4.5 standard errors."""
    rbm = made(scale=0.7)
    v, n = states(4), 20_000
    start = np.ones((n, 4)) if init else None
    drawn = rbm.sample(n, n_gibbs_steps=40, init=start, random_state=1)
    assert drawn.shape == (n, 4)
    found = np.bincount((drawn @ [8, 4, 2, 1]).astype(int), minlength=16) / n
    expected = np.exp(rbm.score_samples(v))
    sigma = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(found - expected) < 4.5 * sigma).all()
    if init:
        # the caller's start is not written to
        assert (start == 1).all()


def test_samples_of_gaussian_units_have_the_exact_moments():
    """A model without weights: independent normal values with the learned variances."""
    rbm = made(visible="gaussian", scale=0.0)
    n = 20_000
    drawn = rbm.sample(n, n_gibbs_steps=1, random_state=1)
    variance = np.exp(rbm.log_variance_visible_)
    assert (np.abs(drawn.mean(0) - rbm.intercept_visible_) < 4.5 * np.sqrt(variance / n)).all()
    assert (np.abs(drawn.var(0) / variance - 1) < 4.5 * np.sqrt(2 / n)).all()


def test_one_step_of_sampling_stays_near_its_start():
    rbm = made(scale=0.0)
    rbm.components_ = 60 * np.eye(3, 4)
    rbm.intercept_hidden_[:] = -30
    rbm.intercept_visible_[:] = -30
    v = np.array([[1.0, 0, 1, 0], [0, 1, 1, 0]])
    np.testing.assert_array_equal(rbm.sample(2, n_gibbs_steps=1, init=v), v)
    np.testing.assert_array_equal(rbm.gibbs(v), v)


def test_training_raises_the_likelihood():
    """Two coins, each shown by two pixels: from independent pixels to near the entropy."""
    X = np.tile([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]], (20, 1))
    rbm = RBMTransformer(
        4,
        n_iter=100,
        learning_rate=0.1,
        momentum=0.5,
        algorithm="pcd",
        n_chains=100,
        random_state=0,
    ).fit(X)
    # no model is above the entropy of the rows
    assert -4 * np.log(2) + 0.8 < rbm.score(X) < -2 * np.log(2) + 1e-9
