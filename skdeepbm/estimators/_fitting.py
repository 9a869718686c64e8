"""The epochs of training as scikit-learn sees them: callbacks, printed lines, a last warning."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from skdeepbm.estimators._early_stopping import EarlyStopping
from skdeepbm.estimators._stage import Stage
from skdeepbm.estimators._validation import name_of, user_level
from skdeepbm.exceptions import BaseRateWarning, SilentLayerWarning


class EpochHooks:
    """Runs callbacks, collects the history and prints progress.

    Parameters
    ----------
    estimator : estimator
    context : CallbackContext
        Of the whole fit.
    X, y : object
        Handed to the callbacks.
    fitted_arrays : callable
        Returns the public fitted arrays of the model in training; None where they make no model.
    describe : callable
        What a printed line says of an entry of the history.
    stage : Stage
        Whose history it is.
    early_stopping : EarlyStopping or None, default=None
    """

    def __init__(
        self,
        estimator: Any,
        context: Any,
        X: Any,
        y: Any,
        fitted_arrays: Callable[[], dict | None],
        describe: Callable[[dict[str, Any]], str],
        stage: Stage,
        early_stopping: EarlyStopping | None = None,
    ) -> None:
        self.early_stopping = early_stopping
        self.estimator, self.context, self.X, self.y = estimator, context, X, y
        self.fitted_arrays, self.describe = fitted_arrays, describe
        self.entries = stage.entries
        self._epoch_context: Any = None
        self._begin = 0.0

    def epoch_begin(self) -> None:
        self._begin = time.perf_counter()
        self._epoch_context = self.context.subcontext(task_name="epoch")
        self._epoch_context.call_on_fit_task_begin(estimator=self.estimator, X=self.X, y=self.y)

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        self.entries.append(entry)
        if self.estimator.verbose:
            self._print_line(entry)
        enough = self.early_stopping is not None and self.early_stopping.epoch_end(entry)
        told = bool(
            self._epoch_context.call_on_fit_task_end(
                estimator=self.estimator,
                X=self.X,
                y=self.y,
                reconstruction_attributes=self.fitted_arrays,
            )
        )
        return enough or told

    def _print_line(self, entry: dict[str, Any]) -> None:
        seconds = time.perf_counter() - self._begin
        name, measured = name_of(self.estimator), self.describe(entry)
        print(f"[{name}] Iteration {len(self.entries)}, {measured}, time = {seconds:.2f}s")


#: a model that had fewer updates in a fit is not judged
ENOUGH_UPDATES = 100


def count_updates(entries: list[dict[str, Any]], n_rows: int, batch_size: int) -> int:
    """Updates of a fit with these entries of the history."""
    return len(entries) * -(-n_rows // batch_size)


def warn_of_base_rate(
    estimator: Any,
    entries: list[dict[str, Any]],
    data_variance: float,
    n_rows: int,
    error_of: Callable[[dict[str, Any]], float] = itemgetter("reconstruction_error"),
) -> bool:
    """Warn if the model reconstructs no better than the column means, after enough training.

    Returns whether it did. The error of the means is the mean variance of the columns, that of the
    model is what ``error_of`` finds in the last entry of the history.
    """
    n_updates = count_updates(entries, n_rows, estimator.batch_size)
    if n_updates < ENOUGH_UPDATES or data_variance == 0:
        return False
    error = error_of(entries[-1])
    if error <= 0.99 * data_variance:
        return False
    found = f"(mean squared error {error:.4g}, variance {data_variance:.4g})"
    if error > 1.5 * data_variance:
        text = (
            f"much worse than their means do {found}: training has run away. Lower learning_rate, "
            "or standardise the features."
        )
    else:
        text = (
            f"no better than their means do {found}: its hidden units say next to nothing. Raise "
            "learning_rate or n_iter, lower weight_decay or sparsity_cost, or check that the "
            "features depend on each other."
        )
        if estimator.visible == "bernoulli":
            text += (
                " If they are real values that were brought into [0, 1], standardise them instead, "
                "and use visible='gaussian'."
            )
    warnings.warn(
        f"{name_of(estimator)}: after {len(entries)} epochs the model reconstructs the data {text}",
        BaseRateWarning,
        stacklevel=user_level(),
    )
    return True


def warn_of_silent_layers(estimator: Any, entries: list[dict[str, Any]], n_rows: int) -> None:
    """Warn of hidden layers at least nine tenths of which are dead, after enough training."""
    if count_updates(entries, n_rows, estimator.batch_size) < ENOUGH_UPDATES:
        return
    dead = entries[-1]["dead_units"]
    silent = [i for i, share in enumerate(dead) if share >= 0.9]
    if silent:
        which = " and ".join(f"{i} ({100 * dead[i]:.0f} % of its units)" for i in silent)
        warnings.warn(
            f"{name_of(estimator)}: after {len(entries)} epochs of joint training these hidden "
            f"layers have nearly the same values for all rows, counted from 0: {which}. Either "
            "learning_rate is too high, which silences layers within a few epochs (see "
            "'dead_units' in the history): divide it by 10; or they have not begun to learn: use "
            "pretraining=True, centring=True, more epochs or a lower weight_decay.",
            SilentLayerWarning,
            stacklevel=user_level(),
        )
