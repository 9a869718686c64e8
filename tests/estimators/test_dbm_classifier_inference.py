"""DBMClassifier as a model of rows and labels: classes, features, likelihood, draws."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax

from skdeepbm import Backprop, DBMClassifier
from skdeepbm import RBMTransformer as RBM

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
VISIBLE = ["bernoulli", "gaussian", "softmax"]


def by_hand(tiny, **options):
    """An estimator with the parameters of a tiny machine."""
    visible, *hidden, label = tiny.layers
    sizes = [len(layer.bias) for layer in hidden]
    options = {"visible": visible.kind, "visible_groups": visible.groups, **options}
    model = DBMClassifier(sizes, finetuning=None, random_state=0, **options)
    model.coefs_ = [w.copy() for w in tiny.weights[:-1]]
    model.intercepts_ = [layer.bias.copy() for layer in tiny.layers[:-1]]
    model.label_coef_, model.label_intercept_ = tiny.weights[-1].copy(), label.bias.copy()
    model.classes_ = np.arange(tiny.n_classes)
    if visible.log_variance is not None:
        model.log_variance_visible_ = visible.log_variance.copy()
    return model


def machine(sizes=(8, 5), **options):
    options = {"rbm": RBM(n_iter=2), "n_iter": 2, "random_state": 0, **options}
    return DBMClassifier(sizes, **options)


@pytest.fixture
def blobs(small):
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


# -- the machine -----------------------------------------------------------------------------


@pytest.mark.parametrize("visible", VISIBLE)
@pytest.mark.parametrize("sizes", SIZES)
def test_exact_posterior(visible, sizes, ref):
    tiny = ref.make_labelled_dbm(sizes, visible=visible, std=1.2)
    X = ref.some_rows(tiny.layers[0], 6)
    expected = log_softmax(tiny.joint_log_weights(X), axis=1)
    model = by_hand(tiny, inference="exact")
    np.testing.assert_allclose(model.predict_log_proba(X), expected, rtol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X), np.exp(expected), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


@pytest.mark.parametrize("sizes", SIZES)
def test_bounds_and_mean_field(sizes, ref):
    tiny = ref.make_labelled_dbm(sizes, std=1.2)
    X = ref.some_rows(tiny.layers[0], 6)
    model = by_hand(tiny, transform_layers="all")
    h = model.transform(X)
    edges = np.cumsum([0, *sizes[1:]])
    q = [h[:, a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    # the label is a part of the fixed point, and no feature
    label = softmax(q[-1] @ tiny.weights[-1] + tiny.layers[-1].bias, axis=1)
    states = [X, *q, label]
    for i in range(1, len(sizes)):
        np.testing.assert_allclose(q[i - 1], tiny.layers[i].mean(tiny.input(i, states)), atol=3e-6)
    found = model.set_params(inference="mean_field").predict_proba(X)
    np.testing.assert_allclose(found, label, atol=1e-3)
    exact = softmax(tiny.joint_log_weights(X), axis=1)
    bound = model.set_params(inference="auto").predict_proba(X)
    np.testing.assert_array_equal(bound, model.set_params(inference="bound").predict_proba(X))
    assert np.abs(bound - exact).max() < 0.5 * np.abs(found - exact).max()


@pytest.mark.parametrize("visible", ["bernoulli", "softmax"])
@pytest.mark.parametrize("sizes", SIZES)
def test_likelihood(visible, sizes, ref):
    tiny = ref.make_labelled_dbm(sizes, visible=visible)
    X = ref.some_rows(tiny.layers[0], 6)
    model = by_hand(tiny)
    exact = model.log_partition()
    assert exact.method == "exact"
    assert exact.value == pytest.approx(tiny.log_z(), rel=1e-10)
    few = {"n_runs": 50, "n_temperatures": 200}
    estimate = model.log_partition("ais", reverse=ref.some_rows(tiny.layers[0], 50), **few)
    assert estimate.value == pytest.approx(tiny.log_z(), abs=0.1)
    assert estimate.reverse == pytest.approx(tiny.log_z(), abs=0.1)
    gap = logsumexp(tiny.joint_log_weights(X), axis=1) - tiny.log_z() - model.score_samples(X)
    assert (gap > 0).all()
    assert gap.max() < 0.3
    np.testing.assert_allclose(
        -model.free_energy(X) - exact.value, model.score_samples(X), rtol=1e-10
    )


@pytest.mark.parametrize("sizes", SIZES)
def test_rows_of_a_class(sizes, ref):
    """Their marginals are those of the model given the label; without one, those of the model."""
    tiny = ref.make_labelled_dbm(sizes, std=1.2, seed=3)
    model, (states, p) = by_hand(tiny), tiny.probabilities()
    for label in (None, 1):
        kept = np.ones(len(p), bool) if label is None else states[-1][:, label] == 1
        expected = p[kept] @ states[0][kept] / p[kept].sum()
        for values in ("draw", "mean"):
            X = model.sample(4000, labels=label, n_gibbs_steps=40, values=values)
            error = np.sqrt(expected * (1 - expected) / 4000)
            assert (np.abs(X.mean(axis=0) - expected) < 4.5 * error).all()
            assert (set(np.unique(X)) == {0.0, 1.0}) == (values == "draw")


def test_arguments_of_sample(ref):
    tiny = ref.make_labelled_dbm()
    model = by_hand(tiny)
    model.classes_ = np.array(["a", "b", "c"])
    assert model.sample().shape == (1, 3)
    assert model.sample(2, n_gibbs_steps=2).shape == (2, 3)
    assert model.sample(labels=["a", "c"], n_gibbs_steps=2).shape == (2, 3)
    assert model.sample(4, labels="b", n_gibbs_steps=2, init=np.ones((4, 3))).shape == (4, 3)
    same = [model.sample(3, labels="b", n_gibbs_steps=2, random_state=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()
    with pytest.raises(ValueError, match="labels of DBMClassifier.sample hold 'd', which is none"):
        model.sample(labels="d")
    with pytest.raises(ValueError, match="labels of DBMClassifier.sample have shape"):
        model.sample(3, labels=["a", "b"])
    with pytest.raises(ValueError, match="number of rows.*give classes as labels='a'"):
        model.sample("a")
    with pytest.raises(ValueError, match="values of DBMClassifier.sample must be 'mean' or"):
        model.sample(labels="a", values="both")
    with pytest.raises(ValueError, match="init has shape"):
        model.sample(2, labels="a", init=np.ones((2, 4)))


def test_back_to_rows(ref):
    """From the top hidden layer, whose label says no more of what lies below."""
    tiny = ref.make_labelled_dbm((3, 4, 2))
    model, h = by_hand(tiny), np.random.default_rng(0).random((5, 2))
    x = model.inverse_transform(h)
    below = expit(x @ tiny.weights[0] + h @ tiny.weights[1].T + tiny.layers[1].bias)
    np.testing.assert_allclose(x, expit(below @ tiny.weights[0].T + tiny.layers[0].bias), atol=1e-5)
    known = np.array([[True, False, True]] * 5)
    X = ref.some_rows(tiny.layers[0], 5)
    filled = model.reconstruct(X, 5, mask=known)
    np.testing.assert_array_equal(filled[known], X[known])


# -- the network -----------------------------------------------------------------------------


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_the_network_starts_as_the_machine(visible, small, real, blobs):
    """Its hidden layers have the expected values of mean field, up to what the label says."""
    X = small if visible == "bernoulli" else real[:100]
    model = machine(finetuning=Backprop(n_iter=0), visible=visible, transform_layers="all")
    model.fit(X, blobs)
    model.label_coef_[...] = 0
    h = model.transform(X)
    model.network_coefs_, model.network_intercepts_ = model._unrolled(np.full(3, 1 / 3))
    (w1, w2, w3), (b1, b2, b3) = model.network_coefs_, model.network_intercepts_
    first = expit(np.concatenate([X, h[:, 8:]], axis=1) @ w1 + b1)
    np.testing.assert_allclose(first, h[:, :8], atol=1e-5)
    second = expit(first @ w2 + b2)
    np.testing.assert_allclose(second, h[:, 8:], atol=1e-5)
    p = softmax(second @ w3 + b3, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), p, atol=1e-3)
    np.testing.assert_allclose(p, np.tile(softmax(model.label_intercept_), (100, 1)), atol=1e-6)


def test_deeper_networks_make_up_for_the_layer_above(small, blobs):
    model = machine((8, 6, 5, 4), finetuning=Backprop(n_iter=0)).fit(small, blobs)
    shapes = [(64 + 6, 8), (8, 6), (6, 5), (5, 4), (4, 3)]
    assert [w.shape for w in model.network_coefs_] == shapes
    first, *rest = model.network_coefs_
    np.testing.assert_array_equal(first, np.concatenate([model.coefs_[0], model.coefs_[1].T]))
    for w, expected, factor in zip(rest, model.coefs_[1:], (2, 2, 1), strict=False):
        np.testing.assert_array_equal(w, factor * expected)
    np.testing.assert_array_equal(rest[-1], model.label_coef_)
    for b, expected in zip(model.network_intercepts_, model.intercepts_[1:-1], strict=False):
        np.testing.assert_array_equal(b, expected)
    np.testing.assert_array_equal(model.network_intercepts_[-1], model.label_intercept_)
    shares = np.bincount(blobs) / 100
    mean = model.intercepts_[-1] + model.label_coef_ @ shares
    np.testing.assert_allclose(model.network_intercepts_[-2], mean, rtol=1e-6)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("sizes", [(4, 3), (4, 3, 3)])
def test_gradients_of_fine_tuning(sizes, visible, ref, rng):
    """By finite differences of the cross-entropy of rows and fixed means of the second layer."""
    tiny = ref.make_labelled_dbm((3, *sizes), visible=visible)
    X, codes = ref.some_rows(tiny.layers[0], 12), np.arange(12) % 3
    model = by_hand(tiny, transform_layers="all", warm_start=True, n_iter=0)
    step = {"momentum": 0.0, "weight_decay": 0.0, "batch_size": None, "training_dtype": None}
    model.set_params(finetuning=Backprop(n_iter=0, learning_rate=1e-3, **step)).fit(X, codes)
    # somewhere else than at the start, so that nothing is zero
    for arrays in (model.network_coefs_, model.network_intercepts_):
        for array in arrays:
            array += rng.normal(0, 0.3, array.shape)
    second = model.transform(X)[:, sizes[0] : sizes[0] + sizes[1]]
    given = np.concatenate([X, second], axis=1)

    def loss(weights, biases):
        h = given
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h = expit(h @ w + b)
        log_p = log_softmax(h @ weights[-1] + biases[-1], axis=1)
        return -log_p[np.arange(12), codes].mean()

    weights = [w.copy() for w in model.network_coefs_]
    biases = [b.copy() for b in model.network_intercepts_]
    model.set_params(finetuning__n_iter=1).fit(X, codes)
    for arrays, after in (
        (weights, model.network_coefs_),
        (biases, model.network_intercepts_),
    ):
        for array, moved in zip(arrays, after, strict=True):
            expected = np.empty_like(array)
            for place in np.ndindex(array.shape):
                kept, ends = array[place], []
                for sign in (1, -1):
                    array[place] = kept + sign * 1e-5
                    ends.append(loss(weights, biases))
                array[place] = kept
                expected[place] = (ends[0] - ends[1]) / 2e-5
            # means of the second layer settle to 1e-4
            np.testing.assert_allclose((array - moved) / 1e-3, expected, rtol=5e-3, atol=2e-5)
            assert np.abs(expected).max() > 1e-3


def test_network_sees_the_means_of_the_machine(small, blobs):
    """Which backpropagation leaves alone, in training and afterwards."""
    model = machine(finetuning=Backprop(n_iter=5), transform_layers="all").fit(small, blobs)
    given = np.concatenate([small, model.transform(small)[:, 8:]], axis=1)
    for w, b in zip(model.network_coefs_[:-1], model.network_intercepts_[:-1], strict=True):
        given = expit(given @ w + b)
    p = softmax(given @ model.network_coefs_[-1] + model.network_intercepts_[-1], axis=1)
    np.testing.assert_allclose(model.predict_proba(small), p, atol=1e-3)
    loss = -np.log(p[np.arange(100), blobs]).mean()
    assert model.history_["loss"][-1] == pytest.approx(loss, rel=1e-2)
    plain = machine(finetuning=None, transform_layers="all").fit(small, blobs)
    np.testing.assert_array_equal(plain.transform(small), model.transform(small))
    bound = plain.predict_proba(small)
    np.testing.assert_array_equal(model.set_params(inference="bound").predict_proba(small), bound)
    assert np.abs(bound - p).max() > 0.01


def test_a_row_has_the_class_it_would_have_alone(small, blobs):
    model = machine(finetuning=Backprop(n_iter=2)).fit(small, blobs)
    for inference in ("network", "bound", "mean_field"):
        model.set_params(inference=inference)
        alone = np.concatenate([model.predict_proba(row[None]) for row in small[:20]])
        np.testing.assert_allclose(alone, model.predict_proba(small)[:20], rtol=1e-9)


def test_inference_that_is_not_there(small, blobs):
    model = machine(finetuning=None, inference="network").fit(small, blobs)
    with pytest.raises(ValueError, match="inference='network' of DBMClassifier needs finetuning"):
        model.predict(small)
    with pytest.raises(ValueError, match="inference of DBMClassifier must be .*, got 'bounds'"):
        model.set_params(inference="bounds").predict(small)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("label_coef_", np.zeros((5, 4)), "label_coef_ and label_intercept_ of DBMClassifier"),
        ("label_intercept_", np.zeros(4), "label_coef_ and label_intercept_ of DBMClassifier"),
        ("network_coefs_", [np.zeros((64, 8))], "network_coefs_ and network_intercepts_ of DBM"),
        ("network_intercepts_", [np.zeros(8)], "network_coefs_ and network_intercepts_ of DBM"),
        ("coefs_", [np.zeros((64, 8))], "fitted arrays of DBMClassifier do not fit together"),
    ],
)
def test_arrays_that_do_not_fit(name, value, match, small, blobs):
    model = machine(finetuning=Backprop(n_iter=1)).fit(small, blobs)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=match):
        model.predict(small)
