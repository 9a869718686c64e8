"""Perplexity and retrieval of topic models: replicated softmax, LDA, unigram.

20 Newsgroups (11,314 / 7532 documents, 2000 words) and NIPS papers (1690 / 50, 13,649 words), all
models on the same counts in the same run. ReplicatedSoftmax with its defaults; its perplexity by
annealed importance sampling (optimistic) and by its reverse (pessimistic). LDA by scikit-learn
(batch variational Bayes, 20 passes) and, where it is installed, by tomotopy (collapsed Gibbs
sampling, 300 passes, fitted Dirichlet prior of the documents); its held-out likelihood given the
fitted topics by the left-to-right estimator, 20 particles. Perplexities are averaged over documents
as in Salakhutdinov & Hinton (2009): exp(-mean(log p(v_n) / D_n)).
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import LatentDirichletAllocation

from benchmarks.data import newsgroups, nips
from benchmarks.left_to_right import left_to_right
from benchmarks.markdown import table
from skdeepbm import ReplicatedSoftmax
from skdeepbm.metrics import retrieval_precision

PUBLISHED = {
    "20 Newsgroups": {
        "replicated softmax 50": 953,
        "LDA 50": 1091,
        "LDA 200": 1058,
        "unigram": 1335,
    },
    "NIPS": {"replicated softmax 50": 3405, "LDA 50": 3576, "LDA 200": 3391, "unigram": 4385},
}
DRAWS, DRAW_SIZE = 5, 50


def lengths(X: sp.csr_matrix) -> np.ndarray:
    return np.asarray(X.sum(axis=1)).reshape(-1)


def perplexity(log_p: np.ndarray, X: sp.csr_matrix) -> float:
    return float(np.exp(-np.mean(log_p / lengths(X))))


def precision(train: np.ndarray, test: np.ndarray, y_train: np.ndarray, y_test: np.ndarray) -> dict:
    """Mean share of the query's group among its nearest training documents, by cosine."""
    ks = (1, 10, 100)
    found = retrieval_precision(train, y_train, test, y_test, n_neighbors=ks)
    return {str(k): float(share) for k, share in zip(ks, found, strict=True)}


def variational(X: sp.csr_matrix, n_topics: int) -> tuple[np.ndarray, np.ndarray, Any]:
    lda = LatentDirichletAllocation(
        n_topics, learning_method="batch", max_iter=20, random_state=0
    ).fit(X)
    topics = lda.components_ / lda.components_.sum(axis=1, keepdims=True)
    return topics, np.full(n_topics, lda.doc_topic_prior_), lda.transform


def collapsed(X: sp.csr_matrix, n_topics: int) -> tuple[np.ndarray, np.ndarray, Any]:
    import tomotopy

    def texts(X: sp.csr_matrix) -> list[list[str]]:
        parts = (slice(X.indptr[i], X.indptr[i + 1]) for i in range(X.shape[0]))
        return [
            [str(k) for k in np.repeat(X.indices[part], X.data[part].astype(int))] for part in parts
        ]

    lda = tomotopy.LDAModel(k=n_topics, alpha=0.1, eta=0.01, seed=0)
    for words in texts(X):
        lda.add_doc(words)
    lda.burn_in, lda.optim_interval = 100, 10
    lda.train(300, workers=1)
    topics = np.full((n_topics, X.shape[1]), 1e-12)
    columns = [int(word) for word in lda.used_vocabs]
    for k in range(n_topics):
        topics[k, columns] = lda.get_topic_word_dist(k)
    # a word that never occurred gets what the prior gives it, about
    topics = np.maximum(topics, 1e-9)
    topics /= topics.sum(axis=1, keepdims=True)

    def transform(X: sp.csr_matrix) -> np.ndarray:
        documents = [lda.make_doc(words) if words else None for words in texts(X)]
        filled = [document for document in documents if document is not None]
        shares = iter(lda.infer(filled, iterations=100, workers=1)[0])
        even = np.asarray(lda.alpha) / np.sum(lda.alpha)
        return np.array([even if d is None else next(shares) for d in documents])

    return topics, np.asarray(lda.alpha, dtype=np.float64), transform


def measured(
    name: str,
    seconds: float,
    log_p: Callable[[sp.csr_matrix, bool], np.ndarray],
    test: Any,
    draws: Any,
) -> dict[str, Any]:
    """Perplexity on each draw of documents and on the whole test set."""
    by_draw = [perplexity(log_p(test[rows], True), test[rows]) for rows in draws]
    # a test set that is one draw needs no second estimate
    whole = by_draw[0] if draws[0].size == test.shape[0] else perplexity(log_p(test, False), test)
    return {
        "model": name,
        "seconds": seconds,
        "draws": by_draw,
        "all": whole,
    }


def data_set(
    name: str, train: Any, test: Any, draws: list[np.ndarray], labels: Any, quick: bool
) -> dict[str, Any]:
    rows = []
    kept_train, kept_test = np.flatnonzero(lengths(train)), np.flatnonzero(lengths(test))
    train_words, test_words = train[kept_train], test[kept_test]
    share = np.asarray(train.sum(axis=0)).reshape(-1) + 0.5
    log_share = np.log(share / share.sum())
    rows.append(measured("unigram", 0.0, lambda X, _: X @ log_share, test_words, draws))

    begin = time.perf_counter()
    model = ReplicatedSoftmax(50, random_state=0)
    if quick:
        model.set_params(n_iter=2)
    model.fit(train)
    seconds = time.perf_counter() - begin
    forward = model._log_likelihood(test_words, "ais")[0]
    reverse = model._log_likelihood(test_words, "reverse")[0]
    for label, log_p in (("", forward), (", reverse AIS", reverse)):
        rows.append(
            {
                "model": f"replicated softmax 50{label}",
                "seconds": seconds,
                "draws": [perplexity(log_p[part], test_words[part]) for part in draws],
                "all": perplexity(log_p, test_words),
            }
        )
    if labels is not None:
        rows[1]["precision"] = precision(model.transform(train), model.transform(test), *labels)

    fits = {"scikit-learn": variational, "tomotopy": collapsed}
    for library, fit in fits.items():
        for n_topics in (50, 200):
            if quick and n_topics == 200:
                continue
            begin = time.perf_counter()
            try:
                topics, alpha, transform = fit(train_words, n_topics)
            except ImportError:
                continue
            seconds = time.perf_counter() - begin

            def log_p(X: Any, again: bool, topics: Any = topics, alpha: Any = alpha) -> np.ndarray:
                return left_to_right(X, topics, alpha, 20, again)

            row = measured(f"LDA {n_topics}, {library}", seconds, log_p, test_words, draws)
            if labels is not None:
                shares = (np.asarray(transform(train)), np.asarray(transform(test)))
                row["precision"] = precision(*shares, *labels)
            rows.append(row)
            print({key: row[key] for key in ("model", "seconds", "all")}, flush=True)
    return {"data": name, "rows": rows}


def run(quick: bool = False) -> list[dict[str, Any]]:
    news = newsgroups()
    rng = np.random.default_rng(0)
    n_filled = int(np.count_nonzero(lengths(news["X_test"])))
    draws = [rng.choice(n_filled, DRAW_SIZE, replace=False) for _ in range(DRAWS)]
    labels = (news["y_train"], news["y_test"])
    return [data_set("20 Newsgroups", news["X_train"], news["X_test"], draws, labels, quick)]


def run_nips(quick: bool = False) -> list[dict[str, Any]]:
    papers = nips()
    if papers is None:
        return []
    return [data_set("NIPS", *papers, [np.arange(50)], None, quick)]


def form(found: list[dict[str, Any]]) -> str:
    text = [(__doc__ or "").split("\n\n", 1)[1].replace("\n", " ").strip()]
    for part in found:
        rows = []
        for r in part["rows"]:
            published = PUBLISHED[part["data"]].get(r["model"].split(",")[0])
            precision = r.get("precision", {})
            rows.append(
                [
                    r["model"],
                    f"{np.mean(r['draws']):.0f} ({', '.join(f'{x:.0f}' for x in r['draws'])})",
                    f"{r['all']:.0f}",
                    "" if published is None else str(published),
                    " / ".join(f"{x:.3f}" for x in precision.values()),
                    f"{r['seconds']:.0f}",
                ]
            )
        head = [
            part["data"],
            "perplexity of 50 documents, mean (by draw)",
            "all test documents",
            "published",
            "precision at 1 / 10 / 100",
            "seconds",
        ]
        text.append(table(head, rows))
    return "\n\n".join(text)


if __name__ == "__main__":
    print(form(run()))
