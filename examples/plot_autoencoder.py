"""
Two numbers for a digit: a deep autoencoder beside PCA
======================================================

A code of two numbers for images of 64 pixels. Principal components are the best linear code; the
encoder of a deep autoencoder is not linear, so that its two numbers keep more of the image, and
digits of one class come to lie together, although no label is ever looked at.
"""

# %%
# Layers of 128 and 32 sigmoid units are pretrained as RBMs, then a linear code of two units; the
# network is unrolled and fine-tuned by gradient descent with momentum.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skdeepbm import Backprop, DeepAutoencoder
from skdeepbm.inspection import CodesDisplay, ReconstructionDisplay
from skdeepbm.metrics import retrieval_precision, squared_error

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

deep = DeepAutoencoder((128, 32, 2), finetuning=Backprop(n_iter=60), random_state=0).fit(X_train)
pca = PCA(2).fit(X_train)
models = {"principal components": pca, "deep autoencoder": deep}

# %%
# How much of a test image two numbers keep: the squared error, summed over pixels, and the share of
# the same digit among the nearest codes.
codes = {name: model.transform(X_test) for name, model in models.items()}
for name, model in models.items():
    error = squared_error(X_test, model.inverse_transform(codes[name]))
    share = retrieval_precision(codes[name], y_test, metric="euclidean", n_neighbors=(1, 15))
    print(f"{name}: squared error {error:.2f}, same digit {share[0]:.2f} (1), {share[1]:.2f} (15)")

# %%
# The codes of the test images, a colour and a numeral for each digit.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for axis, (name, H) in zip(axes, codes.items(), strict=True):
    numbers = ("first number", "second number")
    CodesDisplay(H, y_test, axis_names=numbers).plot(axis, legend=False)
    axis.set_title(name)
plt.show()

# %%
# What is left of ten test images, one of each digit.
chosen = np.array([np.flatnonzero(y_test == digit)[0] for digit in range(10)])
decoded = {name: model.inverse_transform(codes[name][chosen]) for name, model in models.items()}
ReconstructionDisplay(X_test[chosen], decoded).plot()
plt.show()
