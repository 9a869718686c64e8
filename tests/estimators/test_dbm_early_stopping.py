"""Rows that DBM keeps from training, what the history says of them, and when training stops."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm import DBM, RBMTransformer, ReplicatedSoftmax
from skdeepbm.estimators._held_out import held_out_kinds

LAYER = RBMTransformer(n_iter=2, visible_states="draw")


@pytest.fixture(scope="module")
def few():
    """So few rows with so much noise that a large model learns them by heart."""
    rng = np.random.default_rng(0)
    return (rng.random((60, 12)) < 0.3 + 0.4 * (np.arange(12) % 2)).astype(np.float64)


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(1).poisson(2.0, (60, 8)).astype(np.float64)


def held_out(model, X):
    index = held_out_kinds(model, X)
    return X[index], np.delete(X, index, axis=0)


def overfitting(**options):
    defaults = {"rbm": LAYER, "n_iter": 120, "learning_rate": 0.3, "batch_size": 6}
    defaults |= {"validation_fraction": 0.4, "weight_decay": 0.0, "random_state": 0}
    return DBM((40, 10), **(defaults | options))


def arrays(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same(one, other):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("visible", ["bernoulli", "multinomial"])
def test_history_of_held_out_rows(few, counts, visible):
    X = few if visible == "bernoulli" else counts
    exact = {"mean_field_tol": 1e-9, "max_mean_field_steps": 500, "training_dtype": "float64"}
    options = {"visible": visible, "pretraining": False, "learning_rate": 0.01, "n_iter": 3}
    model = overfitting(**options, **exact).fit(X)
    kept, trained = held_out(model, X)
    assert len(kept) == 24
    energies = []
    for rows in (kept, trained):
        n_words = rows.sum(axis=1) if visible == "multinomial" else 1.0
        energies.append(model.free_energy(rows) / n_words)
    last = {name: values[-1] for name, values in model.history_.items()}
    assert last["validation_free_energy"] == pytest.approx(energies[0].mean(), rel=1e-5)
    gap = energies[0].mean() - energies[1].mean()
    assert last["free_energy_gap"] == pytest.approx(gap, rel=1e-3)
    error = np.sqrt(sum(x.var() / x.size for x in energies))
    assert last["free_energy_gap_error"] == pytest.approx(error, rel=1e-4)
    back = model.reconstruct(kept)
    if visible == "bernoulli":
        expected = np.mean((kept - back) ** 2)
    else:
        n_words = kept.sum(axis=1, keepdims=True)
        expected = -np.mean((kept * np.log(back / n_words)).sum(axis=1) / n_words[:, 0])
    assert last["validation_reconstruction_error"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("pretraining", [False, True])
@pytest.mark.parametrize("visible", ["bernoulli", "multinomial"])
def test_a_fit_to_the_other_rows_alone_is_the_same(few, counts, visible, pretraining, form):
    """Greedy layers, where training starts and every step."""
    X = few if visible == "bernoulli" else counts
    rbm = LAYER if visible == "bernoulli" else [ReplicatedSoftmax(n_iter=2), LAYER]
    options = {"visible": visible, "pretraining": pretraining, "rbm": rbm, "n_iter": 2}
    model = overfitting(**options).fit(form(X))
    _, trained = held_out(model, X)
    other = overfitting(**options, validation_fraction=0.0)
    other.fit(form(trained))
    assert_same(model, other)
    assert np.isnan(other.history_["free_energy_gap"]).all()
    assert np.isfinite(model.history_["free_energy_gap"]).all()


def test_equal_rows_are_held_out_together(few):
    X = np.concatenate([few[:20], few[:20], few[20:]])[np.random.default_rng(2).permutation(80)]
    model = overfitting(n_iter=0).fit(X)
    kept, trained = held_out(model, X)
    kept, trained = ({row.tobytes() for row in rows} for rows in (kept, trained))
    assert not kept & trained
    assert 24 <= len(held_out_kinds(model, X)) <= 40
    # the order of rows and their form change nothing
    order = np.random.default_rng(3).permutation(80)
    assert {row.tobytes() for row in held_out(model, X[order])[0]} == kept
    np.testing.assert_array_equal(held_out_kinds(model, sp.csr_array(X)), held_out_kinds(model, X))


def test_stops_by_the_reconstruction_error_and_goes_back(few):
    model = overfitting(early_stopping="reconstruction_error", n_iter_no_change=4).fit(few)
    errors = model.history_["validation_reconstruction_error"]
    best = int(np.argmin(errors))
    assert model.n_iter_ == errors.size == best + 1 + 4 < 120
    assert_same(model, overfitting(n_iter=best + 1).fit(few))


def test_stops_at_the_gap_and_goes_back(few):
    model = overfitting(early_stopping="free_energy_gap", n_iter_no_change=3).fit(few)
    history = model.history_
    bad = history["free_energy_gap"] > 3 * history["free_energy_gap_error"]
    assert model.n_iter_ < 120
    assert bad[-3:].all()
    assert not bad[-4]
    assert_same(model, overfitting(n_iter=model.n_iter_ - 3).fit(few))


def test_words_stop_too(counts):
    options = {"visible": "multinomial", "rbm": None, "pretraining": False, "learning_rate": 1.0}
    model = overfitting(**options, early_stopping="reconstruction_error", n_iter_no_change=3)
    model.fit(counts)
    errors = model.history_["validation_reconstruction_error"]
    best = int(np.argmin(errors))
    assert model.n_iter_ == best + 1 + 3 < 120
    assert_same(model, overfitting(**options, n_iter=best + 1).fit(counts))


def test_warm_start_and_partial_fit(few):
    """The same rows are held out; every fit looks for a best epoch of its own."""
    stopping = {"early_stopping": "reconstruction_error", "n_iter_no_change": 2}
    model = overfitting(**stopping, warm_start=True, learning_rate=0.02, n_iter=3).fit(few)
    index = held_out_kinds(model, few)
    model.fit(few)
    np.testing.assert_array_equal(held_out_kinds(model, few), index)
    n_seen = model.n_iter_
    model.partial_fit(few[:10])
    assert model.n_iter_ == n_seen + 1
    for name in ("validation_free_energy", "validation_reconstruction_error", "free_energy_gap"):
        values = model.history_[name]
        assert values.shape == (n_seen + 1,)
        assert np.isfinite(values[:-1]).all()
        assert np.isnan(values[-1])


def test_messages(few):
    with pytest.raises(
        ValueError, match="early_stopping='free_energy_gap' of DBM looks at held-out"
    ):
        overfitting(early_stopping="free_energy_gap", validation_fraction=0.0).fit(few)
    with pytest.raises(ValueError, match="'early_stopping' parameter of DBM"):
        overfitting(early_stopping="pseudo_likelihood").fit(few)
    with pytest.raises(ValueError, match="of DBM needs at least 2 rows, .* n_samples = 1"):
        overfitting().fit(few[:1])
    model = overfitting(n_iter=0, pretraining=False).fit(np.ones((5, 12)))
    assert held_out_kinds(model, np.ones((5, 12))).size == 2
