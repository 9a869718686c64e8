"""Units side by side: each part as it is alone, in one layer."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.models.units import JointUnits

KINDS = ["bernoulli", "gaussian", "softmax"]
N = 20_000


@pytest.fixture(params=KINDS)
def layers(request, ref):
    """Two layers: one of some kind, and a softmax group."""
    first = ref.make_tiny(request.param).visible
    second = ref.make_tiny("softmax", seed=1, n_visible=4).visible
    return first, second


def _units(layers, backend, ref):
    first = ref.make_tiny(layers[0].kind).rbm(backend).visible
    second = ref.make_tiny("softmax", seed=1, n_visible=4).rbm(backend).visible
    return JointUnits([first, second])


def _split(layers, x):
    return np.split(x, [layers[0].bias.size], axis=1)


def _inputs(layers, n=6):
    size = sum(layer.bias.size for layer in layers)
    return np.random.default_rng(5).normal(0, 1.5, (n, size))


def test_mean_and_couple(backend, ref, layers):
    units, a = _units(layers, backend, ref), _inputs(layers)
    parts = list(zip(layers, _split(layers, a), strict=True))
    expected = np.hstack([layer.mean(x) for layer, x in parts])
    found = backend.to_host(units.mean(backend.asarray(a)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    array = backend.asarray(a.copy())
    units.mean(array, out=array)
    np.testing.assert_allclose(backend.to_host(array), expected, rtol=1e-12)
    coupled = np.hstack([layer.couple(x) for layer, x in parts])
    np.testing.assert_allclose(backend.to_host(units.couple(backend.asarray(a))), coupled)
    # one row alone, as centring has it
    np.testing.assert_allclose(backend.to_host(units.couple(backend.asarray(a[0]))), coupled[0])


def test_draws(backend, ref, layers):
    units, a = _units(layers, backend, ref), _inputs(layers, 1)
    stream = backend.stream(np.random.SeedSequence(2))
    tiled = backend.asarray(np.tile(a, (N, 1)))
    mean = backend.zeros((N, a.shape[1]), np.float64)
    v = backend.to_host(units.sample(tiled, stream, mean=mean, out=tiled))
    parts = zip(layers, _split(layers, a), strict=True)
    expected = np.hstack([layer.mean(x) for layer, x in parts])
    np.testing.assert_allclose(backend.to_host(mean), np.tile(expected, (N, 1)), rtol=1e-12)
    assert ref.within_error(v, expected[0])


def test_cgf_and_self_energy(backend, ref, layers):
    units, a = _units(layers, backend, ref), _inputs(layers)
    expected = 0.0
    for layer, x in zip(layers, _split(layers, a), strict=True):
        v, log_volume = layer.states()
        expected = expected + logsumexp(x @ layer.couple(v).T - layer.self_energy(v), axis=1)
        expected = expected + log_volume
    np.testing.assert_allclose(backend.to_host(units.cgf(backend.asarray(a))), expected)
    energies = sum(layer.self_energy(x) for layer, x in zip(layers, _split(layers, a), strict=True))
    found = backend.to_host(units.self_energy(backend.asarray(a)))
    np.testing.assert_allclose(found, energies)
    moved = units.with_bias(units.bias + 0.5)
    change = backend.to_host(moved.energy_change(backend.asarray(a), units))
    after = backend.to_host(moved.self_energy(backend.asarray(a)))
    np.testing.assert_allclose(change, after - energies, atol=1e-12)


def test_states(backend, ref, layers):
    units = _units(layers, backend, ref)
    if layers[0].kind == "gaussian":
        assert units.n_states is None
        with pytest.raises(TypeError, match="gaussian units cannot be enumerated"):
            units.states(0, 1, np.float64)
        return
    each = [layer.states()[0] for layer in layers]
    assert units.n_states == len(each[0]) * len(each[1])
    states = backend.to_host(units.states(0, units.n_states, np.float64))
    expected = {(*u, *v) for u in each[0].tolist() for v in each[1].tolist()}
    assert {tuple(row) for row in states.tolist()} == expected
    some = backend.to_host(units.states(3, 7, np.float64))
    np.testing.assert_array_equal(some, states[3:7])


def test_biases_of_the_parts_are_views(backend, ref, layers):
    units = _units(layers, backend, ref)
    before = [np.array(backend.to_host(part.bias)) for part in units.parts]
    other = units.with_bias(units.bias + 1.0)
    bias = units.bias
    bias += 0.25
    for part, old in zip(units.parts, before, strict=True):
        np.testing.assert_allclose(backend.to_host(part.bias), old + 0.25)
    for part, old in zip(other.parts, before, strict=True):
        np.testing.assert_allclose(backend.to_host(part.bias), old + 1.0)
    units.bias = backend.zeros(tuple(bias.shape), np.float64)
    for part in units.parts:
        np.testing.assert_array_equal(backend.to_host(part.bias), 0.0)


def test_gradient_through_the_means(backend, ref, layers):
    units, a, step = _units(layers, backend, ref), _inputs(layers, 3), 1e-6
    direction = np.random.default_rng(6).normal(size=a.shape)
    found = backend.to_host(
        units.mean_gradient(units.mean(backend.asarray(a)), backend.asarray(direction.copy()))
    )
    for i in range(a.shape[1]):
        ends = []
        for sign in (1.0, -1.0):
            moved = a.copy()
            moved[:, i] += sign * step
            ends.append((backend.to_host(units.mean(backend.asarray(moved))) * direction).sum(1))
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), found[:, i], atol=1e-8)
