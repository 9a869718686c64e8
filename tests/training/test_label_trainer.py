"""Generative steps with a label, and labels drawn where there are none."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp

from skdeepbm.backends import Counts
from skdeepbm.training import (
    Batch,
    LabelledRows,
    LabelTrainer,
    RBMTrainer,
    TrainingSettings,
    TrainingState,
)
from skdeepbm.training.label_monitor import LABEL_MEASURES

HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]


def _trainer(tiny, backend, *, kind=LabelTrainer, dtype=np.float64, sparse=False, **settings):
    settings = {"centring": False, "learning_rate": 1.0, **settings}
    return kind(
        tiny.rbm(backend, dtype),
        TrainingSettings(**settings),
        TrainingState(),
        np.random.SeedSequence(0),
        sparse,
    )


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
def test_rows_with_labels_are_rows_of_an_rbm(backend, ref, take_step, visible, algorithm):
    tiny = ref.make_labelled(visible)
    rows = tiny.joint(ref.some_rows(tiny.features.visible, 5), np.array([0, 2, 1, 1, 0]))
    found, expected = (
        take_step(_trainer(tiny, backend, kind=kind, algorithm=algorithm), rows)
        for kind in (LabelTrainer, RBMTrainer)
    )
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_missing_labels_are_drawn_from_the_posterior(compiled, ref, given_phase, visible, hidden):
    """The mean step over many rows is the gradient of log p(x) in the positive phase."""
    tiny, n = ref.make_labelled(visible, hidden), 20_000
    x = np.tile(ref.some_rows(tiny.features.visible, 1), (n, 1))
    rows = tiny.joint(x, np.full(n, -1))
    given_phase.v, given_phase.h = np.zeros_like(rows), np.zeros((n, tiny.hidden_size))
    trainer = _trainer(tiny, compiled, algorithm="given")
    before = {name: array.copy() for name, array in trainer.parameters().items()}
    trainer.step(Batch(rows.copy()))
    change = {name: array - before[name] for name, array in trainer.parameters().items()}
    p = np.exp(tiny.log_posterior(x[:1]))[0]
    means = tiny.hidden_means(x[:1])[:, 0]
    error = 4.5 * np.sqrt(p * (1 - p) / n) + 1e-9
    assert (np.abs(change["visible_bias"][x.shape[1] :] - p) <= error).all()
    spread = 4.5 * np.abs(means).max() / np.sqrt(n)
    np.testing.assert_allclose(change["hidden_bias"], p @ means, atol=spread)
    labels = change["weights"][x.shape[1] :]
    np.testing.assert_allclose(labels, p[:, None] * means, atol=spread)


def test_given_labels_stay(backend, ref, take_step, given_phase):
    """Only rows without a label get one."""
    tiny = ref.make_labelled()
    x, codes = ref.some_rows(tiny.features.visible, 6), np.array([0, -1, 2, -1, 0, 0])
    rows = tiny.joint(x, codes)
    given_phase.v, given_phase.h = np.zeros_like(rows), np.zeros((6, tiny.hidden_size))
    trainer = _trainer(tiny, backend, algorithm="given")
    label_bias = take_step(trainer, rows)["visible_bias"][x.shape[1] :]
    # three rows of class 0, one of class 2 and two that were drawn
    assert label_bias.sum() == pytest.approx(1.0)
    assert label_bias[0] >= 3 / 6 - 1e-12
    assert label_bias[2] >= 1 / 6 - 1e-12


def test_csr_equals_dense(compiled, ref, parameters):
    tiny, codes = ref.make_labelled(), np.array([1, -1, 2, 1, -1])
    rows, found = tiny.joint(ref.some_rows(tiny.features.visible, 5), codes), []
    for sparse in (False, True):
        trainer = _trainer(tiny, compiled, sparse=sparse, centring=True)
        for _ in range(3):
            batch = Batch(None, Counts.of(sp.csr_array(rows))) if sparse else Batch(rows.copy())
            trainer.step(batch)
        found.append(parameters(trainer))
    for name in found[0]:
        np.testing.assert_allclose(*(each[name] for each in found), rtol=1e-9, err_msg=name)


def test_history(backend, ref, hooks):
    tiny = ref.make_labelled()
    x, codes = ref.some_rows(tiny.features.visible, 30), np.arange(30) % 4 - 1
    rows = LabelledRows(backend, x, np.float64, codes, 3)
    trainer = _trainer(tiny, backend, learning_rate=1e-9, shuffle=False)
    held_out = np.arange(20, 30)
    trainer.run(rows, 1, hooks, held_out)
    (entry,) = hooks.entries
    assert set(entry) == {*LABEL_MEASURES, "epoch_time"}
    for part, prefix in ((np.arange(20), ""), (held_out, "validation_")):
        known = part[codes[part] >= 0]
        log_p = tiny.log_posterior(x[known])
        expected = -log_p[np.arange(known.size), codes[known]].mean()
        assert entry[f"{prefix}cross_entropy"] == pytest.approx(expected, rel=1e-5)
        wrong = (log_p.argmax(axis=1) != codes[known]).mean()
        assert entry[f"{prefix}error"] == pytest.approx(wrong)
        energy = -logsumexp(-tiny.free_energies(x[part]), axis=1)
        assert entry[f"{prefix}free_energy"] == pytest.approx(energy.mean(), rel=1e-5)


def test_history_without_any_label(backend, ref, hooks):
    tiny = ref.make_labelled()
    x = ref.some_rows(tiny.features.visible, 4)
    rows = LabelledRows(backend, x, np.float64, np.full(4, -1), 3)
    _trainer(tiny, backend, learning_rate=1e-9).run(rows, 1, hooks)
    assert np.isnan(hooks.entries[0]["cross_entropy"])
    assert np.isnan(hooks.entries[0]["error"])


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_labelled_rows(backend, form):
    """Features and one-hot labels side by side, in any order and number."""
    rng = np.random.default_rng(0)
    x, index = rng.integers(0, 3, (5, 4)) * 1.0, np.array([4, 0, 0, 2])
    codes = np.array([1, -1, 0, 1])
    X = x if form == "dense" else sp.csr_array(x)
    rows = LabelledRows(backend, X, np.float32, codes, 2, index)
    expected = np.hstack([x[index], [[0, 1], [0, 0], [1, 0], [0, 1]]])
    assert rows.n_rows == 4
    some = np.array([3, 1])
    dense = backend.to_host(rows.dense(some))
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, expected[some])
    np.testing.assert_array_equal(backend.to_host(rows.part(1, 4)), expected[1:])
    if not rows.keep_sparse:
        out = backend.zeros((4, 6), np.float32)
        rows.batch(np.arange(4), out)
        np.testing.assert_array_equal(backend.to_host(out), expected)
