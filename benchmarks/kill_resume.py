"""Fits that are killed at random times and go on from their checkpoints.

A process that fits with `Checkpoint` is sent SIGKILL at a random time, and another one calls the
same `fit` on the same folder, until one comes to its end; what it has learned is compared with that
of a fit that nothing has interrupted. Images are 2000 of MNIST, documents 2000 of 20 Newsgroups;
kills come after 0.02 s to the given mean times two, uniformly, so that some hit the start of a
process, some an epoch and some the writing of a checkpoint. One BLAS thread. Wanted: no difference.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.data import mnist, newsgroups
from benchmarks.markdown import table
from skdeepbm import (
    DBM,
    Backprop,
    DBNClassifier,
    DeepAutoencoder,
    RBMTransformer,
    ReplicatedSoftmax,
)
from skdeepbm.callbacks import Checkpoint

N_KILLS = 50


def estimators() -> dict[str, Callable[[], Any]]:
    layer = RBMTransformer(n_iter=8, batch_size=100)
    seeded: dict[str, Any] = {"random_state": 0}
    return {
        "RBMTransformer, PCD": lambda: RBMTransformer(
            200, algorithm="pcd", batch_size=100, n_iter=30, **seeded
        ),
        "ReplicatedSoftmax": lambda: ReplicatedSoftmax(50, n_iter=8, averaging=0.25, **seeded),
        "DBNClassifier": lambda: DBNClassifier(
            (200, 100), rbm=layer, finetuning=Backprop(n_iter=15, dropout=0.2), **seeded
        ),
        "DBM": lambda: DBM((200, 100), rbm=layer, n_iter=10, **seeded),
        "DeepAutoencoder": lambda: DeepAutoencoder(
            (200, 20),
            pretrainer=layer,
            intermediate_finetuning=Backprop(n_iter=5),
            finetuning=Backprop(n_iter=10),
            **seeded,
        ),
    }


def learned(model: Any) -> list[np.ndarray]:
    """All arrays of a fitted model, but for measured times."""
    found: list[np.ndarray] = []
    for name, value in sorted(vars(model).items()):
        if name == "history_":
            value = [v for k, v in sorted(value.items()) if k != "epoch_time"]
        parts = value if isinstance(value, list) else [value]
        found += [part for part in parts if name.endswith("_") and isinstance(part, np.ndarray)]
    return found


def fit_in_child(model: Any, data: Any, folder: Path, out: Path, delay: float | None) -> bool:
    """Fit in a process of its own and write what was learned; whether it came to its end."""
    child = os.fork()
    if not child:
        code = 1
        try:
            model.set_callbacks(Checkpoint(folder)).fit(*data)
            np.savez(out, *learned(model))
            code = 0
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"The fit ended with {code}.")
    return code == 0


def compare(make: Callable[[], Any], data: Any, n_kills: int, root: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    begin = time.perf_counter()
    whole = learned(make().fit(*data))
    seconds = time.perf_counter() - begin
    # about ten kills in a fit, of which each loses half an epoch and the start
    longest = max(0.1 * seconds, 0.3)
    kills = fits = differing = 0
    while kills < n_kills:
        fits += 1
        folder, out = root / str(fits), root / f"{fits}.npz"
        while not fit_in_child(make(), data, folder, out, rng.uniform(0.02, longest)):
            kills += 1
            if kills == n_kills:
                if not fit_in_child(make(), data, folder, out, None):
                    raise RuntimeError("A fit that was not killed did not end.")
                break
        with np.load(out) as found:
            same = len(found.files) == len(whole) and all(
                np.array_equal(found[name], array, equal_nan=True)
                for name, array in zip(found.files, whole, strict=True)
            )
        differing += not same
    return {
        "seconds": seconds,
        "mean": (0.02 + longest) / 2,
        "kills": kills,
        "fits": fits,
        "differing": differing,
    }


def run(quick: bool = False) -> list[dict[str, Any]]:
    X, y, _, _ = mnist()
    images, counts = X[:2000], newsgroups()["X_train"][:2000]
    found = []
    with threadpool_limits(1), TemporaryDirectory() as folder:
        for i, (name, make) in enumerate(estimators().items()):
            data = {"ReplicatedSoftmax": (counts,), "DBNClassifier": (images, y[:2000])}.get(
                name, (images,)
            )
            root = Path(folder, str(i))
            root.mkdir()
            found.append({"model": name, **compare(make, data, 3 if quick else N_KILLS, root)})
            print(found[-1], flush=True)
    return found


def form(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            r["model"],
            f"{r['seconds']:.1f}",
            f"{r['mean']:.2f}",
            str(r["kills"]),
            str(r["fits"]),
            str(r["differing"]),
        ]
        for r in found
    ]
    assert __doc__ is not None
    head = ["estimator", "seconds a fit", "mean seconds to a kill", "kills", "fits", "differing"]
    return __doc__.split("\n\n", 1)[1].replace("\n", " ").strip() + "\n\n" + table(head, rows)


if __name__ == "__main__":
    print(form(run()))
