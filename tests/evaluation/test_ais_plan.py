"""Where annealing begins, and where its stages are put."""

import numpy as np
import pytest

from skdeepbm.evaluation.ais import CLASSIC, base_bias, draw_base, plan


def _stream(backend, seed=0):
    return backend.stream(np.random.SeedSequence(seed))


@pytest.mark.parametrize(
    ("visible", "temperatures", "size"),
    [
        ("bernoulli", "auto", 1.0),
        ("bernoulli", 7, 0.0),
        ("gaussian", "auto", 0.0),
        ("gaussian", 250, 1.0),
        ("softmax", np.int64(40), 1.0),
    ],
)
def test_stages_rise_from_0_to_1(backend, ref, visible, temperatures, size):
    tiny = ref.make_tiny(visible)
    rbm = tiny.with_parameters(weights=size * tiny.weights).rbm(backend, np.float32)
    path = plan(rbm, 20, temperatures, _stream(backend))
    assert path.betas[0] == 0.0
    assert path.betas[-1] == 1.0
    assert np.all(np.diff(path.betas) > 0)
    n = path.betas.size - 1
    assert 1000 <= n <= 10_000 if temperatures == "auto" else n == temperatures
    assert path.base_bias.shape == (tiny.visible.bias.size,)
    assert path.base_bias.dtype == rbm.weights.dtype


def test_stages_are_dense_where_the_weights_spread(compiled, ref):
    """Where all runs are alike a tenth of the stages is left, evenly spread."""
    n = 8
    tiny = ref.make_tiny(n_visible=n, n_hidden=n, seed=2)
    # the hidden units wake up near beta = 1 only
    sleepy = tiny.with_parameters(weights=np.full((n, n), 8.0), hidden_bias=np.full(n, -36.0))
    betas = plan(sleepy.rbm(compiled, np.float64), 200, 1000, _stream(compiled)).betas
    steps = np.diff(betas)
    assert steps.max() < 10 / 1000 * 1.02
    assert steps.max() > 3 * steps.min()


def test_given_inverse_temperatures(backend, ref):
    rbm = ref.make_tiny().rbm(backend)
    given = np.array([0.0, 0.5, 0.75, 1.0])
    np.testing.assert_array_equal(plan(rbm, 10, given, _stream(backend)).betas, given)
    np.testing.assert_array_equal(plan(rbm, 10, list(given), _stream(backend)).betas, given)


def test_classic_inverse_temperatures(plain, ref):
    betas = plan(ref.make_tiny().rbm(plain), 10, "classic", _stream(plain)).betas
    np.testing.assert_array_equal(betas, CLASSIC)
    # 14,500 intermediate ones and the end
    assert CLASSIC.size == 14_501
    assert CLASSIC[0] == 0.0
    assert CLASSIC[-1] == 1.0
    for start, stop, step in ((0, 500, 1e-3), (500, 4500, 1e-4), (4500, 14_501, 1e-5)):
        np.testing.assert_allclose(np.diff(CLASSIC[start:stop]), step, rtol=1e-9)
    np.testing.assert_allclose(CLASSIC[[500, 4500]], [0.5, 0.9])


@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_discrete_units_begin_near_their_mean(backend, ref, visible):
    tiny = ref.make_tiny(visible, "bernoulli", seed=2)
    found = backend.to_host(base_bias(tiny.rbm(backend), 4000, _stream(backend)))
    assert np.isfinite(found).all()
    found = tiny.with_parameters(visible_bias=found).visible.mean(np.zeros(tiny.visible.bias.size))
    np.testing.assert_allclose(found, tiny.moments()[0], atol=0.05)


def test_no_unit_is_certain(backend, ref):
    tiny = ref.make_tiny()
    certain = tiny.with_parameters(visible_bias=np.array([60.0, -60.0, 0.0]))
    n = 20
    with backend.quiet():
        found = backend.to_host(base_bias(certain.rbm(backend), n, _stream(backend)))
    limit = np.log((n + 0.5) / 0.5)
    np.testing.assert_allclose(found[:2], [limit, -limit], rtol=1e-9)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax", "gaussian"])
def test_real_units_begin_at_their_mean_of_silent_hidden_ones(backend, ref, hidden):
    tiny = ref.make_tiny("gaussian", hidden)
    found = backend.to_host(base_bias(tiny.rbm(backend), 10, _stream(backend)))
    n = tiny.hidden.bias.size
    silent = tiny.with_parameters(hidden_bias=np.zeros(n)).hidden.mean(np.zeros((1, n)))
    expected = tiny.visible.bias + tiny.visible_input(silent)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
def test_draws_of_the_beginning(backend, ref, visible):
    tiny = ref.make_tiny(visible)
    base = np.linspace(-1.0, 1.0, tiny.visible.bias.size)
    v = draw_base(tiny.rbm(backend), backend.asarray(base), 5000, _stream(backend))
    layer = tiny.with_parameters(visible_bias=base).visible
    v = backend.to_host(v)
    assert ref.within_error(v, layer.mean(np.zeros(base.size)))
    if visible == "gaussian":
        assert ref.within_error((v - base) ** 2, layer.variance)
