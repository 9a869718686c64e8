"""NumPy on the host, with kernels compiled by numba where that is installed."""

from __future__ import annotations

import ctypes
import importlib.util
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from skdeepbm.backends.base import Array, Backend, DType, Stream
from skdeepbm.backends.counts import Counts
from skdeepbm.backends.threads import Loop, one_thread, run_together

#: elements of three arrays that the second-level cache has room for
_CACHED = 2**15
#: rows of a block that runs beside others: a product of fewer takes longer for each; and the
#: multiplications that such a block has to do, so that threads wait little for the interpreter,
#: and a product, so that two threads of BLAS wait little for each other
_BLOCK_ROWS, _BLOCK_PRODUCTS = 50, 2**22
#: columns whose probabilities are summed before draws of categories are looked for
_SUMMED = 16
_WORDS: Any = ctypes.c_uint64 * 4


def _pieces(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Views of a part of each array at a time, so that all passes find it in the cache.

    Temporaries are of that size too.
    """
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, _CACHED):
        yield tuple(array[start : start + _CACHED] for array in flat)


class NumpyStream(Stream):
    """SFC64: the fastest of NumPy's generators for filling arrays."""

    def __init__(self, seed: np.random.SeedSequence | None, state: dict[str, Any] | None) -> None:
        bits: Any = np.random.SFC64(seed)
        if state is not None:
            bits.state = state
        self.bits = bits
        self.generator = np.random.Generator(self.bits)
        # the generator's own memory, for the compiled kernels to read and advance
        self.words = np.ctypeslib.as_array(_WORDS.from_address(self.bits.ctypes.state_address))
        self._scratch = np.empty(0, dtype=np.uint64)

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.bits.state)

    def scratch(self, n: int) -> np.ndarray:
        """Room for ``n`` words, the same in every call."""
        if self._scratch.size < n:
            self._scratch = np.empty(n, dtype=np.uint64)
        return self._scratch


class NumpyBackend(Backend):
    """Host arrays.

    Parameters
    ----------
    compiled : bool or None, default=None
        Use the numba kernels; None means if numba is installed. Both ways draw the same random
        numbers and agree up to rounding.
    """

    name = "numpy"
    xp = xp
    bit_generator = "SFC64"

    def __init__(self, compiled: bool | None = None) -> None:
        if compiled is None:
            compiled = importlib.util.find_spec("numba") is not None
        self.compiled = compiled
        self.compiled_epochs = compiled
        self._kernels: Any = None
        if compiled:
            from skdeepbm.backends import numba_kernels

            self._kernels = numba_kernels

    def owns(self, x: Any) -> bool:
        return False

    def asarray(self, x: Any, dtype: DType = None) -> Array:
        return np.asarray(x, dtype=dtype)

    def to_host(self, x: Array) -> np.ndarray:
        return np.asarray(x)

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.empty(shape, dtype=dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return np.zeros(shape, dtype=dtype)

    def quiet(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def stream(
        self, seed: np.random.SeedSequence | None = None, state: dict[str, Any] | None = None
    ) -> NumpyStream:
        return NumpyStream(seed, state)

    def threads_for(self, n_products: int) -> AbstractContextManager[Any]:
        return one_thread() if n_products < _BLOCK_PRODUCTS else nullcontext()

    def row_blocks(self, n_rows: int, n_products: int) -> list[slice]:
        n = max(min(n_rows // _BLOCK_ROWS, n_rows * n_products // _BLOCK_PRODUCTS), 1)
        ends = [n_rows * i // n for i in range(n + 1)]
        return [slice(*pair) for pair in pairwise(ends)]

    def run_together(self, loops: Sequence[Loop], n_products: int) -> None:
        run_together(loops, small=n_products < 2 * _BLOCK_PRODUCTS)

    def uniform(self, shape: tuple[int, ...], stream: Any, dtype: DType) -> Array:
        # raw 64-bit words cut in two are several times faster than Generator.random(float32)
        # on machines without AVX-512, and give the same numbers
        n = math.prod(shape)
        if np.dtype(dtype) == np.float32:
            halves = stream.bits.random_raw(-(-n // 2)).view(np.uint32)[:n]
            halves >>= 8
            u = halves.view(np.int32).astype(np.float32)  # signed: one instruction
            u *= np.float32(2.0**-24)
        else:
            words = stream.bits.random_raw(n)
            words >>= np.uint64(11)
            u = words.astype(np.float64)
            u *= 2.0**-53
        return u.reshape(shape)

    def normal(self, shape: tuple[int, ...], stream: Any, dtype: DType) -> Array:
        return stream.generator.standard_normal(shape, dtype=np.dtype(dtype))

    def store(self, value: Array, out: Array | None) -> Array:
        if out is None:
            return value
        np.copyto(out, value)
        return out

    def take_rows(self, x: Array, index: np.ndarray, out: Array | None = None) -> Array:
        if out is not None and out.dtype != x.dtype:
            rows = x.take(index, axis=0)
            np.copyto(out, rows, casting="same_kind")
            return out
        # any mode but "raise" writes into out without a second buffer
        return x.take(index, axis=0, out=out, mode="clip")

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        # columns of a wider array are a room that only one of the two takes
        product = np.dot if out is None or out.flags.c_contiguous else np.matmul
        return product(a, b, out=out)

    def sigmoid(self, x: Array, bias: Array | None = None, out: Array | None = None) -> Array:
        if self.compiled and bias is not None and x.ndim == 2 and x.flags.c_contiguous:
            kernels, single = self._kernels, x.dtype == np.float32
            if out is x:
                (kernels.sigmoid32_inplace if single else kernels.sigmoid64_inplace)(x, bias)
                return out
            out = np.empty_like(x) if out is None else out
            (kernels.sigmoid32 if single else kernels.sigmoid64)(x, bias, out)
            return out
        y = np.negative(x, out=out) if bias is None else np.subtract(-bias, x, out=out)
        with np.errstate(over="ignore"):
            np.exp(y, out=y)  # inf gives the right limit, 0
        y += 1
        return np.reciprocal(y, out=y)

    def sigmoid_gradient(self, y: Array, gradient: Array) -> Array:
        contiguous = y.flags.c_contiguous and gradient.flags.c_contiguous
        if not self.compiled or not contiguous or y.dtype != gradient.dtype:
            return super().sigmoid_gradient(y, gradient)
        self._kernels.sigmoid_gradient(y.reshape(-1), gradient.reshape(-1))
        return gradient

    def softplus_change(self, x: Array, bias: Array, old: float, new: float) -> Array:
        if not self.compiled or x.dtype != np.float32:
            return super().softplus_change(x, bias, old, new)
        out = np.empty(len(x))
        self._kernels.softplus_change32(x, bias, np.float32(old), np.float32(new), out)
        return out

    def shifted_softplus(self, x: Array, shifts: Array) -> Array:
        if not self.compiled or x.dtype != np.float32:
            return super().shifted_softplus(x, shifts)
        out = np.empty((len(x), len(shifts)))
        self._kernels.shifted_softplus32(x, shifts, out)
        return out

    def shifted_sigmoids(self, x: Array, shifts: Array, weights: Array) -> tuple[Array, Array]:
        if not self.compiled or x.dtype != np.float32:
            return super().shifted_sigmoids(x, shifts, weights)
        out = np.zeros_like(x), np.zeros_like(shifts)
        self._kernels.shifted_sigmoids32(x, shifts, weights, *out)
        return out

    def bernoulli(self, p: Array, stream: Any, out: Array | None = None) -> Array:
        out = np.empty_like(p) if out is None else out
        if self.compiled and p.flags.c_contiguous and out.flags.c_contiguous:
            single = p.dtype == np.float32
            kernel = self._kernels.bernoulli32 if single else self._kernels.bernoulli64
            words = stream.scratch(p.size)
            kernel(p.reshape(-1), stream.words, words, out.reshape(-1))
            return out
        return np.less(self.uniform(p.shape, stream, p.dtype), p, out=out, casting="unsafe")

    def sigmoid_sample(
        self,
        x: Array,
        bias: Array,
        stream: Any,
        mean: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        if not self.compiled:
            return self.bernoulli(self.sigmoid(x, bias, out=mean), stream, out=out)
        single = x.dtype == np.float32
        drawn = np.empty_like(x) if out is None else out
        if mean is None and single:
            words = stream.scratch(x.size)
            if drawn is x:
                self._kernels.draw32_inplace(x, bias, stream.words, words)
            else:
                self._kernels.draw32(x, bias, stream.words, words, drawn)
            return drawn
        mean = drawn if mean is None else mean
        if mean is not x:
            np.copyto(mean, x)
        kernel = self._kernels.sigmoid_sample32 if single else self._kernels.sigmoid_sample64
        kernel(mean, bias, stream.words, stream.scratch(x.size), drawn)
        return drawn

    def exponentiate(self, x: Array, bias: Array) -> Array:
        if self.compiled and x.dtype == np.float32 and x.flags.c_contiguous:
            log_sum = np.empty(len(x), np.float32)
            self._kernels.exponentiate32(x, bias, log_sum)
            return log_sum
        x += bias
        top = x.max(axis=1)
        x -= top[:, None]
        np.exp(x, out=x)
        return top + np.log(x.sum(axis=1))

    def multinomial(self, n_draws: np.ndarray, p: Array, stream: Any) -> Counts:
        n, width = p.shape
        ends = np.concatenate([[0], np.cumsum(n_draws)])
        if self.compiled and p.flags.c_contiguous:
            columns = np.empty(ends[-1], np.int32)
            words = stream.scratch(columns.size)
            self._kernels.multinomial(p, ends, stream.words, words, columns)
        else:
            columns = self._columns(n_draws, p, stream)
        return Counts(np.ones(columns.size, p.dtype), columns, ends, (n, width))

    def _columns(self, n_draws: np.ndarray, p: Array, stream: Any) -> Array:
        """Draws of all rows, one row after the other, sorted within each.

        Sums of sixteen columns first: a search in them is several times faster than one in all,
        and again when what is looked for is sorted.
        """
        n, width = p.shape
        n_blocks = -(-width // _SUMMED)
        if width % _SUMMED:
            p = np.pad(p, ((0, 0), (0, n_blocks * _SUMMED - width)))
        blocks = p.reshape(-1, _SUMMED)
        below = np.zeros(len(blocks) + 1)
        np.cumsum(blocks @ np.ones(_SUMMED, p.dtype), out=below[1:])
        of_row = below[::n_blocks]
        row = np.repeat(np.arange(n), n_draws)
        target = self.uniform((row.size,), stream, np.float64)
        target *= np.diff(of_row)[row]
        target += of_row[row]
        # rounding must not lead into the next row
        np.minimum(target, np.nextafter(of_row[1:], 0.0)[row], out=target)
        target.sort()
        block = np.searchsorted(below[1:-1], target, side="right")
        # products with triangles and ones are faster than running sums and counts of few columns
        sums = blocks.take(block, axis=0) @ np.triu(np.ones((_SUMMED, _SUMMED), p.dtype))
        rest = (target - below[block]).astype(p.dtype)
        np.minimum(rest, np.nextafter(sums[:, -1], p.dtype.type(0)), out=rest)
        np.less_equal(sums, rest[:, None], out=sums, casting="unsafe")
        column = (sums @ np.ones(_SUMMED, p.dtype)).astype(np.int64)
        column += _SUMMED * (block - n_blocks * row)
        return np.clip(column, 0, width - 1, out=column)

    def counts(self, csr: Any) -> Counts:
        return Counts.of(csr)

    def counts_matmul(self, counts: Any, b: Array, out: Array | None = None) -> Array:
        if not isinstance(counts, Counts):
            return np.dot(counts, b, out=out)
        if not self.compiled:
            return self.store(counts.csr @ b, out)
        out = np.empty((counts.shape[0], b.shape[1]), b.dtype) if out is None else out
        self._kernels.csr_matmul(counts.data, counts.indices, counts.indptr, b, out)
        return out

    def counts_transposed_matmul(self, counts: Any, b: Array, out: Array | None = None) -> Array:
        if not isinstance(counts, Counts):
            return np.dot(counts.T, b, out=out)
        if not self.compiled:
            return self.store(counts.csr.T @ b, out)
        out = np.empty((counts.shape[1], b.shape[1]), b.dtype) if out is None else out
        self._kernels.csr_transposed_matmul(counts.data, counts.indices, counts.indptr, b, out)
        return out

    def weighted_counts(self, counts: Any, weights: np.ndarray) -> Array:
        if not isinstance(counts, Counts):
            return super().weighted_counts(counts, weights)
        each = np.repeat(weights, np.diff(counts.indptr)) * counts.data
        sums = np.bincount(counts.indices, weights=each, minlength=counts.shape[1])
        return sums.astype(counts.dtype)

    def take_counts(self, counts: Any, index: np.ndarray) -> Any:
        return counts.rows(index) if isinstance(counts, Counts) else counts[index]

    def row_sums(self, counts: Any) -> Array:
        return counts.sums() if isinstance(counts, Counts) else super().row_sums(counts)

    def dense(self, counts: Any) -> Array:
        return counts.csr.toarray() if isinstance(counts, Counts) else counts

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
        if not self.compiled:
            # a mean over rows as a product with a vector is several times faster than np.mean
            n, m = (np.full(len(h), 1.0 / len(h), dtype=h.dtype) for h in (h0, h1))
            if v0 is not None:
                np.dot(n, v0, out=data_mean[0])
            np.dot(n, h0, out=data_mean[1])
            np.subtract(data_mean[0], np.dot(m, v1), out=difference[0])
            np.subtract(data_mean[1], np.dot(m, h1), out=difference[1])
            h0 *= gain / len(h0)
            h1 *= -gain / len(h1)
            return
        v0 = v1[:0] if v0 is None else v0
        self._kernels.visible_statistics(v0, v1, data_mean[0], difference[0])
        self._kernels.hidden_statistics(h0, h1, h0.dtype.type(gain), data_mean[1], difference[1])

    def outer_rows(
        self,
        difference: tuple[Array, Array],
        offsets: tuple[Array, Array],
        gain: float,
        rows_v: Array,
        rows_h: Array,
    ) -> None:
        if not self.compiled:
            super().outer_rows(difference, offsets, gain, rows_v, rows_h)
            return
        self._kernels.outer_rows(*difference, *offsets, rows_v.dtype.type(gain), rows_v, rows_h)

    def both_products(self, matrix: Array, right: Array, left: Array) -> tuple[Array, Array]:
        if not self.compiled:
            return super().both_products(matrix, right, left)
        out = np.empty_like(left), np.empty_like(right)
        self._kernels.both_products(matrix, right, left, *out)
        return out

    def follow(self, x: Array, target: Array, rate: float) -> None:
        if self.compiled:
            self._kernels.follow(x, target, x.dtype.type(rate))
        else:
            super().follow(x, target, rate)

    def momentum_update(
        self,
        parameter: Array,
        velocity: Array,
        step: Array,
        momentum: float,
        decay: float,
        nesterov: bool,
    ) -> None:
        if self.compiled:
            kind = parameter.dtype.type
            self._kernels.momentum_update(
                parameter.reshape(-1),
                velocity.reshape(-1),
                step.reshape(-1),
                kind(momentum),
                kind(decay),
                nesterov,
            )
            return
        for p, d, s in _pieces(parameter, velocity, step):
            if nesterov:
                super().momentum_update(p, d, s, momentum, decay, nesterov)
                continue
            d *= momentum
            d += s
            if decay:
                np.multiply(p, decay, out=s)
                d -= s
            p += d

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
        if not self.compiled:
            for p, f, s, g in _pieces(parameter, first, second, step):
                super().adam_update(p, f, s, g, betas, rate, correction, epsilon)
            return
        kind = parameter.dtype.type
        arrays = (array.reshape(-1) for array in (parameter, first, second, step))
        numbers = (kind(number) for number in (*betas, rate, correction, epsilon))
        self._kernels.adam_update(*arrays, *numbers)

    def bernoulli_epoch(self, *arguments: Any) -> None:
        *head, stream, rate, momentum, decay, nesterov, centring_rate = arguments
        single = np.float32
        self._kernels.bernoulli_epoch32(
            *head,
            stream.words,
            single(rate),
            single(momentum),
            single(decay),
            nesterov,
            single(centring_rate),
        )
