"""Small data sets whose structure is known, and loaders of real ones.

The generators of images with known parameters return ``(X, parameters)``: one image a row, float64
in [0, 1], and its true parameters in the same row of the second array.
"""

from skdeepbm.datasets._big_small import make_big_and_small_digits
from skdeepbm.datasets._generators import make_bars_and_stripes
from skdeepbm.datasets._robot_arm import make_robot_arm
from skdeepbm.datasets._square_room import make_square_and_room

__all__ = [
    "make_bars_and_stripes",
    "make_big_and_small_digits",
    "make_robot_arm",
    "make_square_and_room",
]
