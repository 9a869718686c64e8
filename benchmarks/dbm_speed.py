"""Joint training and annealing of a deep Boltzmann machine against their matrix products alone.

784-500-1000 units, float32; an epoch is 10,000 MNIST rows in batches of 100, with 100 chains of 5
Gibbs steps and exactly 10 steps of mean field, momentum, weight decay, centring, history and guard.
Its floor is the products of every step: mean field, chains and gradients, with NumPy's BLAS into
given buffers. That of annealing is the four products of every temperature, for 100 runs at 1000
temperatures that are given; the estimate has a pilot of 100 more. With all threads of BLAS, and
with one: what is not a product runs on one thread.
"""

import os
import statistics
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.data import mnist
from benchmarks.markdown import table
from benchmarks.timing import interleaved, ratio
from skdeepbm import DBM
from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.models.dbm import DBM as Machine
from skdeepbm.models.units import BernoulliUnits
from skdeepbm.training import DBMSettings, DBMTrainer, Rows, TrainingState

SIZES = (784, 500, 1000)
N_ROWS, BATCH, GIBBS, MEAN_FIELD, N_TEMPERATURES, ROUNDS = 10_000, 100, 5, 10, 1000, 3


class _NoHooks:
    def epoch_begin(self) -> None:
        pass

    def epoch_end(self, entry: dict[str, Any]) -> bool:
        return False


def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Small random weights and biases of 0, in float32."""
    rng = np.random.default_rng(0)
    pairs = zip(SIZES[:-1], SIZES[1:], strict=True)
    weights = [rng.normal(0, 0.01, pair).astype(np.float32) for pair in pairs]
    return weights, [np.zeros(n, np.float32) for n in SIZES]


def training_floor(n_batches: int) -> Any:
    """The products of each step of an epoch."""
    (low, high), _ = parameters()
    rng = np.random.default_rng(1)
    x, out = ([rng.random((BATCH, n), np.float32) for n in SIZES] for _ in range(2))
    more = np.empty_like(out[1])
    stacked = [rng.random((2 * BATCH, n), np.float32) for n in SIZES]
    steps = [np.empty_like(low), np.empty_like(high)]

    def run() -> None:
        for _ in range(n_batches):
            np.dot(x[0], low, out=out[1])
            np.dot(x[1], high, out=out[2])
            for _ in range(MEAN_FIELD):
                np.dot(x[2], high.T, out=more)
                np.dot(x[1], high, out=out[2])
            for _ in range(GIBBS):
                np.dot(x[1], low.T, out=out[0])
                np.dot(x[1], high, out=out[2])
                np.dot(x[0], low, out=out[1])
                np.dot(x[2], high.T, out=more)
            np.dot(stacked[0].T, stacked[1], out=steps[0])
            np.dot(stacked[1].T, stacked[2], out=steps[1])

    return run


def annealing_floor(n_temperatures: int) -> Any:
    """The products of each temperature."""
    (low, high), _ = parameters()
    rng = np.random.default_rng(1)
    x, out = ([rng.random((100, n), np.float32) for n in SIZES] for _ in range(2))
    more = np.empty_like(out[1])

    def run() -> None:
        for _ in range(n_temperatures):
            np.dot(x[1], low.T, out=out[0])
            np.dot(x[1], high, out=out[2])
            np.dot(x[0], low, out=out[1])
            np.dot(x[2], high.T, out=more)

    return run


def training_epoch(compiled: bool, X: np.ndarray) -> Any:
    """An epoch of the loop of joint training."""
    backend = NumpyBackend(compiled)
    weights, biases = parameters()
    machine = Machine([BernoulliUnits(backend, bias) for bias in biases], weights)
    settings = DBMSettings(
        learning_rate=0.001,
        momentum=0.5,
        weight_decay=1e-4,
        batch_size=BATCH,
        n_chains=BATCH,
        n_gibbs_steps=GIBBS,
        mean_field_steps=MEAN_FIELD,
        mean_field_tolerance=0.0,
    )
    trainer = DBMTrainer(machine, settings, TrainingState(), np.random.SeedSequence(0))
    rows = Rows(backend, X, np.dtype(np.float32))
    return lambda: trainer.run(rows, 1, _NoHooks())


def annealing(n_temperatures: int) -> Any:
    """An estimate of log Z by the estimator."""
    dbm = DBM(SIZES[1:])
    weights, biases = parameters()
    dbm.coefs_ = [10 * w for w in weights]
    dbm.intercepts_ = biases
    betas = np.linspace(0.0, 1.0, n_temperatures + 1)
    seeds = iter(range(1000))
    # another seed in every call: results are remembered
    return lambda: dbm.log_partition(
        "ais", n_runs=100, n_temperatures=betas, random_state=next(seeds)
    )


def run(quick: bool = False) -> dict[str, Any]:
    X = mnist()[0][: 1000 if quick else N_ROWS]
    n_temperatures = 100 if quick else N_TEMPERATURES
    contenders = {
        "products of an epoch": training_floor(len(X) // BATCH),
        "joint training, numba": training_epoch(True, X),
        "joint training, NumPy + SciPy alone": training_epoch(False, X),
        "products of annealing": annealing_floor(n_temperatures),
        "annealing": annealing(n_temperatures),
    }
    load = os.getloadavg()[0]
    rows: dict[str, list[Any]] = {name: [name] for name in contenders}
    for n_threads in (None, 1):
        with threadpool_limits(n_threads, user_api="blas"):
            seconds = interleaved(contenders, 2 if quick else ROUNDS)
        for name, found in seconds.items():
            floor = "products of annealing" if "annealing" in name else "products of an epoch"
            rows[name] += [statistics.median(found), ratio(found, seconds[floor])]
    return {"rows": list(rows.values()), "load": load}


def form(found: dict[str, Any]) -> str:
    assert __doc__ is not None
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, *values in found["rows"]]
    heads = ["", "seconds", "multiple of the products", "one thread of BLAS", "multiple"]
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + f" Medians over {ROUNDS} rounds of seconds, and of ratios within a round. Wanted: 1.4. "
        f"Load of the machine before: {found['load']:.1f}.\n\n" + table(heads, rows)
    )


if __name__ == "__main__":
    print(form(run()))
