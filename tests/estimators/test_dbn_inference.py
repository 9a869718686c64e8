"""Classes and features of DBNClassifier, against sums over states and passes written out."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone

from skdeepbm import Backprop, DBNClassifier, RBMTransformer, WakeSleep
from skdeepbm.estimators.classification_rbm import ClassificationRBM

FINETUNING = [None, Backprop(n_iter=2), WakeSleep(n_iter=2)]
IDS = ["none", "backprop", "wake-sleep"]
SIZES = [(3,), (3, 2), (3, 2, 3)]


def fitted(small, y, sizes=(8, 6), finetuning=None, **options):
    rbm = RBMTransformer(n_iter=2)
    model = DBNClassifier(sizes, rbm=rbm, finetuning=finetuning, random_state=0, **options)
    return model.fit(small, y)


def adopt(tiny):
    """An estimator with the parameters of a tiny net, set by hand."""
    widths = (*(len(units.bias) for _, units in tiny.recognition), len(tiny.top.hidden.bias))
    model = DBNClassifier(widths, finetuning=None)
    model.classes_ = np.arange(tiny.n_classes)
    model.coefs_ = [w for w, _ in tiny.recognition]
    model.intercepts_ = [units.bias for _, units in tiny.recognition]
    model.rbms_ = []
    for (weights, units), (_, above) in zip(tiny.generative, tiny.recognition, strict=True):
        rbm = RBMTransformer(len(weights))
        rbm.components_, rbm.intercept_visible_ = weights, units.bias
        rbm.intercept_hidden_ = above.bias
        model.rbms_.append(rbm)
    top = ClassificationRBM(widths[-1])
    top.components_, top.label_components_ = tiny.top.weights.T, tiny.label_weights.T
    top.intercept_hidden_, top.intercept_visible_ = tiny.top.hidden.bias, tiny.top.visible.bias
    top.intercept_label_, top.classes_ = tiny.label_bias, model.classes_
    model.rbms_.append(top)
    return model


def penultimate(tiny, v):
    for weights, units in tiny.recognition:
        v = expit(v @ weights + units.bias)
    return v


@pytest.fixture
def blobs(small):
    return (small[:, 20] > 0.5).astype(int) + (small[:, 36] > 0.5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_free_energies_give_the_exact_posterior(sizes, seed, ref):
    tiny = ref.make_net(sizes, n_classes=3, seed=seed)
    model, v = adopt(tiny), tiny.visible.states()[0]
    expected = tiny.label_posterior(penultimate(tiny, v))
    np.testing.assert_allclose(model.predict_proba(v), expected, rtol=1e-9)
    np.testing.assert_allclose(model.predict_log_proba(v), np.log(expected), rtol=1e-8)
    np.testing.assert_array_equal(model.predict(v), expected.argmax(axis=1))
    named = adopt(tiny)
    named.classes_ = np.array(["a", "b", "c"])
    np.testing.assert_array_equal(named.predict(v), named.classes_[expected.argmax(axis=1)])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_label_recovery_comes_to_the_exact_posterior(sizes, ref):
    tiny = ref.make_net(sizes, n_classes=3)
    model, v = adopt(tiny), tiny.visible.states()[0]
    exact = model.predict_proba(v)
    model.set_params(inference="gibbs", n_inference_steps=400, random_state=0)
    # the mean of many chains
    found = model.predict_proba(np.tile(v, (200, 1))).reshape(200, -1, 3).mean(axis=0)
    np.testing.assert_allclose(found, exact, atol=0.02)
    np.testing.assert_array_equal(model.predict_proba(v), model.predict_proba(v))
    p = model.set_params(random_state=None, n_inference_steps=1).predict_proba(v)
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("inference", ["auto", "network", "free_energy", "gibbs"])
def test_probabilities(finetuning, inference, small, blobs):
    model = fitted(small, blobs, finetuning=finetuning, inference=inference)
    if inference == "network" and not isinstance(finetuning, Backprop):
        for name in ("predict", "predict_proba", "predict_log_proba"):
            with pytest.raises(ValueError, match="'network' of DBNClassifier needs .*'backprop'"):
                getattr(model, name)(small)
        return
    p, log_p = model.predict_proba(small), model.predict_log_proba(small)
    assert p.shape == (100, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(small), p.argmax(axis=1))
    assert model.score(small, blobs) == np.mean(p.argmax(axis=1) == blobs)
    other = "network" if isinstance(finetuning, Backprop) else "free_energy"
    if inference == "auto":
        same = model.set_params(inference=other).predict_proba(small)
        np.testing.assert_array_equal(same, p)


def test_inference_that_is_not_there(small, blobs):
    model = fitted(small, blobs, finetuning=None).set_params(inference="gibs")
    with pytest.raises(ValueError, match="inference of DBNClassifier must be .*, got 'gibs'"):
        model.predict(small)


@pytest.mark.parametrize("sizes", [(8,), (8, 6), (8, 6, 5)], ids=str)
def test_the_network_by_hand(sizes, small, blobs):
    model = fitted(small, blobs, sizes, Backprop(n_iter=2))
    x, hidden = small, []
    for w, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        x = expit(x @ w + b)
        hidden.append(x)
    a = x @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(model.predict_proba(small), softmax(a, axis=1), rtol=1e-7)
    np.testing.assert_allclose(
        model.predict_log_proba(small), log_softmax(a, axis=1), rtol=1e-6, atol=1e-9
    )
    for i, expected in enumerate(hidden):
        model.transform_layer = i
        np.testing.assert_allclose(model.transform(small), expected, rtol=1e-7)


@pytest.mark.parametrize("finetuning", [None, WakeSleep(n_iter=2)], ids=["none", "wake-sleep"])
@pytest.mark.parametrize("sizes", [(8,), (8, 6)], ids=str)
def test_features_without_backpropagation(finetuning, sizes, small, blobs):
    """The upward pass, then the top RBM with its label summed out."""
    model = fitted(small, blobs, sizes, finetuning)
    x = small
    for w, b in zip(model.coefs_, model.intercepts_, strict=True):
        x = expit(x @ w + b)
    top = model.rbms_[-1]
    np.testing.assert_allclose(model.transform(small), top.transform(x), rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(small), top.predict_proba(x), rtol=1e-6)


def test_fit_transform(small, blobs):
    model = fitted(small, blobs)
    weight = np.arange(100) % 2
    other = clone(model)
    np.testing.assert_array_equal(other.fit_transform(small, blobs), model.transform(small))
    weighted = other.fit_transform(small, blobs, sample_weight=weight)
    assert (weighted != model.transform(small)).any()


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
def test_parameters_set_by_hand_are_the_model(finetuning, small, blobs):
    """Whoever sets them gets the model they describe: nothing is remembered."""
    model = fitted(small, blobs, finetuning=finetuning)
    before = model.predict_proba(small), model.transform(small), model.score_samples(small[:3])
    dream = model.sample(n_samples=3, n_gibbs_steps=3)
    model.coefs_[0] = -model.coefs_[0]
    assert (model.transform(small) != before[1]).any()
    assert (model.predict_proba(small) != before[0]).any()
    model.coefs_[0] = -model.coefs_[0]
    np.testing.assert_array_equal(model.predict_proba(small), before[0])
    model.rbms_[0].components_ *= 2
    model.rbms_[-1].intercept_visible_ += 1
    assert (model.score_samples(small[:3]) != before[2]).any()
    assert (model.sample(n_samples=3, n_gibbs_steps=3) != dream).any()
    model.rbms_[-1].intercept_label_ = np.array([50.0, 0.0, 0.0])
    assert set(model.set_params(inference="free_energy").predict(small)) == {0}
    assert set(model.set_params(inference="gibbs").predict(small)) == {0}


@pytest.mark.parametrize("finetuning", FINETUNING, ids=IDS)
@pytest.mark.parametrize("spoil", ["weights", "bias", "number", "stack", "classes", "top"])
def test_parameters_that_do_not_fit_together(finetuning, spoil, small, blobs):
    model = fitted(small, blobs, finetuning=finetuning)
    if spoil == "weights":
        model.coefs_[0] = model.coefs_[0][:, :-1]
    elif spoil == "bias":
        model.intercepts_[0] = model.intercepts_[0][:-1]
    elif spoil == "number":
        model.coefs_ = [*model.coefs_, np.zeros((6, 6))]
    elif spoil == "stack":
        model.rbms_[0].components_ = model.rbms_[0].components_[:5]
    elif spoil == "classes":
        model.classes_ = np.arange(4)
    else:
        model.rbms_[-1].label_components_ = np.zeros((5, 3))
    names = {"top": ("score_samples",), "classes": ("predict_proba",)}
    for name in names.get(spoil, ("predict", "transform", "score_samples", "fit")):
        arguments = (small, blobs) if name == "fit" else (small,)
        model.warm_start = True
        with pytest.raises(ValueError, match="shapes"):
            getattr(model, name)(*arguments)


def test_rows_of_another_width_than_parameters_set_by_hand(ref):
    model = adopt(ref.make_net((3, 2), n_classes=2))
    for name in ("predict", "transform", "score_samples", "reconstruct"):
        with pytest.raises(ValueError, match="X has 4 features, but the parameters .* are for 3"):
            getattr(model, name)(np.zeros((2, 4)))


def test_training_goes_on_from_parameters_set_by_hand(ref):
    tiny = ref.make_net((3, 2), n_classes=2)
    v = np.tile(tiny.visible.states()[0], (20, 1))
    y = np.arange(len(v)) % 2
    for finetuning in FINETUNING:
        model = adopt(tiny).set_params(warm_start=True, random_state=0, finetuning=finetuning)
        model.set_params(rbm=RBMTransformer(n_iter=1)).fit(v, y)
        assert model.n_features_in_ == 3
        assert (model.coefs_[0] != tiny.recognition[0][0]).all()
        assert (model.rbms_[-1].components_ != tiny.top.weights.T).any() == (
            not isinstance(finetuning, Backprop)
        )
        assert model.partial_fit(v, y).predict(v).shape == y.shape
