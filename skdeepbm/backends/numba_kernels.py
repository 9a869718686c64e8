"""Elementwise kernels compiled by numba for the NumPy backend (extra ``[speed]``).

Serial on purpose: a second thread pool beside the BLAS one makes small machines many times
slower. The kernels read and advance the very state of NumPy's SFC64 generator, so that they draw
the same numbers as the NumPy code beside them. All of them are in this one file because numba's
cache notices changes of the file of a function, not of those that it calls elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_jit = njit(cache=True, error_model="numpy", nogil=True)
# multiplications and additions may be fused; NaN and infinity keep their meaning
_fused = njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract", "nsz", "arcp"})


@njit(cache=True, error_model="numpy", inline="always")
def _exp32(t: Any) -> Any:
    # range reduction and a polynomial (Cephes expf, error under 2 ulp): vectorises
    t = min(max(t, np.float32(-87.0)), np.float32(87.0))
    k = np.floor(t * np.float32(1.44269504) + np.float32(0.5))
    r = t - k * np.float32(0.693359375)
    r = r + k * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    e = p * r * r + r + np.float32(1.0)
    return e * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(cache=True, error_model="numpy", inline="always")
def _sigmoid32(x: Any) -> Any:
    return np.float32(1.0) / (np.float32(1.0) + _exp32(-x))


@_fused
def sigmoid32(x: Any, bias: Any, out: Any) -> None:
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        for j in range(row.size):
            to[j] = _sigmoid32(row[j] + bias[j])


@_jit
def sigmoid64(x: Any, bias: Any, out: Any) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = 1.0 / (1.0 + np.exp(-(x[i, j] + bias[j])))


# A loop whose input and output are the same array under two names would not be vectorised.
@_fused
def sigmoid32_inplace(x: Any, bias: Any) -> None:
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(row.size):
            row[j] = _sigmoid32(row[j] + bias[j])


@_jit
def sigmoid64_inplace(x: Any, bias: Any) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = 1.0 / (1.0 + np.exp(-(x[i, j] + bias[j])))


@_jit
def sigmoid_gradient(y: Any, gradient: Any) -> None:
    for i in range(y.size):
        gradient[i] *= y[i] - y[i] * y[i]


@_jit
def _fill(words: Any, state: Any) -> None:
    """The next words of SFC64 (Doty-Humphrey's small fast chaotic generator, NumPy's variant)."""
    a, b, c, w = state[0], state[1], state[2], state[3]
    for i in range(words.size):
        word = a + b + w
        words[i] = word
        a = b ^ (b >> np.uint64(11))
        b = c + (c << np.uint64(3))
        c = ((c << np.uint64(24)) | (c >> np.uint64(40))) + word
        w = w + np.uint64(1)
    state[0], state[1], state[2], state[3] = a, b, c, w


@_jit
def bernoulli32(p: Any, state: Any, words: Any, out: Any) -> None:
    """Compare with uniform numbers of 24 bits; a word gives two, its low half first.

    ``words`` has room for half as many words as ``p`` has elements.
    """
    used = words[: (p.size + 1) // 2]
    _fill(used, state)
    halves = used.view(np.uint32)
    scale = np.float32(1.0 / 16777216.0)
    one, zero = np.float32(1.0), np.float32(0.0)
    for i in range(p.size):
        out[i] = one if np.float32(np.int32(halves[i] >> np.uint32(8))) * scale < p[i] else zero


@_jit
def bernoulli64(p: Any, state: Any, words: Any, out: Any) -> None:
    used = words[: p.size]
    _fill(used, state)
    for i in range(p.size):
        u = np.float64(used[i] >> np.uint64(11)) * (1.0 / 9007199254740992.0)
        out[i] = 1.0 if u < p[i] else 0.0


@_jit
def sigmoid_sample32(x: Any, bias: Any, state: Any, words: Any, out: Any) -> None:
    """``x`` becomes the probabilities; the draw goes into ``out``, which may be ``x``."""
    sigmoid32_inplace(x, bias)
    bernoulli32(x.reshape(x.size), state, words, out.reshape(out.size))


@_fused
def _draw32(x: Any, bias: Any, halves: Any, out: Any) -> None:
    # u < 1 / (1 + exp(-y)) without the division
    scale, one, zero = np.float32(1.0 / 16777216.0), np.float32(1.0), np.float32(0.0)
    n, width = x.shape
    for i in range(n):
        row, to, bits = x[i], out[i], halves[i * width : (i + 1) * width]
        for j in range(width):
            u = np.float32(np.int32(bits[j] >> np.uint32(8))) * scale
            to[j] = one if u + u * _exp32(-(row[j] + bias[j])) < one else zero


@_fused
def _draw32_inplace(x: Any, bias: Any, halves: Any) -> None:
    scale, one, zero = np.float32(1.0 / 16777216.0), np.float32(1.0), np.float32(0.0)
    n, width = x.shape
    for i in range(n):
        row, bits = x[i], halves[i * width : (i + 1) * width]
        for j in range(width):
            u = np.float32(np.int32(bits[j] >> np.uint32(8))) * scale
            row[j] = one if u + u * _exp32(-(row[j] + bias[j])) < one else zero


@_jit
def draw32(x: Any, bias: Any, state: Any, words: Any, out: Any) -> None:
    """Bernoulli draw with probability ``sigmoid(x + bias)``."""
    used = words[: (x.size + 1) // 2]
    _fill(used, state)
    _draw32(x, bias, used.view(np.uint32), out)


@_jit
def draw32_inplace(x: Any, bias: Any, state: Any, words: Any) -> None:
    used = words[: (x.size + 1) // 2]
    _fill(used, state)
    _draw32_inplace(x, bias, used.view(np.uint32))


@_jit
def sigmoid_sample64(x: Any, bias: Any, state: Any, words: Any, out: Any) -> None:
    sigmoid64_inplace(x, bias)
    bernoulli64(x.reshape(x.size), state, words, out.reshape(out.size))


@_jit
def _column_sums(x: Any, out: Any) -> None:
    out[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]


@_jit
def _scaled_column_sums(x: Any, factor: Any, out: Any) -> None:
    out[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]
            x[i, j] *= factor


@_jit
def visible_statistics(v0: Any, v1: Any, mean: Any, difference: Any) -> None:
    if v0.shape[0] > 0:
        _column_sums(v0, mean)
        for j in range(mean.size):
            mean[j] /= v0.shape[0]
    _column_sums(v1, difference)
    for j in range(mean.size):
        difference[j] = mean[j] - difference[j] / v1.shape[0]


@_jit
def hidden_statistics(h0: Any, h1: Any, gain: Any, mean: Any, difference: Any) -> None:
    n, m = mean.dtype.type(h0.shape[0]), mean.dtype.type(h1.shape[0])
    _scaled_column_sums(h0, gain / n, mean)
    _scaled_column_sums(h1, -gain / m, difference)
    for j in range(mean.size):
        mean[j] /= n
        difference[j] = mean[j] - difference[j] / m


@_jit
def outer_rows(dv: Any, dh: Any, mu: Any, lam: Any, gain: Any, rows_v: Any, rows_h: Any) -> None:
    for j in range(mu.size):
        rows_v[0, j] = dv[j]
        rows_v[1, j] = mu[j]
    for j in range(lam.size):
        rows_h[0, j] = -gain * lam[j]
        rows_h[1, j] = -gain * dh[j]


@_jit
def follow(x: Any, target: Any, rate: Any) -> None:
    for j in range(x.size):
        x[j] += rate * (target[j] - x[j])


@_jit
def momentum_update(
    parameter: Any, velocity: Any, step: Any, momentum: Any, decay: Any, nesterov: bool
) -> None:
    if nesterov:
        for i in range(parameter.size):
            s = step[i] - decay * parameter[i]
            velocity[i] = momentum * velocity[i] + s
            parameter[i] += momentum * velocity[i] + s
    else:
        for i in range(parameter.size):
            velocity[i] = momentum * velocity[i] + step[i] - decay * parameter[i]
            parameter[i] += velocity[i]


@_jit
def adam_update(
    parameter: Any,
    first: Any,
    second: Any,
    step: Any,
    beta1: Any,
    beta2: Any,
    rate: Any,
    correction: Any,
    epsilon: Any,
) -> None:
    one = parameter.dtype.type(1.0)
    for i in range(parameter.size):
        first[i] = beta1 * first[i] + (one - beta1) * step[i]
        second[i] = beta2 * second[i] + (one - beta2) * step[i] * step[i]
        parameter[i] += rate * first[i] / (np.sqrt(second[i] / correction) + epsilon)


@njit(cache=True, error_model="numpy", nogil=True, fastmath=True)
def _add_bias(row: Any, bias: Any) -> Any:
    """Add ``bias`` to a row in place; returns the greatest element."""
    top = np.float32(-np.inf)
    for j in range(row.size):
        row[j] += bias[j]
        top = max(top, row[j])
    return top


# Products of matrices so small that a call of BLAS takes longer than they do. Reordering sums is
# allowed, dropping NaN and infinity is not.
_product = njit(
    cache=True, error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"}
)


@_product
def _matmul(a: Any, b: Any, out: Any) -> None:
    """``out = a b``, four rows of ``b`` at a time."""
    inner, width = b.shape
    blocked = inner - inner % 4
    out[:] = 0
    for i in range(a.shape[0]):
        for k in range(0, blocked, 4):
            x0, x1, x2, x3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            for j in range(width):
                out[i, j] += x0 * b[k, j] + x1 * b[k + 1, j] + x2 * b[k + 2, j] + x3 * b[k + 3, j]
        for k in range(blocked, inner):
            x0 = a[i, k]
            for j in range(width):
                out[i, j] += x0 * b[k, j]


@_product
def _matmul_transposed(a: Any, b: Any, out: Any) -> None:
    """``out = a b^T``, four rows of ``b`` at a time."""
    n_out, inner = b.shape
    blocked = n_out - n_out % 4
    zero = np.float32(0.0)
    for i in range(a.shape[0]):
        for k in range(0, blocked, 4):
            s0, s1, s2, s3 = zero, zero, zero, zero
            for j in range(inner):
                x = a[i, j]
                s0 += x * b[k, j]
                s1 += x * b[k + 1, j]
                s2 += x * b[k + 2, j]
                s3 += x * b[k + 3, j]
            out[i, k], out[i, k + 1], out[i, k + 2], out[i, k + 3] = s0, s1, s2, s3
        for k in range(blocked, n_out):
            s0 = zero
            for j in range(inner):
                s0 += a[i, j] * b[k, j]
            out[i, k] = s0


@_product
def _transposed_matmul(a: Any, b: Any, out: Any) -> None:
    """``out = a^T b``, four rows of both and two rows of ``out`` at a time."""
    n_rows, n_out = a.shape
    width = b.shape[1]
    blocked, paired = n_rows - n_rows % 4, n_out - n_out % 2
    out[:] = 0
    for k in range(0, paired, 2):
        o0, o1 = out[k], out[k + 1]
        for r in range(0, blocked, 4):
            x0, x1, x2, x3 = a[r, k], a[r + 1, k], a[r + 2, k], a[r + 3, k]
            y0, y1, y2, y3 = a[r, k + 1], a[r + 1, k + 1], a[r + 2, k + 1], a[r + 3, k + 1]
            b0, b1, b2, b3 = b[r], b[r + 1], b[r + 2], b[r + 3]
            for j in range(width):
                o0[j] += x0 * b0[j] + x1 * b1[j] + x2 * b2[j] + x3 * b3[j]
                o1[j] += y0 * b0[j] + y1 * b1[j] + y2 * b2[j] + y3 * b3[j]
        for r in range(blocked, n_rows):
            x0, y0 = a[r, k], a[r, k + 1]
            for j in range(width):
                o0[j] += x0 * b[r, j]
                o1[j] += y0 * b[r, j]
    for k in range(paired, n_out):
        for r in range(n_rows):
            x0 = a[r, k]
            for j in range(width):
                out[k, j] += x0 * b[r, j]


@_fused
def _exp_row(row: Any, top: Any) -> None:
    for j in range(row.size):
        row[j] = _exp32(row[j] - top)


@_product
def _sum_row(row: Any) -> Any:
    total = 0.0
    for start in range(0, row.size, 256):
        chunk = np.float32(0.0)
        for j in range(start, min(start + 256, row.size)):
            chunk += row[j]
        total += np.float64(chunk)
    return total


@_jit
def exponentiate32(x: Any, bias: Any, log_sum: Any) -> None:
    """``x`` becomes ``exp(x + bias - top)`` with the greatest element of each row as ``top``."""
    for i in range(x.shape[0]):
        top = _add_bias(x[i], bias)
        _exp_row(x[i], top)
        log_sum[i] = top + np.float32(np.log(_sum_row(x[i])))


@_product
def _running_sums(row: Any, sums: Any) -> Any:
    """Sums of the row up to every 16th element."""
    total = 0.0
    for b in range(sums.size):
        part = 0.0
        for j in range(16 * b, min(16 * b + 16, row.size)):
            part += np.float64(row[j])
        total += part
        sums[b] = total
    return total


@_jit
def multinomial(p: Any, ends: Any, state: Any, words: Any, columns: Any) -> None:
    """Columns drawn from the rows of ``p``; those of row ``i`` lie before ``ends[i + 1]``.

    ``words`` has room for a word per draw. A table of where to begin (Chen & Asau 1974) finds the
    sixteen columns of a draw, a running sum the column.
    """
    n, width = p.shape
    used = words[: columns.size]
    _fill(used, state)
    n_blocks = (width + 15) // 16
    sums, guide = np.empty(n_blocks), np.empty(n_blocks, np.int64)
    for i in range(n):
        if ends[i] == ends[i + 1]:
            continue
        row = p[i]
        total = _running_sums(row, sums)
        b = 0
        for g in range(n_blocks):
            while b < n_blocks - 1 and sums[b] * n_blocks <= g * total:
                b += 1
            guide[g] = b
        for t in range(ends[i], ends[i + 1]):
            u = np.float64(used[t] >> np.uint64(11)) * (1.0 / 9007199254740992.0)
            target = u * total
            b = guide[int(u * n_blocks)]
            while b > 0 and sums[b - 1] > target:
                b -= 1
            while b < n_blocks - 1 and sums[b] <= target:
                b += 1
            below = sums[b - 1] if b > 0 else 0.0
            j = 16 * b
            # counting without leaving the loop: a wrong guess of the end would cost more
            for k in range(16 * b, min(16 * b + 16, width)):
                below += np.float64(row[k])
                j += below <= target
            columns[t] = min(j, min(16 * b + 16, width) - 1)


@_product
def csr_matmul(data: Any, indices: Any, indptr: Any, b: Any, out: Any) -> None:
    """``out = A b`` for a CSR matrix A."""
    width = b.shape[1]
    out[:] = 0
    for i in range(out.shape[0]):
        row = out[i]
        for t in range(indptr[i], indptr[i + 1]):
            x, other = data[t], b[indices[t]]
            for j in range(width):
                row[j] += x * other[j]


@_product
def csr_transposed_matmul(data: Any, indices: Any, indptr: Any, b: Any, out: Any) -> None:
    """``out = A^T b`` for a CSR matrix A."""
    width = b.shape[1]
    out[:] = 0
    for i in range(indptr.size - 1):
        other = b[i]
        for t in range(indptr[i], indptr[i + 1]):
            x, row = data[t], out[indices[t]]
            for j in range(width):
                row[j] += x * other[j]


@_product
def softplus_change32(x: Any, bias: Any, old: Any, new: Any, out: Any) -> None:
    """``out[i] = sum_j softplus(new (x_ij + b_j)) - softplus(old (x_ij + b_j))``.

    ``softplus(x) = max(x, 0) + log(1 + exp(-|x|))``; the logarithms of up to 64 ratios between
    1/2 and 2 are taken as that of their product.
    """
    n, width = x.shape
    one, zero = np.float32(1.0), np.float32(0.0)
    for i in range(n):
        row = x[i]
        total = 0.0
        for start in range(0, width, 64):
            ratio, positive = one, zero
            for j in range(start, min(start + 64, width)):
                y = row[j] + bias[j]
                size = abs(y)
                positive += y + size
                ratio *= (one + _exp32(-new * size)) / (one + _exp32(-old * size))
            total += 0.5 * np.float64(new - old) * np.float64(positive) + np.log(np.float64(ratio))
        out[i] = total


@_product
def shifted_softplus32(x: Any, shifts: Any, out: Any) -> None:
    """``out[i, c] = sum_j softplus(x_ij + shifts_cj)``.

    ``exp(x + s)`` is a product, so that a row needs two exponentials for all shifts; logarithms as
    in :func:`softplus_change32`.
    """
    n, width = x.shape
    up, down = np.empty_like(shifts), np.empty_like(shifts)
    row_up, row_down = np.empty(width, np.float32), np.empty(width, np.float32)
    one, zero = np.float32(1.0), np.float32(0.0)
    for c in range(shifts.shape[0]):
        for j in range(width):
            up[c, j] = _exp32(shifts[c, j])
            down[c, j] = _exp32(-shifts[c, j])
    for i in range(n):
        row = x[i]
        for j in range(width):
            row_up[j] = _exp32(row[j])
            row_down[j] = _exp32(-row[j])
        for c in range(shifts.shape[0]):
            shift, class_up, class_down = shifts[c], up[c], down[c]
            total = 0.0
            for start in range(0, width, 64):
                factor, positive = one, zero
                for j in range(start, min(start + 64, width)):
                    positive += max(row[j] + shift[j], zero)
                    # exp(-|x + s|); one of both may be infinite
                    factor *= one + min(row_up[j] * class_up[j], row_down[j] * class_down[j])
                total += np.float64(positive) + np.log(np.float64(factor))
            out[i, c] = total


@_product
def shifted_sigmoids32(x: Any, shifts: Any, weights: Any, over_shifts: Any, over_rows: Any) -> None:
    """``over_shifts[i] += w_ic S_ic``, ``over_rows[c] += w_ic S_ic``, ``S = sigmoid(x + shifts)``.

    Weights that are nothing beside float32's rounding of 1 are skipped.
    """
    n, width = x.shape
    down = np.empty_like(shifts)
    row_down = np.empty(width, np.float32)
    one, least = np.float32(1.0), np.float32(1e-9)
    for c in range(shifts.shape[0]):
        for j in range(width):
            down[c, j] = _exp32(-shifts[c, j])
    for i in range(n):
        row, to = x[i], over_shifts[i]
        for j in range(width):
            row_down[j] = _exp32(-row[j])
        for c in range(shifts.shape[0]):
            weight = weights[i, c]
            if abs(weight) < least:
                continue
            class_down, other = down[c], over_rows[c]
            for j in range(width):
                # the product may be infinite, never 0 times infinity
                s = weight / (one + row_down[j] * class_down[j])
                to[j] += s
                other[j] += s


@_product
def both_products(matrix: Any, right: Any, left: Any, out_right: Any, out_left: Any) -> None:
    """``out_right = matrix right`` and ``out_left = matrix^T left``, reading the matrix once."""
    out_left[:] = 0
    for i in range(matrix.shape[0]):
        row, x = matrix[i], left[i]
        total = matrix.dtype.type(0)
        for j in range(row.size):
            total += row[j] * right[j]
            out_left[j] += row[j] * x
        out_right[i] = total


@_jit
def bernoulli_epoch32(
    X: Any,
    order: Any,
    batch_size: int,
    n_steps: int,
    weights: Any,
    biases: Any,
    weights_velocity: Any,
    biases_velocity: Any,
    offsets: Any,
    chains: Any,
    draw_visible: bool,
    state: Any,
    rate: Any,
    momentum: Any,
    decay: Any,
    nesterov: bool,
    centring_rate: Any,
) -> None:
    """A whole epoch of CD-k or PCD-k on Bernoulli units, in place.

    The algorithm of ``training.rbm_trainer`` step by step, with the same random numbers; the tests
    hold the two against each other. Parameters are float32, ``X`` of any float dtype; ``offsets``
    is empty without centring; ``chains`` is empty for CD.
    """
    n_visible, n_hidden = weights.shape
    persistent, centred = chains.shape[0] > 0, offsets.size > 0
    room = chains.shape[0] if persistent else batch_size
    extra = 2 if centred else 0
    V = np.empty((batch_size + room + extra, n_visible), np.float32)
    H = np.empty((batch_size + room + extra, n_hidden), np.float32)
    drawn = np.empty((batch_size, n_hidden), np.float32)
    gradient = np.empty((n_visible, n_hidden), np.float32)
    mean = np.empty(n_visible + n_hidden, np.float32)
    difference = np.empty(n_visible + n_hidden, np.float32)
    step = np.empty(n_visible + n_hidden, np.float32)
    moved = np.empty(n_visible + n_hidden, np.float32)
    words = np.empty(max(V.size, H.size) // 2 + 1, np.uint64)
    b, c = biases[:n_visible], biases[n_visible:]
    for start in range(0, order.size, batch_size):
        n = min(batch_size, order.size - start)
        m = room if persistent else n
        end = n + m
        v0, h0, v1, h1 = V[:n], H[:n], V[n:end], H[n:end]
        for i in range(n):
            row = order[start + i]
            for j in range(n_visible):
                v0[i, j] = np.float32(X[row, j])
        _matmul(v0, weights, h0)
        sigmoid32_inplace(h0, c)
        if persistent:
            h = chains
        else:
            h = drawn[:n]
            bernoulli32(h0.reshape(h0.size), state, words, h.reshape(h.size))
        for k in range(n_steps):
            _matmul_transposed(h, weights, v1)
            if draw_visible:
                draw32_inplace(v1, b, state, words)
            else:
                sigmoid32_inplace(v1, b)
            _matmul(v1, weights, h1)
            sigmoid32_inplace(h1, c)
            if persistent or k + 1 < n_steps:
                bernoulli32(h1.reshape(h1.size), state, words, h.reshape(h.size))
        dv, dh = difference[:n_visible], difference[n_visible:]
        visible_statistics(v0, v1, mean[:n_visible], dv)
        hidden_statistics(h0, h1, rate, mean[n_visible:], dh)
        if centred:
            mu, lam = offsets[:n_visible], offsets[n_visible:]
            outer_rows(dv, dh, mu, lam, rate, V[end : end + 2], H[end : end + 2])
        _transposed_matmul(V[: end + extra], H[: end + extra], gradient)
        for j in range(step.size):
            step[j] = rate * difference[j]
        if centred:
            both_products(gradient, lam, mu, moved[:n_visible], moved[n_visible:])
            for j in range(step.size):
                step[j] -= moved[j]
        momentum_update(
            weights.reshape(weights.size),
            weights_velocity.reshape(weights.size),
            gradient.reshape(weights.size),
            momentum,
            rate * decay,
            nesterov,
        )
        momentum_update(biases, biases_velocity, step, momentum, np.float32(0.0), nesterov)
        if centred:
            follow(offsets, mean, centring_rate)
