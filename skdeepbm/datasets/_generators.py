"""Generated data sets."""

from __future__ import annotations

import numpy as np


def make_bars_and_stripes(size: int = 4) -> np.ndarray:
    """All images of bars and stripes (MacKay 2003, section 43.3), each once.

    Every image has either its rows or its columns each wholly on or off.

    Parameters
    ----------
    size : int, default=4
        Images have ``size`` x ``size`` pixels.

    Returns
    -------
    X : ndarray of shape (2 ** (size + 1) - 2, size ** 2)
        Zeros and ones, float64. The two images that are both bars and stripes (all on, all off)
        occur once each.

    Raises
    ------
    ValueError
        If ``size`` is not between 1 and 16.

    Examples
    --------
    >>> from skdeepbm.datasets import make_bars_and_stripes
    >>> make_bars_and_stripes(2).astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    """
    if not 1 <= size <= 16:
        raise ValueError(f"size must be between 1 and 16, got {size!r}.")
    patterns = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    rows = np.repeat(patterns[:, :, None], size, axis=2).reshape(-1, size * size)
    columns = np.repeat(patterns[:, None, :], size, axis=1).reshape(-1, size * size)
    return np.unique(np.concatenate([rows, columns]), axis=0).astype(np.float64)
