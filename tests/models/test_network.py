"""Feed-forward networks: expected values of layers, of counts and sparse inputs too."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.backends import Counts


def _counts(n=4):
    counts = np.random.default_rng(3).poisson(1.0, (n, 4)).astype(float)
    counts[0] = 0.0
    return counts


@pytest.mark.parametrize("replicated", [False, True])
def test_means(backend, ref, replicated):
    tiny = ref.make_network(["bernoulli", "relu", "groups", "softmax"], replicated=replicated)
    network, x = tiny.network(backend), _counts()
    found = network.means(backend.asarray(x))
    expected = [ref.mean_of(k, a) for k, a in zip(tiny.kinds, tiny.inputs(x), strict=True)]
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(backend.to_host(mine), theirs, rtol=1e-10)
    below = network.hidden(backend.asarray(x))
    np.testing.assert_allclose(backend.to_host(below), expected[-2], rtol=1e-10)


@pytest.mark.parametrize("replicated", [False, True])
def test_sparse_inputs(ref, plain, compiled, replicated):
    tiny = ref.make_network(["bernoulli", "softmax"], replicated=replicated)
    x = _counts()
    expected = ref.mean_of("softmax", tiny.inputs(x)[-1])
    for backend in (plain, compiled):
        found = tiny.network(backend).means(Counts.of(sp.csr_array(x)))[-1]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_input_into_a_buffer(backend, ref):
    tiny = ref.make_network(["bernoulli"], replicated=True)
    layer, x = tiny.network(backend).layers[0], backend.asarray(_counts())
    out = backend.zeros((4, 5), np.float64)
    assert layer.input(x, out=out) is out
    bias = tiny.intercepts[0]
    expected = tiny.inputs(_counts())[0] - bias
    np.testing.assert_allclose(backend.to_host(out), expected, rtol=1e-10)


def test_upside_down(backend, ref):
    """The layer back down has the same weights, not a copy of them."""
    tiny = ref.make_network(["bernoulli"], n_inputs=5)
    layer = tiny.network(backend).layers[0]
    down = layer.upside_down(layer.units)
    x = backend.asarray(np.random.default_rng(0).normal(size=(3, 5)))
    expected = backend.to_host(x) @ tiny.coefs[0].T
    np.testing.assert_allclose(backend.to_host(down.input(x)), expected, rtol=1e-10)
    layer.weights *= 2.0
    np.testing.assert_allclose(backend.to_host(down.input(x)), 2 * expected, rtol=1e-10)
