"""Exact test log-likelihood of 16 hidden units on MNIST, with and without centring and flipping.

The recipe is PyDeep's example: pixels > 0.5, PCD-1, batch 100, 50 epochs; log Z by enumeration.
"""

import time
from typing import Any

import numpy as np

from benchmarks.data import mnist
from skdeepbm import RBMTransformer

#: published (PyDeep) values, in nats
PUBLISHED = {
    ("centred", "plain"): -142.56,
    ("uncentred", "plain"): -149.05,
    ("centred", "flipped"): -142.09,
    ("uncentred", "flipped"): -183.36,
}


def base_rate(train: np.ndarray, test: np.ndarray) -> float:
    """Mean log-likelihood of the test rows under independent pixels."""
    p = np.clip(train.mean(axis=0, dtype=np.float64), 1e-3, 1 - 1e-3)
    return float((test * np.log(p) + (1 - test) * np.log1p(-p)).sum(axis=1).mean())


def run(quick: bool = False) -> list[dict[str, Any]]:
    X_train, _, X_test, _ = mnist()
    train, test = (X_train > 0.5).astype(np.float32), (X_test > 0.5).astype(np.float32)
    results = []
    configurations: list[tuple[str, str, dict[str, Any]]] = [
        ("centred", "plain", {}),
        ("centred", "flipped", {}),
        ("uncentred", "plain", {"centring": False}),
        ("uncentred", "flipped", {"centring": False}),
    ]
    recipe: dict[str, Any] = {
        "algorithm": "pcd",
        "batch_size": 100,
        "n_iter": 5 if quick else 50,
    }
    for centring, coding, options in configurations:
        a, b = (train, test) if coding == "plain" else (1 - train, 1 - test)
        scores, begin = [], time.perf_counter()
        for seed in range(1 if quick else 3):
            rbm = RBMTransformer(16, random_state=seed, **recipe, **options).fit(a)
            scores.append(rbm.score(b))
        results.append(
            {
                "centring": centring,
                "data": coding,
                "mean": float(np.mean(scores)),
                "scores": scores,
                "published": PUBLISHED[centring, coding],
                "seconds": (time.perf_counter() - begin) / len(scores),
            }
        )
    defaults = RBMTransformer(16, n_iter=2 if quick else 10, random_state=0).fit(train)
    results.append(
        {
            "centring": "all defaults (CD-1, batch 10, 10 epochs)",
            "data": "plain",
            "mean": defaults.score(test),
            "scores": [defaults.score(test)],
            "published": None,
            "seconds": float(defaults.history_["epoch_time"].sum()),
        }
    )
    results.append(
        {
            "centring": "independent pixels (base rate)",
            "data": "plain",
            "mean": base_rate(train, test),
            "scores": [],
            "published": -205.8,
            "seconds": 0.0,
        }
    )
    return results


if __name__ == "__main__":
    for row in run():
        print(row)
