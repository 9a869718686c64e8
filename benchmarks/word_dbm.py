"""A deep Boltzmann machine of documents: layers above the topics of a replicated softmax.

20 Newsgroups (11,314 / 7532 documents, 2000 words), 50 topics. The machine has a second layer of 20
units, greedy layers of 30 epochs (5 of the second one) and 30 epochs of joint training. Perplexity
of the test documents by annealed importance sampling, of the machine by its variational bound; of
300 of them also with log Z in reverse. Topics alone are trained for as many epochs as both parts.
"""

import time
from typing import Any

import numpy as np

from benchmarks.data import newsgroups
from benchmarks.markdown import table
from benchmarks.topics import lengths, perplexity, precision
from skdeepbm import DBM, RBMTransformer, ReplicatedSoftmax


def machine(n_iter: int) -> DBM:
    layers = [ReplicatedSoftmax(n_iter=n_iter), RBMTransformer(visible_states="draw", n_iter=5)]
    return DBM(
        (50, 20),
        visible="multinomial",
        rbm=layers,
        transform_layers="all",
        algorithm="pt",
        optimizer="adam",
        n_iter=n_iter,
        n_chains=100,
        batch_size=100,
        random_state=0,
    )


def measured(name: str, model: Any, news: dict[str, Any]) -> dict[str, Any]:
    train, test = news["X_train"], news["X_test"]
    begin = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - begin
    words = test[np.flatnonzero(lengths(test))]
    few = words[np.random.default_rng(0).choice(words.shape[0], 300, replace=False)]
    row = {
        "model": name,
        "seconds": seconds,
        "all": perplexity(model.score_samples(words), words),
        "few": perplexity(model.score_samples(few), few),
        "reverse": model.perplexity(few, method="reverse"),
        "precision": precision(
            model.transform(train), model.transform(test), news["y_train"], news["y_test"]
        ),
    }
    print(row, flush=True)
    return row


def run(quick: bool = False) -> list[dict[str, Any]]:
    news, n_iter = newsgroups(), 2 if quick else 30
    return [
        measured(
            "replicated softmax", ReplicatedSoftmax(50, n_iter=2 * n_iter, random_state=0), news
        ),
        measured("deep Boltzmann machine 50-20", machine(n_iter), news),
    ]


def form(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            r["model"],
            f"{r['all']:.0f}",
            " / ".join(f"{r[name]:.0f}" for name in ("few", "reverse")),
            " / ".join(f"{x:.3f}" for x in r["precision"].values()),
            f"{r['seconds']:.0f}",
        ]
        for r in found
    ]
    head = [
        "model",
        "perplexity",
        "300 documents: forward / reverse",
        "precision at 1 / 10 / 100",
        "seconds",
    ]
    text = (__doc__ or "").split("\n\n", 1)[1].replace("\n", " ").strip()
    return f"{text}\n\n{table(head, rows)}"
