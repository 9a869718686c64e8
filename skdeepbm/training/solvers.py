"""Backpropagation with line searches: conjugate gradients and L-BFGS on many rows at a time.

Either one minimisation over all rows, an iteration of which is an epoch, or a few line searches on
each large batch in turn (Hinton & Salakhutdinov 2006: three of conjugate gradients on 1000 rows).
SciPy minimises in double precision on the host; the passes run in the network's dtype where the
network is. In single precision the loss is known to seven digits, where line searches end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.optimize import minimize

from skdeepbm.backends import Array
from skdeepbm.training.backprop import BackpropTrainer
from skdeepbm.training.batches import Batch, Rows
from skdeepbm.training.settings import BackpropSettings
from skdeepbm.training.trainer import Hooks

METHODS = {"lbfgs": "L-BFGS-B", "cg": "CG"}

#: settings of backpropagation that a line search has no use for
UNUSED = ("dropout", "input_dropout", "max_norm", "averaging", "sparsity_decay")


@dataclass(frozen=True)
class SolverSettings(BackpropSettings):
    """Hyper-parameters of the solvers, besides those of :class:`BackpropSettings` that they use.

    These are ``batch_size``, ``shuffle``, ``weight_decay``, ``n_top_epochs``, ``noise``, which a
    row keeps through a minimisation, and sparse layers, whose penalty is that of the rows that go
    through the network together.

    Parameters
    ----------
    solver : {"lbfgs", "cg"}
    n_line_searches : int or None
        Iterations on each batch of ``batch_size`` rows. None makes one minimisation over all rows,
        of which ``batch_size`` go through the network at a time.
    tolerance : float
        Minimisation ends where no derivative is larger.
    """

    batch_size: int = 1000
    sparsity_decay: float = 0.0
    solver: str = "cg"
    n_line_searches: int | None = None
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in UNUSED and getattr(self, field.name) != field.default:
                raise ValueError(
                    f"The solver {self.solver!r} needs a loss that stands still: "
                    f"{field.name}={getattr(self, field.name)!r} goes with gradient descent only."
                )


class SolverTrainer(BackpropTrainer):
    """Trains a network in place by minimisation with line searches.

    Parameters
    ----------
    network : Network
    settings : SolverSettings
    state : TrainingState
    seed : SeedSequence
    targets : array of shape (n_rows, n_outputs) or None
        All as for :class:`BackpropTrainer`. Curvature that L-BFGS has seen is not part of the
        state.
    """

    settings: SolverSettings

    @property
    def is_resumable(self) -> bool:
        # what SciPy has seen of the curvature is not at hand
        return self.settings.n_line_searches is not None

    def step(self, batch: Batch) -> None:
        n_iterations = self.settings.n_line_searches or 1
        self._minimise(lambda: (batch,), batch.n_rows, n_iterations)
        self.count()

    def run(
        self, rows: Rows, n_epochs: int, hooks: Hooks, held_out: np.ndarray | None = None
    ) -> None:
        if self.settings.n_line_searches is not None:
            super().run(rows, n_epochs, hooks, held_out)
            return
        trained, kept = np.arange(rows.n_rows), None
        if held_out is not None:
            trained = np.setdiff1d(trained, held_out)
            kept = self.watch_held_out(rows, held_out)
        self.state.n_batches, self.state.batch = 1, 0
        epochs = _Epochs(self, hooks, self.watch(rows, trained), kept)

        def batches() -> Iterable[Batch]:
            epochs.begin()
            for start in range(0, trained.size, self.settings.batch_size):
                index = trained[start : start + self.settings.batch_size]
                out = None if rows.keep_sparse else self.data_rows(index.size)
                yield rows.batch(index, out)

        # the last layer alone at first; either minimum may be reached before its iterations are up
        n_top = min(max(self.settings.n_top_epochs - self.state.epoch, 0), n_epochs)
        with self.backend.quiet():
            try:
                if n_top:
                    self._minimise(batches, trained.size, n_top, epochs.end)
                    epochs.finish()
                if n_epochs > n_top and not epochs.stopped:
                    self.state.epoch = max(self.state.epoch, self.settings.n_top_epochs)
                    self._minimise(batches, trained.size, n_epochs - n_top, epochs.end)
                    epochs.finish()
            except FloatingPointError as error:
                raise self.divergence() from error

    # -- one minimisation ----------------------------------------------------------------

    def _minimise(
        self,
        batches: Callable[[], Iterable[Batch]],
        n_rows: int,
        n_iterations: int,
        callback: Callable[[], bool] | None = None,
    ) -> None:
        """Some iterations on these rows; the network then has the parameters of the last one.

        Raises
        ------
        FloatingPointError
            Where the loss or a derivative is not finite.
        """
        arrays, lowest = self._trained(), self.lowest
        last = self._vector(arrays)
        # the same noise in every pass: the loss must stand still (Hinton & Salakhutdinov 2006)
        noise: dict[int, dict[int, Array]] = {}

        def noisy() -> Iterator[tuple[Batch, dict[int, Array]]]:
            for i, batch in enumerate(batches()):
                if i not in noise:
                    noise[i] = self.flow.draw_noise(batch.n_rows)
                yield batch, noise[i]

        def iterated(theta: np.ndarray) -> None:
            nonlocal last
            last = theta.copy()
            if callback is not None:
                self._put(last, arrays)
                if callback():
                    raise StopIteration

        options: dict[str, Any] = {"maxiter": n_iterations, "gtol": self.settings.tolerance}
        if self.settings.solver == "lbfgs":
            options |= {"ftol": 64 * np.finfo(np.float64).eps, "maxfun": 50 * n_iterations}
        try:
            minimize(
                lambda theta: self._loss(theta, arrays, lowest, noisy(), n_rows),
                last,
                jac=True,
                method=METHODS[self.settings.solver],
                callback=iterated,
                options=options,
            )
        finally:
            # also after an interrupt: trial steps of a line search are no result
            self._put(last, arrays)

    def _trained(self) -> dict[str, Array]:
        """Parameters that move in the current epoch."""
        names = [f"{n} {i}" for i in range(len(self.network.layers)) for n in NAMES]
        every = self.parameters()
        return {name: every[name] for name in names[2 * self.lowest :]}

    def _vector(self, arrays: dict[str, Array]) -> np.ndarray:
        host = [np.asarray(self.backend.to_host(a), np.float64) for a in arrays.values()]
        return np.concatenate([array.reshape(-1) for array in host])

    def _put(self, theta: np.ndarray, arrays: dict[str, Array]) -> None:
        """Set the parameters from one vector."""
        for array, part in zip(arrays.values(), _parts(theta, arrays), strict=True):
            self.backend.store(self.backend.asarray(part, array.dtype), array)

    def _loss(
        self,
        theta: np.ndarray,
        arrays: dict[str, Array],
        lowest: int,
        batches: Iterable[tuple[Batch, dict[int, Array]]],
        n_rows: int,
    ) -> tuple[float, np.ndarray]:
        """Mean loss with the penalties, and its gradient, at a vector of parameters."""
        backend, flow = self.backend, self.flow
        self._put(theta, arrays)
        loss, gradient = 0.0, np.zeros_like(theta)
        parts = dict(zip(arrays, _parts(gradient, arrays), strict=True))
        for batch, noise in batches:
            flow.forward(batch.rows, noise)
            loss += flow.penalty() * batch.n_rows / n_rows
            target = self.target(batch, flow.buffers(batch.n_rows).target)
            density = backend.to_host(flow.log_density(target))
            loss -= float(np.sum(density, dtype=np.float64)) / n_rows
            for i, inputs, below in flow.backward(target, -1.0 / n_rows, lowest):
                step = flow.weights_gradient(inputs, below, out=self._room(i))
                parts[f"coefs {i}"] += backend.to_host(step)
                parts[f"intercepts {i}"] += backend.to_host(flow.bias_gradient(i, inputs, below))
        if decay := self.settings.weight_decay:
            for name, weights in zip(arrays, _parts(theta, arrays), strict=True):
                if name.startswith("coefs"):
                    loss += 0.5 * decay * float(np.vdot(weights, weights))
                    parts[name] += decay * weights
        if not (np.isfinite(loss) and np.isfinite(np.vdot(gradient, gradient))):
            raise FloatingPointError("the loss or its gradient is not finite")
        return loss, gradient

    def _remedy(self) -> str:
        return "The likely cause is the scale of the data: standardise them, or raise weight_decay."


NAMES = ("coefs", "intercepts")


def _parts(theta: np.ndarray, arrays: dict[str, Array]) -> list[np.ndarray]:
    """Views of a vector in the shapes of arrays."""
    found, start = [], 0
    for array in arrays.values():
        shape = tuple(int(n) for n in array.shape)
        size = int(np.prod(shape))
        found.append(theta[start : start + size].reshape(shape))
        start += size
    return found


class _Epochs:
    """Iterations of one minimisation as the hooks see them: an epoch each."""

    def __init__(self, trainer: SolverTrainer, hooks: Hooks, watched: Any, held_out: Any) -> None:
        self.trainer, self.hooks, self.watched, self.held_out = trainer, hooks, watched, held_out
        self.stopped = self.begun = False
        self.before: dict[str, Array] = {}
        self.start = 0.0

    def begin(self) -> None:
        """The loss is asked for."""
        if not self.begun:
            self.begun, self.start = True, time.perf_counter()
            self.before = self.trainer.copies() if not self.before else self.before
            self.hooks.epoch_begin()

    def end(self) -> bool:
        """An iteration has ended; True stops."""
        trainer = self.trainer
        entry = trainer.measure(self.watched, self.before, self.held_out)
        self.before = trainer.copies()
        entry["epoch_time"] = time.perf_counter() - self.start
        self.begun = False
        trainer.count()
        self.stopped = self.hooks.epoch_end(entry)
        return self.stopped

    def finish(self) -> None:
        """The minimisation is over; a line search that found nothing ends the last epoch."""
        if self.begun:
            self.end()
