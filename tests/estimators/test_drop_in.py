"""What scikit-learn's own tests ask of BernoulliRBM, asked of RBMTransformer."""

import itertools
import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM
from sklearn.utils.fixes import CSC_CONTAINERS, CSR_CONTAINERS, LIL_CONTAINERS

from skdeepbm import RBMTransformer
from skdeepbm.exceptions import DataRangeWarning

SETTING = {"n_components": 64, "learning_rate": 0.1, "random_state": 9}


def in_the_peers_measure(rbm, X):
    """Expectation of the mean of BernoulliRBM.score_samples for these parameters.

    It turns one random feature x of each row into 1 - x, which for values between 0 and 1 is not
    the pseudo-likelihood; the peer's tests ask for -21 +- 1.5 of it.
    """
    free_energy, total = rbm.free_energy(X), 0.0
    for i in range(X.shape[1]):
        flipped = X.copy()
        flipped[:, i] = 1 - X[:, i]
        total -= np.logaddexp(0, free_energy - rbm.free_energy(flipped)).mean()
    return total


def test_fit_reaches_the_peers_pseudo_likelihood(digits):
    X = digits.copy()
    rbm = RBMTransformer(n_iter=7, batch_size=10, **SETTING).fit(X)
    assert in_the_peers_measure(rbm, X) > -21
    peer = BernoulliRBM(n_iter=7, batch_size=10, **SETTING).fit(X)
    exact = rbm.pseudo_log_likelihood(X).mean()
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        setattr(rbm, name, getattr(peer, name))
    assert exact > rbm.pseudo_log_likelihood(X).mean()
    np.testing.assert_array_equal(X, digits)


def test_partial_fit_reaches_the_peers_pseudo_likelihood(digits):
    X = digits.copy()
    rbm = RBMTransformer(batch_size=20, **SETTING)
    batches = np.array_split(X, -(-len(X) // rbm.batch_size))
    for _ in range(7):
        for batch in batches:
            assert rbm.partial_fit(batch) is rbm
    assert in_the_peers_measure(rbm, X) > -21
    np.testing.assert_array_equal(X, digits)


def test_transform_gives_the_hidden_probabilities(small):
    rbm = RBMTransformer(16, batch_size=5, n_iter=4, random_state=42).fit(small)
    expected = expit(small @ rbm.components_.T + rbm.intercept_hidden_)
    np.testing.assert_allclose(rbm.transform(small), expected, rtol=1e-10)


@pytest.mark.parametrize("container", CSR_CONTAINERS + CSC_CONTAINERS + LIL_CONTAINERS)
def test_fits_small_sparse_data(container, digits):
    X = digits[:4]
    rbm = RBMTransformer(random_state=0).fit(container(X))
    dense = RBMTransformer(random_state=0).fit(X)
    np.testing.assert_allclose(rbm.transform(container(X)), dense.transform(X), rtol=1e-4)


@pytest.mark.parametrize("container", CSC_CONTAINERS + CSR_CONTAINERS)
def test_partial_fit_of_sparse_data(container, small):
    sparse = RBMTransformer(batch_size=10, **SETTING).partial_fit(container(small))
    dense = RBMTransformer(batch_size=10, **SETTING).partial_fit(small)
    np.testing.assert_allclose(
        sparse.pseudo_log_likelihood(small), dense.pseudo_log_likelihood(small), rtol=1e-5
    )


def test_gibbs_draws_hidden_units_with_their_probabilities(small):
    """With visible units that copy one hidden unit each, `gibbs` shows the hidden draws."""
    rbm = RBMTransformer(2, batch_size=5, n_iter=4, random_state=42).fit(small)
    v = small[:1].astype(bool).astype(float)
    probability = rbm.transform(v)[0]
    copies = RBMTransformer(2, random_state=0)
    copies.components_ = np.array([[200.0, 0.0], [0.0, 200.0]])
    copies.intercept_visible_ = np.array([-100.0, -100.0])
    copies.intercept_hidden_ = np.log(probability / (1 - probability))
    draws = copies.gibbs(np.zeros((20_000, 2)))
    sigma = np.sqrt(probability * (1 - probability) / len(draws))
    assert (np.abs(draws.mean(axis=0) - probability) < 4.5 * sigma).all()


def chances(rbm, v):
    """Probability of every visible state after one Gibbs step from the rows ``v``."""
    h = np.array(list(itertools.product([0.0, 1.0], repeat=len(rbm.components_))))
    states = np.array(list(itertools.product([0.0, 1.0], repeat=v.shape[1])))
    up = rbm.transform(v)
    down = expit(h @ rbm.components_ + rbm.intercept_visible_)
    p_h = np.prod(np.where(h[None] == 1, up[:, None], 1 - up[:, None]), axis=2)
    p_v = np.prod(np.where(states[None] == 1, down[:, None], 1 - down[:, None]), axis=2)
    return p_h @ p_v


@pytest.mark.parametrize(
    ("n_features", "container"),
    [*((1, container) for container in (np.asarray, *CSC_CONTAINERS)), (3, np.asarray)],
)
def test_gibbs_goes_towards_the_data(container, n_features):
    """Rows of only zeros and of only ones, as in the peer's test on [[0], [1]].

    Nothing makes a draw *equal* to its row, as the peer's test expects of one seed. The chance of
    every state follows from the parameters and the draws have it; with one feature the model is
    right without any weights, with three that agree a step leads to one of the two rows.
    """
    rows = np.array([[0.0] * n_features, [1.0] * n_features])
    n_iter = 42 if n_features == 1 else 1500
    rbm = RBMTransformer(2, batch_size=2, learning_rate=0.1, n_iter=n_iter, random_state=0)
    rbm.fit(container(rows))
    expected = chances(rbm, rows)
    n = 4000
    drawn = rbm.gibbs(container(np.repeat(rows, n, axis=0)))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    index = (drawn @ 2 ** np.arange(n_features)[::-1]).astype(int).reshape(2, n)
    for state in range(2**n_features):
        found = (index == state).mean(axis=1)
        sigma = np.sqrt(expected[:, state] * (1 - expected[:, state]) / n)
        assert (np.abs(found - expected[:, state]) < 4.5 * sigma + 1e-3).all()
    if n_features == 3:
        untrained = RBMTransformer(2, n_iter=0, random_state=0).fit(rows)
        assert chances(untrained, rows)[:, [0, -1]].sum(axis=1).max() < 0.3
        assert expected[:, [0, -1]].sum(axis=1).min() > 0.8
        assert np.diag(expected[:, [0, -1]]).min() > 0.6


def test_gibbs_is_finite_and_draws_anew(digits):
    X = digits[:300]
    rbm = RBMTransformer(42, batch_size=40, n_iter=10, random_state=42).fit(X)
    first, second = rbm.gibbs(X), rbm.gibbs(X)
    assert np.isfinite(first).all()
    assert (first != second).any(axis=1).all()


@pytest.mark.parametrize("container", LIL_CONTAINERS)
def test_pseudo_likelihood_is_not_clipped(container):
    """Two opposite rows of 1000 features, learned badly: far below any clipping."""
    X = np.vstack([np.zeros(1000), np.ones(1000)])
    rbm = RBMTransformer(
        10, batch_size=2, n_iter=10, learning_rate=0.001, momentum=0.0, random_state=42
    ).fit(X)
    value = rbm.pseudo_log_likelihood(X)
    assert (value < -300).all()
    np.testing.assert_allclose(rbm.pseudo_log_likelihood(container(X)), value)
    far = np.arange(1000)[None] * 100
    with pytest.warns(DataRangeWarning, match="column 1 "):
        assert np.isfinite(rbm.pseudo_log_likelihood(far)).all()


LINE = r"\[RBMTransformer\] Iteration (\d+), pseudo-likelihood = (-?\d+\.\d\d), time = \d+\.\d\ds\n"


@pytest.mark.parametrize("container", [np.asarray, *CSC_CONTAINERS])
def test_verbose_prints_the_exact_pseudo_likelihood(container, small, capsys):
    X = container(small)
    rbm = RBMTransformer(5, n_iter=3, verbose=1, training_dtype=None, random_state=42).fit(X)
    out = capsys.readouterr().out
    lines = re.findall(LINE, out)
    assert [int(i) for i, _ in lines] == [1, 2, 3]
    assert len(out.splitlines()) == 3
    assert float(lines[-1][1]) == pytest.approx(rbm.pseudo_log_likelihood(X).mean(), abs=0.006)


def test_verbose_of_continuous_data_prints_the_reconstruction_error(real, capsys):
    rbm = RBMTransformer(4, n_iter=1, visible="gaussian", verbose=True, random_state=0).fit(real)
    error = rbm.history_["reconstruction_error"][0]
    assert capsys.readouterr().out.startswith(
        f"[RBMTransformer] Iteration 1, reconstruction error = {error:.4f}, time = "
    )


def test_silent_by_default(small, capsys):
    RBMTransformer(5, n_iter=1).fit(small)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "expected"), [(np.float32, np.float32), (np.float64, np.float64), (int, np.float64)]
)
def test_dtype_is_preserved(given, expected, small):
    rbm = RBMTransformer(16, batch_size=5, n_iter=2, algorithm="pcd", random_state=42)
    assert rbm.fit_transform(small.astype(given)).dtype == expected
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        assert getattr(rbm, name).dtype == expected, name
    for method in (rbm.gibbs, rbm.reconstruct, rbm.free_energy, rbm.pseudo_log_likelihood):
        assert method(small.astype(given)).dtype == expected, method.__name__


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_float32_and_float64_data_give_the_same_model(algorithm, small):
    setting = {"batch_size": 5, "n_iter": 4, "algorithm": algorithm, "random_state": 42}
    double = RBMTransformer(16, **setting).fit(small)
    single = RBMTransformer(16, **setting).fit(small.astype(np.float32))
    # arithmetic is in float32 for both: only rounding of the data's moments may differ
    np.testing.assert_allclose(double.transform(small), single.transform(small), rtol=1e-6)
    for name in ("intercept_hidden_", "intercept_visible_", "components_"):
        np.testing.assert_allclose(
            getattr(double, name), getattr(single, name), rtol=1e-3, atol=1e-6
        )
    if algorithm == "pcd":
        np.testing.assert_array_equal(double.h_samples_, single.h_samples_)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_feature_names_out(method, small):
    rbm = getattr(RBMTransformer(10, n_iter=1), method)(small)
    assert list(rbm.get_feature_names_out()) == [f"rbmtransformer{i}" for i in range(10)]
