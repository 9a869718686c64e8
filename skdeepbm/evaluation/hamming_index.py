"""Hamming balls by look-up: parts of the codes as addresses of tables.

Semantic hashing (Salakhutdinov & Hinton 2009) takes a code as the address of a row, and reads all
addresses within the ball. For that a code must be short. Multi-index hashing (Norouzi, Punjani &
Fleet 2012) cuts codes into m parts with a table for each: if two codes differ in at most
``r = m a + b`` bits, ``b < m``, then one of the first ``b + 1`` parts differs in at most ``a`` bits
or one of the others in at most ``a - 1``. What the tables hold at these addresses is checked.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from skdeepbm.evaluation import hamming

#: longest address in bits
_LONGEST = 20
#: addresses or candidates that are held at once
_ROOM = 2**20
#: rough nanoseconds, with a million codes: an address read, a candidate checked (and for each of
#: its words), a word of a code compared in a scan, a block of a scan begun
_PROBE, _CANDIDATE, _CANDIDATE_WORD, _SCAN_WORD, _SCAN_BLOCK = 200.0, 30.0, 20.0, 1.5, 6000.0


class MultiIndex:
    """Tables of the parts of codes.

    Parameters
    ----------
    words : ndarray of uint64 of shape (n_words, n_rows)
        As :func:`skdeepbm.evaluation.hamming.to_words` makes them.
    n_bits : int
        Length of a code.
    """

    def __init__(self, words: np.ndarray, n_bits: int) -> None:
        self.words = words
        n_rows = words.shape[1]
        self.edges = _edges(n_rows, n_bits)
        order, starts, self._offsets = [], [], [0]
        kind = np.int32 if n_rows < 2**31 else np.int64
        for part in range(len(self.edges) - 1):
            address = self._addresses(words, part)
            n_addresses = 2 ** (self.edges[part + 1] - self.edges[part])
            counts = np.bincount(address, minlength=n_addresses)
            order.append(np.argsort(address, kind="stable").astype(kind))
            starts.append(part * n_rows + np.concatenate([[0], np.cumsum(counts)]))
            self._offsets.append(self._offsets[-1] + n_addresses + 1)
        # the rows by address, one part after the other, and where each address begins
        self._order, self._starts = np.concatenate(order), np.concatenate(starts)

    def ball(
        self, queries: np.ndarray, radius: int, own: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As :func:`skdeepbm.evaluation.hamming.ball`.

        A query whose addresses hold so many codes that a scan is cheaper is answered by a scan.
        """
        probes = self._probes(radius)
        n_probes = sum(masks.size for masks in probes)
        n_words, n_rows = self.words.shape
        n_queries = queries.shape[1]
        affordable = (_scan_cost(n_words, n_rows) - _PROBE * n_probes) / _check_cost(n_words)
        scanned: list[np.ndarray] = [np.empty(0, np.intp)]
        parts: list[tuple[np.ndarray, ...]] = [(np.empty(0, np.intp),) * 3]
        size = max(1, _ROOM // n_probes)
        for begin in range(0, n_queries, size):
            first, count = self._buckets(queries[:, begin : begin + size], probes)
            n_candidates = count.sum(axis=1)
            scanned.append(begin + np.flatnonzero(n_candidates > affordable))
            cheap = np.flatnonzero(n_candidates <= affordable)
            # runs of queries that fit into the room together
            runs = np.cumsum(n_candidates[cheap]) // _ROOM
            for run in np.split(cheap, np.flatnonzero(np.diff(runs)) + 1):
                parts.append(self._check(queries, begin, run, first[run], count[run], radius, own))
        many = np.concatenate(scanned)
        query, index, distance = hamming.ball(
            self.words, queries[:, many], radius, None if own is None else own[many]
        )
        parts.append((many[query], index, distance))
        query, index, distance = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(query, kind="stable")
        return query[order], index[order], distance[order]

    def _addresses(self, words: np.ndarray, part: int) -> np.ndarray:
        """The bits of a part, as a number."""
        begin, end = self.edges[part], self.edges[part + 1]
        word, left = divmod(begin, 64)
        right = 64 * (word + 1) - end
        mask = np.uint64(2 ** (end - begin) - 1)
        if right >= 0:
            found = (words[word] >> np.uint64(right)) & mask
        else:
            high = words[word] << np.uint64(-right)
            found = (high | (words[word + 1] >> np.uint64(64 + right))) & mask
        return found.astype(np.int64)

    def _probes(self, radius: int) -> list[np.ndarray]:
        """What to flip in the address of each part."""
        return [_masks(length, a) for length, a in _radii(self.edges, radius)]

    def _buckets(
        self, queries: np.ndarray, probes: list[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where in the order of the rows each address begins, and how many rows it has."""
        found = [
            self._offsets[part] + (self._addresses(queries, part)[:, None] ^ masks)
            for part, masks in enumerate(probes)
        ]
        at = np.concatenate(found, axis=1)
        first = self._starts[at]
        return first, self._starts[at + 1] - first

    def _check(
        self,
        queries: np.ndarray,
        begin: int,
        run: np.ndarray,
        first: np.ndarray,
        count: np.ndarray,
        radius: int,
        own: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The candidates of some queries that are within the radius, each once."""
        query = np.repeat(begin + run, count.sum(axis=1))
        count = count.ravel()
        gap = first.ravel() - (np.cumsum(count) - count)
        row = self._order[np.repeat(gap, count) + np.arange(query.size)]
        d = hamming.distances(self.words[:, row], queries[:, query])
        keep = d <= radius
        if own is not None:
            keep &= row != own[query]
        query, row, d = query[keep], row[keep].astype(np.intp), d[keep]
        # several parts may lead to one row
        _, once = np.unique(query * self.words.shape[1] + row, return_index=True)
        return query[once], row[once], d[once]


def worth_looking_up(n_words: int, n_rows: int, n_bits: int, radius: int) -> bool:
    """Whether a look-up is cheaper than a scan where all addresses are equally frequent."""
    edges, cost = _edges(n_rows, n_bits), 0.0
    for length, a in _radii(edges, radius):
        n_probes = sum(math.comb(length, i) for i in range(a + 1))
        cost += n_probes * (_PROBE + _check_cost(n_words) * n_rows / 2**length)
    return cost < _scan_cost(n_words, n_rows)


def _scan_cost(n_words: int, n_rows: int) -> float:
    return _SCAN_WORD * n_words * n_rows + _SCAN_BLOCK * math.ceil(n_rows / hamming.BLOCK)


def _check_cost(n_words: int) -> float:
    return _CANDIDATE + _CANDIDATE_WORD * n_words


def _edges(n_rows: int, n_bits: int) -> list[int]:
    """Where parts of about log2(n_rows) bits begin and end: about one row for each address."""
    longest = min(max(round(math.log2(n_rows)), 1), _LONGEST)
    m = math.ceil(n_bits / longest)
    length, n_longer = divmod(n_bits, m)
    # longer parts first, since those are searched farther
    return [part * length + min(part, n_longer) for part in range(m + 1)]


def _radii(edges: list[int], radius: int) -> list[tuple[int, int]]:
    """Length of each part that is searched, and the radius within it."""
    m = len(edges) - 1
    a, b = divmod(radius, m)
    radii = [a if part <= b else a - 1 for part in range(m)]
    lengths = [end - begin for begin, end in zip(edges[:-1], edges[1:], strict=True)]
    return [(length, r) for length, r in zip(lengths, radii, strict=True) if r >= 0]


@cache
def _masks(length: int, radius: int) -> np.ndarray:
    """Numbers of `length` bits of which at most `radius` are set."""
    every = np.arange(2**length)
    return every[np.bitwise_count(every) <= radius]
