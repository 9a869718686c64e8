"""Training of DBNClassifier: layers, fine-tuning of every kind, going on, and what may go wrong."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor

from skdeepbm import Backprop, DBNClassifier, RBMTransformer, WakeSleep, schedules
from skdeepbm.estimators._labels import row_keys
from skdeepbm.exceptions import DivergenceError

BACKPROP_KEYS = {
    "loss",
    "validation_loss",
    "squared_error",
    "validation_squared_error",
    "error",
    "validation_error",
    "weight_norm",
    "weights_moved",
    "epoch_time",
}


def dbn(finetuning=None, sizes=(8, 6), n_iter=2, **options):
    options = {"rbm": RBMTransformer(n_iter=n_iter), "random_state": 0, **options}
    return DBNClassifier(sizes, finetuning=finetuning, **options)


def backprop(n_iter=2, **options):
    return Backprop(n_iter=n_iter, **options)


def wake_sleep(n_iter=2, **options):
    return WakeSleep(n_iter=n_iter, **options)


def generative(model):
    """Public arrays of the generative model."""
    return [
        {k: np.array(v) for k, v in vars(rbm).items() if isinstance(v, np.ndarray)}
        for rbm in model.rbms_
    ]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, dict):
            assert a.keys() == b.keys()
            a, b = list(a.values()), list(b.values())
            assert_equal(a, b)
        else:
            np.testing.assert_array_equal(a, b)


def differ(found, expected):
    return any((a != b).any() for a, b in zip(found, expected, strict=True))


def plain_order(X, y):
    """The order in which a fit takes the rows."""
    return np.argsort(row_keys(X, y), kind="stable")


@pytest.fixture
def blobs(small):
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


# -- layers ----------------------------------------------------------------------------------


def test_layers_are_trained_one_on_another(small, blobs):
    model = dbn(sizes=(8, 6, 5)).fit(small, blobs)
    x = small
    for rbm, w, b in zip(model.rbms_[:-1], model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_array_equal(w, rbm.components_.T)
        np.testing.assert_array_equal(b, rbm.intercept_hidden_)
        x = rbm.transform(x)
    assert [rbm.n_iter_ for rbm in model.rbms_] == [2, 2, 2]
    assert len({rbm.random_state for rbm in model.rbms_}) == 3
    assert model.n_iter_ == 2
    assert_equal([model.history_], [model.rbms_[-1].history_])
    np.testing.assert_array_equal(model.rbms_[-1].classes_, [0, 1, 2])


@pytest.mark.parametrize("finetuning", [None, backprop(0), wake_sleep(0)], ids=str)
def test_learns_digits(finetuning, digits):
    from sklearn.datasets import load_digits

    X, y = digits[:500], load_digits(return_X_y=True)[1][:500]
    if finetuning is not None:
        finetuning = clone(finetuning).set_params(n_iter=8)
    model = dbn(finetuning, (32, 32), n_iter=8).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.7


def test_without_pretraining(small, blobs):
    model = dbn(backprop(), pretraining=False).fit(small, blobs)
    assert [rbm.n_iter_ for rbm in model.rbms_] == [0, 0]
    assert model.n_iter_ == 2
    start = dbn(backprop(0), pretraining=False).fit(small, blobs)
    for w, b in zip(start.coefs_[:-1], start.intercepts_[:-1], strict=True):
        bound = 4 * np.sqrt(6 / sum(w.shape))
        assert 0.9 * bound < np.abs(w).max() <= bound
        np.testing.assert_array_equal(b, 0)
    np.testing.assert_array_equal(start.coefs_[-1], 0)
    np.testing.assert_allclose(start.predict_proba(small), 1 / 3)
    assert dbn(wake_sleep(), pretraining=False).fit(small, blobs).coefs_[0].any()


# -- backpropagation -------------------------------------------------------------------------


def test_backpropagation_starts_where_pretraining_ended(small, blobs):
    model = dbn(backprop(0)).fit(small, blobs)
    greedy = dbn().fit(small, blobs)
    assert_equal(generative(model), generative(greedy))
    first = model.set_params(transform_layer=0).transform(small)
    np.testing.assert_allclose(first, model.rbms_[0].transform(small), rtol=1e-10)
    # the label, which is not known on the way up, has its mean input
    last = model.set_params(transform_layer=1).transform(small)
    np.testing.assert_allclose(last, greedy.transform(small), atol=0.01)
    np.testing.assert_array_equal(model.coefs_[2], 0)
    assert model.n_iter_ == 0
    tuned = dbn(backprop(3)).fit(small, blobs)
    assert_equal(generative(tuned), generative(greedy))
    assert differ(tuned.coefs_, model.coefs_)


def test_history_of_backpropagation(small, blobs):
    model = dbn(backprop(3)).fit(small, blobs)
    assert set(model.history_) == BACKPROP_KEYS
    assert {len(values) for values in model.history_.values()} == {model.n_iter_} == {3}
    assert model.history_["weight_norm"].shape == (3, 3)
    assert np.isnan(model.history_["validation_loss"]).all()
    p = model.predict_proba(small)
    loss = -np.log(p[np.arange(100), blobs]).mean()
    assert model.history_["loss"][-1] == pytest.approx(loss, rel=1e-3)
    assert model.history_["error"][-1] == pytest.approx(1 - model.score(small, blobs))


def test_the_output_layer_alone_at_first(small, blobs):
    start = dbn(backprop(0)).fit(small, blobs)
    model = dbn(backprop(2, n_top_iter=2)).fit(small, blobs)
    assert_equal(model.coefs_[:-1], start.coefs_[:-1])
    assert_equal(model.intercepts_[:-1], start.intercepts_[:-1])
    assert model.coefs_[-1].any()
    longer = dbn(backprop(3, n_top_iter=2)).fit(small, blobs)
    assert differ(longer.coefs_[:-1], start.coefs_[:-1])


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "lbfgs", "cg"])
def test_every_optimizer_learns(optimizer, small, blobs):
    rate = {"learning_rate": 0.01} if optimizer == "adam" else {}
    model = dbn(backprop(12, optimizer=optimizer, **rate)).fit(small, blobs)
    assert model.history_["loss"][-1] < model.history_["loss"][0]
    assert len(model.history_["loss"]) == model.n_iter_ <= 12
    batches = dbn(backprop(2, optimizer=optimizer, batch_size=50)).fit(small, blobs)
    assert batches.n_iter_ == 2


def test_dropout_and_other_penalties(small, blobs):
    plain = dbn(backprop()).fit(small, blobs)
    for options in (
        {"dropout": 0.3},
        {"input_dropout": 0.3},
        {"weight_decay": 0.1},
        {"max_norm": 0.05},
        {"averaging": 1.0},
        {"shuffle": False},
        {"momentum": [0.5, 0.9]},
        {"learning_rate": schedules.Exponential(0.1, 0.1)},
        {"training_dtype": None},
    ):
        model = dbn(backprop(**options)).fit(small, blobs)
        assert differ(model.coefs_, plain.coefs_), options
        if "max_norm" in options:
            assert max(np.linalg.norm(w, axis=0).max() for w in model.coefs_[:-1]) < 0.05001


def test_averaging(small, blobs):
    """The mean of the parameters after each of the last epochs."""
    options = {"training_dtype": "float64", "learning_rate": 0.1}
    one, two = (dbn(backprop(n, **options)).fit(small, blobs) for n in (1, 2))
    model = dbn(backprop(2, averaging=1.0, **options)).fit(small, blobs)
    for found, a, b in zip(model.coefs_, one.coefs_, two.coefs_, strict=True):
        np.testing.assert_allclose(found, (a + b) / 2, rtol=1e-9, atol=1e-12)


def test_the_automatic_rate_falls_to_zero_in_every_fit(small, blobs):
    by_hand = schedules.Linear(0.1, 0.0, 4)
    model = dbn(backprop(4), warm_start=True).fit(small, blobs)
    same = dbn(backprop(4, learning_rate=by_hand)).fit(small, blobs)
    assert_equal(model.coefs_, same.coefs_)
    # and it does not stay there
    model.fit(small, blobs)
    again = dbn(backprop(4, learning_rate=[0.1, 0.075, 0.05, 0.025] * 2), warm_start=True)
    again.fit(small, blobs).fit(small, blobs)
    assert model.n_iter_ == 8
    for a, b in zip(model.coefs_, again.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_early_stopping(optimizer, digits):
    """The best epoch is kept; the same share of every class is held out."""
    rng = np.random.default_rng(0)
    X = digits[:200]
    y = rng.choice([0, 0, 0, 1], size=200)
    finetuning = backprop(
        60, early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, optimizer=optimizer
    )
    finetuning.set_params(learning_rate=0.1, training_dtype="float64")
    model = dbn(finetuning).fit(X, y)
    errors = model.history_["validation_error"]
    best = int(np.argmin(errors))
    assert model.n_iter_ == len(errors) == best + 4 < 60
    assert np.isfinite(model.history_["validation_loss"]).all()
    # shares of 40 rows of which 10 have the rarer class
    assert np.all(np.abs(errors * 40 - np.round(errors * 40)) < 1e-9)
    if optimizer == "sgd":
        shorter = clone(model).set_params(
            finetuning__n_iter=best + 1, finetuning__n_iter_no_change=100
        )
        assert_equal(shorter.fit(X, y).coefs_, model.coefs_)


def test_repeated_rows_are_held_out_together(small, blobs, monkeypatch):
    from skdeepbm.estimators import _dbn_runs

    seen = []
    held_out_rows = _dbn_runs.held_out_rows

    def spy(estimator, settings, X, codes):
        found = held_out_rows(estimator, settings, X, codes)
        seen.append((np.array(X), codes, found))
        return found

    monkeypatch.setattr(_dbn_runs, "held_out_rows", spy)
    y = blobs.copy()
    y[:10] = -1
    model = dbn(backprop(early_stopping=True), class_weight={0: 3.0, 1: 1.0, 2: 1.0})
    model.fit(small, y)
    ((X, codes, found),) = seen
    trained = np.setdiff1d(np.arange(len(X)), found)
    kept, rest = ({row.tobytes() for row in X[rows]} for rows in (found, trained))
    assert not kept & rest
    assert set(codes[found]) == {0, 1, 2}
    assert (codes >= 0).all()
    assert len(kept) == 9


# -- up-down training ------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(8, 6), (8, 6, 5)], ids=str)
def test_recognition_and_generative_weights_part(sizes, small, blobs):
    start = dbn(sizes=sizes).fit(small, blobs)
    model = dbn(wake_sleep(), sizes=sizes).fit(small, blobs)
    for i, w in enumerate(model.coefs_):
        assert (w != model.rbms_[i].components_.T).any()
        assert (w != start.coefs_[i]).any()
        assert (model.intercepts_[i] != start.intercepts_[i]).any()
        assert (model.rbms_[i].components_ != start.rbms_[i].components_).any()
        assert (model.rbms_[i].intercept_visible_ != start.rbms_[i].intercept_visible_).any()
    top, before = model.rbms_[-1], start.rbms_[-1]
    for name in ("components_", "label_components_", "intercept_hidden_", "intercept_label_"):
        assert (getattr(top, name) != getattr(before, name)).any(), name
    np.testing.assert_array_equal(top.classes_, before.classes_)
    assert {len(values) for values in model.history_.values()} == {model.n_iter_} == {2}
    assert model.history_["wake_error"].shape == (2, len(sizes) - 1)
    # the way up is by recognition, the way down by generative weights
    model.set_params(transform_layer=0)
    up = model.transform(small)
    model.rbms_[0].components_ = np.zeros_like(model.rbms_[0].components_)
    np.testing.assert_array_equal(model.transform(small), up)
    flat = model.sample(n_samples=3, n_gibbs_steps=2)
    np.testing.assert_allclose(flat, flat[:1].repeat(3, axis=0))


def test_rates_of_the_three_parts(small, blobs):
    start = dbn().fit(small, blobs)

    def moved(**options):
        model = dbn(wake_sleep(**options)).fit(small, blobs)
        return (
            differ(model.coefs_, start.coefs_),
            (model.rbms_[0].components_ != start.rbms_[0].components_).any(),
            (model.rbms_[1].components_ != start.rbms_[1].components_).any(),
        )

    assert moved() == (True, True, True)
    assert moved(recognition_rate=0) == (False, True, True)
    assert moved(generative_rate=0) == (True, False, True)
    assert moved(top_rate=0) == (True, True, False)


@pytest.mark.parametrize(
    "options",
    [
        {"persistent": True, "batch_size": 7},
        {"optimizer": "adam", "learning_rate": 0.001},
        {"update": "sum", "learning_rate": 0.001, "averaging": 0.5},
        {"n_gibbs_steps": [1, 3], "momentum": 0.5, "weight_decay": 1e-3, "shuffle": False},
        {"training_dtype": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("sizes", [(8,), (8, 6)], ids=str)
def test_options_of_up_down_training(options, sizes, small, blobs):
    model = dbn(wake_sleep(**options), sizes, warm_start=True).fit(small, blobs)
    assert np.isfinite(model.history_["reconstruction_error"]).all()
    model.fit(small, blobs).partial_fit(small[:9], blobs[:9])
    assert model.n_iter_ == 5
    assert len(model.history_["error"]) == 5


def test_recognition_weights_outlive_backpropagation(small, blobs):
    model = dbn(wake_sleep(), warm_start=True).fit(small, blobs)
    up, p = copy.deepcopy(model.coefs_), model.predict_proba(small)
    bound = model.score_samples(small[:5])
    model.set_params(finetuning=backprop()).fit(small, blobs)
    assert_equal(model.recognition_coefs_, up)
    assert differ(model.coefs_[:1], up)
    # the generative model is what it was
    np.testing.assert_array_equal(model.score_samples(small[:5]), bound)
    model.inference = "free_energy"
    np.testing.assert_array_equal(model.predict_proba(small), p)
    # and so is where it goes on
    model.set_params(finetuning=wake_sleep(0)).fit(small, blobs)
    assert_equal(model.coefs_, up)
    assert not hasattr(model, "recognition_coefs_")
    tuned = dbn(backprop(), warm_start=True).fit(small, blobs)
    assert not hasattr(tuned, "recognition_coefs_")
    tuned.set_params(finetuning=wake_sleep(0)).fit(small, blobs)
    np.testing.assert_array_equal(tuned.coefs_[0], tuned.rbms_[0].components_.T)


# -- going on --------------------------------------------------------------------------------


def test_warm_start_through_all_kinds(small, blobs):
    model = dbn(warm_start=True).fit(small, blobs)
    greedy = generative(model)
    model.set_params(finetuning=backprop(3)).fit(small, blobs)
    assert_equal(generative(model), greedy)
    assert model.n_iter_ == 3
    at_once = dbn(backprop(3)).fit(small, blobs)
    assert_equal(model.coefs_, at_once.coefs_)
    model.set_params(finetuning=wake_sleep(2)).fit(small, blobs)
    assert_equal(model.coefs_, dbn(wake_sleep(2)).fit(small, blobs).coefs_)
    assert model.n_iter_ == 2
    model.set_params(finetuning=None).fit(small, blobs)
    assert [rbm.n_iter_ for rbm in model.rbms_] == [4, 4]
    assert len(model.coefs_) == 1
    np.testing.assert_array_equal(model.coefs_[0], model.rbms_[0].components_.T)
    assert not any(rbm.warm_start for rbm in model.rbms_)


@pytest.mark.parametrize(
    "finetuning",
    [
        backprop(2, learning_rate=schedules.InverseTime(0.1, half_life=2)),
        backprop(2, learning_rate=0.01, optimizer="adam", dropout=0.2),
        wake_sleep(2, learning_rate=0.01, momentum=0.5),
        wake_sleep(2, learning_rate=0.01, persistent=True),
    ],
    ids=["sgd", "adam", "wake-sleep", "persistent"],
)
def test_more_epochs(finetuning, small, blobs):
    twice = dbn(finetuning, warm_start=True).fit(small, blobs).fit(small, blobs)
    once = dbn(clone(finetuning).set_params(n_iter=4)).fit(small, blobs)
    for a, b in zip(twice.coefs_, once.coefs_, strict=True):
        # in between they were rounded to the precision of the data, which is higher
        np.testing.assert_array_equal(a, b)
    assert_equal(generative(twice), generative(once))
    assert twice.n_iter_ == once.n_iter_ == 4
    for name, values in once.history_.items():
        assert len(values) == 4, name
        if name != "epoch_time":
            np.testing.assert_array_equal(twice.history_[name], values, err_msg=name)


def test_more_epochs_of_the_layers(small, blobs):
    """With the settings that the template has by then."""
    model = dbn(warm_start=True).fit(small, blobs)
    model.set_params(rbm__n_iter=3, rbm__learning_rate=0.01).fit(small, blobs)
    assert [rbm.n_iter_ for rbm in model.rbms_] == [5, 5]
    assert model.rbms_[0].learning_rate == 0.01
    assert model.n_iter_ == 5
    seed = model.rbms_[0].random_state
    rbm = RBMTransformer(8, n_iter=2, random_state=seed, warm_start=True, shuffle=False)
    plain = dbn(rbm=RBMTransformer(n_iter=2, shuffle=False), warm_start=True).fit(small, blobs)
    plain.set_params(rbm__n_iter=1, rbm__momentum=0.5).fit(small, blobs)
    in_order = small[plain_order(small, blobs)]
    rbm.fit(in_order).set_params(n_iter=1, momentum=0.5).fit(in_order)
    np.testing.assert_array_equal(plain.rbms_[0].components_, rbm.components_)


@pytest.mark.parametrize("finetuning", [None, backprop(), wake_sleep()], ids=str)
def test_another_architecture_is_refused(finetuning, small, blobs):
    model = dbn(finetuning, warm_start=True).fit(small, blobs)
    for method in ("fit", "partial_fit"):
        for sizes in ((8, 7), (8,), (8, 6, 5)):
            model.hidden_layer_sizes = sizes
            with pytest.raises(ValueError, match=r"goes on from hidden layers of \(8, 6\) units"):
                getattr(model, method)(small, blobs)
    model.set_params(hidden_layer_sizes=(8, 7), warm_start=False).fit(small, blobs)
    assert model.rbms_[1].components_.shape == (7, 8)


def test_another_optimizer_goes_on_from_the_parameters(small, blobs):
    model = dbn(backprop(), warm_start=True).fit(small, blobs)
    for optimizer in ("adam", "lbfgs", "nesterov", "cg", "adam", "sgd"):
        before = copy.deepcopy(model.coefs_)
        model.set_params(finetuning__optimizer=optimizer).fit(small, blobs)
        assert 0 < np.abs(model.coefs_[0] - before[0]).max() < 1
    model.set_params(finetuning=wake_sleep(optimizer="adam")).fit(small, blobs)
    model.set_params(finetuning=wake_sleep()).fit(small, blobs)


# -- partial_fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("finetuning", [None, backprop(), wake_sleep()], ids=str)
def test_one_call_is_one_step(finetuning, dtype, small, blobs):
    X = small.astype(dtype)
    model = dbn(finetuning)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, blobs)
    assert not hasattr(model, "rbms_")
    assert model.partial_fit(X[:20], blobs[:20], classes=[0, 1, 2]) is model
    for start in range(20, 100, 15):
        model.partial_fit(X[start : start + 15], blobs[start : start + 15])
    assert model.n_iter_ == 7
    assert len(model.history_["epoch_time"]) == 7
    n_steps = 1 if isinstance(finetuning, WakeSleep) else 7
    assert [rbm.n_iter_ for rbm in model.rbms_] == [n_steps] * 2
    assert model.predict(X).shape == (100,)
    assert model.coefs_[0].dtype == dtype
    with pytest.raises(ValueError, match="is not the same as on the last call"):
        model.partial_fit(X, blobs, classes=[0, 1])
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        model.partial_fit(X, blobs + 7)


def test_a_step_is_that_of_fit(small, blobs):
    """Of the layers, and of backpropagation with the rate that a fit begins with."""
    options = {"training_dtype": "float64", "shuffle": False}
    rbm = RBMTransformer(n_iter=1, batch_size=100, **options)
    order = plain_order(small, blobs)
    X, y = small[order], blobs[order]
    finetuning = backprop(1, batch_size=None, **options)
    fitted = dbn(finetuning, rbm=rbm).fit(X, y)
    model = dbn(finetuning, rbm=rbm).partial_fit(X, y, classes=[0, 1, 2])
    assert_equal(generative(model), generative(fitted))
    assert_equal(model.coefs_, fitted.coefs_)


def test_steps_do_not_come_to_a_halt(small, blobs):
    """The automatic rate stays where single steps are made."""
    model = dbn(backprop(2)).partial_fit(small, blobs, classes=[0, 1, 2])
    for _ in range(5):
        before = model.coefs_[0].copy()
        model.partial_fit(small, blobs)
        assert (model.coefs_[0] != before).any()


@pytest.mark.parametrize("finetuning", [None, backprop(), wake_sleep()], ids=str)
def test_batches_with_few_labels(finetuning, small, blobs):
    model = dbn(finetuning).partial_fit(small, np.full(100, -1), classes=[0, 1, 2])
    first = generative(model)
    model.partial_fit(small[:1], [-1]).partial_fit(small[:1], [2])
    y = blobs.copy()
    y[3:] = -1
    model.partial_fit(small, y)
    assert any(
        (a["components_"] != b["components_"]).any()
        for a, b in zip(generative(model), first, strict=True)
    )
    assert np.isfinite(model.predict_proba(small)).all()


@pytest.mark.parametrize("before", [None, backprop(), wake_sleep()], ids=str)
@pytest.mark.parametrize("after", [None, backprop(), wake_sleep()], ids=str)
def test_steps_after_a_fit(before, after, small, blobs):
    model = dbn(before).fit(small, blobs)
    layers = generative(model)
    model.set_params(finetuning=after).partial_fit(small[:10], blobs[:10])
    model.partial_fit(small[10:], blobs[10:])
    assert len(model.coefs_) == (3 if isinstance(after, Backprop) else 1)
    assert model.rbms_[0].n_iter_ == (2 if isinstance(after, WakeSleep) else 4)
    assert (model.rbms_[0].components_ != layers[0]["components_"]).any()
    assert model.predict_proba(small).shape == (100, 3)
    model.set_params(warm_start=True).fit(small, blobs)


def test_steps_without_pretraining(small, blobs):
    model = dbn(backprop(), pretraining=False).partial_fit(small, blobs, classes=[0, 1, 2])
    layers = generative(model)
    assert not np.array_equal(model.coefs_[0], model.rbms_[0].components_.T)
    model.partial_fit(small, blobs)
    assert_equal(generative(model), layers)
    assert model.n_iter_ == 2


def test_class_weights_of_steps(small, blobs):
    with pytest.raises(ValueError, match="'balanced' of DBNClassifier is not supported by parti"):
        dbn(class_weight="balanced").partial_fit(small, blobs, classes=[0, 1, 2])
    one = dbn(backprop()).partial_fit(small, blobs, classes=[0, 1, 2])
    two = dbn(backprop(), class_weight={0: 1, 1: 2, 2: 2})
    two.partial_fit(small, blobs, classes=[0, 1, 2])
    p, q = (model.predict_proba(small).mean(axis=0) for model in (one, two))
    assert q[0] < p[0]


# -- callbacks -------------------------------------------------------------------------------


class Recorder:
    """Keeps what the hooks were given."""

    def __init__(self, at=None, n=1, error=None):
        self.at, self.n, self.error = at, n, error
        self.events, self.found, self.n_epochs = [], [], 0

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.n_epochs += 1
            self.found.append((fitted_estimator, fitted_estimator.predict_proba(X), X, y))
        if self.events.count(f"end {self.at}") == self.n:
            if self.error is not None:
                raise self.error
            return True
        return None


@pytest.mark.parametrize("finetuning", [None, backprop(2), wake_sleep(2)], ids=str)
def test_tasks(finetuning, small, blobs):
    recorder = Recorder()
    dbn(finetuning).set_callbacks(recorder).fit(small, blobs)
    layers = [f"{what} layer {i}" for i in (0, 1) for what in ("begin", "end")]
    last = ["begin fine-tuning", *["begin epoch", "end epoch"] * 2, "end fine-tuning"]
    expected = [*layers, *(last if finetuning is not None else [])]
    assert recorder.events == ["setup", "begin fit", *expected, "end fit", "teardown"]


@pytest.mark.parametrize("kind", [Backprop, WakeSleep])
def test_fitted_estimators_of_callbacks(kind, small, blobs):
    recorder = Recorder()
    options = {"learning_rate": 0.05, "training_dtype": "float64"}
    model = dbn(kind(n_iter=2, **options)).set_callbacks(recorder).fit(small, blobs, blobs + 1)
    for n_iter, (found, p, X, y) in enumerate(recorder.found, start=1):
        expected = dbn(kind(n_iter=n_iter, **options)).fit(small, blobs, blobs + 1)
        np.testing.assert_array_equal(p, expected.predict_proba(small))
        # also later: a copy, not a view of the model in training
        np.testing.assert_array_equal(found.predict_proba(small), p)
        # rows and labels belong together
        np.testing.assert_array_equal(X, small)
        np.testing.assert_array_equal(y, blobs)
        assert np.isfinite(found.score_samples(small[:2])).all()
        assert found.sample(n_gibbs_steps=1).shape == (1, 64)
    np.testing.assert_array_equal(recorder.found[-1][1], model.predict_proba(small))


def test_true_from_the_end_of_an_epoch_stops(small, blobs):
    model = dbn(backprop(9, learning_rate=0.1)).set_callbacks(Recorder("epoch", 3))
    assert model.fit(small, blobs).n_iter_ == 3
    assert_equal(model.coefs_, dbn(backprop(3, learning_rate=0.1)).fit(small, blobs).coefs_)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", [Backprop, WakeSleep])
def test_an_error_in_fine_tuning_leaves_what_was_learned(error, kind, small, blobs):
    options = {"learning_rate": 0.05}
    model = dbn(kind(n_iter=5, **options), warm_start=True)
    recorder = Recorder("epoch", 2, error())
    with pytest.raises(error):
        model.set_callbacks(recorder).fit(small, blobs)
    assert recorder.events[-1] == "teardown"
    assert model.n_iter_ == 2
    expected = dbn(kind(n_iter=2, **options), warm_start=True).fit(small, blobs)
    assert_equal(model.coefs_, expected.coefs_)
    for each in (model.set_callbacks(), expected):
        each.set_params(finetuning__n_iter=1).fit(small, blobs)
    assert_equal(model.coefs_, expected.coefs_)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("fitted", [False, True])
def test_an_error_in_pretraining_leaves_the_estimator_as_it_was(error, fitted, small, blobs):
    model = dbn()
    if fitted:
        model.fit(small, blobs)
    before = copy.deepcopy({k: v for k, v in vars(model).items() if k != "_callbacks"})
    with pytest.raises(error):
        model.set_callbacks(Recorder("layer 0", 1, error())).fit(small[:, :30], blobs)
    assert set(vars(model)) - set(before) <= {"_skl_callbacks", "_sklearn_callbacks", "_callbacks"}
    if fitted:
        assert model.n_features_in_ == 64
        np.testing.assert_array_equal(model.predict(small), dbn().fit(small, blobs).predict(small))


def test_progress_and_scores(small, blobs, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    model = dbn(backprop(2)).set_callbacks(ProgressBar(max_propagation_depth=None), monitor)
    model.fit(small, blobs)
    shown = capfd.readouterr().out
    for name in ("DBNClassifier - fit", "fine-tuning", "layer 1"):
        assert name in shown
    scores = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["accuracy"] for row in scores][-1] == pytest.approx(model.score(small, blobs))


def test_verbose(small, blobs, capsys):
    dbn(backprop(2, early_stopping=True), verbose=1).fit(small, blobs)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[DBNClassifier] Iteration 1, loss = ")
    assert "validation error = " in lines[1]
    dbn(wake_sleep(1), verbose=1, rbm=RBMTransformer(n_iter=1, verbose=1)).fit(small, blobs)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0][1:] for line in lines] == [
        "DBNClassifier, layer 0",
        "DBNClassifier, layer 1",
        "DBNClassifier",
    ]
    assert "reconstruction error = " in lines[2]


# -- divergence ------------------------------------------------------------------------------


def repeat(method, *args, **kwargs):
    for _ in range(3):
        method(*args, **kwargs)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_divergence_in_pretraining(layer, fitted, method, small, blobs):
    model = dbn(backprop())
    if fitted:
        model.fit(small, blobs)
        before, p = generative(model), model.predict_proba(small)
    templates = [RBMTransformer(n_iter=3), RBMTransformer(n_iter=3)]
    templates[layer].set_params(hidden="gaussian", learning_rate=1e30, max_norm=None)
    if layer == 0:
        templates[1].set_params(visible="gaussian")
    model.rbm = templates
    options = {} if method == "fit" else {"classes": [0, 1, 2]}
    with pytest.raises(DivergenceError, match=f"DBNClassifier, layer {layer}: .*stays as it was"):
        repeat(getattr(model, method), small, blobs, **options)
    model.rbm = RBMTransformer(n_iter=2)
    if fitted and method == "fit":
        assert_equal(generative(model), before)
        np.testing.assert_array_equal(model.predict_proba(small), p)
    elif method == "fit":
        assert not hasattr(model, "rbms_")
        assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    "finetuning",
    [
        backprop(5, learning_rate=[0.1, 0.1, 1e200], training_dtype="float64"),
        wake_sleep(5, learning_rate=[0.1, 0.1, 1e200], training_dtype="float64"),
    ],
    ids=["backprop", "wake-sleep"],
)
def test_divergence_in_fine_tuning(finetuning, small, blobs):
    model = dbn(finetuning)
    with pytest.raises(DivergenceError, match="DBNClassifier, fine-tuning: .* in epoch 3"):
        model.fit(small, blobs)
    assert model.n_iter_ == 2
    expected = dbn(clone(finetuning).set_params(n_iter=2)).fit(small, blobs)
    assert_equal(model.coefs_, expected.coefs_)
    assert_equal(generative(model), generative(expected))
    model.set_params(finetuning__learning_rate=1e200)
    with pytest.raises(DivergenceError, match="DBNClassifier, fine-tuning"):
        repeat(model.partial_fit, small, blobs)
    assert np.isfinite(model.predict_proba(small)).all()
