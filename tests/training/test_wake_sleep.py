"""Up-down training: the step by hand, its exact expectation, its settings, epochs."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.exceptions import DivergenceError
from skdeepbm.training import Batch, Rows, TrainingState, WakeSleepSettings, WakeSleepTrainer
from skdeepbm.training.belief_monitor import measure_belief
from skdeepbm.training.monitor import MEASURES

LABELS = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


def _make_trainer(tiny, backend, *, dtype=np.float64, state=None, labels=None, **settings):
    """Plain ascent with rate 1 and two Gibbs steps, unless told otherwise."""
    settings = {"learning_rate": 1.0, "n_gibbs_steps": 2, "batch_size": 4, **settings}
    return WakeSleepTrainer(
        tiny.net(backend, dtype),
        WakeSleepSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(0),
        labels,
    )


@pytest.fixture
def step(parameters):
    """One step on a batch of rows; returns how much every parameter changed."""

    def take(trainer, v):
        before = parameters(trainer)
        dtype = trainer.net.top.weights.dtype
        trainer.step(Batch(trainer.backend.asarray(v, dtype)))
        after = parameters(trainer)
        return {name: after[name] - before[name] for name in before}

    return take


def _assert_changes(change, expected, rtol=1e-9, atol=1e-12):
    assert change.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(change[name], expected[name], rtol=rtol, atol=atol, err_msg=name)


def _with(tiny, found, ref):
    """The tiny net with a trainer's parameters."""

    def layers(pairs, kind):
        return [
            (found[f"{kind} {i}"], ref.Layer(u.kind, found[f"{kind} bias {i}"], u.log_variance))
            for i, (_, u) in enumerate(pairs)
        ]

    n = tiny.top.visible.bias.size
    top = tiny.top.with_parameters(
        weights=found["weights"][:n],
        visible_bias=found["visible_bias"][:n],
        hidden_bias=found["hidden_bias"],
    )
    labels = (None, None)
    if tiny.n_classes:
        labels = found["visible_bias"][n:], found["weights"][n:]
    up, down = layers(tiny.recognition, "recognition"), layers(tiny.generative, "generative")
    return ref.TinyNet(up, down, top, *labels)


class _Dice:
    """Draws as the package's, from plain NumPy's stream of the trainer's seed."""

    def __init__(self, plain):
        self.plain = plain
        self.stream = plain.stream(np.random.SeedSequence(0).spawn(2)[0])

    def uniform(self, *shape):
        return self.plain.uniform(shape, self.stream, np.float64)

    def units(self, layer, a):
        p = layer.mean(a)
        if layer.kind == "gaussian":
            noise = self.plain.normal(p.shape, self.stream, np.float64)
            return p + np.sqrt(layer.variance) * noise
        return (self.uniform(*p.shape) < p).astype(float)

    def labels(self, p):
        u = self.uniform(len(p), 1) * p.sum(axis=1, keepdims=True)
        hits = (np.cumsum(p, axis=1) <= u).sum(axis=1)
        return np.eye(p.shape[1])[hits]


def _softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)


def _by_hand(tiny, v, labels, dice, n_steps=2, draw_visible=None, chains=None):
    """The direction of ascent by appendix B of the paper, by loops over rows.

    ``chains`` are hidden states of persistent chains, whose labels are drawn. Returns the
    direction, the hidden states that such chains have at the end, and the errors of predictions.
    """
    top, L = tiny.top, len(tiny.recognition)
    if draw_visible is None:
        draw_visible = tiny.visible.kind == "gaussian"
    wake = [v]
    for weights, units in tiny.recognition:
        wake.append(dice.units(units, wake[-1] @ weights))
    y = np.zeros((len(v), 0))
    U, d = np.zeros((0, top.hidden.bias.size)), np.zeros(0)
    if tiny.n_classes:
        U, d, y = tiny.label_weights, tiny.label_bias, labels.copy()
        unknown = ~labels.any(axis=1)
        if unknown.any():
            y[unknown] = dice.labels(tiny.label_posterior(wake[-1][unknown]))
    up, down = top.hidden_input, top.visible_input
    h0 = top.hidden.mean(up(wake[-1]) + y @ U)
    h = dice.units(top.hidden, up(wake[-1]) + y @ U) if chains is None else chains
    for step in range(n_steps):
        x1 = dice.units(top.visible, down(h))
        y1 = _softmax(h @ U.T + d) if tiny.n_classes else np.zeros((len(h), 0))
        if chains is not None and tiny.n_classes:
            y1 = dice.labels(y1)
        h1 = top.hidden.mean(up(x1) + y1 @ U)
        if step + 1 < n_steps or chains is not None:
            h = dice.units(top.hidden, up(x1) + y1 @ U)
    sleep = [x1]
    for i, (weights, units) in reversed(list(enumerate(tiny.generative))):
        a = sleep[0] @ weights
        sleep.insert(0, dice.units(units, a) if i or draw_visible else units.mean(a))

    found, n, m = {}, len(v), len(x1)
    wake_error, sleep_error = np.zeros(L), np.zeros(L)
    for i in range(L):
        (R, r), (G, g) = tiny.recognition[i], tiny.generative[i]
        found[f"recognition {i}"], found[f"recognition bias {i}"] = 0 * R, 0 * r.bias
        found[f"generative {i}"], found[f"generative bias {i}"] = 0 * G, 0 * g.bias
        for below, above in zip(wake[i], wake[i + 1], strict=True):
            error = below - g.mean((above @ G)[None])[0]
            found[f"generative {i}"] += np.outer(above, error) / n
            found[f"generative bias {i}"] += error / n
            wake_error[i] += np.mean(error**2) / n
        for below, above in zip(sleep[i], sleep[i + 1], strict=True):
            error = above - r.mean((below @ R)[None])[0]
            found[f"recognition {i}"] += np.outer(below, error) / m
            found[f"recognition bias {i}"] += error / m
            sleep_error[i] += np.mean(error**2) / m
    found["weights"] = np.zeros((len(top.visible.bias) + len(d), len(top.hidden.bias)))
    found["visible_bias"] = np.zeros(len(top.visible.bias) + len(d))
    found["hidden_bias"] = np.zeros(len(top.hidden.bias))
    for sign, x, labels, hidden in ((1 / n, wake[-1], y, h0), (-1 / m, x1, y1, h1)):
        for row, label, means in zip(x, labels, hidden, strict=True):
            both = np.concatenate([row, label])
            found["weights"] += sign * np.outer(both, means)
            found["visible_bias"] += sign * both
            found["hidden_bias"] += sign * means
    return found, h, (wake_error, sleep_error)


# -- the step -------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(3,), (3, 2), (3, 2, 4)])
@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_step_by_hand(same_stream_backend, plain, ref, step, sizes, n_classes, visible):
    """With the same random numbers; all predictions are those from before the step."""
    tiny = ref.make_net(sizes, n_classes=n_classes, visible=visible)
    v, labels = ref.some_rows(tiny.visible, 12), _labels(12) if n_classes else None
    expected = _by_hand(tiny, v, labels, _Dice(plain))[0]
    assert all(np.abs(expected[name]).max() > 0 for name in expected if "bias" not in name)
    for backend in (plain, same_stream_backend):
        trainer = _make_trainer(tiny, backend, labels=labels)
        _assert_changes(step(trainer, v), expected)


@pytest.mark.parametrize("visible_states", ["mean", "draw"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_visible_states_of_the_sleep_phase(plain, ref, step, visible, visible_states):
    tiny = ref.make_net((3, 2), visible=visible)
    v = ref.some_rows(tiny.visible, 4)
    expected = _by_hand(tiny, v, None, _Dice(plain), draw_visible=visible_states == "draw")[0]
    _assert_changes(step(_make_trainer(tiny, plain, visible_states=visible_states), v), expected)


@pytest.mark.parametrize("n_classes", [0, 2])
def test_persistent_chains_by_hand(same_stream_backend, plain, ref, step, parameters, n_classes):
    """They go on from batch to batch, and each phase is averaged over its own rows."""
    tiny = ref.make_net((3, 2), n_classes=n_classes)
    for backend in (plain, same_stream_backend):
        labels = LABELS if n_classes else None
        trainer = _make_trainer(tiny, backend, labels=labels, persistent=True, batch_size=6)
        dice, model = _Dice(plain), tiny
        bias = np.zeros((6, 0)) if not n_classes else np.tile(np.exp(tiny.label_bias), (6, 1))
        share = bias / bias.sum(axis=1, keepdims=True) if n_classes else bias
        a = tiny.top.hidden_input(tiny.top.visible.mean(np.zeros((6, 2))))
        chains = dice.units(tiny.top.hidden, a + (share @ tiny.label_weights if n_classes else 0))
        np.testing.assert_array_equal(trainer.save_state().chains, chains)
        for n in (4, 2, 4):
            v = ref.some_rows(tiny.visible, n, seed=n)
            known = None if labels is None else labels[:n]
            expected, chains, _ = _by_hand(model, v, known, dice, chains=chains)
            _assert_changes(step(trainer, v), expected)
            np.testing.assert_array_equal(trainer.save_state().chains, chains)
            model = _with(tiny, parameters(trainer), ref)


def test_step_after_step_with_momentum_and_decay(plain, ref, step, parameters):
    """Batches of different sizes; decay on weights alone."""
    tiny, velocity, dice = ref.make_net((3, 2), n_classes=2), None, _Dice(plain)
    settings = {"learning_rate": 0.1, "momentum": 0.6, "weight_decay": 0.2}
    trainer, model = _make_trainer(tiny, plain, labels=LABELS, **settings), tiny
    for n in (4, 2, 3):
        v = ref.some_rows(tiny.visible, n, seed=n)
        direction, before = _by_hand(model, v, LABELS[:n], dice)[0], parameters(trainer)
        for name in direction:
            if "bias" not in name:
                direction[name] -= 0.2 * before[name]
        old = velocity or dict.fromkeys(direction, 0.0)
        velocity = {name: 0.6 * old[name] + 0.1 * direction[name] for name in direction}
        _assert_changes(step(trainer, v), velocity)
        model = _with(tiny, parameters(trainer), ref)


def _expectation(tiny, v, label, n_steps):
    """Exact mean of the direction of ascent for one row; ``label`` is None where not known."""
    (R0, r0), (R1, r1) = tiny.recognition
    (G0, g0), (G1, g1) = tiny.generative
    top, U, d = tiny.top, tiny.label_weights, tiny.label_bias
    n, T = top.weights.shape
    H1, H2 = r0.states()[0], r1.states()[0]
    H, Y = top.hidden.states()[0], np.eye(len(d))
    logs = tiny.log_density
    found = {
        "recognition 0": 0 * R0, "recognition bias 0": 0 * r0.bias,
        "recognition 1": 0 * R1, "recognition bias 1": 0 * r1.bias,
        "generative 0": 0 * G0, "generative bias 0": 0 * g0.bias,
        "generative 1": 0 * G1, "generative bias 1": 0 * g1.bias,
    }  # fmt: skip

    def add(kind, p, x, error):
        found[kind] += p * np.outer(x, error)
        found[kind.replace(" ", " bias ")] += p * error

    weights, bias = np.zeros((n + len(d), T)), np.zeros(n + len(d))
    hidden, p_h = np.zeros(T), np.zeros(len(H))
    for one, p1 in zip(H1, np.exp(logs(r0, H1, v[None] @ R0))[:, 0], strict=True):
        add("generative 0", p1, one, v - g0.mean(one[None] @ G0)[0])
        for two, p2 in zip(H2, np.exp(logs(r1, H2, one[None] @ R1))[:, 0], strict=True):
            p = p1 * p2
            add("generative 1", p, two, one - g1.mean(two[None] @ G1)[0])
            posterior = tiny.label_posterior(two[None])[0] if label is None else Y[label]
            for y, p_y in zip(Y, posterior, strict=True):
                a = two[None] @ top.weights + y @ U
                x, mean = np.concatenate([two, y]), top.hidden.mean(a)[0]
                weights += p * p_y * np.outer(x, mean)
                bias += p * p_y * x
                hidden += p * p_y * mean
                p_h += p * p_y * np.exp(logs(top.hidden, H, a))[:, 0]
    for step in range(n_steps):
        after, p_x = np.zeros(len(H)), np.zeros(len(H2))
        for h, p in zip(H, p_h, strict=True):
            y = _softmax(h[None] @ U.T + d)[0]
            given = np.exp(logs(top.visible, H2, h[None] @ top.weights.T))[:, 0]
            p_x += p * given
            for two, q in zip(H2, given, strict=True):
                a = two[None] @ top.weights + y @ U
                after += p * q * np.exp(logs(top.hidden, H, a))[:, 0]
                if step + 1 == n_steps:
                    x, mean = np.concatenate([two, y]), top.hidden.mean(a)[0]
                    weights -= p * q * np.outer(x, mean)
                    bias -= p * q * x
                    hidden -= p * q * mean
        p_h = after
    for two, p2 in zip(H2, p_x, strict=True):
        for one, p1 in zip(H1, np.exp(logs(g1, H1, two[None] @ G1))[:, 0], strict=True):
            add("recognition 1", p1 * p2, one, two - r1.mean(one[None] @ R1)[0])
            dream = g0.mean(one[None] @ G0)[0]
            add("recognition 0", p1 * p2, dream, one - r0.mean(dream[None] @ R0)[0])
    return {**found, "weights": weights, "visible_bias": bias, "hidden_bias": hidden}


@pytest.mark.parametrize("n_steps", [1, 3])
def test_mean_of_the_step_is_exact(backend, ref, step, n_steps):
    """Over many steps from the same parameters; two labelled rows and one without label."""
    tiny = ref.make_net((3, 2, 2), n_hidden=2, n_classes=2)
    rows = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    labels = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    exact = [
        _expectation(tiny, v, label, n_steps) for v, label in zip(rows, (1, None, 0), strict=True)
    ]
    v = np.tile(rows, (100, 1))
    trainer = _make_trainer(
        tiny, backend, labels=np.tile(labels, (100, 1)), n_gibbs_steps=n_steps, batch_size=300
    )
    start, found = trainer.copies(), []
    for _ in range(80):
        found.append(step(trainer, v))
        trainer.restore(start)
    for name in exact[0]:
        expected = np.mean([one[name] for one in exact], axis=0)
        sample = np.array([change[name].ravel() for change in found])
        assert ref.within_error(sample, expected.ravel()), name


# -- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
@pytest.mark.parametrize("kind", ["recognition", "generative", "top"])
def test_rate_of_zero_leaves_parameters_untouched(backend, ref, hooks, parameters, kind, optimizer):
    tiny = ref.make_net((3, 2, 2), n_classes=2)
    trainer = _make_trainer(
        tiny, backend, labels=LABELS, optimizer=optimizer, momentum=0.5, weight_decay=0.1,
        learning_rate=0.1, **{f"{kind}_rate": 0.0},
    )  # fmt: skip
    before = parameters(trainer)
    trainer.run(Rows(backend, ref.some_rows(tiny.visible, 4), np.float64), 2, hooks)
    for name, array in parameters(trainer).items():
        owner = name.split()[0] if " " in name else "top"
        assert np.array_equal(array, before[name]) == (owner == kind), name


def test_rates_are_factors_of_the_learning_rate(backend, ref, step):
    tiny, v = ref.make_net((3, 2), n_classes=2), ref.some_rows(ref.make_net().visible, 4)
    plain_change = step(_make_trainer(tiny, backend, labels=LABELS), v)
    rates = {"recognition_rate": 0.5, "generative_rate": 2.0, "top_rate": 3.0}
    change = step(_make_trainer(tiny, backend, labels=LABELS, learning_rate=0.1, **rates), v)
    for name, array in plain_change.items():
        factor = rates.get(f"{name.split()[0]}_rate", rates["top_rate"])
        np.testing.assert_allclose(change[name], 0.1 * factor * array, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("persistent", [False, True])
def test_sum_is_the_mean_times_the_rows(backend, ref, step, persistent):
    tiny, v = ref.make_net((3, 2), n_classes=2), ref.some_rows(ref.make_net().visible, 4)
    settings = {"labels": LABELS, "persistent": persistent, "batch_size": 6}
    mean = step(_make_trainer(tiny, backend, **settings), v)
    total = step(_make_trainer(tiny, backend, update="sum", **settings), v)
    _assert_changes(total, {name: 4.0 * array for name, array in mean.items()})


def test_gibbs_steps_follow_their_schedule(backend, ref, hooks, monkeypatch):
    seen, module = [], "skdeepbm.training.wake_sleep.gibbs_chain"
    import skdeepbm.training.wake_sleep as wake_sleep

    run = wake_sleep.gibbs_chain

    def watched(rbm, h, n_steps, *rest, **named):
        seen.append(n_steps)
        return run(rbm, h, n_steps, *rest, **named)

    monkeypatch.setattr(module, watched)
    tiny = ref.make_net((3, 2))
    trainer = _make_trainer(tiny, backend, learning_rate=0.01, n_gibbs_steps=[3, 6, 10])
    trainer.run(Rows(backend, ref.some_rows(tiny.visible, 8), np.float64), 4, hooks)
    assert seen == [3, 3, 6, 6, 10, 10, 10, 10]


def test_errors(backend, ref):
    with pytest.raises(TypeError, match="no label units"):
        _make_trainer(ref.make_net((3, 2)), backend, labels=LABELS)
    net = ref.make_net((3, 2)).net(backend)
    from skdeepbm.models.belief_net import BeliefNet

    words = BeliefNet.of_rbms([ref.make_words(n_hidden=2).model(backend), net.top])
    with pytest.raises(TypeError, match="counts of words"):
        WakeSleepTrainer(words, WakeSleepSettings(), TrainingState(), np.random.SeedSequence(0))


# -- epochs ---------------------------------------------------------------------------------

FULL = {"learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.01}


def _labels(n):
    return np.tile(LABELS, (-(-n // 4), 1))[:n]


@pytest.mark.parametrize(
    ("optimizer", "persistent", "visible"),
    [
        ("sgd", False, "bernoulli"),
        ("sgd", True, "gaussian"),
        ("nesterov", True, "bernoulli"),
        ("nesterov", False, "gaussian"),
        ("adam", False, "bernoulli"),
        ("adam", True, "gaussian"),
    ],
)
def test_backends_agree(
    plain, same_stream_backend, ref, hooks, parameters, optimizer, persistent, visible
):
    tiny, found = ref.make_net((3, 2, 2), n_classes=2, visible=visible), []
    v = ref.some_rows(tiny.visible, 10)
    for backend in (plain, same_stream_backend):
        settings = {**FULL, "optimizer": optimizer, "persistent": persistent}
        trainer = _make_trainer(tiny, backend, labels=_labels(10), **settings)
        trainer.run(Rows(backend, v, np.float64), 3, hooks)
        found.append(parameters(trainer))
    _assert_changes(found[1], found[0], rtol=1e-8, atol=1e-10)
    for name in set(hooks.entries[2]) - {"epoch_time"}:
        np.testing.assert_allclose(hooks.entries[5][name], hooks.entries[2][name], rtol=1e-7)


@pytest.mark.parametrize("persistent", [False, True])
def test_goes_on_exactly(backend, ref, hooks, parameters, persistent):
    """Four epochs are two, a pickled state, and two more: bit for bit; labels follow their rows."""
    tiny, found = ref.make_net((3, 2), n_classes=2), []
    v = ref.some_rows(tiny.visible, 9)
    for parts in ([4], [2, 2]):
        state, model = None, tiny
        for n_epochs in parts:
            settings = {**FULL, "persistent": persistent}
            trainer = _make_trainer(model, backend, state=state, labels=_labels(9), **settings)
            trainer.run(Rows(backend, v, np.float64), n_epochs, hooks)
            state = pickle.loads(pickle.dumps(trainer.save_state()))
            model = _with(tiny, parameters(trainer), ref)
        found.append(parameters(trainer))
    assert state.epoch == 4
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_labels_follow_their_rows(backend, ref, hooks, parameters):
    """Shuffled epochs and updates by hand in that order are the same."""
    tiny = ref.make_net((3, 2), n_classes=2)
    v, labels = ref.some_rows(tiny.visible, 8), _labels(8)
    trainer = _make_trainer(tiny, backend, labels=labels, **FULL)
    order = np.random.Generator(np.random.SFC64(np.random.SeedSequence(0).spawn(2)[1])).permutation(
        np.arange(8)
    )
    trainer.run(Rows(backend, v, np.float64), 1, hooks)
    expected, state, model = parameters(trainer), None, tiny
    for part in (order[:4], order[4:]):
        other = _make_trainer(model, backend, state=state, labels=labels[part], **FULL)
        entry = other.update(Batch(backend.asarray(v[part])))
        assert {*entry} == {*hooks.entries[0]}
        state, model = other.save_state(), _with(tiny, parameters(other), ref)
    _assert_changes(parameters(other), expected)


def test_sparse_rows(backend, ref, hooks, parameters):
    tiny, found = ref.make_net((3, 2), n_classes=2), []
    v = ref.some_rows(tiny.visible, 9)
    for X in (v, sp.csr_array(v), sp.csr_matrix(v)):
        trainer = _make_trainer(tiny, backend, labels=_labels(9), **FULL)
        trainer.run(Rows(backend, X, np.float64), 2, hooks)
        found.append(parameters(trainer))
    _assert_changes(found[1], found[0])
    _assert_changes(found[2], found[0])


def test_single_precision(backend, ref, hooks, parameters):
    tiny = ref.make_net((3, 2), n_classes=2)
    settings = {**FULL, "persistent": True}
    trainer = _make_trainer(tiny, backend, dtype=np.float32, labels=_labels(9), **settings)
    trainer.run(Rows(backend, ref.some_rows(tiny.visible, 9), np.float32), 2, hooks)
    found = [*parameters(trainer).values(), trainer.save_state().chains]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize("persistent", [False, True])
def test_divergence_is_taken_back(backend, ref, hooks, parameters, persistent):
    tiny = ref.make_net((3, 2), n_classes=2)
    settings = {"learning_rate": 1e200, "weight_decay": 1.0, "persistent": persistent}
    trainer = _make_trainer(tiny, backend, labels=_labels(9), **settings)
    before, chains = parameters(trainer), trainer.save_state().chains
    with pytest.raises(DivergenceError, match="not finite"):
        trainer.run(Rows(backend, ref.some_rows(tiny.visible, 9), np.float64), 1, hooks)
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    if persistent:
        np.testing.assert_array_equal(trainer.save_state().chains, chains)


@pytest.mark.parametrize("persistent", [False, True])
def test_training_learns(compiled, ref, rng, hooks, parameters, persistent):
    """Noisy copies of one of two patterns, half of them with labels."""
    patterns = np.array([[1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 1]], dtype=float)
    y = rng.integers(2, size=400)
    v = np.abs(patterns[y] - (rng.random((400, 6)) < 0.1))
    labels = np.eye(2)[y]
    labels[::2] = 0
    tiny = ref.make_net((6, 3, 3), n_classes=2, std=1.0)
    tiny.label_weights *= 0.01
    before = tiny.bounds(v).mean()
    trainer = _make_trainer(
        tiny, compiled, dtype=np.float32, labels=labels, learning_rate=0.1, momentum=0.5,
        batch_size=10, persistent=persistent,
    )  # fmt: skip
    trainer.run(Rows(compiled, v, np.float32), 60, hooks)
    found = {name: array.astype(float) for name, array in parameters(trainer).items()}
    after = _with(tiny, found, ref)
    entropy = 6 * (0.1 * np.log(0.1) + 0.9 * np.log(0.9)) + np.log(0.5)
    assert after.bounds(v).mean() > before + 0.6 * (entropy - before)
    assert hooks.entries[-1]["error"] < 0.2
    assert hooks.entries[-1]["wake_error"][0] < 0.15


# -- measurements ---------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(3,), (3, 2)])
def test_errors_of_predictions(plain, ref, sizes):
    """Means over the rows of an epoch, for each layer."""
    tiny = ref.make_net(sizes, n_classes=2)
    v = ref.some_rows(tiny.visible, 4)
    expected = _by_hand(tiny, v, LABELS, _Dice(plain))[2]
    trainer = _make_trainer(tiny, plain, labels=LABELS)
    entry = trainer.update(Batch(v))
    np.testing.assert_allclose(entry["wake_error"], expected[0], rtol=1e-12)
    np.testing.assert_allclose(entry["sleep_error"], expected[1], rtol=1e-12)
    assert entry["wake_error"].shape == (len(sizes) - 1,)
    again = trainer.measure((v, LABELS), trainer.copies(), None)
    assert np.isnan(again["wake_error"]).all()


@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize("holds_out", [False, True])
def test_measures(backend, ref, n_classes, holds_out):
    tiny = ref.make_net((3, 2), n_classes=n_classes)
    net, put = tiny.net(backend), backend.asarray
    v, others = ref.some_rows(tiny.visible, 4), ref.some_rows(tiny.visible, 5, seed=1)
    labels, other_labels = (LABELS, _labels(5)) if n_classes else (None, None)
    previous = np.array(backend.to_host(net.top.weights))
    previous[0, 0] += 2e-3
    held_out = (put(others), other_labels) if holds_out else None
    entry = measure_belief(net, (put(v), labels), put(previous), held_out)

    def energies(rows):
        x = tiny.recognition[0][1].mean(rows @ tiny.recognition[0][0])
        found = tiny.top_log_weights(x)
        return x, -np.log(np.exp(found).sum(axis=1)), found

    def error(found, known):
        if not n_classes:
            return None
        kept = known.any(axis=1)
        return np.mean(found.argmax(axis=1)[kept] != known.argmax(axis=1)[kept])

    (x, energy, found), (_, energy_out, found_out) = energies(v), energies(others)
    a = tiny.top.hidden_input(x)
    if n_classes:
        a = a + tiny.label_posterior(x) @ tiny.label_weights
    h = tiny.top.hidden.mean(a)
    back = tiny.top.visible.mean(tiny.top.visible_input(h))
    reconstruction = tiny.visible.mean(back @ tiny.generative[0][0])
    nan = float("nan")
    expected = {
        "reconstruction_error": np.mean((v - reconstruction) ** 2),
        "free_energy": energy.mean(),
        "validation_free_energy": energy_out.mean() if holds_out else nan,
        "free_energy_gap": energy_out.mean() - energy.mean() if holds_out else nan,
        "free_energy_gap_error": np.sqrt(energy.var() / 4 + energy_out.var() / 5)
        if holds_out
        else nan,
        "mean_hidden_activity": h.mean(),
        "weights_moved": 1 / previous.size,
    }
    if n_classes:
        expected["error"] = error(found, LABELS)
        expected["validation_error"] = error(found_out, _labels(5)) if holds_out else nan
    assert set(entry) == {*expected, "weight_norm"}
    assert set(entry) >= set(MEASURES)
    for name, value in expected.items():
        assert type(entry[name]) is float
        assert entry[name] == pytest.approx(value, rel=1e-10, nan_ok=True), name
    norm = np.linalg.norm(backend.to_host(net.top.weights), axis=0)
    np.testing.assert_allclose(entry["weight_norm"], norm, rtol=1e-12)


def test_no_label_no_error(backend, ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    net, v = tiny.net(backend), backend.asarray(ref.some_rows(tiny.visible, 4))
    entry = measure_belief(net, (v, np.zeros((4, 2))), net.top.weights)
    assert np.isnan(entry["error"])
    trainer = _make_trainer(tiny, backend, learning_rate=0.1)
    assert np.isnan(trainer.update(Batch(v))["error"])
