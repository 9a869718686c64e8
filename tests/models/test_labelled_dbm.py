"""The deep Boltzmann machine with a label, against sums over all states."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp

from skdeepbm.evaluation.dbm_likelihood import exact_label_log_posterior
from skdeepbm.models.labelled_dbm import (
    bound_log_posterior,
    label_bounds,
    mean_field_log_posterior,
)
from skdeepbm.models.mean_field import (
    MeanField,
    mean_field,
    mean_field_inputs,
    settled_means,
    variational_bound,
)

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]
CODES = np.array([0, 2, -1, 1, -1])


def _rows(ref, tiny):
    return ref.some_rows(tiny.layers[0], CODES.size)


def _hot(codes=CODES, n_classes=3):
    return (codes[:, None] == np.arange(n_classes)).astype(float)


def _host(backend, arrays):
    return [np.array(backend.to_host(array)) for array in arrays]


def _inferred(tiny, backend, v, top, tolerance=1e-13, max_steps=1000):
    top = None if top is None else backend.asarray(top)
    found, _ = mean_field(tiny.dbm(backend), backend.asarray(v), tolerance, max_steps, top)
    return _host(backend, found)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_posterior_of_the_label(backend, ref, sizes, visible):
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    v = _rows(ref, tiny)
    found = exact_label_log_posterior(tiny.dbm(backend), backend.asarray(v))
    expected = log_softmax(tiny.joint_log_weights(v), axis=1)
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_machine_given_a_label(backend, ref, sizes, visible):
    """``E(v, h, c) = E_c(v, h) - d_c``."""
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    states = [ref.some_rows(layer, 4) for layer in tiny.layers[:-1]]
    dbm = tiny.dbm(backend)
    for code in range(3):
        label = np.tile(np.eye(3)[code], (4, 1))
        energy = dbm.given(code).energy([backend.asarray(x) for x in states])
        expected = tiny.energies([*states, label]) + tiny.layers[-1].bias[code]
        np.testing.assert_allclose(backend.to_host(energy), expected, rtol=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
def test_pass_up(backend, ref, sizes):
    """The last hidden layer, above which there is only the label, is not made up for."""
    tiny = ref.make_labelled_dbm(sizes)
    v = _rows(ref, tiny)
    x, means = v, _inferred(tiny, backend, v, None, max_steps=0)
    for i in range(1, len(sizes)):
        factor = 2 if i < len(sizes) - 1 else 1
        x = expit(factor * x @ tiny.weights[i - 1] + tiny.layers[i].bias)
        np.testing.assert_allclose(means[i - 1], x, rtol=1e-10)
    one = settled_means(tiny.dbm(backend), backend.asarray(v), max_steps=0)
    np.testing.assert_allclose(backend.to_host(one[-2]), x, rtol=1e-10)


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_fixed_point_with_some_labels(backend, ref, sizes, visible):
    """Known labels are held, the others and all hidden layers have their expected values."""
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    v = _rows(ref, tiny)
    for codes in (CODES, np.array([1, 1, 0, 2, 0]), np.full(5, -1)):
        found = _inferred(tiny, backend, v, _hot(codes))
        states = [v, *found]
        for i in range(1, len(tiny.layers)):
            again = tiny.layers[i].mean(tiny.input(i, states))
            if i == len(sizes):
                again = np.where(codes[:, None] >= 0, _hot(codes), again)
            np.testing.assert_allclose(states[i], again, rtol=1e-9, atol=1e-12)
        if (codes < 0).all():
            for a, b in zip(found, _inferred(tiny, backend, v, None), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_held_label_stays_in_the_pass_up_and_in_a_single_step(backend, ref, sizes):
    tiny = ref.make_labelled_dbm(sizes)
    v, known = _rows(ref, tiny), CODES >= 0
    for n_steps in (0, 1):
        label = _inferred(tiny, backend, v, _hot(), max_steps=n_steps)[-1]
        np.testing.assert_array_equal(label[known], _hot()[known])
        assert ((label[~known] > 0) & (label[~known] < 1)).all()


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_inference_with_a_label_is_that_of_the_machine_given_it(backend, ref, sizes, visible):
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    v, dbm = _rows(ref, tiny), tiny.dbm(backend)
    for code in range(3):
        hot = _hot(np.full(5, code))
        found = _inferred(tiny, backend, v, hot)[:-1]
        given = settled_means(dbm.given(code), backend.asarray(v), 1e-13, 1000)
        for a, b in zip(found, _host(backend, given), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("sizes", SIZES)
def test_bound_with_a_label(backend, ref, rng, sizes):
    """Of any q: sums over all hidden states, and below the exact joint weight."""
    tiny = ref.make_labelled_dbm(sizes)
    v, dbm = _rows(ref, tiny), tiny.dbm(backend)
    codes = np.array([0, 2, 2, 1, 0])
    inputs = [rng.normal(size=(5, len(layer.bias))) for layer in tiny.layers[1:]]
    q = [layer.mean(a) for layer, a in zip(tiny.layers[1:-1], inputs[:-1], strict=True)]
    arguments = backend.asarray(v), [backend.asarray(a) for a in inputs]
    found = backend.to_host(variational_bound(dbm, *arguments, backend.asarray(_hot(codes))))
    np.testing.assert_allclose(found, tiny.label_bounds(v, codes, q), rtol=1e-9)
    assert (found < tiny.joint_log_weights(v)[np.arange(5), codes]).all()
    # rows without a label have the bound of the label summed out
    mixed = backend.to_host(variational_bound(dbm, *arguments, backend.asarray(_hot())))
    free = backend.to_host(variational_bound(dbm, *arguments))
    np.testing.assert_array_equal(mixed[CODES < 0], free[CODES < 0])
    np.testing.assert_array_equal(mixed[:2], found[:2])


@pytest.mark.parametrize("sizes", SIZES)
def test_bounds_of_every_label(backend, ref, sizes):
    tiny = ref.make_labelled_dbm(sizes)
    v, dbm = _rows(ref, tiny), tiny.dbm(backend)
    found = np.array(backend.to_host(label_bounds(dbm, backend.asarray(v), 1e-13, 1000)))
    for code in range(3):
        codes = np.full(5, code)
        q = _inferred(tiny, backend, v, _hot(codes))[:-1]
        np.testing.assert_allclose(found[:, code], tiny.label_bounds(v, codes, q), rtol=1e-9)
    exact = tiny.joint_log_weights(v)
    assert (found < exact).all()
    # together they are closer to log p*(v) than one factorial q over hidden layers and label
    means = [backend.asarray(q) for q in _inferred(tiny, backend, v, None)]
    inputs = mean_field_inputs(dbm, backend.asarray(v), means)
    single = backend.to_host(variational_bound(dbm, backend.asarray(v), inputs))
    together = logsumexp(found, axis=1)
    assert (single < together).all()
    assert (together < logsumexp(exact, axis=1)).all()


@pytest.mark.parametrize("sizes", SIZES)
def test_posteriors_by_inference(backend, ref, sizes):
    """From the bounds, and, farther from the exact one, from mean field of the label too."""
    tiny = ref.make_labelled_dbm(sizes, std=1.2)
    v, dbm = _rows(ref, tiny), tiny.dbm(backend)
    there = backend.asarray(v)
    bounds = backend.to_host(label_bounds(dbm, there))
    by_bound = backend.to_host(bound_log_posterior(dbm, there))
    np.testing.assert_allclose(by_bound, log_softmax(bounds, axis=1), rtol=1e-9)
    by_mean_field = backend.to_host(mean_field_log_posterior(dbm, there))
    q = _inferred(tiny, backend, v, None)[-1]
    np.testing.assert_allclose(by_mean_field, np.log(q), atol=1e-5)
    exact = log_softmax(tiny.joint_log_weights(v), axis=1)
    errors = [np.abs(found - exact).max() for found in (by_bound, by_mean_field)]
    assert errors[0] < 0.5 * errors[1] < 0.05


def test_buffers_serve_known_and_unknown_labels(backend, ref):
    tiny = ref.make_labelled_dbm((3, 2, 3, 2))
    dbm = tiny.dbm(backend)
    inference, v = MeanField(dbm), backend.asarray(_rows(ref, tiny))
    for codes in (CODES, None, np.array([0, 1, 2, 0, 1])):
        top = None if codes is None else _hot(codes)
        means = [backend.empty((5, units.size), np.float64) for units in dbm.layers[1:]]
        inference.run(v, means, 1e-13, 1000, None if top is None else backend.asarray(top))
        for a, b in zip(
            _host(backend, means), _inferred(tiny, backend, _rows(ref, tiny), top), strict=True
        ):
            np.testing.assert_array_equal(a, b)
