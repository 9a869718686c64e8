"""Retrieval by codes: how many of the rows nearest to a query are of its class.

Binary codes have few different distances, so that many rows are equally near, and what is found
among the first k depends on their order. Measures here are means over all orders of equally near
rows (McSherry & Najork 2008), which need no random number and do not depend on the order of the
data. Real distances that differ by less than 1e-12 of their scale count as equal, since rounding
errors would decide between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from skdeepbm.backends import owner_of
from skdeepbm.evaluation import hamming

# distances that are held at once
_CHUNK = 2**21
# real distances, whose scale is 1, that differ by no more are equal
_TOLERANCE = 1e-12


def retrieval_precision(
    codes: Any,
    y: Any,
    queries: Any = None,
    y_queries: Any = None,
    *,
    n_neighbors: Sequence[int] = (1, 3, 7, 15),
    metric: str = "cosine",
) -> np.ndarray:
    """Mean share of rows of the query's class among those nearest to it.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_features)
        With ``metric="hamming"`` packed codes, `uint8` as :func:`numpy.packbits` gives along the
        rows, or an array of bool; else real numbers.

    y : array-like of shape (n_samples,)
        Classes.

    queries : array-like of shape (n_queries, n_features) or None, default=None
        None: every row of `codes` is a query for the others.

    y_queries : array-like of shape (n_queries,) or None, default=None
        Classes of `queries`.

    n_neighbors : sequence of int, default=(1, 3, 7, 15)
        Numbers of nearest rows.

    metric : {"cosine", "euclidean", "hamming"}, default="cosine"
        Distance. The cosine with a row of zeros is 0.

    Returns
    -------
    precision : ndarray of shape (len(n_neighbors),)

    Raises
    ------
    ValueError
        If shapes do not fit, numbers of rows are not from 1 to those that can be retrieved, real
        codes are not finite, packed ones are not `uint8` or bool, or no query has a row of its
        class.

    Notes
    -----
    Where rows are equally near, the value is the mean over all their orders. Queries whose class
    has no (other) row are left out.

    References
    ----------
    McSherry, F., & Najork, M. (2008). Computing information retrieval performance measures
    efficiently in the presence of tied scores. ECIR, 414-421.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbm.metrics import retrieval_precision
    >>> codes = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.2]])
    >>> retrieval_precision(codes, [0, 0, 1, 1], n_neighbors=[1, 3])
    array([1.        , 0.33333333])
    """
    search = _Search("retrieval_precision", codes, y, queries, y_queries, metric)
    ks = search.numbers("n_neighbors", n_neighbors)
    hits = sum(found for found, _ in search.hits(ks))
    return hits / search.n_asked / ks


def precision_recall(
    codes: Any,
    y: Any,
    queries: Any = None,
    y_queries: Any = None,
    *,
    n_retrieved: Sequence[int] | None = None,
    metric: str = "cosine",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision-recall curve of retrieval, averaged over queries.

    Parameters
    ----------
    codes, y, queries, y_queries, metric
        As for :func:`retrieval_precision`.

    n_retrieved : sequence of int or None, default=None
        Numbers of rows that are retrieved. None is 1, 3, 7, 15, 31, 63, ... and all [1]_.

    Returns
    -------
    precision : ndarray of shape (n_points,)
        Mean share of rows of the query's class among those retrieved.

    recall : ndarray of shape (n_points,)
        Mean share of the rows of the query's class that are retrieved.

    n_retrieved : ndarray of int of shape (n_points,)

    Raises
    ------
    ValueError
        As :func:`retrieval_precision`.

    Notes
    -----
    Equally near rows and queries without a row of their class: as :func:`retrieval_precision`.

    References
    ----------
    .. [1] Hinton, G. E., & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data with
       neural networks. Science, 313, 504-507; figure 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbm.metrics import precision_recall
    >>> codes = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.2]])
    >>> precision, recall, n = precision_recall(codes, [0, 0, 1, 1])
    >>> n
    array([1, 3])
    >>> precision
    array([1.        , 0.33333333])
    >>> recall
    array([1., 1.])
    """
    search = _Search("precision_recall", codes, y, queries, y_queries, metric)
    if n_retrieved is None:
        powers = 2 ** np.arange(1, search.n_others.bit_length() + 1) - 1
        n_retrieved = [*powers[powers < search.n_others], search.n_others]
    ks = search.numbers("n_retrieved", n_retrieved)
    precision, recall = np.zeros(ks.size), np.zeros(ks.size)
    for found, n_relevant in search.hits(ks):
        precision += found / ks
        recall += found / n_relevant
    return precision / search.n_asked, recall / search.n_asked, ks


class _Search:
    """Checked arguments, and the expected hits of each query."""

    def __init__(
        self, name: str, codes: Any, y: Any, queries: Any, y_queries: Any, metric: str
    ) -> None:
        self.name = name
        if metric not in _DISTANCES:
            raise ValueError(f"metric={metric!r} of {name} must be one of {sorted(_DISTANCES)}.")
        if (queries is None) != (y_queries is None):
            raise ValueError(f"{name} needs both queries and y_queries, or neither.")
        self.own = queries is None
        base = self._codes("codes", codes, metric)
        labels = [self._labels("y", y, len(base))]
        asked = base
        if not self.own:
            asked = self._codes("queries", queries, metric)
            labels.append(self._labels("y_queries", y_queries, len(asked)))
        if asked.shape[1] != base.shape[1]:
            raise ValueError(
                f"queries of {name} have {asked.shape[1]} columns, but codes have {base.shape[1]}."
            )
        every = np.unique(np.concatenate(labels), return_inverse=True)[1]
        self.y, self.y_asked = every[: len(base)], every if self.own else every[len(base) :]
        self.n_others = len(base) - self.own
        n_relevant = np.bincount(self.y, minlength=every.max() + 1)[self.y_asked] - self.own
        self.asked = np.flatnonzero(n_relevant)
        self.n_asked, self.n_relevant = self.asked.size, n_relevant
        if not self.n_asked:
            raise ValueError(
                f"No query of {name} has a row of its own class among those to retrieve."
            )
        self.distances = _DISTANCES[metric](base, asked)

    def numbers(self, what: str, given: Sequence[int]) -> np.ndarray:
        """Numbers of retrieved rows."""
        ks = np.asarray(given)
        if ks.ndim != 1 or not ks.size or ks.dtype.kind not in "iu" or ks.min() < 1:
            raise ValueError(f"{what}={given!r} of {self.name} must be integers from 1.")
        if ks.max() > self.n_others:
            raise ValueError(
                f"{what} of {self.name} asks for {ks.max()} rows, but only {self.n_others} can be "
                "retrieved. Ask for fewer."
            )
        return ks

    def hits(self, ks: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """For each query, the expected hits among the `k` nearest rows, and how many there are."""
        size = max(1, _CHUNK // len(self.y))
        for start in range(0, self.n_asked, size):
            index = self.asked[start : start + size]
            for j, d in zip(index, self.distances(index), strict=True):
                relevant = self.y == self.y_asked[j]
                if self.own:
                    d, relevant = np.delete(d, j), np.delete(relevant, j)
                yield _expected_hits(d, relevant, ks), int(self.n_relevant[j])

    def _codes(self, what: str, values: Any, metric: str) -> np.ndarray:
        x = _on_host(values)
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(
                f"{what} of {self.name} must have the shape (rows, columns), with at least one of "
                f"each, but it is {x.shape}."
            )
        if metric == "hamming":
            if x.dtype == np.bool_:
                return np.packbits(x, axis=1)
            if x.dtype != np.uint8:
                raise ValueError(
                    f"{what} of {self.name} with metric='hamming' must be packed codes of type "
                    f"uint8 or bool, not {x.dtype}. Use numpy.packbits(codes > 0.5, axis=1)."
                )
            return x
        x = x.astype(np.float64)
        if not np.isfinite(x).all():
            raise ValueError(f"{what} of {self.name} has NaN or infinity. Drop such rows.")
        return x

    def _labels(self, what: str, values: Any, n: int) -> np.ndarray:
        labels = _on_host(values)
        if labels.shape != (n,):
            raise ValueError(
                f"{what} of {self.name} must have one class for each of {n} rows, but its shape is "
                f"{labels.shape}."
            )
        return labels


def _on_host(values: Any) -> np.ndarray:
    owner = owner_of(values)
    return np.asarray(values if owner is None else owner.to_host(values))


def _expected_hits(d: np.ndarray, relevant: np.ndarray, ks: np.ndarray) -> np.ndarray:
    """Mean number of relevant rows among the `k` nearest over all orders of equally near rows."""
    deepest = int(ks.max())
    near = np.sort(d if deepest == d.size else np.partition(d, deepest - 1)[:deepest])
    tolerance = _TOLERANCE if d.dtype.kind == "f" else 0
    low, high = near[ks - 1] - tolerance, near[ks - 1] + tolerance
    before = np.searchsorted(near, low, side="left")
    upto = np.searchsorted(near, high, side="right")
    # rows as far as the last one of all may be left out of `near`
    last = upto == deepest
    upto[last] = [np.count_nonzero(d <= edge) for edge in high[last]]
    of_class = np.sort(d[relevant])
    hits = np.searchsorted(of_class, low, side="left")
    tied_hits = np.searchsorted(of_class, high, side="right") - hits
    return hits + (ks - before) * tied_hits / (upto - before)


def _cosine(base: np.ndarray, asked: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    def unit(x: np.ndarray) -> np.ndarray:
        # by the largest value first, so that squares neither vanish nor overflow
        largest = np.abs(x).max(axis=1, keepdims=True)
        x = x / np.where(largest == 0, 1.0, largest)
        norm = np.sqrt(np.square(x).sum(axis=1, keepdims=True))
        return x / np.where(norm == 0, 1.0, norm)

    a, b = unit(base), unit(asked)
    return lambda index: -(b[index] @ a.T)


def _euclidean(base: np.ndarray, asked: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    # the squared distance, which has the same order; centred and scaled against rounding errors
    centre = base.mean(axis=0)
    a, b = base - centre, asked - centre
    scale = max(np.abs(a).max(), np.abs(b).max()) or 1.0
    a, b = a / scale, b / scale
    norms = np.square(a).sum(axis=1)
    # that of the query is the same for all rows
    return lambda index: norms - 2 * (b[index] @ a.T)


def _hamming(base: np.ndarray, asked: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    a, b = hamming.to_words(base), hamming.to_words(asked)
    return lambda index: hamming.distances(a[:, None, :], b[:, index, None])


_DISTANCES: dict[str, Callable[..., Callable[[np.ndarray], np.ndarray]]] = {
    "cosine": _cosine,
    "euclidean": _euclidean,
    "hamming": _hamming,
}
