"""The mean of the parameters over the last epochs."""

import numpy as np
import pytest

from skdeepbm.training import Rows
from skdeepbm.training.averaging import Average


@pytest.mark.parametrize(("share", "expected"), [(0.0, None), (0.5, 3.5), (0.75, 3.0), (1.0, 2.5)])
def test_mean_of_the_last_epochs(backend, share, expected):
    average = Average(backend, 4, share)
    for epoch in (1.0, 2.0, 3.0, 4.0):
        average.add({"a": backend.asarray(np.full(3, epoch))})
    kept = backend.asarray(np.full(3, 9.0))
    average.store({"a": kept})
    np.testing.assert_allclose(backend.to_host(kept), 9.0 if expected is None else expected)


def test_later_steps_do_not_change_what_was_seen(backend):
    average, a = Average(backend, 2, 1.0), backend.asarray(np.ones(2))
    average.add({"a": a})
    a += 2.0
    average.add({"a": a})
    average.store({"a": a})
    np.testing.assert_allclose(backend.to_host(a), 2.0)


def test_training_ends_with_the_mean(plain, ref, make_trainer, hooks, parameters):
    """That of the parameters after each of the last two of three epochs; stopping ends it too."""
    v = ref.some_rows(ref.make_tiny().visible, 12)
    found = {}
    for n_epochs, averaging in ((2, 0.0), (3, 0.0), (3, 0.67)):
        settings = {"learning_rate": 0.1, "batch_size": 4, "averaging": averaging}
        trainer = make_trainer(ref.make_tiny(), plain, **settings)
        trainer.run(Rows(plain, v, np.float64), n_epochs, hooks)
        found[n_epochs, averaging] = parameters(trainer)
    for name, mean in found[3, 0.67].items():
        expected = (found[2, 0.0][name] + found[3, 0.0][name]) / 2
        np.testing.assert_allclose(mean, expected, rtol=1e-12, err_msg=name)
        assert not np.array_equal(mean, found[3, 0.0][name])
