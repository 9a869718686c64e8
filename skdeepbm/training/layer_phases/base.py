"""What stands for the model's expectation in the gradient of a deep Boltzmann machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.dbm import DBM
from skdeepbm.training.settings import DBMSettings


class LayerPhase(ABC):
    """Persistent chains of the states of all layers.

    States of even layers are draws, odd ones have their expected values given these: every pair of
    neighbours is one of each, so that the statistics keep their mean and vary less.

    Parameters
    ----------
    dbm : DBM
        In training.
    settings : DBMSettings
    stream : Stream
    state : list of arrays or None
        Chains to go on from, as :attr:`state` returned them.
    memory : dict
        What else to go on from, as :attr:`memory` returned it; empty at first.
    silent : array of shape (n_chains, n_visible)
        Mean of independent visible units with the data's mean.
    base_bias : array of shape (n_visible,)
        Their biases.
    """

    algorithm: ClassVar[str]

    def __init__(
        self,
        dbm: DBM,
        settings: DBMSettings,
        stream: Stream,
        state: list[np.ndarray] | None,
        memory: dict[str, Any],
        silent: Array,
        base_bias: Array,
    ) -> None:
        self.backend, self.settings = dbm.backend, settings
        self.sizes = [units.size for units in dbm.layers]
        if state is None:
            self._begin(dbm, stream, silent)
        else:
            self._go_on(dbm, [self.backend.asarray(np.array(x), dbm.dtype) for x in state])
        self._prepare(dbm, memory, base_bias)

    @abstractmethod
    def _begin(self, dbm: DBM, stream: Stream, silent: Array) -> None:
        """Draw the first states."""

    @abstractmethod
    def _go_on(self, dbm: DBM, state: list[Array]) -> None:
        """Take the states over."""

    def _prepare(self, dbm: DBM, memory: dict[str, Any], base_bias: Array) -> None:
        """Set up what else a kind of negative phase needs."""

    @property
    @abstractmethod
    def n_chains(self) -> int:
        """Number of rows that :meth:`run` fills."""

    @abstractmethod
    def run(self, dbm: DBM, n_steps: int, stream: Stream, rows: list[Array]) -> None:
        """Fill ``rows``, one array of shape (n_chains, n_l) for every layer."""

    @property
    @abstractmethod
    def state(self) -> list[np.ndarray]:
        """Host copies of the states of odd layers."""

    @property
    def memory(self) -> dict[str, Any]:
        """Host copy of what persists besides the states."""
        return {}

    @abstractmethod
    def copy_chains(self) -> Any:
        """Copy of all that persists, on the device, for :meth:`restore_chains`."""

    @abstractmethod
    def restore_chains(self, copied: Any) -> None:
        """Go back to copied chains."""
