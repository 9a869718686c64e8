"""Parallel tempering in the negative phase: which rows the gradient sees, and what goes on."""

import pickle

import numpy as np
import pytest

from skdeepbm.sampling.tempering import spaced
from skdeepbm.training import Rows, TrainingState

VISIBLE = ["bernoulli", "gaussian", "softmax"]


@pytest.mark.parametrize(("n_temperatures", "n_chains"), [(2, None), (4, 3)])
def test_numbers_of_chains(backend, ref, make_trainer, take_step, spy, n_temperatures, n_chains):
    tiny = ref.make_tiny()
    settings = {"batch_size": 8, "n_chains": n_chains, "n_temperatures": n_temperatures}
    trainer = make_trainer(tiny, backend, algorithm="pt", **settings)
    n = n_chains or 8
    for n_rows in (8, 2):
        take_step(trainer, ref.some_rows(tiny.visible, n_rows))
        assert spy[-1].v.shape == spy[-1].h.shape == (n, 3)
    assert trainer.save_state().chains.shape == (n * n_temperatures, 3)
    assert trainer.negative.chains.betas == spaced(n_temperatures)


def test_rows_are_those_at_1(backend, ref, make_trainer, take_step, spy):
    """The model says on, independent units say off: no exchange is ever accepted."""
    tiny = ref.make_tiny().with_parameters(
        weights=np.zeros((3, 3)), visible_bias=np.full(3, 60.0), hidden_bias=np.full(3, 60.0)
    )
    state = TrainingState(base_bias=np.full(3, -60.0))
    settings = {"algorithm": "pt", "n_temperatures": 2, "n_chains": 6, "learning_rate": 0.0}
    trainer = make_trainer(tiny, backend, state=state, **settings)
    with backend.quiet():
        for _ in range(3):
            take_step(trainer, np.zeros((4, 3)))
            np.testing.assert_array_equal(spy[-1].v, np.ones((6, 3)))
            np.testing.assert_allclose(spy[-1].h, np.ones((6, 3)))
    np.testing.assert_array_equal(trainer.save_state().chains[:6], np.ones((6, 3)))
    assert set(np.unique(trainer.save_state().chains[6:])) == {0.0, 1.0}
    assert trainer.negative.chains.n_swaps == [0]
    assert trainer.negative.chains.n_offers == [18]


@pytest.mark.parametrize("hidden", ["bernoulli", "softmax"])
@pytest.mark.parametrize("visible", VISIBLE)
def test_rows_come_to_the_model(backend, ref, make_trainer, take_step, spy, visible, hidden):
    tiny = ref.make_tiny(visible, hidden, seed=3)
    settings = {"n_temperatures": 3, "n_chains": 2000, "learning_rate": 0.0, "n_gibbs_steps": 15}
    state = TrainingState(base_bias=np.linspace(-0.5, 0.5, tiny.visible.bias.size))
    trainer = make_trainer(tiny, backend, state=state, algorithm="pt", **settings)
    take_step(trainer, ref.some_rows(tiny.visible, 2))
    (seen,) = spy
    assert seen.n_steps == 15
    mean_v, mean_h, mean_vh = tiny.moments()
    assert ref.within_error(seen.v, mean_v)
    assert ref.within_error(seen.h, mean_h)
    products = (seen.v[:, :, None] * seen.h[:, None, :]).reshape(2000, -1)
    assert ref.within_error(products, mean_vh.ravel())
    np.testing.assert_allclose(seen.h, tiny.hidden.mean(tiny.hidden_input(seen.v)), rtol=1e-9)


@pytest.mark.parametrize("visible", VISIBLE)
def test_step_by_hand(backend, ref, make_trainer, take_step, spy, hand_change, visible):
    """The negative rows enter the gradient as those of any other algorithm."""
    tiny = ref.make_tiny(visible)
    trainer = make_trainer(tiny, backend, algorithm="pt", learning_rate=0.05, n_chains=5)
    v0 = ref.some_rows(tiny.visible, 4)
    found = take_step(trainer, v0)
    h0 = tiny.hidden.mean(tiny.hidden_input(v0))
    expected = hand_change(tiny, v0, h0, spy[-1].v, spy[-1].h, rate=0.05)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("n_batches", [2, 3])
@pytest.mark.parametrize("visible", VISIBLE)
def test_goes_on_exactly(backend, ref, make_trainer, parameters, hooks, visible, n_batches):
    """After an odd number of steps the next exchange begins with the other pair."""
    tiny = ref.make_tiny(visible)
    X = ref.some_rows(tiny.visible, 4 * n_batches)
    settings = {"algorithm": "pt", "n_temperatures": 4, "learning_rate": 0.05, "batch_size": 4}

    def start(state):
        return state or TrainingState(base_bias=np.linspace(-1, 1, tiny.visible.bias.size))

    trainer = make_trainer(tiny, backend, state=start(None), **settings)
    trainer.run(Rows(backend, X, np.float64), 3, hooks)
    expected = {**parameters(trainer), "chains": trainer.save_state().chains}
    memory = trainer.save_state().memory
    state, model = None, tiny
    for n_epochs in (1, 2):
        trainer = make_trainer(model, backend, state=start(state), **settings)
        trainer.run(Rows(backend, X, np.float64), n_epochs, hooks)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        model = tiny.with_parameters(**parameters(trainer))
    found = {**parameters(trainer), "chains": state.chains}
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert state.memory == memory == {"first pair": 3 * n_batches % 2}


def test_chains_go_back_to_copies(backend, ref, make_trainer, take_step):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, algorithm="pt", n_temperatures=4, batch_size=4)
    v = ref.some_rows(tiny.visible, 4)
    take_step(trainer, v)
    phase = trainer.negative
    expected, memory = phase.state, phase.memory
    copied = phase.copy_chains()
    take_step(trainer, v)
    assert not np.array_equal(phase.state, expected)
    phase.restore_chains(copied)
    np.testing.assert_array_equal(phase.state, expected)
    assert phase.memory == memory
