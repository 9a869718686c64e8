"""Corrupted inputs: how many are hit, by what, and what stays as it was."""

import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm.backends import Counts
from skdeepbm.training.corruption import CORRUPTIONS

ENDS = (0.0, 1.0)
SHAPE = (300, 40)


def _corrupted(kind, level, x, backend, seed=0, out=None):
    stream = backend.stream(np.random.SeedSequence(seed))
    given = x if isinstance(x, Counts) else backend.asarray(x)
    return CORRUPTIONS[kind](backend, given, level, ENDS, stream, out)


def _rows(seed=0):
    """Values that are neither 0 nor 1."""
    return np.random.default_rng([seed, 4]).uniform(0.2, 0.8, SHAPE)


def _is_share(hits, share):
    """Whether that share is within 4.5 standard errors of what independent hits give."""
    return abs(hits.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / hits.size)


@pytest.mark.parametrize("level", [0.1, 0.5])
@pytest.mark.parametrize("with_out", [False, True])
def test_masking(backend, level, with_out):
    x = _rows()
    out = backend.empty(SHAPE, np.float64) if with_out else None
    found = _corrupted("masking", level, x, backend, out=out)
    assert (found is out) == with_out
    host = backend.to_host(found)
    assert _is_share(host == 0, level)
    np.testing.assert_array_equal(host[host != 0], x[host != 0])
    # the rows that were given stay clean
    np.testing.assert_array_equal(x, _rows())


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_salt(backend, level):
    x = _rows()
    host = backend.to_host(_corrupted("salt", level, x, backend))
    for end in ENDS:
        assert _is_share(host == end, level / 2)
    kept = (host != 0) & (host != 1)
    np.testing.assert_array_equal(host[kept], x[kept])
    np.testing.assert_array_equal(x, _rows())


def test_gaussian(backend):
    x, std = _rows(), 0.3
    noise = backend.to_host(_corrupted("gaussian", std, x, backend)) - x
    assert abs(noise.mean()) < 4.5 * std / np.sqrt(noise.size)
    assert abs(noise.std() - std) < 4.5 * std / np.sqrt(2 * noise.size)
    np.testing.assert_array_equal(x, _rows())


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_hits_of_rows_and_columns_differ(backend, kind):
    """No row and no column is hit as another one is."""
    x = np.full(SHAPE, 0.5)
    changed = backend.to_host(_corrupted(kind, 0.5, x, backend)) - x
    assert len(np.unique(changed, axis=0)) == SHAPE[0]
    assert len(np.unique(changed, axis=1).T) == SHAPE[1]


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_repeats_with_its_stream_and_keeps_the_dtype(backend, kind, dtype):
    x = _rows().astype(dtype)
    first, second, other = (_corrupted(kind, 0.4, x, backend, seed) for seed in (0, 0, 1))
    assert first.dtype == backend.asarray(x).dtype
    first, second, other = (backend.to_host(found) for found in (first, second, other))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_masking_of_counts_stays_sparse(plain):
    counts = sp.csr_array(np.random.default_rng(0).poisson(0.2, (500, 60)).astype(np.float64))
    before = counts.data.copy()
    found = _corrupted("masking", 0.3, Counts.of(counts), plain)
    assert isinstance(found, Counts)
    assert _is_share(found.data == 0, 0.3)
    kept = found.data != 0
    np.testing.assert_array_equal(found.data[kept], before[kept])
    np.testing.assert_array_equal(found.indices, counts.indices)
    np.testing.assert_array_equal(counts.data, before)
