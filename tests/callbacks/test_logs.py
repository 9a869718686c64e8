"""Logs have every epoch of every stage, once."""

import csv
import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skdeepbm import DBM, RBMTransformer
from skdeepbm.callbacks import Checkpoint, CSVLog, TensorBoard


def _rbm(**settings):
    return RBMTransformer(**{"n_components": 6, "n_iter": 3, "random_state": 0, **settings})


def _dbm():
    return DBM((6, 4), rbm=RBMTransformer(n_iter=2), n_iter=3, random_state=0)


class Stop:
    """Raises at the end of an epoch, counted over all stages."""

    max_propagation_depth = None

    def __init__(self, at):
        self.left = at

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        self.left -= context.task_name == "epoch"
        if not self.left:
            raise KeyboardInterrupt


def _table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _assert_history(rows, history):
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(history["epoch_time"]) + 1))
    for name, values in history.items():
        column = name if values.ndim == 1 else f"{name}_mean"
        means = [np.mean(value, dtype=np.float64) for value in values]
        np.testing.assert_array_equal([float(row[column]) for row in rows], means, err_msg=column)


def test_a_table_has_the_history(data, tmp_path):
    path = tmp_path / "log.csv"
    rbm = _rbm().set_callbacks(CSVLog(path)).fit(*data["images"])
    rows = _table(path)
    assert {row["stage"] for row in rows} == {"fit"}
    _assert_history(rows, rbm.history_)
    # a second fit begins the file anew
    rbm.set_params(n_iter=2).fit(*data["images"])
    _assert_history(_table(path), rbm.history_)


def test_a_table_is_whole_after_every_epoch(data, tmp_path):
    path, seen = tmp_path / "log.csv", []

    class Read(Stop):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                assert path.read_text().endswith("\n")
                seen.append(len(_table(path)))

    _dbm().set_callbacks(CSVLog(path), Read(0)).fit(*data["images"])
    assert seen == list(range(1, 8))


def test_stages_of_a_deep_fit_share_a_table(data, tmp_path):
    path = tmp_path / "log.csv"
    dbm = _dbm().set_callbacks(CSVLog(path)).fit(*data["images"])
    rows = _table(path)
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    assert stages == ["0-layer-0", "1-layer-1", "2-joint-training"]
    models = [*dbm.rbms_, dbm]
    for stage, model in zip(stages, models, strict=True):
        _assert_history([row for row in rows if row["stage"] == stage], model.history_)
    # what a stage has no value for is empty
    assert rows[0]["mean_field_steps"] == ""


@pytest.mark.parametrize("at", [1, 3, 6])
def test_after_a_resumption_a_table_has_every_epoch_once(at, data, tmp_path):
    path = tmp_path / "log.csv"
    callbacks = Checkpoint(tmp_path / "fit", every=2), CSVLog(path)
    with pytest.raises(KeyboardInterrupt):
        _dbm().set_callbacks(*callbacks, Stop(at)).fit(*data["images"])
    assert len(_table(path)) == at
    dbm = _dbm().set_callbacks(*callbacks).fit(*data["images"])
    rows = _table(path)
    stages = ("0-layer-0", "1-layer-1", "2-joint-training")
    for stage, model in zip(stages, [*dbm.rbms_, dbm], strict=True):
        _assert_history([row for row in rows if row["stage"] == stage], model.history_)


def test_a_search_in_one_process_has_a_stage_for_each_fit(data, tmp_path):
    path = tmp_path / "log.csv"
    search = GridSearchCV(_rbm(n_iter=2), {"n_components": [2, 3]}, cv=2)
    search.set_callbacks(CSVLog(path)).fit(*data["images"])
    rows = _table(path)
    assert len(rows) == 2 * 5
    assert len({row["stage"] for row in rows}) == 5


def test_several_processes_are_refused(data, tmp_path):
    log = CSVLog(tmp_path / "log.csv")
    rbm = _rbm().set_callbacks(log)
    log.setup(rbm, None)
    log._process += 1
    log.setup = lambda estimator, context: None
    with pytest.raises(RuntimeError, match="several processes: fit with n_jobs=1"):
        rbm.fit(*data["images"])


def test_a_fit_that_is_refused_leaves_the_table_of_the_last_one(data, tmp_path):
    """A checkpoint of other hyper-parameters ends a fit before its first epoch."""
    X, path = data["images"][0], tmp_path / "log.csv"
    callbacks = [CSVLog(path), Checkpoint(tmp_path / "checkpoints")]
    _rbm().set_callbacks(*callbacks).fit(X)
    before = path.read_text()
    with pytest.raises(ValueError, match="n_components"):
        _rbm(n_components=7).set_callbacks(*callbacks).fit(X)
    assert path.read_text() == before


def test_a_path_that_cannot_be_written_is_an_error_before_training(data, tmp_path):
    rbm = _rbm().set_callbacks(CSVLog(tmp_path / "no folder" / "log.csv"))
    with pytest.raises(FileNotFoundError, match="no folder"):
        rbm.fit(*data["images"])
    assert not hasattr(rbm, "components_")


# -- TensorBoard ----------------------------------------------------------------------------


class Writer:
    """What tensorboardX's writer is told."""

    def __init__(self, logdir, purge_step, filename_suffix):
        assert purge_step == 1
        self.scalars, self.n_flushed, self.closed = [], 0, False
        _written[logdir] = self

    def add_scalar(self, name, value, step):
        assert type(value) is float
        self.scalars.append((name, value, step))

    def flush(self):
        self.n_flushed = len(self.scalars)

    def close(self):
        self.closed = True


_written: dict = {}


@pytest.fixture
def writers(monkeypatch):
    module = ModuleType("tensorboardX")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    _written.clear()
    return _written


def test_a_board_has_the_history_of_every_stage(data, tmp_path, writers):
    callbacks = Checkpoint(tmp_path / "fit"), TensorBoard(tmp_path / "board")
    with pytest.raises(KeyboardInterrupt):
        _dbm().set_callbacks(*callbacks, Stop(3)).fit(*data["images"])
    assert all(writer.closed for writer in writers.values())
    writers.clear()
    dbm = _dbm().set_callbacks(*callbacks).fit(*data["images"])
    names = [str(tmp_path / "board" / s) for s in ("0-layer-0", "1-layer-1", "2-joint-training")]
    assert list(writers) == names
    for name, model in zip(names, [*dbm.rbms_, dbm], strict=True):
        writer = writers[name]
        assert writer.closed
        assert writer.n_flushed == len(writer.scalars)
        found = {
            measure: [(value, step) for m, value, step in writer.scalars if m == measure]
            for measure, _, _ in writer.scalars
        }
        for measure, values in model.history_.items():
            if np.isnan(values).all():
                # without held-out rows; the library would complain of each
                assert measure not in found
                continue
            points = found[measure if values.ndim == 1 else f"{measure}_mean"]
            means = [np.mean(value, dtype=np.float64) for value in values]
            assert [step for _, step in points] == list(range(1, len(values) + 1))
            np.testing.assert_array_equal([value for value, _ in points], means)


def test_a_board_is_read_back(data, tmp_path):
    """With the library itself."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    rbm = _rbm(n_iter=2).set_callbacks(TensorBoard(tmp_path)).fit(*data["images"])
    (file,) = (tmp_path / "fit").iterdir()
    # records: length, its checksum, an event, its checksum
    content, errors = file.read_bytes(), []
    while content:
        size = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + size])
        errors += [v.simple_value for v in event.summary.value if v.tag == "reconstruction_error"]
        content = content[16 + size :]
    np.testing.assert_allclose(errors, rbm.history_["reconstruction_error"], rtol=1e-6)


def test_without_tensorboardx_the_error_has_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "skdeepbm\[tensorboard\]"'):
        TensorBoard("board")
