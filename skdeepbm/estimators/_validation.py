"""Checks of the data, on the host and on a device."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import _check_feature_names, _check_n_features, validate_data

from skdeepbm.backends import Backend, owner_of
from skdeepbm.exceptions import DataRangeWarning
from skdeepbm.models.units import Units
from skdeepbm.training.start import constant_columns

# scalers to [0, 1] overshoot by rounding
_TOLERANCE = 1e-6
# elements of the rows that are looked at together
_CHUNK = 2**20


def name_of(estimator: Any) -> str:
    """What messages call an estimator: its class, or its place while it is fitted as a layer."""
    return getattr(estimator, "_place", None) or type(estimator).__name__


def user_level() -> int:
    """``stacklevel`` at which a warning of the calling function names the user's own line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package not in ("skdeepbm", "sklearn", "joblib", "contextlib"):
            break
        frame, level = frame.f_back, level + 1
    return level


def check_data(estimator: Any, X: Any, backend: Backend, *, reset: bool, sparse: bool) -> Any:
    """Validated data: an ndarray or CSR on the host, or a device array, of float32 or float64.

    Parameters
    ----------
    estimator : estimator
    X : array-like, sparse matrix or array, or device array
    backend : Backend
        That will compute; arrays of another device are brought to the host.
    reset : bool
        Whether this call decides the number and names of the features.
    sparse : bool
        Whether sparse data are accepted.

    Raises
    ------
    ValueError, TypeError
        Naming the estimator, the place and the remedy.
    """
    name = name_of(estimator)
    owner = owner_of(X)
    if owner is backend:
        return _check_device_array(estimator, X, backend, reset)
    if owner is not None:
        X = owner.to_host(X)
    if sp.issparse(X) and not sparse:
        raise TypeError(
            f"Sparse data was passed for X, but {name} with visible={estimator.visible!r} needs "
            "dense data: every value of a Gaussian unit counts, also a zero. Use X.toarray() if it "
            "fits into memory, or visible='bernoulli' for data in [0, 1]."
        )
    try:
        checked = validate_data(
            estimator,
            X,
            accept_sparse="csr" if sparse else False,
            dtype=[np.float64, np.float32],
            order=None if sp.issparse(X) else "C",
            reset=reset,
        )
    except (ValueError, TypeError) as error:
        message = str(error)
        place = _find_bad_value(estimator, X, message)
        if place is None:
            raise
        named = message if name in message else f"{name}: {message}"
        raise type(error)(f"{named}\n{place}") from error
    if sp.issparse(checked) and not checked.has_canonical_format:
        checked = checked.copy()
        checked.sum_duplicates()
    return checked


def _find_bad_value(estimator: Any, X: Any, message: str) -> str | None:
    """Where the value is that a check complained of, and what to do."""
    if "NaN" in message or "infinity" in message:
        return _place_of_not_finite(X)
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        kinds = [getattr(dtype, "kind", "b") for dtype in X.dtypes]
        bad = [str(c) for c, kind in zip(X.columns, kinds, strict=False) if kind not in "biuf"]
        if bad:
            counts = getattr(estimator, "visible", None) == "multinomial"
            encoders = "CountVectorizer" if counts else "OneHotEncoder, OrdinalEncoder"
            return (
                f"Columns of {name_of(estimator)}'s input that are not numbers: "
                f"{', '.join(bad[:5])}{', ...' if len(bad) > 5 else ''}. Encode them "
                f"({encoders}) or leave them out with a ColumnTransformer."
            )
    return None


def _place_of_not_finite(X: Any) -> str | None:
    place = first_not_finite(X)
    if place is None:
        return None
    # imputers refuse infinite values too
    first = "Replace infinite values by NaN, then impute" if place.is_infinite else "Impute"
    return (
        f"The first of {place.n_such} such values is in {place.where}. {first} them "
        "(SimpleImputer) or drop the rows."
    )


class NotFinite(NamedTuple):
    """Values that are no finite numbers: how many, where the first is, if any is infinite."""

    n_such: int
    where: str
    is_infinite: bool


def first_not_finite(X: Any) -> NotFinite | None:
    """Such values among rows on the host; None where there are none, or no rows of numbers."""
    if sp.issparse(X):
        coo = X.tocoo()
        at = np.flatnonzero(~np.isfinite(coo.data))
        bad = np.stack([coo.coords[0][at], coo.coords[1][at]], axis=1)
        is_infinite = bool(np.isinf(coo.data).any())
        bad = bad[np.lexsort((bad[:, 1], bad[:, 0]))]
    else:
        try:
            values = np.asarray(X)
            values = values if values.dtype.kind == "f" else values.astype(np.float64)
        except (ValueError, TypeError):
            return None
        if values.ndim != 2:
            return None
        is_infinite = bool(np.isinf(values).any())
        bad = np.argwhere(~np.isfinite(values))
    if not len(bad):
        return None
    row, column = (int(i) for i in bad[0])
    names = getattr(X, "columns", None)
    name = str(column) if names is None else f"{column} ({str(names[column])!r})"
    return NotFinite(len(bad), f"row {row}, column {name}", is_infinite)


def _check_device_array(estimator: Any, X: Any, backend: Backend, reset: bool) -> Any:
    xp, name = backend.xp, name_of(estimator)
    if X.ndim != 2:
        raise ValueError(f"{name} expects a 2D array, got {X.ndim}D. Reshape X to (rows, columns).")
    if X.shape[0] < 1 or X.shape[1] < 1:
        raise ValueError(f"{name} needs at least one row and one column, got shape {X.shape}.")
    if X.dtype not in (xp.float32, xp.float64):
        X = xp.astype(X, xp.float64)
    if not bool(xp.all(xp.isfinite(X))):
        place = _place_of_not_finite(backend.to_host(X))
        raise ValueError(f"Input X of {name} contains NaN or infinity.\n{place}")
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
    return X


def repair_range(estimator: Any, X: Any, kind: type[Units], warn: bool = True) -> tuple[Any, bool]:
    """Data inside the support of the visible units, and whether they were not.

    The rule: values outside are clipped to the nearest end of the support, with one warning.
    Values on the host are copied before that.
    """
    if kind.support is None:
        return X, False
    low, high = kind.support
    owner = owner_of(X)
    values = X.data if sp.issparse(X) else X
    if 0 in values.shape:
        return X, False
    if owner is None:
        least, most = float(values.min()), float(values.max())
    else:
        least, most = float(owner.xp.min(values)), float(owner.xp.max(values))
    if least >= low - _TOLERANCE and most <= high + _TOLERANCE:
        return X, False
    if warn:
        _warn_of_range(estimator, X, kind)
    if sp.issparse(X):
        X = X.copy()
        np.clip(X.data, low, high, out=X.data)
        return X, True
    return (np.clip(X, low, high) if owner is None else owner.xp.clip(X, min=low, max=high)), True


def _warn_of_range(estimator: Any, X: Any, kind: type[Units]) -> None:
    assert kind.support is not None
    low, high = kind.support
    owner = owner_of(X)
    values = X.data if sp.issparse(X) else X
    host = values if owner is None else owner.to_host(values)
    outside = (host < low - _TOLERANCE) | (host > high + _TOLERANCE)
    if sp.issparse(X):
        first = int(np.flatnonzero(outside)[0])
        row = int(np.searchsorted(X.indptr, first, side="right")) - 1
        column, value = int(X.indices[first]), float(host[first])
        n_columns = np.unique(X.indices[outside]).size
    else:
        row, column = (int(i) for i in np.argwhere(outside)[0])
        value, n_columns = float(host[row, column]), int(outside.any(axis=0).sum())
    warnings.warn(
        f"{name_of(estimator)}: column {column_name(estimator, column)} holds {value:g} in "
        f"row {row}, outside [{low:g}, {high:g}], the range of {kind.kind} visible units "
        f"({n_columns} of {X.shape[1]} columns have such values). Values outside are clipped. "
        "Scale the data with MinMaxScaler(clip=True), or use visible='gaussian' for real values.",
        DataRangeWarning,
        stacklevel=user_level(),
    )


def warn_of_constant_columns(estimator: Any, mean: np.ndarray, variance: np.ndarray) -> None:
    """Warn of columns from which Gaussian units cannot learn a variance."""
    constant = np.flatnonzero(constant_columns(mean, variance))
    if constant.size:
        warnings.warn(
            f"{name_of(estimator)}: column {column_name(estimator, int(constant[0]))} is "
            f"constant ({constant.size} of {mean.size} columns are). Its Gaussian unit gets the "
            "variance 1. Remove such columns with VarianceThreshold.",
            DataRangeWarning,
            stacklevel=user_level(),
        )


def warn_of_groups(estimator: Any, X: Any, groups: tuple[int, ...] | None) -> None:
    """Warn of the first row in which a softmax group does not sum to one."""
    n_rows, n_columns = X.shape
    edges = np.concatenate([[0], np.cumsum(groups or (n_columns,))])
    owner, step = owner_of(X), max(1, _CHUNK // n_columns)
    group_of_column = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    member = sp.csr_array(
        (np.ones(n_columns), group_of_column, np.arange(n_columns + 1)),
        shape=(n_columns, len(edges) - 1),
    )
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        if sp.issparse(X):
            totals = (sp.csr_array(X[start:stop]) @ member).toarray()
        else:
            part = X[start:stop, :]
            host = part if owner is None else owner.to_host(part)
            totals = np.add.reduceat(host, edges[:-1], axis=1, dtype=np.float64)
        bad = np.argwhere(np.abs(totals - 1.0) > 1e-3)
        if len(bad):
            row, group = (int(i) for i in bad[0])
            first, last = int(edges[group]), int(edges[group + 1]) - 1
            warnings.warn(
                f"{name_of(estimator)}: columns {column_name(estimator, first)} to "
                f"{column_name(estimator, last)} (group {group}) sum to {totals[row, group]:g} in "
                f"row {start + row}, but a softmax group needs exactly one 1 in every row. The "
                "values are used as they are. Encode categories with OneHotEncoder and give the "
                "sizes of the groups as visible_groups.",
                DataRangeWarning,
                stacklevel=user_level(),
            )
            return


def column_name(estimator: Any, column: int) -> str:
    names = getattr(estimator, "feature_names_in_", None)
    return str(column) if names is None else f"{column} ({names[column]!r})"
