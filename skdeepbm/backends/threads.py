"""Independent loops side by side, each in a thread with BLAS to itself.

Two threads of one loop share its matrix products alone, and meet after each of them; two loops
share everything else too. BLAS is held to one thread meanwhile, so that no core has two to run.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import copy_context
from functools import cache

from threadpoolctl import ThreadpoolController

Loop = Generator[None, None, None]

# threads of BLAS for each loop from which on its products alone gain more than the loops would
_MANY = 4
_held = threading.Lock()


@cache
def blas() -> ThreadpoolController:
    """The BLAS that NumPy uses, and others that are there by now; looking takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the process to one thread of BLAS, unless somebody else does so already.

    Two that did would restore what each has found, and the last one finds one thread.
    """
    if not _held.acquire(blocking=False):
        yield
        return
    try:
        with blas().limit(limits=1):
            yield
    finally:
        _held.release()


def run_together(loops: Sequence[Loop], small: bool = False) -> None:
    """Take every loop to its end, in as many threads as BLAS has in this process.

    The calling thread is one of them. Loops run one after the other where BLAS has one thread (or
    its number is not known), or so many that most would have no loop.

    Parameters
    ----------
    loops : sequence of generator
        The first error in any of them stops all of them at their next ``yield`` and is raised.
    small : bool, default=False
        Whether products are so small that one thread of BLAS is best for a single loop too. On a
        machine that is busy, two would wait for each other many times as long as they work.
    """
    n_blas = max((pool["num_threads"] for pool in blas().info()), default=1)
    n = min(n_blas, len(loops))
    if small or (n > 1 and n_blas < _MANY * n):
        with one_thread():
            _run(loops, n)
    else:
        _run(loops, 1)


def _run(loops: Sequence[Loop], n_threads: int) -> None:
    left, stop = list(reversed(loops)), threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                try:
                    loop = left.pop()
                except IndexError:
                    return
                with closing(loop):
                    for _ in loop:
                        if stop.is_set():
                            return
        except BaseException:
            stop.set()
            raise

    if n_threads == 1:
        work()
        return
    with ThreadPoolExecutor(n_threads - 1) as pool:
        # settings of floating-point errors belong to the context of the thread
        others = [pool.submit(copy_context().run, work) for _ in range(n_threads - 1)]
        try:
            work()
        finally:
            # also after an interrupt while the others are waited for
            for other in others:
                other.exception()
    for other in others:
        other.result()
