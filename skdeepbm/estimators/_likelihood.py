"""Free energies and likelihoods of an estimator whose model has a tractable free energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import owner_of
from skdeepbm.estimators._base import BoltzmannBase
from skdeepbm.evaluation.partition import LogPartition, cached_log_partition
from skdeepbm.evaluation.pseudo_likelihood import pseudo_log_likelihood
from skdeepbm.models.units import UNITS


def _has_likelihood(estimator: LikelihoodMixin) -> bool:
    """Whether log Z can be computed; an estimator without parameters may come to have it."""
    if hasattr(estimator, "components_") and not estimator._is_enumerable():
        raise AttributeError(
            f"{type(estimator).__name__} has an exact likelihood only where its visible or its "
            "hidden layer has at most 2**20 states (20 binary units). Use "
            "pseudo_log_likelihood(X), or free_energy(X) to compare rows under one model."
        )
    return True


def _has_pseudo_likelihood(estimator: LikelihoodMixin) -> bool:
    if not has_pseudo_likelihood(estimator):
        raise AttributeError(
            f"pseudo_log_likelihood of {type(estimator).__name__} needs discrete visible units; "
            f"with visible={estimator.visible!r} use free_energy(X), or score_samples(X) with at "
            "most 20 Bernoulli hidden units."
        )
    return True


def has_pseudo_likelihood(estimator: Any) -> bool:
    """Whether the visible units are discrete."""
    return estimator.visible not in UNITS or UNITS[estimator.visible].support is not None


class LikelihoodMixin(BoltzmannBase):
    """Methods that follow from ``free_energy`` and an exact partition function."""

    def _is_enumerable(self) -> bool:
        """Whether one layer has few enough states."""
        raise NotImplementedError

    def free_energy(self, X: Any) -> Any:
        """Free energy ``F(v) = -log sum_h exp(-E(v, h))`` of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats; ``log p(v) = -F(v) - log Z``.
        """
        return self._rowwise(X, lambda model, v: model.free_energy(v))

    @available_if(_has_pseudo_likelihood)
    def pseudo_log_likelihood(self, X: Any) -> Any:
        """Exact pseudo-likelihood: ``sum_i log p(v_i | all other features)``, deterministic.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        value : ndarray of shape (n_samples,)
            In nats. A fraction `v_i` counts as ``v_i log p(1) + (1 - v_i) log p(0)``.

        Notes
        -----
        Every feature is visited, so that it takes as long as `n_features` times `transform`'s
        elementwise part. `BernoulliRBM.score_samples` estimates it from one random feature.
        """
        return self._rowwise(X, pseudo_log_likelihood)

    @available_if(_has_likelihood)
    def log_partition(self, method: str = "auto") -> LogPartition:
        """Logarithm of the partition function.

        Parameters
        ----------
        method : {"auto", "exact"}, default="auto"
            Both enumerate the states of the smaller layer, at most 2**20 of them.

        Returns
        -------
        result : LogPartition
            With ``value`` in nats, ``lower`` and ``upper`` (equal to it) and ``method``.
        """
        check_is_fitted(self, self._fitted_names)
        if method not in ("auto", "exact"):
            raise ValueError(
                f"method of {type(self).__name__}.log_partition must be 'auto' or 'exact', got "
                f"{method!r}."
            )
        backend = self._resolve_backend(fitted=True)
        return cached_log_partition(self._model(backend, np.dtype(np.float64)))

    @available_if(_has_likelihood)
    def score_samples(self, X: Any) -> Any:
        """Exact log-likelihood of the rows, ``-F(v) - log Z``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats per row; a log-density with Gaussian visible units.
        """
        return -self.free_energy(X) - self.log_partition().value

    @available_if(_has_likelihood)
    def score(self, X: Any, y: Any = None) -> float:
        """Mean exact log-likelihood of the rows, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        score : float
        """
        values = self.score_samples(X)
        owner = owner_of(values)
        return float(np.mean(values if owner is None else owner.to_host(values), dtype=np.float64))
