"""What version of the package a saved estimator is from."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from skdeepbm.estimators._validation import user_level
from skdeepbm.exceptions import OtherVersionWarning

_KEY = "_skdeepbm_version"


class VersionMixin:
    """Estimators that know, when they are loaded, what version has saved them.

    Goes before `BaseEstimator`. The version is part of the state alone: it is no attribute.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), _KEY: _version()}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved, here = state.pop(_KEY, None), _version()
        if saved not in (None, here):
            # without the name: layers of one model would say the same thing again
            warnings.warn(
                f"A model that skdeepbm {saved} has saved is loaded by skdeepbm {here}: before "
                "version 1.0 it may lack what this one needs, or give other results. Load it with "
                f"skdeepbm {saved}, or fit it anew.",
                OtherVersionWarning,
                stacklevel=user_level(),
            )
        super().__setstate__(state)  # type: ignore[misc]


def _version() -> str:
    return str(sys.modules[__name__.partition(".")[0]].__version__)
