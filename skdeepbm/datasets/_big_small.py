"""Digits drawn in many sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import check_random_state

from skdeepbm.datasets._arguments import check_integer, check_parameters


def make_big_and_small_digits(
    images: Any = None,
    n_samples: int | None = None,
    *,
    image_size: int = 28,
    scale_range: tuple[float, float] = (0.4, 1.0),
    shift: bool = False,
    parameters: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Big & Small digits: images drawn in random sizes, and on request at random places.

    Every image is interpolated linearly, scaled, and averaged over the area of each new pixel,
    so that it is smooth where it grows and free of aliasing where it shrinks. Pixels change
    continuously with scale and shift, and the sum of an image is proportional to scale squared.

    Parameters
    ----------
    images : array-like of shape (n_images, side, side) or (n_images, side ** 2), default=None
        Square images with values in [0, 1]. If None, the 1797 digits of
        :func:`sklearn.datasets.load_digits`, of 8 x 8 pixels.

    n_samples : int, default=None
        Number of images to draw, each of a source image chosen at random, with replacement. If
        None, every source image is drawn once, in its order.

    image_size : int, default=28
        New images have ``image_size`` x ``image_size`` pixels.

    scale_range : tuple of two floats, default=(0.4, 1.0)
        Least and greatest scale, above 0 and up to 1. Scales are uniform between them.

    shift : bool, default=False
        If False, images stand in the middle. If True, they are uniform over all places where
        they are not cut off.

    parameters : array-like of shape (n_images, 1) or (n_images, 3), default=None
        Scales, and with ``shift=True`` places, to draw the source images in: row by row, so
        that ``n_samples`` must be None. If None, they are random.

    random_state : int, RandomState instance or None, default=None
        Draws source images, scales and shifts. Pass an int for the same images in every call.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size ** 2)
        One image a row, its pixels row by row from the top; float64 in [0, 1].

    parameters : ndarray of shape (n_samples, 1) or (n_samples, 3)
        The scale: the side of the source image, drawn, as a share of the side of the new one.
        With ``shift=True`` also the distances of its centre from the centre of the new image,
        to the right and downward, in pixels.

    source : ndarray of shape (n_samples,)
        Index of the source image of every row, int64: ``labels[source]`` are its labels. Which
        digit it is, and in whose hand, are parameters too, without a number.

    Raises
    ------
    ValueError
        If an argument is out of its range, images are not square or have values outside [0, 1],
        or a given shift would cut an image off.

    See Also
    --------
    make_square_and_room : Images of one shape at different places.

    Notes
    -----
    Interpolation fades an image out over half a source pixel beyond its edge. The scale counts
    this rim: at scale 1 the rim ends at the edge of the new image, and a source pixel becomes
    ``scale * image_size / (side + 1)`` pixels wide.

    Data of this name were used to compare ways of training deep autoencoders. No exact recipe of
    those is at hand: numbers obtained with these images compare with each other only.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm.datasets import make_big_and_small_digits
    >>> X, scales, source = make_big_and_small_digits(n_samples=500, random_state=0)
    >>> X.shape, scales.shape
    ((500, 784), (500, 1))
    >>> y = load_digits().target[source]
    >>> dot = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    >>> big, _, _ = make_big_and_small_digits([dot], image_size=4, parameters=[[1.0]])
    >>> print(big.reshape(4, 4))
    [[0.   0.   0.   0.  ]
     [0.   0.25 0.25 0.  ]
     [0.   0.25 0.25 0.  ]
     [0.   0.   0.   0.  ]]
    """
    function = "make_big_and_small_digits"
    image_size = check_integer(function, "image_size", image_size, 1)
    sources = _source_images(function, images)
    names = ("scale", "right", "down") if shift else ("scale",)
    if parameters is None:
        low, high = _check_scale_range(function, scale_range)
        rng = check_random_state(random_state)
        if n_samples is None:
            source = np.arange(len(sources))
        else:
            n_samples = check_integer(function, "n_samples", n_samples, 1)
            source = rng.randint(len(sources), size=n_samples)
        drawn = rng.uniform(low, high, (len(source), 1))
        if shift:
            room = (1 - drawn) * image_size / 2
            drawn = np.hstack([drawn, room * rng.uniform(-1, 1, (len(source), 2))])
    else:
        source = np.arange(len(sources))
        drawn = check_parameters(function, parameters, names)
        _check_drawn(function, drawn, len(sources), n_samples, image_size)
    return _draw(sources, source, drawn, image_size), drawn, source


def _source_images(function: str, images: Any) -> np.ndarray:
    """Images as an array (image, row, column), in their own dtype."""
    if images is None:
        return load_digits().images / 16
    sources = np.asarray(images)
    if sources.ndim == 2:
        side = int(np.sqrt(sources.shape[1]))
        if side**2 == sources.shape[1]:
            sources = sources.reshape(-1, side, side)
    if sources.ndim != 3 or sources.shape[1] != sources.shape[2] or sources.size == 0:
        raise ValueError(
            f"{function}: images must have the shape (n_images, side, side) or "
            f"(n_images, side ** 2), got {np.shape(images)}. Pad images that are not square."
        )
    if sources.dtype.kind not in "biuf" or not (sources.min() >= 0 and sources.max() <= 1):
        raise ValueError(
            f"{function}: images must have values in [0, 1]. Divide them by the largest value "
            "that a pixel can have."
        )
    return sources


def _check_scale_range(function: str, scale_range: Any) -> tuple[float, float]:
    """Least and greatest scale."""
    try:
        low, high = (float(scale) for scale in scale_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if 0 < low <= high <= 1:
        return low, high
    raise ValueError(
        f"{function}: scale_range must be two numbers (least, greatest) with "
        f"0 < least <= greatest <= 1, got {scale_range!r}."
    )


def _check_drawn(
    function: str, drawn: np.ndarray, n_images: int, n_samples: int | None, image_size: int
) -> None:
    """Check scales and shifts that a caller gives."""
    if n_samples is not None or len(drawn) != n_images:
        raise ValueError(
            f"{function}: parameters have a row for each of the {n_images} images, and n_samples "
            f"is None; got {len(drawn)} rows and n_samples={n_samples!r}. Index images to repeat "
            "or choose them."
        )
    scale, shifts = drawn[:, 0], drawn[:, 1:]
    wrong = ~((scale > 0) & (scale <= 1))
    if wrong.any():
        raise ValueError(
            f"{function}: scales must be above 0 and at most 1; row {wrong.argmax()} of "
            f"parameters has {scale[wrong.argmax()]:g}."
        )
    room = (1 - scale) * image_size / 2
    cut = (np.abs(shifts) > room[:, None]).any(axis=1)
    if cut.any():
        row = cut.argmax()
        raise ValueError(
            f"{function}: row {row} of parameters shifts its image over the edge. At scale "
            f"{scale[row]:g} keep shifts between {-room[row]:g} and {room[row]:g} pixels."
        )


def _draw(
    sources: np.ndarray, source: np.ndarray, drawn: np.ndarray, image_size: int
) -> np.ndarray:
    """Source images in their scales and places."""
    side = sources.shape[1]
    widths = drawn[:, 0] * image_size / (side + 1)
    shifts = drawn[:, 1:] if drawn.shape[1] > 1 else np.zeros((len(drawn), 2))
    X = np.empty((len(drawn), image_size, image_size))
    n_rows = max(1, 2**18 // image_size**2)
    for begin in range(0, len(drawn), n_rows):
        chunk = slice(begin, begin + n_rows)
        right, down = (
            _line_weights(widths[chunk], image_size / 2 + shifts[chunk, axis], side, image_size)
            for axis in (0, 1)
        )
        pixels = sources[source[chunk]].astype(np.float64)
        np.matmul(down @ pixels, right.transpose(0, 2, 1), out=X[chunk])
    # The weights of a pixel sum to at most one but for rounding.
    return np.clip(X, 0.0, 1.0, out=X).reshape(len(drawn), -1)


def _line_weights(
    widths: np.ndarray, centres: np.ndarray, side: int, image_size: int
) -> np.ndarray:
    """Weights (image, new pixel, source pixel) of the resampling of one line.

    Linear interpolation gives each source pixel a tent as wide as two of them; the weight is the
    integral of the tent over the new pixel.
    """
    edges = np.arange(image_size + 1)[:, None]
    places = centres[:, None] + widths[:, None] * (np.arange(side) - (side - 1) / 2)
    t = (edges - places[:, None, :]) / widths[:, None, None]
    np.clip(t, -1.0, 1.0, out=t)
    integral = t + 0.5 * (1 - t * np.abs(t))
    return widths[:, None, None] * np.diff(integral, axis=1)
