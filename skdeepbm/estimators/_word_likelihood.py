"""Free energies, partition functions and perplexities of a ReplicatedSoftmax."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._word_generation import WordGenerationMixin
from skdeepbm.evaluation.hidden_words import (
    annealed_free_energy,
    exact_free_energy,
    has_few_topics,
)
from skdeepbm.evaluation.partition import LogPartition
from skdeepbm.evaluation.word_partition import (
    estimated_word_partition,
    exact_word_partition,
    is_enumerable,
    reverse_word_partition,
)
from skdeepbm.training import Rows

# runs of annealed importance sampling for small models, and for those with more weights than this
_MANY_RUNS, _FEW_RUNS, _SMALL = 1000, 200, 2**14
_PER_FOLD = 200
# stages of runs that add hidden words to a document
_PER_FOLD_OF_DOCUMENTS = 20


class WordLikelihoodMixin(WordGenerationMixin):
    """Methods that follow from the free energy and the partition functions of all lengths."""

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
        return self._free_energy(X, "auto")

    def _free_energy(self, X: Any, method: str) -> Any:
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
        check_is_fitted(self, self._fitted_names)
        self._check_partition(method, n_runs, n_temperatures, reverse)
        lengths = self._check_lengths(n_words, "log_partition")
        backend = self._resolve_backend(fitted=True)
        model = self._model(backend, np.dtype(np.float64)).whole
        lengths = lengths + self.n_hidden_words
        if method == "exact" and not is_enumerable(model):
            raise ValueError(
                f"method='exact' of {type(self).__name__}.log_partition enumerates at most 20 "
                f"hidden units, but there are {model.hidden.size}. Use method='ais'."
            )
        if method == "exact" or (method == "auto" and reverse is None and is_enumerable(model)):
            value = exact_word_partition(model, lengths)
            found = LogPartition(value, value, value, "exact")
        else:
            model = self._model(backend, np.dtype(np.float32)).whole
            if n_runs is None:
                small = model.visible.size * model.hidden.size <= _SMALL
                n_runs = _MANY_RUNS if small else _FEW_RUNS
            per_fold = _PER_FOLD if isinstance(n_temperatures, str) else int(n_temperatures)
            seed = self._runs(random_state)
            with backend.quiet():
                found = estimated_word_partition(model, lengths, n_runs, per_fold, seed)
            if reverse is not None:
                value = self._reverse(reverse, lengths, min(n_runs, 100), per_fold, seed)
                found = replace(found, reverse=value)
        if np.ndim(n_words) == 0:
            arrays = ("value", "lower", "upper", "reverse", "effective_sample_size")
            first: dict[str, Any] = {}
            for name in arrays:
                value = getattr(found, name)
                first[name] = float(value[0]) if isinstance(value, np.ndarray) else value
            found = replace(found, **first)
        return found

    def _reverse(
        self, X: Any, lengths: np.ndarray, n_runs: int, per_fold: int, seed: Any
    ) -> np.ndarray:
        """Estimates from runs that go down from documents, one value a length."""
        backend, X, _ = self._prepare(X)
        of_documents = self._lengths(X, backend)
        filled = np.flatnonzero(of_documents)
        if not filled.size:
            raise ValueError(
                f"reverse of {type(self).__name__}.log_partition needs documents with words."
            )
        index = filled[np.linspace(0, filled.size - 1, n_runs).astype(np.intp)]
        whole = np.unique(np.concatenate([np.floor(lengths), np.ceil(lengths)]))
        value = np.full(whole.size, self._n_features_out * np.log(2.0))
        for i in np.flatnonzero(whole):
            log_z = self._descend(X, backend, index, np.full(n_runs, whole[i]), per_fold, seed)
            low = log_z.min()
            value[i] = low - np.log(np.mean(np.exp(low - log_z)))
        # log Z is convex in the length: a straight line between two lengths lies above it
        return np.interp(lengths, whole, value)

    def _descend(
        self,
        X: Any,
        backend: Any,
        index: np.ndarray,
        n_words: np.ndarray,
        per_fold: int,
        seed: Any,
    ) -> np.ndarray:
        """Single-run estimates of log Z from documents ``index`` taken to whole lengths above 0."""
        model = self._model(backend, np.dtype(np.float32)).whole
        batch = Rows(backend, X, np.dtype(np.float32)).batch(index)
        v = batch.counts if batch.dense is None else batch.dense
        lengths = model.lengths(self._lengths(X, backend)[index])
        with backend.quiet():
            return reverse_word_partition(
                model, v, lengths, n_words.astype(np.int64), per_fold, seed
            )

    def _check_partition(self, method: str, n_runs: Any, n_temperatures: Any, reverse: Any) -> None:
        where = f"of {type(self).__name__}.log_partition"
        if method not in ("auto", "exact", "ais"):
            raise ValueError(f"method {where} must be 'auto', 'exact' or 'ais', got {method!r}.")
        if method == "exact" and reverse is not None:
            raise ValueError(
                f"reverse {where} belongs to method='ais'; an exact value needs no second estimate."
            )
        for name, value, least, other in (
            ("n_runs", n_runs, 2, None),
            ("n_temperatures", n_temperatures, 1, "auto"),
        ):
            if isinstance(value, type(other)) and value == other:
                continue
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(
                    f"{name} {where} must be {other!r} or an integer of at least {least}, got "
                    f"{value!r}."
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

    def _log_likelihood(
        self, X: Any, method: str, free_energy_method: str = "auto"
    ) -> tuple[Any, np.ndarray]:
        """Log-likelihoods where X lives, and lengths on the host."""
        backend, rows, _ = self._prepare(X, warn=False)
        free_energy = self._free_energy(X, free_energy_method)
        n_words = self._lengths(rows, backend)
        if method == "reverse":
            log_z = self._reverse_of_documents(rows, backend, n_words)
        else:
            different, place = np.unique(n_words, return_inverse=True)
            log_z = self.log_partition(different, method).value[place]
        owner = owner_of(free_energy)
        if self.n_hidden_words:
            # without words there is nothing to estimate
            empty = n_words == 0
            log_z = np.where(empty, 0.0, log_z)
            filled = np.where(empty, 0.0, 1.0)
            free_energy = free_energy * (filled if owner is None else owner.asarray(filled))
        if owner is not None:
            return -free_energy - owner.asarray(log_z), n_words
        return -free_energy - log_z, n_words

    def _reverse_of_documents(self, X: Any, backend: Any, n_words: np.ndarray) -> np.ndarray:
        """Single-run estimates of log Z, each from a document itself."""
        seed = self._runs(None)

        def run(whole: np.ndarray, among: np.ndarray) -> np.ndarray:
            log_z = np.full(n_words.size, self._n_features_out * np.log(2.0))
            index = np.flatnonzero(among & (whole > 0))
            if index.size:
                of_all = whole[index] + self.n_hidden_words
                log_z[index] = self._descend(X, backend, index, of_all, _PER_FOLD, seed)
            return log_z

        below = np.floor(n_words)
        share = n_words - below
        upper = run(np.ceil(n_words), n_words > 0)
        if not share.any():
            return upper
        lower = run(below, share > 0)
        return np.where(share > 0, (1.0 - share) * lower + share * upper, upper)

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
        if method not in ("auto", "exact", "ais", "reverse"):
            raise ValueError(
                f"method of {type(self).__name__}.perplexity must be 'auto', 'exact', 'ais' or "
                f"'reverse', got {method!r}."
            )
        if free_energy not in ("auto", "bound", "ais"):
            raise ValueError(
                f"free_energy of {type(self).__name__}.perplexity must be 'auto', 'bound' or "
                f"'ais', got {free_energy!r}."
            )
        values, n_words = self._log_likelihood(X, method, free_energy)
        owner = owner_of(values)
        host = np.asarray(values if owner is None else owner.to_host(values))
        filled = n_words > 0
        if not filled.any():
            raise ValueError(f"perplexity of {type(self).__name__} needs documents with words.")
        return float(np.exp(-np.mean(host[filled] / n_words[filled])))
