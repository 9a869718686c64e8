"""sklearn.callback: progress bars, early stops, monitors and callbacks of one's own."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skdeepbm import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    RBMTransformer,
    ReplicatedSoftmax,
    ShallowAutoencoder,
)


class Recorder:
    """Keeps what the hooks were given; ``stop_at`` and ``fail_at`` count finished epochs."""

    def __init__(self, stop_at=None, fail_at=None):
        self.stop_at, self.fail_at = stop_at, fail_at
        self.events, self.hidden, self.n_epochs = [], [], 0

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if context.task_name != "epoch":
            return None
        self.n_epochs += 1
        self.hidden.append((fitted_estimator, fitted_estimator.transform(X)))
        if self.n_epochs == self.fail_at:
            raise RuntimeError("from a callback")
        return self.n_epochs == self.stop_at


def test_hooks_run_around_the_fit_and_every_epoch(small):
    recorder = Recorder()
    RBMTransformer(4, n_iter=2, random_state=0).set_callbacks(recorder).fit(small)
    epoch = ["begin epoch", "end epoch"]
    assert recorder.events == ["setup", "begin fit", *epoch, *epoch, "end fit", "teardown"]


def test_fitted_estimator_is_the_model_of_that_epoch(small):
    recorder = Recorder()
    setting = {"n_components": 4, "training_dtype": "float64", "random_state": 0}
    rbm = RBMTransformer(n_iter=3, **setting).set_callbacks(recorder).fit(small)
    for n_iter, (model, hidden) in enumerate(recorder.hidden, start=1):
        expected = RBMTransformer(n_iter=n_iter, **setting).fit(small)
        np.testing.assert_array_equal(hidden, expected.transform(small))
        # also later: it is a copy, not a view of the model in training
        np.testing.assert_array_equal(model.components_, expected.components_)
    np.testing.assert_array_equal(recorder.hidden[-1][1], rbm.transform(small))


def test_true_from_the_end_of_an_epoch_stops(small):
    rbm = RBMTransformer(4, n_iter=10, random_state=0).set_callbacks(Recorder(stop_at=3))
    rbm.fit(small)
    expected = RBMTransformer(4, n_iter=3, random_state=0).fit(small)
    assert rbm.n_iter_ == 3
    assert rbm.history_["free_energy"].shape == (3,)
    np.testing.assert_array_equal(rbm.components_, expected.components_)


def test_an_error_in_a_callback_leaves_what_was_learned(small):
    recorder = Recorder(fail_at=2)
    rbm = RBMTransformer(4, n_iter=5, algorithm="pcd", warm_start=True, random_state=0)
    rbm.set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="from a callback"):
        rbm.fit(small)
    assert recorder.events[-1] == "teardown"
    assert rbm.n_iter_ == 2
    expected = RBMTransformer(4, n_iter=2, algorithm="pcd", random_state=0).fit(small)
    np.testing.assert_array_equal(rbm.transform(small), expected.transform(small))
    # and training goes on from there
    rbm.set_callbacks().set_params(n_iter=3).fit(small)
    expected.set_params(n_iter=3, warm_start=True).fit(small)
    assert rbm.n_iter_ == 5
    np.testing.assert_array_equal(rbm.components_, expected.components_)


def test_an_interrupt_leaves_what_was_learned(small):
    class Interrupt(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                raise KeyboardInterrupt

    rbm = RBMTransformer(4, n_iter=5, random_state=0).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        rbm.fit(small)
    expected = RBMTransformer(4, n_iter=1, random_state=0).fit(small)
    np.testing.assert_array_equal(rbm.transform(small), expected.transform(small))


def test_progress_bar_in_a_pipeline_in_a_grid_search(small, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    pytest.importorskip("rich")
    y = (small.mean(axis=1) > np.median(small.mean(axis=1))).astype(int)
    pipe = Pipeline(
        [("rbm", RBMTransformer(8, n_iter=2, random_state=0)), ("clf", LogisticRegression())]
    )
    search = GridSearchCV(pipe, {"rbm__n_components": [4, 8]}, cv=2, n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(small, y)
    shown = capfd.readouterr().out
    # four fits in two processes and one on all rows
    assert shown.count("| RBMTransformer - fit") == 5
    assert "GridSearchCV - refit" in shown
    assert search.best_estimator_["rbm"].n_iter_ == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def _estimators():
    """Each with the tasks that are shown of a fit, and the targets that it needs."""
    layer, fine = RBMTransformer(n_iter=2), Backprop(n_iter=2)
    layers = ["layer 0 | RBMTransformer - fit #0", "layer 1 | RBMTransformer - fit #1"]
    words = [ReplicatedSoftmax(n_iter=2), layer]
    shallow = (RBMTransformer, ReplicatedSoftmax, ShallowAutoencoder)
    return [
        *((kind(4, n_iter=2, random_state=0), [], False) for kind in shallow),
        (ClassificationRBM(4, n_iter=2, random_state=0), [], True),
        (
            DBNClassifier((5, 4), rbm=layer, finetuning=fine, random_state=0),
            [layers[0], "layer 1 | ClassificationRBM - fit #1", "fine-tuning #2"],
            True,
        ),
        (
            DBM((5, 4), rbm=layer, n_iter=2, random_state=0),
            [*layers, "joint training #2"],
            False,
        ),
        (
            DBM((5, 4), visible="multinomial", rbm=words, n_iter=2, random_state=0),
            ["layer 0 | ReplicatedSoftmax - fit #0", layers[1], "joint training #2"],
            False,
        ),
        (
            DBMClassifier((5, 4), rbm=layer, n_iter=2, finetuning=fine, random_state=0),
            [*layers, "joint training #2", "fine-tuning #3"],
            True,
        ),
        (
            DeepAutoencoder(
                (5, 4),
                pretrainer=layer,
                intermediate_finetuning=fine,
                finetuning=fine,
                random_state=0,
            ),
            [layers[0], "intermediate fine-tuning #1", "RBMTransformer - fit #2", "fine-tuning #3"],
            False,
        ),
    ]


@pytest.mark.parametrize("case", _estimators(), ids=lambda case: type(case[0]).__name__)
@pytest.mark.parametrize("where", ["alone", "pipeline", "search"])
def test_progress_bar_of_every_estimator(case, where, small, capfd, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")
    (estimator, tasks, needs_y), name = case, type(case[0]).__name__
    X, y = np.round(4 * small), (np.arange(100) % 2 if needs_y else None)
    if getattr(estimator, "visible", "multinomial") != "multinomial":
        X = X / 4
    fitted, n_fits = clone(estimator), 1
    if where == "pipeline":
        fitted = Pipeline([("model", fitted)])
    elif where == "search":
        fitted, n_fits = GridSearchCV(fitted, {"random_state": [0]}, cv=2, error_score="raise"), 3
    fitted.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    shown = capfd.readouterr().out
    for task in (f"{name} - fit", *tasks):
        assert shown.count(task) == n_fits, shown
    # bars that end, end at the right number of epochs
    assert shown.count("100%") >= n_fits * (1 + len(tasks))
    if where == "alone":
        # watching changes nothing
        expected = clone(estimator).fit(X, y)
        for array in {"components_", "coefs_"} & vars(expected).keys():
            pairs = zip(getattr(fitted, array), getattr(expected, array), strict=True)
            assert all(np.array_equal(*pair) for pair in pairs)


def test_scoring_monitor_follows_the_likelihood(bars):
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X)})
    rbm = RBMTransformer(4, n_iter=3, random_state=0).set_callbacks(monitor)
    # the monitor scores nothing without targets, which the estimator ignores
    rbm.fit(bars, np.zeros(len(bars)))
    scores = [row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    expected = [
        RBMTransformer(4, n_iter=i, random_state=0).fit(bars).score(bars) for i in (1, 2, 3)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
