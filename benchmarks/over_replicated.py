"""Hidden words: the over-replicated softmax against the replicated softmax.

20 Newsgroups (11,314 / 7532 documents, 2000 words), all parameters but the number of hidden words
by default. Of 5, 20 and 100 hidden words, 5 had the best bound on held-out training documents (50
topics). Perplexity of the test documents by annealed importance sampling; with hidden words by the
variational bound. Of 300 of them also with hidden words added one after the other in annealed runs
(without such words that is the forward estimate), and with log Z in reverse. Published numbers of
Srivastava, Salakhutdinov & Hinton (2013) are with another vocabulary and 100 hidden words. Times
are from a machine that others used too.
"""

import time
from typing import Any

import numpy as np

from benchmarks.data import newsgroups
from benchmarks.markdown import table
from benchmarks.topics import lengths, perplexity, precision
from skdeepbm import ReplicatedSoftmax

PUBLISHED = {(128, 0): "965", (128, 5): "958 (100 hidden words)"}


def measured(
    n_components: int, n_hidden_words: int, news: dict[str, Any], n_iter: int
) -> dict[str, Any]:
    train, test = news["X_train"], news["X_test"]
    begin = time.perf_counter()
    model = ReplicatedSoftmax(
        n_components, n_hidden_words=n_hidden_words, n_iter=n_iter, random_state=0
    ).fit(train)
    seconds = time.perf_counter() - begin
    words = test[np.flatnonzero(lengths(test))]
    few = words[np.random.default_rng(0).choice(words.shape[0], 300, replace=False)]
    row = {
        "n_components": n_components,
        "n_hidden_words": n_hidden_words,
        "seconds": seconds,
        "bound": perplexity(model.score_samples(words), words),
        "few": perplexity(model.score_samples(few), few),
        "annealed": model.perplexity(few, free_energy="ais"),
        "reverse": model.perplexity(few, method="reverse", free_energy="ais"),
        "precision": precision(
            model.transform(train), model.transform(test), news["y_train"], news["y_test"]
        ),
    }
    print(row, flush=True)
    return row


def run(quick: bool = False) -> list[dict[str, Any]]:
    news = newsgroups()
    sizes: tuple[int, ...]
    sizes, n_iter = ((50,), 2) if quick else ((50, 128), 80)
    return [measured(n, m, news, n_iter) for n in sizes for m in (0, 5)]


def form(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            str(r["n_components"]),
            str(r["n_hidden_words"]),
            f"{r['bound']:.0f}",
            " / ".join(f"{r[name]:.0f}" for name in ("few", "annealed", "reverse")),
            PUBLISHED.get((r["n_components"], r["n_hidden_words"]), ""),
            " / ".join(f"{x:.3f}" for x in r["precision"].values()),
            f"{r['seconds']:.0f}",
        ]
        for r in found
    ]
    head = [
        "topics",
        "hidden words",
        "perplexity",
        "300 documents: bound / annealed / reverse",
        "published",
        "precision at 1 / 10 / 100",
        "seconds",
    ]
    text = (__doc__ or "").split("\n\n", 1)[1].replace("\n", " ").strip()
    return f"{text}\n\n{table(head, rows)}"
