"""
Units that die in deep Boltzmann machines, and what keeps them alive
====================================================================

Without pretraining and without centring, hidden units of a deep Boltzmann machine die: biases
drive them off before their weights have learned anything. This example trains one machine in four
ways, with and without centred gradients and the penalty on unequal norms (`norm_cost`), and counts
the units that are dead and those that repeat others. Data ship with scikit-learn.
"""

# %%
# Digits, 1797 images of 8 x 8 pixels. All trainings have the same start and the same rates.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdeepbm import DBM
from skdeepbm.inspection import dead_units, projected_filters
from skdeepbm.metrics import squared_error

X = (load_digits().data / 16).astype(np.float32)
sizes = (128, 64)
trainings = {
    "plain": {"centring": False},
    "equal norms": {"centring": False, "norm_cost": 0.1},
    "centred": {"centring": True},
    "centred, equal norms": {"centring": True, "norm_cost": 0.1},
}
machines, reports = {}, {}
for name, settings in trainings.items():
    dbm = DBM(sizes, pretraining=False, n_iter=40, random_state=0, **settings).fit(X)
    machines[name], reports[name] = dbm, dead_units(dbm, X)
    error = squared_error(X, dbm.reconstruct(X))
    print(f"{name:21s} squared error {error:.3f}; dead and redundant units: ", end="")
    print(", ".join(f"{r.n_dead} and {r.n_redundant} of {r.dead.size}" for r in reports[name]))

# %%
# A unit is dead if its expected value hardly varies over the images, redundant if it varies as
# another unit of its layer does. What is left has something of its own to say.
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", sharey=True)
kinds = ("own say", "#009E73", ""), ("redundant", "#E69F00", "//"), ("dead", "#555555", "xx")
for layer, axis in enumerate(axes):
    left = np.zeros(len(trainings))
    for kind, colour, hatch in kinds:
        share = []
        for found in reports.values():
            report = found[layer]
            counts = {"dead": report.n_dead, "redundant": report.n_redundant}
            share.append(100 * counts.get(kind, report.dead.size - sum(counts.values())))
        width = np.array(share) / sizes[layer]
        axis.barh(
            list(trainings),
            width,
            left=left,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=kind,
        )
        left += width
    axis.set(
        title=f"hidden layer {layer + 1}, {sizes[layer]} units", xlabel="share of units, per cent"
    )
axes[0].invert_yaxis()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %%
# Norms of the weights that lead to the units of the second layer, epoch by epoch (`history_` has
# those of all layers, one after the other). Dead units of plain training are not those without
# weights: their weights have grown, all alike, and their biases against them.
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained", sharey=True)
for axis, (name, dbm) in zip(axes, machines.items(), strict=True):
    norms = np.split(dbm.history_["weight_norm"], np.cumsum(sizes)[:-1], axis=1)[1]
    dead = reports[name][1].dead
    epochs = np.arange(1, len(norms) + 1)
    for group, colour, style in ((~dead, "#0072B2", "-"), (dead, "#D55E00", "--")):
        if group.any():
            axis.plot(epochs, norms[:, group], style, color=colour, linewidth=0.6)
    axis.set(title=name, xlabel="epoch")
axes[0].set_ylabel("norm of a unit's weights")
live = plt.Line2D([], [], color="#0072B2", label="alive at the end")
gone = plt.Line2D([], [], color="#D55E00", linestyle="--", label="dead at the end")
figure.legend(handles=[live, gone], loc="outside lower center", ncols=2)
plt.show()

# %%
# What the first 24 units of the second layer look for, projected to the pixels, each on a scale of
# its own: blue wants ink, red wants none. Dead units are crossed out.
figure, axes = plt.subplots(1, 4, figsize=(10, 3.6), layout="constrained")
for axis, (name, dbm) in zip(axes, machines.items(), strict=True):
    filters = projected_filters(dbm)[:24]
    filters = filters / np.abs(filters).max(axis=1, keepdims=True)
    framed = np.pad(
        filters.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan
    ).reshape(6, 4, 10, 10)
    shown = axis.imshow(framed.transpose(0, 2, 1, 3).reshape(60, 40), cmap="RdBu", vmin=-1, vmax=1)
    for unit in np.flatnonzero(reports[name][1].dead[:24]):
        y, x = divmod(unit, 4)
        for ends in ((1, 8), (8, 1)):
            axis.plot((10 * x + 1, 10 * x + 8), (10 * y + ends[0], 10 * y + ends[1]), "k-", lw=1)
    axis.set(xticks=[], yticks=[], title=name)
figure.colorbar(shown, ax=axes, shrink=0.8, label="weight, in parts of the unit's largest")
plt.show()
