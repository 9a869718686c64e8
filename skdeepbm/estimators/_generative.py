"""Features, reconstructions and samples of an estimator with one visible and one hidden layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._base import GIBBS, SAMPLE, BoltzmannBase, host_dtype
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._missing_entries import known_entries, passed_back
from skdeepbm.evaluation.ais import base_bias
from skdeepbm.sampling import ParallelTempering, gibbs_chain
from skdeepbm.sampling.tempering import spaced

# of sampling by tempering: levels, and runs of the pilot that finds where level 0 is
_N_TEMPERATURES, _PILOT_RUNS = 10, 100


class GenerativeMixin(BoltzmannBase):
    """Between visible and hidden values, deterministically or by Gibbs sampling."""

    def transform(self, X: Any) -> Any:
        """Expected values of the hidden units given the rows (posterior means).

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Probabilities for Bernoulli and softmax units.

        Examples
        --------
        >>> from skdeepbm import RBMTransformer
        >>> rbm = RBMTransformer(n_components=2, random_state=0).fit([[0, 1], [1, 0]])
        >>> rbm.transform([[0, 1]]).shape
        (1, 2)
        """
        return self._hidden_means(X)

    def _hidden_means(self, X: Any, warn: bool = True) -> Any:
        backend, X, rbm = self._prepare(X, warn)
        if sp.issparse(X) and backend.name == "numpy":
            with backend.quiet():
                a = X @ rbm.weights
                return rbm.hidden.mean(a, out=a)

        def means(v: Array) -> Array:
            a = rbm.hidden_input(v)
            return rbm.hidden.mean(a, out=a)

        width = max(rbm.visible.size, rbm.hidden.size)
        return self._apply_rows(backend, X, host_dtype(rbm.weights), means, width)

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
        return self._expected_visible(X, lambda model: model)

    def reconstruct(self, X: Any, n_gibbs_steps: int = 1, *, mask: Any = None) -> Any:
        """Expected visible values after deterministic passes up and down.

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

        Examples
        --------
        >>> import numpy as np
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3).astype(float)
        >>> rbm = RBMTransformer(n_components=8, n_iter=20, random_state=0).fit(X)
        >>> X[:, 0] = np.nan
        >>> filled = rbm.reconstruct(X, n_gibbs_steps=10, mask=~np.isnan(X))
        >>> bool(np.isfinite(filled).all() and (filled[:, 1:] == X[:, 1:]).all())
        True
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        X, given_mask = known_entries(self, mask, X)
        backend, X, model = self._prepare(X)

        def there_and_back(v: Array) -> Array:
            return model.visible.mean(model.visible_input(model.hidden.mean(model.hidden_input(v))))

        passes = partial(passed_back, model.visible, there_and_back, n_gibbs_steps)
        width = max(model.visible.size, model.hidden.size)
        return self._apply_rows(backend, X, host_dtype(model.weights), passes, width, *given_mask)

    def reconstruction_curve(self, X: Any, n_gibbs_steps: int = 10) -> np.ndarray:
        """Reconstruction error after each of several deterministic passes up and down.

        A model that knows the data keeps them: the curve of rows it was trained on stays low,
        that of other rows climbs.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        n_gibbs_steps : int, default=10
            Number of passes.

        Returns
        -------
        errors : ndarray of shape (n_gibbs_steps,)
            Squared error after 1, 2, ... passes, averaged over rows and features.

        Examples
        --------
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> rbm = RBMTransformer(n_components=8, n_iter=200, random_state=0).fit(X)
        >>> rbm.reconstruction_curve(X, n_gibbs_steps=3).shape
        (3,)
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)

        def errors(model: Any, v: Array) -> Array:
            xp, columns, state = model.backend.xp, [], v
            for _ in range(n_gibbs_steps):
                state = model.visible.mean(
                    model.visible_input(model.hidden.mean(model.hidden_input(state)))
                )
                columns.append(xp.mean((state - v) ** 2, axis=1))
            return xp.stack(columns, axis=1)

        found = self._rowwise(X, errors)
        owner = owner_of(found)
        host = found if owner is None else owner.to_host(found)
        return np.asarray(host, dtype=np.float64).mean(axis=0)

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
        method: str = "gibbs",
        random_state: Any = None,
    ) -> Any:
        """Draw rows from the model, one chain for each.

        Parameters
        ----------
        n_samples : int, default=1
        n_gibbs_steps : int, default=1000
            Steps of every chain. Chains of a model with several modes need many.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Visible states to start from; None starts at independent draws with the visible biases.
        method : {"gibbs", "tempering"}, default="gibbs"
            ``"tempering"`` runs every chain at ten inverse temperatures that exchange their states,
            which finds modes that are far apart, at ten times the cost.
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
        if method not in ("gibbs", "tempering"):
            raise ValueError(
                f"method of {type(self).__name__}.sample must be 'gibbs' or 'tempering', got "
                f"{method!r}."
            )
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        backend, model, v = self._sampling_start(init, n_samples, self.intercept_visible_)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        dtype = host_dtype(model.weights)
        if v is None:
            v = model.visible.sample(backend.zeros((n_samples, model.visible.size), dtype), stream)
        h = model.hidden.sample(model.hidden_input(v), stream)
        h_mean = backend.empty((n_samples, model.hidden.size), dtype)
        if method == "gibbs":
            gibbs_chain(model, h, n_gibbs_steps, stream, v, h_mean)
        else:
            base = base_bias(model, _PILOT_RUNS, stream)
            h = backend.xp.concat([h] * _N_TEMPERATURES, axis=0)
            chains = ParallelTempering(model, spaced(_N_TEMPERATURES), base, h)
            for _ in range(n_gibbs_steps):
                chains.step(stream, v, h_mean)
        return self._out(backend, init, v)
