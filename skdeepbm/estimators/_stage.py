"""What callbacks learn of a fit in progress, and what an interrupted fit goes on from."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._early_stopping import EarlyStopping
from skdeepbm.training import Trainer, TrainingState


class Stage:
    """One part of a fit, which callbacks find with :func:`stage_of`.

    A callback that sets ``saved`` at the beginning of a stage, to what :meth:`snapshot` returned
    at the end of an epoch of an earlier fit, lets training go on from there.

    Parameters
    ----------
    estimator : estimator
    backend : Backend
    context : CallbackContext
        Of the stage's task.
    going_on : bool, default=False
        Whether the fit goes on from the estimator's fitted arrays.
    has_epochs : bool, default=True
        False for the whole of a deep fit, whose parts are stages of their own.
    sample_weight : array-like or None, default=None
        What `fit` was given.

    Attributes
    ----------
    entries : list of dict
        The history of the stage, an entry for each epoch, those before ``saved`` included.
    saved : dict or None
        What to go on from.
    """

    def __init__(
        self,
        estimator: Any,
        backend: Backend,
        context: Any,
        going_on: bool = False,
        has_epochs: bool = True,
        sample_weight: Any = None,
    ) -> None:
        self.estimator, self.backend = estimator, backend
        self.going_on, self.has_epochs = going_on, has_epochs
        self.sample_weight = sample_weight
        # scikit-learn hands `metadata` to scorers, which take no other than weights
        context._skdeepbm_stage = self
        self.entries: list[dict[str, Any]] = []
        self.saved: dict[str, Any] | None = None
        self._trainer: Trainer | None = None
        self._stopping: EarlyStopping | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing of the stage is left to do."""
        return self.saved is not None and bool(self.saved["is_finished"])

    def take_seed(self) -> bool:
        """Give the estimator the seed of what it goes on from, if there is such."""
        if self.saved is None:
            return False
        self.estimator._entropy = self.saved["entropy"]
        return True

    def state(self) -> TrainingState:
        """What the trainer is to be made with."""
        assert self.saved is not None
        return TrainingState(**self.saved["trainer"]["state"])

    def begin(self, trainer: Trainer, stopping: EarlyStopping | None) -> None:
        """Go on from ``saved``, once the trainer was made with :meth:`state`."""
        self._trainer, self._stopping = trainer, stopping
        if self.saved is None:
            return
        self.entries.extend(self.saved["entries"])
        if stopping is not None and not self.is_finished:
            stopping.load(self.saved["stopping"], self.backend.asarray)
        trainer.resume(self.saved["trainer"], stopping is not None and stopping.is_over)

    def snapshot(self, is_finished: bool = False) -> dict[str, Any] | None:
        """Everything that the stage needs to go on bit for bit, on the host.

        Dicts, lists and tuples of arrays, numbers, strings and None, some of them not copied.
        None where the trainer can only begin again from the start of the stage.
        """
        found = {"is_finished": is_finished, "entropy": self.estimator._entropy}
        if not self.has_epochs:
            return found
        trainer, stopping = self._trainer, self._stopping
        assert trainer is not None
        if not (is_finished or trainer.is_resumable):
            return None

        def host(array: Any) -> np.ndarray:
            return np.array(self.backend.to_host(array))

        return {
            **found,
            "entries": self.entries,
            "trainer": trainer.snapshot(),
            "stopping": None if stopping is None else stopping.state(host),
        }

    def end(self) -> None:
        """Let go of the trainer, which the tree of contexts would keep."""
        self._trainer = self._stopping = None


def begin_deep_fit(
    estimator: Any, backend: Backend, X: Any, y: Any, going_on: bool, sample_weight: Any = None
) -> tuple[Any, bool]:
    """Tell callbacks of the fit of an estimator whose parts are stages.

    Returns
    -------
    context : CallbackContext
        Of the fit.
    has_seed : bool
        Whether the estimator now has the seed of an interrupted fit that it goes on from.
    """
    context = estimator._init_callback_context(max_subtasks=None)
    stage = Stage(estimator, backend, context, going_on, False, sample_weight)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    return context, stage.take_seed()


def stage_of(context: Any) -> Stage | None:
    """The stage that a task is, or whose epoch it is; None for other tasks."""
    stage = getattr(context, "_skdeepbm_stage", None)
    if stage is None and context.parent is not None and context.task_name == "epoch":
        stage = getattr(context.parent, "_skdeepbm_stage", None)
    return stage
