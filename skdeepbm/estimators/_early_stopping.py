"""When held-out rows say that training has gone far enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CRITERIA = ("pseudo_likelihood", "free_energy_gap")
#: of classifiers
LABEL_CRITERIA = ("cross_entropy", "error")


class EarlyStopping:
    """Stops after some epochs that were no better, and goes back to the best parameters.

    ``"pseudo_likelihood"``: an epoch is better if the mean exact pseudo-likelihood of the held-out
    rows is higher than ever before. ``"free_energy_gap"``: an epoch is good as long as the
    held-out rows' mean free energy is not above that of the training rows by more than three
    standard errors; a gap means overfitting (Hinton 2010, section 6). ``"cross_entropy"`` and
    ``"error"``: an epoch is better if this measurement of the held-out rows' labels is lower than
    ever before.

    Parameters
    ----------
    criterion : {"pseudo_likelihood", "free_energy_gap", "cross_entropy", "error"}
    n_iter_no_change : int
        Epochs without a better one after which to stop.
    held_out_score : callable
        Returns the mean pseudo-likelihood of the held-out rows.
    copies, restore : callable
        Copy the parameters in training, and go back to such copies.
    """

    def __init__(
        self,
        criterion: str,
        n_iter_no_change: int,
        held_out_score: Callable[[], float | None],
        copies: Callable[[], dict[str, Any]],
        restore: Callable[[dict[str, Any]], None],
    ) -> None:
        self.criterion, self.patience = criterion, n_iter_no_change
        self.held_out_score, self.copies, self.restore = held_out_score, copies, restore
        self.best_score = float("-inf")
        self.best: dict[str, Any] | None = None
        self.n_worse = 0

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        """Look at an epoch; True stops training."""
        if self.criterion == "free_energy_gap":
            better = entry["free_energy_gap"] <= 3.0 * entry["free_energy_gap_error"]
        else:
            score = (
                -entry[f"validation_{self.criterion}"]
                if self.criterion in LABEL_CRITERIA
                else self.held_out_score()
            )
            assert score is not None
            better = score > self.best_score
            self.best_score = max(score, self.best_score)
        if better:
            self.best, self.n_worse = self.copies(), 0
        else:
            self.n_worse += 1
        return self.n_worse >= self.patience

    def finish(self) -> None:
        """Go back to the parameters of the best epoch, if the last one was not the best."""
        if self.n_worse and self.best is not None:
            self.restore(self.best)
