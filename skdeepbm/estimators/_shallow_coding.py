"""Codes of an autoencoder with one hidden layer, rows from codes, and what they are worth."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sp

from skdeepbm.backends import Counts
from skdeepbm.estimators._base import BoltzmannBase, host_dtype


class ShallowCodingMixin(BoltzmannBase):
    """The way up and the way down; both are deterministic, without the noise of training."""

    def transform(self, X: Any) -> Any:
        """Codes of the rows: the expected values of the hidden units.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)

        Examples
        --------
        >>> from skdeepbm import ShallowAutoencoder
        >>> model = ShallowAutoencoder(n_components=2, random_state=0).fit([[0, 1], [1, 0]])
        >>> model.transform([[0, 1]]).shape
        (1, 2)
        """
        return self._codes(X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the model to the data and return their codes.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            What `transform` returns for the same rows.
        """
        # `fit` has warned of what there is to warn of
        return self.fit(X, y)._codes(X, warn=False)

    def _codes(self, X: Any, warn: bool = True) -> Any:
        backend, X, model = self._prepare(X, warn)
        if sp.issparse(X) and backend.name == "numpy":
            with backend.quiet():
                return model.encoder.mean(Counts.of(X))
        width = max(model.visible.size, model.hidden.size)
        return self._apply_rows(backend, X, host_dtype(model.weights), model.encoder.mean, width)

    def inverse_transform(self, X: Any) -> Any:
        """Decoded rows: the expected values of the visible units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Of a model of counts, the probabilities of the words.

        Raises
        ------
        ValueError
            If there is not one column for each component.
        """
        return self._expected_visible(X, lambda model: model)

    def reconstruct(self, X: Any) -> Any:
        """Rows encoded and decoded again.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Of a model of counts, each row sums to the number of words of its document.
        """
        return self._rowwise(X, lambda model, v: model.reconstruction(v))

    def score_samples(self, X: Any) -> Any:
        """Log-density of each row under the visible units given the row's own code.

        It says how well rows survive their code, and is **not** a likelihood: the code has seen
        the row, and the probabilities of all rows together do not sum to one.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, the higher the better: minus the cross-entropy of Bernoulli and softmax units,
            minus half the squared error and ``log(2 pi) / 2`` a feature of Gaussian ones, and the
            log-probability of the words of a document one after the other.
        """
        return self._rowwise(X, lambda model, v: model.log_density(v))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-density of the rows given their own codes: the mean of `score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        score : float
            In nats, the higher the better; not a likelihood.
        """
        return self._mean(self.score_samples(X))
