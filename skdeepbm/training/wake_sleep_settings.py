"""What up-down training is told."""

from __future__ import annotations

from dataclasses import dataclass

from skdeepbm.training.schedules import Schedule
from skdeepbm.training.settings import TrainingSettings


@dataclass(frozen=True)
class WakeSleepSettings:
    """Hyper-parameters of up-down training.

    Parameters
    ----------
    learning_rate, momentum, n_gibbs_steps : Schedule
        The steps are those of the top RBM.
    recognition_rate, generative_rate, top_rate : float
        Factors of the learning rate for each kind of parameters; 0 leaves them as they are.
    update : {"mean", "sum"}
        Whether the step is the mean or the sum over the rows of a batch.
    weight_decay : float
        Of all weights; its share of a step does not depend on ``update``.
    visible_states : {"auto", "mean", "draw"}
        Visible values of the sleep phase; "auto" draws those of units that have a variance.
    persistent : bool
        Whether the chains go on from batch to batch instead of starting at the wake states. There
        are as many as ``batch_size``, and their labels are drawn.
    batch_size, optimizer, averaging, shuffle
        As of every trainer.
    """

    learning_rate: Schedule = 0.01
    momentum: Schedule = 0.0
    n_gibbs_steps: Schedule = 3
    recognition_rate: float = 1.0
    generative_rate: float = 1.0
    top_rate: float = 1.0
    update: str = "mean"
    weight_decay: float = 0.0
    visible_states: str = "auto"
    persistent: bool = False
    batch_size: int = 100
    optimizer: str = "sgd"
    averaging: float = 0.0
    shuffle: bool = True

    @property
    def of_the_loop(self) -> TrainingSettings:
        """What the loop over epochs and batches reads."""
        return TrainingSettings(
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            n_gibbs_steps=self.n_gibbs_steps,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            averaging=self.averaging,
            shuffle=self.shuffle,
        )
