"""``array_api_strict``: a stand-in for a device, on the CPU, for tests.

Its arrays offer the array API standard and nothing else, and live on a device that NumPy cannot
read, so that code which runs here is generic and moves data to and from the device on purpose.
Random numbers come from NumPy's stream: a fit here equals one on NumPy up to rounding.
"""

from __future__ import annotations

from typing import Any

import array_api_strict as xp
import numpy as np

from skdeepbm.backends.base import Array, Backend, DType, Stream
from skdeepbm.backends.numpy_backend import NumpyBackend, NumpyStream


class StrictBackend(Backend):
    """Arrays of array_api_strict on its device ``device1``."""

    name = "array_api_strict"
    xp = xp
    bit_generator = "SFC64"

    def __init__(self) -> None:
        self._host = NumpyBackend(compiled=False)
        self._device = xp.Device("device1")

    def owns(self, x: Any) -> bool:
        return hasattr(x, "__array_namespace__") and x.__array_namespace__() is xp

    def asarray(self, x: Any, dtype: DType = None) -> Array:
        if self.owns(x):
            x = x if dtype is None else xp.astype(x, getattr(xp, _numpy_dtype(dtype).name))
            return x.to_device(self._device)
        x = np.asarray(x, dtype=None if dtype is None else _numpy_dtype(dtype))
        return xp.asarray(x, device=self._device)

    def to_host(self, x: Array) -> np.ndarray:
        if not self.owns(x):
            return np.asarray(x)
        return np.asarray(x.to_device(xp.Device("CPU_DEVICE")))

    def empty(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return self.asarray(np.empty(shape, dtype=_numpy_dtype(dtype)))

    def zeros(self, shape: tuple[int, ...], dtype: DType) -> Array:
        return self.asarray(np.zeros(shape, dtype=_numpy_dtype(dtype)))

    def fits(self, n_bytes: int) -> bool:
        # as if the device's memory were small: batches of larger data are moved one by one
        return n_bytes < 100_000

    def quiet(self) -> Any:
        return np.errstate(all="ignore")

    def stream(
        self, seed: np.random.SeedSequence | None = None, state: dict[str, Any] | None = None
    ) -> NumpyStream:
        return self._host.stream(seed, state)

    def uniform(self, shape: tuple[int, ...], stream: Stream, dtype: DType) -> Array:
        return self.asarray(self._host.uniform(shape, stream, _numpy_dtype(dtype)))

    def normal(self, shape: tuple[int, ...], stream: Stream, dtype: DType) -> Array:
        return self.asarray(self._host.normal(shape, stream, _numpy_dtype(dtype)))


def _numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """NumPy's dtype of the same name; the two libraries' own must not be compared."""
    name = str(dtype).rsplit(".", 1)[-1] if type(dtype) is type(xp.float32) else dtype
    return np.dtype(name)
