"""The autoencoder with one hidden layer: an encoder and a decoder that may share their weights."""

from __future__ import annotations

from dataclasses import dataclass

from skdeepbm.backends import Array, Backend
from skdeepbm.models.network import Layer, Network
from skdeepbm.models.units import Units


@dataclass
class Autoencoder:
    """Expected hidden values given a row, and expected visible values given those.

    Parameters
    ----------
    encoder : Layer
        From the visible to the hidden units.
    visible : Units
        With their biases.
    decoder_weights : array of shape (n_hidden, n_visible) or None, default=None
        None ties them to the encoder's: the transposed weights lead back.
    """

    encoder: Layer
    visible: Units
    decoder_weights: Array | None = None

    @property
    def backend(self) -> Backend:
        return self.visible.backend

    @property
    def hidden(self) -> Units:
        return self.encoder.units

    @property
    def weights(self) -> Array:
        return self.encoder.weights

    @property
    def decoder(self) -> Layer:
        """From the hidden to the visible units; of tied weights, a view of the encoder's."""
        if self.decoder_weights is None:
            return self.encoder.upside_down(self.visible)
        return Layer(self.decoder_weights, self.visible)

    @property
    def network(self) -> Network:
        """Both layers, one after the other."""
        return Network([self.encoder, self.decoder])

    def visible_input(self, h: Array) -> Array:
        """Weighted input of the visible units, bias not included; shape (n_rows, n_visible)."""
        return self.decoder.input(h)

    def reconstruction(self, v: Array) -> Array:
        """Expected visible values given the code of each row; of counts, with as many words."""
        found = self.visible.mean(self.visible_input(self.encoder.mean(v)))
        if self.encoder.replicated:
            found *= self.backend.xp.expand_dims(self.encoder.n_words(v), axis=1)
        return found

    def log_density(self, v: Array) -> Array:
        """Log-density of each row given its own code; shape (n_rows,)."""
        return self.visible.log_density(v, self.visible_input(self.encoder.mean(v)))
