"""Persistent chains with fast weights (Tieleman & Hinton 2009)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM
from skdeepbm.sampling import gibbs_chain
from skdeepbm.training.negative_phases.pcd import PersistentContrastiveDivergence

_FAST = ("fast weights", "fast biases")


class FastPersistentContrastiveDivergence(PersistentContrastiveDivergence):
    """PCD-k whose chains follow the parameters plus fast ones, which drive the chains away.

    The fast weights and biases learn from the same gradient at the rate ``fast_learning_rate``
    (where the learning rate is not 0) and are multiplied by ``fast_decay`` (19/20 in the paper) in
    every step. They are no part of the model.
    """

    algorithm = "fpcd"

    def _begin(self, rbm: RBM, stream: Stream, state: Any, memory: dict, base_bias: Any) -> None:
        super()._begin(rbm, stream, state, memory, base_bias)
        self.rate, self.decay = self.settings.fast_learning_rate, self.settings.fast_decay
        dtype = rbm.weights.dtype
        if memory:
            self.weights, self.biases = (
                self.backend.asarray(np.array(memory[name]), dtype) for name in _FAST
            )
        else:
            self.weights = self.backend.zeros(tuple(rbm.weights.shape), dtype)
            self.biases = self.backend.zeros((rbm.visible.size + rbm.hidden.size,), dtype)

    @property
    def memory(self) -> dict[str, Any]:
        arrays = (self.weights, self.biases)
        return {
            name: np.array(self.backend.to_host(array))
            for name, array in zip(_FAST, arrays, strict=True)
        }

    def run(
        self, rbm: RBM, h_data: Array | None, n_steps: int, stream: Stream, v: Array, h_mean: Array
    ) -> None:
        n = rbm.visible.size
        fast = replace(
            rbm,
            visible=rbm.visible.with_bias(rbm.visible.bias + self.biases[:n]),
            hidden=rbm.hidden.with_bias(rbm.hidden.bias + self.biases[n:]),
            weights=rbm.weights + self.weights,
        )
        gibbs_chain(fast, self.h, n_steps, stream, v, h_mean, draw_last=True)

    def learn(self, gradient: Array, steps: Array, gain: float) -> None:
        factor = self.rate / gain if gain else 0.0
        for fast, slow in ((self.weights, gradient), (self.biases, steps)):
            fast *= self.decay
            fast += factor * slow

    def copy_chains(self) -> Any:
        copy = self.backend.xp.asarray
        return tuple(copy(array, copy=True) for array in (self.h, self.weights, self.biases))

    def restore_chains(self, copied: Any) -> None:
        self.h, self.weights, self.biases = copied
