"""Interleaved timing: every contender runs once in every round, in turn."""

import statistics
import time
from collections.abc import Callable


def interleaved(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    for _ in range(rounds):
        for name, run in contenders.items():
            begin = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def ratio(a: list[float], b: list[float]) -> float:
    """Median over rounds of a / b, so that a drift of the machine's speed cancels."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))
