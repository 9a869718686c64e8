"""
Deep Boltzmann machines: filters, samples and missing halves
============================================================

A deep Boltzmann machine of two hidden layers learns handwritten digits. This example looks at what
its units look for, draws digits from it, fills in halves of images that are covered, and puts a
bound on the likelihood of images that it has not seen. Data ship with scikit-learn.
"""

# %%
# Images of 8 x 8 pixels, whose grey values are read as probabilities of ink. Training is greedy at
# first, one RBM on the other, then joint.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepbm import DBM, RBMTransformer
from skdeepbm.inspection import FiltersDisplay, ReconstructionDisplay, SamplesDisplay, dead_units

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, _, y_test = train_test_split(X, y, test_size=397, stratify=y, random_state=0)

template = RBMTransformer(visible_states="draw", n_iter=10, batch_size=20)
dbm = DBM((100, 50), rbm=template, n_iter=30, batch_size=50, random_state=0)
begin = time.perf_counter()
dbm.fit(X_train)
print(f"fitted in {time.perf_counter() - begin:.0f} s")
for place, report in enumerate(dead_units(dbm, X_train)):
    print(
        f"hidden layer {place}: {report.n_dead} dead and {report.n_redundant} redundant units "
        f"of {report.dead.size}"
    )


# %%
# Filters
# -------
# Weights from the pixels to the first layer, and those of the second layer projected to the pixels
# through the first one. The units with the largest weights; blue wants ink, red wants none.
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for axis, layer, title in zip(axes, (0, 1), ("first layer", "second layer"), strict=True):
    FiltersDisplay.from_estimator(dbm, layer=layer, max_units=24, ax=axis, n_columns=6)
    axis.set_title(f"{title}: {axis.get_title()}")
plt.show()

# %%
# Samples
# -------
# Chains that start at noise, after more and more Gibbs steps.
figure, axes = plt.subplots(1, 4, figsize=(9, 2.9), layout="constrained")
sizes = (1, 10, 1000)
for axis, n_steps in zip(axes, sizes, strict=False):
    drawn = dbm.sample(30, n_gibbs_steps=n_steps, random_state=1)
    SamplesDisplay(drawn).plot(axis, n_columns=5)
    axis.set_title(f"{n_steps} Gibbs step{'s' if n_steps > 1 else ''}")
SamplesDisplay(X_train[:30]).plot(axes[3], n_columns=5)
axes[3].set_title("training images")
plt.show()

# %%
# Missing halves
# --------------
# The left half of each image is known. What is missing starts at the expected values of pixels
# without any input and settles in passes up and down. Nothing is drawn, so that the machine settles
# for one digit where several would do.
known = np.tile(np.arange(64) % 8 < 4, (len(X_test), 1))
filled = dbm.reconstruct(X_test, n_gibbs_steps=20, mask=known)
mean = np.broadcast_to(X_train.mean(axis=0), X_test.shape)
for name, guess in (("machine", filled), ("mean image", mean)):
    error = np.mean((guess - X_test)[~known] ** 2)
    print(f"mean squared error in the covered halves, {name}: {error:.3f}")

covered = np.where(known, X_test, 0.5)
chosen = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
images = {"covered": covered[chosen], "filled in": filled[chosen]}
ReconstructionDisplay(X_test[chosen], images).plot()
plt.show()

# %%
# The bound
# ---------
# `score_samples` is a lower bound on the log-likelihood as far as log Z is right. Annealing from
# independent pixels gives a log Z that is low on average, annealing back one that is high: where
# both agree, the bound can be quoted. A likelihood is that of binary images, so that these are
# drawn with the grey values as probabilities.
rng = np.random.default_rng(0)
drawn_train, drawn_test = (
    (rng.random(images.shape) < images).astype(np.float32) for images in (X_train, X_test)
)
log_z = dbm.log_partition(reverse=drawn_train)
print(
    f"log Z: {log_z.value:.2f} ({log_z.lower:.2f} to {log_z.upper:.2f}); back: {log_z.reverse:.2f}"
)
base = np.clip(X_train.mean(axis=0), 1e-3, 1 - 1e-3)
independent = drawn_test @ np.log(base) + (1 - drawn_test) @ np.log1p(-base)
bounds = {
    "training images": dbm.score_samples(drawn_train),
    "test images": dbm.score_samples(drawn_test),
}
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
edges = np.linspace(-42, -10, 33)
for (name, values), colour, style in zip(
    bounds.items(), ("#0072B2", "#D55E00"), ("-", "--"), strict=True
):
    print(f"bound of {name}: {values.mean():.2f} nats")
    axis.hist(
        values, edges, density=True, histtype="step", color=colour, linestyle=style, label=name
    )
print(f"independent pixels, test images: {independent.mean():.2f} nats")
axis.axvline(independent.mean(), color="grey", linestyle=":", label="independent pixels, mean")
axis.set(xlabel="bound on the log-likelihood, nats per image", ylabel="density")
axis.legend()
plt.show()
