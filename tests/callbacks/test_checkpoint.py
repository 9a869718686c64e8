"""Fits that were interrupted and went on equal those that were not, bit for bit."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
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
    WakeSleep,
)
from skdeepbm.callbacks import Checkpoint
from skdeepbm.exceptions import CheckpointWarning


def _rbm(**settings):
    return RBMTransformer(**{"n_components": 6, "n_iter": 4, "random_state": 0, **settings})


def _layer(**settings):
    return RBMTransformer(n_iter=2, batch_size=20, **settings)


#: maker and kind of data of each
CASES = {
    "cd": (_rbm, "images"),
    "momentum schedule": (lambda: _rbm(momentum=[0.5, 0.5, 0.9, 0.9]), "images"),
    "pcd": (lambda: _rbm(algorithm="pcd", optimizer="adam", batch_size=20), "images"),
    "fpcd": (lambda: _rbm(algorithm="fpcd", sparsity_cost=0.1), "images"),
    "pt": (lambda: _rbm(algorithm="pt", batch_size=20, n_temperatures=3), "images"),
    "averaging": (lambda: ReplicatedSoftmax(3, n_iter=4, averaging=0.5, random_state=0), "words"),
    "chains of words": (
        lambda: ReplicatedSoftmax(3, n_iter=4, algorithm="pcd", random_state=0),
        "words",
    ),
    "hidden words": (
        lambda: ReplicatedSoftmax(3, n_iter=4, n_hidden_words=4, random_state=0),
        "words",
    ),
    "gaussian": (lambda: _rbm(visible="gaussian", training_dtype=None), "real"),
    "early stopping": (
        lambda: _rbm(
            n_iter=6,
            learning_rate=1.0,
            validation_fraction=0.2,
            early_stopping="pseudo_likelihood",
            n_iter_no_change=2,
        ),
        "images",
    ),
    "sparse": (_rbm, "sparse"),
    "labels": (lambda: ClassificationRBM(6, n_iter=4, random_state=0), "labels"),
    "hybrid": (
        lambda: ClassificationRBM(6, n_iter=4, objective="hybrid", algorithm="pcd", random_state=0),
        "labels",
    ),
    "shallow": (
        lambda: ShallowAutoencoder(6, n_iter=4, corruption="masking", random_state=0),
        "images",
    ),
    "dbn": (
        lambda: DBNClassifier(
            (8, 6),
            rbm=_layer(),
            finetuning=Backprop(n_iter=3, dropout=0.2, early_stopping=True, batch_size=20),
            random_state=0,
        ),
        "labels",
    ),
    "dbn, line searches": (
        lambda: DBNClassifier(
            (6,), rbm=_layer(), finetuning=Backprop(n_iter=3, optimizer="lbfgs"), random_state=0
        ),
        "labels",
    ),
    "wake-sleep": (
        lambda: DBNClassifier(
            (8, 6),
            rbm=_layer(),
            finetuning=WakeSleep(n_iter=3, persistent=True, batch_size=20),
            random_state=0,
        ),
        "labels",
    ),
    "dbm": (lambda: DBM((8, 6), rbm=_layer(), n_iter=3, batch_size=20, random_state=0), "images"),
    "dbm with early stopping": (
        lambda: DBM(
            (8, 6),
            rbm=_layer(),
            n_iter=6,
            learning_rate=0.5,
            batch_size=20,
            validation_fraction=0.2,
            early_stopping="reconstruction_error",
            n_iter_no_change=2,
            random_state=0,
        ),
        "images",
    ),
    "dbm of words": (
        lambda: DBM(
            (4, 3),
            visible="multinomial",
            pretraining=False,
            algorithm="pt",
            n_iter=3,
            random_state=0,
        ),
        "words",
    ),
    "dbm with labels": (
        lambda: DBMClassifier(
            (8, 6),
            rbm=_layer(),
            n_iter=3,
            batch_size=20,
            finetuning=Backprop(n_iter=3, dropout=0.2, batch_size=20),
            random_state=0,
        ),
        "labels",
    ),
    "autoencoder": (
        lambda: DeepAutoencoder(
            (8, 3),
            pretrainer=_layer(),
            intermediate_finetuning=Backprop(n_iter=2),
            finetuning=Backprop(n_iter=3, averaging=0.5),
            sparsity="all",
            random_state=0,
        ),
        "images",
    ),
}


class Interrupt:
    """Raises at the end of an epoch, counted over all stages."""

    max_propagation_depth = None

    def __init__(self, at):
        self.at, self.n_epochs = at, 0

    def setup(self, estimator, context):
        self.n_epochs = 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.n_epochs += 1
            if self.n_epochs == self.at:
                raise KeyboardInterrupt


def interrupted(estimator, arguments, at, *callbacks):
    """Fit until the end of an epoch, counted from 1; returns how many there were."""
    stop = Interrupt(at)
    try:
        estimator.set_callbacks(*callbacks, stop).fit(*arguments)
    except KeyboardInterrupt:
        pass
    finally:
        estimator.set_callbacks()
    return stop.n_epochs


#: measured, not computed
TIMES = ("epoch_time",)


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_fit_goes_on_bit_for_bit(case, data, tmp_path, ref):
    make, kind = CASES[case]
    whole = make()
    n_epochs = interrupted(whole, data[kind], None)
    assert n_epochs > 2
    for at in (1, n_epochs // 2 + 1, n_epochs):
        folder = tmp_path / str(at)
        assert interrupted(make(), data[kind], at, Checkpoint(folder)) == at
        resumed = make()
        n_more = interrupted(resumed, data[kind], None, Checkpoint(folder))
        # a minimisation begins again
        assert n_more == n_epochs - at or "line searches" in case
        ref.assert_same(resumed, whole, TIMES)


def test_many_interruptions_of_one_fit(data, tmp_path, ref):
    make, kind = CASES["autoencoder"]
    whole, n_fits = make().fit(*data[kind]), 0
    rng = np.random.default_rng(0)
    while True:
        resumed, at = make(), int(rng.integers(1, 4))
        n_fits += 1
        if interrupted(resumed, data[kind], at, Checkpoint(tmp_path)) < at:
            break
    assert n_fits > 4
    ref.assert_same(resumed, whole, TIMES)


def test_interruptions_between_checkpoints_go_on_from_the_last_one(data, tmp_path, ref):
    whole = _rbm(n_iter=5).fit(*data["images"])
    interrupted(_rbm(n_iter=5), data["images"], 5, Checkpoint(tmp_path, every=2, keep=1))
    assert [file.name for file in tmp_path.iterdir()] == ["fit.000004.ckpt"]
    resumed = _rbm(n_iter=5)
    assert interrupted(resumed, data["images"], None, Checkpoint(tmp_path, every=2)) == 1
    ref.assert_same(resumed, whole, TIMES)


def test_a_finished_fit_is_not_repeated(data, tmp_path, ref):
    first = _rbm().set_callbacks(Checkpoint(tmp_path)).fit(*data["images"])
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "fit.000003.ckpt",
        "fit.000004.ckpt",
    ]
    second = _rbm()
    assert interrupted(second, data["images"], None, Checkpoint(tmp_path)) == 0
    ref.assert_same(second, first.set_callbacks(), TIMES)
    assert interrupted(second, data["images"], None, Checkpoint(tmp_path, resume=False)) == 4
    ref.assert_same(second, first, TIMES)


def test_a_seed_from_the_system_is_that_of_the_checkpoint(data, tmp_path, ref):
    first = DBNClassifier((4,), rbm=_layer(), finetuning=Backprop(n_iter=2))
    first.set_callbacks(Checkpoint(tmp_path)).fit(*data["labels"])
    for file in tmp_path.glob("1-*"):
        file.unlink()
    second = DBNClassifier((4,), rbm=_layer(), finetuning=Backprop(n_iter=2))
    assert interrupted(second, data["labels"], None, Checkpoint(tmp_path)) == 2
    ref.assert_same(second, first.set_callbacks(), TIMES)


def test_a_generator_as_random_state(data, tmp_path, ref):
    make = CASES["dbn"][0]
    whole = make().set_params(random_state=np.random.RandomState(3)).fit(*data["labels"])
    state = np.random.RandomState(3)
    for at in (2, 3, None):
        # the same generator goes on: seeds that it would give now are others
        resumed = make().set_params(random_state=state)
        interrupted(resumed, data["labels"], at, Checkpoint(tmp_path))
    for name in ("coefs_", "intercepts_"):
        ref.assert_same(getattr(resumed, name), getattr(whole, name), TIMES)


def test_training_goes_on_from_a_fitted_model(data, tmp_path, ref):
    def once():
        return _rbm(algorithm="pcd", warm_start=True).fit(*data["images"])

    whole = once().set_params(n_iter=3).fit(*data["images"])
    assert interrupted(once().set_params(n_iter=3), data["images"], 2, Checkpoint(tmp_path)) == 2
    resumed = once().set_params(n_iter=3)
    assert interrupted(resumed, data["images"], None, Checkpoint(tmp_path)) == 1
    ref.assert_same(resumed, whole, TIMES)
    # what it went on from is part of the fit: now that is a model of seven epochs
    resumed.set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="fitted arrays it goes on from is another"):
        resumed.fit(*data["images"])
    ref.assert_same(resumed.set_callbacks(), whole, TIMES)


# -- what is refused ------------------------------------------------------------------------


def _changed(data, what):
    X, y, weight = data["labels"]
    model = ClassificationRBM(6, n_iter=4, random_state=0)
    if what in ("learning_rate", "n_iter"):
        model.set_params(**{what: 2})
    elif what == "X":
        X = X.copy()
        X[5, 3] *= 0.99
    elif what == "y":
        y = y.copy()
        y[7] = (y[7] + 1) % 3
    elif what == "sample_weight":
        weight = weight + 1
    elif what == "version of skdeepbm":
        pass
    return model, (X, y, weight)


@pytest.mark.parametrize(
    "what", ["learning_rate", "n_iter", "X", "y", "sample_weight", "version of skdeepbm"]
)
def test_checkpoints_of_another_fit_are_refused(what, data, tmp_path, monkeypatch, ref):
    model = ClassificationRBM(6, n_iter=4, random_state=0)
    interrupted(model, data["labels"], 2, Checkpoint(tmp_path))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    other, arguments = _changed(data, what)
    if what.startswith("version"):
        monkeypatch.setattr("skdeepbm.__version__", "99")
    other.set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=f"is of another fit: {what} is .*resume=False") as error:
        other.fit(*arguments)
    if what == "learning_rate":
        assert "learning_rate is 2 and was 'auto'" in str(error.value)
    # nothing was begun, and nothing of the other fit is gone
    assert not hasattr(other, "components_")
    assert not hasattr(other, "n_features_in_")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    other.set_callbacks(Checkpoint(tmp_path, resume=False)).fit(*arguments)
    other.set_callbacks()
    monkeypatch.undo()
    expected, arguments = _changed(data, what)
    ref.assert_same(other, expected.fit(*arguments), TIMES)


def _rate(value):
    return lambda epoch: value


def _inner(value):
    return lambda epoch: (lambda e: value / (1 + e))(epoch)


class _Falling:
    """A schedule as a method, and as an object with a function in it."""

    def __init__(self, value, law=None):
        self.value, self.law = value, law

    def at(self, epoch):
        return self.value / (1 + epoch)

    def __call__(self, epoch):
        return self.law(epoch)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (_Falling(0.1).at, _Falling(0.2).at),
        (_Falling(0.1, _rate(0.1)), _Falling(0.1, _rate(0.2))),
        (partial(_rate(0.1)), partial(_rate(0.2))),
        (partial(lambda scale, epoch: scale, 0.1), partial(lambda scale, epoch: scale, 0.2)),
        (_rate(0.1), _rate(0.2)),
        (lambda epoch: np.exp(-epoch), lambda epoch: np.exp2(-epoch)),
        (_inner(0.1), _inner(0.2)),
    ],
)
def test_what_a_schedule_does_is_part_of_a_fit(then, now, data, tmp_path):
    """Also what it has from the function or object around it, and which functions it calls."""
    model = RBMTransformer(4, n_iter=2, random_state=0, learning_rate=then)
    model.set_callbacks(Checkpoint(tmp_path)).fit(*data["images"])
    # nothing has changed
    model.fit(*data["images"])
    model.set_params(learning_rate=now)
    with pytest.raises(ValueError, match="is of another fit: learning_rate is another"):
        model.fit(*data["images"])


_SCHEDULE = """
import sys
from skdeepbm import RBMTransformer
from skdeepbm.callbacks import Checkpoint

# memory is used otherwise in each run
fill = [bytes(1000 * i) for i in range(int(sys.argv[2]))]
def made():
    import math
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    def rate(epoch):
        best = max((lambda i: math.exp(-i))(i) for i in range(epoch, epoch + 2))
        return best if "a" in {"a", "b", "c"} and even(2) else 0.0
    return rate
rbm = RBMTransformer(2, n_iter=1, random_state=0, learning_rate=made())
rbm.set_callbacks(Checkpoint(sys.argv[1])).fit([[0.0, 1.0], [1.0, 0.0]])
"""


def test_a_schedule_with_functions_of_its_own_goes_on_in_a_new_process(tmp_path):
    for n in ("0", "50"):
        command = [sys.executable, "-c", _SCHEDULE, str(tmp_path), n]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr


def test_settings_of_layers_are_part_of_a_fit(data, tmp_path):
    make = CASES["dbm"][0]
    interrupted(make(), data["images"], 1, Checkpoint(tmp_path))
    other = make().set_params(rbm__weight_decay=0.5).set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="of another fit: rbm is another"):
        other.fit(*data["images"])


def test_what_changes_nothing_is_no_part_of_a_fit(data, tmp_path, capsys):
    interrupted(_rbm(), data["images"], 2, Checkpoint(tmp_path))
    resumed = _rbm(verbose=1)
    (X,) = data["images"]
    assert interrupted(resumed, (np.asfortranarray(X),), None, Checkpoint(tmp_path)) == 2


@pytest.mark.parametrize("name", ["every", "keep"])
@pytest.mark.parametrize("value", [0, 1.5, None])
def test_bad_settings_are_refused(name, value, tmp_path):
    with pytest.raises(ValueError, match=f"{name}={value} of Checkpoint"):
        Checkpoint(tmp_path, **{name: value})


# -- damaged files --------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_of_a_damaged_checkpoint_the_one_before_is_used(damage, data, tmp_path, ref):
    whole = CASES["pcd"][0]().fit(*data["images"])
    interrupted(CASES["pcd"][0](), data["images"], 3, Checkpoint(tmp_path))
    newest = tmp_path / "fit.000003.ckpt"
    content = bytearray(newest.read_bytes())
    if damage == "changed":
        content[len(content) // 2] ^= 4
    newest.write_bytes(content[: {"cut": len(content) - 1, "empty": 0}.get(damage)])
    resumed = CASES["pcd"][0]()
    with pytest.warns(CheckpointWarning) as caught:
        assert interrupted(resumed, data["images"], None, Checkpoint(tmp_path)) == 2
    assert len(caught) == 1
    assert "fit.000003.ckpt is not used, because" in str(caught[0].message)
    ref.assert_same(resumed, whole, TIMES)


def test_without_any_checkpoint_that_is_whole_a_stage_begins_again(data, tmp_path, ref):
    make = CASES["dbn"][0]
    whole = make().fit(*data["labels"])
    n_epochs = interrupted(make(), data["labels"], 4, Checkpoint(tmp_path))
    assert n_epochs == 4
    for file in tmp_path.glob("1-layer-1.*"):
        file.write_bytes(b"")
    resumed = make()
    with pytest.warns(CheckpointWarning):
        interrupted(resumed, data["labels"], None, Checkpoint(tmp_path))
    ref.assert_same(resumed, whole, TIMES)


def test_what_a_kill_leaves_behind_is_removed(data, tmp_path):
    (tmp_path / "fit.000009.ckpt.77.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "film.mp4.part").write_bytes(b"a download")
    _rbm().set_callbacks(Checkpoint(tmp_path, resume=False)).fit(*data["images"])
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"fit.000003.ckpt", "fit.000004.ckpt", "notes.txt", "film.mp4.part"}


# -- inside other estimators ----------------------------------------------------------------


def test_a_pipeline_goes_on(data, tmp_path, ref):
    def make():
        deep = DBNClassifier((5,), rbm=_layer(), finetuning=Backprop(n_iter=3), random_state=0)
        return Pipeline([("rbm", _rbm()), ("dbn", deep)])

    X, y, _ = data["labels"]
    whole = make().fit(X, y)
    n_epochs = interrupted(make(), (X, y), 7, Checkpoint(tmp_path))
    assert n_epochs == 7
    resumed = make()
    assert interrupted(resumed, (X, y), None, Checkpoint(tmp_path)) == 4 + 2 + 3 - 7
    for step in ("rbm", "dbn"):
        ref.assert_same(resumed[step], whole[step], TIMES)


def test_a_grid_search_goes_on(data, tmp_path):
    def make():
        pipe = Pipeline([("rbm", _rbm(n_iter=2)), ("clf", LogisticRegression())])
        return GridSearchCV(pipe, {"rbm__n_components": [2, 4]}, cv=2)

    X, y, _ = data["labels"]
    whole = make().fit(X, y)
    assert interrupted(make(), (X, y), 5, Checkpoint(tmp_path)) == 5
    resumed = make()
    assert interrupted(resumed, (X, y), None, Checkpoint(tmp_path)) == 5 * 2 - 5
    assert resumed.best_params_ == whole.best_params_
    scores = "mean_test_score"
    np.testing.assert_array_equal(resumed.cv_results_[scores], whole.cv_results_[scores])


def test_partial_fit_writes_nothing(data, tmp_path):
    (X,) = data["images"]
    dbm = DBM((5, 4), rbm=_layer(), random_state=0).set_callbacks(Checkpoint(tmp_path))
    dbm.partial_fit(X).partial_fit(X[:20])
    assert not list(tmp_path.iterdir())


# -- a process that is killed ---------------------------------------------------------------

# children are forks of a process that has imported and compiled everything already
_SCRIPT = """
import os, signal, sys, time
from pathlib import Path

import numpy as np
from skdeepbm import DBM, RBMTransformer
from skdeepbm.callbacks import Checkpoint

X = np.random.default_rng(0).random((500, 64))
root = Path(sys.argv[1])


def make(n_iter):
    return DBM((64, 32), rbm=RBMTransformer(n_iter=n_iter), n_iter=n_iter, random_state=0)


def run(name, out, n_files=None):
    folder = root / name
    child = os.fork()
    if not child:
        dbm = make(6).set_callbacks(Checkpoint(folder, keep=100)).fit(X)
        np.savez(root / out, *dbm.coefs_, *dbm.intercepts_)
        os._exit(0)
    while n_files is not None and len(list(folder.glob("*.ckpt"))) < n_files:
        time.sleep(0.001)
    if n_files is not None:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


make(1).fit(X)
print(run("whole", "whole"))
print([run("killed", "killed", n_files) for n_files in (3, 5, 9, 11, 16)])
print((root / "killed.npz").exists(), run("killed", "killed"))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_process_goes_on(tmp_path):
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment = {**os.environ, **one_thread}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.stdout.splitlines() == ["0", str([-9] * 5), "False 0"], done.stderr
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        for name in whole:
            np.testing.assert_array_equal(killed[name], whole[name])
