"""Rows of data as images, side by side on one sheet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._estimators import of_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# between images and around them
_GAP = "0.8"


def shape_of(n_features: int, shape: Any, caller: str, estimator: Any = None) -> tuple[int, int]:
    """Height and width of the images that rows of features are; square ones unless given.

    Of an estimator of words there are none unless they are given.
    """
    if shape is None:
        if of_words(estimator):
            raise ValueError(
                f"{caller}: the features of this {type(estimator).__name__} are counts of words, "
                "which make no image. Use TopicsDisplay, or give image_shape=(height, width) if "
                "they are pixels."
            )
        side = math.isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"{caller}: {n_features} features make no square image. Give "
                "image_shape=(height, width), or use TopicsDisplay if they are no pixels."
            )
        return side, side
    found = tuple(int(x) for x in np.ravel(shape))
    if len(found) != 2 or min(found) < 1 or math.prod(found) != n_features:
        raise ValueError(
            f"image_shape of {caller} must be (height, width) with height * width = {n_features}, "
            f"the number of features; got {shape!r}."
        )
    return found[0], found[1]


def as_images(rows: Any, shape: Any, caller: str) -> np.ndarray:
    """Images of shape (n, height, width) from rows of features, or from images themselves."""
    rows = np.asarray(rows)
    if rows.ndim == 3 and shape is None:
        shape = rows.shape[1:]
    if rows.ndim not in (2, 3) or not len(rows):
        raise ValueError(
            f"{caller} needs at least one image: an array of shape (n_images, n_features) or "
            f"(n_images, height, width), got {rows.shape}."
        )
    rows = rows.reshape(len(rows), -1)
    return rows.reshape(len(rows), *shape_of(rows.shape[1], shape, caller))


def columns_for(n: int, n_columns: int | None, caller: str) -> int:
    """Number of columns of a sheet: as given, or one that fills a sheet wider than high."""
    if n_columns is not None:
        check_count(caller, "n_columns", n_columns)
        return int(min(n_columns, n))
    if n <= 10:
        return n
    least = math.ceil(math.sqrt(n))
    full = [k for k in range(least, 2 * least + 1) if n % k == 0]
    return full[0] if full else math.ceil(1.25 * math.sqrt(n))


def value_range(images: np.ndarray) -> tuple[float, float]:
    """From 0 to 1, or what images reach where that is more."""
    low, high = float(images.min()), float(images.max())
    return (0.0, 1.0) if low >= 0.0 and high <= 1.0 else (low, high)


class Sheet:
    """Where images lie on a sheet, line by line, and their picture on an Axes.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    n_columns : int
    """

    def __init__(self, images: np.ndarray, n_columns: int) -> None:
        n, self.height, self.width = images.shape
        self.n_images, self.n_columns, self.n_rows = n, n_columns, math.ceil(n / n_columns)
        self.gap = max(1, round(max(self.height, self.width) / 14))
        step_y, step_x = self.height + self.gap, self.width + self.gap
        shape = (self.n_rows * step_y + self.gap, n_columns * step_x + self.gap)
        self.pixels = np.full(shape, np.nan)
        for i, image in enumerate(images):
            y, x = self.corner(i)
            self.pixels[y : y + self.height, x : x + self.width] = image

    def corner(self, i: int) -> tuple[int, int]:
        """Line and column of the first pixel of an image."""
        line, column = divmod(i, self.n_columns)
        return (
            self.gap + line * (self.height + self.gap),
            self.gap + column * (self.width + self.gap),
        )

    def row_centres(self) -> np.ndarray:
        """Height of the middle of each line of images."""
        start = self.gap + (self.height - 1) / 2
        return start + np.arange(self.n_rows) * (self.height + self.gap)

    def column_centres(self) -> np.ndarray:
        """Place of the middle of each column of images."""
        start = self.gap + (self.width - 1) / 2
        return start + np.arange(self.n_columns) * (self.width + self.gap)

    def cross_out(self, ax: Axes, images: np.ndarray) -> Any:
        """Diagonals over some of the images."""
        from matplotlib.collections import LineCollection

        lines = []
        for y, x in map(self.corner, images):
            top, bottom, left, right = y - 0.5, y + self.height - 0.5, x - 0.5, x + self.width - 0.5
            lines += [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]
        return ax.add_collection(LineCollection(lines, colors="black", linewidths=1.2))

    def size(self, extra: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
        """Width and height in inches of a figure that fits, with some left for labels."""
        height, width = self.pixels.shape
        inches = min(max(0.62 * self.n_columns, 3.0), 8.0)
        return inches + extra[0], max(inches * height / width, 0.6) + extra[1]

    def draw(self, ax: Axes, im_kw: dict[str, Any]) -> AxesImage:
        """Show the sheet; there are no ticks."""
        im = ax.imshow(self.pixels, **{"interpolation": "nearest", **im_kw})
        ax.set_facecolor(_GAP)
        ax.set(xticks=[], yticks=[])
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        if self.n_images % self.n_columns:
            from matplotlib.patches import Rectangle

            # where there are no images there is no sheet either
            y, x = self.corner(self.n_images)
            height, width = self.pixels.shape
            ax.add_patch(Rectangle((x - 0.5, y - 0.5), width - x, height - y, color="white"))
        return im
