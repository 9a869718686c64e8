"""A stream of documents by `partial_fit`, in memory that does not grow with their number.

1,000,000 documents of 50,000 words, made batch by batch: each has some of 50 topics, words drawn
from their mixture over a Zipf distribution, 20 to 200 words. Batches of 1000. Memory is the peak
of the whole process above that before the first document.
"""

import resource
import time
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.markdown import table
from skdeepbm import ReplicatedSoftmax

N_WORDS, N_TOPICS, BATCH = 50_000, 50, 1000


def batches(n_batches: int, seed: int = 0) -> Any:
    """CSR batches of synthetic documents."""
    rng = np.random.default_rng(seed)
    zipf = 1.0 / np.arange(1, N_WORDS + 1)
    base = np.cumsum(zipf / zipf.sum())
    shuffled = [rng.permutation(N_WORDS) for _ in range(N_TOPICS)]
    for _ in range(n_batches):
        n_words = rng.integers(20, 201, BATCH)
        total = int(n_words.sum())
        row = np.repeat(np.arange(BATCH), n_words)
        word = np.searchsorted(base, rng.random(total))
        # half of the words belong to the topic of their document, which renames them
        topic = rng.integers(0, N_TOPICS, BATCH)[row]
        own = rng.random(total) < 0.5
        for k in range(N_TOPICS):
            mine = own & (topic == k)
            word[mine] = shuffled[k][word[mine]]
        ones = np.ones(total, np.float32)
        yield sp.coo_array((ones, (row, word)), shape=(BATCH, N_WORDS)).tocsr()


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(quick: bool = False) -> dict[str, Any]:
    n_batches = 20 if quick else 1000
    held_out = next(batches(1, seed=1))[:50]
    before = peak_mb()
    model = ReplicatedSoftmax(50, random_state=0)
    rows, spent, n_documents = [], 0.0, 0
    for i, X in enumerate(batches(n_batches), start=1):
        begin = time.perf_counter()
        model.partial_fit(X)
        spent += time.perf_counter() - begin
        n_documents += X.shape[0]
        if i in (n_batches // 100 or 1, n_batches // 10, n_batches // 2, n_batches):
            history = model.history_["reconstruction_error"]
            rows.append(
                {
                    "documents": n_documents,
                    "seconds": spent,
                    "memory": peak_mb() - before,
                    "error": float(history[-1]),
                }
            )
    share = np.exp(model._training.base_bias)
    log_share = np.log(share / share.sum())
    n_words = np.asarray(held_out.sum(axis=1)).reshape(-1)
    return {
        "rows": rows,
        "perplexity": model.perplexity(held_out),
        "unigram": float(np.exp(-np.mean((held_out @ log_share) / n_words))),
    }


def form(found: dict[str, Any]) -> str:
    rows = [
        [
            f"{r['documents']:,}",
            f"{r['seconds']:.0f}",
            f"{r['documents'] / r['seconds']:.0f}",
            f"{r['memory']:.0f}",
            f"{r['error']:.2f}",
        ]
        for r in found["rows"]
    ]
    head = ["documents", "seconds", "documents a second", "MB", "reconstruction, nats per word"]
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + "\n\n"
        + table(head, rows)
        + f"\n\nPerplexity of 50 held-out documents {found['perplexity']:.0f} (AIS); with the "
        f"shares of the words in the first batch {found['unigram']:.0f}."
    )


if __name__ == "__main__":
    print(form(run()))
