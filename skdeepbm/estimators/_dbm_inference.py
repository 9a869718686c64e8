"""Features of a deep Boltzmann machine: expected values of hidden units under mean field."""

from __future__ import annotations

from typing import Any

from skdeepbm.backends import Array
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._dbm_model import DBMModelMixin
from skdeepbm.models.mean_field import settled_means


class DBMInferenceMixin(DBMModelMixin):
    """From rows to hidden layers."""

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
            a row changes by more than 1e-6, for at most 100 steps.
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
            found = settled_means(dbm, v)
            return found[-1] if self.transform_layers == "top" else backend.xp.concat(found, axis=1)

        return self._apply_rows(backend, X, host_dtype(X), means, sum(self._sizes()))

    @property
    def _n_features_out(self) -> int:
        sizes = self._sizes()[1:]
        return sizes[-1] if self.transform_layers == "top" else sum(sizes)
