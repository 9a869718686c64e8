"""Parallel tempering as the negative phase (Desjardins et al. 2010; Cho, Raiko & Ilin 2010)."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM
from skdeepbm.sampling.tempering import ParallelTempering, spaced
from skdeepbm.training.negative_phases.base import NegativePhase


class ParallelTemperingPhase(NegativePhase):
    """Persistent chains at ``n_temperatures`` inverse temperatures from 1 to 0.

    At 0 visible units are independent, with the biases of ``base_bias``. The state of each chain
    at every temperature persists; the gradient uses those at 1.
    """

    algorithm = "pt"
    from_data = False

    def _begin(self, rbm: RBM, stream: Stream, state: Any, memory: dict, base_bias: Any) -> None:
        backend, settings, dtype = self.backend, self.settings, rbm.weights.dtype
        n = settings.n_chains or settings.batch_size
        if base_bias is None:
            base_bias = np.zeros(rbm.visible.size)
        betas = spaced(settings.n_temperatures)
        if state is None:
            a = backend.zeros((n * len(betas), rbm.hidden.size), dtype)
            h = rbm.hidden.sample(a, stream)
        else:
            h = backend.asarray(np.array(state), dtype)
        first = memory.get("first pair", 0)
        self.chains = ParallelTempering(rbm, betas, backend.asarray(base_bias, dtype), h, first)

    @property
    def memory(self) -> dict[str, Any]:
        return {"first pair": self.chains.first}

    @property
    def state(self) -> Any:
        return np.array(self.backend.to_host(self.chains.h))

    def n_rows(self, n_data: int) -> int:
        return self.chains.n_chains

    def run(
        self, rbm: RBM, h_data: Array | None, n_steps: int, stream: Stream, v: Array, h_mean: Array
    ) -> None:
        for _ in range(n_steps):
            self.chains.step(stream, v, h_mean)

    def copy_chains(self) -> Any:
        return self.backend.xp.asarray(self.chains.h, copy=True), self.chains.first

    def restore_chains(self, copied: Any) -> None:
        self.chains.h, self.chains.first = copied
