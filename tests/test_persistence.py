"""What is loaded is what was saved to the last bit, or there is a clear error."""

import importlib
import os
import re
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skdeepbm
from skdeepbm import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    HammingNeighbors,
    RBMTransformer,
    ReplicatedSoftmax,
    ShallowAutoencoder,
    WakeSleep,
)
from skdeepbm.callbacks import Checkpoint
from skdeepbm.exceptions import DamagedFileError, OtherVersionWarning
from skdeepbm.persistence import TRUSTED
from skdeepbm.schedules import Exponential, InverseTime, Linear, Step


@pytest.fixture(scope="module")
def images():
    X, y = load_digits(return_X_y=True)
    return X[:60] / 16, y[:60] % 3


def _rbm(**settings):
    return RBMTransformer(**{"n_components": 4, "n_iter": 2, "random_state": 0, **settings})


def _words(X, y):
    model = ReplicatedSoftmax(3, n_iter=2, random_state=0)
    return model.fit(_counts(X)), "transform"


def _counts(X):
    return sp.csr_array(np.round(16 * X))


MODELS = {
    "search of a density": lambda X, y: (
        GridSearchCV(_rbm(), {"n_components": [2, 3]}, cv=2).fit(X),
        "transform",
    ),
    "search of a classifier": lambda X, y: (
        GridSearchCV(
            make_pipeline(_rbm(), LogisticRegression()), {"rbmtransformer__n_iter": [1, 2]}, cv=2
        ).fit(X, y),
        "predict_proba",
    ),
    "RBMTransformer": lambda X, y: (_rbm(algorithm="pt", batch_size=20).fit(X), "transform"),
    "schedules": lambda X, y: (
        _rbm(
            learning_rate=Linear(0.1, 0.01, 5), momentum=Step(0.5, 0.5, 5), n_gibbs_steps=[1, 2]
        ).fit(X),
        "transform",
    ),
    "other schedules": lambda X, y: (
        _rbm(learning_rate=Exponential(0.1, 0.9), momentum=InverseTime(0.5, 2.0)).fit(X),
        "transform",
    ),
    "ClassificationRBM": lambda X, y: (
        ClassificationRBM(4, n_iter=2, random_state=0).fit(X, y.astype(str)),
        "predict_proba",
    ),
    "ReplicatedSoftmax": _words,
    "ShallowAutoencoder": lambda X, y: (
        ShallowAutoencoder(4, n_iter=2, random_state=np.random.RandomState(0)).fit(X),
        "transform",
    ),
    "DBM": lambda X, y: (
        DBM((5, 4, 3), rbm=_rbm(), n_iter=2, random_state=0).fit(X),
        "transform",
    ),
    "DBM of documents": lambda X, y: (
        DBM(
            (5, 4),
            visible="multinomial",
            rbm=[ReplicatedSoftmax(n_iter=2), _rbm()],
            n_iter=2,
            random_state=0,
        ).fit(_counts(X)),
        "transform",
    ),
    "DBMClassifier": lambda X, y: (
        DBMClassifier(
            (5, 4), rbm=_rbm(), n_iter=2, finetuning=Backprop(n_iter=2), random_state=0
        ).fit(X, y),
        "predict_proba",
    ),
    "DBNClassifier": lambda X, y: (
        DBNClassifier((5, 4), rbm=_rbm(), finetuning=Backprop(n_iter=2), random_state=0).fit(X, y),
        "predict_proba",
    ),
    "wake-sleep": lambda X, y: (
        DBNClassifier((5, 4), rbm=_rbm(), finetuning=WakeSleep(n_iter=2), random_state=0).fit(X, y),
        "predict_proba",
    ),
    "DeepAutoencoder": lambda X, y: (
        DeepAutoencoder((5, 3), pretrainer=_rbm(), finetuning=Backprop(n_iter=2)).fit(X),
        "transform",
    ),
    "HammingNeighbors": lambda X, y: (
        HammingNeighbors().fit(np.packbits(X > 0.5, axis=1)),
        "kneighbors",
    ),
    "pipeline": lambda X, y: (
        make_pipeline(_rbm(), LogisticRegression()).fit(X, y),
        "predict_proba",
    ),
}


def _rows(name, X):
    if name == "HammingNeighbors":
        return np.packbits(X > 0.5, axis=1)
    return _counts(X) if name in ("ReplicatedSoftmax", "DBM of documents") else X


@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_is_what_was_saved(name, images, tmp_path, ref):
    pytest.importorskip("skops")
    (model, method), path = MODELS[name](*images), tmp_path / "model.skops"
    skdeepbm.save(model, path)
    loaded = skdeepbm.load(path)
    ref.assert_same(loaded, model)
    X = _rows(name, images[0])
    ref.assert_same(getattr(loaded, method)(X), getattr(model, method)(X))
    assert [file.name for file in tmp_path.iterdir()] == ["model.skops"]


def test_training_goes_on_after_loading(images, tmp_path):
    pytest.importorskip("skops")
    whole, path = _rbm(algorithm="pcd", warm_start=True).fit(images[0]), tmp_path / "rbm.skops"
    skdeepbm.save(whole, path)
    loaded = skdeepbm.load(path).fit(images[0]).partial_fit(images[0])
    whole.fit(images[0]).partial_fit(images[0])
    np.testing.assert_array_equal(loaded.components_, whole.components_)


def test_the_trusted_types_are_exactly_those_of_our_estimators(images):
    io = pytest.importorskip("skops.io")
    found = set()
    for make in MODELS.values():
        found |= set(io.get_untrusted_types(data=io.dumps(make(*images)[0])))
    assert sorted(found) == sorted(TRUSTED) == list(TRUSTED)
    for name in TRUSTED:
        module, _, kind = name.rpartition(".")
        assert getattr(importlib.import_module(module), kind).__module__ == module


def test_the_documentation_has_the_list():
    page = Path(__file__).parents[1] / "docs" / "guide" / "saving.md"
    listed = re.findall(r'^    "(sk[\w.]+)",$', page.read_text(), re.MULTILINE)
    assert listed == list(TRUSTED)


def test_skops_alone_loads_the_file_with_that_list(images, tmp_path, ref):
    io = pytest.importorskip("skops.io")
    model, path = _rbm().fit(images[0]), tmp_path / "rbm.skops"
    skdeepbm.save(model, path)
    ref.assert_same(io.load(path, trusted=list(TRUSTED)), model)


def test_a_damaged_file_is_never_a_model(images, tmp_path):
    pytest.importorskip("skops")
    path = tmp_path / "rbm.skops"
    skdeepbm.save(_rbm().fit(images[0]), path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    cuts = [0, 1, 50, len(data) - 1, *rng.integers(0, len(data), 30)]
    flips = [*range(100), len(data) - 1, *rng.integers(0, len(data), 100)]
    damaged = [data[:n] for n in cuts] + [data + b"\0", data[1:]]
    for place in flips:
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"rbm\.skops cannot be loaded, because"):
            skdeepbm.load(path)


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz", "lzma"])
def test_a_pickle_is_not_loaded(compress, images, tmp_path):
    pytest.importorskip("skops")
    joblib.dump(_rbm().fit(images[0]), tmp_path / "rbm.joblib", compress=compress)
    match = r"it is no model of skdeepbm.*looks like a file of joblib or pickle: joblib\.load"
    with pytest.raises(DamagedFileError, match=match):
        skdeepbm.load(tmp_path / "rbm.joblib")


def test_a_file_of_skops_is_named(images, tmp_path):
    io = pytest.importorskip("skops.io")
    io.dump(_rbm().fit(images[0]), tmp_path / "rbm.skops")
    with pytest.raises(
        DamagedFileError, match=r"no model of skdeepbm.*file of skops.*skops\.io\.load"
    ):
        skdeepbm.load(tmp_path / "rbm.skops")


class Doubled:
    """A schedule of a user."""

    def __call__(self, epoch):
        return 0.1 * 2.0**-epoch


def test_types_of_others_are_named_on_both_sides(images, tmp_path):
    pytest.importorskip("skops")
    model, path = _rbm(learning_rate=Doubled()).fit(images[0]), tmp_path / "rbm.skops"
    kind = f"{Doubled.__module__}.Doubled"
    with pytest.raises(ValueError, match=f"types that load would refuse: {kind}"):
        skdeepbm.save(model, path)
    assert not path.exists()
    skdeepbm.save(model, path, trusted=[kind])
    with pytest.raises(ValueError, match=f"types that are not trusted: {kind}"):
        skdeepbm.load(path)
    loaded = skdeepbm.load(path, trusted=[kind])
    np.testing.assert_array_equal(loaded.components_, model.components_)


def test_one_type_may_be_named_without_a_list(images, tmp_path):
    pytest.importorskip("skops")
    model, path = _rbm(learning_rate=Doubled()).fit(images[0]), tmp_path / "rbm.skops"
    kind = f"{Doubled.__module__}.Doubled"
    skdeepbm.save(model, path, trusted=kind)
    loaded = skdeepbm.load(path, trusted=kind)
    np.testing.assert_array_equal(loaded.components_, model.components_)


def test_no_such_folder(images, tmp_path):
    pytest.importorskip("skops")
    path = tmp_path / "nowhere" / "rbm.skops"
    with pytest.raises(FileNotFoundError, match="rbm.skops cannot be written: there is no folder"):
        skdeepbm.save(_rbm().fit(images[0]), path)


def test_callbacks_are_not_kept(images, tmp_path):
    pytest.importorskip("skops")
    model = _rbm().set_callbacks(Checkpoint(tmp_path / "fit")).fit(images[0])
    skdeepbm.save(model, tmp_path / "rbm.skops")
    assert hasattr(model, "_skl_callbacks")
    assert not hasattr(skdeepbm.load(tmp_path / "rbm.skops"), "_skl_callbacks")


class Watch:
    """A callback of a user."""

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...


def test_callbacks_of_estimators_inside_are_not_kept(images, tmp_path, ref):
    """Where a guide tells users to set their own."""
    pytest.importorskip("skops")
    X, y = images
    watched = _rbm().set_callbacks(Watch())
    grid = {"n_components": [2, 3]}
    models = [
        (make_pipeline(watched, LogisticRegression()).fit(X, y), "predict_proba", lambda m: m[0]),
        (GridSearchCV(watched, grid, cv=2).fit(X), "transform", lambda m: m.best_estimator_),
        (DBM((3, 2), rbm=[watched, _rbm()], n_iter=1).fit(X), "transform", lambda m: m.rbm[0]),
    ]
    for model, method, inside in models:
        skdeepbm.save(model, tmp_path / "model.skops")
        loaded = skdeepbm.load(tmp_path / "model.skops")
        # the model itself is left alone
        assert hasattr(inside(model), "_skl_callbacks")
        assert not hasattr(inside(loaded), "_skl_callbacks")
        ref.assert_same(getattr(loaded, method)(X), getattr(model, method)(X))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_one(images, tmp_path):
    pytest.importorskip("skops")
    link = tmp_path / "latest.skops"
    (tmp_path / "models").mkdir()
    link.symlink_to(Path("models", "rbm.skops"))
    for _ in range(2):
        skdeepbm.save(_rbm().fit(images[0]), link)
        assert link.is_symlink()
        assert [file.name for file in (tmp_path / "models").iterdir()] == ["rbm.skops"]


@pytest.mark.parametrize("how", ["joblib", "skops"])
def test_a_model_from_a_device_needs_no_device(how, images, tmp_path):
    """As after a fit with ``backend="cupy"``, on a machine that has no CuPy."""
    pytest.importorskip("array_api_strict")
    model, path = _rbm(backend="array_api_strict").fit(images[0]), tmp_path / "model"
    assert model._fit_backend == "array_api_strict"
    model.backend = model._fit_backend = "cupy"
    model._training.stream["bit_generator"] = "Philox"
    if how == "joblib":
        joblib.dump(model, path)
        loaded = joblib.load(path)
    else:
        pytest.importorskip("skops")
        skdeepbm.save(model, path)
        loaded = skdeepbm.load(path)
    if importlib.util.find_spec("cupy") is None:
        assert "cupy" not in sys.modules
        expected = _rbm(backend="array_api_strict").fit(images[0]).transform(images[0])
        np.testing.assert_allclose(loaded.transform(images[0]), expected, rtol=1e-6)
        with pytest.raises(ImportError, match="pip install"):
            loaded.fit(images[0])


@pytest.mark.parametrize("how", ["joblib", "skops"])
@pytest.mark.parametrize("name", ["DBM", "HammingNeighbors", "pipeline"])
def test_a_model_of_another_version_says_so(how, name, images, tmp_path, monkeypatch, ref):
    (model, _), path = MODELS[name](*images), tmp_path / "model"
    if how == "joblib":
        save, load = joblib.dump, joblib.load
    else:
        pytest.importorskip("skops")
        save, load = skdeepbm.save, skdeepbm.load
    here = skdeepbm.__version__
    with monkeypatch.context() as patch:
        patch.setattr(skdeepbm, "__version__", "0.0.7")
        save(model, path)
        ref.assert_same(load(path), model)
    with pytest.warns(OtherVersionWarning, match=f"skdeepbm 0.0.7 has .* by skdeepbm {here}") as w:
        loaded = load(path)
    # one text, whatever is inside
    assert len({str(warning.message) for warning in w}) == 1
    ref.assert_same(loaded, model)
    # what is saved now is of this version
    save(loaded, path)
    ref.assert_same(load(path), model)


def test_without_skops_the_error_has_the_install_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for call in (lambda: skdeepbm.save(_rbm(), tmp_path / "x"), lambda: skdeepbm.load("x")):
        with pytest.raises(ImportError, match=r'pip install "skdeepbm\[persistence\]"'):
            call()
