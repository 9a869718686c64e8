"""Fitted estimators on the disk, in a format that executes nothing when it is read."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from skdeepbm._files import sealed, unsealed, write_atomically
from skdeepbm.exceptions import DamagedFileError

__all__ = ["TRUSTED", "load", "save"]

_KIND = "model 1"
#: how files of others begin: pickles as they are and compressed by joblib, and those of skops
_PICKLES = (b"\x80", b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\0\0")
_ZIP = b"PK\x03\x04"

#: Types of ours that a saved estimator may consist of, besides those of NumPy, SciPy and
#: scikit-learn that skops trusts by itself: what to hand to ``skops.io.load(path, trusted=...)``.
TRUSTED: tuple[str, ...] = (
    "skdeepbm.estimators._dbm_layers.BottomRBM",
    "skdeepbm.estimators._dbm_layers.BottomWords",
    "skdeepbm.estimators._dbm_layers.TopRBM",
    "skdeepbm.estimators.classification_rbm.ClassificationRBM",
    "skdeepbm.estimators.dbm.DBM",
    "skdeepbm.estimators.dbm_classifier.DBMClassifier",
    "skdeepbm.estimators.dbn.DBNClassifier",
    "skdeepbm.estimators.deep_autoencoder.DeepAutoencoder",
    "skdeepbm.estimators.finetuning.Backprop",
    "skdeepbm.estimators.finetuning.WakeSleep",
    "skdeepbm.estimators.hamming_neighbors.HammingNeighbors",
    "skdeepbm.estimators.rbm.RBMTransformer",
    "skdeepbm.estimators.replicated_softmax.ReplicatedSoftmax",
    "skdeepbm.estimators.shallow_autoencoder.ShallowAutoencoder",
    "skdeepbm.training.schedules.Exponential",
    "skdeepbm.training.schedules.InverseTime",
    "skdeepbm.training.schedules.Linear",
    "skdeepbm.training.schedules.Step",
    "skdeepbm.training.settings.TrainingState",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
)


def save(estimator: Any, path: Any, *, trusted: Iterable[str] = ()) -> None:
    """Save an estimator to a file that is safe to load and tells when it was damaged.

    Fitted arrays, hyper-parameters, history and the state of training are kept, so that what is
    loaded is the same to the last bit and `partial_fit` and ``warm_start`` go on where they were.
    Callbacks are not kept, nor those of estimators inside. The file is written as a whole or not
    at all; a process that is killed meanwhile may leave one beside it that ends in ``.part``.

    Parameters
    ----------
    estimator : estimator
        One of ours, or an estimator of scikit-learn that consists of such, as a pipeline.
    path : str or path-like
        By custom with the suffix ``.skops``.
    trusted : iterable of str, default=()
        Other types that the estimator consists of and that whoever loads it must name, too.

    Raises
    ------
    ValueError
        If the estimator has objects that `load` would refuse. Nothing is written.
    ImportError
        If skops is not installed.

    See Also
    --------
    load : The inverse.
    skdeepbm.callbacks.Checkpoint : Save a fit in progress.

    Notes
    -----
    The format is that of skops, a ZIP archive without code, behind a line with its SHA-256
    checksum; ``skops.io.load`` with ``trusted=skdeepbm.persistence.TRUSTED`` reads it as well,
    without looking at that.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import skdeepbm
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data[:200] / 16
    >>> rbm = skdeepbm.RBMTransformer(16, n_iter=2, random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     skdeepbm.save(rbm, f"{folder}/rbm.skops")
    ...     same = skdeepbm.load(f"{folder}/rbm.skops")
    >>> bool((same.transform(X) == rbm.transform(X)).all())
    True
    """
    skops, trusted = _skops(), _names(trusted)
    body = skops.dumps(_without_callbacks(estimator, {}))
    strange = _strange(skops.get_untrusted_types(data=body), trusted)
    if strange:
        raise ValueError(
            f"{type(estimator).__name__} has objects of types that load would refuse: "
            f"{', '.join(strange)}. Remove them, or name them in trusted, here and when loading."
        )
    write_atomically(Path(path), sealed(_KIND, body))


def load(path: Any, *, trusted: Iterable[str] = ()) -> Any:
    """Load an estimator that :func:`save` has written.

    Nothing in the file is executed: it can make objects of known types alone. Data and
    hyper-parameters of a file from a stranger may still be anything.

    Parameters
    ----------
    path : str or path-like
    trusted : iterable of str, default=()
        Types that may be made besides :data:`TRUSTED` and those that skops trusts, as the error
        names them.

    Returns
    -------
    estimator : estimator

    Raises
    ------
    DamagedFileError
        If the file was cut short or changed, or is none of ours.
    ValueError
        If it has objects of types that are not trusted.
    ImportError
        If skops is not installed.
    """
    skops, trusted = _skops(), _names(trusted)
    data = Path(path).read_bytes()
    try:
        body = unsealed(_KIND, data)
    except DamagedFileError as error:
        raise DamagedFileError(f"{path} cannot be loaded, because {error}.{_hint(data)}") from None
    strange = _strange(skops.get_untrusted_types(data=body), trusted)
    if strange:
        raise ValueError(
            f"{path} has objects of types that are not trusted: {', '.join(strange)}. If you know "
            "them and where the file comes from, name them in trusted."
        )
    return skops.loads(body, trusted=[*TRUSTED, *trusted])


def _hint(data: bytes) -> str:
    """What a file is that is none of ours, where its beginning says so."""
    if data.startswith(_PICKLES):
        return (
            " It looks like a file of joblib or pickle: joblib.load reads it, and executes what it "
            "says."
        )
    if data.startswith(_ZIP):
        return (
            " It looks like a file of skops without our first line: skops.io.load reads it, with "
            "trusted=skdeepbm.persistence.TRUSTED."
        )
    return ""


def _without_callbacks(value: Any, known: dict[int, Any]) -> Any:
    """The same, and what is in it, without callbacks of estimators; what has none is not copied."""
    if id(value) in known:
        return known[id(value)]
    # of a circle, the first one
    known[id(value)] = found = value
    if type(value) in (list, tuple):
        items = [_without_callbacks(item, known) for item in value]
        if any(new is not old for new, old in zip(items, value, strict=True)):
            found = type(value)(items)
    elif type(value) is dict:
        found = _entries_without(value, known)
    elif hasattr(value, "__dict__") and not isinstance(value, type | ModuleType):
        state = _entries_without(vars(value), known)
        if state is not vars(value):
            found = copy.copy(value)
            vars(found).clear()
            vars(found).update(state)
    known[id(value)] = found
    return found


def _entries_without(given: dict[Any, Any], known: dict[int, Any]) -> dict[Any, Any]:
    found = {k: _without_callbacks(v, known) for k, v in given.items() if k != "_skl_callbacks"}
    return (
        found if len(found) < len(given) or any(found[k] is not given[k] for k in found) else given
    )


def _names(trusted: Iterable[str]) -> list[str]:
    return [trusted] if isinstance(trusted, str) else list(trusted)


def _strange(found: Iterable[str], trusted: Iterable[str]) -> list[str]:
    return sorted(set(found) - set(TRUSTED) - set(trusted))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Saving and loading need skops, which is not installed: "
            'pip install "skdeepbm[persistence]".'
        ) from error
    return skops.io
