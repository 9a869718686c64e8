"""Estimators of the negative phase of a replicated softmax, by the name in ``algorithm``."""

from skdeepbm.training.word_phases.base import Fantasy, WordPhase
from skdeepbm.training.word_phases.cd import WordContrastiveDivergence
from skdeepbm.training.word_phases.pcd import PersistentWords
from skdeepbm.training.word_phases.pt import TemperedWords

WORD_PHASES: dict[str, type[WordPhase]] = {
    phase.algorithm: phase for phase in (WordContrastiveDivergence, PersistentWords, TemperedWords)
}

__all__ = ["WORD_PHASES", "Fantasy", "WordPhase"]
