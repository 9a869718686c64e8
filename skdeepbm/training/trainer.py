"""Steps and epochs of RBM training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.exceptions import DivergenceError
from skdeepbm.models.rbm import RBM
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.contrast import Contrast, View
from skdeepbm.training.fused import is_fusible, run_epoch
from skdeepbm.training.monitor import measure, monitored_rows
from skdeepbm.training.negative_phases import NEGATIVE_PHASES
from skdeepbm.training.optimizers import OPTIMIZERS
from skdeepbm.training.penalties import constrain_norm, sparsity_gradient
from skdeepbm.training.schedules import SCHEDULED, check_value, value_at
from skdeepbm.training.settings import TrainingSettings, TrainingState


class Hooks(Protocol):
    """What the loop tells its caller."""

    def epoch_begin(self) -> None:
        """An epoch begins."""

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        """An epoch has ended with this entry of the history; True stops training."""


class Trainer:
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

    def __init__(
        self,
        rbm: RBM,
        settings: TrainingSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
        sparse: bool = False,
    ) -> None:
        backend = rbm.backend
        self.rbm, self.settings, self.state, self.backend = rbm, settings, state, backend
        dtype = rbm.weights.dtype
        stream_seed, shuffle_seed = seed.spawn(2)
        # the stream of another backend cannot go on here: start one from the seed
        usable = state.stream is not None and state.stream["bit_generator"] == backend.bit_generator
        self.stream = backend.stream(stream_seed, state.stream if usable else None)
        bits: Any = np.random.SFC64(shuffle_seed)
        if state.shuffle is not None:
            bits.state = state.shuffle
        self._shuffle = np.random.Generator(bits)
        self.optimizer = OPTIMIZERS[settings.optimizer](backend, state.optimizer)
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
        self._values = (-1, 0.0, 0.0, 1)

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
        """Write everything that training needs to go on to the state, on the host."""

        def saved(array: Array | None) -> np.ndarray | None:
            return None if array is None else np.array(self.backend.to_host(array))

        state = self.state
        state.offsets, state.activity = saved(self.offsets), saved(self.activity)
        state.chains, state.memory = self.negative.state, self.negative.memory
        state.optimizer = self.optimizer.state
        state.stream = self.stream.state
        state.shuffle = dict(self._shuffle.bit_generator.state)
        return state

    def scheduled(self) -> tuple[float, float, int]:
        """Learning rate, momentum and Gibbs steps of the current epoch."""
        epoch, settings = self.state.epoch, self.settings
        if self._values[0] != epoch:
            values = {name: value_at(getattr(settings, name), epoch) for name in SCHEDULED}
            for name, value in values.items():
                check_value(name, value, epoch)
            rate, momentum, steps = values.values()
            self._values = (epoch, float(rate), float(momentum), int(steps))
        return self._values[1:]

    def step(self, batch: Batch) -> None:
        """One update of the parameters from one batch."""
        rbm, backend, contrast = self.rbm, self.backend, self.contrast
        rate, momentum, n_steps = self.scheduled()
        n = batch.n_rows
        view = contrast.view(n, self.negative.n_rows(n))
        if batch.dense is None:
            a = backend.store(batch.csr @ rbm.weights, view.h0)
        else:
            if batch.dense is not view.v0:
                backend.store(batch.dense, view.v0)
            a = rbm.hidden_input(view.v0, out=view.h0)
        if self.negative.from_data:
            rbm.hidden.sample(a, self.stream, mean=view.h0, out=view.drawn)
        else:
            rbm.hidden.mean(a, out=view.h0)
        self.negative.run(rbm, view.drawn, n_steps, self.stream, view.v1, view.h1)

        variance_gradient = self._variance_gradient(view) if rbm.visible.has_variance else None
        gain = self.optimizer.gain(rate)
        v0 = view.v0
        if batch.dense is None:
            backend.store(np.asarray(batch.csr.mean(axis=0)).reshape(-1), contrast.data_mean[0])
            v0 = None
        backend.phase_statistics(
            v0, view.h0, view.v1, view.h1, gain, contrast.data_mean, contrast.difference
        )
        if variance_gradient is not None:
            self._ascend_variance(variance_gradient, rate, momentum)
        self._ascend(batch, view, rate, momentum, gain)
        self._count()

    def _ascend(self, batch: Batch, view: View, rate: float, momentum: float, gain: float) -> None:
        """Move weights, biases and offsets, once the statistics of both phases are there."""
        settings, rbm, backend, contrast = self.settings, self.rbm, self.backend, self.contrast
        penalty = None
        if self.offset is not None:
            backend.outer_rows(contrast.difference, self.offset, gain, view.outer_v, view.outer_h)
        if settings.sparsity_cost > 0:
            mean_v, mean_h = contrast.data_mean
            self.activity, penalty = sparsity_gradient(self.activity, mean_h, settings)
            inputs = mean_v if self.offset is None else mean_v - self.offset[0]
            backend.store(inputs, view.outer_v[-1, :])
            backend.store(gain * penalty, view.outer_h[-1, :])
        gradient = contrast.weights_gradient(batch, view)
        steps = gain * contrast.differences
        visible_step, hidden_step = contrast.split(steps)
        if penalty is not None:
            hidden_step += gain * penalty
        if self.offset is not None:
            # the offsets enter the biases of the uncentred parameters
            mu, lam = self.offset
            moved = backend.both_products(gradient, lam, rbm.visible.couple(mu))
            visible_step -= moved[0]
            hidden_step -= moved[1]
        if settings.l1_penalty:
            gradient -= gain * settings.l1_penalty * backend.xp.sign(rbm.weights)
        self.negative.learn(gradient, steps, gain)
        update = self.optimizer.update
        update("weights", rbm.weights, gradient, rate, momentum, settings.weight_decay)
        update("biases", self.biases, steps, rate, momentum)
        if settings.max_norm is not None:
            constrain_norm(rbm, settings.max_norm)
        if self.offsets is not None:
            backend.follow(self.offsets, contrast.data_means, settings.centring_rate)

    def _variance_gradient(self, view: View) -> Array:
        """``-dE/dz``, data minus model (Cho et al. 2011).

        That is ``exp(-z) [(v - b)^2 / 2 - v (W h)]``. With offsets the biases of the centred
        parameters stay put instead, so that the result does not depend on where zero is:
        ``exp(-z) [(v - b')^2 / 2 - (v - mu) (W (h - lambda))]`` with ``b' = b + W lambda``.
        """
        rbm, xp = self.rbm, self.backend.xp
        log_variance: Array = rbm.visible.log_variance
        bias, mu, silent = rbm.visible.bias, 0.0, 0.0
        if self.offset is not None:
            mu = self.offset[0]
            silent = self.backend.matmul(rbm.weights, self.offset[1])
            bias = bias + silent
        phases = []
        for v, h in ((view.v0, view.h0), (view.v1, view.h1)):
            centred = v - bias
            interaction = (v - mu) * (rbm.visible_input(h) - silent)
            phases.append(xp.mean(0.5 * centred * centred - interaction, axis=0))
        return xp.exp(-log_variance) * (phases[0] - phases[1])

    def _ascend_variance(self, gradient: Array, rate: float, momentum: float) -> None:
        """Move the log-variances, and keep each above its floor."""
        backend, rbm = self.backend, self.rbm
        xp = backend.xp
        log_variance: Array = rbm.visible.log_variance
        before = xp.exp(-log_variance)
        rate = self.settings.variance_rate * rate
        step = self.optimizer.gain(rate) * gradient
        self.optimizer.update("log variance", log_variance, step, rate, momentum)
        if self.state.log_variance_floor is not None:
            floor = backend.asarray(self.state.log_variance_floor, log_variance.dtype)
            backend.store(xp.maximum(log_variance, floor), log_variance)
        if self.offset is not None:
            # the hidden bias of the centred parameters stays put
            moved = self.offset[0] * (xp.exp(-log_variance) - before)
            hidden_bias = rbm.hidden.bias
            hidden_bias -= backend.matmul(rbm.weights.T, moved)

    def _count(self) -> None:
        state = self.state
        state.batch += 1
        if state.batch >= state.n_batches:
            state.epoch, state.batch = state.epoch + 1, 0

    def parameters(self) -> dict[str, Array]:
        """The model's arrays by name."""
        rbm = self.rbm
        found = {
            "weights": rbm.weights,
            "visible_bias": rbm.visible.bias,
            "hidden_bias": rbm.hidden.bias,
        }
        if rbm.visible.log_variance is not None:
            found["log_variance"] = rbm.visible.log_variance
        return found

    def copies(self) -> dict[str, Array]:
        """Copies of the model's arrays by name, for :meth:`restore`."""
        return {name: self._copy(array) for name, array in self.parameters().items()}

    def restore(self, copies: dict[str, Array]) -> None:
        """Go back to earlier parameters; the optimiser starts afresh."""
        for name, array in self.parameters().items():
            self.backend.store(copies[name], array)
        self.optimizer.reset()

    def run(
        self, rows: Rows, n_epochs: int, hooks: Hooks, held_out: np.ndarray | None = None
    ) -> None:
        """Train for a number of epochs.

        Parameters
        ----------
        rows : Rows
        n_epochs : int
        hooks : Hooks
            Called around each epoch.
        held_out : ndarray of int or None, default=None
            Rows that are not trained on, but measured for the history.

        Raises
        ------
        DivergenceError
            When parameters are no longer finite; the model then holds those of the last epoch
            that ended with finite ones.
        """
        state, size = self.state, self.settings.batch_size
        trained, kept = np.arange(rows.n_rows), None
        if held_out is not None:
            trained = np.setdiff1d(trained, held_out)
            kept = rows.dense(held_out[monitored_rows(held_out.size, self.rbm.visible.size)])
        state.n_batches, state.batch = -(-trained.size // size), 0
        order = trained
        watched = rows.dense(trained[monitored_rows(trained.size, self.rbm.visible.size)])
        fused = is_fusible(self, rows)
        with self.backend.quiet():
            for _ in range(n_epochs):
                hooks.epoch_begin()
                begin = time.perf_counter()
                if self.settings.shuffle:
                    order = self._shuffle.permutation(trained)
                with self._guarded() as before:
                    if fused:
                        run_epoch(self, rows, order)
                        state.epoch += 1
                    else:
                        self._steps(rows, order)
                entry = measure(self.rbm, watched, before["weights"], kept)
                entry["epoch_time"] = time.perf_counter() - begin
                if hooks.epoch_end(entry):
                    break

    def _steps(self, rows: Rows, order: np.ndarray) -> None:
        size = self.settings.batch_size
        for start in range(0, order.size, size):
            index = order[start : start + size]
            out = None if rows.keep_sparse else self._data_rows(index.size)
            self.step(rows.batch(index, out))

    def update(self, batch: Batch) -> dict[str, Any]:
        """One step on one batch, guarded and measured like an epoch.

        Raises
        ------
        DivergenceError
            As :meth:`run` does; the model then holds the parameters from before the step.
        """
        with self.backend.quiet():
            begin = time.perf_counter()
            with self._guarded() as before:
                self.step(batch)
            index = monitored_rows(batch.n_rows, self.rbm.visible.size)
            if batch.dense is None:
                watched = self.backend.asarray(batch.csr[index].toarray())
            else:
                watched = self.backend.take_rows(batch.dense, index)
            entry = measure(self.rbm, watched, before["weights"])
            entry["epoch_time"] = time.perf_counter() - begin
        return entry

    @contextmanager
    def _guarded(self) -> Iterator[dict[str, Array]]:
        """Take back everything that training changed in a block that left the finite numbers.

        Yields copies of the parameters from before the block. An interrupt inside is treated
        like its end.

        Raises
        ------
        DivergenceError
        """
        parameters = self.copies()
        chains = self.negative.copy_chains()
        offsets = None if self.offsets is None else self._copy(self.offsets)
        activity, position = self.activity, (self.state.epoch, self.state.batch)
        try:
            yield parameters
        finally:
            xp = self.backend.xp
            # squares of the parameters: what overflows in an energy has diverged as well
            finite = all(
                bool(xp.isfinite(xp.sum(xp.vecdot(a, a)))) for a in self.parameters().values()
            )
            if not finite:
                self.restore(parameters)
                if offsets is not None:
                    self.backend.store(offsets, self.offsets)
                self.negative.restore_chains(chains)
                self.activity = activity
                self.state.epoch, self.state.batch = position
        if not finite:
            epoch = self.state.epoch + 1
            rate = float(value_at(self.settings.learning_rate, epoch - 1))
            raise DivergenceError(
                f"training diverged in epoch {epoch}: the parameters are not finite. The likely "
                f"cause is the learning rate ({rate:g}): divide it by 10, or scale the data, bound "
                "the weights with max_norm, or lower momentum. The estimator keeps the last "
                "finite parameters, those from before that epoch."
            )

    def _data_rows(self, n: int) -> Array:
        """Where the data rows of a batch of ``n`` belong."""
        return self.contrast.view(n, self.negative.n_rows(n)).v0

    def _copy(self, array: Array) -> Array:
        return self.backend.xp.asarray(array, copy=True)
