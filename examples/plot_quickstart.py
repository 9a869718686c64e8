"""
Quickstart: an RBM in front of a classifier
===========================================

Learns features of handwritten digits without their labels, feeds them to a logistic regression,
sweeps three hyper-parameters of the RBM by grid search, and saves the best pipeline with joblib.
Data ship with scikit-learn; the whole example takes under a minute on two cores.
"""

# %%
# The data: 1797 images of 8 x 8 pixels, scaled to [0, 1]. Bernoulli units read a grey value as the
# probability that the pixel is on.
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline

from skdeepbm import RBMTransformer

begin = time.perf_counter()
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)

# %%
# A linear classifier on the pixels, and the same classifier on the features that an RBM with the
# package's defaults finds. The RBM sees no labels. Five seeds shuffle the folds and start the RBM;
# ``n_jobs=-1`` gives each fold a core.
classifier = LogisticRegression(max_iter=1000)
pipeline = Pipeline([("rbm", RBMTransformer()), ("classify", classifier)])


def accuracies(estimator):
    """5-fold accuracy for each of five seeds."""
    found = []
    for seed in range(5):
        if estimator is not classifier:
            estimator.set_params(rbm__random_state=seed)
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        found.append(cross_val_score(estimator, X, y, cv=folds, n_jobs=-1).mean())
    return np.array(found)


rows = [
    ("LogisticRegression on pixels", accuracies(classifier)),
    ("RBMTransformer + LogisticRegression", accuracies(pipeline)),
]

# %%
# Every hyper-parameter of the RBM can be swept like any other of a pipeline. The sparsity penalty
# is off by default; larger batches make the sweep faster.
pipeline.set_params(rbm__sparsity_cost=0.1, rbm__batch_size=20, rbm__random_state=0)
search = GridSearchCV(
    pipeline,
    {
        "rbm__n_components": [64, 128],
        "rbm__sparsity_target": [0.1, 0.2],
        "rbm__momentum": [0.8, 0.9],
    },
    cv=StratifiedKFold(3, shuffle=True, random_state=1),
    n_jobs=-1,
)
search.fit(X, y)
best = search.best_estimator_
rows.append(("best of the grid search", accuracies(clone(best))))

print(f"{'5-fold accuracy, 5 seeds':38s} {'mean':>7s} {'+- s.e.':>9s}")
for name, scores in rows:
    error = scores.std(ddof=1) / np.sqrt(scores.size)
    print(f"{name:38s} {scores.mean():7.4f} {error:9.4f}")
print("best parameters:", {k.removeprefix("rbm__"): v for k, v in search.best_params_.items()})

# %%
# What the hidden units look for, and what the model makes of an image when it passes it up to the
# hidden units and down again.
import matplotlib.pyplot as plt

from skdeepbm.inspection import FiltersDisplay, ReconstructionDisplay

rbm = best.named_steps["rbm"]
figure = plt.figure(figsize=(7, 6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[5, 2.2])
FiltersDisplay.from_estimator(rbm, max_units=50, ax=above.subplots(), n_columns=10)
ReconstructionDisplay.from_estimator(rbm, X, ax=below.subplots())

# %%
# Save the figure and the best pipeline, load the pipeline, and check that it predicts the same.
folder = Path(tempfile.gettempdir()) / "skdeepbm_quickstart"
folder.mkdir(exist_ok=True)
figure.savefig(folder / "quickstart.png", dpi=120)
joblib.dump(best, folder / "digits.joblib")
loaded = joblib.load(folder / "digits.joblib")
assert (loaded.predict(X) == best.predict(X)).all()
print(f"figure and pipeline: {folder}")
print(f"took {time.perf_counter() - begin:.0f} s")
