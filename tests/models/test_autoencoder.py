"""The autoencoder with one hidden layer against the formulas."""

import numpy as np
import pytest


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "groups", "multinomial"])
@pytest.mark.parametrize("tied", [True, False])
def test_reconstruction_and_log_density(backend, ref, visible, tied):
    tiny, v = ref.make_autoencoder(visible, "relu", tied), ref.rows_for_autoencoder(visible, 4)
    model, put, host = tiny.model(backend), backend.asarray, backend.to_host
    np.testing.assert_allclose(host(model.encoder.mean(put(v))), tiny.codes(v), rtol=1e-12)
    expected = ref.mean_of(visible, tiny.network().inputs(v)[-1])
    if visible == "multinomial":
        # expected counts: as many words as the document has
        expected *= v.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(host(model.reconstruction(put(v))), expected, rtol=1e-12)
    expected = -tiny.network().losses(v, v)
    np.testing.assert_allclose(host(model.log_density(put(v))), expected, rtol=1e-12, atol=1e-14)


def test_tied_weights_are_one_array(backend, ref):
    model = ref.make_autoencoder().model(backend)
    decoder = model.decoder
    backend.store(model.weights + 1.0, model.encoder.weights)
    np.testing.assert_array_equal(
        backend.to_host(decoder.weights), backend.to_host(model.weights).T
    )
