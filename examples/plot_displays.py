"""
Looking at models: every display
================================

What a model has learned, how training went and how good it is, each with one call. Displays work
as those of scikit-learn do: ``from_estimator`` computes and draws, ``ax=`` says where, and what
comes back holds the data and the artists. Data ship with scikit-learn.
"""

# %%
# Digits of 8 x 8 pixels, a fifth of them for testing. Pixels that are black or white have a
# likelihood; the autoencoder at the end takes the grey values.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepbm import ClassificationRBM, DeepAutoencoder, RBMTransformer, ReplicatedSoftmax
from skdeepbm.inspection import (
    CodesDisplay,
    FiltersDisplay,
    HistoryDisplay,
    LogLikelihoodDisplay,
    ReconstructionDisplay,
    SamplesDisplay,
    TopicsDisplay,
    WeightNormDisplay,
)

X, y = load_digits(return_X_y=True)
grey_train, grey_test, y_train, y_test = train_test_split(
    (X / 16).astype(np.float32), y, test_size=0.2, random_state=0
)
X_train, X_test = np.round(grey_train), np.round(grey_test)

# %%
# How training went
# -----------------
# Measures of every epoch, those of held-out rows beside those of the rows trained on. Free energies
# of one model fall and rise together with log Z; the gap between held-out and training rows is free
# of it, and grows as the model overfits.
settings = {"algorithm": "pcd", "learning_rate": 0.05, "batch_size": 20, "n_iter": 60}
rbm = RBMTransformer(64, **settings, validation_fraction=0.2, random_state=0).fit(X_train)
HistoryDisplay.from_estimator(rbm)
plt.show()

# %%
# The norms of the weights of every unit, one line each. With the rows as a second argument, units
# whose answer hardly depends on the row are marked. Too strong a weight decay kills some of them:
# they begin to learn like the others, and shrink again.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
WeightNormDisplay.from_estimator(rbm, X_train, ax=left)
decayed = RBMTransformer(64, weight_decay=0.03, **settings, random_state=0).fit(X_train)
WeightNormDisplay.from_estimator(decayed, X_train, ax=right)
left.set_title("no weight decay")
right.set_title("weight decay 0.03")
plt.show()

# %%
# What units look for
# -------------------
# Weights as images, blue where a pixel speaks for the unit, red where it speaks against it. Dead
# units are pale. Where there are more units than ``max_units``, the strongest are shown.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
FiltersDisplay.from_estimator(rbm, ax=left)
FiltersDisplay.from_estimator(decayed, ax=right)
plt.show()

# %%
# What a model keeps and what it draws
# ------------------------------------
# Images above their reconstructions. Several models can stand below one another: the constructor
# takes any arrays.
ReconstructionDisplay(
    X_test[:10],
    {"no decay": rbm.reconstruct(X_test[:10]), "decay": decayed.reconstruct(X_test[:10])},
).plot()
plt.show()

# %%
# A model of pixels and label draws digits of given classes. Samples are binary, as the units are.
labelled = ClassificationRBM(100, objective="generative", **settings, random_state=0)
labelled.fit(X_train, y_train)
SamplesDisplay.from_estimator(labelled, labels=np.repeat(np.arange(10), 10))
plt.show()

# %%
# How good it is
# --------------
# The ladder of log-likelihoods begins at independent pixels: a model below that has learned
# nothing. With more than 20 units on both sides, log Z is estimated by annealed importance
# sampling, whose likelihoods are optimistic, and from the other side by reverse annealing, which is
# pessimistic. Where both agree, they can be believed. Few temperatures show what to beware of: the
# interval grows, and the two part.
figure, axes = plt.subplots(2, 1, figsize=(6.5, 5.4), layout="constrained", sharex=True)
LogLikelihoodDisplay.from_estimator(rbm, X_train, X_test, ax=axes[0])
LogLikelihoodDisplay.from_estimator(rbm, X_train, X_test, n_runs=50, n_temperatures=8, ax=axes[1])
axes[0].set(title="temperatures chosen automatically", xlabel="")
axes[1].set_title("50 runs with 8 temperatures")
plt.show()

# %%
# Codes
# -----
# Two numbers for each image, from a deep autoencoder that saw no labels.
template = RBMTransformer(centring=False, batch_size=20)
coder = DeepAutoencoder((128, 32, 2), pretrainer=template, random_state=0).fit(grey_train)
CodesDisplay.from_estimator(coder, grey_test, y_test, y_name="digit")
plt.show()

# %%
# Topics
# ------
# Bars of the words that each topic makes likelier than others, here of the documentation of
# scikit-learn's own estimators. Of any other model, the features of largest weight are drawn.
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.discovery import all_estimators

texts = [kind.__doc__ for _, kind in all_estimators() if kind.__doc__]
counter = CountVectorizer(
    max_features=400, stop_words="english", max_df=0.4, token_pattern=r"[a-z]{4,}"
)
topics = ReplicatedSoftmax(8, batch_size=20, n_iter=60, random_state=0)
topics.fit(counter.fit_transform(texts))
TopicsDisplay.from_estimator(topics, counter.get_feature_names_out())
plt.show()
