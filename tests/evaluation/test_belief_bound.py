"""The bound on the log-likelihood of a deep belief net, against sums over all states."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.evaluation.belief_bound import belief_bound
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.evaluation.partition import estimated_log_partition
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.units import JointUnits

SIZES = [(3,), (3, 2), (3, 2, 3)]


def _bound(tiny, backend, v, n_draws, label=None, seed=0):
    net = tiny.net(backend)
    labels = None if label is None else backend.asarray(_hot(tiny, label, len(v)))
    stream = backend.stream(np.random.SeedSequence(seed))
    found = belief_bound(net, backend.asarray(v), tiny.log_z(), n_draws, stream, labels)
    return np.array(backend.to_host(found))


def _hot(tiny, label, n):
    return np.tile(np.eye(tiny.n_classes)[label], (n, 1))


def test_references_agree(ref):
    """The exact bound is under the exact log-likelihood, whose exponentials sum to one."""
    for sizes in SIZES:
        for seed in range(4):
            tiny = ref.make_net(sizes, n_classes=2, seed=seed)
            states = tiny.visible.states()[0]
            exact = tiny.log_likelihoods(states)
            assert logsumexp(exact) == pytest.approx(0, abs=1e-12)
            both = logsumexp([tiny.log_likelihoods(states, y) for y in (0, 1)], axis=0)
            np.testing.assert_allclose(both, exact)
            gap = exact - tiny.bounds(states)
            assert np.all(gap > -1e-12)
            assert (gap.max() > 0.05) == (len(sizes) > 1)


def test_partition_function_with_labels(backend, ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    top = tiny.net(backend).top
    assert isinstance(top.visible, JointUnits)
    assert exact_log_partition(top) == pytest.approx(tiny.log_z(), rel=1e-10)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_annealing_with_labels(compiled, ref, visible, monkeypatch):
    """Features and labels side by side are annealed like any visible layer, both ways."""
    tiny = ref.make_net((4,), n_classes=3, visible=visible)
    top, exact = tiny.net(compiled).top, exact_log_partition(tiny.net(compiled).top)
    seed = np.random.SeedSequence(4)
    found = estimated_log_partition(top, 200, 100, seed)
    assert found.lower < exact < found.upper
    assert found.upper - found.lower < 0.2
    # so small a machine forgets where it started at once
    monkeypatch.setattr("skdeepbm.evaluation.partition._BURN_IN", 50)
    rows = np.concatenate([ref.some_rows(tiny.visible, 100), _hot(tiny, 1, 100)], axis=1)
    found = estimated_log_partition(top, 100, 100, seed, compiled.asarray(rows))
    assert found.reverse == pytest.approx(exact, abs=0.2)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(("n_classes", "label"), [(0, None), (2, None), (2, 1)])
def test_no_directed_layers(backend, ref, visible, n_classes, label):
    """Then it is the log-likelihood, and the free energies say so too."""
    tiny = ref.make_net((3,), n_classes=n_classes, visible=visible)
    v = ref.some_rows(tiny.visible, 5)
    found = _bound(tiny, backend, v, 3, label)
    np.testing.assert_allclose(found, tiny.log_likelihoods(v, label), rtol=1e-10)
    if not n_classes:
        np.testing.assert_allclose(found, -tiny.top.free_energy(v) - tiny.top.log_z(), rtol=1e-7)


@pytest.mark.parametrize("sizes", SIZES[1:])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(("n_classes", "label"), [(0, None), (2, None), (2, 1)])
def test_bound_is_exact_on_average(backend, ref, sizes, visible, n_classes, label):
    tiny = ref.make_net(sizes, n_classes=n_classes, visible=visible)
    rows = ref.some_rows(tiny.visible, 4)
    exact, bounds = tiny.log_likelihoods(rows, label), tiny.bounds(rows, label)
    assert np.all(bounds < exact)
    for row, expected in zip(rows, bounds, strict=True):
        found = _bound(tiny, backend, np.tile(row, (4000, 1)), 1, label)
        assert ref.within_error(found[:, None], np.array([expected]))


def test_draws_are_averaged(backend, ref):
    tiny = ref.make_net((3, 2, 3))
    v = np.tile(ref.some_rows(tiny.visible, 1), (2000, 1))
    one, many = (_bound(tiny, backend, v, n_draws) for n_draws in (1, 16))
    assert ref.within_error(many[:, None], tiny.bounds(v[:1]))
    assert many.std() == pytest.approx(one.std() / 4, rel=0.15)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_tight_for_an_rbm_and_its_mirror_image(backend, ref, visible):
    """A net of an RBM and the same RBM upside down is that RBM, and q its exact posterior."""
    tiny = ref.make_tiny(visible, "bernoulli", n_visible=3, n_hidden=2)
    mirrored = ref.Tiny(tiny.hidden, tiny.visible, tiny.weights.T)
    if visible == "gaussian":
        # hidden units of an RBM have the variance 1: it is folded into the weights
        scale = np.sqrt(tiny.visible.variance)
        units = ref.Layer("gaussian", tiny.visible.bias / scale)
        mirrored = ref.Tiny(tiny.hidden, units, tiny.weights.T / scale)
    v = ref.some_rows(tiny.visible, 5)
    rbms = [tiny.rbm(backend), mirrored.rbm(backend)]
    net = BeliefNet.of_rbms(rbms)
    stream = backend.stream(np.random.SeedSequence(1))
    log_z = exact_log_partition(net.top)
    many = backend.asarray(np.repeat(v, 2000, axis=0))
    found = np.array(backend.to_host(belief_bound(net, many, log_z, 1, stream)))
    exact = -tiny.free_energy(v) - tiny.log_z()
    for i, expected in enumerate(exact):
        part = found[2000 * i : 2000 * (i + 1)]
        assert ref.within_error(part[:, None], np.array([expected]))
    if visible == "bernoulli":
        # and with q summed over
        up, down = (tiny.weights, tiny.hidden), (tiny.weights.T, tiny.visible)
        reference = ref.TinyNet([up], [down], mirrored)
        np.testing.assert_allclose(reference.bounds(v), exact, atol=1e-6)
        np.testing.assert_allclose(reference.log_likelihoods(v), exact, atol=1e-6)


def test_documents(backend, ref):
    """Of the sequence of a document's words; the same as p(v) = sum_h p(v | h) p(h) bounded."""
    words, lengths = ref.make_words(n_hidden=3), [4, 1]
    top = ref.make_tiny("bernoulli", "bernoulli", n_visible=3, seed=1)
    net = BeliefNet.of_rbms([words.model(backend), top.rbm(backend)])
    rows = ref.some_documents(3, lengths)
    states, p = top.visible_probabilities()
    log_words = np.log(words.word_probabilities(states))
    for v in rows:
        q = words.hidden_mean(v[None])[0]
        log_q = np.log(np.where(states > 0, q, 1 - q)).sum(axis=1)
        expected = np.exp(log_q) @ (log_words @ v + np.log(p) - log_q)
        stream = backend.stream(np.random.SeedSequence(2))
        many = backend.asarray(np.tile(v, (4000, 1)))
        found = belief_bound(net, many, top.log_z(), 1, stream)
        assert ref.within_error(backend.to_host(found)[:, None], np.array([expected]))
        assert expected < logsumexp(log_words @ v + np.log(p))


def test_rows_in_parts(backend, ref, monkeypatch):
    tiny = ref.make_net((3,), n_classes=2)
    v = ref.some_rows(tiny.visible, 7)
    whole = _bound(tiny, backend, v, 1)
    monkeypatch.setattr("skdeepbm.evaluation.belief_bound._ROOM", 10)
    np.testing.assert_allclose(_bound(tiny, backend, v, 1), whole, rtol=1e-12)


def test_relu_units_have_no_bound(backend, ref):
    bottom = ref.make_tiny("bernoulli", "relu")
    top = ref.make_tiny("gaussian", "bernoulli")
    net = BeliefNet.of_rbms([bottom.rbm(backend), top.rbm(backend)])
    v = backend.asarray(ref.some_rows(bottom.visible, 3))
    with pytest.raises(TypeError, match="no energy"):
        belief_bound(net, v, 0.0, 1, backend.stream(np.random.SeedSequence(0)))
