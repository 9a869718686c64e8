"""Deep Boltzmann machines against sums over all joint states."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.models.dbm import folded

SIZES = [(3, 3, 2), (3, 2, 2, 2), (2, 2, 2, 2, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]


def _some_states(ref, tiny, n=5):
    return [ref.some_rows(layer, n, seed=i) for i, layer in enumerate(tiny.layers)]


def _side(states, first):
    return np.concatenate(states[first::2], axis=1)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_energy(backend, ref, sizes, visible, hidden):
    tiny = ref.make_dbm(sizes, visible, hidden)
    states, dbm = _some_states(ref, tiny), tiny.dbm(backend)
    put = [backend.asarray(x) for x in states]
    expected = tiny.energies(states)
    np.testing.assert_allclose(backend.to_host(dbm.energy(put)), expected, rtol=1e-10)
    assert dbm.depth == len(sizes) - 1
    turned = dbm.upside_down()
    assert turned.layers[0] is dbm.layers[-1]
    np.testing.assert_allclose(backend.to_host(turned.energy(put[::-1])), expected, rtol=1e-10)
    for first in (0, 1):
        # side by side the layers have the same energy
        model = folded(dbm, first)
        v, h = (backend.asarray(_side(states, i)) for i in (first, 1 - first))
        np.testing.assert_allclose(backend.to_host(model.energy(v, h)), expected, rtol=1e-10)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_conditionals(backend, ref, sizes, visible, hidden):
    """A layer given the others has the probabilities that the energies of its states give it."""
    tiny = ref.make_dbm(sizes, visible, hidden)
    states, dbm = _some_states(ref, tiny, 3), tiny.dbm(backend)
    put = [backend.asarray(x) for x in states]
    for i, layer in enumerate(tiny.layers):
        each, _ = layer.states()
        found = dbm.layers[i].mean(dbm.input(i, put))
        for row, mean in enumerate(backend.to_host(found)):
            others = [np.tile(x[row], (len(each), 1)) for x in states]
            others[i] = each
            log_p = -tiny.energies(others)
            p = np.exp(log_p - logsumexp(log_p))
            np.testing.assert_allclose(mean, p @ each, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_buffers_and_no_buffers(backend, ref, sizes, visible):
    tiny = ref.make_dbm(sizes, visible)
    dbm, states = tiny.dbm(backend), _some_states(ref, tiny)
    put = [backend.asarray(x) for x in states]
    for i, layer in enumerate(tiny.layers):
        out, room = (backend.zeros((5, layer.bias.size), np.float64) for _ in range(2))
        found = dbm.input(i, put, out=out, room=room)
        assert found is out
        np.testing.assert_allclose(backend.to_host(found), tiny.input(i, states), rtol=1e-12)
        np.testing.assert_array_equal(backend.to_host(found), backend.to_host(dbm.input(i, put)))


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES[:2])
def test_one_class_of_layers_summed_out(backend, ref, sizes, visible, hidden):
    if visible == "gaussian":
        # integrals are sums over a lattice
        sizes = (1, *sizes[1:])
    tiny = ref.make_dbm(sizes, visible, hidden)
    states, dbm = _some_states(ref, tiny, 3), tiny.dbm(backend)
    for first in (0, 1):
        others = tiny.layers[1 - first :: 2]
        summed, log_volume = ref.TinyDBM(others, []).joint()
        found = folded(dbm, first).free_energy(backend.asarray(_side(states, first)))
        for row, value in enumerate(backend.to_host(found)):
            joint = [np.tile(x[row], (len(summed[0]), 1)) for x in states]
            joint[1 - first :: 2] = summed
            expected = logsumexp(-tiny.energies(joint)) + log_volume
            assert -value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sizes", SIZES)
def test_states_of_a_side(backend, ref, sizes):
    """Every joint state of a class of layers comes once."""
    dbm = ref.make_dbm(sizes, "softmax", "bernoulli").dbm(backend)
    for first in (0, 1):
        model = folded(dbm, first)
        assert model.layout.startswith("layers of ")
        assert [s.stop - s.start for s in model.columns(first).values()] == list(sizes[first::2])
        n = model.visible.n_states
        states = backend.to_host(model.visible.states(0, n, np.float64))
        assert n == len(np.unique(states, axis=0))
        assert states.shape[1] == sum(sizes[first::2])


def test_single_precision_stays(backend, ref):
    tiny = ref.make_dbm((3, 3, 2), "gaussian")
    dbm = tiny.dbm(backend, np.float32)
    v = backend.asarray(ref.some_rows(tiny.layers[0], 4).astype(np.float32))
    h = folded(dbm, 0).hidden_input(
        backend.xp.concat([v, backend.zeros((4, 2), np.float32)], axis=1)
    )
    assert h.dtype == dbm.dtype
    assert dbm.up_input(1, v).dtype == dbm.dtype
