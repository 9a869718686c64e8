"""Speed of backpropagation against its matrix products alone and against MLPClassifier.

784-500-500-2000-10 sigmoid and softmax units, 10,000 MNIST rows, batch 100, SGD with momentum,
float32. The floor is the products of an epoch (forward, gradients of the weights, and backward for
every layer but the first) with NumPy's BLAS into given buffers. An epoch of ours is a whole run of
the loop, with history and guard; one of scikit-learn's is a call of `fit` with `max_iter=1` and
equal settings.
"""

import os
import statistics
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.data import mnist
from benchmarks.markdown import table
from benchmarks.timing import interleaved, ratio
from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.models.network import Layer, Network
from skdeepbm.models.units import BernoulliUnits, SoftmaxUnits
from skdeepbm.training import BackpropSettings, BackpropTrainer, Rows, TrainingState

SIZES = (784, 500, 500, 2000, 10)
N_ROWS, BATCH, ROUNDS = 10_000, 100, 7


class _NoHooks:
    def epoch_begin(self) -> None:
        pass

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        return False


def floor() -> Any:
    """Run the products of each step of an epoch."""
    rng = np.random.default_rng(0)

    def uniform(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32) * np.float32(0.1)

    weights = [uniform(*pair) for pair in pairwise(SIZES)]
    steps = [np.empty_like(w) for w in weights]
    h, delta = ([uniform(BATCH, n) for n in SIZES] for _ in range(2))
    # never an input of a product, so that nothing grows
    out = [np.empty((BATCH, n), np.float32) for n in SIZES]

    def run() -> None:
        for _ in range(N_ROWS // BATCH):
            for i, w in enumerate(weights):
                np.dot(h[i], w, out=out[i + 1])
            for i in range(len(weights) - 1, -1, -1):
                if i:
                    np.dot(delta[i + 1], weights[i].T, out=out[i])
                np.dot(h[i].T, delta[i + 1], out=steps[i])

    return run


def trainer(backend: NumpyBackend, target: np.ndarray) -> BackpropTrainer:
    """A trainer of a network with small random weights."""
    rng = np.random.default_rng(0)
    layers = []
    for n_in, n_out in pairwise(SIZES):
        kind = SoftmaxUnits if n_out == SIZES[-1] else BernoulliUnits
        weights = rng.normal(0, (2 / (n_in + n_out)) ** 0.5, (n_in, n_out)).astype(np.float32)
        layers.append(Layer(weights, kind(backend, np.zeros(n_out, np.float32))))
    # scikit-learn divides its alpha by the size of the batch
    settings = BackpropSettings(
        learning_rate=0.01, momentum=0.9, batch_size=BATCH, weight_decay=1e-4 / BATCH
    )
    seed = np.random.SeedSequence(0)
    return BackpropTrainer(Network(layers), settings, TrainingState(), seed, target)


def run() -> dict[str, Any]:
    X, y = (array[:N_ROWS] for array in mnist()[:2])
    target = np.eye(SIZES[-1], dtype=np.float32)[y]

    def epoch(compiled: bool) -> Any:
        backend = NumpyBackend(compiled)
        one, rows = trainer(backend, target), Rows(backend, X, np.dtype(np.float32))
        return lambda: one.run(rows, 1, _NoHooks())

    rival = MLPClassifier(
        SIZES[1:-1],
        activation="logistic",
        solver="sgd",
        alpha=1e-4,
        batch_size=BATCH,
        learning_rate_init=0.01,
        momentum=0.9,
        nesterovs_momentum=False,
        max_iter=1,
        random_state=0,
    )
    contenders = {
        "products alone": floor(),
        "skdeepbm, numba": epoch(True),
        "skdeepbm, NumPy + SciPy alone": epoch(False),
        "MLPClassifier": lambda: rival.fit(X, y),
    }
    load = os.getloadavg()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        seconds = interleaved(contenders, ROUNDS)
    products = seconds["products alone"]
    return {
        "seconds": {name: statistics.median(found) for name, found in seconds.items()},
        "ratios": {name: ratio(found, products) for name, found in seconds.items()},
        "rival": {name: ratio(seconds["MLPClassifier"], found) for name, found in seconds.items()},
        "load": load,
    }


def form(found: dict[str, Any]) -> str:
    rows = [
        [name, f"{seconds:.2f}", f"{found['ratios'][name]:.2f}", f"{found['rival'][name]:.2f}"]
        for name, seconds in found["seconds"].items()
    ]
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + f" Medians over {ROUNDS} rounds of seconds, and of ratios within a round. Wanted: 1.3 "
        "times the products, and faster than MLPClassifier. "
        f"Load of the machine before: {found['load']:.1f}.\n\n"
        + table(["epoch", "seconds", "multiple of the products", "times as fast as sklearn"], rows)
    )


if __name__ == "__main__":
    print(form(run()))
