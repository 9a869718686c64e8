"""Block Gibbs chains of deep Boltzmann machines leave their distribution as it is."""

import itertools

import numpy as np
import pytest

from skdeepbm.sampling import first_states, layer_chain

N = 10_000
SIZES = [(3, 3, 2), (3, 2, 2, 2)]


def _stream(backend, seed=8):
    return backend.stream(np.random.SeedSequence(seed))


def _run(tiny, backend, odd, n_steps, stream, rooms=False):
    """Odd states after the steps, and the rows of every layer, on the host."""
    dbm, n = tiny.dbm(backend), len(odd[0])

    def buffers():
        return [backend.zeros((n, units.size), np.float64) for units in dbm.layers]

    odd, rows = [backend.asarray(np.array(x)) for x in odd], buffers()
    found = layer_chain(dbm, odd, n_steps, stream, rows, buffers() if rooms else None)
    assert all(a is b for a, b in zip(found, rows, strict=True))
    return [np.array(backend.to_host(x)) for x in odd], [np.array(backend.to_host(x)) for x in rows]


def _products(x, y):
    return (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("sizes", SIZES)
def test_chains_are_stationary(backend, ref, rng, sizes, visible, hidden):
    if visible == "gaussian":
        # a lattice over all states: one real unit, and a sum that is exact to rounding
        sizes = (1, *sizes[1:])
    tiny = ref.make_dbm(sizes, visible, hidden, seed=3)
    states, p = tiny.probabilities()
    start = tiny.draws(N, rng)
    if visible == "gaussian":
        # from the lattice to the line: given the layer above, the density is normal
        start[0] = tiny.layers[0].draw(tiny.input(0, start), rng)
    assert all(ref.within_error(x, p @ y) for x, y in zip(start, states, strict=True))
    odd, rows = _run(tiny, backend, start[1::2], 2, _stream(backend))
    drawn = list(rows)
    drawn[1::2] = odd
    assert not np.array_equal(drawn[1], start[1])
    for found in (drawn, rows):
        for x, y in zip(found, states, strict=True):
            assert ref.within_error(x, p @ y)
        for pair in itertools.pairwise(range(len(sizes))):
            expected = p @ _products(*(states[i] for i in pair))
            assert ref.within_error(_products(*(found[i] for i in pair)), expected)
    # layers of one class are drawn together
    assert ref.within_error(_products(drawn[0], drawn[2]), p @ _products(states[0], states[2]))
    # odd rows are what the odd layers are given the even states
    for i in range(1, len(sizes), 2):
        expected = tiny.layers[i].mean(tiny.input(i, drawn))
        np.testing.assert_allclose(rows[i], expected, rtol=1e-9)


def test_chains_forget_where_they_started(backend, ref):
    tiny = ref.make_dbm((3, 2, 2, 2), seed=3)
    states, p = tiny.probabilities()
    start = [np.ones((5000, 2)), np.ones((5000, 2))]
    odd, rows = _run(tiny, backend, start, 30, _stream(backend))
    for i in range(4):
        assert ref.within_error(rows[i], p @ states[i])


def test_a_chain_goes_on(backend, ref):
    """Steps taken in two calls, with or without buffers, are the steps taken in one."""
    tiny = ref.make_dbm((3, 2, 3, 2))
    start = [np.zeros((8, 2)), np.ones((8, 2))]
    found = []
    for parts in ([4], [1, 3], [2, 1, 1]):
        stream, odd = _stream(backend), start
        for n_steps in parts:
            odd, rows = _run(tiny, backend, odd, n_steps, stream, rooms=len(parts) == 2)
        found.append([*odd, *rows])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(found[0][0], start[0])


def test_first_states(backend, ref):
    """One pass up with doubled weights, drawn layer by layer."""
    tiny = ref.make_dbm((3, 2, 2, 2), seed=2)
    v = np.tile(ref.some_rows(tiny.layers[0], 1), (N, 1))
    found = first_states(tiny.dbm(backend), backend.asarray(v), _stream(backend))
    first, third = (backend.to_host(x) for x in found)
    p = tiny.layers[1].mean(2 * v[:1] @ tiny.weights[0])[0]
    assert ref.within_error(first, p)
    # the layers above by sums over the states below
    one, two = tiny.layers[1].states()[0], tiny.layers[2].states()[0]
    p_one = np.prod(np.where(one > 0, p, 1 - p), axis=1)
    q = tiny.layers[2].mean(2 * one @ tiny.weights[1])
    p_two = p_one @ np.prod(np.where(two[None] > 0, q[:, None], 1 - q[:, None]), axis=2)
    assert ref.within_error(third, p_two @ tiny.layers[3].mean(two @ tiny.weights[2]))


@pytest.mark.parametrize("sizes", SIZES)
def test_chains_with_a_held_label_are_stationary(backend, ref, rng, sizes):
    """In the distribution of the other layers given the label, which never moves."""
    tiny = ref.make_labelled_dbm(sizes, seed=3, std=1.2)
    states, p = tiny.probabilities()
    kept = states[-1][:, 1] == 1
    given, p = [x[kept] for x in states], p[kept] / p[kept].sum()
    chosen = rng.choice(len(p), size=N, p=p)
    start = [x[chosen] for x in given]
    dbm, top = tiny.dbm(backend), backend.asarray(np.tile([0.0, 1.0, 0.0], (N, 1)))
    odd = [backend.asarray(x.copy()) for x in start[1::2]]
    rows = [backend.zeros((N, units.size), np.float64) for units in dbm.layers]
    layer_chain(dbm, odd, 2, _stream(backend), rows, top=top)
    found = [np.array(backend.to_host(x)) for x in rows]
    assert not np.array_equal(backend.to_host(odd[0]), start[1])
    for x, y in zip(found[:-1], given[:-1], strict=True):
        assert ref.within_error(x, p @ y)
    for pair in itertools.pairwise(range(len(sizes))):
        expected = p @ _products(*(given[i] for i in pair))
        assert ref.within_error(_products(*(found[i] for i in pair)), expected)
    # the label makes a difference
    everywhere = [tiny.probabilities()[1] @ x for x in states[:-1]]
    assert max(np.abs(p @ x - y).max() for x, y in zip(given[:-1], everywhere, strict=True)) > 0.05
