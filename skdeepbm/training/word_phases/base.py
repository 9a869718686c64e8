"""What stands for a replicated softmax's expectation in the gradient of the log-likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.training.settings import DBMSettings, TrainingSettings


class Fantasy(NamedTuple):
    """Documents of the model: counts, lengths (host) and expected hidden states given them."""

    v: Any
    n_words: np.ndarray
    h_mean: Array


class WordPhase(ABC):
    """Produces documents of the model as long as those of a batch.

    Parameters
    ----------
    model : ReplicatedSoftmax
        In training. A subclass may be of another model of documents.
    settings : TrainingSettings or DBMSettings
    state : ndarray or None
        Chains to go on from, as :attr:`state` returned them.
    memory : dict
        What else to go on from, as :attr:`memory` returned it; empty at first.
    stream : Stream
    """

    algorithm: ClassVar[str]

    def __init__(
        self,
        model: Any,
        settings: TrainingSettings | DBMSettings,
        state: np.ndarray | None,
        memory: dict[str, Any],
        stream: Stream,
    ) -> None:
        self.model, self.settings = model, settings
        self._begin(state, memory, stream)

    def _begin(self, state: np.ndarray | None, memory: dict[str, Any], stream: Stream) -> None:
        """Set up what a kind of negative phase needs; the arguments are the constructor's."""

    @abstractmethod
    def run(self, h_mean: Array, n_words: np.ndarray, n_steps: int, stream: Stream) -> Fantasy:
        """Documents of the model.

        Parameters
        ----------
        h_mean : array of shape (n_rows, n_hidden)
            Expected hidden states given the documents of the batch.
        n_words : ndarray of int of shape (n_rows,)
            Their lengths, at least 1.
        n_steps : int
            Gibbs steps.
        stream : Stream
        """

    @property
    def state(self) -> np.ndarray | None:
        """Host copy of what persists from batch to batch."""
        return None

    @property
    def memory(self) -> dict[str, Any]:
        """What persists besides the chains."""
        return {}

    def copy_chains(self) -> Any:
        """Copy of all that persists, on the device, for :meth:`restore_chains`."""
        return None

    def restore_chains(self, copied: Any) -> None:
        """Go back to copied chains."""
