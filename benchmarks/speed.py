"""Training speed against the matrix products alone and against BernoulliRBM.

Sizes are those of the design: S = digits, M and L = 10,000 MNIST rows. The floor is the five
products of a CD-1 step in float32 with NumPy's BLAS into given buffers, for as many steps as the
fit makes. Fits are whole calls of ``fit`` with the package's defaults (momentum, weight decay,
centring and history on).
"""

import statistics
import tracemalloc
from typing import Any

import numpy as np
from sklearn.neural_network import BernoulliRBM

from benchmarks.data import digits, mnist
from benchmarks.timing import interleaved, ratio
from skdeepbm import RBMTransformer
from skdeepbm.backends import register_backend
from skdeepbm.backends.numpy_backend import NumpyBackend

#: rows, hidden units, batch, epochs per fit, rounds
SIZES: dict[str, tuple[str, int, int, int, int]] = {
    "S": ("digits", 100, 10, 20, 15),
    "M": ("mnist", 500, 100, 10, 5),
    "L": ("mnist", 2000, 500, 3, 3),
}


def floor(X: np.ndarray, n_hidden: int, batch: int, n_epochs: int) -> Any:
    """Run the five products of each step of ``n_epochs`` epochs."""
    n_rows, n_visible = X.shape
    rng = np.random.default_rng(0)
    W = rng.normal(0, 0.01, (n_visible, n_hidden)).astype(np.float32)
    v, v1 = X[:batch].copy(), X[-batch:].copy()
    h = np.empty((batch, n_hidden), np.float32)
    v_out = np.empty_like(v)
    g = np.empty_like(W)

    def run() -> None:
        for _ in range(n_epochs * -(-n_rows // batch)):
            np.dot(v, W, out=h)
            np.dot(h, W.T, out=v_out)
            np.dot(v1, W, out=h)
            np.dot(v.T, h, out=g)
            np.dot(v1.T, h, out=g)

    return run


def rows_of(name: str) -> np.ndarray:
    return digits()[0] if name == "digits" else mnist()[0][:10_000]


def run(quick: bool = False) -> list[dict[str, Any]]:
    register_backend("numpy-plain", lambda: NumpyBackend(compiled=False))
    results = []
    for size, (data, n_hidden, batch, n_iter, rounds) in SIZES.items():
        X32 = rows_of(data).astype(np.float32)
        X64 = X32.astype(np.float64)
        shared = {"n_components": n_hidden, "batch_size": batch, "n_iter": n_iter}
        shared["random_state"] = 0

        def fit(estimator: Any, X: np.ndarray) -> Any:
            return lambda: estimator.fit(X)

        contenders = {
            "floor": floor(X32, n_hidden, batch, n_iter),
            "speed": fit(RBMTransformer(backend="numpy", **shared), X32),
            "speed64": fit(RBMTransformer(backend="numpy", **shared), X64),
            "plain": fit(RBMTransformer(backend="numpy-plain", **shared), X32),
            "sklearn32": fit(BernoulliRBM(**shared), X32),
            "sklearn64": fit(BernoulliRBM(**shared), X64),
        }
        seconds = interleaved(contenders, max(3, rounds // 3) if quick else rounds)
        results.append(
            {
                "size": size,
                "shape": f"{X32.shape[0]} x {X32.shape[1]}, {n_hidden} hidden, batch {batch}",
                "floor_ms": 1e3 * statistics.median(seconds["floor"]) / n_iter,
                "speed": ratio(seconds["speed"], seconds["floor"]),
                "plain": ratio(seconds["plain"], seconds["floor"]),
                "sklearn32": ratio(seconds["sklearn32"], seconds["floor"]),
                "sklearn64": ratio(seconds["sklearn64"], seconds["floor"]),
                "gain32": ratio(seconds["sklearn32"], seconds["speed"]),
                "gain64": ratio(seconds["sklearn64"], seconds["speed64"]),
                "gain32_plain": ratio(seconds["sklearn32"], seconds["plain"]),
            }
        )
    return results


def peak_memory() -> dict[str, float]:
    """Peak of traced memory of a fit at size M, data included, over data plus parameters."""
    _, n_hidden, batch, _, _ = SIZES["M"]
    estimator = RBMTransformer(
        n_hidden, batch_size=batch, n_iter=1, backend="numpy", random_state=0
    )
    estimator.fit(np.zeros((batch, 784), np.float32) + np.float32(0.5))  # imports and kernels
    source = rows_of("mnist")
    tracemalloc.start()
    X = source.astype(np.float32)
    tracemalloc.reset_peak()
    estimator.fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parameters = 4 * (X.shape[1] * n_hidden + X.shape[1] + n_hidden)
    return {"peak_mb": peak / 1e6, "ratio": peak / (X.nbytes + parameters)}


if __name__ == "__main__":
    for row in run():
        print(
            {
                key: round(value, 2) if isinstance(value, float) else value
                for key, value in row.items()
            }
        )
    print(peak_memory())
