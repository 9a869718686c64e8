"""Where joint training starts without pretraining."""

import numpy as np
import pytest

from skdeepbm.models.mean_field import mean_field
from skdeepbm.training.dbm_start import initial_layers

MEANS = {
    "bernoulli": np.array([0.1, 0.5, 0.9]),
    "softmax": np.array([0.2, 0.8, 0.1, 0.3, 0.6]),
    "gaussian": np.array([30.0, -2.0, 0.1]),
}


@pytest.mark.parametrize("visible", list(MEANS))
def test_hidden_units_are_half_on_at_the_mean(plain, ref, rng, visible):
    mean = MEANS[visible]
    groups = (2, 3) if visible == "softmax" else None
    variance = np.linspace(0.5, 4.0, mean.size)
    weights, biases, log_variance = initial_layers(visible, [4, 3, 5], mean, variance, groups, rng)
    assert [w.shape for w in weights] == [(mean.size, 4), (4, 3), (3, 5)]
    assert (log_variance is not None) == (visible == "gaussian")
    layers = [ref.Layer(visible, biases[0], log_variance, groups)]
    layers += [ref.Layer("bernoulli", bias) for bias in biases[1:]]
    tiny = ref.TinyDBM(layers, weights)
    means, _ = mean_field(tiny.dbm(plain), mean[None], 1e-13)
    for found in means:
        np.testing.assert_allclose(found, 0.5, atol=1e-12)
    # without input, visible units have the data's mean
    np.testing.assert_allclose(layers[0].mean(np.zeros((1, mean.size)))[0], mean, rtol=1e-12)
    for w in weights[1:]:
        assert 0.004 < w.std() < 0.02
