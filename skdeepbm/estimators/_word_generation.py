"""From topics to words, deterministically or by Gibbs sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._base import SAMPLE, host_dtype
from skdeepbm.estimators._documents import begin_sample, drawn_counts
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
        backend, init, lengths = begin_sample(self, n_samples, n_words, n_gibbs_steps, init)
        dtype = host_dtype(self.components_ if init is None else init)
        model = self._model(backend, dtype)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        if init is None:
            h_mean = backend.zeros((n_samples, model.hidden.size), dtype) + 0.5
        else:
            v = Rows(backend, init, dtype).batch(np.arange(n_samples)).rows
            h_mean = model.hidden_mean(v, model.lengths(backend.row_sums(v)))
        h, whole = backend.bernoulli(h_mean, stream), model.whole
        with backend.quiet():
            v, _, h = word_chain(whole, h, lengths + model.n_hidden_words, n_gibbs_steps, stream)
            if model.n_hidden_words:
                # words are independent given the topics: draw the visible ones again
                v = backend.multinomial(lengths, whole.words(h)[0], stream)
        return drawn_counts(backend, v, init is not None and owner_of(init) is backend)
