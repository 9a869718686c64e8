"""
Semantic hashing: documents at addresses
========================================

A deep autoencoder of word counts learns codes of 128 units whose inputs get noise while it is
fine-tuned, so that the units learn to be off or on. The bits are then an address: documents about
the same matter lie a few bits apart, and a search by Hamming distance finds them. The posts are
downloaded once by scikit-learn, unless the folder named by `SKDEEPBM_DATA` has them; the whole
takes about two minutes.
"""

# %%
# Counts of the 2000 most frequent words.
import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from sklearn.datasets import fetch_20newsgroups
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from skdeepbm import (
    Backprop,
    DeepAutoencoder,
    HammingNeighbors,
    RBMTransformer,
    ReplicatedSoftmax,
)
from skdeepbm.metrics import precision_recall

folder = Path(os.environ.get("SKDEEPBM_DATA", "")) / "newsgroups20"
if (folder / "counts2000_train.npz").exists():
    X_train, X_test = (sp.load_npz(folder / f"counts2000_{part}.npz") for part in ("train", "test"))
    labels = np.load(folder / "labels.npz")
    y_train, y_test = labels["y_train"], labels["y_test"]
else:
    train, test = (
        fetch_20newsgroups(subset=part, remove=("headers",)) for part in ("train", "test")
    )
    counter = CountVectorizer(
        max_features=2000, stop_words="english", token_pattern=r"(?u)\b[a-z]{3,}\b"
    )
    X_train, X_test = counter.fit_transform(train.data), counter.transform(test.data)
    y_train, y_test = train.target, test.target
print(X_train.shape, X_test.shape)

# %%
# A replicated softmax at the bottom, RBMs above it, and noise of standard deviation 4 at the code.
rbm = RBMTransformer(n_iter=20, batch_size=100, weight_decay=2e-4)
model = DeepAutoencoder(
    (500, 500, 128),
    pretrainer=[ReplicatedSoftmax(n_iter=10), rbm, rbm],
    code="binary",
    finetuning=Backprop(n_iter=20, optimizer="adam", batch_size=100, input_dropout=0.4),
    random_state=0,
)
begin = time.perf_counter()
model.fit(X_train)
print(f"fitted in {time.perf_counter() - begin:.0f} s")
H = model.transform(X_test)
print(f"share of code units below 0.1 or above 0.9: {np.mean((H < 0.1) | (H > 0.9)):.2f}")

# %%
# Sixteen bytes for each post. The nearest posts of the training set, and those within 20 bits.
codes, asked = model.binary_codes(X_train), model.binary_codes(X_test)
neighbors = HammingNeighbors(n_neighbors=10, radius=20).fit(codes)
begin = time.perf_counter()
distances, indices = neighbors.kneighbors(asked)
seconds = time.perf_counter() - begin
print(f"{codes.nbytes / len(codes):.0f} bytes a post, {1e3 * seconds / len(asked):.2f} ms a query")
print(f"same group among the nearest ten: {np.mean(y_train[indices] == y_test[:, None]):.2f}")
ball = neighbors.radius_neighbors(asked, return_distance=False)
sizes = np.array([len(found) for found in ball])
same = [
    np.mean(y_train[found] == group)
    for found, group in zip(ball, y_test, strict=True)
    if len(found)
]
print(f"within 20 bits: {sizes.mean():.0f} posts, of the same group {np.mean(same):.2f}")


# %%
# Precision against recall, beside latent semantic analysis: of the same counts with 128 real
# numbers, with 128 bits, and of tf-idf weights, which know from the start that rare words say more.
def semantic_analysis(train, test):
    svd = TruncatedSVD(128, random_state=0).fit(train)
    return svd.transform(train), svd.transform(test)


counts = semantic_analysis(X_train.astype(float), X_test.astype(float))
level = np.median(counts[0], axis=0)
bits = tuple(np.packbits(part > level, axis=1) for part in counts)
tfidf = TfidfTransformer(sublinear_tf=True).fit(X_train)
weighted = semantic_analysis(tfidf.transform(X_train), tfidf.transform(X_test))
n_retrieved = np.unique(np.geomspace(1, len(y_train), 40).astype(int))
every = slice(None, None, 4)  # a quarter of the test posts
figure, axis = plt.subplots(figsize=(5.5, 4), layout="constrained")
for name, base, queries, metric, colour, style in (
    ("deep autoencoder, 128 bits", codes, asked, "hamming", "#0072B2", "-"),
    ("LSA, 128 bits", *bits, "hamming", "#D55E00", "--"),
    ("LSA, 128 real numbers", *counts, "cosine", "#D55E00", "-"),
    ("LSA of tf-idf, 128 real numbers", *weighted, "cosine", "#009E73", "-"),
):
    precision, recall, _ = precision_recall(
        base, y_train, queries[every], y_test[every], n_retrieved=n_retrieved, metric=metric
    )
    axis.plot(recall, precision, style, color=colour, label=name)
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
