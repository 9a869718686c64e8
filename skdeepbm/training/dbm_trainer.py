"""Joint training of all layers of a deep Boltzmann machine.

Salakhutdinov & Hinton (2009), section 2: the positive phase has the expected values of the
mean-field posterior, the negative one persistent chains (:mod:`skdeepbm.training.layer_phases`).

With centring offsets mu of all layers (Montavon & Muller 2012),

    ``dW_l = <(x_l - mu_l)(x_{l+1} - mu_{l+1})^T>_data - <.>_model`` and
    ``db_l = d<x_l> - dW_l mu_{l+1} - dW_{l-1}^T mu_{l-1}``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.dbm import DBM
from skdeepbm.models.mean_field import MeanField
from skdeepbm.models.network import Layer
from skdeepbm.models.rbm import RBM
from skdeepbm.training.batches import Batch
from skdeepbm.training.dbm_monitor import measure_dbm
from skdeepbm.training.layer_phases import LAYER_PHASES
from skdeepbm.training.layer_rows import LayerRows, View
from skdeepbm.training.penalties import constrain_norm, norm_gradient, sparsity_gradient
from skdeepbm.training.settings import DBMSettings, TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.variance import ascend_variance, variance_gradient


class DBMTrainer(Trainer):
    """Trains a deep Boltzmann machine in place.

    Parameters
    ----------
    dbm : DBM
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : DBMSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back. Without ``chains`` these start at what
        layers make of the mean of independent visible units: those of ``base_bias``, or of the
        model's own biases, which suits a start without pretraining. Without ``offsets``, those of
        visible units are that mean, the others the means of the first batch.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    """

    settings: DBMSettings

    def __init__(
        self, dbm: DBM, settings: DBMSettings, state: TrainingState, seed: np.random.SeedSequence
    ) -> None:
        backend, dtype = dbm.backend, dbm.dtype
        super().__init__(backend, settings, state, seed)
        self.dbm = dbm
        sizes = [units.size for units in dbm.layers]
        n_outer = 2 * settings.centring + (settings.sparsity_cost > 0)
        self.rows = LayerRows(backend, sizes, n_outer, dtype)
        # all biases in one vector, so that one operation serves them
        self.biases = backend.xp.concat([units.bias for units in dbm.layers])
        for units, bias in zip(dbm.layers, self.rows.split(self.biases), strict=True):
            units.bias = bias
        self.inference = MeanField(dbm)
        independent = dbm.visible
        if state.base_bias is not None:
            independent = independent.with_bias(backend.asarray(state.base_bias, dtype))
        silent = independent.mean(backend.zeros((settings.n_chains, sizes[0]), dtype))
        self.offsets = self._offsets(silent)
        self.offset = None if self.offsets is None else self.rows.split(self.offsets)
        self._needs_means = settings.centring and state.offsets is None
        self.activity: list[Array | None] = [None] * dbm.depth
        if state.activity is not None:
            known = backend.asarray(state.activity, dtype)
            edges = [i.start - sizes[0] for i in self.rows.slices[1:]]
            self.activity = [
                known[edge : edge + n] for edge, n in zip(edges, sizes[1:], strict=True)
            ]
        self.phase = LAYER_PHASES[settings.algorithm](
            dbm, settings, self.stream, state.chains, state.memory, silent, independent.bias
        )
        self._steps_seen = self._batches_seen = 0

    @property
    def n_chains(self) -> int:
        return self.phase.n_chains

    @property
    def n_visible(self) -> int:
        return self.dbm.visible.size

    def _offsets(self, silent: Array) -> Array | None:
        """Centring offsets of all layers in one vector; the first batch brings the hidden ones."""
        if not self.settings.centring:
            return None
        dbm, backend = self.dbm, self.backend
        if self.state.offsets is not None:
            return backend.asarray(np.array(self.state.offsets), dbm.dtype)
        n_hidden = sum(units.size for units in dbm.layers[1:])
        return backend.xp.concat([silent[0, :], backend.zeros((n_hidden,), dbm.dtype)])

    # -- what the loop asks for ----------------------------------------------------------

    def parameters(self) -> dict[str, Array]:
        dbm = self.dbm
        found = {f"weights {i}": weights for i, weights in enumerate(dbm.weights)}
        for i, units in enumerate(dbm.layers):
            found[f"bias {i}"] = units.bias
        if dbm.visible.log_variance is not None:
            found["log_variance"] = dbm.visible.log_variance
        return found

    def save_state(self) -> TrainingState:
        def saved(array: Array) -> np.ndarray:
            return np.array(self.backend.to_host(array))

        state = super().save_state()
        is_known = self.offsets is not None and not self._needs_means
        state.offsets = saved(self.offsets) if is_known else None
        if self.activity[0] is not None:
            state.activity = np.concatenate([saved(activity) for activity in self.activity])
        state.chains, state.memory = self.phase.state, self.phase.memory
        return state

    def carried(self) -> Any:
        offsets = None if self.offsets is None else self.copy(self.offsets)
        return self.phase.copy_chains(), offsets, self._needs_means, list(self.activity)

    def put_back(self, carried: Any) -> None:
        chains, offsets, self._needs_means, self.activity = carried
        self.phase.restore_chains(chains)
        if offsets is not None:
            self.backend.store(offsets, self.offsets)

    def data_rows(self, n: int) -> Array:
        return self.rows.views(n, self.n_chains)[0].data

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        return self._entry(watched, before, held_out)

    def _entry(
        self,
        v: Array,
        before: dict[str, Array],
        held_out: Array | None,
        tops: tuple[Array | None, Array | None] = (None, None),
    ) -> dict[str, Any]:
        previous = [before[f"weights {i}"] for i in range(self.dbm.depth)]
        settings = self.settings
        entry = measure_dbm(
            self.dbm,
            v,
            previous,
            held_out,
            settings.mean_field_tolerance,
            settings.mean_field_steps,
            tops,
        )
        entry["mean_field_steps"] = self._steps_seen / max(self._batches_seen, 1)
        self._steps_seen = self._batches_seen = 0
        return entry

    # -- a step ---------------------------------------------------------------------------

    def step(self, batch: Batch) -> None:
        dbm, settings = self.dbm, self.settings
        rate, momentum, n_steps = self.scheduled()
        views = self.rows.views(batch.n_rows, self.n_chains)
        self._store_data(batch, views[0].data)
        self._steps_seen += self._infer([view.data for view in views])
        self._batches_seen += 1
        if self._needs_means:
            self._begin_offsets(views)
        self._sample(n_steps, [view.model for view in views])
        if dbm.visible.has_variance:
            self._learn_variance(views, settings.variance_rate * rate, momentum)
        self._ascend(views, rate, momentum)
        self.count()

    def _store_data(self, batch: Batch, out: Array) -> None:
        if batch.dense is None:
            self.backend.store(self.backend.asarray(batch.csr.toarray()), out)
        elif batch.dense is not out:
            self.backend.store(batch.dense, out)

    def _infer(self, rows: list[Array]) -> int:
        """Positive phase: fill the hidden layers' rows from the visible ones; steps it took."""
        settings = self.settings
        return self.inference.run(
            rows[0], rows[1:], settings.mean_field_tolerance, settings.mean_field_steps
        )

    def _begin_offsets(self, views: list[View]) -> None:
        """Set the offsets of hidden layers to the means of the positive phase.

        Far from those a step moves whole layers, which feed each other: with layers that already
        say something, what mean field makes of the mean row is far enough to silence them.
        """
        assert self.offset is not None
        for view, offset in zip(views[1:], self.offset[1:], strict=True):
            self.backend.store(self.backend.xp.mean(view.data, axis=0), offset)
        self._needs_means = False

    def _sample(self, n_steps: int, rows: list[Array]) -> None:
        """Negative phase: fill the rows of all layers."""
        self.phase.run(self.dbm, n_steps, self.stream, rows)

    def _ascend(self, views: list[View], rate: float, momentum: float) -> None:
        """Move weights, biases and offsets, from the top down."""
        dbm, settings, backend, rows = self.dbm, self.settings, self.backend, self.rows
        gain, update = self.optimizer.gain(rate), self.optimizer.update
        corrections = backend.zeros(self.biases.shape, dbm.dtype)
        correction = rows.split(corrections)
        for i in reversed(range(dbm.depth)):
            below, above = views[i], views[i + 1]
            rows.scale(i, below, above, gain)
            if self.offset is not None:
                backend.outer_rows(
                    (rows.difference[i], rows.difference[i + 1]),
                    (self.offset[i], self.offset[i + 1]),
                    gain,
                    below.outer,
                    above.outer,
                )
            if settings.sparsity_cost > 0:
                penalty = gain * self._penalty(i)
                correction[i + 1] += penalty
                inputs = rows.data_mean[i]
                if self.offset is not None:
                    inputs = inputs - self.offset[i]
                backend.store(inputs, below.outer[-1, :])
                backend.store(penalty, above.outer[-1, :])
            step = rows.gradient(i, below, above)
            weights, before = dbm.weights[i], None
            if self.offset is not None:
                if self.optimizer.is_linear:
                    self._compensate(i, corrections, step)
                else:
                    before = self.copy(weights)
            if settings.norm_cost:
                step += norm_gradient(weights, gain * settings.norm_cost, backend)
            update(f"weights {i}", weights, step, rate, momentum, settings.weight_decay)
            if settings.max_norm is not None:
                constrain_norm(Layer(weights, dbm.layers[i + 1]), settings.max_norm)
            if before is not None:
                self._compensate(i, self.biases, weights - before)
        corrections += gain * rows.differences
        update("biases", self.biases, corrections, rate, momentum)
        if self.offsets is not None:
            backend.follow(self.offsets, rows.data_means, settings.centring_rate)

    def _compensate(self, index: int, biases: Array, weights: Array) -> None:
        """Take from biases, in place, what weights ``index``, or a step, add at the offsets.

        As in an RBM: an optimiser that is not linear has the centred parameters.
        """
        assert self.offset is not None
        parts = self.rows.split(biases)
        below = self.dbm.layers[index].couple(self.offset[index])
        moved = self.backend.both_products(weights, self.offset[index + 1], below)
        parts[index] -= moved[0]
        parts[index + 1] -= moved[1]

    def _penalty(self, index: int) -> Array:
        """Gradient of the sparsity penalty by the inputs of hidden layer ``index`` (from 0)."""
        settings, target = self.settings, self.settings.sparsity_target
        self.activity[index], penalty = sparsity_gradient(
            self.activity[index],
            self.rows.data_mean[index + 1],
            target[index] if isinstance(target, tuple) else target,
            settings.sparsity_cost,
            settings.sparsity_decay,
        )
        return penalty

    def _learn_variance(self, views: list[View], rate: float, momentum: float) -> None:
        dbm = self.dbm
        bottom = RBM(dbm.layers[0], dbm.layers[1], dbm.weights[0])
        offset = None if self.offset is None else (self.offset[0], self.offset[1])
        low, high = views[:2]
        phases = ((low.data, high.data), (low.model, high.model))
        gradient = variance_gradient(bottom, phases, offset)
        floor = self.state.log_variance_floor
        ascend_variance(bottom, gradient, self.optimizer, rate, momentum, floor, offset)
