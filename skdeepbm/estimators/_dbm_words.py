"""What is particular to a deep Boltzmann machine whose rows are counts of words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from skdeepbm.backends import Array, Backend, owner_of
from skdeepbm.estimators._base import SAMPLE, host_dtype
from skdeepbm.estimators._dbm_model import DBMModelMixin
from skdeepbm.estimators._documents import apply_documents, begin_sample, drawn_counts
from skdeepbm.estimators._word_partition import WordPartitionMixin
from skdeepbm.models.word_dbm import WordDBM, word_bounds, word_means
from skdeepbm.sampling.word_layers import first_odd, word_layer_chain
from skdeepbm.training import Rows


def _is_of_words(estimator: DBMWordMixin) -> bool:
    if not estimator._is_of_words:
        raise AttributeError(
            f"perplexity of {type(estimator).__name__} is that of a word and needs "
            f"visible='multinomial'; with visible={estimator.visible!r} use score(X)."
        )
    return True


class DBMWordMixin(WordPartitionMixin, DBMModelMixin):
    """Lengths of documents, and rows that may stay sparse."""

    _enumerated = "units in odd hidden layers"

    def _word_model(self, backend: Backend, dtype: Any) -> WordDBM:
        dbm = self._model(backend, dtype)
        assert isinstance(dbm, WordDBM)
        return dbm

    def _apply(self, backend: Backend, X: Any, dtype: Any, function: Callable[..., Array]) -> Any:
        """``function`` of chunks of rows, put together where ``X`` lives."""
        sizes = self._sizes()
        if not self._is_of_words:
            return self._apply_rows(backend, X, dtype, function, sum(sizes))
        return apply_documents(backend, X, dtype, function, sum(sizes), sum(sizes[1:]))

    def _check_no_words(self, n_words: Any, method: str) -> None:
        """Raise if lengths of documents are given where rows are none."""
        if n_words is not None:
            raise ValueError(
                f"n_words of {type(self).__name__}.{method} is for documents, the rows of "
                f"visible='multinomial'; with visible={self.visible!r} leave it out."
            )

    def _drawn_documents(
        self, n_samples: int, n_words: Any, n_gibbs_steps: int, init: Any, random_state: Any
    ) -> Any:
        backend, init, lengths = begin_sample(self, n_samples, n_words, n_gibbs_steps, init)
        dtype = host_dtype(np.asarray(self.intercepts_[0]) if init is None else init)
        dbm = self._word_model(backend, dtype)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        every = np.arange(n_samples)
        with backend.quiet():
            if init is None:
                even = backend.zeros((n_samples, dbm.above.visible.size), dtype) + 0.5
                odd = backend.bernoulli(even, stream)
            else:
                odd = first_odd(dbm, Rows(backend, init, dtype).batch(every).rows, stream)
            v, _ = word_layer_chain(dbm, odd, lengths, n_gibbs_steps, stream)
        return drawn_counts(backend, v, init is not None and owner_of(init) is backend)

    def _reconstructed_documents(self, X: Any, mask: Any, n_passes: int) -> Any:
        if mask is not None:
            raise ValueError(
                f"mask of {type(self).__name__}.reconstruct is not defined for counts of words: a "
                "document whose words are not all known has no length. Leave it out."
            )
        backend, X, _ = self._prepare(X)
        dbm = self._word_model(backend, host_dtype(X))

        def passes(v: Any) -> Array:
            n_words = backend.xp.expand_dims(dbm.bottom.lengths(backend.row_sums(v)), axis=1)
            for _ in range(n_passes):
                v = n_words * dbm.visible.mean(dbm.from_above(0, word_means(dbm, v)[0]))
            return v

        sizes = self._sizes()
        return apply_documents(backend, X, host_dtype(X), passes, sum(sizes), sum(sizes))

    def _free_energies_of_documents(self, X: Any, method: str = "auto") -> Any:
        backend, X, _ = self._prepare(X)
        dbm = self._word_model(backend, np.dtype(np.float64))
        return self._apply(backend, X, np.dtype(np.float64), lambda v: -word_bounds(dbm, v))

    @available_if(_is_of_words)
    def perplexity(self, X: Any, *, method: str = "auto") -> float:
        """Perplexity of a word, ``exp(-mean_n(bound_n / D_n))``, with ``visible="multinomial"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Documents; those without words are left out.
        method : {"auto", "exact", "ais", "reverse"}, default="auto"
            How log Z is had; as of :meth:`ReplicatedSoftmax.perplexity`. The estimate of annealed
            importance sampling is low on average and the perplexity therefore optimistic;
            ``"reverse"`` is pessimistic.

        Returns
        -------
        perplexity : float
            By the variational bound of `score_samples`, so that it is an upper bound as far as log
            Z is right; averaged over documents, each of which counts the same.

        Examples
        --------
        >>> from skdeepbm import DBM
        >>> X = [[3, 1, 0], [0, 1, 2], [2, 0, 0], [0, 0, 4]] * 10
        >>> dbm = DBM((2, 2), visible="multinomial", n_iter=5, random_state=0).fit(X)
        >>> bool(dbm.perplexity(X) < 3)
        True
        """
        return self._perplexity(X, method)
