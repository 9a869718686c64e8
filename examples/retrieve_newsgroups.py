"""
Topics of newsgroups and retrieval of documents
===============================================

A replicated softmax with 50 topics learns the posts of twenty newsgroups. Its topics serve to find
posts about the same matter: for each post of the test set, the nearest ones of the training set,
next to those that latent Dirichlet allocation finds. The posts are downloaded once by scikit-learn,
unless the folder named by `SKDEEPBM_DATA` has them; the whole takes about three minutes.
"""

# %%
# Counts of the 2000 most frequent words. `ReplicatedSoftmax` takes what `CountVectorizer` makes.
import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from sklearn.datasets import fetch_20newsgroups
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer

from skdeepbm import ReplicatedSoftmax
from skdeepbm.metrics import precision_recall

folder = Path(os.environ.get("SKDEEPBM_DATA", "")) / "newsgroups20"
if (folder / "counts2000_train.npz").exists():
    X_train, X_test = (sp.load_npz(folder / f"counts2000_{part}.npz") for part in ("train", "test"))
    labels = np.load(folder / "labels.npz")
    y_train, y_test = labels["y_train"], labels["y_test"]
    words = np.array((folder / "vocabulary.txt").read_text().split())
else:
    train, test = (
        fetch_20newsgroups(subset=part, remove=("headers",)) for part in ("train", "test")
    )
    counter = CountVectorizer(
        max_features=2000, stop_words="english", token_pattern=r"(?u)\b[a-z]{3,}\b"
    )
    X_train, X_test = counter.fit_transform(train.data), counter.transform(test.data)
    y_train, y_test = train.target, test.target
    words = counter.get_feature_names_out()
print(X_train.shape, X_test.shape)

# %%
# Fit both models, and look at the words that each topic favours.
begin = time.perf_counter()
model = ReplicatedSoftmax(n_components=50, random_state=0).fit(X_train)
print(f"replicated softmax: {time.perf_counter() - begin:.0f} s")
for topic in model.top_words(words, n=8)[:10]:
    print("   ", " ".join(topic))

begin = time.perf_counter()
lda = LatentDirichletAllocation(50, learning_method="batch", max_iter=10, random_state=0, n_jobs=2)
lda.fit(X_train)
print(f"LDA: {time.perf_counter() - begin:.0f} s")

# %%
# How surprised the model is by a word of a new post, on average: the perplexity. Words drawn by
# their shares in the training set alone are the model to beat. The first estimate is optimistic,
# the second one pessimistic.
share = np.asarray(X_train.sum(axis=0)).reshape(-1) + 0.5
n_words = np.asarray(X_test.sum(axis=1)).reshape(-1)
some = X_test[np.flatnonzero(n_words)[::10]]
log_p = some @ np.log(share / share.sum()) / np.asarray(some.sum(axis=1)).reshape(-1)
print(f"shares of the words: {np.exp(-log_p.mean()):.0f}")
print(f"replicated softmax: {model.perplexity(some):.0f}", end=" to ")
print(f"{model.perplexity(some, method='reverse'):.0f}")


# %%
# For every test post, all training posts in the order of the cosine of their topics: the share of
# posts from the same group among the nearest ones (precision), against the share of the group that
# is among them (recall).
n_retrieved = np.unique(np.geomspace(1, len(y_train), 60).astype(int))
figure, axis = plt.subplots(figsize=(5.5, 4), layout="constrained")
every = slice(None, None, 4)  # a quarter of the test posts
y_test = y_test[every]
for name, estimator, colour, marker in (
    ("replicated softmax, 50 topics", model, "#0072B2", "o"),
    ("LDA, 50 topics", lda, "#D55E00", "s"),
):
    topics = estimator.transform(X_train), y_train, estimator.transform(X_test[every]), y_test
    precision, recall, _ = precision_recall(*topics, n_retrieved=n_retrieved)
    axis.plot(recall, precision, marker=marker, markersize=3, color=colour, label=name)
axis.axhline(0.05, color="grey", linestyle=":", label="chance")
axis.set(
    xscale="log",
    xlabel="recall",
    ylabel="precision",
    title="Retrieval of posts from the same newsgroup",
    ylim=(0, None),
)
axis.legend()
plt.show()
