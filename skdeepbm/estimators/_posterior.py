"""Classes by their log-probabilities."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np


class PosteriorMixin:
    """What a classifier says once the log-probabilities of its classes are known."""

    classes_: np.ndarray

    @abstractmethod
    def _log_posterior(self, X: Any) -> np.ndarray:
        """Log-probability of each class given the row, on the host; (n_rows, n_classes)."""

    def predict(self, X: Any) -> np.ndarray:
        """Most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In the type of the labels that `fit` saw.
        """
        log_p = self._log_posterior(X)
        return self.classes_[np.argmax(log_p, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class given the row.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, from what `inference` says.
        """
        p = np.exp(self._log_posterior(X))
        return p / p.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In nats.
        """
        return self._log_posterior(X)
