"""Rows that a deep Boltzmann machine draws, fills in and puts a likelihood on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import PARTITION, SAMPLE, host_dtype
from skdeepbm.estimators._dbm_model import DBMModelMixin
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._likelihood import LogPartitionMixin
from skdeepbm.estimators._missing_entries import known_entries, passed_back
from skdeepbm.evaluation.dbm_annealing import annealed_side, side_states
from skdeepbm.evaluation.dbm_likelihood import dbm_bound
from skdeepbm.models.dbm import DBM, FoldedDBM
from skdeepbm.models.mean_field import settled_means
from skdeepbm.sampling import first_states, layer_chain


class DBMGenerativeMixin(LogPartitionMixin, DBMModelMixin):
    """The model of the rows: draws, missing values, log Z and the variational bound."""

    #: kind of the units of all hidden layers
    hidden = "bernoulli"

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw rows from the model by block Gibbs sampling, one chain for each.

        Parameters
        ----------
        n_samples : int, default=1
        n_gibbs_steps : int, default=1000
            Steps of every chain; in each, all even layers are drawn given the odd ones, then the
            odd ones. Chains of a model with several modes need many.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Visible states to start from; None starts at independent draws with the visible biases.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Drawn visible values.

        Raises
        ------
        ValueError
            If a number is not at least 1, or `init` has another shape.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> dbm = DBM((8, 4), random_state=0).fit(make_bars_and_stripes(3))
        >>> dbm.sample(5, n_gibbs_steps=10).shape
        (5, 9)
        """
        dbm, v, _ = self._drawn(n_samples, n_gibbs_steps, init, random_state)
        return self._out(dbm.backend, init, v)

    def _drawn(
        self,
        n_samples: int,
        n_gibbs_steps: int,
        init: Any,
        random_state: Any,
        top: np.ndarray | None = None,
    ) -> tuple[DBM, Array, Array]:
        """The model, drawn states of its visible layer, and such of the first hidden one given it.

        ``top`` has states of the top layer that are held, one-hot.
        """
        check_is_fitted(self, self._fitted_names)
        check_count(self, "n_samples", n_samples)
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        backend, dbm, v = self._sampling_start(init, n_samples, self.intercepts_[0])
        dtype = host_dtype(dbm.weights[0])
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        with backend.quiet():
            if v is None:
                silent = backend.zeros((n_samples, dbm.visible.size), dtype)
                v = dbm.visible.sample(silent, stream)
            rows = [backend.empty((n_samples, units.size), dtype) for units in dbm.layers]
            odd, held = first_states(dbm, v, stream), None
            if top is not None:
                held = backend.asarray(top.astype(dtype))
            layer_chain(dbm, odd, n_gibbs_steps, stream, rows, top=held)
        return dbm, rows[0], odd[0]

    def reconstruct(self, X: Any, mask: Any = None, n_gibbs_steps: int = 1) -> Any:
        """Expected visible values given the mean-field posterior of the hidden layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Entries that are not known may hold anything, NaN too.
        mask : array-like of bool of shape (n_samples, n_features) or None, default=None
            True where an entry is known. Known entries are put back after every pass, the others
            start at the expected values of units without input. None: all are seen, and all are
            reconstructed.
        n_gibbs_steps : int, default=1
            Number of passes: mean field of all hidden layers, then the visible values expected
            under it. Nothing is drawn. Missing entries settle in ten or twenty.

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
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DBM
        >>> X = load_digits().data[:300] / 16
        >>> dbm = DBM((32, 16), n_iter=5, random_state=0).fit(X)
        >>> known = np.tile(np.arange(64) < 32, (5, 1))  # the upper half of each image
        >>> filled = dbm.reconstruct(X[:5], known, n_gibbs_steps=10)
        >>> bool((filled[known] == X[:5][known]).all())
        True
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        X, given_mask = known_entries(self, mask, X)
        backend, X, dbm = self._prepare(X)

        def there_and_back(v: Array) -> Array:
            return dbm.visible.mean(dbm.from_above(0, settled_means(dbm, v)[0]))

        passes = partial(passed_back, dbm.visible, there_and_back, n_gibbs_steps)
        return self._apply_rows(backend, X, host_dtype(X), passes, self._width, *given_mask)

    # -- likelihoods ---------------------------------------------------------------------

    def _two_sided(self, backend: Backend, dtype: Any) -> FoldedDBM:
        return annealed_side(self._model(backend, dtype))

    def _reverse_rows(self, model: Any, v: Array) -> Array:
        """States of the layers that annealing visits, from rows of features."""
        dbm = self._model(model.backend, host_dtype(v))
        key = np.random.SeedSequence(getattr(self, "_entropy", 0), spawn_key=(PARTITION, SAMPLE))
        return side_states(dbm, model, v, model.backend.stream(key))

    def free_energy(self, X: Any) -> Any:
        """Variational free energy of the rows: ``-E_q[-E(v, h)] - H(q)``, q from mean field.

        An upper bound of the free energy ``-log sum_h exp(-E(v, h))``. Minus this value, minus
        ``log_partition().value``, is what `score_samples` returns.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        free_energy : ndarray of shape (n_samples,)
            In nats per row.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> dbm = DBM((8, 4), n_iter=5, random_state=0).fit(X)
        >>> found = -dbm.free_energy(X) - dbm.log_partition().value
        >>> bool(abs(found - dbm.score_samples(X)).max() < 1e-6)
        True
        """
        return -self._bounds(X, 0.0)

    def score_samples(self, X: Any) -> Any:
        """Variational lower bound on the log-likelihood of the rows.

        ``E_q[-E(v, h)] + H(q) - log Z``, with q the factorial distribution of mean field [1]_.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats per row; of a log-density with Gaussian visible units. It is a bound as far as
            log Z is right: exact where all odd or all even layers together have at most 2**20
            states, else the estimate of ``log_partition()``, which is low on average. Look at
            ``log_partition(reverse=X)`` before you quote it.

        References
        ----------
        .. [1] Salakhutdinov, R. and Hinton, G. E. Deep Boltzmann machines. AISTATS 2009.

        Examples
        --------
        >>> from skdeepbm import DBM, RBMTransformer
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> rbm = RBMTransformer(visible_states="draw", n_iter=200)
        >>> dbm = DBM((8, 4), rbm=rbm, batch_size=7, random_state=0).fit(X)
        >>> bool(dbm.score_samples(X).mean() > -4)  # independent pixels give -6.24
        True
        """
        return self._bounds(X, None)

    def _bounds(self, X: Any, log_z: float | None) -> Any:
        backend, X, dbm = self._prepare(X)
        known = self.log_partition().value if log_z is None else log_z
        return self._apply_rows(
            backend, X, host_dtype(X), lambda v: dbm_bound(dbm, v, known), self._width
        )

    def score(self, X: Any, y: Any = None) -> float:
        """Mean variational bound of the rows, in nats: the mean of `score_samples`.

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
