"""Negative phases of a deep Boltzmann machine of documents, by the name in ``algorithm``."""

from __future__ import annotations

from skdeepbm.backends import Array, DType
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.sampling.word_layers import LayerTempering
from skdeepbm.training.word_phases import WordPhase
from skdeepbm.training.word_phases.pcd import PersistentWords
from skdeepbm.training.word_phases.pt import TemperedWords


class PersistentWordLayers(PersistentWords):
    """Persistent chains of all layers, as long as the documents of a batch.

    Hidden states of a :class:`Fantasy` have the columns of all hidden layers.
    """

    model: WordDBM

    def _kind_of_states(self) -> tuple[int, DType]:
        return self.model.above.visible.size, self.model.dtype

    def _chains(self, h: Array) -> LayerTempering:
        return LayerTempering(self.model, h, self.exchanges)


class TemperedWordLayers(PersistentWordLayers, TemperedWords):
    """The same with exchanges between lengths, and with further chains of shorter documents."""

    algorithm = "pt"
    exchanges = True


WORD_LAYER_PHASES: dict[str, type[WordPhase]] = {
    phase.algorithm: phase for phase in (PersistentWordLayers, TemperedWordLayers)
}
