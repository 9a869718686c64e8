"""Hamming distances of packed codes, and exact search by looking at every code.

Codes are kept as 64-bit words, one array for each word of a code, so that a query is an exclusive
or and a count of bits over contiguous memory. Base codes are taken in blocks that stay in a core's
cache while all queries pass over them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: base codes that are compared with all queries before the next ones
BLOCK = 2**15
#: the first of them, few: afterwards there are bounds that most codes exceed
FIRST_BLOCK = 2**10


def to_words(codes: np.ndarray) -> np.ndarray:
    """Packed codes as 64-bit words; the first bit of a code is the highest one of its first word.

    Parameters
    ----------
    codes : ndarray of uint8 of shape (n_rows, n_bytes)
        As :func:`numpy.packbits` makes them along the rows.

    Returns
    -------
    words : ndarray of uint64 of shape (n_words, n_rows)
        Missing bytes are zero.
    """
    n_rows, n_bytes = codes.shape
    n_words = -(-n_bytes // 8)
    padded = np.zeros((n_rows, 8 * n_words), np.uint8)
    padded[:, :n_bytes] = codes
    return np.ascontiguousarray(padded.view(">u8").T, dtype=np.uint64)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamming distances of words that broadcast, one code for each position but the first axis."""
    found = np.bitwise_count(a[0] ^ b[0]).astype(_distance_type(len(a)))
    for x, y in zip(a[1:], b[1:], strict=True):
        found += np.bitwise_count(x ^ y)
    return found


def nearest(
    words: np.ndarray, queries: np.ndarray, k: int, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest codes of every query; of equally distant ones those of lowest index.

    Parameters
    ----------
    words : ndarray of uint64 of shape (n_words, n_rows)
    queries : ndarray of uint64 of shape (n_words, n_queries)
    k : int
        At most the number of codes that count.
    own : ndarray of int of shape (n_queries,) or None, default=None
        A code that does not count, for each query.

    Returns
    -------
    distance, index : ndarray of shape (n_queries, k)
        By rising distance, then by rising index.
    """
    kind, n_queries = _distance_type(len(words)), queries.shape[1]
    distance = np.full((n_queries, k), np.iinfo(kind).max, kind)
    index = np.full((n_queries, k), -1, np.intp)
    bound = np.full(n_queries, np.iinfo(kind).max, kind)
    for start, j, d in _scan(words, queries, own):
        # a code as far as the last one found so far has a higher index than it
        hits = np.flatnonzero(d < bound[j])
        if not hits.size:
            continue
        if hits.size > 4 * k:
            near = d[hits]
            hits = hits[near <= np.partition(near, k - 1)[k - 1]]
        both = np.concatenate([distance[j], d[hits]])
        order = np.argsort(both, kind="stable")[:k]
        index[j] = np.concatenate([index[j], hits + start])[order]
        distance[j] = both[order]
        bound[j] = distance[j, -1]
    return distance, index


def ball(
    words: np.ndarray, queries: np.ndarray, radius: int, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All codes within a radius of every query.

    Parameters
    ----------
    words, queries, own
        As for :func:`nearest`.
    radius : int
        Bits in which a code may differ.

    Returns
    -------
    query, index, distance : ndarray of shape (n_found,)
        Number of the query, the code's index and its distance; by rising query, then index.
    """
    # not so large that it takes in what does not count
    radius = min(radius, 64 * len(words))
    parts: list[tuple[np.ndarray, ...]] = [(np.empty(0, np.intp),) * 3]
    for start, j, d in _scan(words, queries, own):
        hits = np.flatnonzero(d <= radius)
        if hits.size:
            parts.append((np.full(hits.size, j), hits + start, d[hits]))
    query, index, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(query, kind="stable")
    return query[order], index[order], distance[order]


def _distance_type(n_words: int) -> type[np.unsignedinteger]:
    """The smallest type of a distance that leaves its largest value free, to mean "none"."""
    if n_words < 4:
        return np.uint8
    return np.uint16 if n_words < 1024 else np.uint32


def _scan(
    words: np.ndarray, queries: np.ndarray, own: np.ndarray | None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Distances of blocks of codes to each query; a query's own code gets the largest value.

    Yields the first index of the block, the number of the query, and the distances in a buffer
    that is used again.
    """
    n_words, n_rows = words.shape
    kind = _distance_type(n_words)
    size = min(BLOCK, n_rows)
    differ, count, total = (np.empty(size, dtype) for dtype in (np.uint64, np.uint8, kind))
    each = list(queries.T)
    for start in (0, *range(min(FIRST_BLOCK, size), n_rows, size)):
        block = words[:, start : start + (size if start else min(FIRST_BLOCK, size))]
        n = block.shape[1]
        x, c, d = differ[:n], count[:n], total[:n]
        for j, query in enumerate(each):
            np.bitwise_xor(block[0], query[0], out=x)
            np.bitwise_count(x, out=d)
            for w in range(1, n_words):
                np.bitwise_xor(block[w], query[w], out=x)
                np.bitwise_count(x, out=c)
                np.add(d, c, out=d)
            if own is not None and start <= own[j] < start + n:
                d[own[j] - start] = np.iinfo(kind).max
            yield start, j, d
