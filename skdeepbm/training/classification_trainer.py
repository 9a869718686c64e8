"""Discriminative and hybrid training of an RBM of features and a label."""

from __future__ import annotations

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.labels import (
    label_log_weights,
    label_units,
    label_weights,
    log_normalised,
    weighted_hidden_means,
)
from skdeepbm.training.batches import Batch
from skdeepbm.training.contrast import View
from skdeepbm.training.label_trainer import LabelTrainer


class ClassificationTrainer(LabelTrainer):
    """Ascends ``log p(y | x) + generative_weight log p(x, y)`` (Larochelle & Bengio 2008).

    With ``S_c = E[h | x, c]`` and ``d_c = [y = c] - p(c | x)``, the gradient of ``log p(y | x)`` by
    the hidden biases is ``D = sum_c d_c S_c``, by the weights of the features ``x D^T``, by the
    label's weights ``d_c S_c`` for class c, by its biases ``d_c``, and by those of the features
    nothing. Rows without a label take part in the generative term alone, as ``log p(x)``; both
    terms are averaged over all rows of the batch. Without a generative term no negative phase is
    run.
    """

    @property
    def _is_generative(self) -> bool:
        return self.settings.generative_weight > 0

    def data_rows(self, n: int) -> Array:
        return super().data_rows(n) if self._is_generative else self.contrast.view(n, 0).v0

    def step(self, batch: Batch) -> None:
        if self._is_generative:
            super().step(batch)
            return
        contrast = self.contrast
        rate, momentum, _ = self.scheduled()
        view = contrast.view(batch.n_rows, 0)
        a = self._data_input(batch, view)
        self._discriminate(batch, view, a)
        if self.settings.centring or self.settings.sparsity_cost > 0:
            self._store_data_means(batch, view, a)
        view.h0[...] = 0.0
        contrast.differences[...] = 0.0
        self._ascend(batch, view, rate, momentum, self.optimizer.gain(rate))
        self.count()

    def _store_data_means(self, batch: Batch, view: View, a: Array) -> None:
        """Means of the data and of the hidden units given them, without a negative phase."""
        backend, mean = self.backend, self.contrast.data_mean
        share = backend.zeros((batch.n_rows,), a.dtype) + 1.0 / batch.n_rows
        self.rbm.hidden.mean(a, out=view.h0)
        backend.store(backend.matmul(share, view.h0), mean[1])
        if batch.dense is None:
            self._store_sparse_mean(batch)
        else:
            backend.store(backend.matmul(share, view.v0), mean[0])

    def _complete(self, batch: Batch, view: View, a: Array) -> tuple[Batch, Array]:
        known = self._discriminate(batch, view, a)
        if bool(known.all()):
            return batch, a
        return self._draw_labels(batch, view, a, self._posterior, known)

    def _discriminate(self, batch: Batch, view: View, a: Array) -> np.ndarray:
        """Keep the gradient of the sum of ``log p(y | x)``; returns which rows have a label."""
        rbm, backend = self.rbm, self.backend
        xp = backend.xp
        known = self._known(batch, view)
        y = self._labels(batch, view)
        x_input = a - backend.matmul(y, label_weights(rbm))
        p = xp.exp(log_normalised(rbm, label_log_weights(rbm, x_input)))
        self._posterior = p = xp.astype(p, a.dtype, copy=False)
        # rows of zeros in y have no label, and no gradient
        d = y - xp.sum(y, axis=1, keepdims=True) * p
        self._label_bias_gradient, self._one_hot = xp.sum(d, axis=0), y
        found = weighted_hidden_means(rbm, x_input, d)
        self._hidden_gradient, self._label_gradient = found
        return known

    def _labels(self, batch: Batch, view: View) -> Array:
        """Label columns of the batch, dense; a copy."""
        n_features = self.rbm.visible.size - label_units(self.rbm).size
        if batch.dense is None:
            return batch.csr[:, n_features:].toarray()
        return self.copy(view.v0[:, n_features:])

    def _ascend(self, batch: Batch, view: View, rate: float, momentum: float, gain: float) -> None:
        n, (visible, hidden) = batch.n_rows, self.contrast.difference
        if self._is_generative:
            for array in (view.h0, view.h1, self.contrast.differences):
                array *= self.settings.generative_weight
        h0, label_bias = view.h0, visible[self.rbm.visible.size - label_units(self.rbm).size :]
        h0 += (gain / n) * self._hidden_gradient
        label_bias += self._label_bias_gradient / n
        hidden += self.backend.xp.mean(self._hidden_gradient, axis=0)
        super()._ascend(batch, view, rate, momentum, gain)

    def _weights_gradient(self, batch: Batch, view: View, gain: float) -> Array:
        gradient = super()._weights_gradient(batch, view, gain)
        # the product has put every row's D beside its own label
        beside = self.backend.matmul(self._one_hot.T, self._hidden_gradient)
        labels = gradient[gradient.shape[0] - beside.shape[0] :, :]
        labels += (gain / batch.n_rows) * (self._label_gradient - beside)
        return gradient
