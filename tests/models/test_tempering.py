"""The path from independent visible units to an RBM, against models written out by hand."""

import numpy as np
import pytest

from skdeepbm.models.tempering import log_base_partition, log_ratio, tempered

BETAS = [0.0, 0.3, 1.0]


@pytest.fixture(params=["bernoulli", "gaussian", "softmax"])
def visible(request):
    return request.param


@pytest.fixture(params=["bernoulli", "gaussian", "softmax", "relu"])
def hidden(request):
    return request.param


def _base(tiny):
    return np.linspace(-1.5, 1.0, tiny.visible.bias.size)


def _by_hand(tiny, beta):
    """An ordinary model at inverse temperature 1 with the parameters of the tempered one."""
    return tiny.with_parameters(
        weights=beta * tiny.weights,
        visible_bias=beta * tiny.visible.bias + (1 - beta) * _base(tiny),
        hidden_bias=beta * tiny.hidden.bias,
    )


def _close(backend, found, expected):
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("beta", BETAS)
def test_energies(backend, ref, visible, hidden, beta):
    tiny = ref.make_tiny(visible, hidden, seed=1)
    expected = _by_hand(tiny, beta)
    model = tempered(tiny.rbm(backend), beta, backend.asarray(_base(tiny)))
    v = ref.some_rows(tiny.visible, 6)
    rows = backend.asarray(v)
    _close(backend, model.free_energy(rows), expected.free_energy(v))
    _close(backend, model.hidden_input(rows), expected.hidden_input(v))
    if hidden == "relu":
        return
    h = ref.some_rows(tiny.hidden, 6, seed=2)
    columns = backend.asarray(h)
    _close(backend, model.energy(rows, columns), np.diag(expected.energy(v, h)))
    _close(backend, model.visible_input(columns), expected.visible_input(h))
    _close(backend, model.hidden_free_energy(columns), expected.hidden_free_energy(h))


@pytest.mark.parametrize(
    ("old", "new"), [(0.0, 0.3), (0.3, 0.0), (0.3, 0.7), (1.0, 0.6), (1.0, 0.0), (0.4, 0.4)]
)
def test_log_ratio(backend, ref, visible, hidden, old, new):
    tiny = ref.make_tiny(visible, hidden, seed=2)
    rbm, base = tiny.rbm(backend), backend.asarray(_base(tiny))
    v = ref.some_rows(tiny.visible, 6)
    rows = backend.asarray(v)
    a = rbm.hidden_input(rows)
    before = np.array(backend.to_host(a))
    found = log_ratio(tempered(rbm, old, base), tempered(rbm, new, base), rows, a)
    expected = _by_hand(tiny, old).free_energy(v) - _by_hand(tiny, new).free_energy(v)
    _close(backend, found, expected)
    np.testing.assert_array_equal(backend.to_host(a), before)


def test_log_ratio_of_two_beginnings(backend, ref, hidden):
    """A path may stand still, at its beginning as anywhere else."""
    tiny = ref.make_tiny("bernoulli", hidden)
    rbm, base = tiny.rbm(backend), backend.asarray(_base(tiny))
    rows = backend.asarray(ref.some_rows(tiny.visible, 6))
    model = tempered(rbm, 0.0, base)
    _close(backend, log_ratio(model, model, rows, rbm.hidden_input(rows)), np.zeros(6))


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_log_ratio_in_single_precision(backend, ref, size):
    """Small stages of a wide layer keep their digits."""
    tiny = ref.make_tiny(n_visible=20, n_hidden=150)
    tiny = tiny.with_parameters(weights=size * tiny.weights)
    rows = np.random.default_rng(0).integers(0, 2, (7, 20)).astype(np.float32)
    rbm = tiny.rbm(backend, np.float32)
    base = backend.asarray(_base(tiny).astype(np.float32))
    v = backend.asarray(rows)
    old, new = 0.5, 0.501
    found = log_ratio(tempered(rbm, old, base), tempered(rbm, new, base), v, rbm.hidden_input(v))
    h = tiny.hidden_input(rows.astype(np.float64)) + tiny.hidden.bias
    expected = (np.logaddexp(0, new * h) - np.logaddexp(0, old * h)).sum(1)
    expected += (new - old) * rows @ (tiny.visible.bias - _base(tiny))
    # rounding of the inputs, and of a sum over units
    atol = 4 * np.finfo(np.float32).eps * (np.abs(h).sum(1).max() + 150)
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=0, atol=atol)


def test_log_base_partition(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden, seed=3)
    found = log_base_partition(tiny.rbm(backend), backend.asarray(_base(tiny)))
    assert type(found) is float
    assert found == pytest.approx(_by_hand(tiny, 0.0).log_z(), rel=1e-11)


def test_weights_are_shared_and_nothing_changes(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    rbm, base = tiny.rbm(backend, np.float32), backend.asarray(_base(tiny).astype(np.float32))
    v = backend.asarray(ref.some_rows(tiny.visible, 5).astype(np.float32))
    model = tempered(rbm, 0.5, base)
    assert model.weights is rbm.weights
    for units, same in ((model.visible, rbm.visible), (model.hidden, rbm.hidden)):
        assert units.log_variance is same.log_variance
        assert units.groups == same.groups
        assert units.bias.dtype == rbm.weights.dtype
    assert model.free_energy(v).dtype == rbm.weights.dtype
    model.visible.bias[...] = 7.0
    model.hidden.bias[...] = 7.0
    assert rbm.beta == 1.0
    expected = {**tiny.parameters(), "base": _base(tiny)}
    found = {
        "weights": rbm.weights,
        "visible_bias": rbm.visible.bias,
        "hidden_bias": rbm.hidden.bias,
        "log_variance": rbm.visible.log_variance,
        "base": base,
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(
            backend.to_host(found[name]), array.astype(np.float32), err_msg=name
        )


def test_inputs_into_a_buffer(backend, ref):
    tiny = ref.make_tiny()
    model = tempered(tiny.rbm(backend), 0.25, backend.asarray(_base(tiny)))
    v = ref.some_rows(tiny.visible, 4)
    out = backend.zeros((4, 3), np.float64)
    assert model.hidden_input(backend.asarray(v), out=out) is out
    _close(backend, out, 0.25 * v @ tiny.weights)
    assert model.visible_input(backend.asarray(v), out=out) is out
    _close(backend, out, 0.25 * v @ tiny.weights.T)
