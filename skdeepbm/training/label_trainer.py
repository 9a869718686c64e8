"""Generative training of an RBM of features and a label."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import Array, Counts
from skdeepbm.models.labels import label_posterior, label_units, label_weights
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.contrast import View
from skdeepbm.training.label_monitor import Watched, label_measure
from skdeepbm.training.monitor import monitored_rows
from skdeepbm.training.rbm_trainer import RBMTrainer


class LabelTrainer(RBMTrainer):
    """Ascends ``log p(x, y)`` of rows ``[x | one-hot y]``, ``log p(x)`` where there is no label.

    The RBM's visible layer is ``JointUnits([features, SoftmaxUnits(labels)])``. A row whose label
    columns are all zero has no label: it gets one in every positive phase, drawn from
    ``p(y | x)`` of the model as it is, like any hidden unit.
    """

    def _complete(self, batch: Batch, view: View, a: Array) -> tuple[Batch, Array]:
        known = self._known(batch, view)
        if bool(known.all()):
            return batch, a
        # without a label, the input is that from the features
        return self._draw_labels(batch, view, a, label_posterior(self.rbm, a), known)

    def _known(self, batch: Batch, view: View) -> np.ndarray:
        """Which rows of the batch have a label, on the host."""
        n_features = self.rbm.visible.size - label_units(self.rbm).size
        if batch.dense is None:
            csr = batch.csr
            row = np.repeat(np.arange(batch.n_rows), np.diff(csr.indptr))
            known = np.zeros(batch.n_rows, dtype=bool)
            known[row[csr.indices >= n_features]] = True
            return known
        y = view.v0[:, n_features:]
        return np.asarray(self.backend.to_host(self.backend.xp.any(y != 0, axis=1)))

    def _draw_labels(
        self, batch: Batch, view: View, a: Array, p: Array, known: np.ndarray
    ) -> tuple[Batch, Array]:
        """Labels for the rows that have none, drawn with the probabilities ``p``.

        ``a`` is the hidden units' input from the features in these rows, and what it is elsewhere
        does not change.
        """
        backend = self.backend
        n_classes = p.shape[1]
        missing = np.asarray(~known, dtype=str(p.dtype).rsplit(".", 1)[-1])[:, None]
        drawn = backend.categorical(p, self.stream) * backend.asarray(missing)
        a += backend.matmul(drawn, label_weights(self.rbm))
        if batch.dense is None:
            index = np.flatnonzero(~known)
            columns = batch.csr.shape[1] - n_classes + drawn[index].argmax(axis=1)
            hot = sp.csr_array(
                (np.ones(index.size, batch.csr.dtype), (index, columns)), shape=batch.csr.shape
            )
            return Batch(None, Counts.of(batch.csr + hot)), a
        n_features = view.v0.shape[1] - n_classes
        view.v0[:, n_features:] += drawn
        return Batch(view.v0), a

    def _ascend(self, batch: Batch, view: View, rate: float, momentum: float, gain: float) -> None:
        super()._ascend(batch, view, rate, momentum, gain)
        if self.settings.bias_shift:
            hidden_bias = self.rbm.hidden.bias
            hidden_bias -= self.settings.bias_shift

    def watch(self, rows: Rows, index: np.ndarray) -> Watched:
        shown = index[monitored_rows(index.size, self.n_visible)]
        return Watched(rows.dense(shown), rows, index)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        return label_measure(self.rbm, watched, before["weights"], held_out)
