"""RBMs with copies of a side, and the deep Boltzmann machine that a stack of them makes."""

import numpy as np
import pytest
from scipy.special import logit, logsumexp

from skdeepbm.models.dbm import DBM
from skdeepbm.models.doubled_rbm import DoubledRBM
from skdeepbm.models.mean_field import mean_field

COPIES = [(1, 1), (2, 1), (1, 2), (2, 2)]


def _doubled(tiny, backend, copies):
    rbm = tiny.rbm(backend)
    v, h = copies
    return DoubledRBM(rbm.visible, rbm.hidden, rbm.weights, visible_copies=v, hidden_copies=h)


def _written_out(ref, tiny, copies):
    """The RBM with all copies as units of their own."""
    v, h = copies

    def repeated(layer, n):
        log_variance = None if layer.log_variance is None else np.tile(layer.log_variance, n)
        groups = None if layer.groups is None else layer.groups * n
        return ref.Layer(layer.kind, np.tile(layer.bias, n), log_variance, groups)

    weights = np.tile(tiny.weights / (v * h), copies)
    return ref.Tiny(repeated(tiny.visible, v), repeated(tiny.hidden, h), weights)


@pytest.mark.parametrize("copies", COPIES)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
def test_is_an_rbm_with_copies_as_units(backend, ref, visible, copies):
    tiny = ref.make_tiny(visible, "bernoulli")
    rbm, full = _doubled(tiny, backend, copies), _written_out(ref, tiny, copies)
    v, h = ref.some_rows(tiny.visible, 4), ref.some_rows(tiny.hidden, 4)
    all_v, all_h = np.tile(v, (1, copies[0])), np.tile(h, (1, copies[1]))
    put_v, put_h = backend.asarray(v), backend.asarray(h)
    n_v, n_h = v.shape[1], h.shape[1]
    found = {
        "hidden input": rbm.hidden_input(put_v),
        "visible input": rbm.visible_input(put_h),
        "energy": rbm.energy(put_v, put_h),
        "free energy": rbm.free_energy(put_v),
        "free energy of a": rbm.free_energy(put_v, rbm.hidden_input(put_v)),
        "hidden free energy": rbm.hidden_free_energy(put_h),
    }
    expected = {
        "hidden input": full.hidden_input(all_v)[:, :n_h],
        "visible input": full.visible_input(all_h)[:, :n_v],
        "energy": np.diag(full.energy(all_v, all_h)),
        "free energy": full.free_energy(all_v),
        "free energy of a": full.free_energy(all_v),
    }
    if visible != "gaussian":
        expected["hidden free energy"] = full.hidden_free_energy(all_h)
    for name, array in expected.items():
        np.testing.assert_allclose(backend.to_host(found[name]), array, rtol=1e-9, err_msg=name)


def _stack(ref, sizes, seed=0):
    """Tiny RBMs from the bottom to the top, and how many copies of their sides there are."""
    n = len(sizes) - 1
    rbms = [
        ref.make_tiny("bernoulli", "bernoulli", seed + i, sizes[i], sizes[i + 1]) for i in range(n)
    ]
    return rbms, [(2, 1), *[(1, 1)] * (n - 2), (1, 2)]


@pytest.mark.parametrize("sizes", [(3, 2, 3), (3, 2, 4, 2), (3, 2, 2, 3, 2)])
def test_layers_get_half_of_each_rbm(backend, ref, sizes):
    """Salakhutdinov & Hinton (2009), equations 14 to 20, with biases."""
    stack, copies = _stack(ref, sizes)
    rbms = [_doubled(tiny, backend, c) for tiny, c in zip(stack, copies, strict=True)]
    dbm = DBM.of_rbms(rbms)
    states = [ref.some_rows(rbm.visible, 5) for rbm in stack]
    states.append(ref.some_rows(stack[-1].hidden, 5))
    put = [backend.asarray(x) for x in states]

    def log_odds(units, a):
        return logit(backend.to_host(units.mean(a)))

    for i, units in enumerate(dbm.layers):
        found = log_odds(units, dbm.input(i, put))
        parts = []
        if i:
            parts.append(log_odds(rbms[i - 1].hidden, rbms[i - 1].hidden_input(put[i - 1])))
        if i + 1 < len(sizes):
            parts.append(log_odds(rbms[i].visible, rbms[i].visible_input(put[i + 1])))
        # at the ends, the RBM's own conditional as it is
        np.testing.assert_allclose(found, np.mean(parts, axis=0), rtol=1e-8, atol=1e-10)


def test_in_the_words_of_the_paper(backend, ref):
    """Weights W1, W2 and biases of half the machine's: doubled where the paper doubles them."""
    stack, copies = _stack(ref, (3, 2, 4))
    rbms = [_doubled(tiny, backend, c) for tiny, c in zip(stack, copies, strict=True)]
    dbm = DBM.of_rbms(rbms)
    w1, w2 = (backend.to_host(w) for w in dbm.weights)
    c1, b2 = 0.5 * stack[0].hidden.bias, 0.5 * stack[1].visible.bias
    v, h1 = ref.some_rows(stack[0].visible, 4), ref.some_rows(stack[1].visible, 4)
    h2 = ref.some_rows(stack[1].hidden, 4)

    def mean(x):
        return 1 / (1 + np.exp(-x))

    for found, expected in [
        (rbms[0].hidden.mean(rbms[0].hidden_input(backend.asarray(v))), 2 * (v @ w1 + c1)),
        (
            rbms[0].visible.mean(rbms[0].visible_input(backend.asarray(h1))),
            h1 @ w1.T + stack[0].visible.bias,
        ),
        (
            rbms[1].hidden.mean(rbms[1].hidden_input(backend.asarray(h1))),
            h1 @ w2 + stack[1].hidden.bias,
        ),
        (rbms[1].visible.mean(rbms[1].visible_input(backend.asarray(h2))), 2 * (h2 @ w2.T + b2)),
    ]:
        np.testing.assert_allclose(backend.to_host(found), mean(expected), rtol=1e-10)
    np.testing.assert_allclose(backend.to_host(dbm.layers[1].bias), c1 + b2, rtol=1e-12)


def test_first_hidden_layer_is_a_geometric_mean(backend, ref):
    """Its distribution is that of the two RBMs, each to the power of one half."""
    stack, copies = _stack(ref, (3, 3, 2), seed=4)
    rbms = [_doubled(tiny, backend, c) for tiny, c in zip(stack, copies, strict=True)]
    dbm = DBM.of_rbms(rbms)
    layers = [stack[0].visible, stack[0].hidden, stack[1].hidden]
    layers = [
        ref.Layer("bernoulli", np.array(backend.to_host(units.bias)))
        for _, units in zip(layers, dbm.layers, strict=True)
    ]
    deep = ref.TinyDBM(layers, [np.array(backend.to_host(w)) for w in dbm.weights])
    h1 = stack[0].hidden.states()[0]
    one, other = (_written_out(ref, tiny, c) for tiny, c in zip(stack, copies, strict=True))
    log_p = 0.5 * (-one.hidden_free_energy(h1) - other.free_energy(h1))
    states, p = deep.probabilities()
    found = [p[(states[1] == row).all(axis=1)].sum() for row in h1]
    np.testing.assert_allclose(found, np.exp(log_p - logsumexp(log_p)), rtol=1e-10)


def test_arrays_of_its_own(backend, ref):
    stack, copies = _stack(ref, (3, 2, 2))
    rbms = [_doubled(tiny, backend, c) for tiny, c in zip(stack, copies, strict=True)]
    dbm = DBM.of_rbms(rbms)
    for array in (*dbm.weights, *(units.bias for units in dbm.layers)):
        array += 1.0
    for rbm, tiny in zip(rbms, stack, strict=True):
        np.testing.assert_array_equal(backend.to_host(rbm.weights), tiny.weights)
        np.testing.assert_array_equal(backend.to_host(rbm.visible.bias), tiny.visible.bias)
        np.testing.assert_array_equal(backend.to_host(rbm.hidden.bias), tiny.hidden.bias)


def test_pass_up_is_that_of_the_rbms(backend, ref):
    """Mean field begins where training from the bottom to the top has left the layers."""
    stack, copies = _stack(ref, (3, 2, 4, 3))
    for tiny in stack:
        # without biases of hidden layers, which the pass up does not double
        tiny.hidden.bias *= 0
        tiny.visible.bias *= 0
    rbms = [_doubled(tiny, backend, c) for tiny, c in zip(stack, copies, strict=True)]
    x = backend.asarray(ref.some_rows(stack[0].visible, 4))
    means, _ = mean_field(DBM.of_rbms(rbms), x, max_steps=0)
    for rbm, mean in zip(rbms, means, strict=True):
        x = rbm.hidden.mean(rbm.hidden_input(x))
        np.testing.assert_allclose(backend.to_host(mean), backend.to_host(x), rtol=1e-10)
