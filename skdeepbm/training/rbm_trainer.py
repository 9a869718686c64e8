"""Steps of RBM training."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.rbm import RBM
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.contrast import Contrast, View
from skdeepbm.training.fused import is_fusible, run_epoch
from skdeepbm.training.monitor import measure
from skdeepbm.training.negative_phases import NEGATIVE_PHASES
from skdeepbm.training.penalties import constrain_norm, norm_gradient, sparsity_gradient
from skdeepbm.training.settings import TrainingSettings, TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.variance import ascend_variance, variance_gradient


class RBMTrainer(Trainer):
    """Trains an RBM in place.

    Parameters
    ----------
    rbm : RBM
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : TrainingSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    sparse : bool, default=False
        Whether batches will come as CSR.
    """

    settings: TrainingSettings

    def __init__(
        self,
        rbm: RBM,
        settings: TrainingSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
        sparse: bool = False,
    ) -> None:
        backend = rbm.backend
        super().__init__(backend, settings, state, seed)
        self.rbm = rbm
        dtype = rbm.weights.dtype
        self.negative = NEGATIVE_PHASES[settings.algorithm](
            rbm, settings, self.stream, state.chains, state.memory, state.base_bias
        )
        n_outer = 2 * settings.centring + (settings.sparsity_cost > 0)
        self.contrast = Contrast(
            backend, rbm.visible.size, rbm.hidden.size, n_outer, dtype, not sparse
        )
        # both biases in one vector, so that one operation serves both
        self.biases = backend.xp.concat([rbm.visible.bias, rbm.hidden.bias])
        rbm.visible.bias, rbm.hidden.bias = self.contrast.split(self.biases)
        self.offsets = self._offsets()
        self.offset = None if self.offsets is None else self.contrast.split(self.offsets)
        self.activity = None if state.activity is None else backend.asarray(state.activity, dtype)

    def _offsets(self) -> Array | None:
        """Centring offsets of both layers in one vector."""
        if not self.settings.centring:
            return None
        backend, rbm = self.backend, self.rbm
        dtype = rbm.weights.dtype
        if self.state.offsets is not None:
            return backend.asarray(np.array(self.state.offsets), dtype)
        # the start is a model of independent units: their means are the offsets
        v = rbm.visible.mean(backend.zeros((1, rbm.visible.size), dtype))
        h = rbm.hidden.mean(rbm.hidden_input(v))
        return backend.xp.concat([v[0, :], h[0, :]])

    def save_state(self) -> TrainingState:
        def saved(array: Array | None) -> np.ndarray | None:
            return None if array is None else np.array(self.backend.to_host(array))

        state = super().save_state()
        state.offsets, state.activity = saved(self.offsets), saved(self.activity)
        state.chains, state.memory = self.negative.state, self.negative.memory
        return state

    def carried(self) -> Any:
        offsets = None if self.offsets is None else self.copy(self.offsets)
        return self.negative.copy_chains(), offsets, self.activity

    def put_back(self, carried: Any) -> None:
        chains, offsets, self.activity = carried
        if offsets is not None:
            self.backend.store(offsets, self.offsets)
        self.negative.restore_chains(chains)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        return measure(self.rbm, watched, before["weights"], held_out)

    def epoch(self, rows: Rows, order: np.ndarray) -> None:
        if is_fusible(self, rows):
            run_epoch(self, rows, order)
            self.state.epoch += 1
        else:
            super().epoch(rows, order)

    def data_rows(self, n: int) -> Array:
        return self.contrast.view(n, self.negative.n_rows(n)).v0

    def step(self, batch: Batch) -> None:
        rbm, backend, contrast = self.rbm, self.backend, self.contrast
        rate, momentum, n_steps = self.scheduled()
        n = batch.n_rows
        view = contrast.view(n, self.negative.n_rows(n))
        batch, a = self._complete(batch, view, self._data_input(batch, view))
        if self.negative.from_data:
            rbm.hidden.sample(a, self.stream, mean=view.h0, out=view.drawn)
        else:
            rbm.hidden.mean(a, out=view.h0)
        self.negative.run(rbm, view.drawn, n_steps, self.stream, view.v1, view.h1)

        of_variance = None
        if rbm.visible.has_variance:
            phases = ((view.v0, view.h0), (view.v1, view.h1))
            of_variance = variance_gradient(rbm, phases, self.offset)
        gain = self.optimizer.gain(rate)
        v0 = view.v0
        if batch.dense is None:
            self._store_sparse_mean(batch)
            v0 = None
        backend.phase_statistics(
            v0, view.h0, view.v1, view.h1, gain, contrast.data_mean, contrast.difference
        )
        if of_variance is not None:
            own, floor = self.settings.variance_rate * rate, self.state.log_variance_floor
            ascend_variance(rbm, of_variance, self.optimizer, own, momentum, floor, self.offset)
        self._ascend(batch, view, rate, momentum, gain)
        self.count()

    def _data_input(self, batch: Batch, view: View) -> Array:
        """Input of the hidden units from the data, which go to their place; it is ``view.h0``."""
        if batch.dense is None:
            return self.backend.store(batch.csr @ self.rbm.weights, view.h0)
        if batch.dense is not view.v0:
            self.backend.store(batch.dense, view.v0)
        return self.rbm.hidden_input(view.v0, out=view.h0)

    def _store_sparse_mean(self, batch: Batch) -> None:
        mean = np.asarray(batch.csr.mean(axis=0)).reshape(-1)
        self.backend.store(mean, self.contrast.data_mean[0])

    def _complete(self, batch: Batch, view: View, a: Array) -> tuple[Batch, Array]:
        """Fill in what is missing in the data rows; ``a`` is the hidden units' input from them."""
        return batch, a

    def _weights_gradient(self, batch: Batch, view: View, gain: float) -> Array:
        """``gain`` times the gradient of the weights, penalties of single weights not included."""
        return self.contrast.weights_gradient(batch, view)

    def _ascend(self, batch: Batch, view: View, rate: float, momentum: float, gain: float) -> None:
        """Move weights, biases and offsets, once the statistics of both phases are there."""
        settings, rbm, backend, contrast = self.settings, self.rbm, self.backend, self.contrast
        penalty = None
        if self.offset is not None:
            backend.outer_rows(contrast.difference, self.offset, gain, view.outer_v, view.outer_h)
        if settings.sparsity_cost > 0:
            mean_v, mean_h = contrast.data_mean
            self.activity, penalty = sparsity_gradient(
                self.activity,
                mean_h,
                settings.sparsity_target,
                settings.sparsity_cost,
                settings.sparsity_decay,
            )
            inputs = mean_v if self.offset is None else mean_v - self.offset[0]
            backend.store(inputs, view.outer_v[-1, :])
            backend.store(gain * penalty, view.outer_h[-1, :])
        gradient = self._weights_gradient(batch, view, gain)
        steps = gain * contrast.differences
        visible_step, hidden_step = contrast.split(steps)
        if penalty is not None:
            hidden_step += gain * penalty
        before, uncentred = None, steps
        if self.offset is not None:
            if not self.optimizer.is_linear:
                before, uncentred = self.copy(rbm.weights), self.copy(steps)
            self._compensate(uncentred, gradient)
        if settings.l1_penalty:
            gradient -= gain * settings.l1_penalty * backend.xp.sign(rbm.weights)
        if settings.norm_cost:
            gradient += norm_gradient(rbm.weights, gain * settings.norm_cost, backend)
        self.negative.learn(gradient, uncentred, gain)
        update = self.optimizer.update
        update("weights", rbm.weights, gradient, rate, momentum, settings.weight_decay)
        update("biases", self.biases, steps, rate, momentum)
        if settings.max_norm is not None:
            constrain_norm(rbm, settings.max_norm)
        if before is not None:
            self._compensate(self.biases, rbm.weights - before)
        if self.offsets is not None:
            backend.follow(self.offsets, contrast.data_means, settings.centring_rate)

    def _compensate(self, biases: Array, weights: Array) -> None:
        """Take from biases, in place, what weights add at the offsets; of both, or of their steps.

        An optimiser that is not linear has the centred parameters, and biases compensate for how
        the weights have moved: steps would else depend on whether a feature is coded as x or 1 - x.
        """
        rbm = self.rbm
        assert self.offset is not None
        mu, lam = self.offset
        moved = self.backend.both_products(weights, lam, rbm.visible.couple(mu))
        for bias, share, part in zip(self.contrast.split(biases), rbm.shares, moved, strict=True):
            bias -= share * part

    def parameters(self) -> dict[str, Array]:
        rbm = self.rbm
        found = {
            "weights": rbm.weights,
            "visible_bias": rbm.visible.bias,
            "hidden_bias": rbm.hidden.bias,
        }
        if rbm.visible.log_variance is not None:
            found["log_variance"] = rbm.visible.log_variance
        return found
