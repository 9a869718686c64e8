"""Rows kept from training, what the history says of them, and early stopping."""

import numpy as np
import pytest

from skdeepbm import RBMTransformer
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.estimators._early_stopping import Rises


@pytest.fixture(scope="module")
def few():
    """So few rows with so much noise that a large model learns them by heart."""
    rng = np.random.default_rng(0)
    return (rng.random((60, 12)) < 0.3 + 0.4 * (np.arange(12) % 2)).astype(np.float64)


def overfitting(**setting):
    defaults = {"n_components": 64, "n_iter": 300, "learning_rate": 0.1, "batch_size": 5}
    defaults |= {"validation_fraction": 0.4, "weight_decay": 0.0, "random_state": 0}
    return RBMTransformer(**(defaults | setting))


def test_history_of_held_out_rows(few):
    model = overfitting(n_iter=3, training_dtype="float64").fit(few)
    history = model.history_
    index = model._held_out(len(few))
    assert index.size == 24
    kept, trained = few[index], np.delete(few, index, axis=0)
    f_kept, f_trained = model.free_energy(kept), model.free_energy(trained)
    np.testing.assert_allclose(history["validation_free_energy"][-1], f_kept.mean())
    np.testing.assert_allclose(history["free_energy_gap"][-1], f_kept.mean() - f_trained.mean())
    error = np.sqrt(f_kept.var() / f_kept.size + f_trained.var() / f_trained.size)
    np.testing.assert_allclose(history["free_energy_gap_error"][-1], error)


def test_held_out_rows_take_no_part_in_training(few):
    index = overfitting(n_iter=0).fit(few)._held_out(len(few))
    other = few.copy()
    other[index] = 1.0 - other[index]
    # equal column means, so that the two fits start alike
    start = overfitting(n_iter=0).fit(few)
    fits = []
    for X in (few, other):
        model = overfitting(n_iter=3, warm_start=True)
        for name in ("components_", "intercept_hidden_", "intercept_visible_"):
            setattr(model, name, getattr(start, name).copy())
        model.n_features_in_, model._entropy = 12, start._entropy
        fits.append(model.fit(X))
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    gaps = [fit.history_["free_energy_gap"][-1] for fit in fits]
    assert gaps[0] != gaps[1]


def test_nothing_is_held_out_by_default():
    model = RBMTransformer(3, n_iter=2, random_state=0).fit(make_bars_and_stripes(3))
    for name in ("validation_free_energy", "free_energy_gap", "free_energy_gap_error"):
        assert np.isnan(model.history_[name]).all()
        assert model.history_[name].shape == (2,)


def test_the_gap_opens_where_rows_are_learned_by_heart(few):
    history = overfitting().fit(few).history_
    assert history["free_energy_gap"][-1] > 3 * history["free_energy_gap_error"][-1]
    assert history["free_energy_gap"][-1] > history["free_energy_gap"][0] + 1


def test_stops_at_the_gap_and_goes_back(few):
    free, stopped = overfitting(), overfitting(early_stopping="free_energy_gap")
    free.fit(few), stopped.fit(few)
    assert stopped.n_iter_ < free.n_iter_
    history = stopped.history_
    bad = history["free_energy_gap"] > 3 * history["free_energy_gap_error"]
    assert bad[-5:].all()
    assert not bad[-6]
    # the parameters are those of the last good epoch
    again = overfitting(n_iter=stopped.n_iter_ - 5).fit(few)
    np.testing.assert_array_equal(stopped.components_, again.components_)
    np.testing.assert_array_equal(stopped.intercept_visible_, again.intercept_visible_)


def test_stops_by_the_pseudo_likelihood_and_goes_back(few):
    setting = {"early_stopping": "pseudo_likelihood", "n_iter_no_change": 7}
    model = overfitting(**setting).fit(few)
    kept = few[model._held_out(len(few))]
    scores = [
        overfitting(n_iter=n).fit(few).pseudo_log_likelihood(kept).mean()
        for n in range(1, model.n_iter_ + 1)
    ]
    best = int(np.argmax(scores))
    assert model.n_iter_ == best + 1 + 7 < 300
    np.testing.assert_allclose(model.pseudo_log_likelihood(kept).mean(), scores[best])


def test_an_epoch_without_a_score_is_no_better_and_bars_no_other():
    is_better = Rises(lambda entry: entry["score"])
    scores = (np.nan, -3.0, np.nan, -3.0, -2.0)
    assert [is_better({"score": x}) for x in scores] == [False, True, False, False, True]


def test_reconstruction_curve(few):
    model = overfitting(n_iter=20).fit(few)
    curve = model.reconstruction_curve(few, n_gibbs_steps=4)
    wanted = [((model.reconstruct(few, k) - few) ** 2).mean() for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(curve, wanted)
