"""Reconstructions and samples of an estimator with one visible and one hidden layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._base import GIBBS, SAMPLE, BoltzmannBase, host_dtype
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.sampling import gibbs_chain
from skdeepbm.training import Rows


class GenerativeMixin(BoltzmannBase):
    """From hidden values to visible ones, deterministically or by Gibbs sampling."""

    def inverse_transform(self, X: Any) -> Any:
        """Expected values of the visible units given values of the hidden units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Hidden values, for example from `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self, self._fitted_names)
        backend = self._resolve_backend(X, fitted=True)
        owner = owner_of(X)
        if owner is not backend:
            X = check_array(
                X if owner is None else owner.to_host(X),
                dtype=[np.float64, np.float32],
                input_name="X",
                estimator=self,
            )
        model = self._model(backend, host_dtype(X))
        n_hidden, n_visible = model.hidden.size, model.visible.size
        if X.ndim != 2 or X.shape[1] != n_hidden:
            raise ValueError(
                f"X has shape {tuple(X.shape)}, but inverse_transform of {type(self).__name__} "
                f"expects (n_samples, {n_hidden}): one column per component."
            )
        return self._apply_rows(
            backend,
            X,
            host_dtype(model.weights),
            lambda h: model.visible.mean(model.visible_input(h)),
            max(n_visible, n_hidden),
        )

    def reconstruct(self, X: Any, n_gibbs_steps: int = 1) -> Any:
        """Expected visible values after deterministic passes up and down.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        n_gibbs_steps : int, default=1
            Number of passes; each passes expected values on, nothing is drawn.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)

        def passes(model: Any, v: Array) -> Array:
            for _ in range(n_gibbs_steps):
                v = model.visible.mean(
                    model.visible_input(model.hidden.mean(model.hidden_input(v)))
                )
            return v

        return self._rowwise(X, passes)

    def gibbs(self, X: Any) -> Any:
        """One step of Gibbs sampling from the rows: hidden given visible, visible given hidden.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            Drawn values. Every call draws anew, from a stream that `random_state` starts.
        """
        check_is_fitted(self, self._fitted_names)
        if not hasattr(self, "_gibbs_seed"):
            self._gibbs_seed = self._seed(use=(GIBBS,))
        (seed,) = self._gibbs_seed.spawn(1)
        stream = self._resolve_backend(X, fitted=True).stream(seed)

        def step(model: Any, v: Array) -> Array:
            h = model.hidden.sample(model.hidden_input(v), stream)
            return model.visible.sample(model.visible_input(h), stream)

        return self._rowwise(X, step)

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw rows from the model by Gibbs sampling, one chain for each.

        Parameters
        ----------
        n_samples : int, default=1
        n_gibbs_steps : int, default=1000
            Steps of every chain. Chains of a model with several modes need many.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Visible states to start from; None starts at independent draws with the visible biases.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Drawn visible values.

        Examples
        --------
        >>> from skdeepbm import RBMTransformer
        >>> rbm = RBMTransformer(n_components=2, random_state=0).fit([[0, 1], [1, 0]])
        >>> rbm.sample(3, n_gibbs_steps=10).shape
        (3, 2)
        """
        check_is_fitted(self, self._fitted_names)
        check_count(self, "n_samples", n_samples)
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        if init is None:
            backend = self._resolve_backend(fitted=True)
            model = self._model(backend, host_dtype(self.intercept_visible_))
        else:
            shape = tuple(getattr(init, "shape", None) or np.shape(init))
            if shape != (n_samples, self._n_visible):
                raise ValueError(
                    f"init has shape {shape}, but sample of {type(self).__name__} needs "
                    f"(n_samples, n_features) = ({n_samples}, {self._n_visible})."
                )
            backend, init, model = self._prepare(init)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        dtype = host_dtype(model.weights)
        if init is None:
            v = model.visible.sample(backend.zeros((n_samples, model.visible.size), dtype), stream)
        else:
            v = backend.xp.asarray(Rows(backend, init, dtype).part(0, n_samples), copy=True)
        h = model.hidden.sample(model.hidden_input(v), stream)
        h_mean = backend.empty((n_samples, model.hidden.size), dtype)
        gibbs_chain(model, h, n_gibbs_steps, stream, v, h_mean)
        return self._out(backend, init, v)
