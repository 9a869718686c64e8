"""Parallel tempering: every temperature keeps its distribution, exchanges follow Metropolis."""

import numpy as np
import pytest

from skdeepbm.sampling import gibbs_chain
from skdeepbm.sampling.tempering import ParallelTempering, spaced

BETAS = [1.0, 0.6, 0.25, 0.0]
N = 3000


def _base(tiny):
    return np.linspace(-1.5, 1.0, tiny.visible.bias.size)


def _at(tiny, beta):
    """The model at an inverse temperature, written as an ordinary one."""
    return tiny.with_parameters(
        weights=beta * tiny.weights,
        visible_bias=beta * tiny.visible.bias + (1 - beta) * _base(tiny),
        hidden_bias=beta * tiny.hidden.bias,
    )


def _exact_hidden(tiny, n, rng):
    """Hidden states drawn from the model."""
    if tiny.hidden.kind == "gaussian":
        states, p = tiny.visible_probabilities()
        v = states[rng.choice(len(states), size=n, p=p / p.sum())]
        return tiny.hidden.draw(tiny.hidden_input(v), rng)
    states, p = tiny.hidden_probabilities()
    return states[rng.choice(len(states), size=n, p=p / p.sum())]


def _start(tiny, backend, betas, n, rng, dtype=np.float64, first=0):
    h = np.concatenate([_exact_hidden(_at(tiny, beta), n, rng) for beta in betas])
    base = backend.asarray(_base(tiny).astype(dtype))
    rbm = tiny.rbm(backend, dtype)
    chains = ParallelTempering(rbm, betas, base, backend.asarray(h.astype(dtype)), first)
    return chains, *(backend.zeros((n, units.size), dtype) for units in (rbm.visible, rbm.hidden))


def _stream(backend, seed=8):
    return backend.stream(np.random.SeedSequence(seed))


def _products(v, h):
    return (v[:, :, None] * h[:, None, :]).reshape(len(v), -1)


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [
        ("bernoulli", "bernoulli"),
        ("bernoulli", "gaussian"),
        ("bernoulli", "softmax"),
        ("gaussian", "bernoulli"),
        ("gaussian", "softmax"),
        ("softmax", "bernoulli"),
        ("softmax", "gaussian"),
        ("softmax", "softmax"),
    ],
)
def test_every_temperature_is_stationary(backend, ref, rng, visible, hidden):
    tiny = ref.make_tiny(visible, hidden, seed=3)
    # no state may be too rare to be seen at all
    factor = 1.5 if visible == "bernoulli" else 0.5
    tiny = tiny.with_parameters(weights=factor * tiny.weights)
    chains, v, h_mean = _start(tiny, backend, BETAS, N, rng)
    before = np.array(backend.to_host(chains.h))
    stream = _stream(backend)
    # an odd number, so that the first temperature takes part in the last exchange
    for _ in range(5):
        chains.step(stream, v, h_mean)
    # exchanges were there to do harm
    assert min(chains.n_swaps) > 0.02 * N
    h = np.array(backend.to_host(chains.h))
    assert not np.array_equal(h, before)
    for beta, rows in zip(BETAS, np.split(h, len(BETAS)), strict=True):
        model = _at(tiny, beta)
        mean_v, mean_h, mean_vh = model.moments()
        expected_v = model.visible.mean(model.visible_input(rows))
        assert ref.within_error(rows, mean_h), beta
        # what visible units are expected to be given the hidden states
        assert ref.within_error(expected_v, mean_v), beta
        assert ref.within_error(_products(expected_v, rows), mean_vh.ravel()), beta
    v, h_mean = backend.to_host(v), backend.to_host(h_mean)
    mean_v, mean_h, mean_vh = tiny.moments()
    assert ref.within_error(v, mean_v)
    assert ref.within_error(h_mean, mean_h)
    assert ref.within_error(_products(v, h_mean), mean_vh.ravel())
    assert ref.within_error(_products(v, h[:N]), mean_vh.ravel())
    np.testing.assert_allclose(h_mean, tiny.hidden.mean(tiny.hidden_input(v)), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_acceptance_is_metropolis(backend, ref, rng, visible, dtype):
    """The share of accepted exchanges against the sum over all pairs of states."""
    tiny = ref.make_tiny(visible, "bernoulli", seed=5)
    tiny = tiny.with_parameters(weights=2 * tiny.weights)
    betas, n = [1.0, 0.5, 0.0], 20_000
    for first, pair in ((0, 0), (1, 1)):
        chains, v, h_mean = _start(tiny, backend, betas, n, rng, dtype, first)
        chains.step(_stream(backend), v, h_mean)
        one, other = (_at(tiny, beta) for beta in betas[pair : pair + 2])
        states, p = one.visible_probabilities()
        _, q = other.visible_probabilities()
        gain = np.log(p) - np.log(q)
        accept = np.minimum(1, np.exp(gain[None, :] - gain[:, None]))
        expected = p @ accept @ q
        assert 0.1 < expected < 0.95
        assert chains.n_offers[pair] == n
        assert chains.n_offers[1 - pair] == chains.n_swaps[1 - pair] == 0
        error = np.sqrt(expected * (1 - expected) / n)
        assert abs(chains.n_swaps[pair] / n - expected) < 4.5 * error


def test_equal_temperatures_always_exchange(backend, ref, rng):
    tiny = ref.make_tiny()
    chains, v, h_mean = _start(tiny, backend, [0.5, 0.5], 50, rng)
    twin, w, _ = _start(tiny, backend, [0.5, 0.5], 50, np.random.default_rng(1))
    twin.h[...] = backend.asarray(np.array(backend.to_host(chains.h)))
    chains.step(_stream(backend), v, h_mean)
    assert chains.n_swaps == chains.n_offers == [50]
    # the states at the first temperature are those that the second one's chains came to
    twin._exchange = lambda *arguments: None
    hot = []
    sample = type(twin.rbm.visible).sample

    def seen(units, *arguments, **keywords):
        hot.append(sample(units, *arguments, **keywords))
        return hot[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(twin.rbm.visible), "sample", seen)
        twin.step(_stream(backend), w, backend.zeros((50, 3), np.float64))
    np.testing.assert_array_equal(backend.to_host(v), backend.to_host(hot[1]))
    assert not np.array_equal(backend.to_host(v), backend.to_host(w))


@pytest.mark.parametrize(("n_betas", "expected"), [(2, [0, 0, 0]), (3, [1, 0, 1]), (5, [1, 0, 1])])
def test_pairs_alternate(backend, ref, rng, n_betas, expected):
    betas = spaced(n_betas)
    chains, v, h_mean = _start(ref.make_tiny(), backend, betas, 10, rng)
    stream, found = _stream(backend), []
    for _ in range(3):
        before = list(chains.n_offers)
        first = chains.first
        chains.step(stream, v, h_mean)
        found.append(chains.first)
        offered = [new - old for new, old in zip(chains.n_offers, before, strict=True)]
        assert offered == [10 * (i % 2 == first % 2) for i in range(n_betas - 1)]
    assert found == expected


def test_spaced():
    assert spaced(2) == [1.0, 0.0]
    np.testing.assert_allclose(spaced(5), [1.0, 0.75, 0.5, 0.25, 0.0])


@pytest.mark.parametrize("n_before", [1, 2])
def test_goes_on_exactly(backend, ref, rng, n_before):
    """Hidden states, stream and next pair are all that there is to go on from."""
    tiny = ref.make_tiny("softmax", "bernoulli")
    betas = spaced(4)
    chains, v, h_mean = _start(tiny, backend, betas, 6, rng)
    start = np.array(backend.to_host(chains.h))
    stream = _stream(backend)
    for _ in range(5):
        chains.step(stream, v, h_mean)
    expected = [np.array(backend.to_host(array)) for array in (chains.h, v, h_mean)]

    stream, h, first = _stream(backend), start, 0
    base = backend.asarray(_base(tiny))
    for n_steps in (n_before, 5 - n_before):
        parts = ParallelTempering(tiny.rbm(backend), betas, base, backend.asarray(h.copy()), first)
        for _ in range(n_steps):
            parts.step(stream, v, h_mean)
        h, first = np.array(backend.to_host(parts.h)), parts.first
        stream = backend.stream(state=stream.state)
    found = [h, backend.to_host(v), backend.to_host(h_mean)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_crosses_between_modes(plain, ref):
    """All on or all off, equally likely: Gibbs chains stay for ages where tempered ones change."""
    n, strength, n_chains = 4, 1.5, 60
    tiny = ref.make_tiny(n_visible=n, n_hidden=n).with_parameters(
        weights=np.full((n, n), 4 * strength),
        visible_bias=np.full(n, -2 * strength * n),
        hidden_bias=np.full(n, -2 * strength * n),
    )
    rbm, betas = tiny.rbm(plain), spaced(8)
    v, h_mean = np.zeros((n_chains, n)), np.zeros((n_chains, n))
    gibbs_chain(rbm, np.ones((n_chains, n)), 200, _stream(plain), v, h_mean)
    assert (v.mean(1) > 0.5).all()
    h = np.ones((n_chains * len(betas), n))
    chains = ParallelTempering(rbm, betas, np.zeros(n), h)
    stream, seen = _stream(plain), []
    for _ in range(200):
        chains.step(stream, v, h_mean)
        seen.append(v.mean(1) > 0.5)
    on = np.array(seen[100:])
    assert 0.4 < on.mean() < 0.6
    # and it is not that some chains went over and stayed
    assert np.mean(on.any(0) & ~on.all(0)) > 0.8
