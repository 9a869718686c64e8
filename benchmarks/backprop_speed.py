"""Speed of backpropagation against its matrix products alone and against scikit-learn's networks.

10,000 MNIST rows, batch 100, SGD with momentum, float32. The floor is the products of an epoch
(forward, gradients of the weights, and backward for every layer but the first) with NumPy's BLAS
into given buffers. An epoch of ours is a whole run of the loop, with history and guard; one of
scikit-learn's is a call of `fit` with `max_iter=1` and equal settings.
"""

import os
import statistics
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.data import mnist
from benchmarks.markdown import table
from benchmarks.timing import interleaved, ratio
from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.models.network import Layer, Network
from skdeepbm.models.units import UNITS
from skdeepbm.training import BackpropSettings, BackpropTrainer, Rows, TrainingState

N_ROWS, BATCH, ROUNDS, RATE = 10_000, 100, 7, 0.001

#: numbers of units, kinds of units, and what it is
CLASSIFIER = (
    (784, 500, 500, 2000, 10),
    ("bernoulli",) * 3 + ("softmax",),
    "784-500-500-2000-10 sigmoid and softmax units",
)
# the outputs are linear, as those of scikit-learn are
AUTOENCODER = (
    (784, 1000, 500, 250, 30, 250, 500, 1000, 784),
    ("bernoulli",) * 7 + ("gaussian",),
    "The autoencoder 784-1000-500-250-30 and back, sigmoid units and linear outputs",
)


class _NoHooks:
    def epoch_begin(self) -> None:
        pass

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        return False


def floor(sizes: tuple[int, ...]) -> Any:
    """Run the products of each step of an epoch."""
    rng = np.random.default_rng(0)

    def uniform(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32) * np.float32(0.1)

    weights = [uniform(*pair) for pair in pairwise(sizes)]
    steps = [np.empty_like(w) for w in weights]
    h, delta = ([uniform(BATCH, n) for n in sizes] for _ in range(2))
    # never an input of a product, so that nothing grows
    out = [np.empty((BATCH, n), np.float32) for n in sizes]

    def run() -> None:
        for _ in range(N_ROWS // BATCH):
            for i, w in enumerate(weights):
                np.dot(h[i], w, out=out[i + 1])
            for i in range(len(weights) - 1, -1, -1):
                if i:
                    np.dot(delta[i + 1], weights[i].T, out=out[i])
                np.dot(h[i].T, delta[i + 1], out=steps[i])

    return run


def trainer(
    backend: NumpyBackend, sizes: tuple[int, ...], kinds: tuple[str, ...], target: np.ndarray | None
) -> BackpropTrainer:
    """A trainer of a network with small random weights."""
    rng = np.random.default_rng(0)
    layers = []
    for (n_in, n_out), kind in zip(pairwise(sizes), kinds, strict=True):
        weights = rng.normal(0, (2 / (n_in + n_out)) ** 0.5, (n_in, n_out)).astype(np.float32)
        layers.append(Layer(weights, UNITS[kind](backend, np.zeros(n_out, np.float32))))
    # scikit-learn divides its alpha by the size of the batch
    settings = BackpropSettings(
        learning_rate=RATE, momentum=0.9, batch_size=BATCH, weight_decay=1e-4 / BATCH
    )
    seed = np.random.SeedSequence(0)
    return BackpropTrainer(Network(layers), settings, TrainingState(), seed, target)


def run() -> dict[str, Any]:
    X, y = (array[:N_ROWS] for array in mnist()[:2])
    target = np.eye(10, dtype=np.float32)[y]
    return _compared(CLASSIFIER, X, target, MLPClassifier, y)


def run_autoencoder() -> dict[str, Any]:
    X = mnist()[0][:N_ROWS]
    return _compared(AUTOENCODER, X, None, MLPRegressor, X)


def _compared(network: Any, X: np.ndarray, target: Any, kind: Any, y: np.ndarray) -> dict[str, Any]:
    """Seconds of an epoch of ours, of the rival and of the products alone, taking turns."""
    sizes, kinds, what = network

    def epoch(compiled: bool) -> Any:
        backend = NumpyBackend(compiled)
        one, rows = trainer(backend, sizes, kinds, target), Rows(backend, X, np.dtype(np.float32))
        return lambda: one.run(rows, 1, _NoHooks())

    rival = kind(
        hidden_layer_sizes=sizes[1:-1],
        activation="logistic",
        solver="sgd",
        alpha=1e-4,
        batch_size=BATCH,
        learning_rate_init=RATE,
        momentum=0.9,
        nesterovs_momentum=False,
        max_iter=1,
        random_state=0,
    )
    contenders = {
        "products alone": floor(sizes),
        "skdeepbm, numba": epoch(True),
        "skdeepbm, NumPy + SciPy alone": epoch(False),
        kind.__name__: lambda: rival.fit(X, y),
    }
    load = os.getloadavg()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        seconds = interleaved(contenders, ROUNDS)
    products = seconds["products alone"]
    return {
        "seconds": {name: statistics.median(found) for name, found in seconds.items()},
        "ratios": {name: ratio(found, products) for name, found in seconds.items()},
        "rival": {name: ratio(seconds[kind.__name__], found) for name, found in seconds.items()},
        "load": load,
        "what": what,
        "name": kind.__name__,
    }


def form(found: dict[str, Any]) -> str:
    rows = [
        [name, f"{seconds:.2f}", f"{found['ratios'][name]:.2f}", f"{found['rival'][name]:.2f}"]
        for name, seconds in found["seconds"].items()
    ]
    assert __doc__ is not None
    return (
        f"{found['what']}. "
        + __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + f" Medians over {ROUNDS} rounds of seconds, and of ratios within a round. Wanted: 1.3 "
        f"times the products, and faster than {found['name']}. "
        f"Load of the machine before: {found['load']:.1f}.\n\n"
        + table(["epoch", "seconds", "multiple of the products", "times as fast as sklearn"], rows)
    )


if __name__ == "__main__":
    print(form(run()))
