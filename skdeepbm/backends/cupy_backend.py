"""CuPy on a CUDA device, with its own fused kernels and a counter-based random stream."""

from __future__ import annotations

from typing import Any

import cupy as cp
import numpy as np
from array_api_compat import cupy as xp

from skdeepbm.backends.base import Array, Backend, DType, Stream

# Philox4x32-10 (Salmon et al. 2011). The counter is the index of the number in the stream, the
# key is the seed: a draw needs no state on the device and can be fused into any kernel.
_PHILOX = """
struct philox_out { unsigned int x, y, z, w; };
__host__ __device__ inline philox_out philox(unsigned long long key, unsigned long long counter) {
    unsigned int k0 = (unsigned int)key, k1 = (unsigned int)(key >> 32);
    unsigned int c0 = (unsigned int)counter, c1 = (unsigned int)(counter >> 32), c2 = 0u, c3 = 0u;
    for (int round = 0; round < 10; ++round) {
        unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
        unsigned int n0 = (unsigned int)(p1 >> 32) ^ c1 ^ k0;
        unsigned int n2 = (unsigned int)(p0 >> 32) ^ c3 ^ k1;
        c1 = (unsigned int)p1; c3 = (unsigned int)p0; c0 = n0; c2 = n2;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
    philox_out out = {c0, c1, c2, c3};
    return out;
}
__host__ __device__ inline void philox_uniform(philox_out r, float &u) {
    u = (r.x >> 8) * (1.0f / 16777216.0f);
}
__host__ __device__ inline void philox_uniform(philox_out r, double &u) {
    u = ((((unsigned long long)r.x << 32) | r.y) >> 11) * (1.0 / 9007199254740992.0);
}
// Box-Muller; the first uniform is in (0, 1]
__host__ __device__ inline void philox_normal(philox_out r, float &g) {
    float u = ((r.x >> 8) + 1u) * (1.0f / 16777216.0f);
    float v = (r.y >> 8) * (1.0f / 16777216.0f);
    g = sqrtf(-2.0f * logf(u)) * cosf(6.28318530717958648f * v);
}
__host__ __device__ inline void philox_normal(philox_out r, double &g) {
    double u = (((((unsigned long long)r.x << 32) | r.y) >> 11) + 1ull)
        * (1.0 / 9007199254740992.0);
    double v = ((((unsigned long long)r.z << 32) | r.w) >> 11) * (1.0 / 9007199254740992.0);
    g = sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}
"""

_uniform = cp.ElementwiseKernel(
    "T like, uint64 key, uint64 offset",
    "T out",
    "T u; philox_uniform(philox(key, offset + (unsigned long long)i), u); out = u;",
    "skdeepbm_uniform",
    preamble=_PHILOX,
)
_normal = cp.ElementwiseKernel(
    "T like, uint64 key, uint64 offset",
    "T out",
    "T g; philox_normal(philox(key, offset + (unsigned long long)i), g); out = g;",
    "skdeepbm_normal",
    preamble=_PHILOX,
)
_bernoulli = cp.ElementwiseKernel(
    "T p, uint64 key, uint64 offset",
    "T out",
    "T u; philox_uniform(philox(key, offset + (unsigned long long)i), u); out = u < p;",
    "skdeepbm_bernoulli",
    preamble=_PHILOX,
)
_sigmoid = cp.ElementwiseKernel(
    "T x, T bias", "T out", "out = T(1) / (T(1) + exp(-(x + bias)));", "skdeepbm_sigmoid"
)
_sigmoid_gradient = cp.ElementwiseKernel(
    "T y, T gradient_in",
    "T gradient",
    "gradient = gradient_in * (y - y * y);",
    "skdeepbm_sigmoid_gradient",
)
_sigmoid_sample = cp.ElementwiseKernel(
    "T x, T bias, uint64 key, uint64 offset",
    "T mean, T out",
    """
    T u; philox_uniform(philox(key, offset + (unsigned long long)i), u);
    T p = T(1) / (T(1) + exp(-(x + bias)));
    mean = p;
    out = u < p;
    """,
    "skdeepbm_sigmoid_sample",
    preamble=_PHILOX,
)
_softplus = cp.ElementwiseKernel(
    "T x",
    "T out",
    "out = (x > T(0) ? x : T(0)) + log1p(exp(x > T(0) ? -x : x));",
    "skdeepbm_softplus",
)
_momentum = cp.ElementwiseKernel(
    "T step, T momentum, T decay, bool nesterov, T parameter_in, T velocity_in",
    "T parameter, T velocity",
    """
    T s = step - decay * parameter_in;
    T v = momentum * velocity_in + s;
    velocity = v;
    parameter = parameter_in + (nesterov ? momentum * v + s : v);
    """,
    "skdeepbm_momentum",
)


class CupyStream(Stream):
    """Seed and position of a Philox stream."""

    def __init__(self, seed: np.random.SeedSequence | None, state: dict[str, Any] | None) -> None:
        if state is not None:
            self.key, self.offset = int(state["key"]), int(state["offset"])
        else:
            seed = np.random.SeedSequence() if seed is None else seed
            self.key, self.offset = int(seed.generate_state(1, np.uint64)[0]), 0

    @property
    def state(self) -> dict[str, Any]:
        return {"bit_generator": "Philox4x32", "key": self.key, "offset": self.offset}

    def take(self, n: int) -> tuple[np.uint64, np.uint64]:
        """Key and position of the next ``n`` numbers."""
        start, self.offset = self.offset, self.offset + n
        return np.uint64(self.key), np.uint64(start)


class CupyBackend(Backend):
    """Arrays on the current CUDA device."""

    name = "cupy"
    xp = xp
    bit_generator = "Philox4x32"

    def __init__(self) -> None:
        if cp.cuda.runtime.getDeviceCount() < 1:
            raise RuntimeError("no CUDA device was found")

    def owns(self, x: Any) -> bool:
        return isinstance(x, cp.ndarray)

    def asarray(self, x: Any, dtype: DType = None) -> Array:
        return cp.asarray(x, dtype=dtype)

    def to_host(self, x: Array) -> np.ndarray:
        return cp.asnumpy(x)

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return cp.empty(shape, dtype=dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return cp.zeros(shape, dtype=dtype)

    def fits(self, n_bytes: int) -> bool:
        free, _ = cp.cuda.runtime.memGetInfo()
        return 2 * n_bytes < free

    def synchronize(self) -> None:
        cp.cuda.get_current_stream().synchronize()

    def stream(
        self, seed: np.random.SeedSequence | None = None, state: dict[str, Any] | None = None
    ) -> CupyStream:
        return CupyStream(seed, state)

    def uniform(self, shape: tuple[int, ...], stream: Any, dtype: DType) -> Array:
        out = cp.empty(shape, dtype=dtype)
        return _uniform(out, *stream.take(out.size), out)

    def normal(self, shape: tuple[int, ...], stream: Any, dtype: DType) -> Array:
        out = cp.empty(shape, dtype=dtype)
        return _normal(out, *stream.take(out.size), out)

    def take_rows(self, x: Array, index: np.ndarray, out: Array | None = None) -> Array:
        return self.store(cp.take(x, cp.asarray(index), axis=0), out)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        return cp.matmul(a, b, out=out)

    def sigmoid(self, x: Array, bias: Array | None = None, out: Array | None = None) -> Array:
        bias = x.dtype.type(0) if bias is None else bias
        return _sigmoid(x, bias) if out is None else _sigmoid(x, bias, out)

    def sigmoid_gradient(self, y: Array, gradient: Array) -> Array:
        return _sigmoid_gradient(y, gradient, gradient)

    def softplus(self, x: Array) -> Array:
        return _softplus(x)

    def bernoulli(self, p: Array, stream: Any, out: Array | None = None) -> Array:
        out = cp.empty_like(p) if out is None else out
        return _bernoulli(p, *stream.take(p.size), out)

    def sigmoid_sample(
        self,
        x: Array,
        bias: Array,
        stream: Any,
        mean: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        mean = cp.empty_like(x) if mean is None else mean
        out = cp.empty_like(x) if out is None else out
        _sigmoid_sample(x, bias, *stream.take(x.size), mean, out)
        return out

    def momentum_update(
        self,
        parameter: Array,
        velocity: Array,
        step: Array,
        momentum: float,
        decay: float,
        nesterov: bool,
    ) -> None:
        kind = parameter.dtype.type
        _momentum(
            step,
            kind(momentum),
            kind(decay),
            bool(nesterov),
            parameter,
            velocity,
            parameter,
            velocity,
        )
