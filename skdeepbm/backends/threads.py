"""Independent loops side by side, each in a thread with BLAS to itself.

Two threads of one loop share its matrix products alone, and meet after each of them; two loops
share everything else too. BLAS is held to one thread meanwhile, so that no core has two to run.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context

from threadpoolctl import ThreadpoolController

Loop = Generator[None, None, None]

# threads of BLAS for each loop from which on its products alone gain more than the loops would
_MANY = 4
# of the process: two that change the number of threads at once would restore each other's
_busy = threading.Lock()


def run_together(loops: Sequence[Loop]) -> None:
    """Take every loop to its end, in as many threads as BLAS has in this process.

    The calling thread is one of them. Loops run one after the other where BLAS has one thread (or
    its number is not known), where it has so many that most would have no loop, and while another
    call is under way.

    Parameters
    ----------
    loops : sequence of generator
        The first error in any of them stops all of them at their next ``yield`` and is raised.
    """
    if len(loops) > 1 and _busy.acquire(blocking=False):
        try:
            blas = ThreadpoolController().select(user_api="blas")
            n_blas = max((pool["num_threads"] for pool in blas.info()), default=1)
            n = min(n_blas, len(loops))
            if 1 < n and n_blas < _MANY * n:
                with blas.limit(limits=1):
                    _run(loops, n)
                return
        finally:
            _busy.release()
    for loop in loops:
        for _ in loop:
            pass


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
