"""Matplotlib on demand, and how the displays share a figure out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: colours that colour-blind readers tell apart (Okabe & Ito 2008), without the pale yellow
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
#: of what is there for comparison
GREY = "0.55"


def pyplot(caller: str) -> Any:
    """``matplotlib.pyplot``, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib: pip install 'skdeepbm[plots]'.") from error
    return plt


def single(ax: Axes | None, caller: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """The figure and axes to draw on; new ones of a size in inches where none are given."""
    plt = pyplot(caller)
    if ax is None:
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        return figure, ax
    figure = getattr(ax, "figure", None)
    if figure is None or not hasattr(ax, "plot"):
        got = type(ax).__name__ + (" without one" if hasattr(ax, "plot") else "")
        raise TypeError(f"ax of {caller} must be one matplotlib Axes of a figure, got {got}.")
    return figure, ax


def panels(
    ax: Any, n: int, caller: str, n_columns: int, size: tuple[float, float]
) -> tuple[Figure, np.ndarray]:
    """Axes for several panels.

    Parameters
    ----------
    ax : Axes, array-like of n Axes or None
        One Axes is the panel itself, or is shared out among several.
    n : int
        Number of panels.
    caller : str
        Named in errors.
    n_columns : int
        Of panels, at most.
    size : tuple of float
        Width and height of a panel in inches, where there is no figure yet.

    Returns
    -------
    figure : Figure
    axes : ndarray of object of shape (n,)
    """
    plt = pyplot(caller)
    if ax is not None and not hasattr(ax, "plot"):
        given = np.asarray(ax, dtype=object).ravel()
        if given.size != n or not all(hasattr(one, "plot") for one in given):
            raise ValueError(
                f"ax of {caller} must be one matplotlib Axes or {n} of them, one for each panel; "
                f"got {given.size}."
            )
        return given[0].figure, given
    if n == 1:
        figure, ax = single(ax, caller, size)
        return figure, np.array([ax], dtype=object)
    columns = min(n, n_columns)
    rows = math.ceil(n / columns)
    if ax is None:
        figure = plt.figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
        grid = figure.add_gridspec(rows, columns)
    else:
        (figure, ax), place = single(ax, caller, size), ax.get_subplotspec()
        if place is None:
            raise ValueError(
                f"{caller} has {n} panels, and the Axes given cannot be shared out, because it "
                f"belongs to no grid of subplots. Give {n} Axes, or one made by plt.subplots."
            )
        ax.set_axis_off()
        grid = place.subgridspec(rows, columns)
    axes = [figure.add_subplot(grid[i // columns, i % columns]) for i in range(n)]
    return figure, np.array(axes, dtype=object)


def epoch_axis(ax: Axes) -> None:
    """Epochs from left to right, whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
