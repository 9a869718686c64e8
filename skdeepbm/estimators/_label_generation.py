"""Posteriors, free energies, reconstructions and samples of a model with a label."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._base import SAMPLE, BoltzmannBase, host_dtype
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._labels import one_hot, rows_to_sample
from skdeepbm.estimators._missing_entries import known_entries, passed_back
from skdeepbm.models.labels import (
    feature_rbm,
    hidden_mean_given_features,
    label_log_posterior,
    label_posterior,
    marginal_free_energy,
)
from skdeepbm.models.rbm import RBM
from skdeepbm.sampling import clamped_chain, gibbs_chain


class LabelGenerationMixin(BoltzmannBase):
    """What follows from an RBM whose label can be summed out exactly."""

    classes_: np.ndarray

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithm of the probability of each class given the features, exact.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._rowwise(X, label_log_posterior)

    def predict_proba(self, X: Any) -> Any:
        """Probability of each class given the features, exact.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._rowwise(X, lambda rbm, x: rbm.backend.xp.exp(label_log_posterior(rbm, x)))

    def predict(self, X: Any) -> Any:
        """Most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
            On the host, unless X is a device array and the classes are numbers.
        """
        log_p = self.predict_log_proba(X)
        owner = owner_of(log_p)
        codes = (log_p if owner is None else owner.to_host(log_p)).argmax(axis=1)
        y = self.classes_[codes]
        return owner.asarray(y) if owner is not None and y.dtype.kind in "biuf" else y

    def free_energy(self, X: Any) -> Any:
        """Free energy of the rows, the label summed out: ``-log sum_y exp(-F(x, y))``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats; ``log p(x) = -F(x) - log Z``.
        """
        return self._rowwise(X, marginal_free_energy)

    def _reverse_rows(self, model: RBM, v: Array) -> Array:
        """Rows of features with the posterior of their labels."""
        p = label_posterior(model, feature_rbm(model).hidden_input(v))
        return model.backend.xp.concat([v, p], axis=1)

    def transform(self, X: Any) -> Any:
        """Expected values of the hidden units given the features, the label summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            ``sum_y p(y | x) E[h | x, y]``.
        """
        return self._rowwise(X, hidden_mean_given_features)

    def inverse_transform(self, X: Any) -> Any:
        """Expected features given values of the hidden units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Hidden values, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
        """
        return self._expected_visible(X, feature_rbm)

    def reconstruct(self, X: Any, n_gibbs_steps: int = 1, *, mask: Any = None) -> Any:
        """Expected features after deterministic passes up and down, the label summed out.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Entries that are not known may hold anything, NaN too.
        n_gibbs_steps : int, default=1
            Number of passes; each passes expected values on, nothing is drawn. Missing entries
            settle in ten or twenty.
        mask : array-like of bool of shape (n_samples, n_features) or None, default=None
            True where an entry is known. Known entries are put back after every pass, the others
            start at the expected values of units without input. None: all are seen, and all are
            reconstructed.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If `mask` has another shape than `X`, or `n_gibbs_steps` is not at least 1.
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        X, given_mask = known_entries(self, mask, X)
        backend, X, rbm = self._prepare(X)
        features = feature_rbm(rbm)

        def there_and_back(x: Array) -> Array:
            h = hidden_mean_given_features(rbm, x)
            return features.visible.mean(features.visible_input(h))

        passes = partial(passed_back, features.visible, there_and_back, n_gibbs_steps)
        width = max(rbm.visible.size, rbm.hidden.size)
        return self._apply_rows(backend, X, host_dtype(rbm.weights), passes, width, *given_mask)

    def sample(
        self,
        n_samples: int | None = None,
        *,
        labels: Any = None,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        return_labels: bool = False,
        random_state: Any = None,
    ) -> Any:
        """Draw rows from the model, of given classes or with labels drawn too.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of rows; None means as many as `labels`, and 1 without those.
        labels : class, array-like of shape (n_samples,) or None, default=None
            Classes, held fixed while the features are drawn; one class is that of all rows. None
            draws labels as well.
        n_gibbs_steps : int, default=1000
            Steps of every chain. Chains of a model with several modes need many.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Features to start from; None starts at independent draws with the visible biases.
        return_labels : bool, default=False
            Whether to return the labels too.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Drawn features.
        y : ndarray of shape (n_samples,)
            Their labels, with ``return_labels=True``: drawn together with X, or those given.

        Raises
        ------
        ValueError
            If a label is no class of the model, or numbers of rows differ.

        Examples
        --------
        >>> from skdeepbm import ClassificationRBM
        >>> rbm = ClassificationRBM(2, random_state=0).fit([[0, 1], [1, 0]], ["b", "a"])
        >>> X, y = rbm.sample(labels=["a", "a", "b"], n_gibbs_steps=10, return_labels=True)
        >>> X.shape, y.tolist()
        ((3, 2), ['a', 'a', 'b'])
        """
        check_is_fitted(self, self._fitted_names)
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        n_samples, codes = rows_to_sample(self, n_samples, labels)
        backend, rbm, x = self._sampling_start(init, n_samples, self.intercept_visible_)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        if x is None:
            features = feature_rbm(rbm).visible
            zeros = backend.zeros((n_samples, features.size), host_dtype(rbm.weights))
            x = features.sample(zeros, stream)
        if codes is None:
            x, codes = self._free_sample(rbm, x, n_gibbs_steps, stream)
        else:
            hot = one_hot(codes, len(self.classes_), host_dtype(rbm.weights))
            x = clamped_chain(rbm, x, backend.asarray(hot), n_gibbs_steps, stream)
        found = self._out(backend, init, x)
        return (found, self.classes_[codes]) if return_labels else found

    @staticmethod
    def _free_sample(rbm: RBM, x: Array, n_steps: int, stream: Any) -> tuple[Array, np.ndarray]:
        """Features and labels after Gibbs steps from features and labels drawn given them."""
        backend, dtype = rbm.backend, x.dtype
        p = label_posterior(rbm, feature_rbm(rbm).hidden_input(x))
        v = backend.xp.concat([x, backend.categorical(p, stream)], axis=1)
        h = rbm.hidden.sample(rbm.hidden_input(v), stream)
        gibbs_chain(rbm, h, n_steps, stream, v, backend.empty(tuple(h.shape), dtype))
        n_features = x.shape[1]
        return v[:, :n_features], backend.to_host(v[:, n_features:]).argmax(axis=1)
