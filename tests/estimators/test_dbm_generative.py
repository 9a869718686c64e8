"""DBM as a generative model: log Z, the bound, draws and missing values."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV, KFold

from skdeepbm import DBM
from skdeepbm import RBMTransformer as RBM

KINDS = ["bernoulli", "gaussian", "softmax"]
SIZES = [(3, 3, 2), (3, 2, 3, 2)]


def by_hand(tiny):
    """An estimator with the parameters of a tiny model."""
    visible = tiny.layers[0]
    sizes = [len(layer.bias) for layer in tiny.layers[1:]]
    model = DBM(sizes, visible=visible.kind, visible_groups=visible.groups, random_state=0)
    model.coefs_ = [w.copy() for w in tiny.weights]
    model.intercepts_ = [layer.bias.copy() for layer in tiny.layers]
    if visible.log_variance is not None:
        model.log_variance_visible_ = visible.log_variance.copy()
    return model


@pytest.fixture
def images(digits):
    """400 binary images: the upper left quarter of digits."""
    return (digits.reshape(-1, 8, 8)[:400, :5, :5] > 0.4).reshape(400, 25).astype(float)


# -- likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_log_partition_is_the_sum_over_all_states(visible, sizes, ref):
    tiny = ref.make_dbm(sizes, visible)
    model = by_hand(tiny)
    exact = model.log_partition()
    assert exact.method == "exact"
    assert exact.value == pytest.approx(tiny.log_z(), rel=1e-10)
    estimate = model.log_partition("ais", reverse=ref.some_rows(tiny.layers[0], 50))
    assert estimate.method == "ais"
    assert estimate.value == pytest.approx(tiny.log_z(), abs=0.05)
    assert estimate.reverse == pytest.approx(tiny.log_z(), abs=0.05)
    assert estimate.lower < estimate.value < estimate.upper


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_score_samples_is_the_bound_of_mean_field(visible, sizes, ref):
    """Of the factorial distribution that `transform` returns, and below the log-likelihood."""
    tiny = ref.make_dbm(sizes, visible)
    X = ref.some_rows(tiny.layers[0], 5)
    model = by_hand(tiny).set_params(transform_layers="all")
    h, edges = model.transform(X), np.cumsum([0, *sizes[1:]])
    q = [h[:, a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    bound = model.score_samples(X)
    np.testing.assert_allclose(bound, tiny.bounds(X, q), rtol=1e-8)
    gap = tiny.log_likelihoods(X) - bound
    assert (gap > 0).all()
    assert model.score(X) == pytest.approx(bound.mean(), rel=1e-12)
    np.testing.assert_allclose(-model.free_energy(X) - tiny.log_z(), bound, rtol=1e-8)


def test_without_weights_above_the_bound_is_the_density_of_an_rbm(real):
    """Real data: with W_2 = 0 the hidden units are independent given the row."""
    rbm = RBM(4, visible="gaussian", n_iter=3, random_state=0).fit(real)
    model = DBM((4, 2), visible="gaussian")
    model.coefs_ = [np.ascontiguousarray(rbm.components_.T), np.zeros((4, 2))]
    model.intercepts_ = [rbm.intercept_visible_, rbm.intercept_hidden_, np.array([0.3, -1.0])]
    model.log_variance_visible_ = rbm.log_variance_visible_
    np.testing.assert_allclose(model.score_samples(real), rbm.score_samples(real), rtol=1e-8)


def test_log_z_is_remembered_for_the_parameters(images, monkeypatch):
    model = DBM((30, 25), n_iter=1, rbm=RBM(n_iter=1), random_state=0).fit(images)
    first = model.log_partition(n_runs=20, n_temperatures=50)
    assert first.method == "ais"
    assert model.log_partition(n_runs=20, n_temperatures=50) is first
    again = model.log_partition(n_runs=20, n_temperatures=50, random_state=1)
    assert again.value != first.value
    model.intercepts_[2][0] += 1.0
    assert model.log_partition(n_runs=20, n_temperatures=50).value != first.value


@pytest.mark.parametrize("method", ["annealed", None])
def test_arguments_of_log_partition(method, images):
    model = DBM((30, 25), n_iter=0, pretraining=False, random_state=0).fit(images)
    with pytest.raises(ValueError, match=r"method of DBM.log_partition must be 'auto', 'exact'"):
        model.log_partition(method)
    with pytest.raises(ValueError, match="log Z cannot be computed exactly: .*layers of 25, 30"):
        model.log_partition("exact")


@pytest.mark.parametrize("pretraining", [True, False])
def test_it_learns_more_than_the_base_rate(pretraining, images):
    """By the exact partition function; independent pixels are the model to beat."""
    train, test = images[:300], images[300:]
    options = {"rbm": RBM(n_iter=10, visible_states="draw"), "n_iter": 40, "batch_size": 10}
    model = DBM((12, 6), pretraining=pretraining, random_state=0, **options).fit(train)
    assert model.log_partition().method == "exact"
    p = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    base = (test * np.log(p) + (1 - test) * np.log1p(-p)).sum(axis=1).mean()
    assert model.score(test) > base + 1.0


def test_grid_search_without_scoring(images):
    model = DBM((6, 4), rbm=RBM(n_iter=5), n_iter=5, random_state=0)
    grid = {"learning_rate": [1e-9, 0.05], "pretraining": [False]}
    search = GridSearchCV(model, grid, cv=KFold(2)).fit(images)
    assert search.best_params_["learning_rate"] == 0.05
    found = search.cv_results_["split0_test_score"]
    assert found[1] > found[0]


# -- draws and missing values ----------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
def test_samples_have_the_marginals_of_the_model(visible, sizes, ref):
    tiny = ref.make_dbm(sizes, visible)
    X = by_hand(tiny).sample(4000, n_gibbs_steps=50)
    states, p = tiny.probabilities()
    expected = p @ states[0]
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(X.mean(axis=0) - expected) < 4.5 * error).all()
    assert set(np.unique(X)) == {0.0, 1.0}


def test_samples_start_where_they_are_told(ref):
    """Units that hold each other fast keep the state they were given."""
    model = by_hand(ref.make_dbm((3, 3, 2)))
    model.coefs_ = [60.0 * np.eye(3), np.zeros((3, 2))]
    model.intercepts_ = [np.full(3, -30.0), np.full(3, -30.0), np.zeros(2)]
    init = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=np.float64)
    before = init.copy()
    found = model.sample(4, n_gibbs_steps=3, init=init)
    np.testing.assert_array_equal(found, init)
    np.testing.assert_array_equal(init, before)
    with pytest.raises(ValueError, match=r"init has shape \(4, 3\), but sample of DBM needs"):
        model.sample(5, init=init)
    for bad in ({"n_samples": 0}, {"n_gibbs_steps": 0}):
        with pytest.raises(ValueError, match="must be an integer of at least 1"):
            model.sample(**bad)


def test_seeds_of_samples(ref):
    model = by_hand(ref.make_dbm((3, 3, 2)))
    first = model.sample(50, n_gibbs_steps=5)
    np.testing.assert_array_equal(model.sample(50, n_gibbs_steps=5), first)
    assert (model.sample(50, n_gibbs_steps=5, random_state=1) != first).any()


@pytest.mark.parametrize("visible", KINDS)
def test_reconstruct_by_hand(visible, ref):
    tiny = ref.make_dbm((3, 3, 2), visible)
    X = ref.some_rows(tiny.layers[0], 4)
    model = by_hand(tiny).set_params(transform_layers="all")

    def expected(v):
        h1 = model.transform(v)[:, :3]
        return tiny.layers[0].mean(h1 @ tiny.weights[0].T)

    np.testing.assert_allclose(model.reconstruct(X), expected(X), rtol=1e-9)
    twice = model.reconstruct(X, n_gibbs_steps=2)
    np.testing.assert_allclose(twice, expected(expected(X)), rtol=1e-9)
    mask = np.tile([True, False, True], (4, 1))
    v = np.where(mask, X, tiny.layers[0].mean(np.zeros_like(X)))
    for n in (1, 2):
        v = np.where(mask, X, expected(v))
        found = model.reconstruct(np.where(mask, X, np.nan), n, mask=mask)
        np.testing.assert_allclose(found, v, rtol=1e-6)
        np.testing.assert_array_equal(found[mask], X[mask])
    with pytest.raises(ValueError, match=r"mask has shape \(3,\), but reconstruct of DBM needs"):
        model.reconstruct(X, mask=mask[0])
    with pytest.raises(ValueError, match="n_gibbs_steps of DBM must be an integer of at least 1"):
        model.reconstruct(X, n_gibbs_steps=0)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("visible", KINDS)
def test_inverse_transform_is_mean_field_with_the_top_layer_held(visible, sizes, ref):
    tiny = ref.make_dbm(sizes, visible, std=0.5)
    model = by_hand(tiny)
    h = np.random.default_rng(0).random((4, sizes[-1]))
    # until nothing moves, from anywhere: weights are small enough for one fixed point
    states = [np.zeros((4, n)) for n in sizes[:-1]] + [h]
    for _ in range(500):
        for i in range(len(sizes) - 1):
            states[i] = tiny.layers[i].mean(tiny.input(i, states))
    np.testing.assert_allclose(model.inverse_transform(h), states[0], atol=1e-5)
    model.set_params(transform_layers="all")
    q = np.random.default_rng(1).random((4, sum(sizes[1:])))
    expected = tiny.layers[0].mean(q[:, : sizes[1]] @ tiny.weights[0].T)
    np.testing.assert_allclose(model.inverse_transform(q), expected, rtol=1e-9)
    with pytest.raises(ValueError, match=r"inverse_transform of DBM expects \(n_samples, "):
        model.inverse_transform(h)


def test_sparse_rows_have_the_values_of_dense_ones(images):
    model = DBM((8, 5), rbm=RBM(n_iter=1), n_iter=1, random_state=0).fit(images)
    X, mask = sp.csr_array(images), np.arange(images.size).reshape(images.shape) % 2 > 0
    np.testing.assert_allclose(model.score_samples(X), model.score_samples(images), rtol=1e-9)
    np.testing.assert_allclose(model.reconstruct(X), model.reconstruct(images), rtol=1e-9)
    np.testing.assert_allclose(
        model.reconstruct(X, mask=mask), model.reconstruct(images, mask=mask)
    )
    estimate = model.log_partition(n_runs=20, n_temperatures=50, reverse=X)
    same = model.log_partition(n_runs=20, n_temperatures=50, reverse=images)
    assert estimate.reverse == pytest.approx(same.reverse, rel=1e-6)


def test_annealing_of_real_data(real):
    """With 21 units in the first layer log Z is estimated; with W_2 = 0 an RBM has it too."""
    rng = np.random.default_rng(0)
    model = DBM((21, 2), visible="gaussian", random_state=0)
    model.coefs_ = [0.2 * rng.normal(size=(5, 21)), np.zeros((21, 2))]
    model.intercepts_ = [np.zeros(5), rng.normal(size=21), np.array([0.3, -1.0])]
    model.log_variance_visible_ = np.linspace(-0.5, 0.5, 5)
    rbm = RBM(21, visible="gaussian", random_state=0)
    rbm.components_, rbm.intercept_hidden_ = model.coefs_[0].T, model.intercepts_[1]
    rbm.intercept_visible_, rbm.log_variance_visible_ = np.zeros(5), model.log_variance_visible_
    exact = rbm.log_partition("ais").value + np.logaddexp(0, model.intercepts_[2]).sum()
    found = model.log_partition(reverse=real)
    assert found.method == "ais"
    assert found.value == pytest.approx(exact, abs=0.1)
    assert found.reverse == pytest.approx(exact, abs=0.1)


def test_filling_in_is_better_than_the_mean(digits):
    train, test = digits[:500], digits[500:600]
    model = DBM((40, 20), rbm=RBM(n_iter=20, visible_states="draw"), random_state=0).fit(train)
    mask = np.tile(np.arange(64) % 3 > 0, (100, 1))
    filled = model.reconstruct(np.where(mask, test, 0.0), 10, mask=mask)
    error = ((filled - test)[~mask] ** 2).mean()
    base = ((train.mean(axis=0) - test)[~mask] ** 2).mean()
    assert error < 0.7 * base


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_on_a_device_and_in_float32(visible, small, real, device):
    X = (small if visible == "bernoulli" else real).astype(np.float32)
    model = DBM((6, 4), visible=visible, rbm=RBM(n_iter=1), n_iter=1, random_state=0).fit(X)
    there, mask = device.asarray(X), np.arange(X.size).reshape(X.shape) % 2 > 0
    calls = {
        "free_energy": ({}, {}),
        "score_samples": ({}, {}),
        "reconstruct": ({"mask": mask}, {"mask": device.asarray(mask)}),
    }
    for name, (with_, with_there) in calls.items():
        here, out = getattr(model, name)(X, **with_), getattr(model, name)(there, **with_there)
        assert here.dtype == np.float32, name
        assert device.owns(out), name
        np.testing.assert_allclose(device.to_host(out), here, rtol=1e-4, atol=1e-5, err_msg=name)
    out = model.sample(len(X), n_gibbs_steps=2, init=there)
    assert device.owns(out)
    assert out.shape == X.shape
    h = model.transform(there)
    out = model.inverse_transform(h)
    assert device.owns(out)
    here = model.inverse_transform(device.to_host(h))
    assert here.dtype == np.float32
    np.testing.assert_allclose(device.to_host(out), here, rtol=1e-4, atol=1e-5)
    assert model.sample(3, n_gibbs_steps=2).dtype == np.float32
    assert model.score(there) == pytest.approx(model.score(X), rel=1e-4)
