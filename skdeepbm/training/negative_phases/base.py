"""What stands for the model's expectation in the gradient of the log-likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM


class NegativePhase(ABC):
    """Produces visible states of the model and the expected hidden states given them."""

    algorithm: ClassVar[str]
    #: whether the chains start from hidden states drawn given the data
    from_data: ClassVar[bool]
    #: whether visible states are drawn; otherwise they are expectations
    draw_visible: bool = True

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

    def copy_chains(self) -> Array | None:
        """Copy of the chains on the device, for :meth:`restore_chains`."""
        return None

    def restore_chains(self, copied: Array | None) -> None:
        """Go back to copied chains."""
