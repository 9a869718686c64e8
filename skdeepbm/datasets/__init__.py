"""Small data sets whose structure is known, and loaders of real ones."""

from skdeepbm.datasets._generators import make_bars_and_stripes

__all__ = ["make_bars_and_stripes"]
