"""Sums over the label against sums over all states of features and label."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.models import RBM, labels
from skdeepbm.models.units import BernoulliUnits, JointUnits, SoftmaxUnits

VISIBLE = ["bernoulli", "gaussian", "softmax"]
HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("visible", VISIBLE)
def test_free_energies_and_posteriors(backend, ref, visible, hidden):
    tiny = ref.make_labelled(visible, hidden)
    rbm = tiny.rbm(backend)
    x = ref.some_rows(tiny.features.visible, 5)
    put = backend.asarray(x)
    expected = tiny.free_energies(x)
    found = backend.to_host(labels.label_free_energies(rbm, put))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # the same as free energies of joint rows
    for c in range(tiny.n_classes):
        joint = backend.asarray(tiny.joint(x, np.full(5, c)))
        np.testing.assert_allclose(backend.to_host(rbm.free_energy(joint)), expected[:, c])
    log_p = -expected - logsumexp(-expected, axis=1, keepdims=True)
    found = backend.to_host(labels.label_log_posterior(rbm, put))
    np.testing.assert_allclose(found, log_p, rtol=1e-8, atol=1e-10)
    marginal = backend.to_host(labels.marginal_free_energy(rbm, put))
    np.testing.assert_allclose(marginal, -logsumexp(-expected, axis=1), rtol=1e-9)
    mean = backend.to_host(labels.hidden_mean_given_features(rbm, put))
    by_hand = np.einsum("nc,cnh->nh", np.exp(log_p), tiny.hidden_means(x))
    np.testing.assert_allclose(mean, by_hand, rtol=1e-9)


def test_marginal_likelihood_sums_to_one(backend, ref):
    tiny = ref.make_labelled()
    rbm = tiny.rbm(backend)
    states = rbm.visible.states(0, rbm.visible.n_states, np.float64)
    log_z = logsumexp(-backend.to_host(rbm.free_energy(states)))
    x, _ = tiny.features.visible.states()
    found = -backend.to_host(labels.marginal_free_energy(rbm, backend.asarray(x))) - log_z
    assert np.exp(found).sum() == pytest.approx(1.0, rel=1e-12)


def test_float32_stays_and_is_accurate(backend):
    """500 hidden units: the products of many ratios cost no more than rounding."""
    rng = np.random.default_rng(0)
    n_features, n_hidden = 50, 500
    W, U = rng.normal(0, 0.3, (n_features, n_hidden)), rng.normal(0, 1.0, (4, n_hidden))
    b, c, d = rng.normal(size=n_features), rng.normal(-1, 1, n_hidden), rng.normal(size=4)
    x = (rng.random((20, n_features)) < 0.3) * 1.0
    found = {}
    for dtype in (np.float32, np.float64):

        def put(array, dtype=dtype):
            return backend.asarray(array.astype(dtype))

        features = BernoulliUnits(backend, put(b))
        visible = JointUnits([features, SoftmaxUnits(backend, put(d))])
        rbm = RBM(visible, BernoulliUnits(backend, put(c)), put(np.vstack([W, U])))
        for function in (
            labels.label_free_energies,
            labels.label_log_posterior,
            labels.marginal_free_energy,
            labels.hidden_mean_given_features,
        ):
            out = backend.to_host(function(rbm, put(x)))
            assert out.dtype == dtype, function.__name__
            found.setdefault(function.__name__, []).append(out)
    for name, (single, double) in found.items():
        np.testing.assert_allclose(single, double, rtol=2e-5, atol=2e-3, err_msg=name)


def test_an_rbm_without_label_is_named(backend, ref):
    rbm = ref.make_tiny().rbm(backend)
    with pytest.raises(TypeError, match=r"has JointUnits\(\[features, SoftmaxUnits"):
        labels.label_free_energies(rbm, backend.asarray(np.zeros((1, 3))))


def test_tempered_model(backend, ref):
    """Posterior at an inverse temperature: that of the energies there."""
    tiny = ref.make_labelled()
    rbm = tiny.rbm(backend)
    cold = RBM(rbm.visible, rbm.hidden, rbm.weights, 0.3)
    x = ref.some_rows(tiny.features.visible, 4)
    found = backend.to_host(labels.label_free_energies(cold, backend.asarray(x)))
    for c in range(tiny.n_classes):
        joint = tiny.joint(x, np.full(4, c))
        expected = backend.to_host(cold.free_energy(backend.asarray(joint)))
        np.testing.assert_allclose(found[:, c], expected)
