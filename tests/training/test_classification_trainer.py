"""Discriminative and hybrid steps against finite differences and against loops over classes."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.backends import Counts
from skdeepbm.training import Batch, ClassificationTrainer, TrainingSettings, TrainingState

VISIBLE = ["bernoulli", "gaussian", "softmax"]
HIDDEN = ["bernoulli", "gaussian", "relu", "softmax"]


def _trainer(tiny, backend, *, dtype=np.float64, state=None, sparse=False, **settings):
    settings = {"centring": False, "learning_rate": 1.0, "generative_weight": 0.0, **settings}
    return ClassificationTrainer(
        tiny.rbm(backend, dtype),
        TrainingSettings(**settings),
        TrainingState() if state is None else state,
        np.random.SeedSequence(0),
        sparse,
    )


def _variance(tiny):
    """By which the ascent multiplies the gradients of the visible units' weights and biases."""
    return np.concatenate([tiny.features.visible.variance, np.ones(tiny.n_classes)])


def _log_posterior(x, codes):
    """Objective: mean over all rows of log p(y | x), rows without a label counting nothing."""
    known = np.flatnonzero(codes >= 0)

    def objective(tiny):
        return tiny.log_posterior(x)[known, codes[known]].sum() / len(x)

    return objective


@pytest.mark.parametrize(
    ("visible", "hidden", "known"),
    [
        (visible, hidden, ("all", "some")[(i + j) % 2])
        for i, visible in enumerate(VISIBLE)
        for j, hidden in enumerate(HIDDEN)
    ],
)
def test_gradient_of_the_posterior(backend, ref, take_step, visible, hidden, known):
    codes = np.array({"all": [0, 2, 1, 2, 1, 0], "some": [0, -1, 1, -1, -1, 2]}[known])
    tiny = ref.make_labelled(visible, hidden)
    x = ref.some_rows(tiny.features.visible, 6)
    change = take_step(_trainer(tiny, backend), tiny.joint(x, codes))
    scale = {"weights": _variance(tiny)[:, None], "visible_bias": _variance(tiny), "hidden_bias": 1}
    for name, factor in scale.items():
        expected = factor * tiny.numerical_gradient(_log_posterior(x, codes), name)
        np.testing.assert_allclose(change[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)
    # nothing at all for the biases of the features
    np.testing.assert_array_equal(change["visible_bias"][: x.shape[1]], 0.0)


def test_gradient_by_the_formula(backend, ref, take_step):
    """dW = (S_y - sum_c p_c S_c) x^T, DESIGN 4.10."""
    tiny, codes = ref.make_labelled(), np.array([1, 0, 2, 1])
    x = ref.some_rows(tiny.features.visible, 4)
    change = take_step(_trainer(tiny, backend), tiny.joint(x, codes))
    s, p = tiny.hidden_means(x), np.exp(tiny.log_posterior(x))
    expected = np.zeros_like(tiny.features.weights)
    for n, c in enumerate(codes):
        d = s[c, n] - sum(p[n, k] * s[k, n] for k in range(3))
        expected += np.outer(x[n], d) / 4
    np.testing.assert_allclose(change["weights"][: x.shape[1]], expected, rtol=1e-10)


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_hybrid_is_the_sum_of_both(backend, ref, take_step, visible, algorithm, centring):
    tiny, codes = ref.make_labelled(visible), np.array([1, 0, 2, 1, 1])
    rows = tiny.joint(ref.some_rows(tiny.features.visible, 5), codes)
    n = rows.shape[1] + 3
    options = {"centring": centring, "algorithm": algorithm, "learning_rate": 0.3}
    changes = {}
    for weight in (0.0, 0.25, 0.75):
        state = TrainingState(offsets=np.linspace(0.1, 0.8, n) if centring else None)
        trainer = _trainer(tiny, backend, state=state, generative_weight=weight, **options)
        changes[weight] = take_step(trainer, rows)
    for name, found in changes[0.75].items():
        # linear in the weight: the same draws in both
        expected = changes[0.0][name] + 3 * (changes[0.25][name] - changes[0.0][name])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_centred_step_is_that_of_the_centred_parameters(backend, ref, take_step, visible):
    """With c' = c + W^T mu and b' = b + W lambda as parameters beside W."""
    tiny, codes = ref.make_labelled(visible), np.array([1, 0, 2, 1, 1])
    x = ref.some_rows(tiny.features.visible, 5)
    n, variance = tiny.parameters()["visible_bias"].size, _variance(tiny)
    offsets = np.linspace(0.1, 0.8, n + tiny.features.hidden.bias.size)
    mu, lam = offsets[:n], offsets[n:]
    state = TrainingState(offsets=offsets)
    change = take_step(_trainer(tiny, backend, state=state, centring=True), tiny.joint(x, codes))
    objective = _log_posterior(x, codes)
    gradient = {name: tiny.numerical_gradient(objective, name) for name in tiny.parameters()}
    gradient["visible_bias"] *= variance
    centred = variance[:, None] * gradient["weights"] - np.outer(mu, gradient["hidden_bias"])
    centred -= np.outer(gradient["visible_bias"], lam)
    np.testing.assert_allclose(change["weights"], centred, rtol=1e-6, atol=1e-9)
    expected = gradient["visible_bias"] - centred @ lam
    np.testing.assert_allclose(change["visible_bias"], expected, rtol=1e-6, atol=1e-9)
    expected = gradient["hidden_bias"] - centred.T @ (mu / variance)
    np.testing.assert_allclose(change["hidden_bias"], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("centring", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_csr_equals_dense(compiled, ref, parameters, weight, centring):
    tiny, codes = ref.make_labelled(), np.array([1, -1, 2, 1, -1])
    rows = tiny.joint(ref.some_rows(tiny.features.visible, 5), codes)
    found = []
    for sparse in (False, True):
        trainer = _trainer(
            tiny, compiled, sparse=sparse, generative_weight=weight, centring=centring
        )
        for _ in range(3):
            batch = Batch(compiled.asarray(rows))
            if sparse:
                batch = Batch(None, Counts.of(sp.csr_array(rows)))
            trainer.step(batch)
        found.append(parameters(trainer))
    for name in found[0]:
        np.testing.assert_allclose(*(each[name] for each in found), rtol=1e-9, err_msg=name)


def test_short_batches_after_long_ones(backend, ref, take_step):
    tiny = ref.make_labelled()
    x, codes = ref.some_rows(tiny.features.visible, 6), np.array([0, 1, 2, 0, 1, 2])
    trainer, fresh = (_trainer(tiny, backend, learning_rate=1e-12) for _ in range(2))
    take_step(trainer, tiny.joint(x, codes))
    short = take_step(trainer, tiny.joint(x[:2], codes[:2]))
    expected = take_step(fresh, tiny.joint(x[:2], codes[:2]))
    for name in expected:
        np.testing.assert_allclose(short[name], expected[name], rtol=1e-2, atol=1e-15)


def test_bias_shift(backend, ref, take_step):
    """A constant is taken from the hidden biases after each update."""
    tiny, codes = ref.make_labelled(), np.array([1, 0])
    rows = tiny.joint(ref.some_rows(tiny.features.visible, 2), codes)
    plain = take_step(_trainer(tiny, backend), rows)
    sparse = take_step(_trainer(tiny, backend, bias_shift=0.25), rows)
    np.testing.assert_allclose(sparse["hidden_bias"], plain["hidden_bias"] - 0.25)
    np.testing.assert_allclose(sparse["weights"], plain["weights"])


def test_float32_stays(backend, ref):
    tiny, codes = ref.make_labelled(), np.array([1, -1, 2])
    rows = tiny.joint(ref.some_rows(tiny.features.visible, 3), codes).astype(np.float32)
    trainer = _trainer(tiny, backend, dtype=np.float32, generative_weight=0.1, centring=True)
    trainer.step(Batch(backend.asarray(rows)))
    for array in trainer.parameters().values():
        assert backend.to_host(array).dtype == np.float32
