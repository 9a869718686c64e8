"""Loops side by side: all of them end, one error ends all, and BLAS is as it was."""

import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skdeepbm.backends.threads import blas, one_thread, run_together
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import BernoulliUnits
from skdeepbm.training.batches import Rows
from skdeepbm.training.rbm_trainer import RBMTrainer
from skdeepbm.training.settings import TrainingSettings, TrainingState


def _blas_threads():
    return [pool["num_threads"] for pool in blas().info()]


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


@pytest.mark.parametrize(("n_products", "n_blas"), [(2**23, 2), (2**23 - 1, 1)])
def test_small_products_have_one_thread(plain, n_products, n_blas):
    seen = []

    def loop():
        seen.append(max(_blas_threads()))
        yield

    with threadpool_limits(2, user_api="blas"):
        plain.run_together([loop()], n_products)
        assert max(_blas_threads()) == 2
    assert seen == [n_blas]


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


def test_one_thread_lasts_as_long_as_the_first_one_wants_it():
    seen = []

    def other():
        with one_thread():
            seen.append(max(_blas_threads()))

    with threadpool_limits(2, user_api="blas"):
        with one_thread():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            seen.append(max(_blas_threads()))
            with one_thread():
                pass
            seen.append(max(_blas_threads()))
        seen.append(max(_blas_threads()))
        with one_thread():
            seen.append(max(_blas_threads()))
    assert seen == [1, 1, 1, 2, 1]


@pytest.mark.parametrize(("n_rows", "expected"), [(10, 1), (50, 2)])
def test_training_on_small_batches_has_one_thread(plain, ref, n_rows, expected):
    rng, seen = np.random.default_rng(0), []
    rbm = RBM(
        BernoulliUnits(plain, np.zeros(300, np.float32)),
        BernoulliUnits(plain, np.zeros(300, np.float32)),
        np.zeros((300, 300), np.float32),
    )
    trainer = RBMTrainer(
        rbm,
        TrainingSettings(batch_size=n_rows),
        TrainingState(),
        np.random.SeedSequence(0),
    )
    step = trainer.step

    def watched(batch):
        seen.append(max(_blas_threads()))
        step(batch)

    trainer.step = watched
    rows = Rows(plain, rng.random((50, 300), np.float32), np.dtype(np.float32))
    with threadpool_limits(2, user_api="blas"):
        trainer.run(rows, 1, Silent())
        trainer.update(rows.batch(np.arange(n_rows)))
        assert max(_blas_threads()) == 2
    assert seen == [expected] * (50 // n_rows + 1)


class Silent:
    def epoch_begin(self):
        pass

    def epoch_end(self, entry):
        return False


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
    for n_products in (1, 20_000, 10**6):
        blocks = plain.row_blocks(n_rows, n_products)
        rows = np.arange(n_rows)
        np.testing.assert_array_equal(np.concatenate([rows[block] for block in blocks]), rows)
        sizes = [rows[block].size for block in blocks]
        assert len(blocks) == 1 or min(sizes) >= 50
        assert len(blocks) == 1 or min(sizes) * n_products >= 2**22
    counts = [len(plain.row_blocks(n, 20_000)) for n in (100, 419, 420, 2000)]
    assert counts == [1, 1, 2, 9]
    assert [len(plain.row_blocks(n, 10**6)) for n in (99, 100, 2000)] == [1, 2, 40]


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
