"""Backends by name, and the setting that chooses one."""

import threading
from importlib.util import find_spec

import numpy as np
import pytest

import skdeepbm
from skdeepbm.backends import (
    check_backend,
    get_backend,
    owner_of,
    register_backend,
    resolve_backend,
)
from skdeepbm.exceptions import BackendNotAvailableError


def test_unknown_backend():
    with pytest.raises(ValueError, match=r"Unknown backend 'torch'.*'auto', 'numpy', 'cupy'"):
        get_backend("torch")
    with (
        pytest.raises(ValueError, match="Unknown backend 'torch'"),
        skdeepbm.config_context(backend="torch"),
    ):
        pass
    assert skdeepbm.get_config() == {"backend": "auto"}


def test_check_backend_knows_auto():
    assert check_backend("auto") is None
    assert check_backend("numpy") is None
    with pytest.raises(ValueError, match="Unknown backend 'auto '"):
        check_backend("auto ")


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed")
def test_absent_cupy_names_the_install_line():
    for ask in (get_backend, check_backend, resolve_backend):
        with pytest.raises(BackendNotAvailableError) as caught:
            ask("cupy")
        assert "pip install 'skdeepbm[cuda12]'" in str(caught.value)
        assert "pip install 'skdeepbm[cuda13]'" in str(caught.value)
        assert "backend='numpy'" in str(caught.value)
    assert issubclass(BackendNotAvailableError, ImportError)


@pytest.mark.gpu
def test_cupy_is_here(cupy):
    """Skips, once and with the reason, where the tests of `backend` leave CuPy out."""
    assert cupy.name == "cupy"
    x = cupy.asarray(np.arange(3.0))
    assert cupy.owns(x)
    np.testing.assert_array_equal(cupy.to_host(x), np.arange(3.0))


def test_backends_are_made_once():
    assert get_backend("numpy") is get_backend("numpy")


def test_register_backend(monkeypatch):
    from skdeepbm.backends import _registry

    monkeypatch.setattr(_registry, "_makers", dict(_registry._makers))
    monkeypatch.setattr(_registry, "_made", dict(_registry._made))
    made = []

    class Other(type(get_backend("numpy"))):
        name = "other"

    def make():
        made.append(Other())
        return made[-1]

    register_backend("other", make)
    assert not made
    assert get_backend("other") is get_backend("other")
    assert len(made) == 1
    register_backend("other", make)
    assert get_backend("other") is made[1]


def test_precedence():
    numpy, strict = get_backend("numpy"), get_backend("array_api_strict")
    on_strict, on_host = strict.asarray(np.zeros(3)), np.zeros(3)
    assert resolve_backend("auto") is numpy
    assert resolve_backend("auto", on_host) is numpy
    # auto follows the array's owner ...
    assert resolve_backend("auto", on_strict) is strict
    with skdeepbm.config_context(backend="array_api_strict"):
        # ... the context comes before it ...
        assert resolve_backend("auto", on_host) is strict
        # ... and the estimator's own choice first of all
        assert resolve_backend("numpy", on_host) is numpy
        with skdeepbm.config_context(backend="numpy"):
            assert resolve_backend("auto", on_strict) is numpy
            with skdeepbm.config_context():
                assert resolve_backend("auto", on_strict) is strict
        assert skdeepbm.get_config() == {"backend": "array_api_strict"}
    assert skdeepbm.get_config() == {"backend": "auto"}


def test_setting_is_restored_after_an_error():
    with pytest.raises(KeyError), skdeepbm.config_context(backend="numpy"):
        raise KeyError
    assert skdeepbm.get_config() == {"backend": "auto"}


def test_setting_belongs_to_its_thread():
    found = []
    with skdeepbm.config_context(backend="numpy"):
        thread = threading.Thread(target=lambda: found.append(skdeepbm.get_config()))
        thread.start()
        thread.join()
    assert found == [{"backend": "auto"}]

    inside, done = threading.Event(), threading.Event()

    def hold():
        with skdeepbm.config_context(backend="array_api_strict"):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    found.append(skdeepbm.get_config())
    done.set()
    thread.join()
    assert found[1] == {"backend": "auto"}


def test_owner():
    strict = get_backend("array_api_strict")
    array = strict.asarray(np.arange(3.0))
    assert owner_of(array) is strict
    for host in (np.zeros(2), [0.0], None):
        assert owner_of(host) is None
    back = strict.to_host(array)
    assert type(back) is np.ndarray
    assert owner_of(back) is None


def test_device_of_the_strict_backend_cannot_be_read_by_numpy():
    array = get_backend("array_api_strict").asarray(np.zeros(2))
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        np.asarray(array)
