"""Contrastive divergence (Hinton 2002): chains start at the data in every batch."""

from __future__ import annotations

from typing import Any

from skdeepbm.backends import Array, Stream
from skdeepbm.models.rbm import RBM
from skdeepbm.sampling import gibbs_chain
from skdeepbm.training.negative_phases.base import NegativePhase


class ContrastiveDivergence(NegativePhase):
    """CD-k. The data drive a drawn hidden state; later steps go on from the chain.

    With ``visible_states="mean"`` reconstructions are probabilities (Hinton 2010, section 3.2),
    which suits data that are probabilities themselves, such as grey values: drawn reconstructions
    vary more than such data can.
    """

    algorithm = "cd"
    from_data = True

    def _begin(self, rbm: RBM, stream: Stream, state: Any, memory: dict, base_bias: Any) -> None:
        self.draw_visible = self.settings.visible_states == "draw"

    def n_rows(self, n_data: int) -> int:
        return n_data

    def run(
        self, rbm: RBM, h_data: Array | None, n_steps: int, stream: Stream, v: Array, h_mean: Array
    ) -> None:
        assert h_data is not None
        gibbs_chain(rbm, h_data, n_steps, stream, v, h_mean, draw_visible=self.draw_visible)
