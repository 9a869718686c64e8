"""
Sparse layers and intermediate fine-tuning on a robot arm
=========================================================

Images of an arm with two joints lie on a surface of two dimensions that no plane comes near. Which
layers of a deep autoencoder should be sparse, and does it help to fine-tune what is there before
the next layer is added? Four strategies, each with and without intermediate fine-tuning, the same
number of epochs for all.
"""

# %%
# The images, and the angles that made them.
import time

import matplotlib.pyplot as plt
import numpy as np

from skdeepbm import Backprop, DeepAutoencoder, RBMTransformer
from skdeepbm.datasets import make_robot_arm
from skdeepbm.inspection import ReconstructionDisplay
from skdeepbm.metrics import reverse_cross_entropy, squared_error

X, angles = make_robot_arm(2500, image_size=20, random_state=0)
X_train, X_test = X[:2000], X[2000:]

# %%
# Reverse cross-entropy of the test images: the data as targets of the reconstruction, in nats.
strategies = {
    "no layer": None,
    "the code alone": "bottleneck",
    "all layers": "all",
    "alternate layers": "alternate",
}


def backprop(n_iter):
    return Backprop(n_iter=n_iter, batch_size=50)


models, losses = {}, {}
for name, sparsity in strategies.items():
    for middle in (False, True):
        model = DeepAutoencoder(
            (128, 64, 32, 4),
            pretrainer=RBMTransformer(n_iter=10, batch_size=50, centring=False),
            code="sigmoid",
            sparsity=sparsity,
            sparsity_cost=0.05,
            intermediate_finetuning=backprop(10) if middle else None,
            finetuning=backprop(50 if middle else 80),
            random_state=0,
        )
        begin = time.perf_counter()
        model.fit(X_train)
        seconds = time.perf_counter() - begin
        models[name, middle] = model
        losses[name, middle] = reverse_cross_entropy(X_test, model.reconstruct(X_test))
        how = "with" if middle else "without"
        print(f"{name}, {how} intermediate: {losses[name, middle]:.2f} nats, {seconds:.0f} s")

figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
places = np.arange(len(strategies))
for shift, middle, colour in ((-0.2, False, "#56B4E9"), (0.2, True, "#D55E00")):
    heights = [losses[name, middle] for name in strategies]
    label = ("with" if middle else "without") + " intermediate fine-tuning"
    bars = axis.bar(places + shift, heights, 0.38, color=colour, label=label)
    axis.bar_label(bars, fmt="%.1f", fontsize=8)
axis.set(
    xticks=places,
    xticklabels=list(strategies),
    xlabel="layers that are sparse",
    ylabel="reverse cross-entropy, nats",
    ylim=(0, 1.25 * max(losses.values())),
)
axis.legend(loc="upper right", fontsize=8)
plt.show()

# %%
# What the best of them makes of test images. One seed on few images says little about the order;
# the benchmark of sparse layers has three seeds and more data.
best = min(losses, key=losses.get)
error = squared_error(X_test, models[best].reconstruct(X_test))
print(f"best: {best[0]}, intermediate fine-tuning: {best[1]}; squared error {error:.2f}")
ReconstructionDisplay.from_estimator(models[best], X_test, cmap="gray")
plt.show()
