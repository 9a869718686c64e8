"""Steps of the training of a replicated softmax.

A document of D words enters the gradient with the weight ``D ** -length_power``: 0 climbs the mean
log-likelihood of documents, which the longest ones decide; 1 that of a word, averaged over
documents, which is what the perplexity measures. Centred parameters (``v - D mu`` and
``h - lambda`` in the energy, with ``mu`` the distribution of words) make

    ``dW = <(v - D mu)(h - lambda)^T>_data - <.>_model``, ``db = d<v> - dW lambda`` and
    ``da = d<D h> - dW^T mu``;

the last line carries D, as the hidden bias does. An optimiser whose steps are not in proportion to
gradients has the centred parameters, and ``dW`` in the last two terms is by how much it has moved
the weights. Whatever it does to them, words in their mean shares go on saying the same to
every topic, and mean topics to every word. With hidden words (Srivastava, Salakhutdinov &
Hinton 2013) a document is its visible words and the expected hidden ones of mean field, and D
counts both, in either phase: the step climbs the variational bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.over_replicated import OverReplicatedSoftmax
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.training.batches import Batch
from skdeepbm.training.penalties import constrain_norm, sparsity_gradient
from skdeepbm.training.schedules import value_at
from skdeepbm.training.settings import TrainingSettings, TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.word_monitor import measure_words
from skdeepbm.training.word_phases import WORD_PHASES


class WordTrainer(Trainer):
    """Trains a replicated softmax in place.

    Parameters
    ----------
    model : ReplicatedSoftmax
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : TrainingSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back. ``base_bias`` must be set.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    """

    settings: TrainingSettings

    def __init__(
        self,
        model: ReplicatedSoftmax,
        settings: TrainingSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
    ) -> None:
        backend = model.backend
        super().__init__(backend, settings, state, seed)
        self.model = model
        self.of_documents = self._of_documents()
        dtype = model.weights.dtype
        self.negative = WORD_PHASES[settings.algorithm](
            model, settings, state.chains, state.memory, self.stream
        )
        self.mu = self.lam = None
        if settings.centring:
            assert state.base_bias is not None
            base = backend.asarray(np.asarray(state.base_bias)[None, :], dtype)
            self.mu = model.visible.with_bias(0.0 * base[0, :]).mean(base)[0, :]
            lam = np.full(model.hidden.size, 0.5) if state.offsets is None else state.offsets
            self.lam = backend.asarray(np.array(lam), dtype)
        self.activity = None if state.activity is None else backend.asarray(state.activity, dtype)

    def save_state(self) -> TrainingState:
        def saved(array: Array | None) -> np.ndarray | None:
            return None if array is None else np.array(self.backend.to_host(array))

        state = super().save_state()
        state.offsets, state.activity = saved(self.lam), saved(self.activity)
        state.chains, state.memory = self.negative.state, self.negative.memory
        return state

    def parameters(self) -> dict[str, Array]:
        model = self.model
        return {
            "weights": model.weights,
            "visible_bias": model.visible.bias,
            "hidden_bias": model.hidden.bias,
        }

    def carried(self) -> Any:
        lam = None if self.lam is None else self.copy(self.lam)
        return self.negative.copy_chains(), lam, self.activity

    def put_back(self, carried: Any) -> None:
        chains, self.lam, self.activity = carried
        self.negative.restore_chains(chains)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict:
        return measure_words(self.of_documents, watched, before["weights"], held_out)

    def _of_documents(self) -> ReplicatedSoftmax | OverReplicatedSoftmax:
        """The model of visible words, with the mean field of this epoch."""
        n_hidden_words = self.settings.n_hidden_words
        if not n_hidden_words:
            return self.model
        n_steps = int(value_at(self.settings.n_mean_field_steps, self.state.epoch))
        return OverReplicatedSoftmax(self.model, n_hidden_words, 0.0, n_steps)

    def step(self, batch: Batch) -> None:
        backend, settings = self.backend, self.settings
        rate, momentum, n_steps = self.scheduled()
        self.of_documents = self._of_documents()
        self.count()
        v, n_words = documents(backend, batch)
        if not n_words.size:
            return
        gain = self.optimizer.gain(rate)
        h0, hidden_words = inferred(self.of_documents, v, n_words)
        rounded = np.maximum(np.round(n_words), 1.0).astype(np.int64) + settings.n_hidden_words
        fantasy = self.negative.run(h0, rounded, n_steps, self.stream)

        n_all = n_words + settings.n_hidden_words
        weight = n_all**-settings.length_power / n_words.size
        total = self._phase(v, n_words, h0, gain * weight)
        if hidden_words is not None:
            n_hidden = np.full_like(n_words, settings.n_hidden_words)
            add(total, self._phase(hidden_words, n_hidden, h0, gain * weight))
        others = fantasy.n_words.astype(np.float64)
        model_weight = others**-settings.length_power
        # as many weighted words in both phases: else the biases of all words drift together
        model_weight *= (weight @ n_all) / (model_weight @ others)
        add(total, self._phase(fantasy.v, others, fantasy.h_mean, -gain * model_weight))
        activity = backend.xp.mean(h0, axis=0)
        if settings.sparsity_cost > 0:
            self.activity, penalty = sparsity_gradient(
                self.activity,
                activity,
                settings.sparsity_target,
                settings.sparsity_cost,
                settings.sparsity_decay,
            )
            penalty = gain * penalty
            inputs = backend.weighted_counts(v, weight)
            if hidden_words is not None:
                inputs = inputs + backend.weighted_counts(hidden_words, weight)
            total[0] += backend.xp.expand_dims(inputs, axis=1) * penalty
            total[2] += float(weight @ n_all) * penalty
        self._ascend(total, rate, momentum, gain)
        if self.lam is not None:
            backend.follow(self.lam, activity, settings.centring_rate)

    def _phase(self, v: Any, n_words: np.ndarray, h: Array, weight: np.ndarray) -> list[Array]:
        return word_statistics(
            self.model, v, n_words, h if self.lam is None else h - self.lam, weight
        )

    def _ascend(self, total: list[Array], rate: float, momentum: float, gain: float) -> None:
        """Move the parameters along the sums of both phases, the penalty of sparsity included."""
        model, settings, xp = self.model, self.settings, self.backend.xp
        weights, visible, hidden = total
        before = None
        if self.mu is not None:
            # what hidden units see of a document is v - D mu
            weights -= xp.expand_dims(self.mu, axis=1) * hidden
            if self.optimizer.is_linear:
                self._compensate(visible, hidden, weights)
            else:
                before = self.copy(model.weights)
        if settings.l1_penalty:
            weights -= gain * settings.l1_penalty * xp.sign(model.weights)
        update = self.optimizer.update
        update("weights", model.weights, weights, rate, momentum, settings.weight_decay)
        update("visible bias", model.visible.bias, visible, rate, momentum)
        update("hidden bias", model.hidden.bias, hidden, rate, momentum)
        if settings.max_norm is not None:
            constrain_norm(model, settings.max_norm)
        if before is not None:
            self._compensate(model.visible.bias, model.hidden.bias, model.weights - before)

    def _compensate(self, visible: Array, hidden: Array, weights: Array) -> None:
        """Take from biases, in place, what weights add at the offsets; or of steps of all."""
        visible -= weights @ self.lam
        hidden -= self.mu @ weights


def word_statistics(
    model: ReplicatedSoftmax, v: Any, n_words: np.ndarray, moved: Array, weight: np.ndarray
) -> list[Array]:
    """Weighted sums over documents of ``v (h - lambda)^T``, ``v`` and ``D (h - lambda)``.

    Parameters
    ----------
    model : ReplicatedSoftmax
    v : counts of shape (n_rows, n_words_in_vocabulary)
    n_words, weight : ndarrays of shape (n_rows,)
        Lengths of the documents, and the weight of each.
    moved : array of shape (n_rows, n_hidden)
        ``h - lambda``.
    """
    backend = model.backend
    column = backend.xp.expand_dims(model.lengths(weight), axis=1)
    row = backend.xp.expand_dims(model.lengths(weight * n_words), axis=0)
    return [
        backend.counts_transposed_matmul(v, moved * column),
        backend.weighted_counts(v, weight),
        backend.matmul(row, moved)[0, :],
    ]


def add(total: list[Array], terms: list[Array]) -> None:
    """Add arrays to others in place."""
    for sum_, term in zip(total, terms, strict=True):
        sum_ += term


def inferred(
    model: ReplicatedSoftmax | OverReplicatedSoftmax, v: Any, n_words: np.ndarray
) -> tuple[Array, Array | None]:
    """Expected topics of documents with words, and the hidden words that they come from, if any.

    Before the first step of mean field, hidden words are distributed as the visible ones.
    """
    backend, lengths = model.backend, model.lengths(n_words)
    if isinstance(model, ReplicatedSoftmax):
        return model.hidden_mean(v, lengths), None
    from_data, h = model.pass_up(v, lengths)
    if not model.max_steps:
        factor = model.lengths(model.n_hidden_words / n_words)
        return h, backend.dense(v) * backend.xp.expand_dims(factor, axis=1)
    words = backend.empty((n_words.size, model.visible.size), model.weights.dtype)
    for _ in range(model.max_steps):
        h = model.update(from_data, h, out=words)
    return h, words


def documents(backend: Any, batch: Batch) -> tuple[Any, np.ndarray]:
    """Counts of the documents that have words, and their lengths on the host."""
    counts = batch.rows
    n_words = backend.to_host(backend.row_sums(counts)).astype(np.float64)
    kept = np.flatnonzero(n_words > 0)
    if kept.size < n_words.size:
        counts, n_words = backend.take_counts(counts, kept), n_words[kept]
    return counts, n_words
