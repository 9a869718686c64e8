"""What stands for the model's expectation in the gradient of the log-likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM
from skdeepbm.training.settings import TrainingSettings


class NegativePhase(ABC):
    """Produces visible states of the model and the expected hidden states given them.

    Parameters
    ----------
    rbm : RBM
        In training.
    settings : TrainingSettings
    stream : Stream
    state : array or None
        Chains to go on from, as :attr:`state` returned them.
    memory : dict
        What else to go on from, as :attr:`memory` returned it; empty at first.
    base_bias : ndarray or None
        Visible bias of independent units with the data's mean, where that is known.
    """

    algorithm: ClassVar[str]
    #: whether the chains start from hidden states drawn given the data
    from_data: ClassVar[bool]
    #: whether visible states are drawn; otherwise they are expectations
    draw_visible: bool = True

    def __init__(
        self,
        rbm: RBM,
        settings: TrainingSettings,
        stream: Stream,
        state: Array | None,
        memory: dict[str, Any],
        base_bias: np.ndarray | None,
    ) -> None:
        self.backend, self.settings = rbm.backend, settings
        self._begin(rbm, stream, state, memory, base_bias)

    def _begin(self, rbm: RBM, stream: Stream, state: Any, memory: dict, base_bias: Any) -> None:
        """Set up what a kind of negative phase needs; the arguments are the constructor's."""

    @abstractmethod
    def n_rows(self, n_data: int) -> int:
        """Number of rows that :meth:`run` fills for a batch of ``n_data`` rows."""

    @abstractmethod
    def run(
        self, rbm: RBM, h_data: Array | None, n_steps: int, stream: Stream, v: Array, h_mean: Array
    ) -> None:
        """Fill ``v`` (draws) and ``h_mean`` (expectations given ``v``).

        ``h_data`` holds hidden states drawn given the data where ``from_data`` asks for them; it
        may be overwritten.
        """

    @property
    def state(self) -> Any:
        """Host copy of what persists from batch to batch."""
        return None

    @property
    def memory(self) -> dict[str, Any]:
        """Host copy of what persists besides the chains."""
        return {}

    def learn(self, gradient: Array, steps: Array, gain: float) -> None:
        """Take notice of an update: ``gain`` times the gradient of weights and of both biases."""

    def copy_chains(self) -> Any:
        """Copy of all that persists, on the device, for :meth:`restore_chains`."""
        return None

    def restore_chains(self, copied: Any) -> None:
        """Go back to copied chains."""
