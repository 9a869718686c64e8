"""When held-out rows say that training has gone far enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skdeepbm.estimators._validation import name_of

#: of an RBM
CRITERIA = ("pseudo_likelihood", "free_energy_gap")
#: of a deep Boltzmann machine, which has no pseudo-likelihood in closed form
MACHINE_CRITERIA = ("reconstruction_error", "free_energy_gap")
#: of classifiers
LABEL_CRITERIA = ("cross_entropy", "error")

Entry = dict[str, Any]


class EarlyStopping:
    """Stops after some epochs that were no better, and goes back to the best parameters.

    Parameters
    ----------
    is_better : callable
        Whether an epoch, by its entry of the history, is good enough to be kept; called once for
        each.
    n_iter_no_change : int
        Epochs without a better one after which to stop.
    copies, restore : callable
        Copy the parameters in training, and go back to such copies.
    """

    def __init__(
        self,
        is_better: Callable[[Entry], bool],
        n_iter_no_change: int,
        copies: Callable[[], dict[str, Any]],
        restore: Callable[[dict[str, Any]], None],
    ) -> None:
        self.is_better, self.patience = is_better, n_iter_no_change
        self.copies, self.restore = copies, restore
        self.best: dict[str, Any] | None = None
        self.n_worse = 0

    def epoch_end(self, entry: Entry) -> bool:
        """Look at an epoch; True stops training."""
        if self.is_better(entry):
            self.best, self.n_worse = self.copies(), 0
        else:
            self.n_worse += 1
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether training has stopped."""
        return self.n_worse >= self.patience

    def state(self, host: Callable[[Any], Any]) -> dict[str, Any]:
        """What :meth:`load` goes on from; ``host`` brings an array to the host."""
        best = None if self.best is None else {k: host(v) for k, v in self.best.items()}
        score = getattr(self.is_better, "best", None)
        return {"best": best, "n_worse": self.n_worse, "score": score}

    def load(self, state: dict[str, Any], asarray: Callable[[Any], Any]) -> None:
        """Go on from what :meth:`state` returned; ``asarray`` is the inverse of its ``host``."""
        best = state["best"]
        self.best = None if best is None else {k: asarray(v) for k, v in best.items()}
        self.n_worse = state["n_worse"]
        if isinstance(self.is_better, Rises):
            self.is_better.best = state["score"]

    def finish(self) -> None:
        """Go back to the parameters of the best epoch, if the last one was not the best."""
        if self.n_worse and self.best is not None:
            self.restore(self.best)


def check_held_out(estimator: Any) -> None:
    """Raise if early stopping has nothing to look at."""
    if estimator.early_stopping is not None and not estimator.validation_fraction:
        raise ValueError(
            f"early_stopping={estimator.early_stopping!r} of {name_of(estimator)} looks at "
            "held-out rows: set validation_fraction, for example to 0.1."
        )


class Rises:
    """Better is an epoch whose score is higher than ever before."""

    def __init__(self, score: Callable[[Entry], float]) -> None:
        self.score, self.best = score, float("-inf")

    def __call__(self, entry: Entry) -> bool:
        value = self.score(entry)
        better = value > self.best
        if better:
            self.best = value
        return better


def has_small_gap(entry: Entry) -> bool:
    """Good is an epoch without overfitting (Hinton 2010, section 6).

    The held-out rows' mean free energy must not be above that of the training rows by more than
    three standard errors.
    """
    return bool(entry["free_energy_gap"] <= 3.0 * entry["free_energy_gap_error"])
