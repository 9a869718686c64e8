"""Energies, free energies and conditionals against sums and integrals over all states."""

import numpy as np
import pytest
from scipy.special import logsumexp

VISIBLE = ["bernoulli", "gaussian", "softmax"]
HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]
HAVE_ENERGY = ["bernoulli", "gaussian", "softmax"]


@pytest.fixture(params=VISIBLE)
def visible(request):
    return request.param


@pytest.mark.parametrize("hidden", HAVE_ENERGY)
def test_energy(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    rbm = tiny.rbm(backend)
    v = ref.some_rows(tiny.visible, 6)
    h = ref.some_rows(tiny.hidden, 6, seed=1)
    found = backend.to_host(rbm.energy(backend.asarray(v), backend.asarray(h)))
    expected = []
    for row_v, row_h in zip(v, h, strict=True):
        energy = 0.0
        for layer, row in ((tiny.visible, row_v), (tiny.hidden, row_h)):
            for value, bias, variance in zip(row, layer.bias, layer.variance, strict=True):
                if layer.kind == "gaussian":
                    energy += (value - bias) ** 2 / (2 * variance)
                else:
                    energy -= bias * value
        for i in range(v.shape[1]):
            for j in range(h.shape[1]):
                seen = row_v[i] / tiny.visible.variance[i]
                energy -= seen * tiny.weights[i, j] * row_h[j]
        expected.append(energy)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_free_energy(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    v = ref.some_rows(tiny.visible, 5)
    found = backend.to_host(tiny.rbm(backend).free_energy(backend.asarray(v)))
    assert found.shape == (5,)
    np.testing.assert_allclose(found, tiny.free_energy(v), rtol=1e-11)


@pytest.mark.parametrize("hidden", HAVE_ENERGY)
def test_hidden_free_energy(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    h = ref.some_rows(tiny.hidden, 5)
    found = backend.to_host(tiny.rbm(backend).hidden_free_energy(backend.asarray(h)))
    np.testing.assert_allclose(found, tiny.hidden_free_energy(h), rtol=1e-11)


@pytest.mark.parametrize("hidden", HAVE_ENERGY)
@pytest.mark.parametrize("side", ["hidden", "visible"])
def test_conditionals_are_normalised_energies(backend, ref, visible, hidden, side):
    tiny = ref.make_tiny(visible, hidden)
    rbm = tiny.rbm(backend)
    given_layer = tiny.visible if side == "hidden" else tiny.hidden
    layer = tiny.hidden if side == "hidden" else tiny.visible
    units = getattr(rbm, side)
    states, log_volume = layer.states()
    if layer.kind == "gaussian":
        # the lattice normalises; a part of it is compared
        states = states[::7]
    for given in ref.some_rows(given_layer, 3):
        row = backend.asarray(np.tile(given, (len(states), 1)))
        a = rbm.hidden_input(row) if side == "hidden" else rbm.visible_input(row)
        found = backend.to_host(units.log_density(backend.asarray(states), a))
        if side == "hidden":
            energy = tiny.energy(given[None, :], states)[0]
            log_norm = -tiny.free_energy(given[None, :])
        else:
            energy = tiny.energy(states, given[None, :])[:, 0]
            log_norm = -tiny.hidden_free_energy(given[None, :])
        np.testing.assert_allclose(found, -energy - log_norm, rtol=1e-10, atol=1e-10)
        if layer.kind != "gaussian":
            assert logsumexp(found) + log_volume == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_inputs(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    rbm = tiny.rbm(backend)
    v = ref.some_rows(tiny.visible, 4)
    out = backend.zeros((4, tiny.hidden.bias.size), np.float64)
    found = rbm.hidden_input(backend.asarray(v), out=out)
    expected = (v / np.exp(tiny.visible.log_variance) if visible == "gaussian" else v) @ (
        tiny.weights
    )
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-13)
    np.testing.assert_array_equal(backend.to_host(out), backend.to_host(found))
    h = np.abs(np.random.default_rng(0).normal(size=(4, tiny.hidden.bias.size)))
    found = rbm.visible_input(backend.asarray(h))
    np.testing.assert_allclose(backend.to_host(found), h @ tiny.weights.T, rtol=1e-13)


def test_no_sigma_in_the_gaussian_mean(backend, ref):
    """The mean of v given h is b + W h, whatever the variance: s enters once, in the energy."""
    tiny = ref.make_tiny("gaussian", "bernoulli")
    h = ref.some_rows(tiny.hidden, 6)
    expected = tiny.visible.bias + h @ tiny.weights.T
    for shift in (0.0, 2.0, -3.0):
        moved = tiny.with_parameters(log_variance=tiny.visible.log_variance + shift)
        rbm = moved.rbm(backend)
        found = rbm.visible.mean(rbm.visible_input(backend.asarray(h)))
        np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-12)
    # and it is where the density over the lattice has its mean
    v, _ = tiny.visible.states()
    weight = np.exp(-tiny.energy(v, h))
    mean = (weight.T @ v) / weight.sum(axis=0)[:, None]
    np.testing.assert_allclose(mean, expected, rtol=1e-9)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_float32_stays_float32(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    rbm = tiny.rbm(backend, np.float32)
    v = backend.asarray(ref.some_rows(tiny.visible, 4).astype(np.float32))
    a = rbm.hidden_input(v)
    stream = backend.stream(np.random.SeedSequence(0))
    h = rbm.hidden.sample(a, stream)
    found = {
        "hidden input": a,
        "hidden mean": rbm.hidden.mean(a),
        "hidden draw": h,
        "visible mean": rbm.visible.mean(rbm.visible_input(h)),
        "visible draw": rbm.visible.sample(rbm.visible_input(h), stream),
        "free energy": rbm.free_energy(v),
    }
    kinds = {name: backend.to_host(array).dtype for name, array in found.items()}
    assert set(kinds.values()) == {np.dtype(np.float32)}, kinds


@pytest.mark.parametrize("hidden", HIDDEN)
def test_free_energy_of_large_inputs_is_finite(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    tiny = tiny.with_parameters(weights=1000.0 * np.sign(tiny.weights))
    v = ref.some_rows(tiny.visible, 5)
    with backend.quiet():
        found = backend.to_host(tiny.rbm(backend).free_energy(backend.asarray(v)))
    assert np.isfinite(found).all()
