"""What the history holds."""

import numpy as np
import pytest

from skdeepbm.training.monitor import MEASURES, measure, monitored_rows


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian", "softmax"])
@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian", "relu", "softmax"])
@pytest.mark.parametrize("holds_out", [False, True])
def test_measures(backend, ref, visible, hidden, holds_out):
    tiny = ref.make_tiny(visible, hidden)
    v, others = ref.some_rows(tiny.visible, 6), ref.some_rows(tiny.visible, 4, seed=1)
    previous = tiny.weights.copy()
    previous[0, 0] += 2e-3
    previous[1, 1] -= 0.5e-3
    held_out = backend.asarray(others) if holds_out else None
    entry = measure(tiny.rbm(backend), backend.asarray(v), backend.asarray(previous), held_out)
    h = tiny.hidden.mean(tiny.hidden_input(v))
    error = v - tiny.visible.mean(tiny.visible_input(h))
    energy, energy_out = tiny.free_energy(v), tiny.free_energy(others)
    expected = {
        "reconstruction_error": np.mean(error**2),
        "free_energy": energy.mean(),
        "validation_free_energy": energy_out.mean() if holds_out else np.nan,
        "free_energy_gap": energy_out.mean() - energy.mean() if holds_out else np.nan,
        "free_energy_gap_error": (
            np.sqrt(energy_out.var() / 4 + energy.var() / 6) if holds_out else np.nan
        ),
        "mean_hidden_activity": h.mean(),
        "weights_moved": 1 / tiny.weights.size,
    }
    assert set(entry) == set(MEASURES) == {*expected, "weight_norm"}
    for name, value in expected.items():
        assert type(entry[name]) is float
        assert entry[name] == pytest.approx(value, rel=1e-10, nan_ok=True), name
    norm = np.linalg.norm(tiny.weights, axis=0)
    np.testing.assert_allclose(entry["weight_norm"], norm, rtol=1e-12)
    assert type(entry["weight_norm"]) is np.ndarray


@pytest.mark.parametrize(
    ("n", "n_visible", "expected"),
    [
        (1, 5, 1),
        (7, 5, 7),
        (100, 784, 100),
        (101, 784, 100),
        (10_000, 784, 100),
        (50_000, 784, 500),
        (10**6, 784, 1000),
        (10**6, 2**18, 8),
    ],
)
def test_monitored_rows(n, n_visible, expected):
    """Evenly spaced; a share of the rows, but few enough not to cost memory."""
    found = monitored_rows(n, n_visible)
    assert len(found) == len(set(found.tolist())) == expected
    assert found[0] == 0
    assert found[-1] == n - 1
    assert np.all(np.diff(found) > 0)
