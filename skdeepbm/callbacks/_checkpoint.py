"""Checkpoints: a fit that was ended from outside goes on where it was."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from skdeepbm._files import make_folder, sealed, unsealed, write_atomically
from skdeepbm.callbacks._archive import pack, unpack
from skdeepbm.callbacks._base import StageCallback, stage_path
from skdeepbm.callbacks._fingerprint import differences, fingerprint
from skdeepbm.estimators._stage import Stage, stage_of
from skdeepbm.exceptions import CheckpointWarning, DamagedFileError

_KIND = "checkpoint 1"
_NAME = re.compile(r"(?P<stage>.+)\.(?P<n_epochs>\d{6,})\.ckpt")
# of a process that was killed while it wrote
_PART = re.compile(rf"{_NAME.pattern}\.[\d.]+\.part")


@dataclass
class _Fit:
    """One fit of an estimator, with its folder."""

    path: tuple[str, ...]
    folder: Path
    fingerprint: dict[str, str]


class Checkpoint(StageCallback):
    """Write checkpoints while fitting, and go on from them.

    After each epoch everything that training needs to go on bit for bit is written to a file:
    parameters, chains, random streams, the state of the optimiser, the history. When the same
    `fit` is called again with a callback on the same folder, in this process or in a new one, it
    goes on after the last epoch that was written. A layer of a deep estimator that was finished is
    not trained again, and of a fit that was finished nothing is.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there. One for each fit: in pipelines and searches, fits make folders of
        their own in it.
    every : int, default=1
        Epochs from one checkpoint to the next; the end of a stage is always written.
    keep : int, default=2
        Checkpoints of each stage to keep: one that is damaged is not used, but the one before.
    resume : bool, default=True
        Whether to go on from what is there; False deletes it and starts anew.

    Warns
    -----
    CheckpointWarning
        At `fit`, of every file that is damaged. It is left out.

    Raises
    ------
    ValueError
        At `fit`, if the folder has the checkpoints of a fit with other hyper-parameters, data,
        starting parameters or version of the package.

    See Also
    --------
    skdeepbm.save : Keep the fitted estimator.

    Notes
    -----
    Checkpoints are data alone, and reading one executes nothing. They are written to a temporary
    file that takes the final name once it is on the disk, with a SHA-256 checksum of its content.

    The same parameters as without interruption need the same number of BLAS threads, as all
    reproducibility does (see the user guide). A schedule that is a function is compared by its
    code, its defaults and what it has from the function or object around it, not by the values of
    global names nor by the code of classes and functions behind these: where those have changed,
    use another folder. With ``random_state=None`` the seed is that of the
    checkpoint. Epoch times in ``history_`` are those that were measured.

    `partial_fit` writes no checkpoints: between calls, :func:`skdeepbm.save` keeps everything.
    Minimisation over all rows (``Backprop(optimizer="lbfgs")`` or ``"cg"`` without
    ``n_line_searches``) begins again at the start of its stage. Other callbacks keep what they
    remember to themselves: one that counts epochs counts from the interruption.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.callbacks import Checkpoint
    >>> X = load_digits().data[:200] / 16
    >>> with TemporaryDirectory() as folder:
    ...     rbm = RBMTransformer(16, n_iter=3, random_state=0)
    ...     rbm = rbm.set_callbacks(Checkpoint(folder)).fit(X)
    ...     # after a kill, the same lines go on; here nothing is left to do
    ...     again = RBMTransformer(16, n_iter=3, random_state=0)
    ...     again = again.set_callbacks(Checkpoint(folder)).fit(X)
    >>> again.n_iter_
    3
    >>> bool((again.components_ == rbm.components_).all())
    True
    """

    def __init__(self, folder: Any, *, every: int = 1, keep: int = 2, resume: bool = True) -> None:
        given: dict[str, Any] = {"every": every, "keep": keep}
        for name, value in given.items():
            if not isinstance(value, Integral) or int(value) < 1:
                raise ValueError(f"{name}={value!r} of Checkpoint must be an int of at least 1.")
        self.folder, self.every, self.keep, self.resume = folder, every, keep, resume
        self._fits: dict[Any, list[_Fit]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_fits": {}}

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget the fit."""
        self._fits.pop(context.root_uuid, None)

    def on_fit_task_begin(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None
    ) -> None:
        """Look for what to go on from."""
        stage = stage_of(context)
        if stage is None or context.task_name == "epoch":
            return
        fit = self._fit_of(context)
        if fit is None:
            if str(context.source_task_name).startswith("layer "):
                # of a deep estimator that is given batches, one call each
                return
            fit = self._open(estimator, context, stage, X, y)
        stage.saved = self._find(fit, context)
        if stage.saved is None and not stage.has_epochs:
            self._write(fit, stage, context, 0)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Write a checkpoint."""
        stage, is_epoch = stage_of(context), context.task_name == "epoch"
        if stage is None or not stage.has_epochs:
            return
        owner = context.parent if is_epoch else context
        fit, n_epochs = self._fit_of(owner), len(stage.entries)
        if fit is None or stage.is_finished or (is_epoch and n_epochs % self.every):
            return
        self._write(fit, stage, owner, n_epochs, is_finished=not is_epoch)

    # -- fits and their files ------------------------------------------------------------

    def _fit_of(self, context: Any) -> _Fit | None:
        """The fit that a task is part of."""
        path = _folders(context)
        for fit in self._fits.get(context.root_uuid, []):
            if path[: len(fit.path)] == fit.path:
                return fit
        return None

    def _open(self, estimator: Any, context: Any, stage: Stage, X: Any, y: Any) -> _Fit:
        path = _folders(context)
        fit = _Fit(path, Path(self.folder, *path), fingerprint(estimator, stage, X, y))
        make_folder(fit.folder)
        for file in fit.folder.iterdir():
            if _PART.fullmatch(file.name) or (not self.resume and _NAME.fullmatch(file.name)):
                file.unlink()
        # a fit in the same place is over
        others = [o for o in self._fits.get(context.root_uuid, []) if o.path != path]
        self._fits[context.root_uuid] = [*others, fit]
        return fit

    def _files(self, fit: _Fit, name: str) -> list[Path]:
        """Checkpoints of a stage, the newest first."""
        found = []
        for file in fit.folder.iterdir():
            match = _NAME.fullmatch(file.name)
            if match is not None and match["stage"] == name:
                found.append((int(match["n_epochs"]), file))
        return [file for _, file in sorted(found, reverse=True)]

    def _find(self, fit: _Fit, context: Any) -> dict[str, Any] | None:
        """The newest checkpoint of a stage that is whole."""
        for file in self._files(fit, _stage_name(fit, context)):
            try:
                found = unpack(unsealed(_KIND, file.read_bytes()))
            except DamagedFileError as error:
                warnings.warn(
                    f"Checkpoint: {file} is not used, because {error}. Training goes on from the "
                    "checkpoint before, or from the start of this stage.",
                    CheckpointWarning,
                    stacklevel=2,
                )
                continue
            differ = differences(fit.fingerprint, found["fingerprint"])
            if differ:
                raise ValueError(
                    f"Checkpoint: {file} is of another fit: {differ}. Use another folder, or "
                    "Checkpoint(..., resume=False) to delete what is there and start anew."
                )
            snapshot: dict[str, Any] = found["snapshot"]
            return snapshot
        return None

    def _write(
        self, fit: _Fit, stage: Stage, context: Any, n_epochs: int, is_finished: bool = False
    ) -> None:
        snapshot = stage.snapshot(is_finished)
        if snapshot is None:
            return
        name = _stage_name(fit, context)
        data = pack({"fingerprint": fit.fingerprint, "snapshot": snapshot})
        file = fit.folder / f"{name}.{n_epochs:06d}.ckpt"
        write_atomically(file, sealed(_KIND, data))
        for old in self._files(fit, name)[self.keep :]:
            old.unlink()


def _folders(context: Any) -> tuple[str, ...]:
    """Where a task is in the tree; the outermost is at the top."""
    return () if context.parent is None else stage_path(context)


def _stage_name(fit: _Fit, context: Any) -> str:
    """Name of a stage among those of its fit."""
    return "-".join(_folders(context)[len(fit.path) :]) or "fit"
