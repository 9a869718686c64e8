"""Loops side by side: all of them end, one error ends all, and BLAS is as it was."""

import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.backends.threads import run_together


def _blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    with threadpool_limits(request.param, user_api="blas"):
        yield request.param


@pytest.mark.parametrize("n_loops", [0, 1, 2, 7])
def test_every_loop_comes_to_its_end(n_threads, n_loops):
    seen, used, before = [[] for _ in range(n_loops)], set(), _blas_threads()
    gate = threading.Barrier(min(n_threads, n_loops), timeout=10) if n_loops else None

    def loop(i):
        if i < min(n_threads, n_loops):
            gate.wait()  # as many loops are under way at once as there are threads
        for step in range(5):
            used.add(threading.get_ident())
            assert n_threads == 1 or n_loops < 2 or set(_blas_threads()) == {1}
            seen[i].append(step)
            yield

    # the loops taken first are the first ones
    run_together([loop(i) for i in range(n_loops)])
    assert seen == [list(range(5))] * n_loops
    assert len(used) == min(n_threads, n_loops)
    assert _blas_threads() == before


def test_many_threads_of_products_serve_one_loop_after_the_other():
    seen = []

    def loop(i):
        seen.append((i, threading.get_ident(), max(_blas_threads())))
        yield

    with threadpool_limits(8, user_api="blas"):
        run_together([loop(0), loop(1)])
    assert seen == [(i, threading.get_ident(), 8) for i in range(2)]


@pytest.mark.parametrize("guilty", [0, 1])
def test_an_error_ends_all_loops(guilty):
    ended, gate = [], threading.Barrier(2, timeout=10)

    def loop(i):
        try:
            gate.wait()
            for step in range(10**9):
                if i == guilty and step == 3:
                    raise ValueError(f"loop {i}")
                yield
        finally:
            ended.append(i)

    before = _blas_threads()
    with threadpool_limits(2, user_api="blas"), pytest.raises(ValueError, match=f"loop {guilty}"):
        run_together([loop(0), loop(1)])
    assert sorted(ended) == [0, 1]
    assert _blas_threads() == before


def test_loops_inside_loops_run_one_after_the_other():
    order = []

    def inner(i):
        for step in range(2):
            order.append((i, step))
            yield

    def outer():
        run_together([inner(0), inner(1)])
        yield

    def idle():
        yield

    with threadpool_limits(2, user_api="blas"):
        run_together([outer(), idle()])
    assert order == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_settings_of_floating_point_errors_reach_every_thread():
    def loop():
        yield
        np.exp(np.array([1e3]))

    with threadpool_limits(2, user_api="blas"):
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error")
            run_together([loop(), loop()])
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            run_together([loop(), loop()])


@pytest.mark.parametrize("n_rows", [1, 49, 99, 100, 1234])
def test_blocks_are_all_rows_in_order(plain, n_rows):
    for n_products in (1, 10**6):
        blocks = plain.row_blocks(n_rows, n_products)
        rows = np.arange(n_rows)
        np.testing.assert_array_equal(np.concatenate([rows[block] for block in blocks]), rows)
        sizes = [rows[block].size for block in blocks]
        assert len(blocks) == 1 or (n_products > 1 and min(sizes) >= 50 and max(sizes) < 100)
    assert len(NumpyBackend().row_blocks(100, 10**6)) == 2


def test_branches_are_other_streams(backend):
    """One branch is the stream itself; several are new ones, and as reproducible."""
    stream = backend.stream(np.random.SeedSequence(3))
    assert backend.branches(stream, 1) == [stream]
    drawn = []
    for _ in range(2):
        stream = backend.stream(np.random.SeedSequence(3))
        streams = [*backend.branches(stream, 3), stream]
        numbers = [backend.uniform((50,), each, np.float64) for each in streams]
        drawn.append(np.stack([np.asarray(backend.to_host(each)) for each in numbers]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.unique(drawn[0]).size == drawn[0].size
