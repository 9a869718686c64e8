"""Filters of deeper layers, and the features that units favour."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skdeepbm import DBM, Backprop, DBNClassifier, DeepAutoencoder, RBMTransformer
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.inspection import projected_filters, top_features


@pytest.fixture(scope="module")
def X():
    return make_bars_and_stripes(3)


@pytest.fixture(scope="module")
def dbm(X):
    return DBM((5, 4, 2), pretraining=False, n_iter=1, random_state=0).fit(X)


def test_products_of_the_weights(dbm):
    """Sums over all paths from a feature to a unit."""
    first, second, third = dbm.coefs_
    for layer in (0, -3):
        np.testing.assert_array_equal(projected_filters(dbm, layer=layer), first.T)
    for layer in (1, -2, np.int64(1)):
        expected = np.einsum("ij,jk->ki", first, second)
        np.testing.assert_allclose(projected_filters(dbm, layer=layer), expected, rtol=1e-12)
    expected = np.einsum("ij,jk,kl->li", first, second, third)
    np.testing.assert_allclose(projected_filters(dbm), expected, rtol=1e-12)


def test_one_layer(X):
    rbm = RBMTransformer(4, n_iter=1, random_state=0).fit(X)
    for layer in (-1, 0):
        np.testing.assert_array_equal(projected_filters(rbm, layer=layer), rbm.components_)


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=1)])
def test_belief_net(X, finetuning):
    net = DBNClassifier((5, 4), rbm=RBMTransformer(n_iter=1), finetuning=finetuning)
    net.fit(X, np.arange(len(X)) % 3)
    top = net.coefs_[1] if finetuning else net.rbms_[-1].components_.T
    np.testing.assert_allclose(projected_filters(net), (net.coefs_[0] @ top).T)
    np.testing.assert_array_equal(projected_filters(net, layer=0), net.coefs_[0].T)


def test_autoencoder(X):
    """The encoder alone."""
    layers = {"pretrainer": RBMTransformer(n_iter=1), "finetuning": Backprop(n_iter=1)}
    model = DeepAutoencoder((5, 2), **layers).fit(X)
    np.testing.assert_allclose(projected_filters(model), (model.coefs_[0] @ model.coefs_[1]).T)
    with pytest.raises(ValueError, match="none of the 2 hidden layers of DeepAutoencoder"):
        projected_filters(model, layer=2)


@pytest.mark.parametrize("layer", [3, -4, 0.5, "top", None])
def test_no_such_layer(dbm, layer):
    for ask in (projected_filters, top_features):
        with pytest.raises(ValueError, match="none of the 3 hidden layers of DBM.*-3 to 2"):
            ask(dbm, layer=layer)


def test_no_hidden_units(X):
    with pytest.raises(TypeError, match="StandardScaler.*no hidden units.*RBMTransformer"):
        projected_filters(StandardScaler().fit(X))
    with pytest.raises(NotFittedError):
        projected_filters(DBM())


def test_top_features(dbm):
    """The second layer's filters set by hand through the first layer's units."""
    dbm = DBM((2, 2), pretraining=False, n_iter=0, random_state=0).fit(np.eye(4))
    dbm.coefs_ = [np.array([[1.0, 0], [0, 3], [-2, 0], [0, 1]]), np.array([[1.0, -1], [0, 1]])]
    first, second = top_features(dbm, ["a", "b", "c", "d"], n=2)
    assert first.highest == [("a", 1.0), ("b", 0.0)]
    assert first.lowest == [("c", -2.0), ("b", 0.0)]
    assert second.highest == [("b", 3.0), ("c", 2.0)]
    assert second.lowest == [("a", -1.0), ("d", 1.0)]
    low = top_features(dbm, n=9, layer=0)[1]
    assert low.highest == [("1", 3.0), ("3", 1.0), ("0", 0.0), ("2", 0.0)]


def test_names_of_the_data():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.eye(3), columns=["x", "y", "z"])
    rbm = RBMTransformer(1, n_iter=0, random_state=0).fit(frame)
    rbm.components_[:] = [[1, 3, 2]]
    assert [name for name, _ in top_features(rbm, n=2)[0].highest] == ["y", "z"]


def test_bad_names_and_numbers(dbm):
    with pytest.raises(ValueError, match=r"top_features of DBM has shape \(2,\).*9 features"):
        top_features(dbm, ["a", "b"])
    for n in (0, 1.5):
        with pytest.raises(ValueError, match="n of DBM must be an integer of at least 1"):
            top_features(dbm, n=n)
