"""Averages of parameters over the last epochs (Polyak & Juditsky 1992).

With persistent chains and a constant learning rate, parameters wander about the maximum; their mean
is much nearer to it than any of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend


class Average:
    """Running mean of the parameters after each of the last epochs.

    Parameters
    ----------
    backend : Backend
    n_epochs : int
        Of the whole training.
    share : float
        Share of the epochs, the last ones, that are averaged; 0 for none.
    """

    def __init__(self, backend: Backend, n_epochs: int, share: float) -> None:
        self.backend = backend
        self.first = n_epochs - round(share * n_epochs)
        self.n_seen = self.n_averaged = 0
        self.mean: dict[str, Array] = {}

    def add(self, parameters: dict[str, Array]) -> None:
        """Take notice of the parameters at the end of an epoch."""
        self.n_seen += 1
        if self.n_seen <= self.first:
            return
        self.n_averaged += 1
        for name, array in parameters.items():
            if name not in self.mean:
                self.mean[name] = self.backend.xp.asarray(array, copy=True)
            else:
                self.mean[name] += (array - self.mean[name]) / self.n_averaged

    @property
    def state(self) -> dict[str, Any]:
        """What :meth:`load` goes on from, on the host."""
        host = {name: np.array(self.backend.to_host(mean)) for name, mean in self.mean.items()}
        return {"n_seen": self.n_seen, "n_averaged": self.n_averaged, "mean": host}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what :attr:`state` returned."""
        self.n_seen, self.n_averaged = state["n_seen"], state["n_averaged"]
        self.mean = {k: self.backend.asarray(np.array(v)) for k, v in state["mean"].items()}

    def store(self, parameters: dict[str, Array]) -> None:
        """Put the means in the place of the parameters, if there are any."""
        for name, mean in self.mean.items():
            self.backend.store(mean, parameters[name])
