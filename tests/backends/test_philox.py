"""The random numbers of the CUDA kernels, compiled for the host from the very same source."""

import ast
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

_COMPILER = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")

pytestmark = pytest.mark.skipif(_COMPILER is None, reason="no C++ compiler on the PATH")

_MAIN = """
#include <cmath>
#include <cstdio>
#include <cstdlib>
#define __host__
#define __device__
%s
// words KEY COUNTER | draws KEY FIRST N
int main(int argc, char **argv) {
    unsigned long long key = strtoull(argv[2], 0, 10), counter = strtoull(argv[3], 0, 10);
    if (argv[1][0] == 'w') {
        philox_out r = philox(key, counter);
        printf("%%08x %%08x %%08x %%08x\\n", r.x, r.y, r.z, r.w);
        return 0;
    }
    long n = atol(argv[4]);
    for (long i = 0; i < n; ++i) {
        float uf, gf; double ud, gd;
        philox_out r = philox(key, counter + i);
        philox_uniform(r, uf); philox_uniform(r, ud); philox_normal(r, gf); philox_normal(r, gd);
        printf("%%.17g %%.17g %%.17g %%.17g\\n", uf, ud, gf, gd);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The preamble of the kernels as a program for the host."""
    package = Path(find_spec("skdeepbm").submodule_search_locations[0])
    tree = ast.parse((package / "backends" / "cupy_backend.py").read_text(encoding="utf-8"))
    (source,) = (
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "_PHILOX"
    )
    folder = tmp_path_factory.mktemp("philox")
    (folder / "philox.cpp").write_text(_MAIN % source, encoding="utf-8")
    command = [_COMPILER, "-O1", "-o", str(folder / "philox"), str(folder / "philox.cpp")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    def run(*arguments):
        command = [str(folder / "philox"), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run


def _philox(counter, key):
    """Philox4x32-10 of four counter words and two key words, from Salmon et al. (2011)."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c3 ^ k1,
            p0 & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return f"{c0:08x} {c1:08x} {c2:08x} {c3:08x}"


def test_known_answer(program):
    # the known-answer vectors of Random123 for philox4x32 with ten rounds
    zeros, ones = "6627e8d5 e169c58d bc57ac4c 9b00dbd8", "408f276d 41c83b0e a20bc7c6 6d5451fd"
    assert program("words", 0, 0).strip() == zeros
    assert _philox((0, 0, 0, 0), (0, 0)) == zeros
    assert _philox((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2) == ones


@pytest.mark.parametrize("key", [1, 2**32 + 5, 2**64 - 1])
@pytest.mark.parametrize("counter", [1, 2**32 - 1, 2**40 + 3])
def test_long_keys_and_counters(program, key, counter):
    def split(number):
        return number & 0xFFFFFFFF, number >> 32

    expected = _philox((*split(counter), 0, 0), split(key))
    assert program("words", key, counter).strip() == expected


def test_uniform_and_normal(program, ref):
    text = program("draws", 1234567, 10, 20_000)
    draws = np.array([[float(word) for word in line.split()] for line in text.splitlines()])
    uniform, normal = draws[:, :2], draws[:, 2:]
    assert uniform.min() >= 0
    assert uniform.max() < 1
    # single precision has 24 bits: multiples of 2 ** -24
    steps = uniform[:, 0] * 2**24
    np.testing.assert_allclose(steps, np.round(steps), rtol=0, atol=0)
    for power in (1, 2, 3):
        assert ref.within_error(uniform**power, 1 / (power + 1))
    for power, moment in [(1, 0), (2, 1), (3, 0), (4, 3)]:
        assert ref.within_error(normal**power, moment)
    # consecutive numbers are independent
    assert ref.within_error(normal[:-1] * normal[1:], 0)
    assert ref.within_error((uniform[:-1] - 0.5) * (uniform[1:] - 0.5), 0)


def test_ends_of_the_unit_interval(program):
    # in a stretch of draws the first uniform comes close to 0, where the logarithm is large
    text = program("draws", 42, 0, 50_000)
    draws = np.array([[float(word) for word in line.split()] for line in text.splitlines()])
    assert np.isfinite(draws).all()
    assert draws[:, 0].min() < 1e-3
    assert np.abs(draws[:, 2:]).max() > 3.5
