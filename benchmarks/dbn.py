"""MNIST with deep belief nets: backpropagation, the up-down algorithm, few labels, dreams.

60,000 rows to train, 10,000 to test, grey values as probabilities. Settings were chosen on 10,000
of the 60,000 rows, which then took part in training.
"""

import copy
import time
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.data import mnist
from benchmarks.markdown import table
from skdeepbm import Backprop, DBNClassifier, RBMTransformer, WakeSleep, schedules

SIZES = (500, 500, 2000)


def template(n_iter: int) -> RBMTransformer:
    return RBMTransformer(
        batch_size=100,
        n_iter=n_iter,
        learning_rate=schedules.Linear(0.1, 0.01, n_iter),
        momentum=[0.5] * 5 + [0.9],
        weight_decay=2e-4,
        centring=False,
        visible_states="draw",
    )


def error(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    return 100 * float(np.mean(model.predict(X) != y))


def run_backprop(quick: bool = False) -> list[dict[str, Any]]:
    """Test error of 500-500-2000 before and after backpropagation."""
    X, y, X_test, y_test = mnist()
    n_iter, n_fine = (1, 1) if quick else (20, 70)
    rows = []
    begin = time.perf_counter()
    dbn = DBNClassifier(SIZES, rbm=template(n_iter), finetuning=None, random_state=0).fit(X, y)
    seconds = time.perf_counter() - begin
    rows.append(
        {
            "model": f"greedy, {n_iter} epochs a layer, free energy of every label",
            "published": 2.49,
            "error": error(dbn, X_test, y_test),
            "seconds": seconds,
        }
    )
    print(rows[-1], flush=True)
    tuned = copy.deepcopy(dbn).set_params(
        warm_start=True,
        finetuning=Backprop(n_iter=n_fine, batch_size=100, dropout=0.3, input_dropout=0.2),
    )
    begin = time.perf_counter()
    tuned.fit(X, y)
    rows.append(
        {
            "model": f"the same, {n_fine} epochs of backpropagation, dropout 0.3 (inputs 0.2)",
            "published": 1.2,
            "error": error(tuned, X_test, y_test),
            "seconds": time.perf_counter() - begin,
        }
    )
    return rows


def run_up_down(quick: bool = False) -> dict[str, Any]:
    """Test error before and after up-down; dreams as an independent classifier sees them."""
    X, y, X_test, y_test = mnist()
    n_iter, n_fine, n_each = (1, 1, 2) if quick else (20, 45, 100)
    begin = time.perf_counter()
    dbn = DBNClassifier(SIZES, rbm=template(n_iter), finetuning=None, random_state=0).fit(X, y)
    greedy_seconds = time.perf_counter() - begin
    tuned = copy.deepcopy(dbn).set_params(
        warm_start=True,
        finetuning=WakeSleep(
            n_iter=n_fine,
            batch_size=100,
            learning_rate=schedules.Linear(0.1, 0.0, n_fine),
            n_gibbs_steps=1,
            persistent=True,
        ),
    )
    begin = time.perf_counter()
    tuned.fit(X, y)
    seconds = time.perf_counter() - begin
    judge = MLPClassifier((256,), max_iter=20, early_stopping=True, random_state=0).fit(X, y)
    labels = np.repeat(np.arange(10), n_each)
    found = {"judge": error(judge, X_test, y_test), "rows": []}
    for name, model, spent, published in (
        (f"greedy, {n_iter} epochs a layer", dbn, greedy_seconds, 2.49),
        (f"the same, {n_fine} epochs of up-down with persistent chains", tuned, seconds, 1.25),
    ):
        dreams = model.sample(labels=labels, n_gibbs_steps=20 if quick else 1000)
        gibbs = copy.copy(model).set_params(inference="gibbs")
        found["rows"].append(
            {
                "model": name,
                "published": published,
                "error": error(model, X_test, y_test),
                "gibbs": error(gibbs, X_test, y_test),
                "recognised": 100 * float(np.mean(judge.predict(dreams) == labels)),
                "seconds": spent,
            }
        )
    return found


def few(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """``n`` rows, a tenth of each class; those of a smaller number are among them."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[: n // 10] for c in range(10)])


PUBLISHED = {100: (81.70, 76.02), 1000: (93.65, 88.71), 10_000: (97.27, 94.73)}


def run_few_labels(quick: bool = False) -> list[dict[str, Any]]:
    """Accuracy with few labels: pretrained on all rows, and from random weights."""
    X, y, X_test, y_test = mnist()
    y = y.astype(int)
    n_seeds = 1 if quick else 3
    scores: dict[int, list[tuple[float, float]]] = {n: [] for n in PUBLISHED}
    for seed in range(n_seeds):
        given = np.full(y.size, -1)
        given[few(y, 100, seed)] = y[few(y, 100, seed)]
        base = DBNClassifier(
            (500, 500), rbm=template(1 if quick else 10), finetuning=None, random_state=seed
        ).fit(X, given)
        for n in PUBLISHED:
            part = few(y, n, seed)
            # as many updates for few rows as for many
            n_iter = 1 if quick else max(30, 30_000 // n)
            fine = Backprop(n_iter=n_iter, dropout=0.3, input_dropout=0.1)
            pretrained = copy.deepcopy(base).set_params(warm_start=True, finetuning=fine)
            pretrained.fit(X[part], y[part])
            random = DBNClassifier(
                (500, 500), pretraining=False, finetuning=fine, random_state=seed
            ).fit(X[part], y[part])
            scores[n].append(
                (100 - error(pretrained, X_test, y_test), 100 - error(random, X_test, y_test))
            )
            print(n, seed, scores[n][-1], flush=True)
    return [{"labels": n, "scores": found} for n, found in scores.items()]


def form_backprop(found: list[dict[str, Any]]) -> str:
    rows = [
        [r["model"], f"{r['error']:.2f}", f"{r['published']:.2f}", f"{r['seconds']:.0f}"]
        for r in found
    ]
    head = ["500-500-2000", "test error, %", "published", "seconds"]
    return (
        "MNIST, 60,000 / 10,000, one seed. Wanted: 1.20 % or less with backpropagation. Settings "
        "were chosen on 10,000 of the 60,000 rows.\n\n" + table(head, rows)
    )


def form_up_down(found: dict[str, Any]) -> str:
    rows = [
        [
            r["model"],
            f"{r['error']:.2f}",
            f"{r['gibbs']:.2f}",
            f"{r['published']:.2f}",
            f"{r['recognised']:.1f}",
            f"{r['seconds']:.0f}",
        ]
        for r in found["rows"]
    ]
    head = [
        "500-500-2000 with label units",
        "test error, %, free energy",
        "by Gibbs label recovery",
        "published",
        "dreams recognised, %",
        "seconds",
    ]
    return (
        "MNIST, 60,000 / 10,000, one seed. Wanted: 1.50 % or less after up-down, and less than "
        "before. Dreams: 100 for each class, labels clamped for 1000 Gibbs steps, classified by a "
        f"multilayer perceptron trained on the digits (test error {found['judge']:.2f} %); wanted: "
        "at least 90 % recognised.\n\n" + table(head, rows)
    )


def form_few_labels(found: list[dict[str, Any]]) -> str:
    rows = []
    for r in found:
        scores = np.array(r["scores"])
        gain = scores[:, 0] - scores[:, 1]
        spread = gain.std(ddof=1) / np.sqrt(gain.size) if gain.size > 1 else float("nan")
        pretrained, random = PUBLISHED[r["labels"]]
        rows.append(
            [
                f"{r['labels']:,}",
                f"{scores[:, 0].mean():.2f}",
                f"{scores[:, 1].mean():.2f}",
                f"{gain.mean():.2f} +- {spread:.2f}",
                f"{pretrained:.2f} / {random:.2f}",
            ]
        )
    head = ["labels", "pretrained", "random weights", "margin +- s.e.", "published (RBM / random)"]
    return (
        "MNIST, test accuracy in %, 500-500 units, pretrained on all 60,000 rows (100 of them with "
        "labels), then backpropagation on the labelled rows; random weights with the same "
        f"backpropagation; mean over {len(found[0]['scores'])} seeds.\n\n" + table(head, rows)
    )
