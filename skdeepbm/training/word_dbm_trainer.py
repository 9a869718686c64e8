"""Joint training of all layers of a deep Boltzmann machine of documents.

A document of D words has the weight ``D ** -1/2`` in both phases, as is the default of a replicated
softmax: the longest ones do not decide alone. The positive phase is mean field, the negative one
chains of documents as long as those of the batch (:mod:`skdeepbm.training.word_layer_phases`).

With centring the interactions are ``(v - D mu_0).W_1 (h_1 - mu_1)``,
``(h_1 - mu_1).W_2 (h_2 - D/d mu_2)``, with ``d`` the mean length, and ``(h_l - mu_l).W_{l+1}
(h_{l+1} - mu_{l+1})`` above: what the first layer gets in place of an offset must be part of its
bias, which counts once for every word. Of the parameters that belong to words (``W_1``, ``b`` and
``a_1``), whose gradients are sums over the words of a document, a step takes one in ``d``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.mean_field import MeanField
from skdeepbm.models.network import Layer
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.training.batches import Batch
from skdeepbm.training.penalties import constrain_norm, norm_gradient, sparsity_gradient
from skdeepbm.training.settings import DBMSettings, TrainingState
from skdeepbm.training.trainer import Trainer
from skdeepbm.training.word_dbm_monitor import measure_word_dbm
from skdeepbm.training.word_layer_phases import WORD_LAYER_PHASES
from skdeepbm.training.word_trainer import add, documents, word_statistics

#: a document of D words has the weight ``D ** -LENGTH_POWER``
LENGTH_POWER = 0.5


class WordDBMTrainer(Trainer):
    """Trains a deep Boltzmann machine of documents in place.

    Parameters
    ----------
    dbm : WordDBM
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : DBMSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back. ``base_bias`` must be set. Without
        ``offsets``, these start at the means of the first batch.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    """

    settings: DBMSettings

    def __init__(
        self,
        dbm: WordDBM,
        settings: DBMSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
    ) -> None:
        backend = dbm.backend
        super().__init__(backend, settings, state, seed)
        self.dbm = dbm
        self.inference = MeanField(dbm)
        self.negative = WORD_LAYER_PHASES[settings.algorithm](
            dbm, settings, state.chains, state.memory, self.stream
        )
        #: shares of words, and offsets of the hidden layers, the first one first
        self.mu: Array | None = None
        self.offsets: list[Array] | None = None
        if settings.centring:
            assert state.base_bias is not None
            base = backend.asarray(np.asarray(state.base_bias)[None, :], dbm.dtype)
            self.mu = dbm.visible.with_bias(0.0 * base[0, :]).mean(base)[0, :]
            if state.offsets is not None:
                self.offsets = self._split(state.offsets)
        known = state.activity
        self.activity = [None] * dbm.depth if known is None else self._split(known)
        self._steps_seen = self._batches_seen = 0

    def _split(self, vector: np.ndarray) -> list[Any]:
        """Parts of a vector over all hidden units, on the backend."""
        parts = (np.array(vector[i]) for i in self.dbm.hidden_slices)
        return [self.backend.asarray(part, self.dbm.dtype) for part in parts]

    @property
    def n_visible(self) -> int:
        return self.dbm.visible.size

    # -- what the loop asks for ----------------------------------------------------------

    def _biases(self) -> list[Array]:
        layers = self.dbm.layers
        return [layers[0].bias, self.dbm.word_bias, *(units.bias for units in layers[2:])]

    def parameters(self) -> dict[str, Array]:
        found = {f"weights {i}": weights for i, weights in enumerate(self.dbm.weights)}
        return found | {f"bias {i}": bias for i, bias in enumerate(self._biases())}

    def save_state(self) -> TrainingState:
        def joined(arrays: list[Any]) -> np.ndarray:
            return np.concatenate([np.array(self.backend.to_host(array)) for array in arrays])

        state = super().save_state()
        state.offsets = None if self.offsets is None else joined(self.offsets)
        state.activity = None if self.activity[0] is None else joined(self.activity)
        state.chains, state.memory = self.negative.state, self.negative.memory
        return state

    def carried(self) -> Any:
        offsets = None if self.offsets is None else [self.copy(x) for x in self.offsets]
        return self.negative.copy_chains(), offsets, list(self.activity)

    def put_back(self, carried: Any) -> None:
        chains, self.offsets, self.activity = carried
        self.negative.restore_chains(chains)

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict[str, Any]:
        settings = self.settings
        entry = measure_word_dbm(
            self.dbm,
            watched,
            [before[f"weights {i}"] for i in range(self.dbm.depth)],
            held_out,
            settings.mean_field_tolerance,
            settings.mean_field_steps,
        )
        entry["mean_field_steps"] = self._steps_seen / max(self._batches_seen, 1)
        self._steps_seen = self._batches_seen = 0
        return entry

    # -- a step ---------------------------------------------------------------------------

    def step(self, batch: Batch) -> None:
        settings = self.settings
        rate, momentum, n_steps = self.scheduled()
        self.count()
        v, n_words = documents(self.backend, batch)
        if not n_words.size:
            return
        h, n_seen = self._infer(v)
        self._steps_seen += n_seen
        self._batches_seen += 1
        means = [self.backend.xp.mean(x, axis=0) for x in h]
        if settings.centring and self.offsets is None:
            self.offsets = [self.copy(mean) for mean in means]
        rounded = np.maximum(np.round(n_words), 1.0).astype(np.int64)
        fantasy = self.negative.run(h[0], rounded, n_steps, self.stream)
        others = fantasy.n_words.astype(np.float64)
        columns = self.dbm.hidden_slices
        weight, model_weight = _shares(n_words), _shares(others)
        gain = self.optimizer.gain(rate)
        data = (v, n_words, h, gain * weight)
        model = (fantasy.v, others, [fantasy.h_mean[:, i] for i in columns], -gain * model_weight)
        # as many weighted words in both phases: else the biases of all words drift together
        balance = (weight @ n_words) / (model_weight @ others)
        words = self._word_phase(*data)
        add(words, self._word_phase(*model[:3], balance * model[3]))
        layers = self._layer_phase(*data[1:])
        add(layers, self._layer_phase(*model[1:]))
        if settings.sparsity_cost > 0:
            self._penalise(words, layers, v, n_words, means, gain)
        self._ascend(words, layers, rate, momentum, gain)
        if self.offsets is not None:
            for offset, mean in zip(self.offsets, means, strict=True):
                self.backend.follow(offset, mean, settings.centring_rate)

    def _infer(self, v: Any) -> tuple[list[Array], int]:
        """Expected values of the hidden layers in mean field, and the steps it took."""
        settings, n = self.settings, int(v.shape[0])
        means = [self.backend.empty((n, u.size), self.dbm.dtype) for u in self.dbm.layers[1:]]
        tolerance, most = settings.mean_field_tolerance, settings.mean_field_steps
        return means, self.inference.run(v, means, tolerance, most)

    def _offset(self, index: int) -> Array | float:
        """Offset of hidden layer ``index``, counted from 1."""
        return 0.0 if self.offsets is None else self.offsets[index - 1]

    def _word_phase(
        self, v: Any, n_words: np.ndarray, h: list[Array], weight: np.ndarray
    ) -> list[Array]:
        """Sums over documents for ``W_1``, ``b`` and ``a_1``."""
        per_word = weight / self.settings.mean_n_words
        return word_statistics(self.dbm.bottom, v, n_words, h[0] - self._offset(1), per_word)

    def _layer_phase(self, n_words: np.ndarray, h: list[Array], weight: np.ndarray) -> list[Array]:
        """Sums over documents for the other weights, from the bottom, and the other biases."""
        backend, xp, lengths = self.backend, self.backend.xp, self.dbm.bottom.lengths
        column = xp.expand_dims(lengths(weight), axis=1)
        scale: Any = xp.expand_dims(lengths(n_words / self.settings.mean_n_words), axis=1)
        weights, biases = [], []
        for i in range(1, self.dbm.depth):
            moved = h[i] if self.offsets is None else h[i] - scale * self._offset(i + 1)
            below = (h[i - 1] - self._offset(i)) * column
            weights.append(backend.matmul(below.T, moved))
            biases.append(backend.matmul(column.T, h[i])[0, :])
            scale = 1.0
        return [*weights, *biases]

    def _penalise(
        self,
        words: list[Array],
        layers: list[Array],
        v: Any,
        n_words: np.ndarray,
        means: list[Array],
        gain: float,
    ) -> None:
        """Add the gradients of the sparsity penalty to the sums of both phases."""
        settings, xp, target = self.settings, self.backend.xp, self.settings.sparsity_target
        shares, n_above = _shares(n_words), self.dbm.depth - 1
        for i, mean in enumerate(means):
            self.activity[i], penalty = sparsity_gradient(
                self.activity[i],
                mean,
                target[i] if isinstance(target, tuple) else target,
                settings.sparsity_cost,
                settings.sparsity_decay,
            )
            penalty = gain * penalty
            if i == 0:
                per_word = shares / settings.mean_n_words
                inputs = self.backend.weighted_counts(v, per_word)
                words[0] += xp.expand_dims(inputs, axis=1) * penalty
                words[2] += float(per_word @ n_words) * penalty
            else:
                inputs = means[i - 1] - self._offset(i)
                layers[i - 1] += xp.expand_dims(inputs, axis=1) * penalty
                layers[n_above + i - 1] += penalty

    def _ascend(
        self, words: list[Array], layers: list[Array], rate: float, momentum: float, gain: float
    ) -> None:
        """Move the parameters along the sums of both phases."""
        dbm, settings, n_above = self.dbm, self.settings, self.dbm.depth - 1
        weights = [words[0], *layers[:n_above]]
        biases = [words[1], words[2], *layers[n_above:]]
        if self.mu is not None:
            # what hidden units see of a document is v - D mu
            weights[0] -= self.backend.xp.expand_dims(self.mu, axis=1) * words[2]
            if self.optimizer.is_linear:
                self._compensate(biases, weights)
        before = self._weights_before()
        update = self.optimizer.update
        for i, (array, step) in enumerate(zip(dbm.weights, weights, strict=True)):
            if settings.norm_cost:
                step += norm_gradient(array, gain * settings.norm_cost, self.backend)
            update(f"weights {i}", array, step, rate, momentum, settings.weight_decay)
            if settings.max_norm is not None:
                constrain_norm(Layer(array, dbm.layers[i + 1]), settings.max_norm)
        for i, (array, step) in enumerate(zip(self._biases(), biases, strict=True)):
            update(f"bias {i}", array, step, rate, momentum)
        if before:
            moved = [new - old for new, old in zip(dbm.weights, before, strict=True)]
            self._compensate(self._biases(), moved)

    def _weights_before(self) -> list[Array]:
        """Copies of the weights, if biases are to compensate for how they move."""
        if self.mu is None or self.optimizer.is_linear:
            return []
        return [self.copy(weights) for weights in self.dbm.weights]

    def _compensate(self, biases: list[Array], weights: list[Array]) -> None:
        """Take from biases, in place, what weights add at the offsets; of both, or of their steps.

        That is what the module's centred interactions have besides ``v.W_1 h_1`` and the like.
        """
        for i, step in enumerate(weights):
            below = self.mu if i == 0 else self._offset(i)
            biases[i + 1] -= below @ step
            shift = step @ self._offset(i + 1)
            biases[i] -= shift / self.settings.mean_n_words if i == 1 else shift


def _shares(n_words: np.ndarray) -> np.ndarray:
    """Weights of documents by their lengths; they sum to one."""
    weight = n_words**-LENGTH_POWER
    return weight / weight.sum()
