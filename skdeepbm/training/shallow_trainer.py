"""Training of autoencoders with one hidden layer: plain, denoising, contractive and sparse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.models.autoencoder import Autoencoder
from skdeepbm.models.network import Layer
from skdeepbm.training.backprop import BackpropTrainer, Examples, mean_loss
from skdeepbm.training.batches import Batch
from skdeepbm.training.contraction import Contraction
from skdeepbm.training.corruption import CORRUPTIONS
from skdeepbm.training.monitor import norm_and_movement
from skdeepbm.training.penalties import constrain_norm
from skdeepbm.training.settings import BackpropSettings, TrainingState
from skdeepbm.training.tied import TiedPropagation

#: keys of the history that are measured; epoch_time is added by the loop
SHALLOW_MEASURES = (
    "loss",
    "validation_loss",
    "squared_error",
    "validation_squared_error",
    "mean_hidden_activity",
    "weight_norm",
    "weights_moved",
)


@dataclass(frozen=True)
class ShallowSettings(BackpropSettings):
    """Hyper-parameters of an autoencoder with one hidden layer.

    Parameters
    ----------
    corruption : {"masking", "salt", "gaussian"} or None
        What befalls the inputs of a step; its target stays clean.
    corruption_level : float
        Share of the inputs, or standard deviation of the noise.
    contraction_cost : float
        Of :class:`Contraction`, in nats per row.
    """

    sparse_layers: tuple[int, ...] = (0,)
    corruption: str | None = None
    corruption_level: float = 0.25
    contraction_cost: float = 0.0


class ShallowTrainer(BackpropTrainer):
    """Trains an autoencoder in place to give its inputs a high log-density.

    Counts of words are divided by their sum before they are targets. Weights that encoder and
    decoder share make one step along the sum of both gradients.

    Parameters
    ----------
    autoencoder : Autoencoder
        Its arrays must be the trainer's own, C-contiguous and writable.
    settings : ShallowSettings
    state : TrainingState
        Read at the start; :meth:`save_state` writes it back.
    seed : SeedSequence
        Of the random streams, where ``state`` holds none yet.
    """

    settings: ShallowSettings

    def __init__(
        self,
        autoencoder: Autoencoder,
        settings: ShallowSettings,
        state: TrainingState,
        seed: np.random.SeedSequence,
    ) -> None:
        super().__init__(autoencoder.network, settings, state, seed, None)
        self.autoencoder = autoencoder
        if autoencoder.decoder_weights is None:
            self.flow = TiedPropagation(self.network, self.stream, penalties=self.penalties)
        self.contraction = None
        if settings.contraction_cost:
            self.contraction = Contraction(autoencoder.encoder, settings.contraction_cost)

    def parameters(self) -> dict[str, Array]:
        model = self.autoencoder
        found = {
            "weights": model.weights,
            "hidden_bias": model.hidden.bias,
            "visible_bias": model.visible.bias,
        }
        if model.decoder_weights is not None:
            found["decoder_weights"] = model.decoder_weights
        return found

    # -- a step --------------------------------------------------------------------------

    def data_rows(self, n: int) -> Array:
        buffers = self.flow.buffers(n)
        return buffers.x if self.settings.corruption is None else buffers.target

    def step(self, batch: Batch) -> None:
        settings, model, flow = self.settings, self.autoencoder, self.flow
        rate, momentum, _ = self.scheduled()
        flow.forward(self.inputs(batch))
        scale = self.optimizer.gain(rate) / batch.n_rows
        target = self.target(batch)
        (_, h, output_gradient), (_, x, gradient) = flow.backward(target, scale)
        shrinkage = None
        if self.contraction is not None:
            by_input, shrinkage = self.contraction.ascent(h)
            by_input *= scale
            gradient += by_input
        steps = {
            "hidden_bias": flow.bias_gradient(0, x, gradient),
            "visible_bias": flow.bias_gradient(1, h, output_gradient),
        }
        if isinstance(flow, TiedPropagation):
            steps["weights"] = flow.tied_gradient(self._room(0))
        else:
            steps["weights"] = flow.weights_gradient(x, gradient, out=self._room(0))
            steps["decoder_weights"] = flow.weights_gradient(h, output_gradient, out=self._room(1))
        if shrinkage is not None:
            steps["weights"] += (scale * shrinkage) * model.weights
        for name, array in self.parameters().items():
            decay = settings.weight_decay if name.endswith("weights") else 0.0
            self.optimizer.update(name, array, steps[name], rate, momentum, decay)
        if settings.max_norm is not None:
            constrain_norm(model.encoder, settings.max_norm)
            if model.decoder_weights is not None:
                constrain_norm(Layer(model.decoder_weights.T, model.hidden), settings.max_norm)
        self.count()

    def inputs(self, batch: Batch) -> Any:
        """What a step shows the encoder of a batch."""
        settings, clean = self.settings, batch.rows
        if settings.corruption is None:
            return clean
        corrupt = CORRUPTIONS[settings.corruption]
        level, ends = settings.corruption_level, self.autoencoder.visible.support
        out = self.flow.buffers(batch.n_rows).x
        return corrupt(self.backend, clean, level, ends, self.stream, out)

    def target(self, batch: Batch, out: Array | None = None) -> Array:
        found = super().target(batch, out)
        if self.autoencoder.visible.kind != "multinomial":
            return found
        xp = self.backend.xp
        n_words = xp.sum(found, axis=1, keepdims=True)
        # a document without words has a target without words
        return found / xp.where(n_words > 0, n_words, xp.ones_like(n_words))

    # -- measurements --------------------------------------------------------------------

    def measure(self, watched: Any, before: dict[str, Array], held_out: Any) -> dict[str, Any]:
        """One entry of the history.

        Returns
        -------
        entry : dict
            ``loss``: minus the log-density of the rows given their own codes in nats, of counts
            divided by their sum; ``squared_error`` of the reconstructions, summed over features;
            both averaged over some of the rows that are trained on, without corruption and
            penalties. ``validation_loss`` and ``validation_squared_error``: the same of all rows
            held out, NaN without any. ``mean_hidden_activity``: averaged over rows and units;
            ``weight_norm``: Euclidean norm of each hidden unit's weights in the encoder;
            ``weights_moved``: fraction of all weights that moved by more than 1e-3.
        """
        entry: dict[str, Any] = {}
        found = mean_loss(self.network, watched())
        other = {} if held_out is None else mean_loss(self.network, held_out())
        for name in ("loss", "squared_error"):
            entry[name], entry[f"validation_{name}"] = found[name], other.get(name, math.nan)
        entry["mean_hidden_activity"] = self._mean_activity(watched())
        model, moved = self.autoencoder, []
        norm, part = norm_and_movement(model.weights, before["weights"], self.backend)
        moved.append(part)
        if model.decoder_weights is not None:
            earlier = before["decoder_weights"]
            moved.append(norm_and_movement(model.decoder_weights, earlier, self.backend)[1])
        entry["weight_norm"] = np.array(self.backend.to_host(norm))
        entry["weights_moved"] = sum(moved) / len(moved)
        return entry

    def _mean_activity(self, examples: Examples) -> float:
        total, size = 0.0, 0
        for x, _ in examples:
            h = self.autoencoder.encoder.mean(x)
            total, size = total + float(self.backend.xp.sum(h)), size + math.prod(h.shape)
        return total / size if size else math.nan
