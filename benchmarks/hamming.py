"""Speed of search over packed codes against scikit-learn's over real ones.

Nearest ten of 1,000,000 random codes of 128 bits, to be found for 1000 queries; scikit-learn's
`NearestNeighbors(algorithm="brute")` finds the nearest ten of 1,000,000 x 128 float32 values by
Euclidean distance, and is given 300 queries. Balls of radius 2 around 1000 of 1,000,000 random
codes of 30 bits, by look-up and by a scan (50 queries).
"""

import os
import statistics
import time
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from benchmarks.markdown import table
from benchmarks.timing import interleaved, ratio
from skdeepbm import HammingNeighbors
from skdeepbm.evaluation import hamming

N_CODES, N_BITS, N_NEIGHBORS, BALL_BITS, RADIUS = 1_000_000, 128, 10, 30, 2
OURS, RIVAL, LOOKED_UP, SCANNED = "kneighbors", "sklearn, float32", "ball, look-up", "ball, scan"


def run(quick: bool = False) -> dict[str, Any]:
    n_codes, rounds = (50_000, 2) if quick else (N_CODES, 5)
    n_queries = {OURS: 1000, RIVAL: 300, LOOKED_UP: 1000, SCANNED: 50}
    if quick:
        n_queries[OURS] = 100
    rng = np.random.default_rng(0)

    codes = rng.integers(0, 256, (n_codes, N_BITS // 8), dtype=np.uint8)
    ours = HammingNeighbors(N_NEIGHBORS).fit(codes)
    asked = rng.integers(0, 256, (n_queries[OURS], N_BITS // 8), dtype=np.uint8)
    real = rng.random((n_codes, N_BITS), dtype=np.float32)
    rival = NearestNeighbors(n_neighbors=N_NEIGHBORS, algorithm="brute").fit(real)
    real_asked = rng.random((n_queries[RIVAL], N_BITS), dtype=np.float32)

    short = np.packbits(rng.integers(0, 2, (n_codes, BALL_BITS), dtype=np.uint8), axis=1)
    centres = short[: n_queries[LOOKED_UP]]
    begin = time.perf_counter()
    balls = HammingNeighbors(radius=RADIUS, n_bits=BALL_BITS).fit(short)
    found = balls.radius_neighbors(centres, return_distance=False)
    first = time.perf_counter() - begin
    words = hamming.to_words(short)
    scanned = words[:, : n_queries[SCANNED]]
    index = hamming.ball(words, scanned, RADIUS)[1]
    same = np.array_equal(index, np.concatenate(found[: n_queries[SCANNED]]))

    contenders = {
        OURS: lambda: ours.kneighbors(asked),
        RIVAL: lambda: rival.kneighbors(real_asked),
        LOOKED_UP: lambda: balls.radius_neighbors(centres),
        SCANNED: lambda: hamming.ball(words, scanned, RADIUS),
    }
    load = os.getloadavg()[0]
    seconds = {
        name: [s / n_queries[name] for s in each]
        for name, each in interleaved(contenders, rounds).items()
    }
    return {
        "n_codes": n_codes,
        "rounds": rounds,
        "milliseconds": {name: 1e3 * statistics.median(each) for name, each in seconds.items()},
        "times_as_fast": {
            OURS: ratio(seconds[RIVAL], seconds[OURS]),
            LOOKED_UP: ratio(seconds[SCANNED], seconds[LOOKED_UP]),
        },
        "megabytes": {OURS: codes.nbytes / 1e6, RIVAL: real.nbytes / 1e6},
        "first_seconds": first,
        "same": same,
        "load": load,
    }


def form(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{found['megabytes'][name]:.0f}" if name in found["megabytes"] else "",
            f"{milliseconds:.3g}",
            f"{found['times_as_fast'][name]:.3g}" if name in found["times_as_fast"] else "",
        ]
        for name, milliseconds in found["milliseconds"].items()
    ]
    same = "the same rows" if found["same"] else "DIFFERENT rows"
    size = "" if found["n_codes"] == N_CODES else f" Here {found['n_codes']:,} codes only."
    return (
        __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
        + f"{size} Medians over {found['rounds']} rounds of milliseconds a query, and of ratios "
        f"within a round: to scikit-learn, and of look-up to scan, which find {same}. Fit, tables "
        f"and the first look-up: {found['first_seconds']:.2f} s. Load of the machine before: "
        f"{found['load']:.1f}.\n\n"
        + table(["search", "MB of codes", "ms a query", "times as fast"], rows)
    )


if __name__ == "__main__":
    print(form(run()))
