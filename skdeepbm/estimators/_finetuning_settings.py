"""From the settings of a fine-tuning to those of its trainer, and checks before any training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from skdeepbm.estimators._base import VALIDATION
from skdeepbm.estimators._hyperparameters import check_schedules
from skdeepbm.estimators._labels import row_keys
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.training.backprop import BackpropTrainer
from skdeepbm.training.settings import BackpropSettings
from skdeepbm.training.solvers import SolverSettings, SolverTrainer

SOLVERS = ("lbfgs", "cg")


@dataclass(frozen=True)
class Falling:
    """Straight line from ``start`` to 0 over ``n_epochs``, from an epoch on."""

    start: float
    first: int
    n_epochs: int

    def __call__(self, epoch: int) -> float:
        return self.start * (1.0 - min(max(epoch - self.first, 0) / self.n_epochs, 1.0))


def learning_rate(settings: Any, first: int, n_epochs: int | None, start: float) -> Any:
    """The learning rate; "auto" falls from ``start`` to 0 in a `fit`, and stays for single steps.

    Those have ``n_epochs=None``.
    """
    if not isinstance(settings.learning_rate, str):
        return settings.learning_rate
    return start if n_epochs is None else Falling(start, first, max(n_epochs, 1))


def classifier_rate(settings: Any, n_rows: int) -> float:
    """Where the "auto" rate of a belief net begins."""
    if isinstance(settings, Backprop):
        return 1e-3 if settings.optimizer == "adam" else 0.1
    return min(0.003 * rows_per_batch(settings, n_rows), 0.3)


def autoencoder_rate(
    settings: Backprop, n_features: int, visible: str, hidden: tuple[str, ...]
) -> float:
    """Where the "auto" rate of an autoencoder begins, whose loss is a sum over features.

    That of counts is a mean over the words of a document; linear outputs have no bounds. Where no
    hidden layer has any either, the curvature grows with the squared norms of rows.

    Parameters
    ----------
    settings : Backprop
    n_features : int
    visible : str
        Kind of the visible units.
    hidden : tuple of str
        Kinds of the hidden layers up to the code.
    """
    if settings.optimizer == "adam":
        return 3e-3
    if visible == "multinomial":
        return 0.1
    if visible == "gaussian" and set(hidden) <= {"gaussian", "relu"}:
        return min(0.02, 0.1 / n_features)
    return min(0.1, 10.0 / n_features) * (0.2 if visible == "gaussian" else 1.0)


def rows_per_batch(settings: Any, n_rows: int) -> int:
    """Size of the batches of a descent on so many rows."""
    given = settings.batch_size
    if given is None:
        return n_rows
    return min(max(n_rows // 100, 10), 100) if isinstance(given, str) else int(given)


def backprop_trainer(
    settings: Backprop, n_rows: int, rate: Any, **own: Any
) -> tuple[type[BackpropTrainer], BackpropSettings]:
    """Which trainer follows the settings, and what it is told, ``own`` besides them."""
    names = ("weight_decay", "shuffle", "max_norm", "dropout", "input_dropout", "averaging")
    shared = {**{name: getattr(settings, name) for name in names}, **own}
    shared["n_top_epochs"] = settings.n_top_iter
    if settings.optimizer in SOLVERS:
        whole = settings.batch_size is None or isinstance(settings.batch_size, str)
        return SolverTrainer, SolverSettings(
            solver=settings.optimizer,
            batch_size=1000 if whole else settings.batch_size,
            n_line_searches=None if whole else settings.n_line_searches,
            **shared,
        )
    return BackpropTrainer, BackpropSettings(
        optimizer=settings.optimizer,
        learning_rate=rate,
        momentum=settings.momentum,
        batch_size=rows_per_batch(settings, n_rows),
        **shared,
    )


def held_out_rows(estimator: Any, settings: Backprop, X: Any, codes: np.ndarray) -> np.ndarray:
    """Labelled rows that are kept from training: the same share of every class, but at least one.

    Equal rows of equal label, such as those that weights repeat, are held out all or not at all.
    """
    _, first, inverse = np.unique(row_keys(X, codes), return_index=True, return_inverse=True)
    kinds = np.flatnonzero(codes[first] >= 0)
    present = codes[first][kinds]
    words = np.random.SeedSequence(estimator._entropy, spawn_key=(VALIDATION,))
    try:
        _, chosen = train_test_split(
            kinds,
            # of few rows, one of each class
            test_size=max(
                round(settings.validation_fraction * kinds.size), np.unique(present).size
            ),
            stratify=present,
            random_state=int(words.generate_state(1)[0]),
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping of {type(estimator).__name__} cannot hold out "
            f"validation_fraction={settings.validation_fraction!r} of {kinds.size} different "
            f"labelled rows with the same share of every class: {error}"
        ) from error
    return np.flatnonzero(np.isin(inverse, chosen))


def held_out_share(estimator: Any, settings: Backprop, n_rows: int) -> np.ndarray:
    """Rows that are kept from training where there are no labels."""
    n = min(max(1, round(settings.validation_fraction * n_rows)), n_rows - 1)
    if n < 1:
        raise ValueError(
            f"early_stopping of {type(estimator).__name__} needs at least 2 rows, one to train on "
            f"and one to hold out; X has n_samples = {n_rows}."
        )
    words = np.random.SeedSequence(estimator._entropy, spawn_key=(VALIDATION,))
    return np.sort(np.random.Generator(np.random.SFC64(words)).permutation(n_rows)[:n])


def check_backprop(
    estimator: Any, settings: Backprop, n_rows: int, first_epoch: int, n_epochs: int | None
) -> None:
    """Raise, before any training, for settings of backpropagation that make no sense.

    ``n_epochs`` of a `fit`; None for a single step.
    """
    check_schedules(settings, first_epoch, 1 if n_epochs is None else n_epochs)
    try:
        backprop_trainer(settings, n_rows, 0.0)
    except ValueError as error:
        raise ValueError(f"Backprop of {type(estimator).__name__}: {error}") from error


def check_finetuning(
    estimator: Any,
    settings: Backprop | WakeSleep | None,
    X: Any,
    codes: np.ndarray,
    first_epoch: int,
    n_epochs: int | None,
) -> None:
    """Raise, before any layer is trained, what fine-tuning would raise after that.

    Parameters
    ----------
    estimator : estimator
    settings : Backprop, WakeSleep or None
    X : ndarray, CSR or device array
        Validated rows.
    codes : ndarray of int of shape (n_rows,)
        Position of each row's class, -1 for unlabelled rows.
    first_epoch : int
    n_epochs : int or None
        Of a `fit`; None for a single step.
    """
    if settings is None:
        return
    name = type(estimator).__name__
    if isinstance(settings, WakeSleep):
        check_schedules(settings, first_epoch, 1 if n_epochs is None else n_epochs)
        if estimator.visible == "multinomial":
            raise ValueError(
                f"finetuning='wake-sleep' of {name} is not defined for counts of words, whose "
                "number the way down does not know. Use 'backprop' or None."
            )
        return
    check_backprop(estimator, settings, codes.size, first_epoch, n_epochs)
    if n_epochs is None:
        return
    if not (codes >= 0).any():
        raise ValueError(
            f"finetuning='backprop' of {name} needs rows with a label; all {codes.size} are marked "
            "as unlabelled."
        )
    if settings.early_stopping:
        held_out_rows(estimator, settings, X, codes)
