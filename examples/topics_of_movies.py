"""
Topics of movies from genres and tags
=====================================

Nearly ten thousand movies have 2.5 features each, out of 561 genres and tags: a binary matrix with
0.45 % ones. A deep Boltzmann machine finds topics in it, of which every movie may have several.
This example counts the units that die on the way with two kinds of start, and shows what the units
of the second layer look for. The data are MovieLens latest-small (F. M. Harper and J. A. Konstan,
The MovieLens datasets, ACM TiiS 5, 2015, https://grouplens.org/datasets/movielens/): unpack them as
`movielens_small` in the folder named by `SKDEEPBM_DATA`. The whole takes about a minute.
"""

# %%
# A feature for each genre, and for each tag (in lower case) that at least two movies have.
import csv
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp

from skdeepbm import DBM, RBMTransformer
from skdeepbm.inspection import dead_units, projected_filters, top_features

folder = Path(os.environ.get("SKDEEPBM_DATA", "")) / "movielens_small"
if not (folder / "movies.csv").exists():
    sys.exit("Set SKDEEPBM_DATA to a folder that has movies.csv and tags.csv in movielens_small.")


def lines(name):
    with open(folder / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


movies = lines("movies.csv")
place = {movie["movieId"]: i for i, movie in enumerate(movies)}
having = defaultdict(set)
for i, movie in enumerate(movies):
    for genre in movie["genres"].split("|"):
        having[f"genre {genre}"].add(i)
having.pop("genre (no genres listed)", None)
for line in lines("tags.csv"):
    having[line["tag"].strip().lower()].add(place[line["movieId"]])
names = sorted(name for name, who in having.items() if len(who) > 1)
rows = np.concatenate([sorted(having[name]) for name in names])
columns = np.repeat(np.arange(len(names)), [len(having[name]) for name in names])
X = sp.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(movies), len(names)))
print(f"{X.shape[0]} movies, {X.shape[1]} features, {100 * X.nnz / np.prod(X.shape):.2f} % ones")

# %%
# Without pretraining and centring, all of the second layer dies, as `SilentLayerWarning` says; with
# greedy layers first, much of it stays.
template = RBMTransformer(visible_states="draw", n_iter=15, batch_size=50)
starts = {
    "plain, small random weights": {"pretraining": False, "centring": False},
    "greedy layers, centred": {"rbm": template},
}
for name, settings in starts.items():
    dbm = DBM((40, 16), n_iter=6, batch_size=100, random_state=0, **settings)
    begin = time.perf_counter()
    dbm.fit(X)
    print(f"{name} ({time.perf_counter() - begin:.0f} s)")
    for layer, report in enumerate(dead_units(dbm, X), 1):
        print(
            f"  hidden layer {layer}: {report.n_dead} dead and {report.n_redundant} redundant "
            f"units of {report.dead.size}"
        )

# %%
# Topics of the machine that had greedy layers: the features that the units with the largest
# weights favour most and least, and the movies whose expected value of the unit is highest.
titles = np.array([movie["title"] for movie in movies])
H = dbm.transform(X)
strongest = np.argsort(-np.linalg.norm(projected_filters(dbm), axis=1))[:8]
topics = top_features(dbm, names, n=6)
for unit in strongest:
    liked = ", ".join(name for name, _ in topics[unit].highest)
    surest = np.argsort(-H[:, unit], kind="stable")[:4]
    print(f"unit {unit}: {liked}")
    print(f"  {'; '.join(titles[surest])}")

figure, axes = plt.subplots(2, 4, figsize=(13, 5.4), layout="constrained")
for axis, unit in zip(axes.flat, strongest, strict=True):
    shown = topics[unit].highest + topics[unit].lowest[2::-1]
    weights = [weight for _, weight in shown]
    colours = ["#0072B2" if weight > 0 else "#D55E00" for weight in weights]
    axis.barh(np.arange(len(shown)), weights, color=colours)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(np.arange(len(shown)), [name for name, _ in shown], fontsize=8)
    axis.invert_yaxis()
    axis.set_title(f"unit {unit}", fontsize=10)
figure.supxlabel("weight, projected through the first layer", fontsize=10)
plt.show()
