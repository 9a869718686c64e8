"""Backends, tiny models and what they are compared with."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from skdeepbm.backends import get_backend, register_backend
from skdeepbm.backends.numpy_backend import NumpyBackend
from skdeepbm.exceptions import BackendNotAvailableError

_NAMES = ["numpy-plain", "numpy-compiled", "strict"]


def _load_reference():
    path = Path(__file__).with_name("_reference.py")
    spec = importlib.util.spec_from_file_location("skdeepbm_tests_reference", path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their own module up
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_reference = _load_reference()


def _make_strict():
    from skdeepbm.backends.strict_backend import StrictBackend

    return StrictBackend()


@pytest.fixture(scope="session", autouse=True)
def _strict_backend_by_name():
    """Let estimators say ``backend="array_api_strict"``."""
    register_backend("array_api_strict", _make_strict)


def _make(name):
    if name == "numpy-plain":
        return NumpyBackend(compiled=False)
    if name == "numpy-compiled":
        pytest.importorskip("numba", reason="the compiled kernels need numba")
        return NumpyBackend(compiled=True)
    if name == "strict":
        pytest.importorskip("array_api_strict")
        return _make_strict()
    return get_backend(name)


def _why_no_cupy():
    try:
        get_backend("cupy")
    except BackendNotAvailableError as error:
        return str(error)
    return None


_NO_CUPY = _why_no_cupy()
# thousands of tests that only skip take their time too: one test says that they are not there
_ON_GPU = [] if _NO_CUPY else [pytest.param("cupy", marks=pytest.mark.gpu)]


def pytest_report_header():
    return f"CuPy: {'its tests are not collected. ' + _NO_CUPY if _NO_CUPY else 'here'}"


@pytest.fixture
def cupy():
    """CuPy with a device; skips where there is none."""
    if _NO_CUPY:
        pytest.skip(_NO_CUPY)
    return get_backend("cupy")


@pytest.fixture(scope="session", params=[*_NAMES, *_ON_GPU])
def backend(request):
    """Every backend in turn."""
    return _make(request.param)


@pytest.fixture(scope="session")
def plain():
    """NumPy without compiled kernels: what the other backends are compared with."""
    return NumpyBackend(compiled=False)


@pytest.fixture(scope="session", params=["numpy-compiled", "strict"])
def same_stream_backend(request):
    """Backends that draw the same random numbers as plain NumPy."""
    return _make(request.param)


@pytest.fixture(scope="session")
def compiled():
    """NumPy with compiled kernels."""
    return _make("numpy-compiled")


@pytest.fixture(scope="session")
def ref():
    """The module ``_reference``: tiny models and independent formulas."""
    return _reference


@pytest.fixture
def rng():
    """NumPy's generator with a fixed seed."""
    return np.random.default_rng(20240607)
