"""Each kind of unit: generating function, mean, variance, draws and states."""

import numpy as np
import pytest
from scipy import stats

from skdeepbm.models.units import UNITS, JointUnits, MultinomialUnits

KINDS = ["bernoulli", "gaussian", "gaussian with variance", "relu", "softmax"]
N = 20_000


@pytest.fixture(params=KINDS)
def tiny(request, ref):
    """A model whose visible side (hidden for the rest) is of that kind."""
    if request.param == "gaussian with variance":
        return ref.make_tiny("gaussian", "bernoulli")
    return ref.make_tiny("bernoulli", request.param)


def _layer(tiny):
    return tiny.visible if tiny.visible.kind == "gaussian" else tiny.hidden


def _units(tiny, backend, dtype=np.float64):
    rbm = tiny.rbm(backend, dtype)
    return rbm.visible if tiny.visible.kind == "gaussian" else rbm.hidden


def _inputs(layer, n=6):
    return np.random.default_rng(5).normal(0, 2, (n, layer.bias.size))


def test_mean(backend, tiny):
    layer, units = _layer(tiny), _units(tiny, backend)
    a = _inputs(layer)
    expected = layer.mean(a)
    found = units.mean(backend.asarray(a))
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-12)
    array = backend.asarray(a.copy())
    units.mean(array, out=array)
    np.testing.assert_allclose(backend.to_host(array), expected, rtol=1e-12)


def test_derivative_of_cgf_is_the_mean(backend, tiny):
    layer, units = _layer(tiny), _units(tiny, backend)
    a, step = _inputs(layer), 1e-5
    # where the weights see v / s^2, the derivative is the mean of that
    expected = layer.mean(a) / layer.variance
    for i in range(layer.bias.size):
        ends = []
        for sign in (1.0, -1.0):
            moved = a.copy()
            moved[:, i] += sign * step
            ends.append(backend.to_host(units.cgf(backend.asarray(moved))))
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), expected[:, i], rtol=1e-6)


def test_draws(backend, tiny, ref):
    layer, units = _layer(tiny), _units(tiny, backend)
    a = _inputs(layer, 1)[0]
    stream = backend.stream(np.random.SeedSequence(11))
    array = backend.asarray(np.tile(a, (N, 1)))
    mean = backend.zeros((N, a.size), np.float64)
    v = backend.to_host(units.sample(array, stream, mean=mean))
    np.testing.assert_allclose(
        backend.to_host(mean), np.tile(layer.mean(a[None, :]), (N, 1)), rtol=1e-12
    )
    expected, variance = _moments(layer, a)
    assert ref.within_error(v, expected)
    assert ref.within_error((v - expected) ** 2, variance)


def _moments(layer, a):
    """Mean and variance of the draws."""
    mean = layer.mean(a[None, :])[0]
    if layer.kind == "gaussian":
        return mean, layer.variance
    if layer.kind in ("bernoulli", "softmax"):
        return mean, mean * (1 - mean)
    # max(0, x + s * normal), the rectified normal distribution
    x = a + layer.bias
    s = np.sqrt(1 / (1 + np.exp(-x)))
    cdf, pdf = stats.norm.cdf(x / s), stats.norm.pdf(x / s)
    first = x * cdf + s * pdf
    second = (x**2 + s**2) * cdf + x * s * pdf
    return first, second - first**2


@pytest.mark.parametrize("target", ["out is a", "mean is a"])
def test_draws_in_place(backend, tiny, target):
    layer, units = _layer(tiny), _units(tiny, backend)
    a = _inputs(layer, 9)
    found = []
    for in_place in (False, True):
        stream = backend.stream(np.random.SeedSequence(4))
        array = backend.asarray(a.copy())
        mean, out = backend.zeros(a.shape, np.float64), backend.zeros(a.shape, np.float64)
        if in_place and target == "out is a":
            mean, out = None, array
        elif in_place:
            mean = array
        drawn = units.sample(array, stream, mean=mean, out=out)
        found.append(backend.to_host(drawn).copy())
        np.testing.assert_array_equal(backend.to_host(out), found[-1])
        if mean is not None:
            np.testing.assert_allclose(backend.to_host(mean), layer.mean(a), rtol=1e-12)
    np.testing.assert_array_equal(*found)


def test_softmax_draws_are_one_hot_in_every_group(backend, ref):
    tiny = ref.make_tiny("bernoulli", "softmax")
    units = _units(tiny, backend)
    stream = backend.stream(np.random.SeedSequence(1))
    v = backend.to_host(units.sample(backend.asarray(_inputs(tiny.hidden, 50)), stream))
    for part in ref.group_slices(ref.GROUPS):
        np.testing.assert_array_equal(v[:, part].sum(axis=1), 1)
    assert set(np.unique(v)) == {0.0, 1.0}
    # groups are drawn apart from each other
    assert len(np.unique(v, axis=0)) > 3


def test_softmax_is_one_group_unless_told(backend):
    units = UNITS["softmax"](backend, backend.asarray(np.zeros(4)))
    assert units.groups == (4,)
    assert units.n_states == 4
    found = backend.to_host(units.mean(backend.asarray(np.zeros((1, 4)))))
    np.testing.assert_allclose(found, np.full((1, 4), 0.25))


def test_softmax_of_large_inputs(backend):
    units = UNITS["softmax"](backend, backend.asarray(np.zeros(3)))
    a = backend.asarray(np.array([[1000.0, 1000.0, -1000.0]]))
    np.testing.assert_allclose(backend.to_host(units.mean(a)), [[0.5, 0.5, 0.0]])
    np.testing.assert_allclose(backend.to_host(units.cgf(a)), [1000 + np.log(2)])


@pytest.mark.parametrize("kind", ["bernoulli", "softmax"])
def test_states_are_each_there_once(backend, ref, kind):
    tiny = ref.make_tiny(kind)
    units = tiny.rbm(backend).visible
    expected, _ = tiny.visible.states()
    assert units.n_states == len(expected)
    found = backend.to_host(units.states(0, units.n_states, np.float64))
    assert found.dtype == np.float64
    assert {tuple(row) for row in found.tolist()} == {tuple(row) for row in expected.tolist()}
    assert len(found) == len(expected)
    pieces = [
        backend.to_host(units.states(i, min(i + 4, units.n_states), np.float32))
        for i in range(0, units.n_states, 4)
    ]
    assert pieces[0].dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(pieces), found)


@pytest.mark.parametrize("kind", ["gaussian", "relu"])
def test_uncountable_states(backend, ref, kind):
    units = ref.make_tiny("bernoulli", kind).rbm(backend).hidden
    assert units.n_states is None
    with pytest.raises(TypeError, match=f"{kind} units cannot be enumerated"):
        units.states(0, 1, np.float64)


# -- rectified linear units -------------------------------------------------------------------


def test_relu_cgf_is_minus_dilogarithm(backend, ref):
    x = np.linspace(-50, 50, 2001)[:, None]
    units = UNITS["relu"](backend, backend.asarray(np.zeros(1)))
    found = backend.to_host(units.cgf(backend.asarray(x)))
    np.testing.assert_allclose(found, ref.minus_dilog(x)[:, 0], rtol=3e-15, atol=0)


def test_relu_cgf_is_the_integral_of_the_mean():
    from skdeepbm.backends import get_backend

    backend = get_backend("numpy")
    units = UNITS["relu"](backend, np.zeros(1))
    # trapezoid rule of softplus from where it is 0 to rounding
    axis = np.linspace(-45, 8, 530_001)
    mean = units.mean(axis[:, None])[:, 0]
    integral = (mean.sum() - 0.5 * (mean[0] + mean[-1])) * (axis[1] - axis[0])
    assert units.cgf(np.array([[8.0]]))[0] == pytest.approx(integral, rel=1e-9)


def test_relu_in_single_precision(backend, ref):
    x = np.linspace(-40, 40, 201, dtype=np.float32)[:, None]
    units = UNITS["relu"](backend, backend.asarray(np.zeros(1, dtype=np.float32)))
    found = backend.to_host(units.cgf(backend.asarray(x)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ref.minus_dilog(x.astype(float))[:, 0], rtol=1e-6)


def test_relu_states_have_no_energy(backend, ref):
    rbm = ref.make_tiny("bernoulli", "relu").rbm(backend)
    h, v = backend.asarray(np.ones((2, 2))), backend.asarray(np.ones((2, 3)))
    for function in (
        lambda: rbm.hidden.self_energy(h),
        lambda: rbm.energy(v, h),
        lambda: rbm.hidden_free_energy(h),
        lambda: rbm.hidden.log_density(h, h),
    ):
        with pytest.raises(TypeError, match="has no energy of its own"):
            function()


# -- where visible units start ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bernoulli", "softmax", "gaussian"])
def test_initial_bias_gives_the_mean_of_the_data(plain, ref, kind):
    if kind == "softmax":
        mean = np.array([0.25, 0.75, 0.2, 0.3, 0.5])
    else:
        mean = np.array([0.2, 0.5, 0.93])
    bias = UNITS[kind].initial_bias(mean, np.ones_like(mean), ref.GROUPS)
    units = UNITS[kind](plain, bias, None, ref.GROUPS)
    found = units.mean(np.zeros((1, mean.size)))[0]
    np.testing.assert_allclose(found, mean, rtol=1e-12)


@pytest.mark.parametrize("kind", ["bernoulli", "softmax"])
def test_initial_bias_of_a_constant_column_is_finite(kind):
    mean = np.array([0.0, 1.0])
    bias = UNITS[kind].initial_bias(mean, np.zeros(2), (2,))
    assert np.isfinite(bias).all()
    assert bias[0] < -6 < bias[1]


def test_relu_units_cannot_be_visible():
    with pytest.raises(TypeError, match="relu units cannot be visible"):
        UNITS["relu"].initial_bias(np.zeros(2), np.ones(2), None)


# -- gradients --------------------------------------------------------------------------------


def _joint(backend, ref):
    """Bernoulli, softmax and Gaussian units side by side."""
    kinds = [("bernoulli", "softmax"), ("softmax", "bernoulli"), ("gaussian", "bernoulli")]
    return JointUnits([ref.make_tiny(*kind).rbm(backend).visible for kind in kinds])


def _differences(function, a, step=1e-5):
    """Derivatives of a number for each row by that row's inputs, by central differences."""
    found = np.empty_like(a)
    for i in range(a.shape[1]):
        moved = [a.copy(), a.copy()]
        moved[0][:, i] += step
        moved[1][:, i] -= step
        found[:, i] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return found


@pytest.fixture(params=[*KINDS, "joint", "multinomial"])
def any_units(request, backend, ref):
    if request.param == "joint":
        return _joint(backend, ref)
    if request.param == "multinomial":
        return MultinomialUnits(backend, backend.asarray(np.array([0.5, -1.0, 0.2, 0.0])))
    if request.param == "gaussian with variance":
        return ref.make_tiny("gaussian", "bernoulli").rbm(backend).visible
    return ref.make_tiny("bernoulli", request.param).rbm(backend).hidden


def test_mean_gradient(backend, any_units):
    """Of any function of the expected values."""
    rng = np.random.default_rng(2)
    a, weights = (rng.normal(0, 1.5, (5, any_units.size)) for _ in range(2))

    def function(x):
        return (weights * backend.to_host(any_units.mean(backend.asarray(x)))).sum(axis=1)

    mean = any_units.mean(backend.asarray(a))
    found = any_units.mean_gradient(mean, backend.asarray(weights.copy()))
    np.testing.assert_allclose(
        backend.to_host(found), _differences(function, a), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "relu"])
def test_derivatives(backend, ref, kind):
    units = ref.make_tiny("bernoulli", kind).rbm(backend).hidden
    a, step = np.random.default_rng(2).normal(0, 1.5, (5, units.size)), 1e-5
    low, at, high = (units.mean(backend.asarray(a + k * step)) for k in (-1, 0, 1))
    first, second = units.derivatives(at)
    slope = (backend.to_host(high) - backend.to_host(low)) / (2 * step)
    np.testing.assert_allclose(backend.to_host(first), slope, rtol=1e-6)
    ends = [backend.to_host(units.derivatives(end)[0]) for end in (low, high)]
    np.testing.assert_allclose(
        backend.to_host(second), (ends[1] - ends[0]) / (2 * step), rtol=1e-6, atol=1e-9
    )


def test_no_derivatives_unit_by_unit_in_a_group(plain, ref):
    units = ref.make_tiny("bernoulli", "softmax").rbm(plain).hidden
    with pytest.raises(TypeError, match="softmax units depend on each other"):
        units.derivatives(np.zeros((1, units.size)))


def test_log_density_gradient(backend, any_units):
    if not any_units.has_energy:
        pytest.skip("a state has no density")
    rng = np.random.default_rng(2)
    a = rng.normal(0, 1.5, (5, any_units.size))
    v = backend.asarray(rng.uniform(size=a.shape))

    def function(x):
        return backend.to_host(any_units.log_density(v, backend.asarray(x)))

    mean = any_units.mean(backend.asarray(a))
    out = backend.zeros(a.shape, np.float64)
    found = any_units.log_density_gradient(v, mean, out=out)
    assert found is out
    np.testing.assert_allclose(
        backend.to_host(found), _differences(function, a), rtol=1e-6, atol=1e-9
    )


def test_density_of_counts_is_that_of_a_sequence(backend):
    """The product of the probabilities of the words; a shift of all inputs changes nothing."""
    units = MultinomialUnits(backend, backend.asarray(np.array([0.5, -1.0, 0.2])))
    a, v = np.array([[1.0, 0.3, -0.4], [0.0, 2.0, 1.0]]), np.array([[2.0, 0, 1], [0, 0, 0]])
    p = backend.to_host(units.mean(backend.asarray(a)))
    found = units.log_density(backend.asarray(v), backend.asarray(a + 3.0))
    expected = [2 * np.log(p[0, 0]) + np.log(p[0, 2]), 0.0]
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["bernoulli", "softmax", "gaussian", "joint"])
def test_entropy(backend, ref, kind):
    """Minus the mean log-density: a sum over states, or the formula of a normal distribution."""
    layers = [ref.make_tiny("bernoulli", "softmax").hidden, ref.make_tiny("gaussian").visible]
    layers.insert(0, ref.make_tiny("bernoulli", "bernoulli").visible)
    chosen = [layer for layer in layers if kind in (layer.kind, "joint")]
    parts, inputs, expected = [], [], np.zeros(6)
    for layer in chosen:
        bias = backend.asarray(layer.bias)
        variance = None if layer.log_variance is None else backend.asarray(layer.log_variance)
        parts.append(UNITS[layer.kind](backend, bias, variance, layer.groups))
        a = _inputs(layer)
        inputs.append(a)
        if layer.kind == "gaussian":
            expected += 0.5 * np.log(2 * np.pi * np.e * layer.variance).sum()
        else:
            states = layer.states()[0]
            minus_e = states @ (a + layer.bias).T
            log_p = minus_e - np.log(np.exp(minus_e).sum(axis=0))
            expected -= (np.exp(log_p) * log_p).sum(axis=0)
    units = parts[0] if kind != "joint" else JointUnits(parts)
    found = units.entropy(backend.asarray(np.concatenate(inputs, axis=1)))
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-10)
