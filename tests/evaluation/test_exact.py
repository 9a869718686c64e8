"""Exact partition functions against sums over all joint states."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.evaluation.partition import LogPartition, cached_log_partition

DISCRETE = ["bernoulli", "softmax"]


@pytest.mark.parametrize("hidden", DISCRETE)
@pytest.mark.parametrize("visible", DISCRETE)
@pytest.mark.parametrize("smaller", ["visible", "hidden"])
def test_discrete_units(backend, ref, visible, hidden, smaller):
    n = {"n_visible": 2, "n_hidden": 7} if smaller == "visible" else {"n_visible": 7, "n_hidden": 2}
    tiny = ref.make_tiny(visible, hidden, seed=1, **n)
    v, h = tiny.visible.states()[0], tiny.hidden.states()[0]
    assert (len(v) < len(h)) == (smaller == "visible")
    expected = logsumexp(-tiny.energy(v, h))
    assert exact_log_partition(tiny.rbm(backend)) == pytest.approx(expected, rel=1e-12)


def test_several_softmax_groups(backend, ref):
    tiny = ref.make_tiny("softmax", "softmax")
    assert tiny.visible.groups == tiny.hidden.groups == (2, 3)
    expected = logsumexp(-tiny.energy(tiny.visible.states()[0], tiny.hidden.states()[0]))
    assert exact_log_partition(tiny.rbm(backend)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("hidden", DISCRETE)
def test_gaussian_visible_is_a_mixture(backend, ref, hidden):
    tiny = ref.make_tiny("gaussian", hidden, seed=2)
    # by integration over a lattice ...
    assert exact_log_partition(tiny.rbm(backend)) == pytest.approx(tiny.log_z(), rel=1e-11)
    # ... and in closed form: exp(-E) completes the square of (v - b - W h)
    b, variance = tiny.visible.bias, tiny.visible.variance
    log_weights = []
    for h in tiny.hidden.states()[0]:
        shift = tiny.weights @ h
        square = (2 * b * shift + shift**2) / (2 * variance)
        volume = 0.5 * np.log(2 * np.pi * variance).sum()
        log_weights.append(tiny.hidden.bias @ h + square.sum() + volume)
    assert tiny.log_z() == pytest.approx(logsumexp(log_weights), rel=1e-11)


@pytest.mark.parametrize("visible", DISCRETE)
@pytest.mark.parametrize("hidden", ["gaussian", "relu"])
def test_continuous_hidden(backend, ref, visible, hidden):
    tiny = ref.make_tiny(visible, hidden)
    assert exact_log_partition(tiny.rbm(backend)) == pytest.approx(tiny.log_z(), rel=1e-11)


@pytest.mark.parametrize("visible", ["bernoulli", "softmax", "gaussian"])
def test_probabilities_add_up_to_one(plain, ref, visible):
    tiny = ref.make_tiny(visible, "bernoulli")
    rbm = tiny.rbm(plain)
    v, log_volume = tiny.visible.states()
    log_p = -rbm.free_energy(v) - exact_log_partition(rbm)
    assert logsumexp(log_p) + log_volume == pytest.approx(0, abs=1e-11)


def test_many_states_are_streamed(plain, ref, rng):
    """2**16 states in several pieces; the sum is known because each unit has its own columns."""
    n_hidden, own = 16, 4
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=n_hidden * own, n_hidden=n_hidden)
    weights, expected = np.zeros_like(tiny.weights), 0.0
    b, c = tiny.visible.bias, tiny.hidden.bias
    for j in range(n_hidden):
        part = slice(j * own, (j + 1) * own)
        weights[part, j] = rng.normal(0, 1, own)
        off = np.logaddexp(0, b[part]).sum()
        on = c[j] + np.logaddexp(0, b[part] + weights[part, j]).sum()
        expected += np.logaddexp(off, on)
    rbm = tiny.with_parameters(weights=weights).rbm(plain)
    sizes = []
    enumerate_states = rbm.hidden.states

    def states(start, stop, dtype):
        sizes.append(stop - start)
        return enumerate_states(start, stop, dtype)

    rbm.hidden.states = states
    assert exact_log_partition(rbm) == pytest.approx(expected, rel=1e-12)
    assert sum(sizes) == 2**16
    assert len(sizes) > 1


def test_terms_of_any_size(backend, ref):
    tiny = ref.make_tiny()
    shifted = tiny.with_parameters(hidden_bias=tiny.hidden.bias - 2000.0)
    # with every hidden unit off what is left are independent visible units
    expected = np.logaddexp(0, tiny.visible.bias).sum()
    with backend.quiet():
        assert exact_log_partition(shifted.rbm(backend)) == pytest.approx(expected, rel=1e-12)
    shifted = tiny.with_parameters(visible_bias=tiny.visible.bias + 2000.0)
    with backend.quiet():
        found = exact_log_partition(shifted.rbm(backend))
    assert found == pytest.approx(shifted.log_z(), rel=1e-12)
    assert found > 5000


@pytest.mark.parametrize(
    ("visible", "hidden", "sizes"),
    [
        ("bernoulli", "bernoulli", (21, 21)),
        ("gaussian", "bernoulli", (2, 21)),
        ("bernoulli", "relu", (21, 2)),
        ("gaussian", "gaussian", (2, 2)),
        ("gaussian", "relu", (2, 2)),
    ],
)
def test_too_many_states(plain, ref, visible, hidden, sizes):
    rbm = ref.make_tiny(visible, hidden, n_visible=sizes[0], n_hidden=sizes[1]).rbm(plain)
    message = (
        f"cannot be computed exactly.*{sizes[0]} {visible} visible and {sizes[1]} {hidden} hidden"
    )
    with pytest.raises(ValueError, match=message):
        exact_log_partition(rbm)


@pytest.mark.parametrize("name", ["weights", "visible_bias", "hidden_bias", "log_variance"])
def test_cache_notices_changes_in_place(backend, ref, name):
    tiny = ref.make_tiny("gaussian", "bernoulli", seed=4)
    rbm = tiny.rbm(backend)
    first = cached_log_partition(rbm)
    assert isinstance(first, LogPartition)
    assert first.value == first.lower == first.upper == pytest.approx(tiny.log_z(), rel=1e-11)
    assert first.method == "exact"
    array = {
        "weights": rbm.weights,
        "visible_bias": rbm.visible.bias,
        "hidden_bias": rbm.hidden.bias,
        "log_variance": rbm.visible.log_variance,
    }[name]
    array += 0.125
    moved = tiny.with_parameters(**{name: tiny.parameters()[name] + 0.125})
    assert cached_log_partition(rbm).value == pytest.approx(moved.log_z(), rel=1e-11)
    assert abs(moved.log_z() - tiny.log_z()) > 1e-3
    array -= 0.125
    assert cached_log_partition(rbm).value == pytest.approx(first.value, rel=1e-13)


def test_cache_computes_once(plain, ref, monkeypatch):
    from skdeepbm.evaluation import partition

    rbm = ref.make_tiny(seed=99).rbm(plain)
    value = cached_log_partition(rbm).value
    monkeypatch.setattr(partition, "exact_log_partition", lambda rbm: pytest.fail("computed again"))
    assert cached_log_partition(rbm).value == value


def test_cache_tells_kinds_and_groups_apart(plain, ref):
    wide = ref.make_tiny("softmax", "bernoulli", n_visible=4)
    assert wide.visible.groups == (4,)
    found = {cached_log_partition(wide.rbm(plain)).value}
    for kind, groups in [("softmax", (2, 2)), ("bernoulli", None)]:
        wide.visible.kind, wide.visible.groups = kind, groups
        value = cached_log_partition(wide.rbm(plain)).value
        assert value == pytest.approx(wide.log_z(), rel=1e-12)
        found.add(value)
    assert len(found) == 3
