"""The history of a fit as event files for TensorBoard."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from skdeepbm.callbacks._base import StageCallback, scalars
from skdeepbm.estimators._stage import Stage


class TensorBoard(StageCallback):
    """Write the numbers of each epoch for TensorBoard, as soon as it has ended.

    Each stage of a fit is a run of its own: ``fit``, or such as ``0-layer-0`` and
    ``2-fine-tuning`` of a deep estimator. Scalars have the names of ``history_``; of a measure
    with a number for each unit it is the mean, under its name with ``_mean``. Steps are epochs,
    from 1. What is NaN, as the measures of held-out rows are without any, is left out.

    Parameters
    ----------
    folder : str or path-like
        For ``tensorboard --logdir``. A fit that goes on from a :class:`Checkpoint` replaces, in the
        display, the epochs that are done again.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.

    Notes
    -----
    Needs tensorboardX: ``pip install "skdeepbm[tensorboard]"``. Looking at the files needs
    TensorBoard itself.
    """

    def __init__(self, folder: Any) -> None:
        _writer_class()
        self.folder = folder
        self._writers: dict[str, Any] = {}
        self._n_written: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_writers": {}}

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin the runs anew."""
        self._n_written = {}

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _on_epochs(self, stage: Stage, name: str) -> None:
        first = self._n_written.get(name, 0)
        if name not in self._writers:
            if first == len(stage.entries):
                return
            # a file is open in one process
            name_of_file = {"filename_suffix": f".{os.getpid()}"}
            self._writers[name] = _writer_class()(
                str(Path(self.folder, name)), purge_step=1, **name_of_file
            )
        writer = self._writers[name]
        for epoch, entry in enumerate(stage.entries[first:], start=first + 1):
            for measure, value in scalars(entry).items():
                # without held-out rows their measures are NaN, of which the writer complains
                if not math.isnan(value):
                    writer.add_scalar(measure, value, epoch)
        writer.flush()
        self._n_written[name] = len(stage.entries)


def _writer_class() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard of skdeepbm.callbacks needs tensorboardX, which is not installed: "
            'pip install "skdeepbm[tensorboard]".'
        ) from error
    return SummaryWriter
