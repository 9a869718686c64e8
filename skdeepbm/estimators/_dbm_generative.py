"""Rows that a deep Boltzmann machine draws, fills in and puts a likelihood on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import PARTITION, SAMPLE, host_dtype
from skdeepbm.estimators._dbm_words import DBMWordMixin
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._likelihood import LogPartitionMixin
from skdeepbm.estimators._missing_entries import known_entries, passed_back
from skdeepbm.evaluation.dbm_annealing import annealed_side, side_states
from skdeepbm.evaluation.dbm_likelihood import dbm_bound
from skdeepbm.evaluation.partition import LogPartition
from skdeepbm.models.dbm import DBM, FoldedDBM
from skdeepbm.models.mean_field import settled_means
from skdeepbm.sampling import first_states, layer_chain


class DBMGenerativeMixin(DBMWordMixin, LogPartitionMixin):
    """The model of the rows: draws, missing values, log Z and the variational bound."""

    #: kind of the units of all hidden layers
    hidden = "bernoulli"

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_words: Any = None,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw rows from the model by block Gibbs sampling, one chain for each.

        Parameters
        ----------
        n_samples : int, default=1
        n_words : int, array-like of int of shape (n_samples,) or None, default=None
            Lengths of documents, with ``visible="multinomial"``. None means those of `init`, or
            `mean_n_words_` rounded.
        n_gibbs_steps : int, default=1000
            Steps of every chain; in each, all even layers are drawn given the odd ones, then the
            odd ones. Chains of a model with several modes need many.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Visible states to start from; None starts at independent draws with the visible biases
            (documents at hidden states drawn at even odds).
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Drawn visible values. Counts of words are a CSR array.

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
        if self._is_of_words:
            return self._drawn_documents(n_samples, n_words, n_gibbs_steps, init, random_state)
        self._check_no_words(n_words, "sample")
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

    def reconstruct(self, X: Any, n_gibbs_steps: int = 1, *, mask: Any = None) -> Any:
        """Expected visible values given the mean-field posterior of the hidden layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Entries that are not known may hold anything, NaN too.
        n_gibbs_steps : int, default=1
            Number of passes: mean field of all hidden layers, then the visible values expected
            under it. Nothing is drawn. Missing entries settle in ten or twenty.
        mask : array-like of bool of shape (n_samples, n_features) or None, default=None
            True where an entry is known. Known entries are put back after every pass, the others
            start at the expected values of units without input. None: all are seen, and all are
            reconstructed. Not with ``visible="multinomial"``.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Expected counts sum to the number of words of the document.

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
        >>> filled = dbm.reconstruct(X[:5], n_gibbs_steps=10, mask=known)
        >>> bool((filled[known] == X[:5][known]).all())
        True
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        if self._is_of_words:
            return self._reconstructed_documents(X, mask, n_gibbs_steps)
        X, given_mask = known_entries(self, mask, X)
        backend, X, dbm = self._prepare(X)

        def there_and_back(v: Array) -> Array:
            return dbm.visible.mean(dbm.from_above(0, settled_means(dbm, v)[0]))

        passes = partial(passed_back, dbm.visible, there_and_back, n_gibbs_steps)
        return self._apply_rows(backend, X, host_dtype(X), passes, self._width, *given_mask)

    # -- likelihoods ---------------------------------------------------------------------

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_words: Any = None,
        n_runs: int | None = None,
        n_temperatures: Any = "auto",
        reverse: Any = None,
        random_state: Any = None,
    ) -> LogPartition:
        """Logarithm of the partition function.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            ``"exact"`` enumerates the joint states of all odd or of all even layers, at most 2**20
            of them (with ``visible="multinomial"`` those of the odd ones); ``"ais"`` is annealed
            importance sampling [1]_; ``"auto"`` is exact where it can be.
        n_words : float, array-like of shape (n_lengths,) or None, default=None
            Numbers of words, with ``visible="multinomial"`` alone, where it is needed: a document
            of D words is one of many *sequences*, over which ``Z_D`` is the sum. One anneal serves
            all lengths, with the length as an inverse temperature.
        n_runs : int or None, default=None
            Runs of annealed importance sampling, done side by side. None begins with 100 and adds
            more where their weights differ much, as long as that takes seconds; of documents it
            means 200, or 1000 for small models.
        n_temperatures : "auto", "classic", int or array-like, default="auto"
            Inverse temperatures of a run. ``"auto"`` chooses their number (1000 to 10,000) and
            their places from a pilot, an int only gives their number, ``"classic"`` is the 14,500
            of [1]_, an array has the values themselves, rising from 0 to 1. Of documents an int is
            the number of stages for each growth of the length by a factor of e, ``"auto"`` is 200,
            and the others are not possible.
        reverse : array-like of shape (n_rows, n_features) or None, default=None
            Rows from which to start runs in the other direction, after 1000 Gibbs steps (100 of
            documents, at each length): as many as `n_runs` (100), evenly spaced among the rows.
            Their estimate is high on average where the other is low, so that both together show
            what to trust; training or test rows serve well. With rows given, ``"auto"`` means
            ``"ais"``.
        random_state : int, RandomState instance or None, default=None
            Of the runs. None goes on from the seed of `fit`, so that every call gives the same.

        Returns
        -------
        result : LogPartition
            With ``value`` in nats, ``lower`` and ``upper`` (three standard errors of the runs'
            weights to both sides), ``method``, ``reverse``, ``n_runs``, ``n_temperatures`` and
            ``effective_sample_size``. Where `n_words` is a list, values are arrays.

        Raises
        ------
        ValueError
            If an argument makes no sense, or no class of layers can be enumerated where
            ``method="exact"``.
        FloatingPointError
            If the model has no finite partition function.

        References
        ----------
        .. [1] Salakhutdinov, R. and Murray, I. On the quantitative analysis of deep belief
           networks. ICML 2008.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> dbm = DBM((8, 4), n_iter=5, random_state=0).fit(make_bars_and_stripes(3))
        >>> exact, estimate = dbm.log_partition(), dbm.log_partition("ais")
        >>> exact.method, abs(exact.value - estimate.value) < 0.05
        ('exact', True)
        """
        if self._is_of_words:
            return self._log_partition_of_lengths(
                n_words, method, n_runs, n_temperatures, reverse, random_state
            )
        self._check_no_words(n_words, "log_partition")
        return super().log_partition(
            method,
            n_runs=n_runs,
            n_temperatures=n_temperatures,
            reverse=reverse,
            random_state=random_state,
        )

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
            In nats per row. Those of documents of different lengths cannot be compared.

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
        if self._is_of_words:
            return self._free_energies_of_documents(X)
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
            ``log_partition(reverse=X)`` before you quote it. Of counts it is that of the *sequence*
            of a document's words; 0 without words.

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
        if self._is_of_words:
            return self._log_likelihood(X, "auto")[0]
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
