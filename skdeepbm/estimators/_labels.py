"""Labels of a classifier: classes and codes, rows without a label, and weights of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _check_y

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._hyperparameters import check_count

# elements that are hashed together
_CHUNK = 2**20
# most rows that weights make of one row on average, and how many are never too many
_MOST, _FEW = 4, 2**17


@dataclass(frozen=True)
class LabelledData:
    """Validated rows of features with the class of each row that is trained on.

    Attributes
    ----------
    X : ndarray, CSR or device array of shape (n_rows, n_features)
    classes : ndarray of shape (n_classes,)
    codes : ndarray of int of shape (n_trained,)
        Class of each row that is trained on; -1 for none.
    index : ndarray of int of shape (n_trained,) or None
        Those rows of ``X``, in this order; None for all as they are.
    """

    X: Any
    classes: np.ndarray
    codes: np.ndarray
    index: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.codes.size), int(self.X.shape[1])


def encode_labels(estimator: Any, y: Any, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Classes and the class of each row.

    Parameters
    ----------
    estimator : estimator
        Its parameter ``unlabelled`` is the value of y that marks a row without a label, None if
        every value is a class. Where y holds nothing but that value and one other, both are
        classes: -1 and 1 are the usual names of two.
    y : array-like of shape (n_rows,)
    classes : array-like of shape (n_classes,) or None, default=None
        All classes there are; None takes those of y. The value that marks rows without a label may
        be among them and is then a class.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    codes : ndarray of int of shape (n_rows,)
        Indices into ``classes``; -1 for rows without a label.

    Raises
    ------
    ValueError
        In the words of scikit-learn: y is missing, not one-dimensional, not finite, continuous,
        has a class that is not in ``classes`` or fewer than two.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    owner = owner_of(y)
    y = _checked_labels(estimator, y if owner is None else owner.to_host(y))
    missing = _is_marked(y, estimator.unlabelled)
    if classes is not None:
        classes = _unique(estimator, np.asarray(classes))
        if _is_marked(classes, estimator.unlabelled).any():
            missing[:] = False
    elif missing.any():
        others = _unique(estimator, y[~missing])
        if others.size == 1:
            missing[:] = False
    labelled = y[~missing]
    found = _unique(estimator, labelled)
    if labelled.size:
        check_classification_targets(labelled)
    if classes is None:
        classes = found
    elif labelled.size and not np.isin(found, classes).all():
        unknown = found[~np.isin(found, classes)]
        raise ValueError(
            f"The target label(s) {unknown} in y do not exist in the initial classes {classes} of "
            f"{name}."
        )
    if classes.size < 2:
        raise ValueError(
            f"The number of classes has to be greater than one; got {classes.size} class"
            f"{'' if classes.size == 1 else 'es'} in the labels of {name}."
            + (
                f" {int(missing.sum())} of {y.size} rows hold unlabelled={estimator.unlabelled!r} "
                "and count as rows without a label."
                if missing.any()
                else ""
            )
        )
    codes = np.full(y.size, -1, dtype=np.intp)
    codes[~missing] = np.searchsorted(classes, labelled.astype(classes.dtype, copy=False))
    return classes, codes


def _checked_labels(estimator: Any, y: Any) -> np.ndarray:
    """One label for each row, in an array, or scikit-learn's error and what to do."""
    name, mark = type(estimator).__name__, estimator.unlabelled
    complaint: Exception | None = None
    try:
        checked = _check_y(y, estimator=estimator)
    except (ValueError, TypeError) as error:
        complaint = error
    # scikit-learn lets None pass
    if complaint is None and checked.dtype.kind != "O":
        return checked
    shape = np.shape(y)
    if complaint is not None and len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"{complaint} {name} takes the class of each row: y.argmax(axis=1), if the rows of y "
            "are one-hot."
        ) from complaint
    gaps = np.flatnonzero([_is_gap(value) for value in np.ravel(np.asarray(y, dtype=object))])
    if not gaps.size:
        if complaint is not None:
            raise complaint
        return checked
    text = str(complaint) if "NaN" in str(complaint) else f"Input y of {name} contains None or NA."
    to_put = "a value of your own that unlabelled names" if mark is None else f"{mark!r}"
    raise ValueError(
        f"{text}\nThe first of {gaps.size} such values is in row {gaps[0]}. Put {to_put} in the "
        f"place of each label that {name} is to do without, or drop these rows."
    ) from complaint


def _is_gap(value: Any) -> bool:
    """Whether a label is None, NaN or the NA of pandas."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        # NA is ambiguous
        return True


def classes_of_partial_fit(estimator: Any, classes: Any, going_on: bool) -> Any:
    """The classes that `partial_fit` was given, or those that an earlier call set.

    Raises
    ------
    ValueError
        If there are none, if they are others than before, or if ``class_weight`` would need all
        labels at once.
    """
    name = type(estimator).__name__
    if classes is None and not going_on:
        raise ValueError(f"classes must be passed on the first call to partial_fit of {name}.")
    if isinstance(estimator.class_weight, str):
        raise ValueError(
            f"class_weight={estimator.class_weight!r} of {name} is not supported by partial_fit, "
            "which does not see all labels. Pass a dict, for example of "
            "sklearn.utils.class_weight.compute_class_weight."
        )
    return known_classes(estimator, classes) if going_on else classes


def known_classes(estimator: Any, classes: Any) -> np.ndarray:
    """The classes of a fitted estimator, which ``classes`` must be if they are not None."""
    if classes is not None and not np.array_equal(np.unique(classes), estimator.classes_):
        raise ValueError(
            f"`classes={classes!r}` of {type(estimator).__name__} is not the same as on the last "
            f"call, where it was {estimator.classes_!r}."
        )
    return np.asarray(estimator.classes_)


def taken_rows(
    backend: Backend, X: Any, codes: np.ndarray, index: np.ndarray | None
) -> tuple[Any, np.ndarray]:
    """Rows with their codes, each as often as ``index`` names it; all of them if that is None."""
    if index is None:
        return X, codes
    return backend.take_rows(X, index) if owner_of(X) is backend else X[index], codes[index]


def class_shares(codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Share of each class among the labels; equal ones without any."""
    known = codes[codes >= 0]
    if not known.size:
        return np.full(n_classes, 1 / n_classes)
    return np.bincount(known, minlength=n_classes) / known.size


def one_hot(codes: np.ndarray, n_classes: int, dtype: Any) -> np.ndarray:
    """One row for each code; zeros for -1."""
    return (codes[:, None] == np.arange(n_classes)).astype(dtype)


def rows_to_sample(estimator: Any, n_samples: Any, labels: Any) -> tuple[int, np.ndarray | None]:
    """Number of rows that `sample` draws, and positions in ``classes_`` of their labels, if given.

    One class alone is that of all rows; without a number there are as many rows as labels, or one.

    Raises
    ------
    ValueError
        If a label is no class, if their number is not ``n_samples``, or if that is no number.
    """
    if n_samples is not None:
        if isinstance(n_samples, str) or np.ndim(n_samples) > 0:
            raise ValueError(
                f"n_samples of {type(estimator).__name__}.sample is the number of rows, got "
                f"{n_samples!r}: give classes as labels={n_samples!r}."
            )
        check_count(estimator, "n_samples", n_samples)
    if labels is None:
        return 1 if n_samples is None else int(n_samples), None
    owner, name = owner_of(labels), type(estimator).__name__
    given = np.asarray(labels if owner is None else owner.to_host(labels))
    if given.ndim == 0:
        given = np.repeat(given.reshape(1), 1 if n_samples is None else n_samples)
    if given.ndim != 1 or (n_samples is not None and given.size != n_samples):
        raise ValueError(
            f"labels of {name}.sample have shape {given.shape}, but one class or "
            f"({n_samples if n_samples is not None else 'n_samples'},) is needed."
        )
    check_count(estimator, "the number of labels", given.size)
    known = {label: code for code, label in enumerate(estimator.classes_.tolist())}
    unknown = [label for label in given.tolist() if label not in known]
    if unknown:
        raise ValueError(
            f"labels of {name}.sample hold {unknown[0]!r}, which is none of the classes "
            f"{estimator.classes_.tolist()}."
        )
    codes = np.array([known[label] for label in given.tolist()], dtype=np.intp)
    return codes.size, codes


def _is_marked(y: np.ndarray, marker: Any) -> np.ndarray:
    """Where y is the value of rows without a label."""
    if marker is None:
        return np.zeros(y.size, dtype=bool)
    if y.dtype.kind in "US":
        # a list of strings and numbers has become strings
        return np.asarray(y.astype(str) == str(marker))
    if y.dtype.kind == "O":
        return np.array([type(value) is not bool and bool(value == marker) for value in y], bool)
    return np.asarray(y == marker) if not isinstance(marker, str) else np.zeros(y.size, bool)


def _unique(estimator: Any, values: np.ndarray) -> np.ndarray:
    try:
        if values.dtype.kind == "O" and all(isinstance(value, str) for value in values):
            values = values.astype(str).astype(object)
        return np.unique(values)
    except TypeError as error:
        raise ValueError(
            f"The labels of {type(estimator).__name__} are of several kinds "
            f"({', '.join(sorted({type(value).__name__ for value in values}))}), which have no "
            "order. Use strings or numbers alone."
        ) from error


def replicated_rows(
    estimator: Any,
    X: Any,
    y_codes: np.ndarray,
    sample_weight: Any = None,
    class_weight: Any = None,
    classes: np.ndarray | None = None,
    canonical: bool = False,
) -> np.ndarray | None:
    """Rows to train on, each as often as its weight says.

    Weights are honoured by repeating rows in proportion, since stochastic steps of very different
    sizes learn badly: of N rows, the i-th is the one at ``(i + 1/2) total / N`` of the cumulative
    weights. N is the rounded total of the weights, but at least the number of different rows of
    positive weight, and at most four times that number (or the rows that ``sample_weight`` alone
    stands for, up to 131,072 or as many as there are). Whole sample weights thus repeat rows
    exactly; with very unequal weights, rows of small weight may be left out.

    With ``sample_weight``, equal rows of equal labels are one row that has the sum of their
    weights, and rows come in an order that depends on their values alone: how a weight is split
    between equal rows, and their order, change nothing.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    X : ndarray, CSR or device array of shape (n_rows, n_features)
        Validated.
    y_codes : ndarray of int of shape (n_rows,)
        -1 for rows without a label, whose class weight is 1.
    sample_weight : array-like of shape (n_rows,) or None, default=None
    class_weight : "balanced", dict or None, default=None
    classes : ndarray of shape (n_classes,) or None, default=None
        What the codes stand for, for keys of ``class_weight``; None for the codes themselves.
    canonical : bool, default=False
        Whether rows come in the order of their values without ``sample_weight`` too, so that a fit
        with weights is the same as one with repeated rows.

    Returns
    -------
    index : ndarray of int or None
        Rows of ``X``, in order; None for all rows as they are.

    Raises
    ------
    ValueError
        If weights are negative or not one for each row, or leave fewer than two classes.
    """
    n_rows, name = y_codes.size, type(estimator).__name__
    if sample_weight is None and class_weight is None:
        return np.argsort(row_keys(X, y_codes), kind="stable") if canonical else None
    weights: np.ndarray = np.ones(n_rows)
    if sample_weight is not None:
        weights = _check_sample_weight(
            sample_weight, y_codes, dtype=np.float64, ensure_non_negative=True
        )
    index = np.arange(n_rows)
    if sample_weight is not None or canonical:
        keys = row_keys(X, y_codes)
        _, index, inverse = np.unique(keys, return_index=True, return_inverse=True)
        weights = np.bincount(inverse, weights=weights, minlength=index.size)
    before = min(round(float(weights.sum())), max(n_rows, _FEW))
    if class_weight is not None:
        weights = weights * _class_weights(class_weight, classes, y_codes[index], weights)
    kept = weights > 0
    weights, index = weights[kept], index[kept]
    if np.unique(y_codes[index][y_codes[index] >= 0]).size < min(2, np.unique(y_codes).size):
        raise ValueError(
            f"{name} needs rows of at least two classes; rows of only one class have a positive "
            "weight. Check sample_weight and class_weight."
        )
    total, n_distinct = float(weights.sum()), index.size
    n = int(np.clip(round(total), n_distinct, max(_MOST * n_distinct, before)))
    places = (np.arange(n) + 0.5) * (total / n)
    found = np.searchsorted(np.cumsum(weights), places, side="right")
    return index[np.minimum(found, n_distinct - 1)]


def _class_weights(
    class_weight: Any, classes: np.ndarray | None, codes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Weight of each row's class."""
    known = codes >= 0
    names = np.arange(codes.max(initial=-1) + 1) if classes is None else classes
    present = np.unique(codes[known & (weights > 0)])
    each = np.ones(names.size + 1)  # the last one is that of code -1
    if isinstance(class_weight, str):
        each[present] = compute_class_weight(
            class_weight, classes=present, y=codes[known], sample_weight=weights[known]
        )
    else:
        each[:-1] = compute_class_weight(class_weight, classes=names, y=names)
    return each[codes]


def row_keys(X: Any, codes: np.ndarray) -> np.ndarray:
    """64 bits for each row and its label that are the same for equal rows, dense or CSR."""
    n_rows, n_columns = X.shape
    bits = np.random.Generator(np.random.SFC64(0)).integers(0, 2**63, n_columns + 1, np.uint64)
    multipliers = bits * np.uint64(2) + np.uint64(1)
    owner, keys = owner_of(X), np.empty(n_rows, np.uint64)
    step = max(1, _CHUNK // n_columns)
    for start in range(0, n_rows, step):
        part = X[start : min(start + step, n_rows), :]
        if sp.issparse(X):
            part = sp.csr_array(part)
            mixed = _mixed(part.data) * multipliers[part.indices]
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
            keys[start : start + step] = sums[part.indptr[1:]] - sums[part.indptr[:-1]]
        else:
            host = part if owner is None else owner.to_host(part)
            mixed = _mixed(host)
            mixed *= multipliers[:-1]
            keys[start : start + step] = mixed.sum(axis=1)
    return keys + (codes + 1).astype(np.uint64) * multipliers[-1]


def _mixed(values: np.ndarray) -> np.ndarray:
    """Well mixed bits of numbers; those of zero are zero."""
    # -0.0 + 0.0 is 0.0
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    bits *= np.uint64(0x9E3779B97F4A7C15)
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(0xD6E8FEB86659FD93)
    bits ^= bits >> np.uint64(29)
    return bits
