"""Training of a replicated softmax with hidden words: both phases are of all words."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, logsumexp, softmax

from skdeepbm.models.over_replicated import OverReplicatedSoftmax
from skdeepbm.training import Batch, TrainingSettings, TrainingState, WordTrainer
from skdeepbm.training.word_monitor import measure_words
from skdeepbm.training.word_phases import Fantasy

BASE = np.log([0.5, 0.2, 0.3])
LENGTHS = [4, 1, 9, 2]
M = 6


def _make_trainer(tiny, backend, *, dtype=np.float64, **settings):
    defaults = {"centring": False, "learning_rate": 1.0, "batch_size": 4, "n_temperatures": 2}
    settings = TrainingSettings(**{**defaults, "n_hidden_words": M, **settings})
    state = TrainingState(base_bias=BASE, n_batches=1)
    return WordTrainer(tiny.model(backend, dtype), settings, state, np.random.SeedSequence(0))


def _batch(ref, backend, v, form="dense", dtype=np.float64):
    counts = ref.put_counts(backend, v, form, dtype)
    return Batch(counts) if form == "dense" else Batch(None, counts)


def _give(monkeypatch, trainer, v, n_words, h):
    """Let the negative phase return these rows; what it is given is kept."""
    put, given = trainer.backend.asarray, SimpleNamespace()
    fantasy = Fantasy(put(np.array(v)), np.array(n_words), put(np.array(h)))

    def run(h_mean, n_words, n_steps, stream):
        given.n_words = n_words
        return fantasy

    monkeypatch.setattr(trainer.negative, "run", run)
    return given


@pytest.fixture
def step(parameters):
    def take(trainer, batch):
        before = parameters(trainer)
        trainer.step(batch)
        after = parameters(trainer)
        return {name: after[name] - before[name] for name in before}

    return take


def _inferred(tiny, v, n_steps):
    """Topics and hidden words after steps of mean field."""
    words = v * M / v.sum(axis=1, keepdims=True)
    h = tiny.hidden_mean(v + words)
    for _ in range(n_steps):
        words = M * softmax(tiny.visible_bias + h @ tiny.weights.T, axis=1)
        total = v + words
        h = expit(total @ tiny.weights + total.sum(axis=1)[:, None] * tiny.hidden_bias)
    return h, words


def _assert_changes(change, expected, rtol=1e-9, atol=1e-12):
    assert change.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(change[name], expected[name], rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize("n_steps", [0, 1, 3])
@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("sparsity_cost", [0.0, 0.4])
def test_step_by_hand(backend, ref, step, monkeypatch, n_steps, centring, sparsity_cost):
    """By loops over documents completed by their hidden words, each with its own length."""
    tiny, v0 = ref.make_words(), ref.some_documents(3, LENGTHS)
    v1 = ref.some_documents(3, np.array(LENGTHS) + M, seed=1)
    h1 = tiny.hidden_mean(v1)
    settings = {"centring": centring, "sparsity_cost": sparsity_cost}
    trainer = _make_trainer(tiny, backend, n_mean_field_steps=n_steps, **settings)
    given = _give(monkeypatch, trainer, v1, v1.sum(axis=1), h1)
    change = step(trainer, _batch(ref, backend, v0))
    np.testing.assert_array_equal(given.n_words, np.array(LENGTHS) + M)

    h0, words = _inferred(tiny, v0, n_steps)
    share = np.exp(BASE) / np.exp(BASE).sum() if centring else np.zeros(3)
    lam = np.full(4, 0.5 if centring else 0.0)
    penalty = sparsity_cost * (0.1 - h0.mean(axis=0))
    dW, db, da = np.zeros((3, 4)), np.zeros(3), np.zeros(4)
    for sign, rows, topics in ((1, v0 + words, h0), (-1, v1, h1)):
        for v, h in zip(rows, topics, strict=True):
            weight, n_words = sign / np.sqrt(v.sum()) / 4, v.sum()
            extra = penalty if sign > 0 else 0.0
            dW += weight * np.outer(v - n_words * share, h - lam + extra)
            db += weight * v
            da += weight * n_words * (h + extra)
    expected = {"weights": dW, "visible_bias": db - dW @ lam, "hidden_bias": da - dW.T @ share}
    _assert_changes(change, expected)


@pytest.mark.parametrize("length", [3, 8])
def test_gradient_of_the_bound(plain, ref, step, monkeypatch, length):
    """With exact expectations of the model; at the best q the bound moves with parameters alone."""
    tiny = ref.make_words()
    v0 = ref.some_documents(3, [length] * 4)
    h, p = tiny.hidden_probabilities(length + M)
    v1 = (length + M) * tiny.word_probabilities(h)
    # each hidden state once: what enters the gradient linearly carries its probability
    v1, h1 = v1 * p[:, None] * len(p), h
    trainer = _make_trainer(tiny, plain, n_mean_field_steps=100, length_power=0.0)
    n_words = np.full(len(p), float(length + M)) * p * len(p)
    _give(monkeypatch, trainer, v1, n_words, h1)
    change = step(trainer, _batch(ref, plain, v0))

    def objective(moved):
        h, _ = _inferred(moved, v0, 100)
        f = logsumexp(moved.visible_bias + h @ moved.weights.T, axis=1) + h @ moved.hidden_bias
        bound = v0 @ moved.visible_bias + (v0 @ moved.weights * h).sum(axis=1) + M * f
        bound += length * h @ moved.hidden_bias
        bound -= (h * np.log(h) + (1 - h) * np.log1p(-h)).sum(axis=1)
        return float(bound.mean() - moved.log_z(length + M))

    for name, array in change.items():
        numerical = tiny.numerical_gradient(objective, name)
        np.testing.assert_allclose(array, numerical, rtol=1e-6, atol=1e-7, err_msg=name)


def test_pretraining_is_training_on_longer_documents(backend, ref, step, monkeypatch):
    """Without mean field, documents are as if all their words occurred ``1 + M / D`` times."""
    tiny, v0, found = ref.make_words(), ref.some_documents(3, LENGTHS), []
    v1 = ref.some_documents(3, np.array(LENGTHS) + M, seed=1)
    longer = v0 * (1 + M / v0.sum(axis=1, keepdims=True))
    for v, options in ((v0, {"n_mean_field_steps": 0}), (longer, {"n_hidden_words": 0})):
        trainer = _make_trainer(tiny, backend, sparsity_cost=0.3, centring=True, **options)
        given = _give(monkeypatch, trainer, v1, v1.sum(axis=1), tiny.hidden_mean(v1))
        found.append(step(trainer, _batch(ref, backend, v)))
        np.testing.assert_array_equal(given.n_words, np.array(LENGTHS) + M)
    _assert_changes(*found)


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
def test_chains_have_all_words(backend, ref, step, monkeypatch, algorithm):
    tiny, v0 = ref.make_words(), ref.some_documents(3, [4, 0, 1, 9])
    trainer = _make_trainer(tiny, backend, algorithm=algorithm, n_chains=3)
    seen, run = [], trainer.negative.run

    def watched(*arguments):
        seen.append(run(*arguments))
        return seen[-1]

    monkeypatch.setattr(trainer.negative, "run", watched)
    step(trainer, _batch(ref, backend, v0))
    np.testing.assert_array_equal(np.sort(seen[0].n_words), [1 + M, 4 + M, 9 + M])
    sums = backend.to_host(backend.row_sums(seen[0].v))
    np.testing.assert_allclose(sums, seen[0].n_words)


@pytest.mark.parametrize("n_steps", [0, 2])
def test_forms_and_backends_agree(same_stream_backend, plain, ref, parameters, n_steps):
    """Three steps of single precision, with an empty document among them."""
    tiny, v0, found = ref.make_words(), ref.some_documents(3, [4, 0, 1, 9]), []
    forms = ref.FORMS if same_stream_backend.name == "numpy" else ["dense"]
    for backend, form in [(plain, "dense"), *((same_stream_backend, form) for form in forms)]:
        options = {"n_mean_field_steps": n_steps, "learning_rate": 0.05, "sparsity_cost": 0.1}
        trainer = _make_trainer(tiny, backend, dtype=np.float32, algorithm="pcd", **options)
        for _ in range(3):
            trainer.step(_batch(ref, backend, v0, form, np.float32))
        found.append(parameters(trainer))
        assert {array.dtype for array in found[-1].values()} == {np.dtype(np.float32)}
    for other in found[1:]:
        _assert_changes(other, found[0], rtol=1e-4, atol=1e-5)


def test_steps_of_mean_field_follow_their_schedule(plain, ref, step):
    tiny, v0 = ref.make_words(), ref.some_documents(3, LENGTHS)
    trainer = _make_trainer(tiny, plain, n_mean_field_steps=[0, 3], learning_rate=0.1)
    found = []
    for _ in range(3):
        step(trainer, _batch(ref, plain, v0))
        found.append(trainer.of_documents.max_steps)
    assert found == [0, 3, 3]


def test_measures(backend, ref):
    """Free energies are variational, topics those of the mean field."""
    tiny, v = ref.make_words(), ref.some_documents(3, [4, 0, 1, 9])
    model = OverReplicatedSoftmax(tiny.model(backend), M, 0.0, 3)
    weights = backend.asarray(tiny.weights)
    entry = measure_words(model, backend.asarray(v), weights)
    filled = v[[0, 2, 3]]
    h, _ = _inferred(tiny, filled, 3)
    assert entry["mean_hidden_activity"] == pytest.approx(h.mean(), rel=1e-10)
    p = softmax(tiny.visible_bias + h @ tiny.weights.T, axis=1)
    n_words = filled.sum(axis=1)
    entropy = -(filled * np.log(p)).sum(axis=1) / n_words
    assert entry["reconstruction_error"] == pytest.approx(entropy.mean(), rel=1e-10)
    rows = backend.asarray(filled)
    energy = model.variational_free_energy(rows, model.lengths(n_words), backend.asarray(h))
    expected = (backend.to_host(energy) / n_words).mean()
    assert entry["free_energy"] == pytest.approx(expected, rel=1e-10)
