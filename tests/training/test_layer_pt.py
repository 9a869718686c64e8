"""Parallel tempering of all layers of a deep Boltzmann machine, in the negative phase."""

import numpy as np
import pytest

from skdeepbm.sampling.tempering import spaced
from skdeepbm.training import Batch, DBMSettings, DBMTrainer, TrainingState


def _make(tiny, backend, state=None, **settings):
    settings = {"batch_size": 4, "n_chains": 6, "n_temperatures": 3, **settings}
    settings = DBMSettings(algorithm="pt", **settings)
    state = TrainingState() if state is None else state
    return DBMTrainer(tiny.dbm(backend), settings, state, np.random.SeedSequence(1))


def _rows(trainer, backend):
    sizes = [units.size for units in trainer.dbm.layers]
    return [backend.empty((trainer.n_chains, n), trainer.dbm.dtype) for n in sizes]


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("sizes", [(3, 3, 2), (3, 2, 3, 2)])
def test_rows_come_to_the_model(backend, ref, sizes, visible):
    """Whatever the chains at other temperatures do, means and products at 1 are the model's."""
    # the reference sums over a lattice of real values
    sizes = (2, *sizes[1:]) if visible == "gaussian" else sizes
    tiny = ref.make_dbm(sizes, visible, seed=3)
    n = 1000
    state = TrainingState(base_bias=np.linspace(-0.5, 0.5, sizes[0]))
    trainer = _make(tiny, backend, state, n_chains=n)
    rows = _rows(trainer, backend)
    trainer._sample(15, rows)
    found = [np.array(backend.to_host(x)) for x in rows]
    states, p = tiny.probabilities()
    for row, state in zip(found, states, strict=True):
        assert ref.within_error(row, p @ state)
    for i in range(len(sizes) - 1):
        products = (found[i][:, :, None] * found[i + 1][:, None, :]).reshape(n, -1)
        expected = (states[i] * p[:, None]).T @ states[i + 1]
        assert ref.within_error(products, expected.ravel())
    # odd layers are what the even ones make of them
    dbm = tiny.dbm(backend)
    for i in range(1, len(sizes), 2):
        a = dbm.input(i, [backend.asarray(x) for x in found])
        mean = backend.to_host(dbm.layers[i].mean(a))
        np.testing.assert_allclose(found[i], mean, rtol=1e-9)


def test_numbers_of_chains(backend, ref):
    tiny = ref.make_dbm((3, 2, 3, 2))
    trainer = _make(tiny, backend, n_temperatures=4)
    assert trainer.n_chains == 6
    saved = trainer.save_state()
    assert [x.shape for x in saved.chains] == [(24, 2), (24, 2)]
    assert trainer.phase.chains.betas == spaced(4)


def test_goes_on_exactly(backend, ref, parameters):
    """After an odd number of steps the next exchange begins with the other pair."""
    tiny = ref.make_dbm((3, 2, 3, 2))
    data = [ref.some_rows(tiny.layers[0], 4, seed=i) for i in range(4)]
    settings = {"n_gibbs_steps": 1, "learning_rate": 0.1}

    def take(trainer, batches):
        for v in batches:
            trainer.step(Batch(backend.asarray(v)))

    whole = _make(tiny, backend, **settings)
    take(whole, data)
    first = _make(tiny, backend, **settings)
    take(first, data[:1])
    halfway = tiny.with_parameters(**parameters(first))
    second = _make(halfway, backend, first.save_state(), **settings)
    take(second, data[1:])
    for name, array in parameters(whole).items():
        np.testing.assert_array_equal(parameters(second)[name], array, err_msg=name)
    ends = whole.save_state(), second.save_state()
    for a, b in zip(ends[0].chains, ends[1].chains, strict=True):
        np.testing.assert_array_equal(a, b)
    # and back again, where a step diverged
    carried = second.carried()
    take(second, data[:1])
    second.put_back(carried)
    for a, b in zip(second.save_state().chains, ends[1].chains, strict=True):
        np.testing.assert_array_equal(a, b)
