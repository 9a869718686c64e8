"""Centring: where offsets start and go, and what they make the step invariant to."""

import numpy as np
import pytest

from skdeepbm.training import TrainingState

FLIPPED = np.array([True, False, True])


def _flip(v):
    return np.where(FLIPPED, 1 - v, v)


def _flip_model(tiny):
    """The model that gives flipped states the energies of the states they came from."""
    sign = np.where(FLIPPED, -1.0, 1.0)
    return tiny.with_parameters(
        weights=sign[:, None] * tiny.weights,
        visible_bias=sign * tiny.visible.bias,
        hidden_bias=tiny.hidden.bias + tiny.weights[FLIPPED].sum(axis=0),
    )


def _trained(tiny, backend, make_trainer, take_step, given_phase, parameters, flipped, **settings):
    """Parameters after steps on given rows; flipped: on flipped rows, and turned back."""
    rng = np.random.default_rng(1)
    mu, lam = np.array([0.3, 0.6, 0.8]), np.array([0.2, 0.5, 0.7])
    model = _flip_model(tiny) if flipped else tiny
    offsets = np.concatenate([_flip(mu) if flipped else mu, lam])
    trainer = make_trainer(
        model,
        backend,
        state=TrainingState(offsets=offsets),
        algorithm="given",
        learning_rate=0.3,
        momentum=0.5,
        centring_rate=0.2,
        **settings,
    )
    for n in (5, 3, 4):
        v0, v1 = (rng.integers(0, 2, (k, 3)).astype(float) for k in (n, 6))
        given_phase.v = _flip(v1) if flipped else v1
        take_step(trainer, _flip(v0) if flipped else v0)
    model = model.with_parameters(**parameters(trainer))
    return (_flip_model(model) if flipped else model).parameters(), trainer.save_state()


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "relu"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_invariant_to_flipped_bits(
    backend, ref, make_trainer, take_step, given_phase, parameters, hidden, optimizer
):
    tiny = ref.make_tiny("bernoulli", hidden, n_hidden=3)
    np.testing.assert_allclose(
        _flip_model(_flip_model(tiny)).hidden.bias, tiny.hidden.bias, rtol=1e-12
    )
    tools = (backend, make_trainer, take_step, given_phase, parameters)
    settings = {"optimizer": optimizer, "centring": True}
    if hidden == "bernoulli":
        settings["sparsity_cost"] = 0.2
    plain, state = _trained(tiny, *tools, False, **settings)
    turned, turned_state = _trained(tiny, *tools, True, **settings)
    for name, array in plain.items():
        np.testing.assert_allclose(turned[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
    mu, turned_mu = state.offsets[:3], turned_state.offsets[:3]
    np.testing.assert_allclose(turned_mu, _flip(mu), rtol=1e-10)
    np.testing.assert_allclose(turned_state.offsets[3:], state.offsets[3:], rtol=1e-10)


def test_plain_steps_are_not_invariant(
    plain, ref, make_trainer, take_step, given_phase, parameters
):
    """The comparison above tells the two apart."""
    tiny = ref.make_tiny()
    tools = (plain, make_trainer, take_step, given_phase, parameters)
    straight, _ = _trained(tiny, *tools, False, centring=False)
    turned, _ = _trained(tiny, *tools, True, centring=False)
    assert np.abs(turned["weights"] - straight["weights"]).max() > 0.01


@pytest.mark.parametrize("hidden", ["bernoulli", "relu", "softmax"])
def test_gaussian_weights_do_not_see_a_shift(
    backend, ref, make_trainer, take_step, given_phase, hidden
):
    """A shift of real-valued data moves the biases along and changes no weight's step."""
    tiny = ref.make_tiny("gaussian", hidden)
    shift = np.array([5.0, -3.0])
    shifted = tiny.with_parameters(
        visible_bias=tiny.visible.bias + shift,
        hidden_bias=tiny.hidden.bias - (shift / tiny.visible.variance) @ tiny.weights,
    )
    v0, v1 = ref.some_rows(tiny.visible, 5), ref.some_rows(tiny.visible, 4, seed=1)
    mu, lam = np.array([0.1, -0.4]), np.full(tiny.hidden.bias.size, 0.4)
    found = []
    for model, move in ((tiny, 0.0), (shifted, shift)):
        given_phase.v = v1 + move
        trainer = make_trainer(
            model,
            backend,
            state=TrainingState(offsets=np.concatenate([mu + move, lam])),
            algorithm="given",
            centring=True,
        )
        found.append(take_step(trainer, v0 + move))
    straight, moved = found
    for name in ("weights", "visible_bias", "log_variance"):
        np.testing.assert_allclose(moved[name], straight[name], rtol=1e-8, atol=1e-10)
    # c + W^T (shift / s^2) is the bias that both hidden layers share
    before = (shift / tiny.visible.variance) @ tiny.weights
    variance = tiny.visible.variance * np.exp(straight["log_variance"])
    after = (shift / variance) @ (tiny.weights + straight["weights"])
    np.testing.assert_allclose(
        moved["hidden_bias"], straight["hidden_bias"] - (after - before), rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("hidden", ["bernoulli", "relu"])
def test_offsets_start_at_the_means_of_independent_units(
    backend, ref, make_trainer, visible, hidden
):
    tiny = ref.make_tiny(visible, hidden)
    trainer = make_trainer(tiny, backend, centring=True)
    v = tiny.visible.mean(np.zeros((1, tiny.visible.bias.size)))
    h = tiny.hidden.mean(tiny.hidden_input(v))
    expected = np.concatenate([v[0], h[0]])
    np.testing.assert_allclose(trainer.save_state().offsets, expected, rtol=1e-12)


def test_offsets_do_not_start_in_the_biases_memory(backend, ref, make_trainer, take_step):
    """A Gaussian unit's mean without input is its bias: offset and bias must move apart."""
    tiny = ref.make_tiny("gaussian", "gaussian")
    trainer = make_trainer(tiny, backend, centring=True, centring_rate=0.0, learning_rate=0.1)
    change = take_step(trainer, ref.some_rows(tiny.visible, 5))
    assert np.abs(change["visible_bias"]).max() > 1e-3
    v = tiny.visible.bias[None, :]
    expected = np.concatenate([v[0], tiny.hidden.mean(tiny.hidden_input(v))[0]])
    np.testing.assert_allclose(trainer.save_state().offsets, expected, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.05, 1.0])
def test_offsets_move_with_their_rate(backend, ref, make_trainer, take_step, rate):
    tiny = ref.make_tiny()
    start = np.array([0.9, 0.1, 0.5, 0.4, 0.2, 0.6])
    trainer = make_trainer(
        tiny, backend, state=TrainingState(offsets=start), centring=True, centring_rate=rate
    )
    v0 = ref.some_rows(tiny.visible, 4)
    take_step(trainer, v0)
    # the hidden target is the mean of probabilities, not of draws
    h0 = tiny.hidden.mean(tiny.hidden_input(v0))
    target = np.concatenate([v0.mean(axis=0), h0.mean(axis=0)])
    expected = (1 - rate) * start + rate * target
    np.testing.assert_allclose(trainer.save_state().offsets, expected, rtol=1e-10)


def test_without_centring_there_are_no_offsets(backend, ref, make_trainer, take_step):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, centring=False)
    take_step(trainer, ref.some_rows(tiny.visible, 4))
    assert trainer.save_state().offsets is None
