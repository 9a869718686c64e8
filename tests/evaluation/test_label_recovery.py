"""Labels recovered by Gibbs sampling, against the exact posterior."""

import numpy as np
import pytest
from scipy.special import softmax

from skdeepbm.evaluation.label_recovery import recovered_labels


def _recovered(labelled, backend, x, n_steps, dtype=np.float64, seed=0):
    """Probabilities of the labels."""
    rbm = labelled.rbm(backend, dtype)
    stream = backend.stream(np.random.SeedSequence(seed))
    found = recovered_labels(rbm, backend.asarray(np.asarray(x, dtype)), n_steps, stream)
    return np.array(backend.to_host(found))


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
def test_many_steps_come_to_the_posterior(backend, ref, visible, hidden):
    labelled = ref.make_labelled(visible, hidden)
    x = ref.some_rows(labelled.features.visible, 3)
    found = np.exp(_recovered(labelled, backend, np.repeat(x, 1000, axis=0), 40))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-10)
    exact = np.exp(labelled.log_posterior(x))
    for part, expected in zip(found.reshape(3, 1000, -1), exact, strict=True):
        assert ref.within_error(part, expected)


def test_the_chain_starts_from_the_uniform_prior(backend, ref):
    """One step: hidden units given uniform label values, then the label given those."""
    labelled = ref.make_labelled()
    x = ref.some_rows(labelled.features.visible, 1)
    tiny, weights = labelled.features, labelled.label_weights
    h = tiny.hidden.states()[0]
    q = tiny.hidden.mean(tiny.hidden_input(x) + weights.mean(axis=0))[0]
    p_h = np.prod(np.where(h > 0.5, q, 1 - q), axis=1)
    expected = p_h @ softmax(h @ weights.T + labelled.label_bias, axis=1)
    found = np.exp(_recovered(labelled, backend, np.repeat(x, 5000, axis=0), 1))
    assert ref.within_error(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_impossible_labels_have_finite_logarithms(backend, ref, dtype):
    labelled = ref.make_labelled()
    labelled.label_bias[:] = [0.0, -1e4, -1e4]
    x = ref.some_rows(labelled.features.visible, 5)
    found = _recovered(labelled, backend, x, 3, dtype)
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-6)
