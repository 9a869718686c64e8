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
# package's defaults finds. The RBM sees no labels.
classifier = LogisticRegression(max_iter=1000)
pipeline = Pipeline(
    [("rbm", RBMTransformer(random_state=0)), ("classify", LogisticRegression(max_iter=1000))]
)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
rows = [
    (name, cross_val_score(estimator, X, y, cv=folds))
    for name, estimator in (
        ("LogisticRegression on pixels", classifier),
        ("RBMTransformer + LogisticRegression", pipeline),
    )
]

# %%
# Every hyper-parameter of the RBM can be swept like any other of a pipeline.
search = GridSearchCV(
    pipeline,
    {
        "rbm__n_components": [128, 256],
        "rbm__sparsity_target": [0.1, 0.2],
        "rbm__momentum": [0.5, 0.9],
    },
    cv=StratifiedKFold(3, shuffle=True, random_state=1),
)
search.estimator.set_params(rbm__sparsity_cost=0.1)
search.fit(X, y)
best = search.best_estimator_
rows.append(("best of the grid search", cross_val_score(best, X, y, cv=folds)))

print(f"{'5-fold accuracy':38s} {'mean':>7s} {'+- s.e.':>9s}")
for name, scores in rows:
    error = scores.std(ddof=1) / np.sqrt(scores.size)
    print(f"{name:38s} {scores.mean():7.4f} {error:9.4f}")
print("best parameters:", {k.removeprefix("rbm__"): v for k, v in search.best_params_.items()})

# %%
# What the hidden units look for, and what the model makes of an image when it passes it up to the
# hidden units and down again.
import matplotlib

if not hasattr(__builtins__, "__IPYTHON__"):
    matplotlib.use("Agg")
import matplotlib.pyplot as plt

rbm = best.named_steps["rbm"]
reconstructed = rbm.reconstruct(X[:10])
figure, axes = plt.subplots(7, 10, figsize=(8, 6.4), layout="constrained")
strongest = np.argsort(-np.linalg.norm(rbm.components_, axis=1))[:50]
limit = np.abs(rbm.components_[strongest]).max()
for axis, unit in zip(axes[:5].flat, strongest, strict=True):
    axis.imshow(rbm.components_[unit].reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
for column in range(10):
    axes[5, column].imshow(X[column].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axes[6, column].imshow(reconstructed[column].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
axes[0, 0].set_title("weights of the 50 strongest hidden units", loc="left", fontsize=10)
axes[5, 0].set_title("digits (above) and reconstructions (below)", loc="left", fontsize=10)

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
