"""Partition functions of documents of many lengths, and the likelihoods that follow from them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._base import BoltzmannBase
from skdeepbm.estimators._counts import document_lengths
from skdeepbm.estimators._documents import check_lengths
from skdeepbm.evaluation.partition import LogPartition
from skdeepbm.evaluation.word_partition import (
    enumerated_units,
    estimated_word_partition,
    exact_word_partition,
    is_enumerable,
    reverse_word_partition,
)
from skdeepbm.training import Rows

# runs of annealed importance sampling for small models, and for those with more weights than this
_MANY_RUNS, _FEW_RUNS, _SMALL = 1000, 200, 2**14
_PER_FOLD = 200


class WordPartitionMixin(BoltzmannBase):
    """What a replicated softmax and a machine that has one at the bottom have in common."""

    #: hidden words that every document has beside its own
    n_hidden_words: int = 0
    #: what `log_partition` enumerates
    _enumerated: ClassVar[str] = "hidden units"

    @abstractmethod
    def _word_model(self, backend: Backend, dtype: Any) -> Any:
        """The model of all words of a document."""

    @abstractmethod
    def _free_energies_of_documents(self, X: Any, method: str) -> Any:
        """Free energies by a method of `perplexity`, in float64; any value without words."""

    def _log_partition_of_lengths(
        self,
        n_words: Any,
        method: str = "auto",
        n_runs: int | None = None,
        n_temperatures: Any = "auto",
        reverse: Any = None,
        random_state: Any = None,
    ) -> LogPartition:
        """What `log_partition` returns."""
        check_is_fitted(self, self._fitted_names)
        self._check_word_partition(method, n_runs, n_temperatures, reverse)
        lengths = check_lengths(self, n_words, "log_partition")
        backend = self._resolve_backend(fitted=True)
        model = self._word_model(backend, np.dtype(np.float64))
        lengths = lengths + self.n_hidden_words
        if method == "exact" and not is_enumerable(model):
            raise ValueError(
                f"method='exact' of {type(self).__name__}.log_partition enumerates at most 20 "
                f"{self._enumerated}, but there are {enumerated_units(model).size}. Use "
                "method='ais'."
            )
        if method == "exact" or (method == "auto" and reverse is None and is_enumerable(model)):
            value = exact_word_partition(model, lengths)
            found = LogPartition(value, value, value, "exact")
        else:
            model = self._word_model(backend, np.dtype(np.float32))
            if n_runs is None:
                small = model.visible.size * enumerated_units(model).size <= _SMALL
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
        of_documents = document_lengths(X, backend)
        filled = np.flatnonzero(of_documents)
        if not filled.size:
            raise ValueError(
                f"reverse of {type(self).__name__}.log_partition needs documents with words."
            )
        index = filled[np.linspace(0, filled.size - 1, n_runs).astype(np.intp)]
        whole = np.unique(np.concatenate([np.floor(lengths), np.ceil(lengths)]))
        value = np.empty(whole.size)
        for i, length in enumerate(whole):
            log_z = self._descend(X, backend, index, np.full(n_runs, length), per_fold, seed)
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
        """Single-run estimates of log Z from documents ``index`` taken to whole lengths."""
        model = self._word_model(backend, np.dtype(np.float32))
        v = Rows(backend, X, np.dtype(np.float32)).batch(index).rows
        lengths = backend.asarray(document_lengths(X, backend)[index], np.float32)
        with backend.quiet():
            return reverse_word_partition(
                model, v, lengths, n_words.astype(np.int64), per_fold, seed
            )

    def _check_word_partition(
        self, method: str, n_runs: Any, n_temperatures: Any, reverse: Any
    ) -> None:
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

    def _log_likelihood(
        self, X: Any, method: str, free_energy_method: str = "auto"
    ) -> tuple[Any, np.ndarray]:
        """Log-likelihoods where X lives, and lengths on the host."""
        backend, rows, _ = self._prepare(X, warn=False)
        free_energy = self._free_energies_of_documents(X, free_energy_method)
        n_words = document_lengths(rows, backend)
        if method == "reverse":
            log_z = self._reverse_of_documents(rows, backend, n_words)
        else:
            different, place = np.unique(n_words, return_inverse=True)
            log_z = self._log_partition_of_lengths(different, method).value[place]
        owner = owner_of(free_energy)
        # without words there is nothing to estimate
        filled = np.where(n_words > 0, 1.0, 0.0)
        log_z = filled * log_z
        free_energy = free_energy * (filled if owner is None else owner.asarray(filled))
        if owner is not None:
            return -free_energy - owner.asarray(log_z), n_words
        return -free_energy - log_z, n_words

    def _reverse_of_documents(self, X: Any, backend: Any, n_words: np.ndarray) -> np.ndarray:
        """Single-run estimates of log Z, each from a document itself."""
        seed = self._runs(None)

        def run(whole: np.ndarray, among: np.ndarray) -> np.ndarray:
            log_z, index = np.zeros(n_words.size), np.flatnonzero(among)
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

    def _perplexity(self, X: Any, method: str, free_energy: str = "auto") -> float:
        """What `perplexity` returns."""
        check_is_fitted(self, self._fitted_names)
        if method not in ("auto", "exact", "ais", "reverse"):
            raise ValueError(
                f"method of {type(self).__name__}.perplexity must be 'auto', 'exact', 'ais' or "
                f"'reverse', got {method!r}."
            )
        values, n_words = self._log_likelihood(X, method, free_energy)
        owner = owner_of(values)
        host = np.asarray(values if owner is None else owner.to_host(values))
        filled = n_words > 0
        if not filled.any():
            raise ValueError(f"perplexity of {type(self).__name__} needs documents with words.")
        return float(np.exp(-np.mean(host[filled] / n_words[filled])))
