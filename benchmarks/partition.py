"""Annealed importance sampling: against enumeration on small models, and its time.

Weights and biases are normal with the given standard deviation; 12 Bernoulli (or 6 Gaussian, unit
variance on average) visible and 10 Bernoulli hidden units; all settings of `log_partition` are the
defaults. The time is that of a model of 784 x 500, 100 runs x 1000 temperatures, against the two
matrix products of every stage alone.
"""

import statistics
from typing import Any

import numpy as np

from benchmarks.timing import interleaved, ratio
from skdeepbm import RBMTransformer


def model(visible: str, scale: float, seed: int) -> RBMTransformer:
    rng = np.random.default_rng(seed)
    n_visible = 12 if visible == "bernoulli" else 6
    rbm = RBMTransformer(10, visible=visible, random_state=seed)
    rbm.components_ = rng.normal(0, scale, (10, n_visible))
    rbm.intercept_visible_ = rng.normal(0, scale, n_visible)
    rbm.intercept_hidden_ = rng.normal(0, scale, 10)
    if visible == "gaussian":
        rbm.log_variance_visible_ = rng.normal(0, 0.5, n_visible)
    return rbm


def accuracy(quick: bool) -> list[dict[str, Any]]:
    results = []
    for visible, n_models in (("bernoulli", 200), ("gaussian", 20)):
        for scale in (0.1, 1.0, 2.0):
            errors, covered, seeds = [], 0, range(5 if quick else n_models)
            for seed in seeds:
                rbm = model(visible, scale, seed)
                exact = rbm.log_partition("exact").value
                found = rbm.log_partition("ais", random_state=seed)
                errors.append(found.value - exact)
                covered += found.lower <= exact <= found.upper
            results.append(
                {
                    "visible": visible,
                    "scale": scale,
                    "models": len(seeds),
                    "largest": float(np.abs(errors).max()),
                    "rms": float(np.sqrt(np.mean(np.square(errors)))),
                    "mean": float(np.mean(errors)),
                    "covered": covered / len(seeds),
                }
            )
    return results


def speed(quick: bool) -> dict[str, float]:
    rng = np.random.default_rng(0)
    rbm = RBMTransformer(500, random_state=0)
    rbm.components_ = rng.normal(0, 0.05, (500, 784)).astype(np.float32)
    rbm.intercept_visible_ = np.zeros(784, np.float32)
    rbm.intercept_hidden_ = np.zeros(500, np.float32)
    stages = 100 if quick else 1000
    betas = np.linspace(0.0, 1.0, stages + 1)
    v = (rng.random((100, 784)) < 0.5).astype(np.float32)
    h = (rng.random((100, 500)) < 0.5).astype(np.float32)
    weights = np.ascontiguousarray(rbm.components_.T)
    a, b = np.empty_like(h), np.empty_like(v)

    def products() -> None:
        for _ in range(stages):
            np.dot(v, weights, out=a)
            np.dot(h, weights.T, out=b)

    calls = iter(range(1000))

    def ais() -> None:
        # another seed in every call: results are remembered
        rbm.log_partition("ais", n_runs=100, n_temperatures=betas, random_state=next(calls))

    seconds = interleaved({"products": products, "ais": ais}, 3 if quick else 9)
    return {
        "ratio": ratio(seconds["ais"], seconds["products"]),
        "seconds": statistics.median(seconds["ais"]),
    }


def run(quick: bool = False) -> dict[str, Any]:
    return {"accuracy": accuracy(quick), "speed": speed(quick)}


if __name__ == "__main__":
    print(run())
