"""Speed of the replicated softmax against its products and scikit-learn's online LDA.

20 Newsgroups, 50 topics, batches of 100 documents, float32. The floor is the five products of a
CD-1 step as if the counts were dense, with NumPy's BLAS into given buffers. Fits are whole calls
of `fit`; a pass of scikit-learn's LDA is one call of `partial_fit`, in batches of the same size.
"""

import statistics
from typing import Any

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation

from benchmarks.data import newsgroups
from benchmarks.markdown import table
from benchmarks.speed import floor
from benchmarks.timing import interleaved, ratio
from skdeepbm import ReplicatedSoftmax
from skdeepbm.backends import register_backend
from skdeepbm.backends.numpy_backend import NumpyBackend

ROUNDS, EPOCHS = 5, 3


def run() -> dict[str, Any]:
    register_backend("numpy-plain", lambda: NumpyBackend(compiled=False))
    X = newsgroups()["X_train"]
    shared = {"batch_size": 100, "n_iter": EPOCHS, "random_state": 0}

    def fit(**settings: Any) -> Any:
        return lambda: ReplicatedSoftmax(50, **shared, **settings).fit(X)

    def online() -> None:
        lda = LatentDirichletAllocation(
            50, learning_method="online", batch_size=100, total_samples=X.shape[0], random_state=0
        )
        lda.partial_fit(X)

    products = floor(np.zeros((X.shape[0], X.shape[1]), np.float32) + 0.5, 50, 100, EPOCHS)
    contenders = {
        "floor": products,
        "CD-1, numba": fit(backend="numpy", algorithm="cd", n_gibbs_steps=1),
        "CD-1, NumPy + SciPy alone": fit(backend="numpy-plain", algorithm="cd", n_gibbs_steps=1),
        "PT-1, numba": fit(backend="numpy", algorithm="pt", n_gibbs_steps=1),
    }
    seconds = interleaved(contenders, ROUNDS)
    lda = interleaved({"lda": online, "fit": contenders["PT-1, numba"]}, 1)
    return {
        "floor_ms": 1e3 * statistics.median(seconds["floor"]) / EPOCHS,
        "ratios": {
            name: ratio(found, seconds["floor"])
            for name, found in seconds.items()
            if name != "floor"
        },
        "lda_seconds": lda["lda"][0],
        "lda": lda["lda"][0] / (lda["fit"][0] / EPOCHS),
    }


def form(found: dict[str, Any]) -> str:
    rows = [[name, f"{value:.2f}"] for name, value in found["ratios"].items()]
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + f" Medians over {ROUNDS} rounds of the ratio within a round, of fits of {EPOCHS} epochs. "
        "Wanted of CD-1: 2.3 with numba, 3.9 without.\n\n"
        + table(["epoch", "multiple of the floor"], rows)
        + f"\n\nFloor: {found['floor_ms']:.0f} ms. A pass of scikit-learn's online LDA takes "
        f"{found['lda_seconds']:.1f} s, {found['lda']:.1f} times an epoch of the default algorithm "
        "with one Gibbs step (wanted: 5)."
    )


if __name__ == "__main__":
    print(form(run()))
