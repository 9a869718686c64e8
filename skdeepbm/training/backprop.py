"""Backpropagation: stochastic gradient descent of feed-forward networks of units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.network import Network
from skdeepbm.models.units import SoftmaxUnits, Units
from skdeepbm.training.activity import ActivityPenalty
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.monitor import monitored_rows, norm_and_movement
from skdeepbm.training.penalties import constrain_norm
from skdeepbm.training.propagation import Propagation
from skdeepbm.training.settings import BackpropSettings, TrainingState
from skdeepbm.training.trainer import Trainer

#: keys of the history that are measured; epoch_time is added by the loop
BACKPROP_MEASURES = (
    "loss",
    "validation_loss",
    "squared_error",
    "validation_squared_error",
    "error",
    "validation_error",
    "weight_norm",
    "weights_moved",
)

#: rows that are measured at a time
CHUNK = 1000

Examples = Iterable[tuple[Any, Array]]


class BackpropTrainer(Trainer):
    """Trains a network in place to give targets a high log-density.

    Parameters
    ----------
    network : Network
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : BackpropSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    targets : array of shape (n_rows, n_outputs) or None
        For each row that training will see, dense or CSR, on the host or of the backend; None for
        the inputs themselves.
    """

    settings: BackpropSettings

    def __init__(
        self,
        network: Network,
        settings: BackpropSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
        targets: Any,
    ) -> None:
        backend = network.backend
        super().__init__(backend, settings, state, seed)
        self.network = network
        self.penalties = self._penalties() if settings.sparsity_cost else {}
        self.flow = Propagation(
            network,
            self.stream,
            settings.dropout,
            settings.input_dropout,
            settings.noise,
            self.penalties,
        )
        dtype = backend.to_host(network.layers[0].units.bias).dtype
        self.targets = None if targets is None else Rows(backend, targets, dtype)
        self._steps: dict[int, Array] = {}

    @property
    def n_visible(self) -> int:
        return int(self.network.layers[0].weights.shape[0])

    def parameters(self) -> dict[str, Array]:
        found = {}
        for i, layer in enumerate(self.network.layers):
            found[f"coefs {i}"] = layer.weights
            found[f"intercepts {i}"] = layer.units.bias
        return found

    def _penalties(self) -> dict[int, ActivityPenalty]:
        """Penalties of the layers that are to be sparse; they go on from the state."""
        found = {}
        for i in self.settings.sparse_layers:
            units, saved = self.network.layers[i].units, self.state.memory.get(f"activity {i}")
            activity = None if saved is None else self.backend.asarray(saved, units.bias.dtype)
            found[i] = ActivityPenalty(units, self.settings, activity)
        return found

    def carried(self) -> dict[int, Array | None]:
        """The decayed activities of sparse layers; each step makes new arrays."""
        return {i: penalty.activity for i, penalty in self.penalties.items()}

    def put_back(self, carried: dict[int, Array | None]) -> None:
        for i, activity in carried.items():
            self.penalties[i].activity = activity

    def save_state(self) -> TrainingState:
        state = super().save_state()
        state.memory = {
            f"activity {i}": self.backend.to_host(activity)
            for i, activity in self.carried().items()
            if activity is not None
        }
        return state

    # -- a step --------------------------------------------------------------------------

    @property
    def lowest(self) -> int:
        """Index of the lowest layer that is trained in the current epoch."""
        top_only = self.state.epoch < self.settings.n_top_epochs
        return len(self.network.layers) - 1 if top_only else 0

    def data_rows(self, n: int) -> Array:
        return self.flow.buffers(n).x

    def step(self, batch: Batch) -> None:
        settings, layers, flow = self.settings, self.network.layers, self.flow
        rate, momentum, _ = self.scheduled()
        flow.forward(batch.rows)
        scale = self.optimizer.gain(rate) / batch.n_rows
        update = self.optimizer.update
        target = self.target(batch, flow.buffers(batch.n_rows).target)
        for i, inputs, gradient in flow.backward(target, scale, self.lowest):
            layer = layers[i]
            bias_step = flow.bias_gradient(i, inputs, gradient)
            step = flow.weights_gradient(inputs, gradient, out=self._room(i))
            update(f"coefs {i}", layer.weights, step, rate, momentum, settings.weight_decay)
            update(f"intercepts {i}", layer.units.bias, bias_step, rate, momentum)
            if settings.max_norm is not None:
                constrain_norm(layer, settings.max_norm)
        self.count()

    def target(self, batch: Batch, out: Array | None = None) -> Array:
        """Targets of the rows of a batch; ``out`` is room for them that may be used."""
        if self.targets is None:
            if batch.dense is None:
                return self.backend.dense(batch.counts)
            return batch.dense
        index = np.arange(batch.n_rows) if batch.index is None else batch.index
        found = self.targets.batch(index, out)
        return self.backend.dense(found.counts) if found.dense is None else found.dense

    def _room(self, i: int) -> Array:
        """Where the step of the weights of layer ``i`` is made."""
        if i not in self._steps:
            weights = self.network.layers[i].weights
            self._steps[i] = self.backend.empty(tuple(weights.shape), weights.dtype)
        return self._steps[i]

    # -- measurements --------------------------------------------------------------------

    def watch(self, rows: Rows, index: np.ndarray) -> Callable[[], Examples]:
        index = index[monitored_rows(index.size, self.n_visible)]
        return lambda: self._examples(rows, index)

    def watch_held_out(self, rows: Rows, index: np.ndarray) -> Callable[[], Examples]:
        return lambda: self._examples(rows, index)

    def watch_batch(self, batch: Batch) -> Callable[[], Examples]:
        x = batch.rows
        return lambda: [(x, self.target(batch))]

    def _examples(self, rows: Rows, index: np.ndarray) -> Iterator[tuple[Any, Array]]:
        """Inputs and targets of some rows, a part at a time."""
        for start in range(0, index.size, CHUNK):
            batch = rows.batch(index[start : start + CHUNK])
            yield batch.rows, self.target(batch)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict[str, Any]:
        """One entry of the history.

        Returns
        -------
        entry : dict
            ``loss``: minus the log-density of the targets in nats, averaged over rows, without
            dropout, noise and penalties; ``squared_error`` of the expected outputs: summed over
            them, averaged over rows; ``error``: share of rows whose largest output is not the
            largest target, NaN unless the outputs are one softmax group; all of some of the rows
            that are trained on. ``validation_loss``, ``validation_squared_error`` and
            ``validation_error``: the same of all rows held out, NaN without any. ``weight_norm``:
            for each layer, the mean over its units of the Euclidean norm of their weights;
            ``weights_moved``: fraction of all weights that moved by more than 1e-3.
        """
        entry: dict[str, Any] = {}
        for name, value in mean_loss(self.network, watched()).items():
            entry[name], entry[f"validation_{name}"] = value, math.nan
        if held_out is not None:
            for name, value in mean_loss(self.network, held_out()).items():
                entry[f"validation_{name}"] = value
        norms, moved, size = [], 0.0, 0
        for i, layer in enumerate(self.network.layers):
            norm, part = norm_and_movement(layer.weights, before[f"coefs {i}"], self.backend)
            norms.append(float(self.backend.xp.mean(norm)))
            n_weights = math.prod(layer.weights.shape)
            moved, size = moved + part * n_weights, size + n_weights
        entry["weight_norm"], entry["weights_moved"] = np.array(norms), moved / size
        return entry


def mean_loss(network: Network, examples: Examples) -> dict[str, float]:
    """Minus the log-density, the squared error and the share of wrong classes, means over rows.

    The last is NaN unless the outputs are one softmax group.
    """
    xp, units = network.backend.xp, network.layers[-1].units
    loss, square, wrong, n_rows = 0.0, 0.0, 0, 0
    for x, target in examples:
        a = network.layers[-1].input(network.hidden(x))
        loss -= float(xp.sum(units.log_density(target, a)))
        if _is_one_group(units):
            guess = xp.argmax(a + units.bias, axis=1)
            wrong += int(xp.count_nonzero(guess != xp.argmax(target, axis=1)))
        difference = units.mean(a) - target
        square += float(xp.sum(difference * difference))
        n_rows += int(target.shape[0])
    if not n_rows:
        return {"loss": math.nan, "squared_error": math.nan, "error": math.nan}
    error = wrong / n_rows if _is_one_group(units) else math.nan
    return {"loss": loss / n_rows, "squared_error": square / n_rows, "error": error}


def _is_one_group(units: Units) -> bool:
    """Whether the units say which of several classes a row belongs to."""
    return (
        isinstance(units, SoftmaxUnits)
        and units.kind == "softmax"
        and units.groups == (units.size,)
    )
