"""Contrastive divergence and persistent chains: what starts where, and what goes on."""

import pickle

import numpy as np
import pytest

from skdeepbm.training import Batch, Rows, TrainingState


def _dominoes(ref, n=6):
    """A model in which a unit falls when the one before it has fallen, and never by itself.

    Units alternate between the layers and the ties weaken along the line, so that each follows the
    one before it. A Gibbs step from the first visible unit alone tells how many steps were taken
    and from where, as good as without chance.
    """
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=n, n_hidden=n)
    W, b, c = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    for tie in range(2 * n - 1):
        i, j = (tie + 1) // 2, tie // 2
        strength = 60.0 * (2 * n - tie)
        # strength * (2 v - 1)(2 h - 1)
        W[i, j] += 4 * strength
        b[i] -= 2 * strength
        c[j] -= 2 * strength
    return tiny.with_parameters(weights=W, visible_bias=b, hidden_bias=c)


def _fallen(n, total=6):
    return (np.arange(total) < n).astype(float)


def _first(n_rows=3, total=6):
    v = np.zeros((n_rows, total))
    v[:, 0] = 1
    return v


@pytest.mark.parametrize("n_steps", [1, 2, 4])
def test_later_steps_go_on_from_the_chain(backend, ref, make_trainer, take_step, spy, n_steps):
    """CD-k: chains that were restarted from the data in every step would stay at two units."""
    trainer = make_trainer(
        _dominoes(ref), backend, algorithm="cd", n_gibbs_steps=n_steps, learning_rate=0.0
    )
    for _ in range(2):
        with backend.quiet():
            take_step(trainer, _first())
        (seen,) = spy[-1:]
        assert seen.n_steps == n_steps
        np.testing.assert_array_equal(seen.v, np.tile(_fallen(n_steps + 1), (3, 1)))
        np.testing.assert_allclose(seen.h, np.tile(_fallen(n_steps + 1), (3, 1)), atol=1e-12)


def test_the_data_drive_a_drawn_hidden_state(backend, ref, make_trainer, take_step, spy):
    """The visible units below answer a hidden 0 by 0 and a hidden 1 or one half by 1."""
    n = 2000
    tiny = ref.make_tiny("bernoulli", "bernoulli", n_visible=1, n_hidden=1).with_parameters(
        weights=np.array([[120.0]]), visible_bias=np.array([-30.0]), hidden_bias=np.zeros(1)
    )
    trainer = make_trainer(tiny, backend, algorithm="cd", learning_rate=0.0)
    take_step(trainer, np.zeros((n, 1)))
    (seen,) = spy
    assert set(np.unique(seen.h_data)) == {0.0, 1.0}
    assert ref.within_error(seen.h_data, 0.5)
    np.testing.assert_array_equal(seen.v, seen.h_data)


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_last_hidden_update_is_a_probability(backend, ref, make_trainer, take_step, spy, algorithm):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, algorithm=algorithm, n_gibbs_steps=3, batch_size=5)
    take_step(trainer, ref.some_rows(tiny.visible, 5))
    (seen,) = spy
    np.testing.assert_allclose(seen.h, tiny.hidden.mean(tiny.hidden_input(seen.v)), rtol=1e-10)
    assert np.all((seen.h > 0) & (seen.h < 1))
    assert set(np.unique(seen.v)) <= {0.0, 1.0}


def test_visible_states_are_draws(backend, ref, make_trainer, take_step, spy):
    tiny = ref.make_tiny()
    tiny = tiny.with_parameters(weights=np.zeros_like(tiny.weights))
    trainer = make_trainer(tiny, backend, learning_rate=0.0)
    take_step(trainer, np.ones((4000, 3)))
    (seen,) = spy
    assert set(np.unique(seen.v)) == {0.0, 1.0}
    assert ref.within_error(seen.v, tiny.visible.mean(np.zeros(3)))


def test_reconstructions_may_be_expectations(backend, ref, make_trainer, take_step, spy):
    """With visible_states="mean" no visible unit is drawn; hidden ones are, from the data."""
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, visible_states="mean")
    take_step(trainer, ref.some_rows(tiny.visible, 5))
    (seen,) = spy
    assert set(np.unique(seen.h_data)) <= {0.0, 1.0}
    np.testing.assert_allclose(seen.v, tiny.visible.mean(tiny.visible_input(seen.h_data)))
    np.testing.assert_allclose(seen.h, tiny.hidden.mean(tiny.hidden_input(seen.v)))


def test_n_gibbs_steps_of_an_epoch(backend, ref, make_trainer, take_step, spy):
    state = TrainingState(n_batches=2)
    trainer = make_trainer(
        _dominoes(ref), backend, state=state, n_gibbs_steps=[1, 3], learning_rate=0.0
    )
    for _ in range(6):
        with backend.quiet():
            take_step(trainer, _first())
    assert [seen.n_steps for seen in spy] == [1, 1, 3, 3, 3, 3]
    assert [int(seen.v[0].sum()) for seen in spy] == [2, 2, 4, 4, 4, 4]


def test_persistent_chains_go_on_over_batches(backend, ref, make_trainer, take_step, spy):
    """Whatever the data, each batch finds the chains where the one before left them."""
    start = np.tile(_fallen(1), (4, 1))
    trainer = make_trainer(
        _dominoes(ref),
        backend,
        state=TrainingState(chains=start),
        algorithm="pcd",
        learning_rate=0.0,
    )
    for n_fallen, n_rows in ((2, 3), (3, 3), (4, 1), (5, 2)):
        with backend.quiet():
            take_step(trainer, np.zeros((n_rows, 6)))
        # the chains keep their own number
        np.testing.assert_array_equal(spy[-1].v, np.tile(_fallen(n_fallen), (4, 1)))
        expected = np.tile(_fallen(n_fallen), (4, 1))
        np.testing.assert_array_equal(trainer.save_state().chains, expected)


def test_persistent_chains_go_on_over_epochs_and_calls(backend, ref, make_trainer, spy, hooks):
    start = np.tile(_fallen(1), (2, 1))
    state = TrainingState(chains=start)
    data = np.zeros((3, 6))
    for call in range(2):
        trainer = make_trainer(
            _dominoes(ref),
            backend,
            state=state,
            algorithm="pcd",
            batch_size=2,
            learning_rate=0.0,
        )
        # one epoch of two batches
        trainer.run(Rows(backend, data, np.float64), 1, hooks)
        state = pickle.loads(pickle.dumps(trainer.save_state()))
        expected = np.tile(_fallen(1 + 2 * (call + 1)), (2, 1))
        np.testing.assert_array_equal(state.chains, expected)
    trainer.run(Rows(backend, data, np.float64), 1, hooks)
    assert [int(seen.v[0].sum()) for seen in spy] == [2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize(("n_chains", "expected"), [(None, 8), (3, 3), (20, 20)])
def test_number_of_chains(backend, ref, make_trainer, take_step, spy, n_chains, expected):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend, algorithm="pcd", batch_size=8, n_chains=n_chains)
    for n_rows in (8, 2):
        take_step(trainer, ref.some_rows(tiny.visible, n_rows))
        assert len(spy[-1].v) == expected
    assert trainer.save_state().chains.shape == (expected, 3)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "softmax"])
def test_chains_start_at_the_base_rate_model(backend, ref, make_trainer, hidden):
    tiny = ref.make_tiny("bernoulli", hidden)
    chains = make_trainer(tiny, backend, algorithm="pcd", n_chains=4000).save_state().chains
    v = tiny.visible.mean(np.zeros((1, tiny.visible.bias.size)))
    assert ref.within_error(chains, tiny.hidden.mean(tiny.hidden_input(v))[0])


def test_contrastive_divergence_keeps_no_chains(backend, ref, make_trainer, take_step):
    tiny = ref.make_tiny()
    trainer = make_trainer(tiny, backend)
    take_step(trainer, ref.some_rows(tiny.visible, 4))
    assert trainer.save_state().chains is None


def test_state_of_another_generator_starts_a_new_stream(backend, ref, make_trainer, take_step):
    """A model trained on a device goes on elsewhere; its random stream cannot."""
    tiny = ref.make_tiny()
    foreign = {"bit_generator": "of some device", "key": 1}
    trainer = make_trainer(tiny, backend, state=TrainingState(stream=foreign))
    trainer.step(Batch(backend.asarray(ref.some_rows(tiny.visible, 4))))
    assert trainer.save_state().stream["bit_generator"] == backend.bit_generator
