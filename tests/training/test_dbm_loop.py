"""Joint training over epochs: history, saved states, divergence, and that it learns."""

import numpy as np
import pytest

from skdeepbm.evaluation.dbm_likelihood import exact_log_likelihood
from skdeepbm.evaluation.exact import exact_log_partition
from skdeepbm.exceptions import DivergenceError
from skdeepbm.models.dbm import folded
from skdeepbm.models.mean_field import mean_field
from skdeepbm.training import DBMSettings, DBMTrainer, Rows, TrainingState


def _make(tiny, backend, state=None, dtype=np.float32, **settings):
    settings = {"batch_size": 4, "n_chains": 6, "learning_rate": 0.05, **settings}
    state = TrainingState() if state is None else state
    seed = np.random.SeedSequence(1)
    return DBMTrainer(tiny.dbm(backend, dtype), DBMSettings(**settings), state, seed)


def _rows(ref, tiny, backend, n=10, dtype=np.float32):
    return Rows(backend, ref.some_rows(tiny.layers[0], n).astype(dtype), dtype)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_history(backend, ref, hooks, parameters, visible):
    tiny = ref.make_dbm((3, 4, 2), visible)
    trainer = _make(tiny, backend, dtype=np.float64, mean_field_tolerance=1e-12)
    rows = _rows(ref, tiny, backend, dtype=np.float64)
    before = parameters(trainer)
    trainer.run(rows, 1, hooks, held_out=np.array([1, 5, 6]))
    (entry,) = hooks.entries
    after = parameters(trainer)
    now = tiny.with_parameters(**after)
    v = np.delete(ref.some_rows(tiny.layers[0], 10), [1, 5, 6], axis=0)
    q = [np.array(backend.to_host(x)) for x in mean_field(now.dbm(backend), backend.asarray(v))[0]]
    back = now.layers[0].mean(now.input(0, [None, q[0]]))
    assert entry["reconstruction_error"] == pytest.approx(np.mean((v - back) ** 2), rel=1e-4)
    activity = [x.mean() for x in q]
    np.testing.assert_allclose(entry["mean_hidden_activity"], activity, rtol=1e-4)
    np.testing.assert_array_equal(entry["dead_units"], [np.mean(x.std(axis=0) < 0.01) for x in q])
    norms = np.concatenate([np.linalg.norm(w, axis=0) for w in now.weights])
    np.testing.assert_allclose(entry["weight_norm"], norms, rtol=1e-10)
    moves = [np.abs(after[f"weights {i}"] - before[f"weights {i}"]).ravel() for i in (0, 1)]
    assert entry["weights_moved"] == pytest.approx(np.mean(np.concatenate(moves) > 1e-3))
    assert 1 < entry["mean_field_steps"] <= 30
    assert entry["epoch_time"] > 0
    gap = entry["validation_free_energy"] - entry["free_energy"]
    assert entry["free_energy_gap"] == pytest.approx(gap)
    assert entry["free_energy_gap_error"] > 0
    if visible == "bernoulli":
        bound = now.bounds(v, q).mean() + now.log_z()
        assert entry["free_energy"] == pytest.approx(-bound, rel=1e-5)


def test_dead_units_are_those_that_do_not_vary(backend, ref, hooks):
    tiny = ref.make_dbm((3, 4, 5))
    tiny.weights[1][:, :3] = 0.0
    trainer = _make(tiny, backend, learning_rate=0.0)
    trainer.run(_rows(ref, tiny, backend, 40), 1, hooks)
    np.testing.assert_allclose(hooks.entries[0]["dead_units"], [0.0, 0.6])


def test_mean_field_steps_are_those_of_the_epoch(plain, ref, hooks):
    tiny = ref.make_dbm()
    trainer = _make(tiny, plain, mean_field_steps=3, mean_field_tolerance=0.0, learning_rate=0.0)
    trainer.run(_rows(ref, tiny, plain), 2, hooks)
    assert [entry["mean_field_steps"] for entry in hooks.entries] == [3, 3]


def test_nothing_held_out(plain, ref, hooks):
    tiny = ref.make_dbm()
    _make(tiny, plain).run(_rows(ref, tiny, plain), 1, hooks)
    assert np.isfinite(hooks.entries[0]["free_energy"])
    assert np.isnan(hooks.entries[0]["free_energy_gap"])


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_goes_on_where_it_was_saved(backend, ref, hooks, parameters, visible, optimizer):
    """Two epochs are one epoch, a saved state, and another epoch, bit for bit."""
    tiny = ref.make_dbm((3, 2, 3, 2), visible)
    settings = {
        "optimizer": optimizer,
        "momentum": 0.5,
        "sparsity_cost": 0.1,
        "learning_rate": [0.05, 0.02],
    }
    rows = _rows(ref, tiny, backend)
    whole = _make(tiny, backend, **settings)
    whole.run(rows, 2, hooks)
    first = _make(tiny, backend, **settings)
    first.run(rows, 1, hooks)
    state, halfway = first.save_state(), tiny.with_parameters(**parameters(first))
    second = _make(halfway, backend, state, **settings)
    second.run(rows, 1, hooks)
    for name, array in parameters(whole).items():
        np.testing.assert_array_equal(parameters(second)[name], array, err_msg=name)
        assert not np.array_equal(parameters(first)[name], array)
    ends = whole.save_state(), second.save_state()
    for a, b in zip(ends[0].chains, ends[1].chains, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ends[0].offsets, ends[1].offsets)
    np.testing.assert_array_equal(ends[0].activity, ends[1].activity)


def test_same_numbers_on_other_backends(plain, same_stream_backend, ref, hooks, parameters):
    tiny = ref.make_dbm((3, 2, 3, 2))
    found = []
    for backend in (plain, same_stream_backend):
        trainer = _make(tiny, backend, dtype=np.float64, momentum=0.5, sparsity_cost=0.1)
        trainer.run(_rows(ref, tiny, backend, dtype=np.float64), 2, hooks)
        found.append(parameters(trainer))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("n_epochs", [0, 1])
def test_divergence_takes_everything_back(backend, ref, hooks, parameters, n_epochs):
    """Offsets that the batch has begun, too."""
    tiny = ref.make_dbm((3, 2, 3, 2), "gaussian")
    trainer = _make(tiny, backend, sparsity_cost=0.1)
    rows = _rows(ref, tiny, backend)
    trainer.run(rows, n_epochs, hooks)
    before, saved = parameters(trainer), trainer.save_state()
    assert (saved.offsets is None) == (n_epochs == 0)
    chains, offsets, activity = [x.copy() for x in saved.chains], saved.offsets, saved.activity
    batch = rows.batch(np.arange(4))
    batch.dense = batch.dense * 1e30
    with pytest.raises(DivergenceError, match="learning rate"):
        trainer.update(batch)
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, before[name])
    after = trainer.save_state()
    for a, b in zip(after.chains, chains, strict=True):
        np.testing.assert_array_equal(a, b)
    if n_epochs:
        np.testing.assert_array_equal(after.offsets, offsets)
        np.testing.assert_array_equal(after.activity, activity)
    else:
        assert after.offsets is None
        assert after.activity is None
    # and training goes on
    trainer.update(rows.batch(np.arange(4)))
    assert np.isfinite(trainer.save_state().offsets).all()


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_rate_of_zero(backend, ref, parameters, optimizer):
    """A schedule may end at 0: nothing moves but the chains and the offsets."""
    tiny = ref.make_dbm((3, 2, 3), "gaussian")
    trainer = _make(
        tiny, backend, optimizer=optimizer, learning_rate=0.0, weight_decay=0.1, sparsity_cost=0.1
    )
    before, rows = parameters(trainer), _rows(ref, tiny, backend)
    trainer.step(rows.batch(np.arange(4)))
    offsets = trainer.save_state().offsets
    trainer.step(rows.batch(np.arange(4, 8)))
    for name, array in parameters(trainer).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert not np.array_equal(trainer.save_state().offsets, offsets)


def _bars():
    """Bars and stripes of 3 x 3 pixels."""
    bits = np.array([[(i >> k) & 1 for k in range(3)] for i in range(8)], dtype=np.float32)
    bars = np.repeat(bits, 3, axis=1)
    stripes = np.tile(bits, (1, 3))
    return np.unique(np.concatenate([bars, stripes]), axis=0)


def test_learns_bars_and_stripes(compiled, ref, hooks):
    """The exact log-likelihood rises from that of independent pixels most of the way to log 14."""
    v = _bars()
    assert len(v) == 14
    tiny = ref.make_dbm((9, 8, 6, 4), std=0.05)
    for layer in tiny.layers:
        layer.bias = 0 * layer.bias
    trainer = _make(
        tiny,
        compiled,
        batch_size=14,
        n_chains=50,
        n_gibbs_steps=2,
        momentum=0.5,
        learning_rate=[0.05] * 1500 + [0.01],
    )
    assert _log_likelihood(trainer.dbm, v) == pytest.approx(-9 * np.log(2), abs=0.05)
    trainer.run(Rows(compiled, v, np.float32), 2000, hooks)
    found = _log_likelihood(trainer.dbm, v)
    assert -np.log(14) > found
    assert found > -4.2


def _log_likelihood(dbm, v):
    log_z = exact_log_partition(folded(dbm, 1))
    return float(np.mean(exact_log_likelihood(dbm, v, log_z)))
