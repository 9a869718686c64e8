"""Persistent contrastive divergence (Tieleman 2008), also stochastic maximum likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM
from skdeepbm.sampling import gibbs_chain
from skdeepbm.training.negative_phases.base import NegativePhase


class PersistentContrastiveDivergence(NegativePhase):
    """PCD-k. The chains (fantasy particles) persist over batches, epochs and calls."""

    algorithm = "pcd"
    from_data = False

    def _begin(self, rbm: RBM, stream: Stream, state: Any, memory: dict, base_bias: Any) -> None:
        n_chains = self.settings.n_chains or self.settings.batch_size
        dtype = rbm.weights.dtype
        if state is None:
            # what hidden units do at the mean of independent visible units
            silent = self.backend.zeros((n_chains, rbm.visible.size), dtype)
            a = rbm.hidden_input(rbm.visible.mean(silent))
            self.h = rbm.hidden.sample(a, stream)
        else:
            self.h = self.backend.asarray(np.array(state), dtype)

    @property
    def state(self) -> Any:
        return np.array(self.backend.to_host(self.h))

    def n_rows(self, n_data: int) -> int:
        return int(self.h.shape[0])

    def run(
        self, rbm: RBM, h_data: Array | None, n_steps: int, stream: Stream, v: Array, h_mean: Array
    ) -> None:
        gibbs_chain(rbm, self.h, n_steps, stream, v, h_mean, draw_last=True)

    def copy_chains(self) -> Any:
        return self.backend.xp.asarray(self.h, copy=True)

    def restore_chains(self, copied: Any) -> None:
        self.h = copied
