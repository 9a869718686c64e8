"""Joint training of layers of documents: the gradient, the step by hand, chains, the history."""

import numpy as np
import pytest

from skdeepbm.models.word_dbm import word_means
from skdeepbm.training import Batch, DBMSettings, Rows, TrainingState, WordDBMTrainer

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
BASE = np.log([0.5, 0.2, 0.3])
LENGTHS = [3, 1, 2, 2]


def _make(tiny, backend, *, dtype=np.float64, state=None, **settings):
    settings = {
        "centring": False,
        "learning_rate": 1.0,
        "batch_size": 4,
        "n_chains": 4,
        "n_temperatures": 2,
        "n_gibbs_steps": 2,
        "mean_field_tolerance": 1e-12,
        "mean_field_steps": 1000,
        "mean_n_words": 2.5,
        **settings,
    }
    state = TrainingState(base_bias=BASE) if state is None else state
    seed = np.random.SeedSequence(0)
    return WordDBMTrainer(tiny.dbm(backend, dtype), DBMSettings(**settings), state, seed)


@pytest.fixture
def step(ref, parameters):
    """One step on documents; returns how much every parameter changed."""

    def take(trainer, v, form="dense", dtype=np.float64):
        counts = ref.put_counts(trainer.backend, v, form, dtype)
        before = parameters(trainer)
        with trainer.backend.quiet():
            trainer.step(Batch(counts) if form == "dense" else Batch(None, counts))
        after = parameters(trainer)
        return {name: after[name] - before[name] for name in before}

    return take


def _exact_documents(tiny, lengths):
    """All states of documents of each length, as rows that carry their probability."""
    rows, weight = [], []
    for n in lengths:
        v, h, p = tiny.joint(n)
        rows.append([np.repeat(v, p.shape[1], axis=0), *(np.tile(x, (len(v), 1)) for x in h)])
        weight.append(p.ravel())
    return rows, weight


def _expected(tiny, lengths):
    """Expectations of what the gradient is made of, for the weights of documents in the batch."""
    w = np.array(lengths, float) ** -0.5
    w /= w.sum()
    rows, weight = _exact_documents(tiny, lengths)
    total = None
    for share, x, p in zip(w, rows, weight, strict=True):
        part = _statistics(x, p * share)
        total = part if total is None else {k: total[k] + part[k] for k in part}
    return total


def _statistics(x, weight):
    """Derivatives of minus the energy, summed over rows with weights."""
    n_words = x[0].sum(axis=1)
    found = {"bias 0": weight @ x[0], "bias 1": (weight * n_words) @ x[1]}
    for i in range(len(x) - 1):
        found[f"weights {i}"] = (weight[:, None] * x[i]).T @ x[i + 1]
        if i:
            found[f"bias {i + 1}"] = weight @ x[i + 1]
    return found


BASE_SHARES = np.exp(BASE) / np.exp(BASE).sum()


@pytest.mark.parametrize("sizes", SIZES)
def test_statistics_are_the_gradient_of_the_bound(plain, ref, sizes):
    """What :func:`test_step_by_hand` makes steps of, with exact expectations of the model."""
    tiny, v = ref.make_word_dbm(sizes), ref.some_documents(3, LENGTHS)
    weight = v.sum(axis=1) ** -0.5
    weight /= weight.sum()
    q = [plain.to_host(m) for m in word_means(tiny.dbm(plain), v, 1e-13, 2000)]

    def objective(model):
        """At the best q, which makes no difference to first order."""
        log_z = [model.log_z(int(n)) for n in v.sum(axis=1)]
        return weight @ (model.bounds(v, q) - log_z)

    data, model = _statistics([v, *q], weight), _expected(tiny, LENGTHS)
    for name in data:
        numerical = tiny.numerical_gradient(objective, name)
        np.testing.assert_allclose(data[name] - model[name], numerical, rtol=1e-5, atol=1e-7)


def test_centred_steps_climb():
    """Centring is a linear change of parameters, whose steps have a part along the gradient."""
    rng = np.random.default_rng(1)
    g = {"weights 0": rng.normal(size=(3, 2)), "weights 1": rng.normal(size=(2, 2))}
    g |= {f"bias {i}": rng.normal(size=n) for i, n in enumerate((3, 2, 2))}
    none = {f"{name} {i}": 0.0 for name in ("weights", "bias") for i in range(3)}
    moved = _by_hand(g, none, [np.array([0.3, 0.9]), np.array([0.8, 0.2])], 50.0)
    assert sum((g[name] * moved[name]).sum() for name in g) > 0


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
@pytest.mark.parametrize("sizes", SIZES)
def test_step_by_hand(backend, ref, step, monkeypatch, sizes, algorithm, form):
    """Both phases with weights by length, two steps with penalties and moving offsets."""
    tiny = ref.make_word_dbm(sizes)
    rng = np.random.default_rng(0)
    offsets = [rng.uniform(0.1, 0.9, n) for n in sizes[1:]]
    activity = [rng.uniform(0.1, 0.9, n) for n in sizes[1:]]
    trainer = _make(
        tiny,
        backend,
        algorithm=algorithm,
        centring=True,
        centring_rate=0.25,
        sparsity_cost=0.3,
        sparsity_target=(0.1, 0.2, 0.3)[: len(sizes) - 1],
        sparsity_decay=0.8,
        learning_rate=0.1,
        state=TrainingState(
            base_bias=BASE, offsets=np.concatenate(offsets), activity=np.concatenate(activity)
        ),
    )
    seen, run = [], trainer.negative.run

    def watched(*arguments):
        seen.append(run(*arguments))
        return seen[-1]

    monkeypatch.setattr(trainer.negative, "run", watched)
    for seed in range(2):
        v = ref.some_documents(3, [*LENGTHS, 0], seed=seed)
        q = word_means(tiny.dbm(backend), backend.asarray(v[:-1]), 1e-13, 2000)
        x = [v[:-1], *(np.array(backend.to_host(m)) for m in q)]
        change = step(trainer, v, form)
        fantasy = seen[-1]
        h = np.array(backend.to_host(fantasy.h_mean))
        y = [ref.host_counts(backend, fantasy.v), *(h[:, i] for i in trainer.dbm.hidden_slices)]
        # as many chains as documents, which have their lengths
        np.testing.assert_array_equal(np.sort(y[0].sum(axis=1)), np.sort(LENGTHS))
        both = []
        for rows in (x, y):
            w = rows[0].sum(axis=1) ** -0.5
            both.append(_statistics(rows, w / w.sum()))
        direction = {k: both[0][k] - both[1][k] for k in both[0]}
        means = [m.mean(axis=0) for m in x[1:]]
        activity = [0.8 * a + 0.2 * m for a, m in zip(activity, means, strict=True)]
        w = np.array(LENGTHS) ** -0.5
        w /= w.sum()
        inputs = [w @ x[0], *means]
        target = (0.1, 0.2, 0.3)
        extra = {}
        for i, a in enumerate(activity):
            penalty = 0.3 * (target[i] - a)
            n = w @ np.array(LENGTHS) if i == 0 else 1.0
            centre = 0.0 if i == 0 else offsets[i - 1]
            extra[f"weights {i}"] = np.outer(inputs[i] - centre, penalty)
            extra[f"bias {i + 1}"] = n * penalty
        expected = _by_hand(direction, extra, offsets)
        for name, array in change.items():
            np.testing.assert_allclose(
                array, 0.1 * expected[name], rtol=1e-7, atol=1e-10, err_msg=name
            )
        offsets = [0.75 * o + 0.25 * m for o, m in zip(offsets, means, strict=True)]
        saved = trainer.save_state()
        np.testing.assert_allclose(saved.offsets, np.concatenate(offsets), rtol=1e-9)
        np.testing.assert_allclose(saved.activity, np.concatenate(activity), rtol=1e-9)
        now = {k: np.array(backend.to_host(p)) for k, p in trainer.parameters().items()}
        tiny = tiny.with_parameters(**now)


def test_adam_has_the_centred_parameters(backend, ref, step, monkeypatch):
    """Biases compensate for steps of the weights, whose first ones have the size of the rate."""
    sizes = (3, 2, 3, 2)
    tiny, v = ref.make_word_dbm(sizes), ref.some_documents(3, LENGTHS)
    rng = np.random.default_rng(0)
    offsets = [rng.uniform(0.1, 0.9, n) for n in sizes[1:]]
    state = TrainingState(base_bias=BASE, offsets=np.concatenate(offsets))
    options = {"optimizer": "adam", "learning_rate": 0.1, "momentum": 0.9, "max_norm": 0.5}
    trainer = _make(tiny, backend, centring=True, state=state, **options)
    seen, run = [], trainer.negative.run

    def watched(*arguments):
        seen.append(run(*arguments))
        return seen[-1]

    monkeypatch.setattr(trainer.negative, "run", watched)
    q = word_means(tiny.dbm(backend), backend.asarray(v), 1e-13, 2000)
    x = [v, *(np.array(backend.to_host(m)) for m in q)]
    change = step(trainer, v)
    h = np.array(backend.to_host(seen[0].h_mean))
    y = [ref.host_counts(backend, seen[0].v), *(h[:, i] for i in trainer.dbm.hidden_slices)]
    both = []
    for rows in (x, y):
        w = rows[0].sum(axis=1) ** -0.5
        both.append(_statistics(rows, w / w.sum()))
    direction = {k: both[0][k] - both[1][k] for k in both[0]}
    none = {f"{name} {i}": 0.0 for name in ("weights", "bias") for i in range(4)}
    centred = _centred(direction, none, offsets)
    steps = {k: 0.1 * np.sign(g) for k, g in centred.items()}
    for i, weights in enumerate(tiny.weights):
        moved = weights + steps[f"weights {i}"]
        norms = np.linalg.norm(moved, axis=0)
        assert (norms > 0.5).any()
        steps[f"weights {i}"] = moved * np.minimum(1.0, 0.5 / norms) - weights
    expected = _compensated(steps, offsets)
    for name, array in change.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-7, err_msg=name)


def _by_hand(direction, extra, offsets, d=2.5):
    """The centred step with penalties, whose inputs above the words are centred already."""
    return _compensated(_centred(direction, extra, offsets, d), offsets, d)


def _centred(direction, extra, offsets, d=2.5):
    """The gradient of the centred parameters."""
    mu, depth = [BASE_SHARES, *offsets], len(offsets)
    moved = {}
    g = direction
    moved["weights 0"] = (
        g["weights 0"]
        + extra["weights 0"]
        - np.outer(g["bias 0"], mu[1])
        - np.outer(mu[0], g["bias 1"] + extra["bias 1"])
    ) / d
    for i in range(1, depth):
        below = g["bias 1"] / d if i == 1 else g[f"bias {i}"]
        moved[f"weights {i}"] = (
            g[f"weights {i}"]
            + extra[f"weights {i}"]
            - np.outer(mu[i], g[f"bias {i + 1}"])
            - np.outer(below, mu[i + 1])
        )
    moved["bias 0"] = g["bias 0"] / d
    moved["bias 1"] = (g["bias 1"] + extra["bias 1"]) / d
    for i in range(2, depth + 1):
        moved[f"bias {i}"] = g[f"bias {i}"] + extra[f"bias {i}"]
    return moved


def _compensated(steps, offsets, d=2.5):
    """Steps of the parameters for steps of the centred ones."""
    mu, depth, moved = [BASE_SHARES, *offsets], len(offsets), dict(steps)
    for i in range(depth):
        w = moved[f"weights {i}"]
        moved[f"bias {i + 1}"] = moved[f"bias {i + 1}"] - mu[i] @ w
        back = w @ mu[i + 1]
        moved[f"bias {i}"] = moved[f"bias {i}"] - (back / d if i == 1 else back)
    return moved


def test_documents_without_words_change_nothing(backend, ref, step):
    trainer = _make(ref.make_word_dbm(), backend)
    change = step(trainer, np.zeros((3, 3)))
    assert not any(array.any() for array in change.values())
    assert trainer.state.epoch == 1


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
def test_training_goes_on_from_its_state(backend, ref, step, parameters, algorithm):
    """Bit for bit: chains, their order, offsets, the optimiser and the streams."""
    tiny, ends = ref.make_word_dbm((3, 2, 3, 2)), []
    options = {"algorithm": algorithm, "centring": True, "optimizer": "adam", "learning_rate": 0.1}
    batches = [ref.some_documents(3, LENGTHS, seed=i) for i in range(4)]
    for stop in (4, 2):
        trainer = _make(tiny, backend, **options)
        for v in batches[:stop]:
            step(trainer, v)
        if stop < 4:
            state, now = trainer.save_state(), parameters(trainer)
            trainer = _make(tiny.with_parameters(**now), backend, state=state, **options)
            for v in batches[stop:]:
                step(trainer, v)
        ends.append(parameters(trainer))
    ref.assert_same(*ends)


def test_offsets_begin_at_the_means_of_the_first_batch(backend, ref, step):
    tiny, v = ref.make_word_dbm(), ref.some_documents(3, LENGTHS)
    ends, options = [], {"centring": True, "centring_rate": 0.25, "learning_rate": 0.1}
    q = word_means(tiny.dbm(backend), backend.asarray(v), 1e-13, 2000)
    means = np.concatenate([np.array(backend.to_host(m)).mean(axis=0) for m in q])
    for offsets in (None, means):
        trainer = _make(
            tiny, backend, state=TrainingState(base_bias=BASE, offsets=offsets), **options
        )
        known = trainer.save_state().offsets
        assert known is None if offsets is None else np.array_equal(known, means)
        step(trainer, v)
        ends.append({k: np.array(backend.to_host(p)) for k, p in trainer.parameters().items()})
        np.testing.assert_allclose(trainer.save_state().offsets, means, rtol=1e-9)
    for name, array in ends[1].items():
        np.testing.assert_allclose(ends[0][name], array, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_history(backend, ref, hooks, form):
    """Per word, averaged over documents that have some."""
    tiny = ref.make_word_dbm()
    v = ref.some_documents(3, [*LENGTHS, 0, 5, 4])
    trainer = _make(tiny, backend, learning_rate=0.0)
    counts = ref.put_counts(backend, v, form)
    counts = getattr(counts, "csr", counts)
    trainer.run(Rows(backend, counts, np.float64), 1, hooks, held_out=np.array([0, 4, 5]))
    (entry,) = hooks.entries
    for index, name in (([1, 2, 3, 6], "free_energy"), ([0, 5], "validation_free_energy")):
        rows = v[index]
        means = word_means(tiny.dbm(backend), backend.asarray(rows), 1e-13, 2000)
        q = [np.array(backend.to_host(m)) for m in means]
        energy = -tiny.bounds(rows, q) / rows.sum(axis=1)
        assert entry[name] == pytest.approx(energy.mean(), rel=1e-6)
        if name == "free_energy":
            a = q[0] @ tiny.weights[0].T + tiny.biases[0]
            log_p = a - np.log(np.exp(a).sum(axis=1, keepdims=True))
            entropy = -(rows * log_p).sum(axis=1) / rows.sum(axis=1)
            assert entry["reconstruction_error"] == pytest.approx(entropy.mean(), rel=1e-6)
            np.testing.assert_allclose(entry["mean_hidden_activity"], [m.mean() for m in q])
            dead = [np.mean(np.array(m).std(axis=0) < 0.01) for m in q]
            np.testing.assert_array_equal(entry["dead_units"], dead)
    gap = entry["validation_free_energy"] - entry["free_energy"]
    assert entry["free_energy_gap"] == pytest.approx(gap)
    norms = [np.linalg.norm(w, axis=0) for w in tiny.weights]
    np.testing.assert_allclose(entry["weight_norm"], np.concatenate(norms))
    assert entry["weights_moved"] == 0.0
    assert entry["mean_field_steps"] > 1


def test_it_learns(compiled, ref, hooks):
    """Documents of a machine, from a start that knows the shares of words only."""
    tiny, rng = ref.make_word_dbm((4, 3, 2), seed=6, std=1.5), np.random.default_rng(0)
    v = np.concatenate([tiny.draws(n, 300, rng)[0] for n in (2, 3, 4)])
    share = v.sum(axis=0) / v.sum()
    start = tiny.with_parameters(
        **{k: 0.05 * rng.normal(size=x.shape) for k, x in tiny.parameters().items()}
    ).with_parameters(**{"bias 0": np.log(share)})
    trainer = _make(
        start,
        compiled,
        algorithm="pt",
        centring=True,
        optimizer="adam",
        learning_rate=0.05,
        momentum=0.5,
        batch_size=50,
        n_chains=50,
        mean_field_steps=10,
        mean_n_words=3.0,
        state=TrainingState(base_bias=np.log(share)),
    )
    trainer.run(Rows(compiled, v, np.float64), 15, hooks)
    now = {k: np.array(compiled.to_host(p)) for k, p in trainer.parameters().items()}
    found = start.with_parameters(**now).log_likelihoods(v).mean()
    exact = tiny.log_likelihoods(v).mean()
    base = (v @ np.log(share)).mean()
    assert found > base + 0.75 * (exact - base)
