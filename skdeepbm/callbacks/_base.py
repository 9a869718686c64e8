"""What the callbacks share: their place in scikit-learn's protocol, and names of stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.estimators._stage import Stage, stage_of


class StageCallback:
    """A callback that is told of the stages of a fit.

    It reaches the layers of deep estimators and the steps of pipelines, as every callback with a
    ``max_propagation_depth`` does.
    """

    max_propagation_depth = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Called before the outermost estimator is fitted."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Called after the outermost estimator was fitted, also after an error."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Called at the beginning of every task."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Called at the end of every task."""
        stage = stage_of(context)
        if stage is not None and stage.has_epochs:
            owner = context.parent if context.task_name == "epoch" else context
            self._on_epochs(stage, "/".join(stage_path(owner)))

    def _on_epochs(self, stage: Stage, name: str) -> None:
        """The history of a stage may have grown."""


def stage_path(context: Any) -> tuple[str, ...]:
    """Names of the tasks that lead to one, from below the outermost; ``("fit",)`` for that."""
    if context.parent is None:
        return (str(context.task_name),)
    path: tuple[str, ...] = ()
    while context.parent is not None:
        # a fit is at the same time the task of a layer or of a step of a pipeline
        name = context.source_task_name or context.task_name
        path = (f"{context.task_id}-{name.replace(' ', '-')}", *path)
        context = context.parent
    return path


def scalars(entry: dict[str, Any]) -> dict[str, float]:
    """The numbers of an entry of the history; of arrays, such as norms of all units, the mean."""
    return {
        name if np.ndim(value) == 0 else f"{name}_mean": float(np.mean(value, dtype=np.float64))
        for name, value in entry.items()
    }
