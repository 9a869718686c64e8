"""Joint training of a deep Boltzmann machine with a label on top.

Known labels are clamped in the positive phase, the others inferred with the hidden layers: training
climbs the bound on ``log p(v, y)`` of some rows and that on ``log p(v)`` of the others. In the
negative phase labels are drawn with everything else (Salakhutdinov & Hinton 2009, section 2).
"""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.labelled_dbm import LabelledDBM
from skdeepbm.models.mean_field import known_rows, mean_field
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.dbm_trainer import DBMTrainer
from skdeepbm.training.monitor import monitored_rows
from skdeepbm.training.settings import DBMSettings, TrainingState


class LabelledDBMTrainer(DBMTrainer):
    """Trains a deep Boltzmann machine with a label in place.

    Parameters
    ----------
    dbm : LabelledDBM
    settings : DBMSettings
        The sparsity penalty is not for the label.
    state : TrainingState
    seed : SeedSequence
    labels : ndarray of shape (n_rows, n_classes)
        One-hot, for each row that training will see, on the host; zeros for rows without a label.
    """

    dbm: LabelledDBM

    def __init__(
        self,
        dbm: LabelledDBM,
        settings: DBMSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
        labels: np.ndarray,
    ) -> None:
        self._given: Array | None = None
        super().__init__(dbm, settings, state, seed)
        self.labels = Rows(dbm.backend, labels, np.asarray(labels).dtype)

    def _labels_of(self, index: np.ndarray) -> Array:
        return self.backend.asarray(self.labels.dense(index), self.dbm.dtype)

    # -- a step ---------------------------------------------------------------------------

    def step(self, batch: Batch) -> None:
        self._given = self._labels_of(self._places(batch))
        super().step(batch)
        self._given = None

    @staticmethod
    def _places(batch: Batch) -> np.ndarray:
        return np.arange(batch.n_rows) if batch.index is None else batch.index

    def _infer(self, rows: list[Array]) -> int:
        settings = self.settings
        return self.inference.run(
            rows[0],
            rows[1:],
            settings.mean_field_tolerance,
            settings.mean_field_steps,
            self._given,
        )

    def _penalty(self, index: int) -> Array:
        if index + 1 < self.dbm.depth:
            return super()._penalty(index)
        shares = self.rows.data_mean[index + 1]
        self.activity[index] = self.copy(shares)
        return self.backend.xp.zeros_like(shares)

    # -- measurements ---------------------------------------------------------------------

    def watch(self, rows: Rows, index: np.ndarray) -> tuple[Array, Array]:
        index = index[monitored_rows(index.size, self.n_visible)]
        return rows.dense(index), self._labels_of(index)

    def watch_held_out(self, rows: Rows, index: np.ndarray) -> tuple[Array, Array]:
        return self.watch(rows, index)

    def watch_batch(self, batch: Batch) -> tuple[Array, Array]:
        index = monitored_rows(batch.n_rows, self.n_visible)
        return super().watch_batch(batch), self._labels_of(self._places(batch)[index])

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict[str, Any]:
        """One entry of the history, that of a machine without a label and one thing more.

        Returns
        -------
        entry : dict
            As of :func:`skdeepbm.training.dbm_monitor.measure_dbm`, with the labels that are known;
            hidden layers alone in ``mean_hidden_activity``, ``dead_units`` and ``weight_norm``.
            ``error``: share of labelled rows whose label mean field, which is not told it, does not
            find; NaN without any.
        """
        (v, labels), (kept, theirs) = watched, held_out or (None, None)
        entry = self._entry(v, before, kept, (labels, theirs))
        for name in ("mean_hidden_activity", "dead_units"):
            entry[name] = entry[name][:-1]
        entry["weight_norm"] = entry["weight_norm"][: -self.dbm.labels.size]
        entry["error"] = self._error(v, labels)
        return entry

    def _error(self, v: Array, labels: Array) -> float:
        settings, xp = self.settings, self.backend.xp
        tolerance, n_steps = settings.mean_field_tolerance, settings.mean_field_steps
        guess = mean_field(self.dbm, v, tolerance, n_steps)[0][-1]
        wrong = xp.argmax(guess, axis=1) != xp.argmax(labels, axis=1)
        known = known_rows(self.dbm, labels)[:, 0]
        n_known = int(xp.count_nonzero(known))
        return int(xp.count_nonzero(xp.logical_and(wrong, known))) / n_known if n_known else nan
