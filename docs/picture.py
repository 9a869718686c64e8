"""Draw the picture of README.md, docs/_static/skdeepbm.png; about a minute.

python docs/picture.py
"""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepbm import Backprop, DBNClassifier, DeepAutoencoder, RBMTransformer, WakeSleep
from skdeepbm.inspection import CodesDisplay, FiltersDisplay, SamplesDisplay

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)

rbm = RBMTransformer(36, sparsity_target=0.1, sparsity_cost=0.1, n_iter=60, random_state=0)
rbm.fit(X)
dbn = DBNClassifier(
    (128, 128),
    rbm=RBMTransformer(centring=False, n_iter=30, visible_states="draw"),
    finetuning=WakeSleep(n_iter=100, persistent=True, n_gibbs_steps=1, learning_rate=0.02),
    random_state=0,
).fit(X, y)
coder = DeepAutoencoder(
    (128, 32, 2), finetuning=Backprop(n_iter=60, optimizer="adam"), random_state=0
).fit(X)

figure, axes = plt.subplots(1, 3, figsize=(11, 3.7), layout="constrained")
limit = float(np.quantile(np.abs(rbm.components_), 0.995))
FiltersDisplay.from_estimator(
    rbm, ax=axes[0], colorbar=False, im_kw={"vmin": -limit, "vmax": limit}
)
axes[0].set_title("RBMTransformer: what units look for")
labels = np.repeat(np.arange(10), 6).reshape(10, 6).T.ravel()
SamplesDisplay.from_estimator(
    dbn, labels=labels, sample_kw={"n_gibbs_steps": 300}, ax=axes[1], n_columns=10
)
axes[1].set_title("DBNClassifier: samples of every class")
CodesDisplay.from_estimator(coder, X, y, ax=axes[2])
axes[2].set_title("DeepAutoencoder: digits in two numbers")
where = Path(__file__).parent / "_static" / "skdeepbm.png"
figure.savefig(where, dpi=110)
print(where)
