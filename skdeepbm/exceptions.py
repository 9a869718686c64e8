"""Errors and warnings of skdeepbm."""

__all__ = [
    "BackendNotAvailableError",
    "BaseRateWarning",
    "CheckpointWarning",
    "DamagedFileError",
    "DataRangeWarning",
    "DivergenceError",
    "OtherVersionWarning",
    "SilentLayerWarning",
]


class BackendNotAvailableError(ImportError):
    """A backend was asked for whose library or device is not there.

    The message gives the command that installs it.
    """


class DivergenceError(ArithmeticError):
    """Training produced parameters that are not finite.

    The message names the epoch, the likely cause and what to change. The estimator
    keeps the parameters of the last epoch whose parameters were all finite.
    """


class DataRangeWarning(UserWarning):
    """Values that the chosen kind of visible unit cannot take.

    The message names the column and the row, the rule that is applied and the remedy.
    """


class BaseRateWarning(UserWarning):
    """The fitted model describes the data no better than independent features do."""


class CheckpointWarning(UserWarning):
    """A checkpoint is damaged and left out.

    The message names the file.
    """


class OtherVersionWarning(UserWarning):
    """A model is loaded by another version of skdeepbm than that which has saved it.

    The message names both.
    """


class SilentLayerWarning(UserWarning):
    """A hidden layer of a fitted model has nearly the same values for all rows.

    The message names the layers, the likely causes and what to change.
    """


class DamagedFileError(ValueError):
    """A file of ours was cut short or changed since it was written.

    The message names the file.
    """
