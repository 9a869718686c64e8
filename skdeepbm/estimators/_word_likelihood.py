"""Free energies, partition functions and perplexities of a ReplicatedSoftmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._word_generation import WordGenerationMixin
from skdeepbm.estimators._word_partition import WordPartitionMixin
from skdeepbm.evaluation.hidden_words import (
    annealed_free_energy,
    exact_free_energy,
    has_few_topics,
)
from skdeepbm.evaluation.partition import LogPartition

# stages of runs that add hidden words to a document
_PER_FOLD_OF_DOCUMENTS = 20


class WordLikelihoodMixin(WordPartitionMixin, WordGenerationMixin):
    """Methods that follow from the free energy and the partition functions of all lengths."""

    def _word_model(self, backend: Backend, dtype: Any) -> Any:
        return self._model(backend, dtype).whole

    def free_energy(self, X: Any) -> Any:
        """Free energy ``F(v) = -b.v - sum_j softplus(v.W_j + D a_j)`` of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        free_energy : ndarray of float64 of shape (n_samples,)
            In nats; ``log p(words) = -F(v) - log Z_D``, D being the number of words. Free energies
            of documents of different lengths cannot be compared. With hidden words ``F(v)`` is
            exact with at most 12 topics, ``-log sum_h exp(b.v + v.W h + D a.h + M f(h))``, and
            otherwise the variational free energy of mean field, an upper bound.
        """
        return self._free_energies_of_documents(X, "auto")

    def _free_energies_of_documents(self, X: Any, method: str) -> Any:
        """Free energies by a method of `perplexity`, in float64."""
        # every chunk goes on with the same stream
        stream = self._resolve_backend(X, fitted=True).stream(self._runs(None))

        def of_documents(model: Any, v: Any, n_words: Array) -> Array:
            if not model.n_hidden_words or method == "bound":
                return model.free_energy(v, n_words)
            if method == "ais":
                runs = annealed_free_energy(model, v, n_words, _PER_FOLD_OF_DOCUMENTS, stream)
                return model.backend.asarray(runs)
            exact = has_few_topics(model)
            return exact_free_energy(model, v, n_words) if exact else model.free_energy(v, n_words)

        return self._documents(X, of_documents, dtype=np.float64)

    def log_partition(
        self,
        n_words: Any,
        method: str = "auto",
        *,
        n_runs: int | None = None,
        n_temperatures: Any = "auto",
        reverse: Any = None,
        random_state: Any = None,
    ) -> LogPartition:
        """Logarithms of the partition functions of documents of several lengths.

        Parameters
        ----------
        n_words : float or array-like of shape (n_lengths,)
            Numbers of words, without the hidden ones of the model, which are added. The sum that
            ``Z_D`` stands for is over *sequences* of D words, the hidden ones included.
            Between whole numbers, estimates are interpolated on a straight line, which is slightly
            high.
        method : {"auto", "exact", "ais"}, default="auto"
            ``"exact"`` enumerates the states of at most 20 topics; ``"ais"`` is annealed importance
            sampling with the length as the inverse temperature: one anneal serves all lengths;
            ``"auto"`` is exact where it can be.
        n_runs : int or None, default=None
            Runs side by side. None means 200, or 1000 for small models.
        n_temperatures : "auto" or int, default="auto"
            Stages for each growth of the length by a factor of e; ``"auto"`` is 200.
        reverse : array-like of shape (n_rows, n_features) or None, default=None
            Documents from which to start runs in the other direction, 100 (or `n_runs`) for each
            length, after 100 Gibbs steps at that length. Their estimate is high on average where
            the other is low. With documents given, ``"auto"`` means ``"ais"``.
        random_state : int, RandomState instance or None, default=None
            Of the runs. None goes on from the seed of `fit`, so that every call gives the same.

        Returns
        -------
        result : LogPartition
            Its estimates are arrays of the shape of `n_words`, in nats.

        Raises
        ------
        ValueError
            If an argument makes no sense, or there are more than 20 topics where
            ``method="exact"``.

        Examples
        --------
        >>> from skdeepbm import ReplicatedSoftmax
        >>> model = ReplicatedSoftmax(4, random_state=0).fit([[3, 1, 0], [0, 1, 2]])
        >>> exact = model.log_partition([3, 20])
        >>> estimate = model.log_partition([3, 20], "ais")
        >>> bool(abs(exact.value - estimate.value).max() < 0.05)
        True
        """
        return self._log_partition_of_lengths(
            n_words, method, n_runs, n_temperatures, reverse, random_state
        )

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of the words of each document, ``-F(v) - log Z_D``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_likelihood : ndarray of float64 of shape (n_samples,)
            In nats per document, of the *sequence* of its words; 0 for a document without words.
            Exact with at most 20 topics; otherwise with ``log_partition(n_words)``, which is low
            on average, so that the likelihood is optimistic. Compare
            ``perplexity(X, method="reverse")`` before you quote it. With hidden words and more than
            12 topics a variational lower bound, since `free_energy` is one from above.
        """
        values, _ = self._log_likelihood(X, "auto")
        return values

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood of the documents, in nats: the mean of `score_samples`.

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

    def perplexity(self, X: Any, *, method: str = "auto", free_energy: str = "auto") -> float:
        """Perplexity of a word, ``exp(-mean_n(log p(v_n) / D_n))``.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Documents; those without words are left out.
        method : {"auto", "exact", "ais", "reverse"}, default="auto"
            How log Z is had: ``"auto"``, ``"exact"`` and ``"ais"`` as for `log_partition`. The
            estimate of annealed importance sampling is low on average and the perplexity therefore
            optimistic; ``"reverse"`` is pessimistic: one run for each document down from it,
            after 100 Gibbs steps. The truth lies between them, if the Gibbs steps lead from the
            documents to those of the model.
        free_energy : {"auto", "bound", "ais"}, default="auto"
            How hidden words are summed out, where the model has some: ``"auto"`` is exact with at
            most 12 topics and else the variational ``"bound"``; ``"ais"`` adds them one after the
            other in an annealed run for each document. Both are pessimistic.

        Returns
        -------
        perplexity : float
            Averaged over documents, each of which counts the same whatever its length [1]_.
            (``LatentDirichletAllocation.perplexity`` averages over words, and bounds.)

        References
        ----------
        .. [1] Salakhutdinov, R. and Hinton, G. Replicated softmax: an undirected topic model.
           NIPS 2009, section 4.1.
        """
        check_is_fitted(self, self._fitted_names)
        if free_energy not in ("auto", "bound", "ais"):
            raise ValueError(
                f"free_energy of {type(self).__name__}.perplexity must be 'auto', 'bound' or "
                f"'ais', got {free_energy!r}."
            )
        return self._perplexity(X, method, free_energy)
