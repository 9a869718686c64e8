"""The report on dead and redundant units, against machines whose units are known."""

import numpy as np
import pytest

from skdeepbm import (
    DBM,
    Backprop,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    RBMTransformer,
)
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.inspection import dead_units


@pytest.fixture
def fitted():
    X = make_bars_and_stripes(3)
    return RBMTransformer(5, n_iter=200, random_state=0).fit(X), X


def test_units_off_on_and_undecided(fitted):
    rbm, X = fitted
    rbm.components_[0], rbm.intercept_hidden_[0] = 0.0, 0.0
    rbm.intercept_hidden_[1] = -100.0
    rbm.intercept_hidden_[3] = 100.0
    report = dead_units(rbm, X)
    np.testing.assert_array_equal(report.dead, [True, True, False, True, False])
    assert report.n_dead == 3
    np.testing.assert_allclose(report.mean_activity[[0, 1, 3]], [0.5, 0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(report.standard_deviation, rbm.transform(X).std(axis=0))
    np.testing.assert_allclose(report.weight_norm, np.linalg.norm(rbm.components_, axis=1))


def test_threshold(fitted):
    rbm, X = fitted
    spread = dead_units(rbm, X).standard_deviation
    limit = np.sort(spread)[2]
    np.testing.assert_array_equal(dead_units(rbm, X, threshold=limit).dead, spread < limit)


def test_one_row_shows_nothing(fitted):
    rbm, X = fitted
    with pytest.raises(ValueError, match="at least 2 rows.*RBMTransformer"):
        dead_units(rbm, X[:1])


def test_redundant_units():
    """Copies and negatives of a unit repeat it, a dead unit repeats nothing."""
    X = np.random.default_rng(0).integers(0, 2, (200, 4)).astype(float)
    rbm = RBMTransformer(6, n_iter=0, random_state=0).fit(X)
    rbm.intercept_hidden_[:] = [0, 0, -2, 2, 0, 0]
    rbm.components_[:] = np.zeros((6, 4))
    rbm.components_[1, 0] = rbm.components_[2, 0] = 4.0
    rbm.components_[3, 0] = -4.0
    rbm.components_[4, 1] = 3.0
    rbm.components_[5, :2] = 3.0
    report = dead_units(rbm, X)
    # both sides of a feature with two values: any unit that sees no other is a copy
    np.testing.assert_array_equal(report.dead, [True, False, False, False, False, False])
    np.testing.assert_array_equal(report.redundant, [False, False, True, True, False, False])
    assert report.n_redundant == 2
    means = rbm.transform(X)[:, 1:]
    alike = np.abs(np.corrcoef(means.T))
    # the last unit has something of both others: in a chain, the first one of each pair remains
    loose = dead_units(rbm, X, correlation=min(alike[0, 4], alike[3, 4]) - 1e-9)
    np.testing.assert_array_equal(loose.redundant, [False, False, True, True, False, True])
    np.testing.assert_array_equal(dead_units(rbm, X, threshold=0.0).redundant, report.redundant)


def test_a_redundant_unit_is_nobodys_original():
    """Of three units in a chain, the last is like the second alone, which does not remain."""
    X = np.random.default_rng(1).integers(0, 2, (500, 2)).astype(float)
    rbm = RBMTransformer(3, n_iter=0, random_state=0).fit(X)
    rbm.components_[:] = [[2, 0], [2, 2], [0, 2]]
    rbm.intercept_hidden_[:] = [-1, -2, -1]
    alike = np.abs(np.corrcoef(rbm.transform(X).T))
    limit = min(alike[0, 1], alike[1, 2]) - 1e-9
    assert alike[0, 2] < limit
    report = dead_units(rbm, X, correlation=limit)
    np.testing.assert_array_equal(report.redundant, [False, True, False])


@pytest.mark.parametrize("correlation", [0.0, 1.5, -1])
def test_bad_correlation(fitted, correlation):
    rbm, X = fitted
    with pytest.raises(ValueError, match="correlation=.*dead_units.*above 0"):
        dead_units(rbm, X, correlation=correlation)


def test_layers_of_a_boltzmann_machine():
    """Units that the biases decide, that no layer sees, and that see the layer above alone."""
    X = np.random.default_rng(0).integers(0, 2, (40, 3)).astype(float)
    dbm = DBM((4, 3), pretraining=False, n_iter=0, random_state=0).fit(X)
    first = np.zeros((3, 4))
    first[0, 0], first[1, 1], first[2, 3] = 4, 4, 4
    second = np.zeros((4, 3))
    # unit 2 of the first layer has no weights from below but hears what unit 0 of the second says
    second[0, 0], second[2, 0], second[1, 1] = 4, 4, 4
    dbm.coefs_ = [first, second]
    dbm.intercepts_ = [np.zeros(3), np.array([-4.0, -4.0, -3.0, -50.0]), np.array([-3, 50.0, 0])]
    low, top = dead_units(dbm, X, correlation=1.0)
    np.testing.assert_array_equal(low.dead, [False, False, False, True])
    np.testing.assert_array_equal(top.dead, [False, True, True])
    np.testing.assert_allclose(low.weight_norm, [4, 4, 0, 4])
    np.testing.assert_allclose(top.weight_norm, [np.sqrt(32), 4, 0])
    np.testing.assert_allclose(top.mean_activity[1:], [1.0, 0.5], atol=1e-9)
    means = dbm.set_params(transform_layers="all").transform(X)
    for report, expected in ((low, means[:, :4]), (top, means[:, 4:])):
        np.testing.assert_allclose(report.mean_activity, expected.mean(axis=0))
        np.testing.assert_allclose(report.standard_deviation, expected.std(axis=0))


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=1)])
def test_layers_of_a_belief_net(finetuning):
    X = make_bars_and_stripes(3)
    y = np.arange(len(X)) % 2
    template = RBMTransformer(n_iter=1)
    net = DBNClassifier((5, 4, 3), rbm=template, finetuning=finetuning, random_state=0).fit(X, y)
    net.coefs_[1][:, 2] = 0
    net.intercepts_[1][2] = -100
    reports = dead_units(net, X, threshold=1e-12)
    assert [r.dead.tolist() for r in reports] == [
        [False] * 5,
        [False, False, True, False],
        [False] * 3,
    ]
    assert net.transform_layer == -1
    for i, report in enumerate(reports):
        expected = net.set_params(transform_layer=i).transform(X)
        np.testing.assert_allclose(report.standard_deviation, expected.std(axis=0))
    top = net.coefs_[2] if finetuning else net.rbms_[-1].components_.T
    np.testing.assert_allclose(reports[2].weight_norm, np.linalg.norm(top, axis=0))


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=1)])
@pytest.mark.parametrize("transform_layers", ["top", "all"])
def test_layers_of_a_boltzmann_machine_with_a_label(finetuning, transform_layers):
    """Those of the machine: not its label, nor the network that it is the start of."""
    X = make_bars_and_stripes(3)
    model = DBMClassifier(
        (4, 3),
        pretraining=False,
        n_iter=1,
        finetuning=finetuning,
        transform_layers=transform_layers,
        random_state=0,
    ).fit(X, np.arange(len(X)) % 2)
    model.intercepts_[1][2] = -100.0
    reports = dead_units(model, X, threshold=1e-12)
    assert [r.dead.tolist() for r in reports] == [[False, False, True, False], [False] * 3]
    assert model.transform_layers == transform_layers
    means = model.set_params(transform_layers="all").transform(X)
    spread = np.concatenate([report.standard_deviation for report in reports])
    np.testing.assert_allclose(spread, means.std(axis=0))
    for report, weights in zip(reports, model.coefs_, strict=True):
        np.testing.assert_allclose(report.weight_norm, np.linalg.norm(weights, axis=0))


def test_layers_of_an_autoencoder():
    X = make_bars_and_stripes(3)
    model = DeepAutoencoder(
        (5, 4, 2), pretrainer=RBMTransformer(n_iter=1), finetuning=Backprop(n_iter=1)
    ).fit(X)
    model.coefs_[0][:, 1] = 0
    reports = dead_units(model, X, threshold=1e-12)
    assert [len(r.dead) for r in reports] == [5, 4, 2]
    np.testing.assert_array_equal(reports[0].dead, [False, True, False, False, False])
    np.testing.assert_allclose(reports[-1].standard_deviation, model.transform(X).std(axis=0))
    h = 1 / (1 + np.exp(-(X @ model.coefs_[0] + model.intercepts_[0])))
    np.testing.assert_allclose(reports[0].mean_activity, h.mean(axis=0))


def test_frames_as_output():
    """What `set_output` asks for is for users, and stays as it is."""
    X = make_bars_and_stripes(3)
    dbm = DBM((4, 3), pretraining=False, n_iter=1, random_state=0).fit(X)
    expected = dead_units(dbm, X)
    found = dead_units(dbm.set_output(transform="pandas"), X)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.standard_deviation, b.standard_deviation)
    assert type(dbm.transform(X)).__name__ == "DataFrame"
    assert dbm.transform_layers == "top"
