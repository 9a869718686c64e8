"""From a ReplicatedSoftmax's parameters and public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import TRAINING, host_dtype, put
from skdeepbm.estimators._counts import check_any_words, check_counts, document_lengths
from skdeepbm.estimators._documents import (
    apply_documents,
    entropy_of_shares,
    warn_of_word_shares,
    word_totals,
)
from skdeepbm.estimators._fitting import count_updates
from skdeepbm.estimators._hyperparameters import check_schedules
from skdeepbm.estimators._training import TrainingMixin
from skdeepbm.estimators._validation import name_of
from skdeepbm.models.over_replicated import OverReplicatedSoftmax
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import BernoulliUnits, MultinomialUnits
from skdeepbm.training import Rows, TrainingSettings, WordTrainer
from skdeepbm.training.optimizers import usable_state

_ADAM_RATE = 0.003
# words of a document up to which that is right: in longer ones, what steps of weights do adds up
_SHORT = 100.0

#: a model of visible words, with or without hidden ones
DocumentModel = ReplicatedSoftmax | OverReplicatedSoftmax


class WordTrainingMixin(TrainingMixin):
    """What training on counts needs besides the order of things, and documents in chunks."""

    visible = "multinomial"
    # nothing is held out
    validation_fraction = 0.0
    early_stopping = None
    n_iter_no_change = 1
    n_components: int
    n_hidden_words: int
    learning_rate: Any
    optimizer: str
    algorithm: str
    batch_size: Any
    n_chains: int | None
    n_temperatures: int
    training_dtype: str | None

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> DocumentModel:
        self._check_shapes()

        def own(array: Any) -> Array:
            return put(backend, array, dtype, copy_arrays)

        whole = ReplicatedSoftmax(
            MultinomialUnits(backend, own(self.intercept_visible_)),
            BernoulliUnits(backend, own(self.intercept_hidden_)),
            own(np.asarray(self.components_).T),
        )
        n: Any = self.n_hidden_words
        # to set it later changes the model, which nothing else has checked then
        if not isinstance(n, int | np.integer) or n < 0:
            raise ValueError(
                f"n_hidden_words of {name_of(self)} must be an integer of at least 0, got {n!r}."
            )
        if not n:
            return whole
        return OverReplicatedSoftmax(whole, self.n_hidden_words)

    # -- documents -----------------------------------------------------------------------

    def _documents(
        self,
        X: Any,
        method: Callable[[Any, Any, Array], Array],
        warn: bool = True,
        dtype: Any = None,
    ) -> Any:
        """``method(model, counts, n_words)`` for all documents, a chunk at a time."""
        backend, X, model = self._prepare(X, warn)
        if dtype is not None:
            model = self._model(backend, dtype)
        # hidden words are as many as there are words in the vocabulary
        width = max(model.hidden.size, model.visible.size * bool(model.n_hidden_words))
        return apply_documents(
            backend,
            X,
            host_dtype(model.weights),
            lambda v: method(model, v, model.lengths(backend.row_sums(v))),
            max(model.visible.size, model.hidden.size),
            width,
        )

    _lengths = staticmethod(document_lengths)

    # -- training ------------------------------------------------------------------------

    def _check_training(self, backend: Backend, X: Any, going_on: bool, n_epochs: int) -> Any:
        if going_on:
            self._check_going_on()
        check_schedules(self, self._finished_epochs(going_on), n_epochs)
        reset = not (going_on and hasattr(self, "n_features_in_"))
        X = check_counts(self, X, backend, reset=reset)
        if going_on:
            self._check_width(X)
        if not going_on:
            check_any_words(self, X, self._lengths(X, backend))
        return X

    def _start(self, backend: Backend, X: Any, n_batches: int) -> None:
        n_words, total = self._lengths(X, backend), word_totals(X, backend)
        self._entropy = self._seed().entropy
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self._entropy)))
        bias = MultinomialUnits.initial_bias(total, total, None)
        weights = rng.normal(0.0, 0.01, (total.size, self.n_components))
        dtype = host_dtype(X)
        for name in ("h_samples_", "_gibbs_seed"):
            self.__dict__.pop(name, None)
        # rounded to the precision of training, where that is lower
        working = np.dtype(self.training_dtype or dtype)
        start = (weights.T, -(np.exp(bias) / np.exp(bias).sum()) @ weights, bias)
        names = ("components_", "intercept_hidden_", "intercept_visible_")
        for name, array in zip(names, start, strict=True):
            setattr(self, name, array.astype(working).astype(dtype))
        self.mean_n_words_ = float(n_words[n_words > 0].mean())
        self._adopt(n_batches, entropy_of_shares(X, backend, n_words, bias))
        self._training.base_bias = bias

    def _trainer(self, backend: Backend, X: Any, n_epochs: int | None) -> WordTrainer:
        dtype = np.dtype(self.training_dtype or host_dtype(self.components_))
        model = self._model(backend, dtype, copy_arrays=True).whole
        state = copy.copy(self._training)
        if state.base_bias is None:
            state.base_bias = np.asarray(self.intercept_visible_, dtype=np.float64)
        state.optimizer = usable_state(self.optimizer, state.optimizer)
        batch_size = self._rows_per_batch(X.shape[0])
        n_chains = (self.n_chains or batch_size) + self.n_temperatures * (self.algorithm == "pt")
        state.chains = getattr(self, "h_samples_", None)
        if np.shape(state.chains) != (n_chains, model.hidden.size):
            # another algorithm, or another number of chains: they start anew
            state.chains, state.memory = None, {}
        settings = TrainingSettings(
            learning_rate=self._learning_rate(n_epochs is None),
            batch_size=batch_size,
            **{
                name: getattr(self, name)
                for name in TrainingSettings.__dataclass_fields__
                if hasattr(self, name) and name not in ("learning_rate", "batch_size")
            },
        )
        seed = np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,))
        self._fit_backend = backend.name
        return WordTrainer(model, settings, state, seed)

    def _rows_per_batch(self, n_rows: int) -> int:
        if not isinstance(self.batch_size, str):
            return self.batch_size
        return min(max(n_rows // 100, 10), 100)

    def _learning_rate(self, is_step: bool) -> Any:
        if not isinstance(self.learning_rate, str):
            return self.learning_rate
        n_words = getattr(self, "mean_n_words_", 0.0)
        if self.optimizer == "adam":
            rate = _ADAM_RATE * min(1.0, (_SHORT / max(n_words, 1.0)) ** 0.5)
        else:
            # the weights of documents in the gradient see to their lengths
            rate = 10.0 * _ADAM_RATE
        # what a step of the hidden biases does to an energy grows with the number of all words
        if self.n_hidden_words and n_words:
            rate *= n_words / (n_words + self.n_hidden_words)
        # single steps are not averaged
        return rate / 3.0 if is_step else rate

    def _printed(self, trainer: Any, rows: Rows, among: np.ndarray | None = None) -> float | None:
        return None

    def _warn_of_base_rate(self, entries: list[dict[str, Any]], n_rows: int) -> None:
        """Warn if words are predicted no better than by their shares, after enough training."""
        n_updates = count_updates(entries, n_rows, self._rows_per_batch(n_rows))
        # of parameters that were given, the shares are not known
        warn_of_word_shares(self, entries, n_updates, self._data_variance)
