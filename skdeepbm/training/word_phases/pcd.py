"""Persistent chains of documents (Tieleman 2008)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Array, DType, Stream
from skdeepbm.sampling.length_tempering import LengthTempering
from skdeepbm.training.word_phases.base import Fantasy, WordPhase


class PersistentWords(WordPhase):
    """PCD-k. Hidden states persist, the shortest chain staying the shortest.

    The chains take the lengths of the batch (its quantiles, where there are more or fewer chains
    than documents), so that both phases see the same ones.
    """

    algorithm = "pcd"
    exchanges: ClassVar[bool] = False

    def _begin(self, state: np.ndarray | None, memory: dict[str, Any], stream: Stream) -> None:
        backend, (width, dtype) = self.model.backend, self._kind_of_states()
        if state is None:
            n = (self.settings.n_chains or self.settings.batch_size) + self.n_short
            even = backend.zeros((n, width), dtype) + 0.5
            h = backend.bernoulli(even, stream)
        else:
            h = backend.asarray(np.array(state), dtype)
        self.chains = self._chains(h)
        if state is not None and "order" in memory:
            self.chains.order = np.array(memory["order"])

    def _kind_of_states(self) -> tuple[int, DType]:
        """Units of the states that persist, and their precision."""
        return self.model.hidden.size, self.model.weights.dtype

    def _chains(self, h: Array) -> LengthTempering:
        """Chains with these states."""
        return LengthTempering(self.model, h, self.exchanges)

    @property
    def n_short(self) -> int:
        """Number of chains whose documents are shorter than any of the batch."""
        return 0

    def _short_lengths(self, shortest: int) -> np.ndarray:
        """Lengths of those chains, in rising order."""
        return np.empty(0, dtype=np.int64)

    @property
    def state(self) -> np.ndarray:
        return np.array(self.model.backend.to_host(self.chains.h))

    @property
    def memory(self) -> dict[str, Any]:
        return {"order": self.chains.order.copy()}

    def run(self, h_mean: Array, n_words: np.ndarray, n_steps: int, stream: Stream) -> Fantasy:
        n = self.chains.order.size - self.n_short
        share = (np.arange(n) + 0.5) / n
        lengths = np.round(np.quantile(n_words, share, method="hazen")).astype(np.int64)
        lengths = np.concatenate([self._short_lengths(int(lengths[0])), lengths])
        for _ in range(n_steps):
            v, of_rows, h_mean = self.chains.step(lengths, stream)
        if self.n_short:
            kept = np.sort(self.chains.order[self.n_short :])
            v, of_rows = self._rows(v, kept), of_rows[kept]
            h_mean = self.model.backend.take_rows(h_mean, kept)
        return Fantasy(v, of_rows, h_mean)

    def _rows(self, v: Any, index: np.ndarray) -> Any:
        """Rows of counts."""
        return self.model.backend.take_counts(v, index)

    def copy_chains(self) -> Any:
        # steps replace the states, and change the order in place
        return self.chains.h, self.chains.order.copy()

    def restore_chains(self, copied: Any) -> None:
        self.chains.h, self.chains.order = copied
