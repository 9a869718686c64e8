"""Deep belief nets: passes up and down, generation and filling in, against sums over states."""

import numpy as np
import pytest

from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.units import MultinomialUnits

N = 20_000


def _stream(backend, seed=3):
    return backend.stream(np.random.SeedSequence(seed))


def _hot(label, n_classes, n):
    return np.tile(np.eye(n_classes)[label], (n, 1))


def _host(backend, arrays):
    return [np.array(backend.to_host(array)) for array in arrays]


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_means_by_hand(backend, ref, visible):
    tiny = ref.make_net((3, 2, 4), visible=visible, n_classes=2)
    net, v = tiny.net(backend), ref.some_rows(tiny.visible, 5)
    found = _host(backend, net.up(backend.asarray(v)))
    (up0, one), (up1, two) = tiny.recognition
    h1 = 1 / (1 + np.exp(-(v @ up0 + one.bias)))
    h2 = 1 / (1 + np.exp(-(h1 @ up1 + two.bias)))
    for array, expected in zip(found, [v, h1, h2], strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12)
    found = _host(backend, net.down(backend.asarray(h2)))
    (down0, zero), (down1, one) = tiny.generative
    g1 = 1 / (1 + np.exp(-(h2 @ down1 + one.bias)))
    g0 = g1 @ down0 + zero.bias
    if visible == "bernoulli":
        g0 = 1 / (1 + np.exp(-g0))
    for array, expected in zip(found, [h2, g1, g0], strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_draws_follow_the_states_that_were_drawn(backend, ref, visible):
    tiny = ref.make_net((3, 2, 4), visible=visible)
    net, stream = tiny.net(backend), _stream(backend)
    v = np.tile(ref.some_rows(tiny.visible, 1), (N, 1))
    _, h1, h2 = _host(backend, net.up(backend.asarray(v), stream))
    assert set(np.unique(h1)) == set(np.unique(h2)) == {0.0, 1.0}
    (up0, one), (up1, two) = tiny.recognition
    assert ref.within_error(h1, one.mean(v[:1] @ up0)[0])
    # given each state below, not only on average
    for state in one.states()[0]:
        rows = (h1 == state).all(axis=1)
        assert ref.within_error(h2[rows], two.mean(state[None] @ up1)[0])
    h = np.tile(ref.some_rows(tiny.top.visible, 1), (N, 1))
    _, g1, g0 = _host(backend, net.down(backend.asarray(h), stream))
    (down0, zero), (down1, one) = tiny.generative
    assert ref.within_error(g1, one.mean(h[:1] @ down1)[0])
    for state in one.states()[0]:
        rows = (g1 == state).all(axis=1)
        mean = zero.mean(state[None] @ down0)[0]
        assert ref.within_error(g0[rows], mean)
        variance = zero.variance if visible == "gaussian" else mean * (1 - mean)
        assert ref.within_error((g0[rows] - mean) ** 2, variance)


@pytest.mark.parametrize("sizes", [(3,), (3, 2), (3, 2, 3)])
@pytest.mark.parametrize("label", [None, 0, 1])
def test_generated_rows_have_the_exact_distribution(backend, ref, sizes, label):
    """Given the label, or free; from draws and from expected values alike."""
    tiny, n = ref.make_net(sizes, n_classes=2, seed=7), 6000
    net = tiny.net(backend)
    labels = None if label is None else backend.asarray(_hot(label, 2, n))
    found = net.generate(labels, n, 25, _stream(backend))
    mean, drawn, _, states = _host(backend, found)
    v, p = tiny.visible_probabilities(label)
    hits = (drawn[:, None, :] == v).all(axis=2).astype(float)
    assert ref.within_error(hits, p)
    assert ref.within_error(mean, p @ v)
    assert np.all((mean > 0) & (mean < 1))
    np.testing.assert_array_equal(states.sum(axis=1), 1.0)
    if label is None:
        weights = tiny.top_log_weights(tiny.top.visible.states()[0]) - tiny.log_z()
        assert ref.within_error(states, np.exp(weights).sum(axis=0))
    else:
        np.testing.assert_array_equal(states, _hot(label, 2, n))


@pytest.mark.parametrize("sizes", [(3,), (3, 2), (3, 2, 3)])
def test_labels_matter(ref, sizes):
    """The conditional distributions of the test before differ by far more than its errors."""
    tiny = ref.make_net(sizes, n_classes=2, seed=7)
    one, two = (tiny.visible_probabilities(label)[1] for label in (0, 1))
    assert np.abs(one - two).max() > 0.04


def test_generation_without_steps_starts_from_the_biases(backend, ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    net = tiny.net(backend)
    found = net.generate(None, N, 0, _stream(backend))
    _, _, penultimate, labels = _host(backend, found)
    assert ref.within_error(penultimate, tiny.top.visible.mean(np.zeros(2)))
    p = np.exp(tiny.label_bias)
    assert ref.within_error(labels, p / p.sum())


def test_generation_goes_on_from_given_states(backend, ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    net = tiny.net(backend)
    start = backend.asarray(ref.some_rows(tiny.top.visible, 8))
    found = net.generate(backend.asarray(_hot(1, 2, 8)), 8, 0, _stream(backend), start=start)
    mean, _, penultimate, labels = _host(backend, found)
    np.testing.assert_array_equal(penultimate, backend.to_host(start))
    np.testing.assert_array_equal(labels, _hot(1, 2, 8))
    expected = tiny.visible.mean(penultimate @ tiny.generative[0][0])
    np.testing.assert_allclose(mean, expected, rtol=1e-12)


def test_labels_need_label_units(backend, ref):
    net = ref.make_net((3, 2)).net(backend)
    with pytest.raises(TypeError, match="no label units"):
        net.generate(backend.asarray(_hot(0, 2, 4)), 4, 1, _stream(backend))


def test_gaussian_rows(backend, ref):
    tiny = ref.make_net((2, 2), visible="gaussian")
    net = tiny.net(backend)
    mean, drawn, penultimate, labels = net.generate(None, 6000, 25, _stream(backend))
    assert labels is None
    mean, drawn, penultimate = _host(backend, [mean, drawn, penultimate])
    x, p = tiny.penultimate_probabilities()
    weights, layer = tiny.generative[0]
    expected = p @ (x @ weights + layer.bias)
    assert ref.within_error(drawn, expected)
    np.testing.assert_allclose(mean, penultimate @ weights + layer.bias, rtol=1e-12)
    assert ref.within_error((drawn - mean) ** 2, layer.variance)


# -- filling in -----------------------------------------------------------------------------


def test_filled_in_entries_have_the_exact_distribution(backend, ref):
    """Without directed layers the steps are a Gibbs sampler of the missing entries."""
    tiny, n = ref.make_net((4,), n_classes=2, seed=2), 6000
    net = tiny.net(backend)
    mask = np.array([True, False, True, False])
    row = np.array([1.0, np.nan, 0.0, np.nan])
    v, masks = backend.asarray(np.tile(row, (n, 1))), backend.asarray(np.tile(mask, (n, 1)))
    filled = np.array(backend.to_host(net.fill_in(v, masks, 25, _stream(backend))))
    np.testing.assert_array_equal(filled[:, mask], np.tile(row[mask], (n, 1)))
    states, p = tiny.visible_probabilities()
    known = (states[:, mask] == row[mask]).all(axis=1)
    expected = (p[known] @ states[known]) / p[known].sum()
    assert ref.within_error(filled[:, ~mask], expected[~mask])


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_filling_in_with_expected_values_by_hand(backend, ref, visible):
    tiny = ref.make_net((3, 2), n_classes=2, visible=visible)
    net, v = tiny.net(backend), ref.some_rows(tiny.visible, 4)
    mask = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]], dtype=bool)
    filled = net.fill_in(backend.asarray(v), backend.asarray(mask), 2)
    (up, one), (down, zero) = tiny.recognition[0], tiny.generative[0]
    start = zero.mean(np.zeros(3))
    state = np.where(mask, v, start)
    labels = np.exp(tiny.label_bias) / np.exp(tiny.label_bias).sum()
    for _ in range(2):
        a = one.mean(state @ up) @ tiny.top.weights + labels @ tiny.label_weights
        h = tiny.top.hidden.mean(a)
        labels = np.exp(h @ tiny.label_weights.T + tiny.label_bias)
        labels /= labels.sum(axis=1, keepdims=True)
        x = tiny.top.visible.mean(h @ tiny.top.weights.T)
        state = np.where(mask, v, zero.mean(x @ down))
    np.testing.assert_allclose(backend.to_host(filled), state, rtol=1e-12)


@pytest.mark.parametrize("drawn", [False, True])
def test_no_step_leaves_the_start(backend, ref, drawn):
    tiny = ref.make_net((3, 2), visible="gaussian")
    net, v = tiny.net(backend), ref.some_rows(tiny.visible, 4)
    mask = backend.asarray(np.zeros((4, 3), dtype=bool))
    filled = net.fill_in(backend.asarray(v), mask, 0, _stream(backend) if drawn else None)
    np.testing.assert_allclose(backend.to_host(filled), np.tile(tiny.visible.bias, (4, 1)))


# -- stacks of RBMs -------------------------------------------------------------------------


def test_stack_of_rbms(backend, ref):
    """Passes up and down are those of the RBMs; the net's arrays are its own."""
    bottom = ref.make_tiny("gaussian", "bernoulli", n_hidden=4)
    top = ref.make_tiny("bernoulli", "bernoulli", n_visible=4, seed=1)
    rbms = [bottom.rbm(backend), top.rbm(backend)]
    net = BeliefNet.of_rbms(rbms)
    assert net.top is rbms[1]
    v = ref.some_rows(bottom.visible, 5)
    h = bottom.hidden.mean(bottom.hidden_input(v))
    np.testing.assert_allclose(backend.to_host(net.up(backend.asarray(v))[1]), h, rtol=1e-12)
    expected = bottom.visible.mean(bottom.visible_input(h))
    found = net.down(backend.asarray(h))[1]
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-12)
    (up,), (down,) = net.recognition, net.generative
    for array in (up.weights, up.units.bias, down.weights, down.units.bias):
        array += 1.0
    np.testing.assert_array_equal(backend.to_host(rbms[0].weights), bottom.weights)
    np.testing.assert_array_equal(backend.to_host(rbms[0].visible.bias), bottom.visible.bias)
    np.testing.assert_array_equal(backend.to_host(rbms[0].hidden.bias), bottom.hidden.bias)
    if backend.name == "numpy":
        assert down.weights.flags.c_contiguous
        assert up.weights.flags.c_contiguous


def test_stack_on_documents(backend, ref):
    """Counts go up with the length of the document; down come the probabilities of a word."""
    words = ref.make_words()
    top = ref.make_tiny("bernoulli", "bernoulli", n_visible=4)
    net = BeliefNet.of_rbms([words.model(backend), top.rbm(backend)])
    assert isinstance(net.visible, MultinomialUnits)
    v = ref.some_documents(3, [4, 1, 9])
    states = net.up(backend.asarray(v))
    np.testing.assert_allclose(backend.to_host(states[1]), words.hidden_mean(v), rtol=1e-10)
    h = words.hidden_mean(v)
    expected = words.word_probabilities(h)
    np.testing.assert_allclose(backend.to_host(net.down(backend.asarray(h))[1]), expected)
    fantasies = net.generate(None, 4, 2, _stream(backend))
    assert fantasies.drawn is None
    np.testing.assert_allclose(backend.to_host(fantasies.mean).sum(axis=1), 1.0)
    with pytest.raises(TypeError, match="how many words"):
        net.down(backend.asarray(h), _stream(backend))
    with pytest.raises(TypeError, match="no missing entries"):
        net.fill_in(backend.asarray(v), backend.asarray(v > 0), 1)


def test_float32_stays_float32(backend, ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    net, stream = tiny.net(backend, np.float32), _stream(backend)
    v = backend.asarray(ref.some_rows(tiny.visible, 4).astype(np.float32))
    mask = backend.asarray(np.zeros((4, 3), dtype=bool))
    found = [*net.up(v), *net.up(v, stream), *net.down(net.up(v)[-1], stream)]
    found += [*net.generate(None, 4, 2, stream), net.fill_in(v, mask, 2, stream)]
    assert {array.dtype for array in _host(backend, found)} == {np.dtype(np.float32)}
