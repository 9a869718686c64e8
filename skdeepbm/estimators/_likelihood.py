"""Free energies and likelihoods of an estimator whose model has a tractable free energy."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Backend, get_backend
from skdeepbm.estimators._base import BoltzmannBase
from skdeepbm.evaluation.exact import enumerable_side
from skdeepbm.evaluation.partition import (
    LogPartition,
    cached_log_partition,
    estimated_log_partition,
)
from skdeepbm.evaluation.pseudo_likelihood import pseudo_log_likelihood
from skdeepbm.models.units import UNITS
from skdeepbm.training import Rows


def _has_likelihood(estimator: LogPartitionMixin) -> bool:
    """Whether log Z can be had; an estimator without parameters may come to have it."""
    if estimator.hidden != "relu" or not hasattr(estimator, "components_"):
        return True
    if not estimator._is_enumerable():
        raise AttributeError(
            f"{type(estimator).__name__} with hidden='relu' has a likelihood only where its "
            "visible layer has at most 2**20 states (20 binary units): the noisy draws of ReLU "
            "units are no exact sampler, which annealed importance sampling needs. Use "
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


class LogPartitionMixin(BoltzmannBase):
    """The partition function."""

    hidden: str

    def _is_enumerable(self) -> bool:
        """Whether one side has few enough states."""
        model = self._two_sided(get_backend("numpy"), np.dtype(np.float64))
        return enumerable_side(model) is not None

    def _two_sided(self, backend: Backend, dtype: Any) -> Any:
        """The model in the form that enumeration and annealing take."""
        return self._model(backend, dtype)

    def _reverse_rows(self, model: Any, v: Array) -> Array:
        """Visible states from rows of features, where reverse runs may start."""
        return v

    @available_if(_has_likelihood)
    def log_partition(
        self,
        method: str = "auto",
        *,
        n_runs: int | None = None,
        n_temperatures: Any = "auto",
        reverse: Any = None,
        random_state: Any = None,
    ) -> LogPartition:
        """Logarithm of the partition function.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            ``"exact"`` enumerates the states of the smaller layer, at most 2**20 of them (of a
            deep Boltzmann machine those of all odd or of all even layers together);
            ``"ais"`` is annealed importance sampling [1]_; ``"auto"`` is exact where it can be.
        n_runs : int or None, default=None
            Runs of annealed importance sampling, done side by side. None begins with 100 and adds
            more where their weights differ much, as long as that takes seconds.
        n_temperatures : "auto", "classic", int or array-like, default="auto"
            Inverse temperatures of a run. ``"auto"`` chooses their number (1000 to 10,000) and
            their places from a pilot, an int only gives their number, ``"classic"`` is the 14,500
            of [1]_, an array has the values themselves, rising from 0 to 1.
        reverse : array-like of shape (n_rows, n_features) or None, default=None
            Rows from which to start runs in the other direction, after 1000 Gibbs steps: as many
            as `n_runs` (100), evenly spaced among the rows. Their estimate is high on average
            where the other is low, so that both together show what to trust; training or test
            rows serve well.
            With rows given, ``"auto"`` means ``"ais"``.
        random_state : int, RandomState instance or None, default=None
            Of the runs. None goes on from the seed of `fit`, so that every call gives the same.

        Returns
        -------
        result : LogPartition
            With ``value`` in nats, ``lower`` and ``upper`` (three standard errors of the runs'
            weights to both sides), ``method``, ``reverse``, ``n_runs``, ``n_temperatures`` and
            ``effective_sample_size``.

        Raises
        ------
        ValueError
            If an argument makes no sense, or the states of neither layer can be enumerated where
            ``method="exact"``.
        FloatingPointError
            If the model has no finite partition function.

        References
        ----------
        .. [1] Salakhutdinov, R. and Murray, I. On the quantitative analysis of deep belief
           networks. ICML 2008.

        Examples
        --------
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> rbm = RBMTransformer(n_components=8, random_state=0).fit(make_bars_and_stripes(3))
        >>> exact, estimate = rbm.log_partition(), rbm.log_partition("ais")
        >>> exact.method, abs(exact.value - estimate.value) < 0.05
        ('exact', True)
        """
        check_is_fitted(self, self._fitted_names)
        self._check_partition(method, n_runs, n_temperatures)
        if method == "exact" and reverse is not None:
            raise ValueError(
                f"reverse of {type(self).__name__}.log_partition belongs to method='ais'; an exact "
                "value needs no second estimate."
            )
        enumerable = self._is_enumerable()
        if method == "exact" or (method == "auto" and enumerable and reverse is None):
            backend = self._resolve_backend(fitted=True)
            return cached_log_partition(self._two_sided(backend, np.dtype(np.float64)))
        if self.hidden == "relu":
            raise ValueError(
                f"method='ais' of {type(self).__name__}.log_partition needs an exact sampler; the "
                "noisy draws of hidden='relu' are none. Use method='exact' with at most 20 binary "
                "visible units."
            )
        # real values have no common scale: float32 would lose small differences of large energies
        dtype = np.dtype(np.float64 if UNITS[self.visible].has_variance else np.float32)
        rows = None
        if reverse is None:
            backend = self._resolve_backend(fitted=True)
        else:
            backend, reverse, _ = self._prepare(reverse)
            n_rows = reverse.shape[0]
            index = np.linspace(0, n_rows - 1, min(n_runs or 100, n_rows)).astype(np.intp)
            rows = Rows(backend, reverse, dtype).dense(index)
        temperatures = n_temperatures
        if not isinstance(n_temperatures, str) and np.ndim(n_temperatures):
            temperatures = np.asarray(n_temperatures, dtype=np.float64)
        seed = self._runs(random_state)
        try:
            with backend.quiet():
                model = self._two_sided(backend, dtype)
                rows = None if rows is None else self._reverse_rows(model, rows)
                return estimated_log_partition(model, n_runs, temperatures, seed, rows)
        except FloatingPointError as error:
            raise FloatingPointError(f"{type(self).__name__}.log_partition: {error}") from error

    def _check_partition(self, method: str, n_runs: Any, n_temperatures: Any) -> None:
        where = f"of {type(self).__name__}.log_partition"
        if method not in ("auto", "exact", "ais"):
            raise ValueError(f"method {where} must be 'auto', 'exact' or 'ais', got {method!r}.")
        if n_runs is not None and (not isinstance(n_runs, int | np.integer) or n_runs < 2):
            raise ValueError(
                f"n_runs {where} must be None or an integer of at least 2, got {n_runs!r}."
            )
        given = n_temperatures
        if isinstance(given, str):
            valid = given in ("auto", "classic")
        elif np.ndim(given):
            betas = np.asarray(given, dtype=np.float64)
            rising = betas.ndim == 1 and betas.size > 1 and bool((np.diff(betas) > 0).all())
            valid = rising and bool(betas[0] == 0.0 and betas[-1] == 1.0)
        else:
            valid = isinstance(given, int | np.integer) and bool(given >= 1)
        if not valid:
            raise ValueError(
                f"n_temperatures {where} must be 'auto', 'classic', an integer of at least 1 or "
                f"inverse temperatures that rise from 0 to 1, got {given!r}."
            )


class PartitionMixin(LogPartitionMixin):
    """The partition function, and the likelihood of rows that have a free energy."""

    @abstractmethod
    def free_energy(self, X: Any) -> Any:
        """Free energy of the rows, in nats."""

    @available_if(_has_likelihood)
    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of the rows, ``-F(v) - log Z``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats per row; a log-density with Gaussian visible units. Exact where one layer has
            at most 2**20 states; otherwise with the estimate of ``log_partition()``, which is low
            on average, so that the likelihood is optimistic. Look at
            ``log_partition(reverse=X)`` before you quote it.
        """
        return -self.free_energy(X) - self.log_partition().value


class LikelihoodMixin(PartitionMixin):
    """Methods that follow from ``free_energy`` and the partition function."""

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
    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood of the rows, in nats: the mean of `score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        score : float
        """
        return self._mean(self.score_samples(X))
