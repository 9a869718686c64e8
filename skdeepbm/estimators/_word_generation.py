"""From topics to words, deterministically or by Gibbs sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Counts, owner_of
from skdeepbm.estimators._base import SAMPLE, host_dtype
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._word_training import WordTrainingMixin
from skdeepbm.sampling.words import word_chain
from skdeepbm.training import Rows


class WordGenerationMixin(WordTrainingMixin):
    """Distributions of words, reconstructions and samples."""

    mean_n_words_: float

    def inverse_transform(self, X: Any) -> Any:
        """Distribution of the words of a document with given topics.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Values of the topics, for example from `transform`.

        Returns
        -------
        P : ndarray of shape (n_samples, n_features)
            Probabilities; rows sum to one.
        """
        backend, X, model = self._prepare_hidden(X)
        return self._apply_rows(
            backend,
            X,
            host_dtype(model.weights),
            lambda h: model.visible.mean(model.word_input(h)),
            max(model.visible.size, model.hidden.size),
        )

    def reconstruct(self, X: Any, n_gibbs_steps: int = 1) -> Any:
        """Expected counts after deterministic passes up and down.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        n_gibbs_steps : int, default=1
            Number of passes.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Dense; each row sums to the number of words of its document.
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)

        def passes(model: Any, v: Any, n_words: Array) -> Array:
            lengths = model.backend.xp.expand_dims(model.lengths(n_words), axis=1)
            for _ in range(n_gibbs_steps):
                h = model.hidden_mean(v, lengths[:, 0])
                v = model.visible.mean(model.word_input(h)) * lengths
            return v

        return self._documents(X, passes)

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_words: Any = None,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw documents from the model, one chain for each; hidden words are left out.

        Parameters
        ----------
        n_samples : int, default=1
        n_words : int, array-like of int of shape (n_samples,) or None, default=None
            Lengths. None means those of `init`, or `mean_n_words_` rounded.
        n_gibbs_steps : int, default=1000
        init : array-like of shape (n_samples, n_features) or None, default=None
            Documents to start from; None starts at topics drawn at even odds.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : CSR array of shape (n_samples, n_features)
            Counts.

        Examples
        --------
        >>> from skdeepbm import ReplicatedSoftmax
        >>> model = ReplicatedSoftmax(2, random_state=0).fit([[3, 1, 0], [0, 1, 2]])
        >>> model.sample(2, n_words=[5, 7], n_gibbs_steps=10).sum(axis=1)
        array([5., 7.])
        """
        check_is_fitted(self, self._fitted_names)
        check_count(self, "n_samples", n_samples)
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        if init is None:
            backend = self._resolve_backend(fitted=True)
            model = self._model(backend, host_dtype(self.components_))
            lengths = np.full(n_samples, max(1, round(getattr(self, "mean_n_words_", 0))))
            if n_words is None and not hasattr(self, "mean_n_words_"):
                raise ValueError(f"sample of {type(self).__name__} needs n_words.")
        else:
            backend, init, model = self._prepare(init)
            if init.shape[0] != n_samples:
                raise ValueError(
                    f"init has {init.shape[0]} rows, but sample of {type(self).__name__} needs "
                    f"n_samples={n_samples}."
                )
            sums = self._lengths(init, backend)
            lengths = np.where(sums > 0, np.maximum(np.round(sums), 1.0), 0.0).astype(np.int64)
        if n_words is not None:
            lengths = self._check_lengths(n_words, "sample", whole=True)
            if lengths.shape not in ((1,), (n_samples,)):
                raise ValueError(
                    f"n_words has {lengths.size} values, but sample of {type(self).__name__} needs "
                    f"one, or n_samples={n_samples}."
                )
            lengths = np.broadcast_to(lengths, (n_samples,)).astype(np.int64)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        dtype = host_dtype(model.weights)
        if init is None:
            h_mean = backend.zeros((n_samples, model.hidden.size), dtype) + 0.5
        else:
            batch = Rows(backend, init, dtype).batch(np.arange(n_samples))
            v = batch.counts if batch.dense is None else batch.dense
            h_mean = model.hidden_mean(v, model.lengths(self._lengths(init, backend)))
        h, whole = backend.bernoulli(h_mean, stream), model.whole
        with backend.quiet():
            v, _, h = word_chain(whole, h, lengths + model.n_hidden_words, n_gibbs_steps, stream)
            if model.n_hidden_words:
                # words are independent given the topics: draw the visible ones again
                v = backend.multinomial(lengths, whole.words(h)[0], stream)
        if init is not None and owner_of(init) is backend:
            return v
        found = v.csr if isinstance(v, Counts) else sp.csr_array(backend.to_host(v))
        found.sum_duplicates()
        return found

    def _check_lengths(self, n_words: Any, method: str, whole: bool = False) -> np.ndarray:
        """Numbers of words that an argument gives, as a vector of float64."""
        try:
            lengths = np.atleast_1d(np.asarray(n_words, dtype=np.float64))
        except (TypeError, ValueError):
            lengths = np.empty(0)
        bad = lengths.ndim != 1 or not lengths.size or not np.isfinite(lengths).all()
        bad = bad or bool((lengths < 0).any()) or (whole and bool((lengths % 1).any()))
        if bad:
            raise ValueError(
                f"n_words of {type(self).__name__}.{method} must be a number of words or a list of "
                f"such, none of them negative{' or fractional' if whole else ''}; got {n_words!r}."
            )
        return lengths
