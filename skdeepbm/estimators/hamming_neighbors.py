"""Nearest neighbours and Hamming balls of binary codes."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdeepbm.backends import owner_of
from skdeepbm.estimators._doc_links import DocLinkMixin
from skdeepbm.estimators._versions import VersionMixin
from skdeepbm.evaluation import hamming
from skdeepbm.evaluation.hamming_index import MultiIndex, worth_looking_up


class HammingNeighbors(VersionMixin, DocLinkMixin, BaseEstimator):
    """Nearest neighbours of binary codes, by the number of bits in which they differ.

    In the manner of :class:`sklearn.neighbors.NearestNeighbors`, for codes of 8 bits a byte.
    Search is exact. :meth:`kneighbors` compares a query with all codes, 64 bits at a time.
    :meth:`radius_neighbors` finds all codes within a Hamming ball: in small balls by look-up, with
    parts of the codes as addresses (semantic hashing [1]_ with several tables [2]_), where that
    takes less time than to compare all.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours that :meth:`kneighbors` finds.

    radius : float, default=2
        Bits in which a row may differ that :meth:`radius_neighbors` finds.

    n_bits : int or None, default=None
        Length of a code. None is all bits of the bytes, or a bit for each column of values. Bits
        of the last byte beyond it must be zero, as :func:`numpy.packbits` makes them.

    packed : "auto" or bool, default="auto"
        What the columns of `X` are. True: bytes of packed codes, `uint8` as
        ``numpy.packbits(bits, axis=1)`` gives. False: a column for each bit, which is set where
        the value is above `threshold`. ``"auto"`` goes by the type in :meth:`fit`: `uint8` is
        packed, any other type is not. A `uint8` array without a value above 1 could be either;
        ``"auto"`` refuses it.

    threshold : float, default=0.5
        Of values that are not packed.

    Attributes
    ----------
    codes_ : ndarray of uint8 of shape (n_samples, n_bytes)
        The packed codes, read-only.

    n_bits_ : int
        Length of a code.

    packed_ : bool
        Whether `X` is packed.

    n_samples_fit_ : int
        Number of codes.

    n_features_in_ : int
        Number of columns of `X`.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the columns, where `X` has names that are all strings.

    See Also
    --------
    skdeepbm.metrics.retrieval_precision : How many neighbours are of the same class.

    Notes
    -----
    Of equally distant rows, those of lowest index are found: distances are small integers, and
    ties are frequent. Distances are counts of bits, of type int64, not the shares of bits that
    ``metric="hamming"`` means in scikit-learn.

    The tables of the look-up are made by the first call that uses them: an integer for each row
    and each part of about ``log2(n_samples)`` bits. Pickles hold the codes alone.

    References
    ----------
    .. [1] Salakhutdinov, R., & Hinton, G. (2009). Semantic hashing. International Journal of
       Approximate Reasoning, 50(7), 969-978.
    .. [2] Norouzi, M., Punjani, A., & Fleet, D. J. (2012). Fast search in Hamming space with
       multi-index hashing. CVPR, 3108-3115.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepbm import HammingNeighbors
    >>> bits = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    >>> codes = np.packbits(bits, axis=1)
    >>> neighbors = HammingNeighbors(n_neighbors=2, n_bits=4).fit(codes)
    >>> distances, indices = neighbors.kneighbors(np.packbits([[1, 0, 0, 0]], axis=1))
    >>> distances
    array([[1, 1]])
    >>> indices
    array([[0, 1]])
    >>> neighbors.radius_neighbors(radius=2, return_distance=False)
    array([array([1]), array([0, 2]), array([1])], dtype=object)
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "radius": [Interval(Real, 0, None, closed="left")],
        "n_bits": [Interval(Integral, 1, None, closed="left"), None],
        "packed": [StrOptions({"auto"}), "boolean"],
        "threshold": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        radius: float = 2,
        n_bits: int | None = None,
        packed: str | bool = "auto",
        threshold: float = 0.5,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.n_bits = n_bits
        self.packed = packed
        self.threshold = threshold

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_search", None)
        return state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> HammingNeighbors:
        """Keep the codes to search.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Packed codes, or values with a column for each bit; see `packed`.

        y : None
            Ignored.

        Returns
        -------
        self : HammingNeighbors

        Raises
        ------
        ValueError
            If the columns do not suit `n_bits`, if bits beyond it are set, or if it cannot be said
            whether codes are packed.
        """
        X = self._on_host(X)
        values = self._numbers(X)
        packed = self._is_packed(values)
        n_bits = self._length(values.shape[1], packed)
        codes = self._packed_codes(values, packed, n_bits)
        # only now, so that bad data leave what was fitted as it is
        validate_data(self, X, skip_check_array=True)
        # a copy, so that nobody's array becomes read-only
        self.codes_ = codes.copy() if packed else codes
        self.n_bits_, self.packed_ = n_bits, packed
        self.n_samples_fit_ = len(self.codes_)
        return self

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """Find the nearest rows.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or None, default=None
            Queries. None means the rows given to :meth:`fit`, none of which is a neighbour of
            itself.

        n_neighbors : int or None, default=None
            None means the parameter of the estimator.

        return_distance : bool, default=True
            Whether to return the distances too.

        Returns
        -------
        neigh_dist : ndarray of int64 of shape (n_queries, n_neighbors)
            Bits that differ, rising; only if `return_distance`.

        neigh_ind : ndarray of shape (n_queries, n_neighbors)
            Indices of rows given to :meth:`fit`.

        Raises
        ------
        ValueError
            If there are not so many rows, or queries are not of the form that :meth:`fit` saw.
        """
        words, queries, own = self._prepare(X)
        k: Any = self.n_neighbors if n_neighbors is None else n_neighbors
        n_others = words.shape[1] - (own is not None)
        if not _is_number(k, Integral) or not 1 <= k <= n_others:
            rows = "rows" if own is None else "other rows (none is its own neighbour)"
            raise ValueError(
                f"n_neighbors={k!r} of {type(self).__name__} must be an integer from 1 to "
                f"{n_others}, the number of {rows}."
            )
        distance, index = hamming.nearest(words, queries, int(k), own)
        return (distance.astype(np.int64), index) if return_distance else index

    def radius_neighbors(
        self,
        X: Any = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
        """Find all rows within a Hamming ball.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features) or None, default=None
            Queries. None means the rows given to :meth:`fit`, none of which is a neighbour of
            itself.

        radius : float or None, default=None
            Bits in which a row may differ; None means the parameter of the estimator.

        return_distance : bool, default=True
            Whether to return the distances too.

        sort_results : bool, default=False
            Whether the rows are sorted by rising distance, equally distant ones by rising index,
            rather than by rising index alone. Needs `return_distance`.

        Returns
        -------
        neigh_dist : ndarray of object of shape (n_queries,)
            For each query, an array of int64: the bits that differ; only if `return_distance`.

        neigh_ind : ndarray of object of shape (n_queries,)
            For each query, an array of the indices of rows given to :meth:`fit`.

        Raises
        ------
        ValueError
            If the radius is negative, if `sort_results` is without `return_distance`, or queries
            are not of the form that :meth:`fit` saw.
        """
        words, queries, own = self._prepare(X)
        name = type(self).__name__
        r: Any = self.radius if radius is None else radius
        if not _is_number(r, Real) or not r >= 0:
            raise ValueError(f"radius={r!r} of {name} must be a number of bits, 0 or more.")
        if sort_results and not return_distance:
            raise ValueError(
                f"sort_results=True of {name} sorts by distance and needs return_distance=True."
            )
        bits = math.floor(min(r, self.n_bits_))
        if worth_looking_up(len(words), words.shape[1], self.n_bits_, bits):
            query, index, distance = self._index().ball(queries, bits, own)
        else:
            query, index, distance = hamming.ball(words, queries, bits, own)
        if sort_results:
            order = np.lexsort((index, distance, query))
            index, distance = index[order], distance[order]
        ends = np.searchsorted(query, np.arange(queries.shape[1] + 1))
        found = _rows(index, ends)
        return (_rows(distance.astype(np.int64), ends), found) if return_distance else found

    # -- codes ------------------------------------------------------------------------------------

    @staticmethod
    def _on_host(X: Any) -> Any:
        owner = owner_of(X)
        return X if owner is None else owner.to_host(X)

    def _numbers(self, X: Any) -> np.ndarray:
        """A finite two-dimensional array of numbers, of the type it had."""
        try:
            return check_array(X, estimator=self, input_name="X")
        except (ValueError, TypeError) as error:
            name = type(self).__name__
            if name in str(error):
                raise
            raise type(error)(f"{name}: {error}") from error

    def _is_packed(self, X: np.ndarray) -> bool:
        name = type(self).__name__
        if self.packed == "auto":
            if X.dtype == np.uint8 and X.shape[1] > 1 and X.max() <= 1:
                raise ValueError(
                    f"X of {name} is of type uint8 but holds no value above 1: is a column a bit, "
                    "or a byte of a packed code? Say packed=False or packed=True."
                )
            return bool(X.dtype == np.uint8)
        if self.packed:
            self._refuse_unpacked(X)
        return bool(self.packed)

    def _refuse_unpacked(self, X: np.ndarray) -> None:
        if X.dtype != np.uint8:
            raise ValueError(
                f"{type(self).__name__} expects packed codes of type uint8 here, got {X.dtype}. "
                "Pack bits with numpy.packbits(bits, axis=1), or fit with packed=False on values "
                "that have a column for each bit."
            )

    def _length(self, n_columns: int, packed: bool) -> int:
        """Number of bits of a code, which has to suit the columns."""
        n_bits = n_columns * (8 if packed else 1) if self.n_bits is None else int(self.n_bits)
        wanted = math.ceil(n_bits / 8) if packed else n_bits
        if wanted != n_columns:
            what = "packed bytes" if packed else "values, one for each bit"
            raise ValueError(
                f"n_bits={n_bits} of {type(self).__name__} needs {wanted} columns of {what}, but X "
                f"has {n_columns}."
            )
        return n_bits

    def _packed_codes(self, X: np.ndarray, packed: bool, n_bits: int) -> np.ndarray:
        if not packed:
            return np.packbits(X > self.threshold, axis=1)
        unused = 8 * X.shape[1] - n_bits
        bad = np.flatnonzero(X[:, -1] & (2**unused - 1))
        if bad.size:
            raise ValueError(
                f"Row {bad[0]} of X has bits set beyond n_bits={n_bits} of {type(self).__name__}. "
                "Pack with numpy.packbits(bits, axis=1), whose bit order is 'big', or correct "
                "n_bits."
            )
        return X

    # -- search -----------------------------------------------------------------------------------

    def _prepare(self, X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The words to search, those of the queries, and the row that each query is itself."""
        check_is_fitted(self, "codes_")
        words = self._words()
        if X is None:
            return words, words, np.arange(words.shape[1])
        X = self._on_host(X)
        values = self._numbers(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        if self.packed_:
            self._refuse_unpacked(values)
        codes = self._packed_codes(values, self.packed_, self.n_bits_)
        return words, hamming.to_words(codes), None

    def _words(self) -> np.ndarray:
        """The codes as words, remembered until `codes_` is another array."""
        known = self.__dict__.get("_search")
        if known is None or known["codes"] is not self.codes_:
            # what is remembered cannot become wrong in place
            self.codes_.flags.writeable = False
            known = {"codes": self.codes_, "words": hamming.to_words(self.codes_)}
            self._search = known
        return known["words"]

    def _index(self) -> MultiIndex:
        """Tables of the look-up, remembered with the words."""
        words = self._words()
        if "index" not in self._search:
            self._search["index"] = MultiIndex(words, self.n_bits_)
        return self._search["index"]


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _rows(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """An array of arrays, one for each query."""
    found = np.empty(len(ends) - 1, dtype=object)
    found[:] = np.split(values, ends[1:-1])
    return found
