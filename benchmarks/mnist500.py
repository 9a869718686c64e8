"""MNIST, 500 hidden units: AIS and reverse AIS of test rows after long training.

Pixels > 0.5. Published for such models: CD-25 -86.34 (Salakhutdinov & Murray 2008); centred PCD-1,
200 epochs, -84.86 by AIS and -96.6 by reverse AIS (PyDeep). log Z is estimated by 100 runs at
10,000 inverse temperatures (50,000 for the long recipe); backwards from 100 test rows after 1000
Gibbs steps.
"""

import time
from typing import Any

import numpy as np

from benchmarks.data import mnist
from skdeepbm import RBMTransformer

#: epochs, and inverse temperatures of the estimate
SHORT, LONG = (60, 10_000), (200, 50_000)


def run(
    quick: bool = False, recipes: tuple[tuple[int, int], ...] = (SHORT, LONG)
) -> list[dict[str, Any]]:
    X_train, _, X_test, _ = mnist()
    train, test = (X_train > 0.5).astype(np.float32), (X_test > 0.5).astype(np.float32)
    results = []
    for n_iter, n_temperatures in recipes:
        n_iter = 1 if quick else n_iter
        rbm = RBMTransformer(
            500,
            algorithm="pcd",
            batch_size=100,
            n_iter=n_iter,
            learning_rate=0.01,
            momentum=0.0,
            weight_decay=0.0,
            random_state=0,
        )
        begin = time.perf_counter()
        rbm.fit(train)
        seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        found = rbm.log_partition(
            "ais", n_runs=100, n_temperatures=200 if quick else n_temperatures, reverse=test
        )
        free_energy = float(np.mean(rbm.free_energy(test), dtype=np.float64))
        results.append(
            {
                "recipe": f"PCD-1, learning rate 0.01, {n_iter} epochs",
                "seconds": seconds,
                "n_temperatures": n_temperatures,
                "effective_sample_size": found.effective_sample_size,
                "ais_seconds": time.perf_counter() - begin,
                "log_z": found.value,
                "log_z_lower": found.lower,
                "log_z_upper": found.upper,
                "log_z_reverse": found.reverse,
                "test": -free_energy - found.value,
                "test_reverse": -free_energy - found.reverse,
                "train": -float(np.mean(rbm.free_energy(train), dtype=np.float64)) - found.value,
            }
        )
    return results


if __name__ == "__main__":
    for row in run():
        print(row)
