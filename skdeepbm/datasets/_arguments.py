"""Checks of the generators' arguments."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_integer(function: str, name: str, value: Any, least: int) -> int:
    """Return ``value`` if it is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"{function}: {name} must be an integer of at least {least}, got {value!r}."
        )
    return int(value)


def check_length(function: str, name: str, value: Any, least: float) -> float:
    """Return ``value`` if it is a length in pixels, finite and at least ``least``."""
    if not isinstance(value, int | float | np.integer | np.floating) or not least <= value < np.inf:
        raise ValueError(
            f"{function}: {name} must be a number of pixels of at least {least:g}, got {value!r}."
        )
    return float(value)


def check_parameters(function: str, values: Any, names: tuple[str, ...]) -> np.ndarray:
    """Copy of the true parameters that a caller wants drawn, one row for each image."""
    wanted = f"one row for each image, with the columns {', '.join(names)}"
    try:
        parameters = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{function}: parameters must be numbers: {wanted}.") from error
    if parameters.ndim != 2 or parameters.shape[0] == 0 or parameters.shape[1] != len(names):
        raise ValueError(
            f"{function}: parameters must have {wanted}; got an array of shape {parameters.shape}."
        )
    wrong = ~np.isfinite(parameters).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"{function}: parameters must be finite; row {wrong.argmax()} is not. Remove such rows."
        )
    return parameters
