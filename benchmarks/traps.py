"""Parallel tempering against plain persistent chains on modes that trap them: exact likelihood.

Four random patterns of 30 bits with the weights .4, .3, .2, .1 and 2 % of the bits flipped; 1000
rows to train on, 2000 others to measure on, 10 hidden units, batch 50, learning rate 0.1, 100
epochs. The generator's own likelihood is the most that any model can reach.
"""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from skdeepbm import RBMTransformer

WEIGHTS, NOISE = np.array([0.4, 0.3, 0.2, 0.1]), 0.02


def rows(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Training rows, test rows and the generator's mean log-likelihood of the test rows."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(2, size=(4, 30))
    mode = rng.choice(4, 3000, p=WEIGHTS)
    X = np.where(rng.random((3000, 30)) < NOISE, 1 - patterns[mode], patterns[mode])
    flips = (X[1000:, None, :] != patterns).sum(axis=2)
    each = np.log(WEIGHTS) + flips * np.log(NOISE) + (30 - flips) * np.log1p(-NOISE)
    best = float(logsumexp(each, axis=1).mean())
    return X[:1000].astype(np.float32), X[1000:].astype(np.float32), best


def run(quick: bool = False) -> list[dict[str, Any]]:
    seeds = range(2 if quick else 10)
    results: dict[str, list[float]] = {name: [] for name in ("pcd", "fpcd", "pt", "generator")}
    for seed in seeds:
        train, test, best = rows(seed)
        results["generator"].append(best)
        for algorithm in ("pcd", "fpcd", "pt"):
            rbm = RBMTransformer(
                10,
                algorithm=algorithm,
                batch_size=50,
                n_iter=100,
                learning_rate=0.1,
                weight_decay=0.0,
                random_state=seed,
            )
            results[algorithm].append(rbm.fit(train).score(test))
    return [{"algorithm": name, "scores": scores} for name, scores in results.items()]


if __name__ == "__main__":
    for row in run():
        print(row)
