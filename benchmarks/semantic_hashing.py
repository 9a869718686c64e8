"""Retrieval of documents by short codes: semantic hashing against LSA and LDA.

20 Newsgroups, counts of 2000 words: every test document asks for training documents of its group.
Codes of 128 units: a deep autoencoder 2000-500-500-128 with noise on the inputs of its code units,
as probabilities (cosine) and as bits (Hamming distance); codes of 10: 2000-500-250-125-10 with a
linear code. Layers: replicated softmax, 10 epochs, then RBMs, 20 epochs each; 40 epochs of Adam
with four tenths of the words left out, the best of them by a tenth of the training documents. The
rivals have codes of the same size: LSA (truncated SVD) of the counts and of tf-idf, also as bits
cut at the medians, LDA of scikit-learn (batch variational Bayes, 20 passes) of the counts; cosine
of real codes. The network is given the counts, or tf-idf weights as fractional counts. Precision is
the mean share of the same group among the nearest documents. Settings were chosen on 2000 training
documents.
"""

import time
import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import make_pipeline

from benchmarks.data import newsgroups
from benchmarks.markdown import table
from skdeepbm import Backprop, DeepAutoencoder, RBMTransformer, ReplicatedSoftmax
from skdeepbm.exceptions import DataRangeWarning
from skdeepbm.metrics import retrieval_precision

NEIGHBORS = (1, 3, 7, 15, 100)
SIZES = {128: (500, 500, 128), 10: (500, 250, 125, 10)}


def autoencoder(sizes: tuple[int, ...], quick: bool) -> DeepAutoencoder:
    n_words, n_rbm, n_fine = (1, 1, 2) if quick else (10, 20, 40)
    rbm = RBMTransformer(n_iter=n_rbm, batch_size=100, weight_decay=2e-4)
    return DeepAutoencoder(
        sizes,
        pretrainer=[ReplicatedSoftmax(n_iter=n_words), *(rbm for _ in sizes[1:])],
        code="binary" if sizes[-1] == 128 else "linear",
        finetuning=Backprop(
            n_iter=n_fine,
            optimizer="adam",
            batch_size=100,
            input_dropout=0.4,
            early_stopping=True,
            n_iter_no_change=n_fine,
        ),
        random_state=0,
    )


def weighted(train: Any, test: Any) -> tuple[Any, Any]:
    """Counts weighted by tf-idf, which the network takes as fractional counts."""
    weights = TfidfTransformer(sublinear_tf=True, norm=None).fit(train)
    return weights.transform(train).astype(np.float32), weights.transform(test).astype(np.float32)


def rivals(n_units: int, quick: bool) -> dict[str, Any]:
    svd = TruncatedSVD(n_units, random_state=0)
    return {
        "LSA of counts": svd,
        "LSA of tf-idf": make_pipeline(TfidfTransformer(sublinear_tf=True), svd),
        "LDA": LatentDirichletAllocation(n_units, max_iter=1 if quick else 20, random_state=0),
    }


def run(quick: bool = False) -> list[dict[str, Any]]:
    data = newsgroups()
    train, test = data["X_train"], data["X_test"]
    found: list[dict[str, Any]] = []

    def note(
        name: str, n_units: int, seconds: float, codes: Any, asked: Any, metric: str = "cosine"
    ) -> None:
        precision = retrieval_precision(
            codes, data["y_train"], asked, data["y_test"], n_neighbors=NEIGHBORS, metric=metric
        )
        found.append(
            {
                "model": name,
                "units": n_units,
                "seconds": seconds,
                "precision": [float(p) for p in precision],
            }
        )
        print(found[-1], flush=True)

    for n_units, sizes in SIZES.items():
        for name, rival in rivals(n_units, quick).items():
            begin = time.perf_counter()
            codes = rival.fit_transform(train.astype(np.float64))
            seconds = time.perf_counter() - begin
            asked = rival.transform(test.astype(np.float64))
            note(name, n_units, seconds, codes, asked)
            if n_units == 128 and name.startswith("LSA"):
                level = np.median(codes, axis=0)
                bits = np.packbits(codes > level, axis=1), np.packbits(asked > level, axis=1)
                note(f"{name}, bits", n_units, seconds, *bits, "hamming")
        for what, rows, queries in (("counts", train, test), ("tf-idf", *weighted(train, test))):
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataRangeWarning)
                model = autoencoder(sizes, quick).fit(rows)
                seconds = time.perf_counter() - begin
                codes, asked = model.transform(rows), model.transform(queries)
                bits = None
                if n_units == 128:
                    bits = model.binary_codes(rows), model.binary_codes(queries)
            name = f"deep autoencoder of {what}"
            note(name, n_units, seconds, codes, asked)
            if bits is not None:
                note(f"{name}, bits", n_units, seconds, *bits, "hamming")
    return found


def form(found: list[dict[str, Any]]) -> str:
    head = ["codes", "units", "seconds to fit", *(f"precision at {k}" for k in NEIGHBORS)]
    rows = [
        [
            r["model"],
            str(r["units"]),
            f"{r['seconds']:.0f}",
            *(f"{p:.3f}" for p in r["precision"]),
        ]
        for r in found
    ]
    assert __doc__ is not None
    return __doc__.split("\n\n", 1)[1].replace("\n", " ").strip() + "\n\n" + table(head, rows)


if __name__ == "__main__":
    print(form(run()))
