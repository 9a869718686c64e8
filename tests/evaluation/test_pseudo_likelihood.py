"""The pseudo-likelihood against conditionals from free energies."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.evaluation.pseudo_likelihood import pseudo_log_likelihood

HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]


def _variables(ref, tiny):
    """Columns of every variable, and the values it can take."""
    if tiny.visible.kind == "softmax":
        slices = ref.group_slices(tiny.visible.groups)
        return [(part, np.eye(part.stop - part.start)) for part in slices]
    both = np.array([[0.0], [1.0]])
    return [(slice(i, i + 1), both) for i in range(tiny.visible.bias.size)]


def _brute_force(ref, tiny, row):
    """Expected log p(variable | rest) if each variable is a draw with the row's values as odds."""
    total = 0.0
    for part, values in _variables(ref, tiny):
        rows = np.tile(row, (len(values), 1))
        rows[:, part] = values
        score = -tiny.free_energy(rows)
        log_p = score - logsumexp(score)
        weights = row[part] if tiny.visible.kind == "softmax" else [1 - row[part][0], row[part][0]]
        total += np.dot(weights, log_p)
    return total


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
@pytest.mark.parametrize("fractional", [False, True])
def test_against_brute_force(backend, ref, rng, visible, hidden, fractional):
    tiny = ref.make_tiny(visible, hidden)
    if not fractional:
        v, _ = tiny.visible.states()
    elif visible == "bernoulli":
        v = rng.random((6, 3))
    else:
        parts = [rng.dirichlet(np.ones(size), 6) for size in ref.GROUPS]
        v = np.concatenate(parts, axis=1)
    found = backend.to_host(pseudo_log_likelihood(tiny.rbm(backend), backend.asarray(v)))
    expected = [_brute_force(ref, tiny, row) for row in v]
    assert found.shape == (len(v),)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert np.all(found < 0)


def test_is_the_likelihood_of_independent_units(plain, ref):
    tiny = ref.make_tiny()
    tiny = tiny.with_parameters(weights=np.zeros_like(tiny.weights))
    v, _ = tiny.visible.states()
    found = pseudo_log_likelihood(tiny.rbm(plain), v)
    np.testing.assert_allclose(found, -tiny.free_energy(v) - tiny.log_z(), rtol=1e-12)


def test_is_deterministic(backend, ref):
    tiny = ref.make_tiny()
    rbm, v = tiny.rbm(backend), backend.asarray(tiny.visible.states()[0])
    first, second = (backend.to_host(pseudo_log_likelihood(rbm, v)).copy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_single_precision(backend, ref):
    tiny = ref.make_tiny()
    v, _ = tiny.visible.states()
    exact = pseudo_log_likelihood(tiny.rbm(backend), backend.asarray(v))
    single = pseudo_log_likelihood(
        tiny.rbm(backend, np.float32), backend.asarray(v.astype(np.float32))
    )
    assert backend.to_host(single).dtype == np.float32
    np.testing.assert_allclose(backend.to_host(single), backend.to_host(exact), rtol=1e-5)


def test_gaussian_visible_units(plain, ref):
    rbm = ref.make_tiny("gaussian", "bernoulli").rbm(plain)
    with pytest.raises(TypeError, match="pseudo-likelihood of gaussian units is not available"):
        pseudo_log_likelihood(rbm, np.zeros((1, 2)))
