"""The loop over epochs and batches that all models are trained in."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.exceptions import DivergenceError
from skdeepbm.training.averaging import Average
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.monitor import monitored_rows
from skdeepbm.training.optimizers import OPTIMIZERS
from skdeepbm.training.schedules import SCHEDULED, check_value, value_at
from skdeepbm.training.settings import LoopSettings, TrainingState

#: end of a divergence's message
KEPT = "The estimator keeps the last finite parameters, those from before that epoch."


class Hooks(Protocol):
    """What the loop tells its caller."""

    def epoch_begin(self) -> None:
        """An epoch begins."""

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        """An epoch has ended with this entry of the history; True stops training."""


class Trainer(ABC):
    """Trains a model in place; a subclass says what one step is.

    Parameters
    ----------
    backend : Backend
    settings : LoopSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    """

    def __init__(
        self,
        backend: Backend,
        settings: LoopSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
    ) -> None:
        self.backend, self.settings, self.state = backend, settings, state
        stream_seed, shuffle_seed = seed.spawn(2)
        # the stream of another backend cannot go on here: start one from the seed
        usable = state.stream is not None and state.stream["bit_generator"] == backend.bit_generator
        self.stream = backend.stream(stream_seed, state.stream if usable else None)
        bits: Any = np.random.SFC64(shuffle_seed)
        if state.shuffle is not None:
            bits.state = state.shuffle
        self._shuffle = np.random.Generator(bits)
        self.optimizer = OPTIMIZERS[settings.optimizer](backend, state.optimizer)
        self._values = (-1, 0.0, 0.0, 1)
        self._average = Average(backend, 0, 0.0)
        self._resumed: dict[str, Any] | None = None
        self._is_over = False

    # -- what a model adds ---------------------------------------------------------------

    @abstractmethod
    def step(self, batch: Batch) -> None:
        """One update of the parameters from one batch."""

    @abstractmethod
    def parameters(self) -> dict[str, Array]:
        """The model's arrays by name."""

    @abstractmethod
    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        """One entry of the history, from what :meth:`watch` returned.

        ``before`` has the parameters at the last measurement; ``held_out`` is None where nothing is
        kept from training.
        """

    @abstractmethod
    def carried(self) -> Any:
        """Copy of what steps carry along besides the parameters, for :meth:`put_back`."""

    @abstractmethod
    def put_back(self, carried: Any) -> None:
        """Go back to what :meth:`carried` copied."""

    def epoch(self, rows: Rows, order: np.ndarray) -> None:
        """Steps through the rows in the given order."""
        size = self.settings.batch_size
        for start in range(0, order.size, size):
            index = order[start : start + size]
            out = None if rows.keep_sparse else self.data_rows(index.size)
            self.step(rows.batch(index, out))

    def data_rows(self, n: int) -> Array | None:
        """Where the dense rows of a batch of ``n`` belong, if that matters."""
        return None

    def watch(self, rows: Rows, index: np.ndarray) -> Any:
        """What the history is measured on, of rows ``index``: some of them, dense."""
        return rows.dense(index[monitored_rows(index.size, self.n_visible)])

    def watch_held_out(self, rows: Rows, index: np.ndarray) -> Any:
        """What the history is measured on, of rows ``index`` that are kept from training."""
        return self.watch(rows, index)

    def watch_batch(self, batch: Batch) -> Any:
        """What the history is measured on after a single step."""
        index = monitored_rows(batch.n_rows, self.n_visible)
        if batch.dense is None:
            return self.backend.asarray(batch.csr[index].toarray())
        return self.backend.take_rows(batch.dense, index)

    # -- what all have in common ---------------------------------------------------------

    @property
    def n_visible(self) -> int:
        """Number of visible units."""
        return int(self.parameters()["visible_bias"].shape[0])

    def save_state(self) -> TrainingState:
        """Write everything that training needs to go on to the state, on the host."""
        state = self.state
        state.optimizer = self.optimizer.state
        state.stream = self.stream.state
        state.shuffle = dict(self._shuffle.bit_generator.state)
        return state

    @property
    def is_resumable(self) -> bool:
        """Whether :meth:`run` can go on from the end of an epoch."""
        return True

    def snapshot(self) -> dict[str, Any]:
        """Everything that :meth:`run` needs to go on from the end of an epoch, on the host."""
        found = {name: self.backend.to_host(array) for name, array in self.parameters().items()}
        return {
            "parameters": {name: np.array(array) for name, array in found.items()},
            "state": dict(vars(self.save_state())),
            "average": self._average.state,
        }

    def resume(self, snapshot: dict[str, Any], is_over: bool = False) -> None:
        """Let the next :meth:`run` go on from a snapshot.

        Parameters
        ----------
        snapshot : dict
            Of a trainer with the same settings; this one was made with its ``state``.
        is_over : bool, default=False
            Whether there is no epoch left to do.
        """
        for name, array in self.parameters().items():
            self.backend.store(self.backend.asarray(snapshot["parameters"][name]), array)
        self._resumed, self._is_over = snapshot, is_over

    def scheduled(self) -> tuple[float, float, int]:
        """Learning rate, momentum and Gibbs steps of the current epoch."""
        epoch, settings = self.state.epoch, self.settings
        if self._values[0] != epoch:
            # not every loop has all of them
            schedules = {name: getattr(settings, name, 1) for name in SCHEDULED}
            values = {name: value_at(schedules[name], epoch) for name in schedules}
            for name, value in values.items():
                check_value(name, value, epoch)
            rate, momentum, steps, _ = values.values()
            self._values = (epoch, float(rate), float(momentum), int(steps))
        return self._values[1:]

    def count(self) -> None:
        """Note that a step was made."""
        state = self.state
        state.batch += 1
        if state.batch >= state.n_batches:
            state.epoch, state.batch = state.epoch + 1, 0

    def copies(self) -> dict[str, Array]:
        """Copies of the model's arrays by name, for :meth:`restore`."""
        return {name: self.copy(array) for name, array in self.parameters().items()}

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
            kept = self.watch_held_out(rows, held_out)
        state.n_batches, state.batch = -(-trained.size // size), 0
        order = trained
        watched = self.watch(rows, trained)
        average = self._average = Average(self.backend, n_epochs, self.settings.averaging)
        stop = False
        if self._resumed is not None:
            average.load(self._resumed["average"])
            stop, self._resumed = self._is_over, None
        with self.backend.quiet():
            while average.n_seen < n_epochs and not stop:
                hooks.epoch_begin()
                begin = time.perf_counter()
                if self.settings.shuffle:
                    order = self._shuffle.permutation(trained)
                with self._guarded() as before, self._threads(min(size, trained.size)):
                    self.epoch(rows, order)
                entry = self.measure(watched, before, kept)
                average.add(self.parameters())
                entry["epoch_time"] = time.perf_counter() - begin
                stop = hooks.epoch_end(entry)
            average.store(self.parameters())

    def update(self, batch: Batch) -> dict[str, Any]:
        """One step on one batch, guarded and measured like an epoch.

        Raises
        ------
        DivergenceError
            As :meth:`run` does; the model then holds the parameters from before the step.
        """
        with self.backend.quiet():
            begin = time.perf_counter()
            with self._guarded() as before, self._threads(batch.n_rows):
                self.step(batch)
            entry = self.measure(self.watch_batch(batch), before, None)
            entry["epoch_time"] = time.perf_counter() - begin
        return entry

    def _threads(self, n_rows: int) -> AbstractContextManager[Any]:
        sizes = [math.prod(array.shape) for array in self.parameters().values()]
        return self.backend.threads_for(n_rows * max(sizes))

    @contextmanager
    def _guarded(self) -> Iterator[dict[str, Array]]:
        """Take back everything that training changed in a block that left the finite numbers.

        Yields copies of the parameters from before the block. An interrupt inside is treated
        like its end, a FloatingPointError like parameters that are not finite.

        Raises
        ------
        DivergenceError
        """
        parameters, failed = self.copies(), False
        carried, position = self.carried(), (self.state.epoch, self.state.batch)
        try:
            yield parameters
        except FloatingPointError:
            failed = True
        finally:
            xp = self.backend.xp
            # squares of the parameters: what overflows in an energy has diverged as well
            finite = not failed and all(
                bool(xp.isfinite(xp.sum(xp.vecdot(a, a)))) for a in self.parameters().values()
            )
            if not finite:
                self.restore(parameters)
                self.put_back(carried)
                self.state.epoch, self.state.batch = position
        if not finite:
            raise self.divergence()

    def divergence(self) -> DivergenceError:
        """The error for the current epoch, once the last good parameters are back."""
        return DivergenceError(
            f"training diverged in epoch {self.state.epoch + 1}: the parameters are not finite. "
            f"{self._remedy()} {KEPT}"
        )

    def _remedy(self) -> str:
        """The likely cause of a divergence, and what to change."""
        rate = float(value_at(self.settings.learning_rate, self.state.epoch))
        norm_cost = getattr(self.settings, "norm_cost", 0.0)
        penalty = f", or lower norm_cost ({norm_cost:g})" if norm_cost else ""
        return (
            f"The likely cause is the learning rate ({rate:g}): divide it by 10, or scale the "
            f"data, bound the weights with max_norm, or lower momentum{penalty}."
        )

    def copy(self, array: Array) -> Array:
        """Copy of an array of the backend."""
        return self.backend.xp.asarray(array, copy=True)
