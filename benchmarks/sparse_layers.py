"""Sparse layers and intermediate fine-tuning: the ablation of Bhutani's method.

Autoencoders 784-256-128-64 and a sigmoid code of 16 units (MNIST) or 4 (the others), on 4000 images
of 28 x 28 pixels and tested on 1000. Pretraining 10 epochs a layer, fine-tuning 40 epochs of SGD
with momentum 0.9 and weight decay 1e-5, batches of 50, equal for all: with intermediate
fine-tuning, 6 of them after each layer but the last and 22 at the end. Layers that are sparse have
the target 0.1 and the cost 0.1. Means and standard errors over three seeds, which also draw the
images that are generated.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import mnist
from benchmarks.markdown import table
from skdeepbm import Backprop, DeepAutoencoder, RBMTransformer, ShallowAutoencoder
from skdeepbm.datasets import make_robot_arm, make_square_and_room
from skdeepbm.metrics import reverse_cross_entropy

STRATEGIES: dict[str, str | None] = {
    "bottleneck alone sparse": "bottleneck",
    "all layers sparse": "all",
    "unconstrained": None,
    "alternate layers sparse": "alternate",
}
N_TRAIN, N_TEST, SEEDS = 4000, 1000, (0, 1, 2)


def images(seed: int) -> dict[str, tuple[np.ndarray, int]]:
    """Training and test rows one after the other, and the number of code units."""
    n = N_TRAIN + N_TEST
    X, _, X_test, _ = mnist()
    rng = np.random.default_rng(seed)
    digits = np.concatenate(
        [X[rng.permutation(len(X))[:N_TRAIN]], X_test[rng.permutation(len(X_test))[:N_TEST]]]
    )
    return {
        "MNIST": (digits, 16),
        "robot arm": (make_robot_arm(n, random_state=seed)[0], 4),
        "Square & Room": (make_square_and_room(n, random_state=seed)[0], 4),
    }


def templates(n_iter: int) -> dict[str, Callable[[], Any]]:
    shared: dict[str, Any] = {"n_iter": n_iter, "batch_size": 50, "momentum": 0.9}
    return {
        "RBM": lambda: RBMTransformer(**shared, weight_decay=1e-4, centring=False),
        "shallow autoencoder": lambda: ShallowAutoencoder(**shared, weight_decay=1e-5),
    }


def run(quick: bool = False) -> list[dict[str, Any]]:
    n_pre, n_middle, n_fine = (1, 1, 4) if quick else (10, 6, 40)
    found: dict[tuple[str, ...], list[tuple[float, float]]] = {}

    def backprop(n_iter: int) -> Backprop:
        return Backprop(n_iter=n_iter, momentum=0.9, weight_decay=1e-5, batch_size=50)

    for seed in SEEDS[:1] if quick else SEEDS:
        for data, (X, n_code) in images(seed).items():
            train, test = X[:N_TRAIN].astype(np.float32), X[N_TRAIN:].astype(np.float32)
            for strategy, middle, (name, make) in itertools.product(
                STRATEGIES, (False, True), templates(n_pre).items()
            ):
                model = DeepAutoencoder(
                    (256, 128, 64, n_code),
                    pretrainer=make(),
                    code="sigmoid",
                    sparsity=STRATEGIES[strategy],
                    intermediate_finetuning=backprop(n_middle) if middle else None,
                    finetuning=backprop(n_fine - 3 * n_middle if middle else n_fine),
                    random_state=seed,
                )
                begin = time.perf_counter()
                model.fit(train)
                seconds = time.perf_counter() - begin
                loss = reverse_cross_entropy(test, model.reconstruct(test))
                key = (data, name, strategy, "yes" if middle else "no")
                found.setdefault(key, []).append((loss, seconds))
            print(seed, data, flush=True)
    return [
        {
            "key": list(key),
            "loss": float(np.mean([loss for loss, _ in each])),
            "se": float(np.std([loss for loss, _ in each], ddof=1) / len(each) ** 0.5)
            if len(each) > 1
            else 0.0,
            "seconds": float(np.mean([seconds for _, seconds in each])),
        }
        for key, each in found.items()
    ]


def form(found: list[dict[str, Any]]) -> str:
    head = [
        "data",
        "layers",
        "strategy",
        "intermediate fine-tuning",
        "reverse cross-entropy, nats",
        "seconds",
    ]
    rows = [[*r["key"], f"{r['loss']:.2f} +- {r['se']:.2f}", f"{r['seconds']:.1f}"] for r in found]
    assert __doc__ is not None
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + "\n\n"
        + table(head, rows)
        + "\n\n"
        + verdict(found)
    )


def verdict(found: list[dict[str, Any]]) -> str:
    """Where the claimed order, alternate layers with intermediate fine-tuning best, holds."""
    lines = []
    for data, layers in dict.fromkeys((r["key"][0], r["key"][1]) for r in found):
        group = [r for r in found if r["key"][:2] == [data, layers]]
        best = min(group, key=lambda r: r["loss"])
        claimed = next(r for r in group if r["key"][2:] == ["alternate layers sparse", "yes"])
        gap = claimed["loss"] - best["loss"]
        noise = 2 * (claimed["se"] ** 2 + best["se"] ** 2) ** 0.5
        if claimed is best:
            held = "the claim holds: alternate layers with intermediate fine-tuning are best"
        else:
            held = (
                f"the best is {best['key'][2]}, intermediate fine-tuning {best['key'][3]}; the "
                f"claimed best is {gap:.2f} nats worse, "
                + ("within" if gap <= noise else "beyond")
                + " two standard errors"
            )
        lines.append(f"- {data}, {layers}: {held}.")
    return "\n".join(lines)


if __name__ == "__main__":
    print(form(run()))
