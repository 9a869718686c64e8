"""The interface between the mathematics and an array library.

Everything above this package calls these operations and the array API standard's functions
(``backend.xp``), nothing of NumPy's or CuPy's own. The methods here are written in the standard
alone; a backend overrides those that its library does faster.

Conventions: an operation that takes ``out`` writes there and returns it, and allocates when
``out`` is None. Two-dimensional arrays have one row per sample and are C-contiguous.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from skdeepbm.backends.threads import Loop

Array = Any
"""An array of some backend."""

DType = Any


class Stream(ABC):
    """A stream of random numbers on one backend, resumable from ``state``."""

    @property
    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Host representation from which ``backend.stream(state=...)`` continues."""


class Backend(ABC):
    """Array namespace, device, random streams and fused operations of one array library."""

    name: str
    xp: Any
    #: value of "bit_generator" in the state of its streams
    bit_generator: str
    #: whether ``bernoulli_epoch`` is there
    compiled_epochs: bool = False

    # -- where arrays live ---------------------------------------------------------------

    @abstractmethod
    def owns(self, x: Any) -> bool:
        """Whether ``x`` is an array of this backend that the host cannot read directly."""

    @abstractmethod
    def asarray(self, x: Any, dtype: DType = None) -> Array:
        """Array on this backend's device, without a copy where none is needed."""

    @abstractmethod
    def to_host(self, x: Array) -> np.ndarray:
        """NumPy array with the values of ``x``."""

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        """Uninitialised array on the device."""
        return self.asarray(np.empty(shape, dtype=dtype))

    def zeros(self, shape: tuple[int, ...], dtype: DType) -> Array:
        """Zeros on the device."""
        return self.asarray(np.zeros(shape, dtype=dtype))

    def fits(self, n_bytes: int) -> bool:
        """Whether the whole of a data set of this size may be moved to the device."""
        return True

    def quiet(self) -> AbstractContextManager[Any]:
        """Silence floating-point warnings; results are checked by whoever enters it."""
        return nullcontext()

    def synchronize(self) -> None:
        """Wait for the device."""

    # -- random streams ------------------------------------------------------------------

    @abstractmethod
    def stream(
        self, seed: np.random.SeedSequence | None = None, state: dict[str, Any] | None = None
    ) -> Stream:
        """Random stream from a seed, or the one whose ``state`` was saved."""

    @abstractmethod
    def uniform(self, shape: tuple[int, ...], stream: Stream, dtype: DType) -> Array:
        """Uniform numbers in [0, 1)."""

    @abstractmethod
    def normal(self, shape: tuple[int, ...], stream: Stream, dtype: DType) -> Array:
        """Standard normal numbers."""

    # -- threads -------------------------------------------------------------------------

    def threads_for(self, n_products: int) -> AbstractContextManager[Any]:
        """Sets the number of threads that is best for matrix products of this size.

        ``n_products`` is the number of multiplications in the largest of them.
        """
        return nullcontext()

    def row_blocks(self, n_rows: int, n_products: int) -> list[slice]:
        """Parts of the rows for :meth:`run_together`, the same on every machine.

        ``n_products`` is the number of multiplications for a row between two yields.
        """
        return [slice(0, n_rows)]

    def run_together(self, loops: Sequence[Loop], n_products: int) -> None:
        """Take independent loops to their ends, side by side where that is faster.

        ``n_products`` is the number of multiplications in a loop between two yields.
        """
        for loop in loops:
            for _ in loop:
                pass

    def branches(self, stream: Stream, n: int) -> list[Stream]:
        """Streams for loops that run together, seeded by numbers from this one."""
        if n == 1:
            return [stream]
        seeds = self.to_host(self.uniform((n, 4), stream, self.xp.float64))
        return [self.stream(np.random.SeedSequence([int(u * 2**32) for u in row])) for row in seeds]

    # -- fused operations ----------------------------------------------------------------

    def store(self, value: Array, out: Array | None) -> Array:
        """Copy ``value`` into ``out`` (if given), in its dtype, and return the result."""
        if out is None:
            return value
        out[...] = self.xp.astype(value, out.dtype, copy=False)
        return out

    def take_rows(self, x: Array, index: np.ndarray, out: Array | None = None) -> Array:
        """Rows ``index`` (host integers) of a device array."""
        return self.store(self.xp.take(x, self.asarray(index), axis=0), out)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Matrix product into a given buffer."""
        return self.store(self.xp.matmul(a, b), out)

    def sigmoid(self, x: Array, bias: Array | None = None, out: Array | None = None) -> Array:
        """Logistic function of ``x + bias``."""
        x = x if bias is None else x + bias
        # exp of a non-positive number never overflows
        e = self.xp.exp(-self.xp.abs(x))
        return self.store(self.xp.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e)), out)

    def sigmoid_gradient(self, y: Array, gradient: Array) -> Array:
        """Multiply by the derivative ``y (1 - y)`` of the logistic function, in place."""
        gradient *= y - y * y
        return gradient

    def softplus(self, x: Array) -> Array:
        """``log(1 + exp(x))`` without overflow."""
        xp = self.xp
        return xp.clip(x, min=0.0) + xp.log1p(xp.exp(-xp.abs(x)))

    def softplus_change(self, x: Array, bias: Array, old: float, new: float) -> Array:
        """``softplus(new * (x + bias)) - softplus(old * (x + bias))``, summed over columns."""
        x = x + bias
        return self.xp.sum(self.softplus(new * x) - self.softplus(old * x), axis=1)

    def shifted_softplus(self, x: Array, shifts: Array) -> Array:
        """``softplus(x + shifts[c, :])`` summed over columns, for every c; (n_rows, n_shifts).

        Of the dtype of ``x`` or wider.
        """
        columns = [
            self.xp.sum(self.softplus(x + shifts[c, :]), axis=1) for c in range(shifts.shape[0])
        ]
        return self.xp.stack(columns, axis=1)

    def shifted_sigmoids(self, x: Array, shifts: Array, weights: Array) -> tuple[Array, Array]:
        """Sums of ``weights[i, c] * sigmoid(x[i, :] + shifts[c, :])`` over c and over i.

        Returns
        -------
        over_shifts, over_rows : arrays of the shapes of ``x`` and of ``shifts``
        """
        over_shifts = self.zeros(tuple(x.shape), x.dtype)
        over_rows = self.empty(tuple(shifts.shape), x.dtype)
        for c in range(shifts.shape[0]):
            s = self.sigmoid(x, shifts[c, :])
            s *= weights[:, c : c + 1]
            over_shifts += s
            over_rows[c, :] = self.xp.sum(s, axis=0)
        return over_shifts, over_rows

    def logsumexp(self, x: Array, axis: int) -> Array:
        """``log(sum(exp(x)))`` along an axis without overflow; -inf entries are allowed."""
        xp = self.xp
        top = xp.max(x, axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
        return xp.squeeze(total, axis=axis)

    def bernoulli(self, p: Array, stream: Stream, out: Array | None = None) -> Array:
        """Zeros and ones with the given probabilities, in their dtype."""
        u = self.uniform(tuple(p.shape), stream, p.dtype)
        return self.store(self.xp.astype(u < p, p.dtype), out)

    def sigmoid_sample(
        self,
        x: Array,
        bias: Array,
        stream: Stream,
        mean: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """Bernoulli draw with probability ``sigmoid(x + bias)``.

        The probabilities go into ``mean`` if that is given. ``x`` may be ``mean`` or ``out``.
        """
        p = self.sigmoid(x, bias, out=mean)
        return self.bernoulli(p, stream, out=out)

    def categorical(self, p: Array, stream: Stream, out: Array | None = None) -> Array:
        """One-hot draw from every row of ``p``; rows need not sum to one exactly."""
        xp = self.xp
        cdf = xp.cumulative_sum(p, axis=1)
        u = self.uniform((p.shape[0], 1), stream, p.dtype) * cdf[:, -1:]
        above = xp.astype(cdf > u, p.dtype)
        # first category whose cumulative probability exceeds u; the last one if rounding left none
        first = xp.argmax(above, axis=1)
        last = p.shape[1] - 1
        first = xp.where(xp.max(above, axis=1) > 0, first, xp.full_like(first, last))
        columns = self.asarray(np.arange(p.shape[1]))
        hot = xp.expand_dims(columns, axis=0) == xp.expand_dims(first, axis=1)
        return self.store(xp.astype(hot, p.dtype), out)

    def exponentiate(self, x: Array, bias: Array) -> Array:
        """Turn ``x`` into ``exp(x + bias)`` up to a factor per row that keeps it finite.

        Returns
        -------
        log_sum : array of shape (n_rows,)
            ``log(sum(exp(x + bias)))`` of each row.
        """
        xp = self.xp
        x += bias
        top = xp.max(x, axis=1, keepdims=True)
        x[...] = xp.exp(x - top)
        return top[:, 0] + xp.log(xp.sum(x, axis=1))

    def multinomial(self, n_draws: np.ndarray, p: Array, stream: Stream) -> Any:
        """Counts of ``n_draws[i]`` independent draws from row ``i`` of ``p``.

        Parameters
        ----------
        n_draws : ndarray of int of shape (n_rows,)
            On the host; zero is allowed.
        p : array of shape (n_rows, n_categories)
            Probabilities up to a factor per row.

        Returns
        -------
        counts : array, or :class:`skdeepbm.backends.counts.Counts`, of shape \
                (n_rows, n_categories)
            In the dtype of ``p``; row ``i`` sums to ``n_draws[i]`` exactly. The methods beside
            this one work on both.
        """
        xp, (n, width) = self.xp, p.shape
        place = self._places(n_draws, p, stream)
        # sorted places: the count of a category is the length of its run
        edges = xp.searchsorted(xp.sort(place), self.asarray(np.arange(n * width + 1)), side="left")
        return xp.reshape(xp.astype(edges[1:] - edges[:-1], p.dtype), (n, width))

    def _places(self, n_draws: np.ndarray, p: Array, stream: Stream) -> Array:
        """Index of each draw in the flattened ``p``; those of a row follow those of the last."""
        xp, (n, width) = self.xp, p.shape
        row = self.asarray(np.repeat(np.arange(n), n_draws))
        # one running sum over all rows in double precision: a row is a piece of it, of length 1
        p = xp.astype(p, xp.float64)
        p = p / xp.sum(p, axis=1, keepdims=True)
        cdf = xp.cumulative_sum(xp.reshape(p, (-1,)))
        end = cdf[width - 1 :: width]
        start = xp.concat([self.zeros((1,), np.float64), end[:-1]])
        u = self.uniform((int(n_draws.sum()),), stream, np.float64)
        target = xp.take(start, row) + u * xp.take(end - start, row)
        # rounding must not lead into the next row
        target = xp.minimum(target, xp.take(end * (1.0 - 2.0**-52), row))
        place = xp.searchsorted(cdf, target, side="right")
        return xp.clip(place, min=row * width, max=(row + 1) * width - 1)

    def counts(self, csr: Any) -> Any:
        """Counts from a CSR array on the host."""
        return self.asarray(csr.toarray())

    def row_sums(self, counts: Any) -> Array:
        """Sum of each row of counts."""
        return self.xp.sum(counts, axis=1)

    def counts_matmul(self, counts: Any, b: Array, out: Array | None = None) -> Array:
        """Product of counts and a matrix with a row for each category."""
        return self.matmul(counts, b, out=out)

    def counts_transposed_matmul(self, counts: Any, b: Array, out: Array | None = None) -> Array:
        """Product of the transpose of counts and a matrix with a row for each of their rows."""
        return self.matmul(counts.T, b, out=out)

    def weighted_counts(self, counts: Any, weights: np.ndarray) -> Array:
        """Sum over rows of counts times a weight for each row, which is on the host."""
        return self.matmul(counts.T, self.asarray(weights, counts.dtype))

    def take_counts(self, counts: Any, index: np.ndarray) -> Any:
        """Rows ``index`` (host integers) of counts."""
        return self.take_rows(counts, index)

    def dense(self, counts: Any) -> Array:
        """What :meth:`multinomial` returned, as an array."""
        return counts

    # -- fused steps of training ---------------------------------------------------------

    def phase_statistics(
        self,
        v0: Array | None,
        h0: Array,
        v1: Array,
        h1: Array,
        gain: float,
        data_mean: tuple[Array, Array],
        difference: tuple[Array, Array],
    ) -> None:
        """Mean values of both phases, and hidden rows scaled for the gradient's product.

        Parameters
        ----------
        v0, h0 : arrays of shape (n, n_visible), (n, n_hidden)
            Positive phase. With ``v0=None`` its mean is in ``data_mean`` already.
        v1, h1 : arrays of shape (m, n_visible), (m, n_hidden)
            Negative phase.
        gain : float
            ``h0`` is multiplied by ``gain / n`` and ``h1`` by ``-gain / m``, in place.
        data_mean : tuple of arrays of shape (n_visible,), (n_hidden,)
            Receives the means of the positive phase.
        difference : tuple of arrays of shape (n_visible,), (n_hidden,)
            Receives the means of the positive phase minus those of the negative one.
        """
        mean = self.xp.mean
        if v0 is not None:
            self.store(mean(v0, axis=0), data_mean[0])
        self.store(mean(h0, axis=0), data_mean[1])
        self.store(data_mean[0] - mean(v1, axis=0), difference[0])
        self.store(data_mean[1] - mean(h1, axis=0), difference[1])
        h0 *= gain / h0.shape[0]
        h1 *= -gain / h1.shape[0]

    def outer_rows(
        self,
        difference: tuple[Array, Array],
        offsets: tuple[Array, Array],
        gain: float,
        rows_v: Array,
        rows_h: Array,
    ) -> None:
        """Two pairs of rows whose products centre the gradient.

        With differences (dv, dh) and offsets (mu, lambda), the first two of ``rows_v`` become
        ``dv, mu`` and of ``rows_h`` ``-gain lambda, -gain dh``.
        """
        rows_v[0, :] = difference[0]
        rows_v[1, :] = offsets[0]
        rows_h[0, :] = -gain * offsets[1]
        rows_h[1, :] = -gain * difference[1]

    def both_products(self, matrix: Array, right: Array, left: Array) -> tuple[Array, Array]:
        """``matrix right`` and ``matrix^T left`` for vectors ``right`` and ``left``."""
        return self.matmul(matrix, right), self.matmul(matrix.T, left)

    def follow(self, x: Array, target: Array, rate: float) -> None:
        """Move ``x`` towards ``target`` by a share of the distance, in place."""
        x += rate * (target - x)

    def momentum_update(
        self,
        parameter: Array,
        velocity: Array,
        step: Array,
        momentum: float,
        decay: float,
        nesterov: bool,
    ) -> None:
        """Ascent with momentum, in place.

        ``step <- step - decay * parameter``; ``velocity <- momentum * velocity + step``;
        ``parameter <- parameter + velocity``, or ``+ momentum * velocity + step`` for Nesterov's
        rule. ``step`` is used up.
        """
        if decay:
            step -= decay * parameter
        velocity *= momentum
        velocity += step
        if nesterov:
            step += momentum * velocity
            parameter += step
        else:
            parameter += velocity

    def adam_update(
        self,
        parameter: Array,
        first: Array,
        second: Array,
        step: Array,
        betas: tuple[float, float],
        rate: float,
        correction: float,
        epsilon: float,
    ) -> None:
        """Ascent by Adam's rule, in place.

        ``first`` and ``second`` follow ``step`` and its square at the rates ``1 - betas``; the
        parameter moves by ``rate * first / (sqrt(second / correction) + epsilon)``.
        """
        first *= betas[0]
        first += (1.0 - betas[0]) * step
        second *= betas[1]
        second += (1.0 - betas[1]) * step * step
        parameter += rate * first / (self.xp.sqrt(second / correction) + epsilon)

    def bernoulli_epoch(self, *arguments: Any) -> None:
        """Whole epoch of CD or PCD on Bernoulli units; only where ``compiled_epochs``."""
        raise TypeError(f"The {self.name} backend has no compiled epochs.")
