"""
Data sets with known parameters
===============================

Images that a few numbers describe: what an autoencoder with a narrow code has to find. Each figure
varies the true parameters of one generator over a grid. Nothing is downloaded; the digits ship with
scikit-learn.
"""

# %%
# Every generator returns the images, one a row with values in [0, 1], and in the same rows the
# true parameters. With ``parameters=`` it draws what it is told.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepbm.datasets import (
    make_big_and_small_digits,
    make_robot_arm,
    make_square_and_room,
)


def grid(down, right):
    """All pairs of the values of two parameters, row by row: right, down."""
    return np.stack(np.meshgrid(right, down), axis=-1).reshape(-1, 2)


def show(axis, X, down, right, title, down_label, right_label):
    """A sheet of images with the values of two parameters at its sides."""
    size = int(np.sqrt(X.shape[1]))
    shape = (len(down), len(right))
    framed = np.pad(
        X.reshape(*shape, size, size), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1
    )
    side = size + 2
    sheet = framed.transpose(0, 2, 1, 3).reshape(shape[0] * side, shape[1] * side)
    axis.imshow(sheet, cmap="gray", vmin=0, vmax=1)
    axis.set_xticks((np.arange(shape[1]) + 0.5) * side, right)
    axis.set_yticks((np.arange(shape[0]) + 0.5) * side, down)
    axis.tick_params(length=0)
    axis.set(title=title, xlabel=right_label, ylabel=down_label)


# %%
# Square & Room
# -------------
# A square moves about a room; where its centre is, in pixels, are the two parameters. Pixels on
# its edge have the share that it covers.
figure, axis = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
places = np.array([4.0, 8.0, 12.25, 16.5, 20.0, 24.0])
X, _ = make_square_and_room(parameters=grid(places, places))
show(axis, X, places, places, "Square & Room", "distance from above", "distance from the left")
plt.show()

# %%
# Robot arm in the plane
# ----------------------
# Two joints, whose angles are the parameters. At 0 the arm points straight up.
figure, axis = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
degrees = np.array([-120, -80, -40, 0, 40, 80, 120])
X, _ = make_robot_arm(parameters=np.radians(grid(degrees, degrees)), image_size=40, link_width=3)
show(axis, X, degrees, degrees, "robot arm in the plane", "elbow, degrees", "shoulder, degrees")
plt.show()

# %%
# Robot arm in space
# ------------------
# The base turns about the vertical, and two joints tilt the links. The camera looks down on the
# arm by 30 degrees; the nearer a point is, the brighter it is drawn. With the base at 0 the arm
# leans towards the camera: there only the brightness shows the bend of the elbow.
figure, axes = plt.subplots(1, 2, figsize=(9.5, 5.3), layout="constrained")
base = np.array([-120, -60, 0, 60, 120])
for axis, name, tilts in (
    (axes[0], "shoulder", np.array([25, 40, 55, 70, 90])),
    (axes[1], "elbow", np.array([-90, -45, 0, 45, 90])),
):
    turn, tilt = np.radians(grid(tilts, base)).T
    other = np.full_like(tilt, np.radians(45))
    pose = [turn, tilt, other] if name == "shoulder" else [turn, other, tilt]
    X, _ = make_robot_arm(n_dims=3, parameters=np.stack(pose, 1), image_size=40, link_width=3)
    fixed = "elbow" if name == "shoulder" else "shoulder"
    show(axis, X, tilts, base, f"{fixed} at 45 degrees", f"{name}, degrees", "base, degrees")
figure.suptitle("robot arm in space")
plt.show()

# %%
# Big & Small digits
# ------------------
# Any square images, drawn in random sizes. The scale is the only parameter with a number (unless
# ``shift=True`` adds a place); which digit it is, and whose hand wrote it, are others.
figure, axis = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
digits = np.arange(7)
scales = np.array([0.25, 0.4, 0.55, 0.7, 0.85, 1.0])
X, _, _ = make_big_and_small_digits(
    np.repeat(load_digits().images[digits] / 16, len(scales), axis=0),
    parameters=np.tile(scales, len(digits))[:, None],
)
show(axis, X, digits, scales, "Big & Small digits", "digit", "scale")
plt.show()

# %%
# Why they are hard
# -----------------
# Two or three numbers describe an arm or a square exactly, but no plane of so few dimensions comes
# near the images. The table has the share of the variance that as many principal components as
# there are parameters explain, and how many it takes for 95 %. For the digits there is no such
# number to compare with, since their shapes vary too.
sets = [
    ("Square & Room", *make_square_and_room(3000, random_state=0)),
    ("robot arm in the plane", *make_robot_arm(3000, random_state=0)),
    ("robot arm in space", *make_robot_arm(3000, n_dims=3, random_state=0)),
    ("Big & Small digits", *make_big_and_small_digits(n_samples=3000, random_state=0)[:2]),
]
print(f"{'':22s} parameters  variance in as many components  components for 95 %")
for name, X, parameters in sets:
    explained = np.cumsum(PCA().fit(X).explained_variance_ratio_)
    k = parameters.shape[1]
    print(f"{name:22s} {k:10d}  {explained[k - 1]:30.2f}  {(explained < 0.95).sum() + 1:19d}")
