"""Parallel tempering of all layers (Desjardins et al. 2010; Cho, Raiko & Ilin 2010)."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.dbm import DBM, folded
from skdeepbm.sampling.tempering import ParallelTempering, spaced
from skdeepbm.training.layer_phases.base import LayerPhase


class TemperedLayers(LayerPhase):
    """Chains at ``n_temperatures`` inverse temperatures from 1 to 0.

    They exchange the states of the even layers, the odd ones summed out. At 0 all units are
    independent: visible ones have the mean of the data, hidden ones are even odds. The states at
    every temperature persist; the gradient uses those at 1.
    """

    algorithm = "pt"

    def _begin(self, dbm: DBM, stream: Stream, silent: Array) -> None:
        odd, n = folded(dbm, 1).visible, int(silent.shape[0]) * self.settings.n_temperatures
        h = odd.with_bias(0.0 * odd.bias)
        self.first_h = h.sample(self.backend.zeros((n, odd.size), dbm.dtype), stream)

    def _go_on(self, dbm: DBM, state: list[Array]) -> None:
        self.first_h = self.backend.xp.concat(state, axis=1)

    def _prepare(self, dbm: DBM, memory: dict[str, Any], base_bias: Array) -> None:
        n_even = sum(self.sizes[2::2])
        bias = self.backend.xp.concat([base_bias, self.backend.zeros((n_even,), dbm.dtype)])
        betas = spaced(self.settings.n_temperatures)
        self.chains = ParallelTempering(
            folded(dbm, 0), betas, bias, self.first_h, memory.get("first pair", 0)
        )
        del self.first_h

    @property
    def n_chains(self) -> int:
        return self.chains.n_chains

    def run(self, dbm: DBM, n_steps: int, stream: Stream, rows: list[Array]) -> None:
        # biases of layers side by side are copies
        model = self.chains.rbm = folded(dbm, 0)
        n, backend = self.n_chains, self.backend
        even = backend.empty((n, model.visible.size), dbm.dtype)
        odd = backend.empty((n, model.hidden.size), dbm.dtype)
        for _ in range(n_steps):
            self.chains.step(stream, even, odd)
        for first, states in ((0, even), (1, odd)):
            for i, columns in model.columns(first).items():
                backend.store(states[:, columns], rows[i])

    @property
    def state(self) -> list[np.ndarray]:
        h, edges = np.array(self.backend.to_host(self.chains.h)), np.cumsum(self.sizes[1::2])
        return [np.ascontiguousarray(part) for part in np.split(h, edges[:-1], axis=1)]

    @property
    def memory(self) -> dict[str, Any]:
        return {"first pair": self.chains.first, "n_temperatures": len(self.chains.betas)}

    def copy_chains(self) -> Any:
        return self.backend.xp.asarray(self.chains.h, copy=True), self.chains.first

    def restore_chains(self, copied: Any) -> None:
        self.chains.h, self.chains.first = copied
