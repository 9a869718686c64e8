"""Training of a replicated softmax: the step by hand, its negative phases, what is measured."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from skdeepbm.exceptions import DivergenceError
from skdeepbm.schedules import Linear
from skdeepbm.training import Batch, Rows, TrainingSettings, TrainingState, WordTrainer
from skdeepbm.training.monitor import MEASURES
from skdeepbm.training.word_monitor import measure_words
from skdeepbm.training.word_phases import Fantasy

ALGORITHMS = ["cd", "pcd", "pt"]
BASE = np.log([0.5, 0.2, 0.3])
LENGTHS = [4, 1, 9, 2]


def _make_trainer(tiny, backend, *, dtype=np.float64, state=None, **settings):
    """A trainer with as many chains as ``LENGTHS``; plain ascent with rate 1, unless told."""
    defaults = {"centring": False, "learning_rate": 1.0, "batch_size": 4, "n_temperatures": 2}
    state = TrainingState(base_bias=BASE) if state is None else state
    settings = TrainingSettings(**{**defaults, **settings})
    return WordTrainer(tiny.model(backend, dtype), settings, state, np.random.SeedSequence(0))


def _batch(ref, backend, v, form="dense", dtype=np.float64):
    counts = ref.put_counts(backend, v, form, dtype)
    return Batch(counts) if form == "dense" else Batch(None, counts)


@pytest.fixture
def step(parameters):
    """One step on a batch; returns how much every parameter changed."""

    def take(trainer, batch):
        before = parameters(trainer)
        with trainer.backend.quiet():
            trainer.step(batch)
        after = parameters(trainer)
        return {name: after[name] - before[name] for name in before}

    return take


@pytest.fixture(params=["plain", "compiled"])
def numpy_backend(request):
    return request.getfixturevalue(request.param)


def _watch(monkeypatch, trainer):
    """What the negative phase is given and returns, step by step."""
    seen, run, host = [], trainer.negative.run, trainer.backend.to_host

    def watched(h_mean, n_words, n_steps, stream):
        found = run(h_mean, n_words, n_steps, stream)
        v = np.array(host(trainer.backend.dense(found.v)))
        h = np.array(host(found.h_mean))
        seen.append(
            SimpleNamespace(given=n_words, n_steps=n_steps, v=v, n_words=found.n_words, h=h)
        )
        return found

    monkeypatch.setattr(trainer.negative, "run", watched)
    return seen


def _give(monkeypatch, trainer, v, n_words, h):
    """Let the negative phase return these rows."""
    put = trainer.backend.asarray
    dtype = trainer.model.weights.dtype
    fantasy = Fantasy(put(np.array(v), dtype), np.array(n_words), put(np.array(h), dtype))
    monkeypatch.setattr(trainer.negative, "run", lambda *arguments: fantasy)


def _by_hand(tiny, v0, v1, power=0.5, offsets=None, penalty=None):
    """The ascent direction, by loops over documents.

    ``offsets`` are those of centring, the distribution of a word and the hidden ones; ``penalty``
    is the gradient of the sparsity penalty by the hidden units' total input.
    """
    mu, lam = (0.0 * tiny.visible_bias, 0.0 * tiny.hidden_bias) if offsets is None else offsets
    dW = np.zeros_like(tiny.weights)
    db, da = np.zeros_like(tiny.visible_bias), np.zeros_like(tiny.hidden_bias)
    words = [np.mean(rows.sum(axis=1) ** (1 - power)) for rows in (v0, v1)]
    # both phases have as many weighted words
    for sign, rows in ((1.0, v0), (-words[0] / words[1], v1)):
        for v, h in zip(rows, tiny.hidden_mean(rows), strict=True):
            weight = sign * v.sum() ** -power / len(rows)
            dW += weight * np.outer(v - v.sum() * mu, h - lam)
            db += weight * v
            da += weight * v.sum() * h
            if penalty is not None and sign > 0:
                dW += weight * np.outer(v - v.sum() * mu, penalty)
                da += weight * v.sum() * penalty
    return {"weights": dW, "visible_bias": db - dW @ lam, "hidden_bias": da - dW.T @ mu}


def _offsets(lam):
    share = np.exp(BASE)
    return share / share.sum(), np.array(lam)


def _assert_changes(change, expected, rtol=1e-9, atol=1e-12):
    assert change.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(change[name], expected[name], rtol=rtol, atol=atol, err_msg=name)


# -- the step -------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_step_by_hand(backend, ref, step, monkeypatch, algorithm, centring, power):
    """Documents of the model as long as those of the data; offsets follow the hidden units."""
    tiny, lam = ref.make_words(), np.array([0.2, 0.4, 0.6, 0.7])
    state = TrainingState(base_bias=BASE, offsets=lam)
    settings = {"algorithm": algorithm, "centring": centring, "length_power": power}
    trainer = _make_trainer(tiny, backend, state=state, centring_rate=0.25, **settings)
    seen, v0 = _watch(monkeypatch, trainer), ref.some_documents(3, LENGTHS)
    change = step(trainer, _batch(ref, backend, v0))
    (negative,) = seen
    np.testing.assert_array_equal(np.sort(negative.n_words), np.sort(LENGTHS))
    offsets = _offsets(lam) if centring else None
    _assert_changes(change, _by_hand(tiny, v0, negative.v, power, offsets))
    if centring:
        expected = 0.75 * lam + 0.25 * tiny.hidden_mean(v0).mean(axis=0)
        np.testing.assert_allclose(trainer.save_state().offsets, expected, rtol=1e-10)
    else:
        assert trainer.save_state().offsets is None


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_centring_transforms_the_gradient(backend, ref, step, monkeypatch, power):
    """The centred step from the plain one, with hidden offsets that start at a half."""
    tiny, v0 = ref.make_words(), ref.some_documents(3, LENGTHS)
    v1, found = ref.some_documents(3, LENGTHS, seed=1), []
    for centring in (False, True):
        trainer = _make_trainer(tiny, backend, centring=centring, length_power=power)
        _give(monkeypatch, trainer, v1, LENGTHS, tiny.hidden_mean(v1))
        found.append(step(trainer, _batch(ref, backend, v0)))
    plain, (mu, lam) = found[0], _offsets(np.full(4, 0.5))
    G, db, da = (plain[name] for name in ("weights", "visible_bias", "hidden_bias"))
    G = G - np.outer(db, lam) - np.outer(mu, da)
    expected = {"weights": G, "visible_bias": db - G @ lam, "hidden_bias": da - G.T @ mu}
    _assert_changes(found[1], expected)
    assert np.abs(found[1]["weights"] - plain["weights"]).max() > 1e-2


@pytest.mark.parametrize("lengths", [[4] * 5, [1, 3, 3]])
def test_gradient_of_the_exact_log_likelihood(backend, ref, step, monkeypatch, lengths):
    """With exact expectations of the model, the step is the gradient of the log-likelihood."""
    tiny, v0 = ref.make_words(), ref.some_documents(3, lengths)
    v, weight = [], []
    for n_words in lengths:
        rows = tiny.sequences(n_words)
        v.append(rows)
        weight.append(np.exp(-tiny.free_energy(rows) - tiny.log_z(n_words)) / len(lengths))
    # every sequence is there once: what enters the gradient linearly carries its probability
    v, weight = np.concatenate(v), np.concatenate(weight)
    weight *= len(v)
    h, v = tiny.hidden_mean(v), weight[:, None] * v
    trainer = _make_trainer(tiny, backend, length_power=0.0)
    _give(monkeypatch, trainer, v, v.sum(axis=1), h)
    change = step(trainer, _batch(ref, backend, v0))
    numerical = {
        name: tiny.numerical_gradient(lambda model: model.log_likelihood(v0), name)
        for name in change
    }
    _assert_changes(change, numerical, rtol=1e-6, atol=1e-8)


def test_data_and_model_average_over_their_own_rows(backend, ref, step, monkeypatch):
    """Documents that are repeated, in either phase, leave the step as it is."""
    tiny, found = ref.make_words(), []
    v0, v1 = ref.some_documents(3, LENGTHS), ref.some_documents(3, LENGTHS, seed=1)
    for n_data, n_model in [(1, 1), (3, 1), (1, 2)]:
        trainer = _make_trainer(tiny, backend, centring=True, sparsity_cost=0.3)
        rows = np.tile(v1, (n_model, 1))
        _give(monkeypatch, trainer, rows, rows.sum(axis=1), tiny.hidden_mean(rows))
        found.append(step(trainer, _batch(ref, backend, np.tile(v0, (n_data, 1)))))
    for other in found[1:]:
        _assert_changes(other, found[0])
    assert np.abs(found[0]["weights"]).max() > 1e-2


@pytest.mark.parametrize("centring", [False, True])
def test_step_after_step_by_hand(backend, ref, step, monkeypatch, parameters, centring):
    """Batches of different sizes, with momentum and moving offsets."""
    tiny, lam, velocity = ref.make_words(), np.full(4, 0.5), None
    settings = {"centring": centring, "centring_rate": 0.25}
    trainer = _make_trainer(tiny, backend, learning_rate=0.1, momentum=0.6, **settings)
    seen = _watch(monkeypatch, trainer)
    for i, lengths in enumerate((LENGTHS, [3, 8], [5, 1, 1, 2])):
        v0 = ref.some_documents(3, lengths, seed=i)
        change = step(trainer, _batch(ref, backend, v0))
        direction = _by_hand(tiny, v0, seen[-1].v, 0.5, _offsets(lam) if centring else None)
        before = velocity or dict.fromkeys(direction, 0.0)
        velocity = {name: 0.6 * before[name] + 0.1 * direction[name] for name in direction}
        _assert_changes(change, velocity)
        lam = 0.75 * lam + 0.25 * tiny.hidden_mean(v0).mean(axis=0)
        tiny = tiny.with_parameters(**parameters(trainer))


def test_adam_has_the_centred_parameters(backend, ref, step, monkeypatch):
    """Biases compensate for steps of the weights, whose first ones have the size of the rate."""
    tiny, lam = ref.make_words(), np.array([0.2, 0.4, 0.6, 0.7])
    state = TrainingState(base_bias=BASE, offsets=lam)
    settings = {"optimizer": "adam", "learning_rate": 0.1, "momentum": 0.9, "centring": True}
    trainer = _make_trainer(tiny, backend, state=state, max_norm=1.0, **settings)
    v0, seen = ref.some_documents(3, LENGTHS), _watch(monkeypatch, trainer)
    change = step(trainer, _batch(ref, backend, v0))
    mu, lam = _offsets(lam)
    centred = _by_hand(tiny, v0, seen[0].v, offsets=(mu, lam))
    plain = _by_hand(tiny, v0, seen[0].v)
    moved = tiny.weights + 0.1 * np.sign(centred["weights"])
    norms = np.linalg.norm(moved, axis=0)
    assert (norms > 1.0).any()
    dW = moved * np.minimum(1.0, 1.0 / norms) - tiny.weights
    db = 0.1 * np.sign(plain["visible_bias"]) - dW @ lam
    da = 0.1 * np.sign(plain["hidden_bias"]) - dW.T @ mu
    expected = {"weights": dW, "visible_bias": db, "hidden_bias": da}
    # the size of a first step is exact but for Adam's epsilon
    _assert_changes(change, expected, rtol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("centring", [False, True])
def test_sparse_and_dense_batches_agree(ref, step, parameters, numpy_backend, algorithm, centring):
    tiny, found = ref.make_words(), []
    v0 = ref.some_documents(3, [4, 0, 1, 9])
    for form in ref.FORMS:
        settings = {"algorithm": algorithm, "centring": centring, "sparsity_cost": 0.2}
        trainer = _make_trainer(tiny, numpy_backend, learning_rate=0.1, **settings)
        changes = [step(trainer, _batch(ref, numpy_backend, v0, form)) for _ in range(3)]
        found.append((changes, parameters(trainer)))
    (dense, end), (sparse, other_end) = found
    for one, other in zip(dense, sparse, strict=True):
        _assert_changes(other, one, rtol=1e-10)
    _assert_changes(other_end, end, rtol=1e-10)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_backends_take_the_same_steps(same_stream_backend, plain, ref, parameters, algorithm):
    tiny, found = ref.make_words(), []
    v0 = ref.some_documents(3, [4, 0, 1, 9])
    for backend in (plain, same_stream_backend):
        trainer = _make_trainer(tiny, backend, algorithm=algorithm, learning_rate=0.1)
        for _ in range(4):
            trainer.step(_batch(ref, backend, v0, "dense"))
        found.append(parameters(trainer))
    _assert_changes(found[1], found[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("centring", [False, True])
def test_single_precision(backend, ref, step, monkeypatch, algorithm, centring):
    """float32 stays float32 and takes the step of float64, up to rounding."""
    tiny, v0, found = ref.make_words(), ref.some_documents(3, LENGTHS), []
    v1 = ref.some_documents(3, LENGTHS, seed=1)
    settings = {"algorithm": algorithm, "centring": centring, "sparsity_cost": 0.1}
    for dtype in (np.float32, np.float64):
        trainer = _make_trainer(tiny, backend, dtype=dtype, **settings)
        # a step with the trainer's own negative phase, for the dtypes
        twin = _make_trainer(tiny, backend, dtype=dtype, **settings)
        own = step(twin, _batch(ref, backend, v0, dtype=dtype))
        assert {array.dtype for array in own.values()} == {np.dtype(dtype)}
        state = twin.save_state()
        saved = [state.activity, state.chains, state.offsets]
        assert {array.dtype for array in saved if array is not None} == {np.dtype(dtype)}
        _give(monkeypatch, trainer, v1, LENGTHS, tiny.hidden_mean(v1))
        found.append(step(trainer, _batch(ref, backend, v0, dtype=dtype)))
    _assert_changes(*found, rtol=1e-4, atol=1e-5)


# -- documents without words ----------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_empty_documents_are_skipped(backend, ref, step, algorithm):
    tiny, v0, found = ref.make_words(), ref.some_documents(3, LENGTHS), []
    empty = np.zeros((1, 3))
    for rows in (v0, np.concatenate([empty, v0[:2], empty, v0[2:]])):
        for form in ref.FORMS if backend.name == "numpy" else ["dense"]:
            settings = {"algorithm": algorithm, "sparsity_cost": 0.3, "centring": True}
            trainer = _make_trainer(tiny, backend, learning_rate=0.1, **settings)
            change = step(trainer, _batch(ref, backend, rows, form))
            state = trainer.save_state()
            found.append({**change, "activity": state.activity, "offsets": state.offsets})
    for other in found[1:]:
        _assert_changes(other, found[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_batch_without_words_changes_nothing(backend, ref, step, algorithm, optimizer):
    tiny, state = ref.make_words(), TrainingState(base_bias=BASE, n_batches=3)
    settings = {"algorithm": algorithm, "optimizer": optimizer, "centring": True, "momentum": 0.9}
    trainer = _make_trainer(tiny, backend, state=state, sparsity_cost=0.1, **settings)
    # something to go on with, for momentum and chains
    step(trainer, _batch(ref, backend, ref.some_documents(3, LENGTHS)))

    def carried():
        found = trainer.save_state()
        kept = (found.offsets, found.activity, found.chains, found.optimizer, found.stream)
        return pickle.dumps(kept), found.batch

    before, n_steps = carried()
    for form in ref.FORMS if backend.name == "numpy" else ["dense"]:
        change = step(trainer, _batch(ref, backend, np.zeros((2, 3)), form))
        for name, array in change.items():
            np.testing.assert_array_equal(array, 0 * array, err_msg=name)
        after, n_after = carried()
        assert after == before
        n_steps = (n_steps + 1) % 3
        assert n_after == n_steps


# -- penalties ------------------------------------------------------------------------------


def _still(monkeypatch, tiny, trainer, v0):
    """Let the model phase equal the data phase, so that penalties alone move parameters."""
    _give(monkeypatch, trainer, v0, v0.sum(axis=1), tiny.hidden_mean(v0))


@pytest.mark.parametrize("power", [0.0, 1.0])
@pytest.mark.parametrize("centring", [False, True])
def test_sparsity_by_hand(backend, ref, step, monkeypatch, parameters, centring, power):
    """q follows the batches' mean activity; cost * (target - q) goes to the total input."""
    tiny, lam, q = ref.make_words(), np.array([0.2, 0.4, 0.6, 0.7]), None
    state = TrainingState(base_bias=BASE, offsets=lam)
    settings = {"centring": centring, "centring_rate": 0.0, "length_power": power}
    sparsity = {"sparsity_cost": 0.5, "sparsity_target": 0.1, "sparsity_decay": 0.8}
    trainer = _make_trainer(tiny, backend, state=state, learning_rate=0.1, **settings, **sparsity)
    for i, lengths in enumerate((LENGTHS, [3, 8])):
        v0 = ref.some_documents(3, lengths, seed=i)
        v1 = ref.some_documents(3, lengths, seed=10 + i)
        _give(monkeypatch, trainer, v1, lengths, tiny.hidden_mean(v1))
        activity = tiny.hidden_mean(v0).mean(axis=0)
        q = activity if q is None else 0.8 * q + 0.2 * activity
        change = step(trainer, _batch(ref, backend, v0))
        np.testing.assert_allclose(trainer.save_state().activity, q, rtol=1e-10)
        offsets = _offsets(lam) if centring else None
        expected = _by_hand(tiny, v0, v1, power, offsets, penalty=0.5 * (0.1 - q))
        _assert_changes(change, {name: 0.1 * array for name, array in expected.items()})
        tiny = tiny.with_parameters(**parameters(trainer))


def test_sparsity_descends_the_divergence(backend, ref, step, monkeypatch):
    """Finite differences of cost * KL(target || q), for copies of one document."""
    tiny, v0 = ref.make_words(), np.tile(ref.some_documents(3, [5]), (3, 1))
    sparsity = {"sparsity_cost": 0.7, "sparsity_target": 0.15, "sparsity_decay": 0.0}
    trainer = _make_trainer(tiny, backend, length_power=0.0, **sparsity)
    _still(monkeypatch, tiny, trainer, v0)
    change = step(trainer, _batch(ref, backend, v0))

    def objective(model):
        q = model.hidden_mean(v0).mean(axis=0)
        return 0.7 * (0.15 * np.log(q / 0.15) + 0.85 * np.log((1 - q) / 0.85)).sum()

    for name in ("weights", "hidden_bias"):
        numerical = tiny.numerical_gradient(objective, name)
        np.testing.assert_allclose(change[name], numerical, rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(change["visible_bias"], 0, atol=1e-13)


@pytest.mark.parametrize("penalty", ["weight_decay", "l1_penalty"])
@pytest.mark.parametrize("centring", [False, True])
def test_penalties_on_weights(backend, ref, step, monkeypatch, penalty, centring):
    tiny, v0 = ref.make_words(), ref.some_documents(3, LENGTHS)
    trainer = _make_trainer(tiny, backend, centring=centring, learning_rate=0.1, **{penalty: 0.2})
    _still(monkeypatch, tiny, trainer, v0)
    change = step(trainer, _batch(ref, backend, v0))
    gradient = tiny.weights if penalty == "weight_decay" else np.sign(tiny.weights)
    np.testing.assert_allclose(change["weights"], -0.1 * 0.2 * gradient, rtol=1e-10, atol=1e-14)
    for name in ("visible_bias", "hidden_bias"):
        np.testing.assert_allclose(change[name], 0, atol=1e-14)


def test_max_norm(backend, ref, step, monkeypatch, parameters):
    """Columns that are too long are cut to the bound; the others are left alone."""
    tiny = ref.make_words()
    weights = tiny.weights / np.linalg.norm(tiny.weights, axis=0) * [0.2, 3.0, 0.99, 0.0]
    tiny, v0 = tiny.with_parameters(weights=weights), ref.some_documents(3, LENGTHS)
    trainer = _make_trainer(tiny, backend, max_norm=1.0)
    _still(monkeypatch, tiny, trainer, v0)
    step(trainer, _batch(ref, backend, v0))
    expected = weights * [1.0, 1 / 3, 1.0, 1.0]
    np.testing.assert_allclose(parameters(trainer)["weights"], expected, rtol=1e-10, atol=1e-14)


# -- negative phases ------------------------------------------------------------------------


def test_contrastive_divergence(backend, ref, step, monkeypatch):
    """Each document is followed by one of as many words, from its own hidden states."""
    tiny = ref.make_words(std=3.0, seed=2)
    v0, n = ref.some_documents(3, [2, 7]), 3000
    trainer = _make_trainer(tiny, backend, learning_rate=0.0)
    seen = _watch(monkeypatch, trainer)
    step(trainer, _batch(ref, backend, np.repeat(v0, n, axis=0)))
    assert seen[0].n_steps == 1
    np.testing.assert_array_equal(seen[0].n_words, np.repeat([2, 7], n))
    states = tiny.hidden_states()
    for document, v in zip(v0, np.split(seen[0].v, 2), strict=True):
        np.testing.assert_array_equal(v.sum(axis=1), document.sum())
        p = np.exp(tiny.free_energy(document[None]) - tiny.energy(document[None], states)[0])
        expected = document.sum() * p @ tiny.word_probabilities(states)
        assert ref.within_error(v, expected)
        # one step does not lead to the model
        assert not ref.within_error(v, tiny.moments(document.sum())[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_many_steps_lead_to_the_model(backend, ref, step, monkeypatch, algorithm):
    tiny, n = ref.make_words(seed=3), 2000
    v0 = np.repeat(ref.some_documents(3, [2, 6]), n, axis=0)
    settings = {"algorithm": algorithm, "n_gibbs_steps": 20, "n_chains": 2 * n}
    trainer = _make_trainer(tiny, backend, learning_rate=0.0, **settings)
    seen = _watch(monkeypatch, trainer)
    step(trainer, _batch(ref, backend, v0))
    (found,) = seen
    assert found.n_steps == 20
    np.testing.assert_array_equal(found.v.sum(axis=1), found.n_words)
    np.testing.assert_allclose(found.h, tiny.hidden_mean(found.v), rtol=1e-9)
    for n_words in (2, 6):
        of_length = found.n_words == n_words
        assert of_length.sum() == n
        v, h = found.v[of_length], found.h[of_length]
        mean_v, mean_h, mean_vh = tiny.moments(n_words)
        assert ref.within_error(v, mean_v)
        assert ref.within_error(h, mean_h)
        assert ref.within_error((v[:, :, None] * h[:, None, :]).reshape(n, -1), mean_vh.ravel())


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
@pytest.mark.parametrize(
    ("n_chains", "lengths", "expected"),
    [
        (None, LENGTHS, [1, 2, 4, 9]),
        (None, 2 * LENGTHS, [1, 2, 4, 9]),
        (None, [6], [6, 6, 6, 6]),
        (8, LENGTHS, [1, 1, 2, 2, 4, 5, 8, 9]),
        (2, [3, 9, 5, 13], [4, 11]),
    ],
)
def test_lengths_of_chains(backend, ref, step, monkeypatch, algorithm, n_chains, lengths, expected):
    """They are those of the batch, or its quantiles."""
    tiny, v0 = ref.make_words(), ref.some_documents(3, lengths)
    trainer = _make_trainer(tiny, backend, algorithm=algorithm, n_chains=n_chains)
    seen = _watch(monkeypatch, trainer)
    change = step(trainer, _batch(ref, backend, v0))
    np.testing.assert_array_equal(np.sort(seen[0].n_words), expected)
    np.testing.assert_array_equal(seen[0].v.sum(axis=1), seen[0].n_words)
    _assert_changes(change, _by_hand(tiny, v0, seen[0].v))


def test_tempered_chains(backend, ref, step, monkeypatch):
    """Shorter ones go down to one word in a geometric series; the gradient does not see them."""
    tiny = ref.make_words(seed=3)
    settings = {"algorithm": "pt", "n_temperatures": 3, "n_chains": 2, "learning_rate": 0.0}
    trainer = _make_trainer(tiny, backend, n_gibbs_steps=2, **settings)
    seen, ladders = _watch(monkeypatch, trainer), []
    chains = trainer.negative.chains
    chain_step = chains.step

    def watched(n_words, stream):
        ladders.append(n_words.tolist())
        return chain_step(n_words, stream)

    monkeypatch.setattr(chains, "step", watched)
    before, moved = trainer.save_state().chains, 0
    assert before.shape == (5, 4)
    assert set(np.unique(before)) == {0.0, 1.0}
    for _ in range(10):
        step(trainer, _batch(ref, backend, ref.some_documents(3, [8, 20])))
        found = seen[-1]
        np.testing.assert_array_equal(np.sort(found.n_words), [8, 20])
        np.testing.assert_array_equal(found.v.sum(axis=1), found.n_words)
        np.testing.assert_allclose(found.h, tiny.hidden_mean(found.v), rtol=1e-10)
        state = trainer.save_state()
        np.testing.assert_array_equal(state.chains, backend.to_host(chains.h))
        np.testing.assert_array_equal(state.memory["order"], chains.order)
        moved += not np.array_equal(chains.order, np.arange(5))
    assert ladders == [[1, 2, 4, 8, 20]] * 20
    # of five chains: four neighbours, three pairs at a distance of two, one of four
    assert chains.n_offers == 20 * 2 * 8
    assert chains.n_swaps > 0
    assert moved > 5


def test_persistent_chains_do_not_exchange(backend, ref, step):
    trainer = _make_trainer(ref.make_words(), backend, algorithm="pcd", n_chains=6)
    for _ in range(3):
        step(trainer, _batch(ref, backend, ref.some_documents(3, LENGTHS)))
    assert trainer.save_state().chains.shape == (6, 4)
    assert trainer.negative.chains.n_offers == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fractional_counts(backend, ref, step, monkeypatch, algorithm):
    """They are used as they are; where words are drawn, lengths are rounded, to at least one."""
    v0 = np.array([[0.2, 0.1, 0.0], [1.5, 2.25, 0.0], [0.0, 0.75, 0.5], [0.0, 2.0, 0.0]])
    tiny = ref.make_words()
    trainer = _make_trainer(tiny, backend, algorithm=algorithm, length_power=0.0)
    seen = _watch(monkeypatch, trainer)
    change = step(trainer, _batch(ref, backend, v0))
    np.testing.assert_array_equal(seen[0].given, [1, 4, 1, 2])
    np.testing.assert_array_equal(np.sort(seen[0].n_words), [1, 1, 2, 4])
    _assert_changes(change, _by_hand(tiny, v0, seen[0].v, 0.0))


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
def test_chains_go_back_to_copies(backend, ref, step, algorithm):
    trainer = _make_trainer(ref.make_words(), backend, algorithm=algorithm, n_temperatures=5)
    batch = _batch(ref, backend, ref.some_documents(3, LENGTHS))
    step(trainer, batch)
    phase = trainer.negative
    expected, order = phase.state, phase.chains.order.copy()
    copied = phase.copy_chains()
    for _ in range(3):
        step(trainer, batch)
    assert not np.array_equal(phase.state, expected)
    phase.restore_chains(copied)
    np.testing.assert_array_equal(phase.state, expected)
    np.testing.assert_array_equal(phase.chains.order, order)


# -- training -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["cd", "pcd", "pt"])
@pytest.mark.parametrize("sparse", [False, True])
def test_goes_on_exactly(backend, ref, parameters, hooks, algorithm, sparse):
    tiny, v = ref.make_words(), ref.some_documents(3, [3, 1, 0, 8, 2, 5, 4, 9, 1, 2])
    X = ref.put_counts(backend, v, "csr").csr if sparse and backend.name == "numpy" else v
    settings = {"algorithm": algorithm, "learning_rate": 0.05, "centring": True, "momentum": 0.5}
    found = []
    for parts in ([3], [1, 2]):
        state, model = None, tiny
        for n_epochs in parts:
            trainer = _make_trainer(model, backend, state=state, sparsity_cost=0.1, **settings)
            trainer.run(Rows(backend, X, np.float64), n_epochs, hooks)
            state = pickle.loads(pickle.dumps(trainer.save_state()))
            model = tiny.with_parameters(**parameters(trainer))
        found.append({**parameters(trainer), "offsets": state.offsets, "q": state.activity})
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)
    assert [entry.keys() for entry in hooks.entries] == [{*MEASURES, "epoch_time"}] * 6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_divergence_is_taken_back(backend, ref, parameters, hooks, algorithm):
    tiny, v = ref.make_words(), ref.some_documents(3, LENGTHS)
    settings = {"algorithm": algorithm, "centring": True, "weight_decay": 1.0}
    trainer = _make_trainer(tiny, backend, learning_rate=1e200, batch_size=2, **settings)
    before, chains = parameters(trainer), trainer.save_state().chains
    with pytest.raises(DivergenceError, match="not finite"):
        trainer.run(Rows(backend, v, np.float64), 1, hooks)
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    state = trainer.save_state()
    np.testing.assert_array_equal(state.offsets, np.full(4, 0.5))
    np.testing.assert_array_equal(state.chains, chains)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_learns(compiled, ref, rng, hooks, parameters, algorithm):
    """Documents without a topic, or of one of two: shares of words say little about them."""
    weights = np.array([[2.0, 0.0], [1.5, -1.0], [0.0, 0.0], [-1.0, 1.5], [0.0, 2.0]])
    source = ref.TinyWords(weights, np.zeros(5), np.zeros(2))
    source = source.with_parameters(hidden_bias=np.log(5) - source.log_mass(np.eye(2)))
    v = source.draw(rng.integers(3, 12, 400), rng)
    share = np.log(v.sum(axis=0) / v.sum())
    unigram = ref.TinyWords(np.zeros((5, 2)), share, np.zeros(2))
    trainer = _make_trainer(
        unigram.with_parameters(weights=rng.normal(0, 0.01, (5, 2))),
        compiled,
        dtype=np.float32,
        state=TrainingState(base_bias=share),
        algorithm=algorithm,
        centring=True,
        learning_rate=Linear(0.1, 0.0, n_epochs=20),
        momentum=0.5,
        batch_size=20,
    )
    trainer.run(Rows(compiled, v, np.float32), 20, hooks)
    found = {name: array.astype(float) for name, array in parameters(trainer).items()}
    before, possible = unigram.log_likelihood(v), source.log_likelihood(v)
    after = unigram.with_parameters(**found).log_likelihood(v)
    assert possible > before + 0.5
    assert after > before + 0.8 * (possible - before)
    first, last = hooks.entries[0], hooks.entries[-1]
    assert last["reconstruction_error"] < first["reconstruction_error"] - 0.1


# -- measurements ---------------------------------------------------------------------------


def _measured(tiny, rows):
    """Cross-entropy and free energy of a word, and hidden units, for documents with words."""
    rows = rows[rows.sum(axis=1) > 0]
    h, entropy = tiny.hidden_mean(rows), []
    for v, topics in zip(rows, h, strict=True):
        a = tiny.visible_bias + tiny.weights @ topics
        entropy.append(-(v * np.log(np.exp(a) / np.exp(a).sum())).sum() / v.sum())
    return np.array(entropy), tiny.free_energy(rows) / rows.sum(axis=1), h


@pytest.mark.parametrize("holds_out", [False, True])
def test_measures(backend, ref, holds_out):
    tiny, v = ref.make_words(), ref.some_documents(3, [4, 0, 1, 9])
    others = ref.some_documents(3, [3, 0, 7, 2, 1], seed=1)
    previous = tiny.weights.copy()
    previous[0, 0] += 2e-3
    previous[1, 1] -= 0.5e-3
    put = backend.asarray
    held_out = put(others) if holds_out else None
    entry = measure_words(tiny.model(backend), put(v), put(previous), held_out)
    (entropy, energy, h), energy_out = _measured(tiny, v), _measured(tiny, others)[1]
    gap_error = np.sqrt(energy_out.var() / 4 + energy.var() / 3)
    expected = {
        "reconstruction_error": entropy.mean(),
        "free_energy": energy.mean(),
        "validation_free_energy": energy_out.mean() if holds_out else np.nan,
        "free_energy_gap": energy_out.mean() - energy.mean() if holds_out else np.nan,
        "free_energy_gap_error": gap_error if holds_out else np.nan,
        "mean_hidden_activity": h.mean(),
        "weights_moved": 1 / 12,
    }
    assert set(entry) == set(MEASURES) == {*expected, "weight_norm"}
    for name, value in expected.items():
        assert type(entry[name]) is float
        assert entry[name] == pytest.approx(value, rel=1e-10, nan_ok=True), name
    norm = np.linalg.norm(tiny.weights, axis=0)
    np.testing.assert_allclose(entry["weight_norm"], norm, rtol=1e-12)
    assert type(entry["weight_norm"]) is np.ndarray


def test_nothing_to_measure(backend, ref):
    """Documents without words say nothing, and do no harm."""
    tiny = ref.make_words()
    weights = backend.asarray(tiny.weights)
    entry = measure_words(tiny.model(backend), backend.asarray(np.zeros((2, 3))), weights)
    for name in ("reconstruction_error", "free_energy", "mean_hidden_activity"):
        assert math.isnan(entry[name])
    assert entry["weights_moved"] == 0.0
