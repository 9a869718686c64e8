"""Images of a square that moves about a room."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skdeepbm.datasets._arguments import check_integer, check_length, check_parameters

_WALL = 0.5


def make_square_and_room(
    n_samples: int = 1000,
    *,
    image_size: int = 28,
    square_size: float = 6.0,
    wall_width: int = 1,
    parameters: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Images of a bright square that moves about a room: two true parameters.

    The square (1) stands anywhere on the dark floor (0) of a room whose walls (0.5), the border
    of the image, are the same in all images. A pixel on the edge of the square has the share of
    its area that the square covers, so that all pixels change continuously with the position. In
    pixel space the images form a strongly curved surface: squares that do not overlap are equally
    far from each other wherever they stand.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. Ignored if ``parameters`` are given.

    image_size : int, default=28
        Images have ``image_size`` x ``image_size`` pixels.

    square_size : float, default=6.0
        Side of the square in pixels, at least 1 and less than the side of the floor,
        ``image_size - 2 * wall_width``.

    wall_width : int, default=1
        Thickness of the walls in pixels.

    parameters : array-like of shape (n_samples, 2), default=None
        Positions to draw, in the columns and units of the result. If None, they are uniform over
        all places where the square stands inside the walls.

    random_state : int, RandomState instance or None, default=None
        Draws the positions. Pass an int for the same images in every call.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size ** 2)
        One image a row, its pixels row by row from the top; float64 in [0, 1].

    parameters : ndarray of shape (n_samples, 2)
        The centre of the square: its distance from the left and from the upper edge of the
        image, in pixels. The centre of pixel ``[row, column]`` is ``(column + 0.5, row + 0.5)``.

    Raises
    ------
    ValueError
        If an argument is out of its range, the square is too large for the room, or a given
        position puts it into a wall.

    See Also
    --------
    make_robot_arm : Images whose true parameters are angles.

    Notes
    -----
    Data of this name were used to compare ways of training deep autoencoders. No exact recipe of
    those is at hand: numbers obtained with these images compare with each other only.

    Examples
    --------
    >>> from skdeepbm.datasets import make_square_and_room
    >>> X, centres = make_square_and_room(100, random_state=0)
    >>> X.shape, centres.shape
    ((100, 784), (100, 2))
    >>> X, centres = make_square_and_room(image_size=6, square_size=2, parameters=[[2.5, 3.0]])
    >>> print(X.reshape(6, 6))
    [[0.5 0.5 0.5 0.5 0.5 0.5]
     [0.5 0.  0.  0.  0.  0.5]
     [0.5 0.5 1.  0.5 0.  0.5]
     [0.5 0.5 1.  0.5 0.  0.5]
     [0.5 0.  0.  0.  0.  0.5]
     [0.5 0.5 0.5 0.5 0.5 0.5]]
    """
    function = "make_square_and_room"
    image_size = check_integer(function, "image_size", image_size, 1)
    wall_width = check_integer(function, "wall_width", wall_width, 1)
    square_size = check_length(function, "square_size", square_size, 1)
    floor = image_size - 2 * wall_width
    if not square_size < floor:
        raise ValueError(
            f"{function}: a square of {square_size:g} pixels cannot move on a floor of {floor} "
            "pixels. Lower square_size or wall_width, or raise image_size."
        )
    low = wall_width + square_size / 2
    high = image_size - low
    if parameters is None:
        n_samples = check_integer(function, "n_samples", n_samples, 1)
        centres = check_random_state(random_state).uniform(low, high, (n_samples, 2))
    else:
        centres = check_parameters(function, parameters, ("horizontal", "vertical"))
        outside = ((centres < low) | (centres > high)).any(axis=1)
        if outside.any():
            row = outside.argmax()
            raise ValueError(
                f"{function}: row {row} of parameters, {centres[row].tolist()}, puts the square "
                f"into a wall. Keep both coordinates between {low:g} and {high:g}."
            )

    room = np.full((image_size, image_size), _WALL)
    room[wall_width:-wall_width, wall_width:-wall_width] = 0.0
    images = np.empty((len(centres), image_size, image_size))
    covered = _covered(centres, square_size, image_size)
    np.multiply(covered[:, 1, :, None], covered[:, 0, None, :], out=images)
    images += room
    return images.reshape(len(centres), -1), centres


def _covered(centres: np.ndarray, length: float, image_size: int) -> np.ndarray:
    """Share of every pixel of a line that an interval about each centre covers."""
    left = np.arange(image_size)
    begin = np.maximum(left, centres[..., None] - length / 2)
    end = np.minimum(left + 1, centres[..., None] + length / 2)
    return np.maximum(end - begin, 0.0)
