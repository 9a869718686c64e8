"""One loader for all benchmarks: the folder named by SKDEEPBM_DATA, else scikit-learn's cache."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import fetch_20newsgroups, fetch_openml, load_digits
from sklearn.feature_extraction.text import CountVectorizer


def data_folder() -> Path | None:
    """The folder that SKDEEPBM_DATA names, if it is set."""
    name = os.environ.get("SKDEEPBM_DATA")
    return Path(name) if name else None


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: (1797, 64) float64 in [0, 1], and labels."""
    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


def _idx(path: Path, offset: int, shape: tuple[int, ...]) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset).reshape(shape)


@cache
def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """MNIST: X_train (60000, 784) and X_test (10000, 784) float32 in [0, 1], with their labels.

    Returns ``X_train, y_train, X_test, y_test``. Without SKDEEPBM_DATA it is downloaded once
    from OpenML into scikit-learn's cache.
    """
    folder = data_folder()
    if folder is not None:
        parts = []
        for part in ("train", "t10k"):
            images = _idx(folder / "mnist" / f"{part}-images-idx3-ubyte.gz", 16, (-1, 784))
            labels = _idx(folder / "mnist" / f"{part}-labels-idx1-ubyte.gz", 8, (-1,))
            parts += [images.astype(np.float32) / np.float32(255), labels]
        return parts[0], parts[1], parts[2], parts[3]
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    X, y = X.astype(np.float32) / np.float32(255), y.astype(np.uint8)
    return X[:60_000], y[:60_000], X[60_000:], y[60_000:]


@cache
def alphadigits() -> tuple[np.ndarray, str]:
    """Binary Alphadigits, (1404, 320) float32; without SKDEEPBM_DATA digits with pixels > 0.5."""
    folder = data_folder()
    if folder is None:
        return (digits()[0] > 0.5).astype(np.float32), "digits, pixels > 0.5"
    found = np.load(folder / "alphadigits" / "binaryalphadigs.npz")
    return found["X"].reshape(-1, 320).astype(np.float32), "Binary Alphadigits"


def movie_features() -> sp.csr_matrix | None:
    """Binary movie features (9742, 561) with 0.45 % ones; None without SKDEEPBM_DATA."""
    folder = data_folder()
    if folder is None:
        return None
    return sp.load_npz(folder / "movielens_small" / "movie_features.npz").tocsr()


@cache
def newsgroups() -> dict[str, Any]:
    """20 Newsgroups (bydate), counts of the 2000 most frequent words that are no stop words.

    ``X_train`` (11314, 2000) and ``X_test`` (7532, 2000) float32 CSR, ``y_train``, ``y_test`` and
    ``vocabulary``. Without SKDEEPBM_DATA it is downloaded once into scikit-learn's cache.
    """
    folder = data_folder()
    if folder is not None:
        where = folder / "newsgroups20"
        labels = np.load(where / "labels.npz")
        return {
            "X_train": sp.load_npz(where / "counts2000_train.npz").tocsr().astype(np.float32),
            "X_test": sp.load_npz(where / "counts2000_test.npz").tocsr().astype(np.float32),
            "y_train": labels["y_train"],
            "y_test": labels["y_test"],
            "vocabulary": np.array((where / "vocabulary.txt").read_text().split()),
        }
    train, test = (
        fetch_20newsgroups(subset=subset, remove=("headers",)) for subset in ("train", "test")
    )
    counter = CountVectorizer(
        max_features=2000,
        stop_words="english",
        token_pattern=r"(?u)\b[a-z]{3,}\b",
        dtype=np.float32,
    )
    return {
        "X_train": counter.fit_transform(train.data),
        "X_test": counter.transform(test.data),
        "y_train": train.target,
        "y_test": test.target,
        "vocabulary": counter.get_feature_names_out(),
    }


def nips() -> tuple[sp.csr_matrix, sp.csr_matrix] | None:
    """Papers of NIPS 0 to 12: 1690 to train, the last 50 to test; None without SKDEEPBM_DATA."""
    folder = data_folder()
    if folder is None:
        return None
    X = sp.load_npz(folder / "nips" / "counts.npz").tocsr().astype(np.float32)
    return X[:-50], X[-50:]
