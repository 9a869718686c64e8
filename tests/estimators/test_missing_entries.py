"""Rows of which some entries are not known: an RBM fills them in, whatever stands there."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from skdeepbm import RBMTransformer

KINDS = ["bernoulli", "gaussian"]


def _fitted(ref, visible):
    tiny = ref.make_tiny(visible)
    rbm = RBMTransformer(3, visible=visible)
    rbm.components_ = tiny.weights.T.copy()
    rbm.intercept_visible_, rbm.intercept_hidden_ = tiny.visible.bias, tiny.hidden.bias
    if visible == "gaussian":
        rbm.log_variance_visible_ = tiny.visible.log_variance
    X = ref.some_rows(tiny.visible, 5)
    known = np.arange(X.size).reshape(X.shape) % 3 > 0
    return tiny, rbm, X, known


@pytest.mark.parametrize("visible", KINDS)
@pytest.mark.parametrize("n_steps", [1, 3])
def test_passes_by_hand(ref, visible, n_steps):
    """Known entries are put back after every pass; the others start without any input."""
    tiny, rbm, X, known = _fitted(ref, visible)
    v = np.where(known, X, tiny.visible.mean(np.zeros_like(X)))
    for _ in range(n_steps):
        h = tiny.hidden.mean(tiny.hidden_input(v))
        v = np.where(known, X, tiny.visible.mean(tiny.visible_input(h)))
    found = rbm.reconstruct(np.where(known, X, np.nan), n_steps, mask=known)
    np.testing.assert_allclose(found, v, rtol=1e-10)
    np.testing.assert_array_equal(found[known], X[known])
    assert np.abs(found - X)[~known].min() > 1e-6
    # without a mask all entries are reconstructed
    assert (rbm.reconstruct(X, n_steps) != X).all()


@pytest.mark.parametrize("value", [0.0, -7.0, np.nan, np.inf])
def test_whatever_stands_there(ref, device, value):
    _, rbm, X, known = _fitted(ref, "bernoulli")
    expected, spoiled = rbm.reconstruct(X, 2, mask=known), np.where(known, X, value)
    before = spoiled.copy()
    for rows in (
        spoiled,
        spoiled.tolist(),
        pd.DataFrame(spoiled),
        sp.csr_array(spoiled),
        sp.coo_matrix(spoiled),
    ):
        np.testing.assert_allclose(rbm.reconstruct(rows, 2, mask=known), expected, rtol=1e-10)
    np.testing.assert_array_equal(rbm.reconstruct(spoiled, 2, mask=known.tolist()), expected)
    np.testing.assert_array_equal(spoiled, before)
    for mask in (known, device.asarray(known)):
        found = rbm.reconstruct(device.asarray(spoiled), 2, mask=mask)
        np.testing.assert_allclose(device.to_host(found), expected, rtol=1e-10)


def test_a_known_entry_is_a_number(ref):
    _, rbm, X, known = _fitted(ref, "gaussian")
    X[np.argwhere(known)[0][0], np.argwhere(known)[0][1]] = np.nan
    with pytest.raises(ValueError, match=r"row 0, column 1 is NaN, though mask is True there"):
        rbm.reconstruct(X, mask=known)


def test_nan_without_a_mask_asks_for_one(ref, device):
    _, rbm, X, known = _fitted(ref, "bernoulli")
    X = np.where(known, X, np.nan)
    rows = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    for given, where in ((X, "0"), (rows, r"0 \('c0'\)"), (device.asarray(X), "0")):
        wanted = rf"RBMTransformer.reconstruct: .* row 0, column {where} is NaN.* mask=~np.isnan"
        with pytest.raises(ValueError, match=wanted):
            rbm.reconstruct(given)
    # the mask the wrong way round
    with pytest.raises(ValueError, match="mask is True there, for known"):
        rbm.reconstruct(X, mask=~known)
    filled = rbm.reconstruct(rows.to_numpy(), mask=rows.notna())
    np.testing.assert_array_equal(filled, rbm.reconstruct(X, mask=known))


def test_a_mask_of_another_shape(ref):
    _, rbm, X, known = _fitted(ref, "bernoulli")
    with pytest.raises(ValueError, match=r"mask has shape \(3,\), but reconstruct of RBMTransf"):
        rbm.reconstruct(X, mask=known[0])
