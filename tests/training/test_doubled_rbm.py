"""Training of RBMs one side of which is there twice."""

import numpy as np
import pytest

from skdeepbm.models.doubled_rbm import DoubledRBM
from skdeepbm.training import Batch, RBMTrainer, Rows, TrainingSettings, TrainingState

FLIPPED = np.array([True, False, True])
COPIES = [(2, 1), (1, 2)]


def _make(tiny, backend, copies, offsets=None, dtype=np.float64, **settings):
    rbm = tiny.rbm(backend, dtype)
    v, h = copies
    rbm = DoubledRBM(rbm.visible, rbm.hidden, rbm.weights, visible_copies=v, hidden_copies=h)
    state = TrainingState(offsets=None if offsets is None else np.concatenate(offsets))
    settings = {"centring": offsets is not None, "learning_rate": 1.0, **settings}
    return RBMTrainer(rbm, TrainingSettings(**settings), state, np.random.SeedSequence(0))


@pytest.mark.parametrize("copies", COPIES)
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_step_by_hand(backend, ref, spy, take_step, visible, copies, algorithm):
    """Offsets enter a bias with the share of the weights that its copy has."""
    tiny = ref.make_tiny(visible, "bernoulli")
    n_v, n_h = tiny.weights.shape
    mu, lam = np.linspace(0.2, 0.6, n_v), np.linspace(0.3, 0.7, n_h)
    trainer = _make(
        tiny, backend, copies, (mu, lam), algorithm=algorithm, batch_size=4, variance_rate=0.0
    )
    v0 = ref.some_rows(tiny.visible, 4)
    change = take_step(trainer, v0)
    share_v, share_h = 1 / copies[0], 1 / copies[1]
    h0 = tiny.hidden.mean(share_h * tiny.hidden_input(v0))
    v1, h1 = spy[-1].v, spy[-1].h
    np.testing.assert_allclose(h1, tiny.hidden.mean(share_h * tiny.hidden_input(v1)), rtol=1e-9)
    dw = sum(sign * ((v - mu).T @ (h - lam)) / len(v) for sign, v, h in ((1, v0, h0), (-1, v1, h1)))
    dv, dh = v0.mean(axis=0) - v1.mean(axis=0), h0.mean(axis=0) - h1.mean(axis=0)
    np.testing.assert_allclose(change["weights"], dw, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(change["visible_bias"], dv - share_v * dw @ lam, rtol=1e-9)
    coupled = tiny.visible.couple(mu)
    np.testing.assert_allclose(
        change["hidden_bias"], dh - share_h * dw.T @ coupled, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("copies", COPIES)
@pytest.mark.parametrize("centring", [False, True])
def test_variances_by_hand(backend, ref, given_phase, take_step, copies, centring):
    tiny = ref.make_tiny("gaussian", "bernoulli")
    mu, lam = (np.array([0.3, -0.2]), np.array([0.2, 0.5, 0.6])) if centring else (0, np.zeros(3))
    v0, given_phase.v = ref.some_rows(tiny.visible, 4), ref.some_rows(tiny.visible, 3, seed=1)
    given_phase.h = ref.some_rows(tiny.hidden, 3, seed=2)
    trainer = _make(
        tiny,
        backend,
        copies,
        (mu, lam) if centring else None,
        algorithm="given",
        learning_rate=0.1,
        variance_rate=1.0,
    )
    change = take_step(trainer, v0)
    share = 1 / copies[0]
    h0 = tiny.hidden.mean(tiny.hidden_input(v0) / copies[1])
    bias, dz = tiny.visible.bias + share * tiny.weights @ lam, 0.0
    for sign, v, h in ((1, v0, h0), (-1, given_phase.v, given_phase.h)):
        square = 0.5 * (v - bias) ** 2 - (v - mu) * share * ((h - lam) @ tiny.weights.T)
        dz = dz + sign * square.mean(axis=0) / tiny.visible.variance
    np.testing.assert_allclose(change["log_variance"], 0.1 * dz, rtol=1e-9)


def _flip(v):
    return np.where(FLIPPED, 1 - v, v)


def _flip_model(tiny, copies):
    sign = np.where(FLIPPED, -1.0, 1.0)
    return tiny.with_parameters(
        weights=sign[:, None] * tiny.weights,
        visible_bias=sign * tiny.visible.bias,
        hidden_bias=tiny.hidden.bias + tiny.weights[FLIPPED].sum(axis=0) / copies[1],
    )


@pytest.mark.parametrize("copies", COPIES)
def test_invariant_to_flipped_bits(backend, ref, given_phase, take_step, parameters, copies):
    tiny = ref.make_tiny()
    mu, lam = np.array([0.3, 0.6, 0.8]), np.array([0.2, 0.5, 0.7])
    ends = []
    for turn, turn_model in ((np.array, lambda x, _: x), (_flip, _flip_model)):
        trainer = _make(
            turn_model(tiny, copies),
            backend,
            copies,
            (turn(mu), lam),
            algorithm="given",
            learning_rate=0.3,
            momentum=0.5,
            centring_rate=0.2,
        )
        rng = np.random.default_rng(1)
        for n in (5, 3, 4):
            v0, v1 = (rng.integers(0, 2, (k, 3)).astype(float) for k in (n, 6))
            given_phase.v = turn(v1)
            given_phase.h = rng.uniform(size=(6, 3))
            take_step(trainer, turn(v0))
        end = turn_model(tiny.with_parameters(**parameters(trainer)), copies)
        ends.append(end.parameters())
    for name, array in ends[0].items():
        np.testing.assert_allclose(ends[1][name], array, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("copies", COPIES)
def test_epochs_are_those_of_steps(compiled, ref, hooks, parameters, copies):
    """No compiled epoch, which knows nothing of copies, takes the place of the steps."""
    tiny = ref.make_tiny("bernoulli", "bernoulli")
    v = ref.some_rows(tiny.visible, 8).astype(np.float32)
    settings = {"dtype": np.float32, "batch_size": 4, "shuffle": False, "learning_rate": 0.1}
    looped, stepped = (_make(tiny, compiled, copies, **settings) for _ in range(2))
    looped.run(Rows(compiled, v, np.float32), 1, hooks)
    for start in (0, 4):
        stepped.step(Batch(v[start : start + 4]))
    for name, array in parameters(looped).items():
        np.testing.assert_array_equal(array, parameters(stepped)[name])
    # what the history calls free energy counts copies
    (entry,) = hooks.entries
    assert entry["free_energy"] == pytest.approx(
        float(np.mean(looped.rbm.free_energy(v))), rel=1e-5
    )


@pytest.mark.parametrize("copies", COPIES)
def test_fast_weights_keep_the_copies(plain, ref, take_step, spy, copies):
    """Chains of fast weights have the conditionals of the copies, too."""
    tiny = ref.make_tiny()
    trainer = _make(tiny, plain, copies, algorithm="fpcd", batch_size=4, learning_rate=0.0)
    take_step(trainer, ref.some_rows(tiny.visible, 4))
    h = tiny.hidden.mean(tiny.hidden_input(spy[-1].v) / copies[1])
    np.testing.assert_allclose(spy[-1].h, h, rtol=1e-9)
