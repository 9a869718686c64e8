"""Features of a deep Boltzmann machine, and rows from features, by mean field."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._dbm_words import DBMWordMixin
from skdeepbm.models.dbm import DBM
from skdeepbm.models.mean_field import settled_means
from skdeepbm.models.word_dbm import WordDBM, document_means, word_means


class DBMInferenceMixin(DBMWordMixin):
    """From rows to hidden layers, and back."""

    transform_layers: str

    def transform(self, X: Any) -> Any:
        """Expected values of hidden units under the mean-field posterior of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            Probabilities: of the top layer or, with ``transform_layers="all"``, of all hidden
            layers side by side, the first one first. Mean field goes on until no expected value of
            a row changes by more than 1e-6, for at most 100 steps. Documents without words get
            0.5, the uninformed answer.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> dbm = DBM((8, 4), transform_layers="all", random_state=0).fit(X)
        >>> dbm.transform(X).shape
        (14, 12)
        """
        return self._hidden_means(X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the model and return what `transform` returns for the same rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
        """
        return self.fit(X, y)._hidden_means(X, warn=False)

    def _hidden_means(self, X: Any, warn: bool = True) -> Any:
        backend, X, dbm = self._prepare(X, warn)

        def means(v: Array) -> Array:
            found = self._settled(dbm, v)
            return found[-1] if self._has_top_alone else backend.xp.concat(found, axis=1)

        return self._apply(backend, X, host_dtype(X), means)

    @property
    def _has_top_alone(self) -> bool:
        """Whether features are of the top layer; `transform_layers` may be set since the fit."""
        if self.transform_layers not in ("top", "all"):
            raise ValueError(
                f"transform_layers of {type(self).__name__} must be 'top' or 'all', got "
                f"{self.transform_layers!r}."
            )
        return self.transform_layers == "top"

    def _settled(self, dbm: DBM, v: Array) -> list[Array]:
        """Expected values of the hidden layers, of every row as if it were alone."""
        return word_means(dbm, v) if isinstance(dbm, WordDBM) else settled_means(dbm, v)

    def _below(self, dbm: DBM) -> DBM:
        """The layers that are features and what lies below them."""
        return dbm

    def inverse_transform(self, X: Any) -> Any:
        """Expected values of the visible units given values of hidden units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_units)
            Hidden values, such as `transform` returns: of the top layer, which is held while mean
            field goes down through the layers below it or, with ``transform_layers="all"``, of all
            hidden layers, of which the visible units see the first one.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            With ``visible="multinomial"`` the distribution of a word; below the top layer, mean
            field includes the unknown words of a document of `mean_n_words_`.

        Raises
        ------
        ValueError
            If there is not one column for each unit.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> dbm = DBM((8, 4), random_state=0).fit(X)
        >>> dbm.inverse_transform(dbm.transform(X)).shape
        (14, 9)
        """
        check_is_fitted(self, self._fitted_names)
        backend, X, dbm = self._prepare_hidden(X, self._n_features_out)
        n_first, below = self._sizes()[1], self._below(dbm)
        n_words = float(getattr(self, "mean_n_words_", 1.0))

        def expected(h: Array) -> Array:
            if self._has_top_alone and isinstance(below, WordDBM):
                return document_means(below, h, n_words)[-1] / n_words
            if self._has_top_alone:
                return settled_means(below.upside_down(), h)[-1]
            return dbm.visible.mean(dbm.from_above(0, h[:, :n_first]))

        return self._apply_rows(backend, X, host_dtype(dbm.weights[0]), expected, self._width)

    @property
    def _n_features_out(self) -> int:
        sizes = self._sizes()[1:]
        return sizes[-1] if self._has_top_alone else sum(sizes)
