"""Persistent block Gibbs chains (Salakhutdinov & Hinton 2009, section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.dbm import DBM
from skdeepbm.sampling import first_states, layer_chain
from skdeepbm.training.layer_phases.base import LayerPhase


class PersistentLayers(LayerPhase):
    """Chains that begin with what layers make of the mean of independent visible units."""

    algorithm = "pcd"

    def _begin(self, dbm: DBM, stream: Stream, silent: Array) -> None:
        self.odd = first_states(dbm, silent, stream)

    def _go_on(self, dbm: DBM, state: list[Array]) -> None:
        self.odd = state

    def _prepare(self, dbm: DBM, memory: dict[str, Any], base_bias: Array) -> None:
        backend = self.backend
        self._rooms = [backend.empty((self.n_chains, n), dbm.dtype) for n in self.sizes]

    @property
    def n_chains(self) -> int:
        return int(self.odd[0].shape[0])

    def run(self, dbm: DBM, n_steps: int, stream: Stream, rows: list[Array]) -> None:
        layer_chain(dbm, self.odd, n_steps, stream, rows, self._rooms)

    @property
    def state(self) -> list[np.ndarray]:
        return [np.array(self.backend.to_host(x)) for x in self.odd]

    def copy_chains(self) -> Any:
        return [self.backend.xp.asarray(x, copy=True) for x in self.odd]

    def restore_chains(self, copied: Any) -> None:
        self.odd = copied
