"""
Real values: a Gaussian RBM and its exact density
=================================================

Measurements of 569 tumours, 30 each, standardised in the pipeline. Gaussian visible units learn a
variance for each feature; with up to 20 hidden units the log-density of held-out rows is exact,
without `scoring`, so that models can be compared by it, also with those of scikit-learn.
"""

# %%
# Folds of held-out rows, and two models to compare with: independent features, and ten factors.
# Both see rows of the same scaler, so that log-densities are in the same units.
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepbm import RBMTransformer, schedules

X = load_breast_cancer().data
folds = KFold(3, shuffle=True, random_state=0)


def held_out(model):
    """Mean log-density of held-out rows, nats per row."""
    return cross_val_score(make_pipeline(StandardScaler(), model), X, cv=folds, n_jobs=-1).mean()


independent = held_out(GaussianMixture(1, covariance_type="diag"))
factors = held_out(FactorAnalysis(10))

# %%
# The RBM is a mixture of ``2 ** n_components`` Gaussians that share one diagonal covariance.
# Persistent chains, a rate that falls to zero, and more hidden units give a better density.
numbers = [1, 2, 4, 8, 16]
scores = [
    held_out(
        RBMTransformer(
            n,
            visible="gaussian",
            algorithm="pcd",
            batch_size=20,
            n_iter=150,
            learning_rate=schedules.Linear(0.02, 0.0, n_epochs=150),
            random_state=0,
        )
    )
    for n in numbers
]
print(f"independent features {independent:.2f}, ten factors {factors:.2f} nats per row")
for n, score in zip(numbers, scores, strict=True):
    print(f"RBM with {n:2d} hidden units {score:.2f}")

# %%
# Linear correlations dominate these measurements: ten real-valued factors describe them better than
# sixteen binary hidden units. Whitening (``PCA(whiten=True)`` after the scaler) takes correlations
# away; it suits data with structure beyond them, such as patches of images.
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(5.5, 3.5), layout="constrained")
axis.plot(numbers, scores, "o-", color="C0", label="Gaussian RBM")
axis.axhline(independent, color="C7", linestyle="--", label="independent features")
axis.axhline(factors, color="C1", linestyle=":", label="ten factors")
axis.set_xscale("log", base=2)
axis.set_xticks(numbers, [str(n) for n in numbers])
axis.set(xlabel="hidden units", ylabel="held-out log-density, nats per row")
axis.legend()
folder = Path(tempfile.gettempdir()) / "skdeepbm_gaussian"
folder.mkdir(exist_ok=True)
figure.savefig(folder / "gaussian.png", dpi=120)
print(f"figure: {folder}")
assert np.isfinite(scores).all()
