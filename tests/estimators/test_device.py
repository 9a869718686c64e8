"""Where arrays live: the device stand-in plays the part of CuPy."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

import skdeepbm
from skdeepbm import RBMTransformer

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
METHODS = ("transform", "reconstruct", "gibbs", "free_energy", "pseudo_log_likelihood")
CONFIGURATIONS = [
    {},
    # with as many chains as rows, means of bits cancel but for rounding, of which Adam makes a step
    {
        "algorithm": "pcd",
        "optimizer": "adam",
        "sparsity_cost": 0.1,
        "max_norm": 2.0,
        "n_chains": 7,
    },
    {"hidden": "relu", "optimizer": "nesterov", "l1_penalty": 1e-3},
    {"hidden": "gaussian", "training_dtype": "float64"},
    {"visible": "softmax", "visible_groups": 3, "hidden": "softmax", "hidden_groups": 2},
]


@pytest.fixture
def blocks():
    """60 rows of three one-hot groups of three columns."""
    return np.eye(3)[np.random.default_rng(0).integers(3, size=(60, 3))].reshape(60, 9)


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=str)
def test_device_in_device_out(options, blocks, device):
    X = device.asarray(blocks)
    rbm = RBMTransformer(4, n_iter=2, random_state=0, **options).fit(X)
    host = RBMTransformer(4, n_iter=2, random_state=0, **options).fit(blocks)
    for name in (*ARRAYS, *(["h_samples_"] if options.get("algorithm") == "pcd" else [])):
        assert type(getattr(rbm, name)) is np.ndarray, name
        np.testing.assert_allclose(
            getattr(rbm, name), getattr(host, name), rtol=1e-3, atol=1e-5, err_msg=name
        )
    assert all(type(values) is np.ndarray for values in rbm.history_.values())
    for name in METHODS:
        out = getattr(rbm, name)(X)
        assert device.owns(out), name
        assert type(getattr(rbm, name)(blocks)) is np.ndarray, name
        if name != "gibbs":
            np.testing.assert_allclose(
                device.to_host(out), getattr(rbm, name)(blocks), rtol=1e-8, err_msg=name
            )
    h = rbm.transform(X)
    assert device.owns(rbm.inverse_transform(h))
    assert type(rbm.inverse_transform(device.to_host(h))) is np.ndarray
    init = rbm.sample(60, n_gibbs_steps=2, init=X)
    assert device.owns(init)
    assert type(rbm.sample(2, n_gibbs_steps=2)) is np.ndarray
    if options.get("hidden", "bernoulli") != "relu":
        assert device.owns(rbm.score_samples(X))
        assert rbm.score(X) == pytest.approx(rbm.score(blocks), rel=1e-10)


def test_device_in_device_out_with_gaussian_units(real, device):
    X = device.asarray(real)
    rbm = RBMTransformer(4, n_iter=2, visible="gaussian", random_state=0).fit(X)
    host = RBMTransformer(4, n_iter=2, visible="gaussian", random_state=0).fit(real)
    assert type(rbm.log_variance_visible_) is np.ndarray
    np.testing.assert_allclose(rbm.components_, host.components_, rtol=1e-3, atol=1e-5)
    assert device.owns(rbm.transform(X))
    assert rbm.score(X) == pytest.approx(host.score(real), rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_device_keeps_the_dtype(dtype, blocks, device):
    X = device.asarray(blocks.astype(dtype))
    out = RBMTransformer(4, n_iter=1).fit(X).transform(X)
    assert out.dtype == getattr(device.xp, dtype)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_named_backend_with_host_data(container, blocks, device):
    """Computed on the device, and everything comes back to the host."""
    X = container(blocks)
    rbm = RBMTransformer(4, n_iter=2, backend="array_api_strict", random_state=0).fit(X)
    for name in ARRAYS:
        assert type(getattr(rbm, name)) is np.ndarray
    for name in METHODS:
        assert type(getattr(rbm, name)(X)) is np.ndarray, name
    assert type(rbm.score_samples(X)) is np.ndarray
    assert isinstance(rbm.score(X), float)
    assert type(rbm.partial_fit(X).components_) is np.ndarray
    assert type(rbm.sample(2, n_gibbs_steps=2)) is np.ndarray
    host = RBMTransformer(4, n_iter=2, random_state=0).fit(X).partial_fit(X)
    np.testing.assert_allclose(rbm.components_, host.components_, rtol=1e-3, atol=1e-5)


def test_numpy_is_computed_with_where_it_is_asked_for(blocks, device):
    X = device.asarray(blocks)
    rbm = RBMTransformer(4, n_iter=1, backend="numpy", random_state=0).fit(X)
    assert type(rbm.transform(X)) is np.ndarray
    assert type(rbm.inverse_transform(device.asarray(rbm.transform(X)))) is np.ndarray
    expected = RBMTransformer(4, n_iter=1, random_state=0).fit(blocks).transform(blocks)
    np.testing.assert_array_equal(rbm.transform(X), expected)


def test_config_context_chooses(blocks, device, monkeypatch):
    used = []
    stream = type(device).stream
    monkeypatch.setattr(
        type(device), "stream", lambda self, *a, **k: used.append(1) or stream(self, *a, **k)
    )
    setting = {"n_components": 4, "n_iter": 1, "random_state": 0}
    with skdeepbm.config_context(backend="array_api_strict"):
        inside = RBMTransformer(**setting).fit(blocks)
        assert used
        del used[:]
        RBMTransformer(backend="numpy", **setting).fit(blocks)
        assert not used
    outside = RBMTransformer(**setting).fit(blocks)
    assert not used
    np.testing.assert_allclose(inside.components_, outside.components_, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("first", ["numpy", "array_api_strict"])
def test_training_goes_on_on_another_backend(first, blocks, device):
    second = {"numpy": "array_api_strict", "array_api_strict": "numpy"}[first]
    setting = {"n_components": 4, "n_iter": 1, "algorithm": "pcd", "random_state": 0}
    rbm = RBMTransformer(backend=first, **setting).fit(blocks)
    rbm.set_params(backend=second).partial_fit(blocks)
    same = RBMTransformer(backend="numpy", **setting).fit(blocks).partial_fit(blocks)
    np.testing.assert_allclose(rbm.components_, same.components_, rtol=1e-3, atol=1e-5)


_WITHOUT = """
import importlib.abc, pickle, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("array_api_strict", "cupy"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Block())
import numpy as np
X = np.load(sys.argv[2])
with open(sys.argv[1], "rb") as file:
    models = pickle.load(file)
for i, model in enumerate(models):
    np.savez(f"{sys.argv[3]}{i}.npz", h=model.transform(X), f=model.free_energy(X),
             s=model.score_samples(X), d=model.sample(2, n_gibbs_steps=2))
assert "array_api_strict" not in sys.modules
named = models[1]
for method in (named.fit, named.partial_fit):
    try:
        method(X)
    except ValueError as error:
        assert "RBMTransformer: Unknown backend 'array_api_strict'" in str(error), error
    else:
        raise AssertionError("trained on a backend that is not there")
print("done")
"""


def test_a_model_of_a_device_predicts_where_there_is_none(blocks, device, tmp_path):
    setting = {"n_components": 4, "n_iter": 2, "algorithm": "pcd", "random_state": 0}
    by_data = RBMTransformer(**setting).fit(device.asarray(blocks))
    by_name = RBMTransformer(backend="array_api_strict", **setting).fit(blocks)
    by_data.gibbs(device.asarray(blocks))
    model, data = tmp_path / "models.pickle", tmp_path / "X.npy"
    model.write_bytes(pickle.dumps([by_data, by_name]))
    np.save(data, blocks)
    command = [sys.executable, "-c", _WITHOUT, model, data, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
    for i, rbm in enumerate([by_data, by_name]):
        with np.load(tmp_path / f"out{i}.npz") as found:
            np.testing.assert_allclose(found["h"], rbm.transform(blocks), rtol=1e-12)
            np.testing.assert_allclose(found["f"], rbm.free_energy(blocks), rtol=1e-12)
            np.testing.assert_allclose(found["s"], rbm.score_samples(blocks), rtol=1e-10)
            np.testing.assert_array_equal(found["d"], rbm.sample(2, n_gibbs_steps=2))
