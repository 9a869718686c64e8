"""Forward and backward passes through a network of units, in buffers that are used again.

The loss of a row is minus the log-density of its target under the last layer's units (nats);
everything here goes up the log-density, as the optimisers do. With sigmoid, softmax or Gaussian
outputs its gradient by their input is target minus mean (Rumelhart, Hinton & Williams 1986 for the
rest).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Counts, Stream
from skdeepbm.models.network import Network
from skdeepbm.training.activity import ActivityPenalty


@dataclass
class Buffers:
    """Room for the passes of one batch; index ``l`` is a layer, 0 the first above the inputs.

    Attributes
    ----------
    x : array of shape (n_rows, n_inputs)
        Dense inputs.
    means, gradients : list of arrays of shape (n_rows, n_units)
        Expected values of each layer, and gradients with respect to its input.
    output_input : array of shape (n_rows, n_outputs)
    target : array of shape (n_rows, n_outputs)
    ones : array of shape (1, n_rows)
    masks, masked : dict of int to array
        Dropout of the inputs of a layer: factors, and the inputs times them.
    """

    x: Array
    means: list[Array]
    gradients: list[Array]
    output_input: Array
    target: Array
    ones: Array
    masks: dict[int, Array]
    masked: dict[int, Array]

    def first(self, n: int) -> Buffers:
        """The first ``n`` rows of all of them, as views."""
        return Buffers(
            self.x[:n, :],
            [array[:n, :] for array in self.means],
            [array[:n, :] for array in self.gradients],
            self.output_input[:n, :],
            self.target[:n, :],
            self.ones[:, :n],
            {layer: array[:n, :] for layer, array in self.masks.items()},
            {layer: array[:n, :] for layer, array in self.masked.items()},
        )


class Propagation:
    """Passes of batches through a network.

    Parameters
    ----------
    network : Network
        Only its first layer may be replicated or get sparse inputs.
    stream : Stream
        Of the dropout.
    dropout, input_dropout : float, default=0.0
        Share of hidden units and of inputs that are silent in a row of :meth:`forward`; the others
        are divided by the share that speaks (Srivastava et al. 2014, section 10).
    noise : tuple of float, default=()
        For each layer, the standard deviation of Gaussian noise on the inputs of its units.
    penalties : dict of int to ActivityPenalty or None, default=None
        Of the values of hidden layers; what :meth:`backward` goes up is less these.
    """

    def __init__(
        self,
        network: Network,
        stream: Stream,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        noise: tuple[float, ...] = (),
        penalties: Mapping[int, ActivityPenalty] | None = None,
    ) -> None:
        self.network, self.backend, self.stream = network, network.backend, stream
        self.noise = {layer: std for layer, std in enumerate(noise) if std > 0}
        self.penalties = penalties or {}
        shares = [input_dropout, *(dropout for _ in network.layers[1:])]
        self.kept = {layer: 1.0 - share for layer, share in enumerate(shares) if share > 0}
        self.inputs: list[Any] = []
        self._room: Buffers | None = None
        self._views: dict[int, Buffers] = {}
        self._now: Buffers | None = None

    def buffers(self, n: int) -> Buffers:
        """Buffers for ``n`` rows; those of fewer rows are parts of those of more."""
        if n not in self._views:
            if self._room is None or self._room.x.shape[0] < n:
                self._room, self._views = self._allocate(n), {}
            self._views[n] = self._room.first(n)
        return self._views[n]

    def _allocate(self, n: int) -> Buffers:
        backend, layers = self.backend, self.network.layers
        dtype = layers[0].weights.dtype
        widths = [int(layer.weights.shape[0]) for layer in layers]

        def empty(width: int) -> Array:
            return backend.empty((n, width), dtype)

        return Buffers(
            empty(widths[0]),
            [empty(layer.units.size) for layer in layers],
            [empty(layer.units.size) for layer in layers],
            empty(layers[-1].units.size),
            empty(layers[-1].units.size),
            backend.asarray(np.ones((1, n)), dtype),
            {layer: empty(widths[layer]) for layer in self.kept},
            {layer: empty(widths[layer]) for layer in self.kept},
        )

    def draw_noise(self, n: int) -> dict[int, Array]:
        """Noise on the inputs of layers for ``n`` rows."""
        found = {}
        for i, std in self.noise.items():
            units = self.network.layers[i].units
            found[i] = std * self.backend.normal((n, units.size), self.stream, units.bias.dtype)
        return found

    def forward(self, x: Any, noise: Mapping[int, Array] | None = None) -> Array:
        """Expected outputs for inputs, dense or :class:`skdeepbm.backends.Counts`.

        ``noise`` is what :meth:`draw_noise` returned earlier; None draws anew.
        """
        self._now = now = self.buffers(int(x.shape[0]))
        layers = self.network.layers
        noise = self.draw_noise(int(x.shape[0])) if noise is None else noise
        self.inputs = []
        for i, layer in enumerate(layers):
            if i in self.kept:
                x = self._drop(i, x, now)
            self.inputs.append(x)
            last = i + 1 == len(layers)
            a = layer.input(x, out=now.output_input if last else now.means[i])
            if i in noise:
                a += noise[i]
            x = layer.units.mean(a, out=now.means[i])
        return x

    def _drop(self, i: int, x: Any, now: Buffers) -> Any:
        """Inputs of a layer of which some are silent."""
        backend, kept = self.backend, self.kept[i]
        if isinstance(x, Counts):
            speaks = backend.uniform(x.data.shape, self.stream, x.dtype) < kept
            return Counts(x.data * speaks * x.dtype.type(1.0 / kept), x.indices, x.indptr, x.shape)
        mask, masked = now.masks[i], now.masked[i]
        speaks = backend.uniform(tuple(x.shape), self.stream, x.dtype) < kept
        backend.store(backend.xp.astype(speaks, x.dtype), mask)
        mask *= 1.0 / kept
        backend.store(x, masked)
        masked *= mask
        return masked

    def log_density(self, target: Array) -> Array:
        """Log-density of the targets after :meth:`forward`; shape (n_rows,)."""
        assert self._now is not None
        return self.network.layers[-1].units.log_density(target, self._now.output_input)

    def backward(
        self, target: Array, scale: float, lowest: int = 0
    ) -> Iterator[tuple[int, Any, Array]]:
        """Gradients of the summed log-density less penalties, from the last layer to ``lowest``.

        Parameters
        ----------
        target : array of shape (n_rows, n_outputs)
        scale : float
            Factor of all gradients.
        lowest : int, default=0

        Yields
        ------
        index : int
            Of the layer. Its parameters may be changed before the next is asked for.
        inputs : array or Counts of shape (n_rows, n_inputs)
        gradient : array of shape (n_rows, n_units)
            With respect to the input of the layer's units.
        """
        now, layers = self._now, self.network.layers
        assert now is not None
        last = len(layers) - 1
        gradient = layers[last].units.log_density_gradient(
            target, now.means[last], out=now.gradients[last]
        )
        gradient *= scale
        for i in range(last, lowest - 1, -1):
            below = None
            if i > lowest:
                below = self.backend.matmul(gradient, layers[i].weights.T, out=now.gradients[i - 1])
                if i in self.kept:
                    below *= now.masks[i]
                if i - 1 in self.penalties:
                    below += scale * self.penalties[i - 1].ascent(now.means[i - 1])
                below = layers[i - 1].units.mean_gradient(now.means[i - 1], below)
            yield i, self.inputs[i], gradient
            gradient = below

    def penalty(self) -> float:
        """Penalties of the rows of :meth:`forward`, in nats per row."""
        assert self._now is not None
        return sum(penalty.value(self._now.means[i]) for i, penalty in self.penalties.items())

    def weights_gradient(self, inputs: Any, gradient: Array, out: Array) -> Array:
        """Sum over rows of the outer products of inputs and gradients."""
        if isinstance(inputs, Counts):
            return self.backend.counts_transposed_matmul(inputs, gradient, out=out)
        return self.backend.matmul(inputs.T, gradient, out=out)

    def bias_gradient(self, index: int, inputs: Any, gradient: Array) -> Array:
        """Sum over rows of gradients, for each word of a row if the layer is replicated."""
        layer = self.network.layers[index]
        if layer.replicated:
            times = self.backend.xp.expand_dims(layer.n_words(inputs), axis=0)
        else:
            assert self._now is not None
            times = self._now.ones
        return self.backend.matmul(times, gradient)[0, :]
