"""Digits: what the default RBM adds to a linear classifier, with the standard error over seeds."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

from benchmarks.data import digits
from skdeepbm import RBMTransformer


def run(quick: bool = False) -> list[dict[str, Any]]:
    X, y = digits()
    X = X.astype(np.float32)
    results = []
    for name, make in (
        ("LogisticRegression on pixels", None),
        ("RBMTransformer + LogisticRegression, defaults", RBMTransformer),
        ("BernoulliRBM + LogisticRegression, its defaults", BernoulliRBM),
    ):
        scores = []
        for seed in range(2 if quick else 10):
            steps = [] if make is None else [make(random_state=seed)]
            model = make_pipeline(*steps, LogisticRegression(max_iter=2000))
            folds = StratifiedKFold(5, shuffle=True, random_state=seed)
            scores.append(cross_val_score(model, X, y, cv=folds, n_jobs=-1).mean())
        results.append(
            {
                "model": name,
                "mean": float(np.mean(scores)),
                "se": float(np.std(scores, ddof=1) / np.sqrt(len(scores))),
                "seeds": len(scores),
            }
        )
    return results


if __name__ == "__main__":
    for row in run():
        print(row)
