"""The history of a fit as a table on the disk, while it grows."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from skdeepbm._files import write_atomically
from skdeepbm.callbacks._base import StageCallback, scalars
from skdeepbm.estimators._stage import Stage


class CSVLog(StageCallback):
    """Write a line for each epoch to a CSV file, as soon as it has ended.

    Columns are ``stage`` (``fit``, or such as ``0-layer-0`` and ``2-fine-tuning`` of a deep
    estimator), ``epoch`` (from 1) and the numbers of ``history_``; of a measure with a number for
    each unit the mean, under its name with ``_mean``. Where stages have other measures than those
    before, columns are added. The file is whole after each line, whenever the process ends.

    Parameters
    ----------
    path : str or path-like
        Begun anew by each fit. A fit that goes on from a :class:`Checkpoint` writes the lines of
        all epochs again, those before the interruption included.

    Raises
    ------
    RuntimeError
        At `fit`, if a search fits in several processes: lines of one file cannot come from all of
        them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.callbacks import CSVLog
    >>> X = load_digits().data[:200] / 16
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "log.csv")
    ...     rbm = RBMTransformer(16, n_iter=2, random_state=0)
    ...     rbm = rbm.set_callbacks(CSVLog(path)).fit(X)
    ...     lines = path.read_text().splitlines()
    >>> lines[0].split(",")[:4]
    ['stage', 'epoch', 'reconstruction_error', 'free_energy']
    >>> len(lines)
    3
    """

    def __init__(self, path: Any) -> None:
        self.path = path
        self._columns: list[str] = []
        self._n_written: dict[str, int] = {}
        self._process = 0
        self._is_begun = False

    def setup(self, estimator: Any, context: Any) -> None:
        """Forget what other fits have written; the file begins with the first epoch of this one."""
        self._columns, self._n_written = ["stage", "epoch"], {}
        self._process, self._is_begun = os.getpid(), False
        # a path that cannot be written is an error before training
        with open(self.path, "a", encoding="utf-8"):
            pass

    def _on_epochs(self, stage: Stage, name: str) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                f"CSVLog({str(self.path)!r}) cannot write from several processes: fit with "
                "n_jobs=1, or set it on the estimator after the search."
            )
        if not self._is_begun:
            self._write([], "w")
            self._is_begun = True
        first = self._n_written.get(name, 0)
        rows = [
            {"stage": name, "epoch": epoch, **scalars(entry)}
            for epoch, entry in enumerate(stage.entries[first:], start=first + 1)
        ]
        self._n_written[name] = len(stage.entries)
        new = [column for row in rows[:1] for column in row if column not in self._columns]
        if new:
            self._columns += new
            self._widen()
        self._write(rows, "a")

    def _write(self, rows: list[dict[str, Any]], mode: str) -> None:
        with open(self.path, mode, newline="", encoding="utf-8") as file:
            self._table(file, rows, mode == "w")

    def _table(self, file: Any, rows: list[dict[str, Any]], has_header: bool) -> None:
        writer = csv.DictWriter(file, self._columns, lineterminator="\n")
        if has_header:
            writer.writeheader()
        writer.writerows(rows)

    def _widen(self) -> None:
        """Write the file with all columns that there are now."""
        with open(self.path, newline="", encoding="utf-8") as file:
            known = list(csv.DictReader(file))
        text = io.StringIO()
        self._table(text, known, True)
        write_atomically(Path(self.path), text.getvalue().encode())
