"""Passes through an autoencoder with tied weights, whose gradient is one product."""

from __future__ import annotations

from typing import Any

from skdeepbm.backends import Array, Counts
from skdeepbm.training.propagation import Buffers, Propagation


class TiedPropagation(Propagation):
    """Passes of batches through an encoder and its transpose.

    The inputs and the gradients by the output's input lie one below the other, and so do the
    gradients by the code's input and the codes: the gradient of the weights, the sum of that of the
    encoder and of that of the decoder, is the product of the two stacks.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stacks: dict[int, tuple[Array, Array]] = {}
        self._part: Array | None = None

    def buffers(self, n: int) -> Buffers:
        if n not in self._views:
            (n_visible, n_hidden), now = self.network.layers[0].weights.shape, self._allocate(n)
            left = self.backend.empty((2 * n, int(n_visible)), now.x.dtype)
            right = self.backend.empty((2 * n, int(n_hidden)), now.x.dtype)
            now.x, now.gradients = left[:n, :], [right[:n, :], left[n:, :]]
            now.means[0] = right[n:, :]
            self._views[n], self._stacks[n] = now, (left, right)
        return self._views[n]

    def tied_gradient(self, out: Array) -> Array:
        """Sum over the rows of the last passes of the gradient of the weights."""
        x, now, backend = self.inputs[0], self._now, self.backend
        assert now is not None
        if isinstance(x, Counts):
            if self._part is None:
                self._part = backend.empty(tuple(out.shape), out.dtype)
            backend.matmul(now.gradients[1].T, now.means[0], out=out)
            out += self.weights_gradient(x, now.gradients[0], out=self._part)
            return out
        if x is not now.x:
            backend.store(x, now.x)
        left, right = self._stacks[int(x.shape[0])]
        return backend.matmul(left.T, right, out=out)
