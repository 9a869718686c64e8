"""Training of DeepAutoencoder: its objective, sparsity, what goes on, and what may go wrong."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, kl_div
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skdeepbm import Backprop, DeepAutoencoder, ReplicatedSoftmax, schedules
from skdeepbm import RBMTransformer as RBM
from skdeepbm.exceptions import DivergenceError
from skdeepbm.metrics import squared_error

KEYS = {
    "loss",
    "validation_loss",
    "squared_error",
    "validation_squared_error",
    "weight_norm",
    "weights_moved",
    "epoch_time",
}
GAUSSIAN = [RBM(visible="gaussian", n_iter=2), RBM(n_iter=2)]
COUNTS = [ReplicatedSoftmax(n_iter=2), RBM(n_iter=2)]
# the same in any order of the rows, and without random numbers
WHOLE = {"batch_size": None, "shuffle": False, "training_dtype": "float64"}


def autoencoder(finetuning=None, sizes=(8, 3), **options):
    options = {"pretrainer": RBM(n_iter=2), "random_state": 0, **options}
    return DeepAutoencoder(sizes, finetuning=finetuning, **options)


def backprop(n_iter=2, **options):
    return Backprop(n_iter=n_iter, **options)


def parameters(model):
    return [*model.coefs_, *model.intercepts_]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(found, expected):
    return any((a != b).any() for a, b in zip(found, expected, strict=True))


def activities(model, X):
    """Expected values of the hidden layers of the encoder, of sigmoid units."""
    found, h = [], X.toarray() if sp.issparse(X) else X
    times = h.sum(axis=1, keepdims=True) if model.visible == "multinomial" else 1.0
    n_layers = len(model.coefs_) // 2
    for i in range(n_layers):
        a = h @ model.coefs_[i] + times * model.intercepts_[i]
        linear = i == n_layers - 1 and model.code == "linear"
        h, times = a if linear else expit(a), 1.0
        found.append(h)
    return found


# -- the objective ---------------------------------------------------------------------------


def loss(model, X, sparse=(), target=0.2, cost=0.0):
    """What fine-tuning should fall by, from public methods and arrays."""
    if model.visible == "multinomial":
        counts = X.toarray()
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        p = model.inverse_transform(model.transform(X))
        value = -(share * np.log(p)).sum(axis=1).mean()
    else:
        value = -model.score(X)
    for i in sparse:
        h = activities(model, X)[i]
        if i == len(model.coefs_) // 2 - 1 and model.code == "linear":
            value += cost * np.abs(h).sum(axis=1).mean()
        else:
            q = h.mean(axis=0)
            value += cost * (kl_div(target, q) + kl_div(1 - target, 1 - q)).sum()
    return value


def numerical_gradient(model, function, step=1e-5):
    found = []
    for array in parameters(model):
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            ends = []
            for sign in (1, -1):
                array[index] = value + sign * step
                ends.append(function(model))
            array[index] = value
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        found.append(gradient)
    return found


def at_random_parameters(model, n_features, seed=0):
    rng = np.random.default_rng(seed)
    widths = [n_features, *model.hidden_layer_sizes]
    widths += widths[-2::-1]
    model.coefs_ = [
        rng.normal(0, 0.7, size=size) for size in zip(widths[:-1], widths[1:], strict=True)
    ]
    model.intercepts_ = [rng.normal(0, 0.3, size=n) for n in widths[1:]]
    return model


@pytest.mark.parametrize("code", ["linear", "sigmoid"])
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "counts"])
@pytest.mark.parametrize(
    ("sparsity", "sparse"),
    [(None, ()), ("bottleneck", (1,)), ("all", (0, 1)), ([True, False], (0,))],
)
def test_a_step_goes_down_the_gradient(kind, code, sparsity, sparse, rng):
    """Of minus the mean score, for counts of the shares of words, and of the sparsity penalty."""
    X, template = {
        "bernoulli": (rng.random((7, 3)), RBM()),
        "gaussian": (rng.normal(size=(7, 3)), [RBM(visible="gaussian"), RBM()]),
        "counts": (
            # one document without words
            sp.csr_array(np.vstack([rng.integers(0, 4, size=(6, 3)) + 0.0, np.zeros(3)])),
            [ReplicatedSoftmax(), RBM()],
        ),
    }[kind]
    rate = 0.01
    settings = Backprop(
        optimizer="sgd", learning_rate=rate, momentum=0, weight_decay=0, training_dtype="float64"
    )
    penalty = {"sparsity": sparsity, "sparsity_target": 0.2, "sparsity_cost": 0.5}
    model = autoencoder(settings, (3, 2), pretrainer=template, code=code, **penalty)
    at_random_parameters(model, 3)
    expected = numerical_gradient(model, lambda m: loss(m, X, sparse, cost=0.5))
    before = copy.deepcopy(parameters(model))
    model.partial_fit(X)
    for a, b, gradient in zip(parameters(model), before, expected, strict=True):
        assert np.abs(gradient).max() > 1e-4
        np.testing.assert_allclose((b - a) / rate, gradient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("n_components", [1, 2])
def test_a_linear_autoencoder_finds_the_principal_components(n_components):
    """No linear code of as many numbers has a smaller squared error (Baldi & Hornik 1989)."""
    X = load_iris().data
    X = X - X.mean(axis=0)
    settings = Backprop(
        n_iter=500, optimizer="lbfgs", weight_decay=0, training_dtype="float64", batch_size=None
    )
    model = autoencoder(
        settings, (n_components,), pretrainer=RBM(visible="gaussian"), pretraining=False
    ).fit(X)
    pca = PCA(n_components).fit(X)
    best = ((X - pca.inverse_transform(pca.transform(X))) ** 2).sum(axis=1).mean()
    found = ((X - model.reconstruct(X)) ** 2).sum(axis=1).mean()
    assert best * (1 - 1e-9) <= found <= best * 1.001


@pytest.mark.parametrize("pretraining", [False, True])
def test_a_linear_autoencoder_takes_heavy_tails_by_default(pretraining):
    """The squared norm of a row of this table is up to fourteen times the mean one."""
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    template = RBM(visible="gaussian", n_iter=10)
    model = DeepAutoencoder((2,), pretrainer=template, pretraining=pretraining, random_state=0)
    pca = PCA(2).fit(X)
    least = squared_error(X, pca.inverse_transform(pca.transform(X)))
    assert least < squared_error(X, model.fit(X).reconstruct(X)) < 1.05 * least
    # the same rate where only the layers so far are linear, as intermediate fine-tuning sees them
    layers = [
        RBM(visible="gaussian", hidden="gaussian", n_iter=10),
        RBM(visible="gaussian", n_iter=2),
    ]
    model = DeepAutoencoder((4, 2), pretrainer=layers, pretraining=pretraining, random_state=0)
    model.set_params(code="sigmoid", intermediate_finetuning="backprop").fit(X)
    assert model.intermediate_history_[0]["squared_error"][-1] < least


def test_history(small):
    model = autoencoder(backprop(3), intermediate_finetuning=backprop(3)).fit(small)
    assert set(model.history_) == set(model.intermediate_history_[0]) == KEYS
    assert {len(values) for values in model.history_.values()} == {model.n_iter_} == {3}
    assert model.history_["weight_norm"].shape == (3, 4)
    assert np.isnan(model.history_["validation_loss"]).all()
    assert model.history_["loss"][-1] == pytest.approx(-model.score(small), rel=1e-5)
    square = ((small - model.reconstruct(small)) ** 2).sum(axis=1).mean()
    assert model.history_["squared_error"][-1] == pytest.approx(square, rel=1e-5)
    norms = [np.linalg.norm(w, axis=0).mean() for w in model.coefs_]
    np.testing.assert_allclose(model.history_["weight_norm"][-1], norms, rtol=1e-5)


def test_history_of_counts_is_of_shares_of_words(documents):
    documents = documents[:100]
    model = autoencoder(backprop(2), pretrainer=COUNTS).fit(documents)
    assert model.history_["loss"][-1] == pytest.approx(loss(model, documents), rel=1e-5)
    counts = documents.toarray()
    share = counts / counts.sum(axis=1, keepdims=True)
    p = model.inverse_transform(model.transform(documents))
    square = ((share - p) ** 2).sum(axis=1).mean()
    assert model.history_["squared_error"][-1] == pytest.approx(square, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "lbfgs", "cg"])
@pytest.mark.parametrize("code", ["linear", "binary"])
def test_every_optimizer_learns(optimizer, code, small):
    options = {"code": code, "pretraining": False}
    start = autoencoder(**options).fit(small)
    rate = {"learning_rate": 0.01} if optimizer == "adam" else {}
    model = autoencoder(backprop(12, optimizer=optimizer, **rate), **options).fit(small)
    assert model.score(small) > start.score(small) + 1
    assert len(model.history_["loss"]) == model.n_iter_ <= 12
    batches = autoencoder(backprop(1, optimizer=optimizer, batch_size=50), **options).fit(small)
    assert batches.score(small) > start.score(small)


def test_options_of_fine_tuning(small):
    plain = autoencoder(backprop()).fit(small)
    for options in (
        {"dropout": 0.3},
        {"input_dropout": 0.3},
        {"weight_decay": 0.1},
        {"max_norm": 0.05},
        {"averaging": 1.0},
        {"shuffle": False},
        {"momentum": [0.5, 0.9]},
        {"learning_rate": schedules.Exponential(0.1, 0.1)},
        {"training_dtype": None},
    ):
        model = autoencoder(backprop(**options)).fit(small)
        assert differ(model.coefs_, plain.coefs_), options
    start = autoencoder().fit(small)
    top = autoencoder(backprop(2, n_top_iter=2)).fit(small)
    assert_equal(top.coefs_[:-1], start.coefs_[:-1])
    assert differ(top.coefs_[-1:], start.coefs_[-1:])


def test_names_of_fine_tunings(small):
    named = autoencoder("backprop", intermediate_finetuning="backprop").fit(small)
    spelt = autoencoder(
        Backprop(n_iter=30),
        intermediate_finetuning=Backprop(n_iter=10),
    ).fit(small)
    assert_equal(parameters(named), parameters(spelt))
    assert named.n_iter_ == 30
    assert [len(history["loss"]) for history in named.intermediate_history_] == [10]


# -- binary codes ----------------------------------------------------------------------------


def test_noise_drives_codes_apart(digits):
    """To 0 and 1, more so with more noise; the noise is part of training alone."""
    X = digits[:300]
    settings = backprop(25, optimizer="adam", learning_rate=0.01)
    distances = []
    for options in ({"code": "sigmoid"}, {"code_noise": 1.0}, {"code_noise": 4.0}):
        options = {"code": "binary", **options}
        model = autoencoder(settings, (20, 6), pretrainer=RBM(n_iter=5), **options).fit(X)
        distances.append(np.abs(model.transform(X) - 0.5).mean())
    assert distances[0] + 0.03 < distances[1] < distances[2] - 0.03
    silent = autoencoder(settings, (20, 6), code="binary", code_noise=0.0).fit(X)
    sigmoid = autoencoder(settings, (20, 6), code="sigmoid").fit(X)
    assert_equal(parameters(silent), parameters(sigmoid))


# -- sparsity --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sparsity", "sparse"),
    [
        ("bottleneck", (2,)),
        ("all", (0, 1, 2)),
        ("alternate", (0, 2)),
        ([False, True, False], (1,)),
        (np.array([True, True, False]), (0, 1)),
        ((False, False, False), ()),
    ],
    ids=str,
)
def test_which_layers_are_sparse(sparsity, sparse, small):
    """In pretraining by the templates' penalty; a step shows it of fine-tuning above."""
    template = RBM(n_iter=1, sparsity_cost=0.7, sparsity_target=0.3)
    model = autoencoder(
        sizes=(8, 6, 3),
        pretrainer=template,
        code="sigmoid",
        sparsity=sparsity,
        sparsity_target=0.05,
        sparsity_cost=0.4,
    ).fit(small)
    found = [(r.sparsity_cost, r.sparsity_target) for r in model.pretrainers_]
    assert found == [(0.4 if i in sparse else 0.0, 0.05) for i in range(3)]
    linear = clone(model).set_params(code="linear").fit(small)
    costs = [0.4 if i in sparse and i < 2 else 0.0 for i in range(3)]
    assert [r.sparsity_cost for r in linear.pretrainers_] == costs
    plain = clone(model).set_params(sparsity=None).fit(small)
    assert [r.sparsity_cost for r in plain.pretrainers_] == [0.7] * 3


def test_sparsity_in_fine_tuning_by_layer(rng):
    """A step with and without the penalty differs below the sparse layers, and only there."""
    X = rng.random((9, 5))
    settings = Backprop(optimizer="sgd", learning_rate=0.1, training_dtype="float64")

    def stepped(sparsity):
        model = autoencoder(settings, (4, 3, 2), code="sigmoid", sparsity=sparsity)
        return at_random_parameters(model, 5).partial_fit(X)

    plain = stepped(None)
    for sparsity, highest in (
        ("bottleneck", 2),
        ("all", 2),
        ("alternate", 2),
        ([True, False, False], 0),
        ([False, True, False], 1),
    ):
        model = stepped(sparsity)
        moved = [bool(differ([a], [b])) for a, b in zip(model.coefs_, plain.coefs_, strict=True)]
        assert moved == [i <= highest for i in range(6)], sparsity
    assert differ(stepped("all").coefs_, stepped("bottleneck").coefs_)
    assert differ(stepped("all").coefs_, stepped("alternate").coefs_)
    assert_equal(stepped("alternate").coefs_, stepped([True, False, True]).coefs_)


@pytest.mark.parametrize("pretraining", [True, False])
def test_activity_falls_to_the_target(pretraining, digits):
    X = digits[:300]
    settings = backprop(15, optimizer="adam", learning_rate=0.01)
    found = []
    for cost in (0.0, 0.3, 3.0):
        model = autoencoder(
            settings,
            (20, 12),
            pretrainer=RBM(n_iter=3),
            pretraining=pretraining,
            code="sigmoid",
            sparsity="all",
            sparsity_target=0.1,
            sparsity_cost=cost,
        ).fit(X)
        np.testing.assert_allclose(model.transform(X), activities(model, X)[1], rtol=1e-9)
        found.append([h.mean() for h in activities(model, X)])
    for plain, some, much in zip(*found, strict=True):
        assert plain > some + 0.01 > much + 0.02
        assert abs(much - 0.1) < 0.05


def test_a_penalty_on_linear_codes_makes_them_small(small):
    settings = backprop(10, optimizer="adam", learning_rate=0.01)
    found = [
        np.abs(
            autoencoder(settings, sparsity="bottleneck", sparsity_cost=cost)
            .fit(small)
            .transform(small)
        ).mean()
        for cost in (0.0, 1.0)
    ]
    assert found[1] < 0.5 * found[0]


@pytest.mark.parametrize(
    "sparsity",
    [[True], [True] * 3, [1, 0], [[True, False]], [[True], [True, False]], ["all", "none"]],
    ids=str,
)
def test_sequences_that_do_not_say_it_of_each_layer(sparsity, small):
    model = autoencoder(sparsity=sparsity)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="sparsity=.* of DeepAutoencoder must have a boolean for "):
        model.fit(small)
    assert vars(model) == before
    with pytest.raises(ValueError, match="'sparsity' parameter of DeepAutoencoder"):
        model.set_params(sparsity="most").fit(small)


# -- intermediate fine-tuning ----------------------------------------------------------------


def test_intermediate_fine_tuning_is_that_of_shorter_autoencoders(small):
    """Layer by layer, of the same rows and without random numbers."""
    settings = backprop(3, **WHOLE)
    options = {"code": "sigmoid", "intermediate_finetuning": settings}
    one = autoencoder(settings, (8,), code="sigmoid").fit(small)
    two = autoencoder(settings, (8, 6), **options).fit(small)
    three = autoencoder(None, (8, 6, 3), **options).fit(small)
    for shorter, model in ((one, two), (two, three)):
        n = len(shorter.coefs_) // 2
        # the next layer is trained on the tuned ones
        layer = clone(model.pretrainers_[n]).fit(shorter.transform(small))
        np.testing.assert_array_equal(model.pretrainers_[n].components_, layer.components_)
        for name in KEYS - {"epoch_time"}:
            np.testing.assert_array_equal(
                model.intermediate_history_[-1][name], shorter.history_[name], err_msg=name
            )
    assert_equal(three.coefs_[:2], two.coefs_[:2])
    assert_equal(three.coefs_[-2:], two.coefs_[-2:])
    assert_equal(three.intercepts_[:2], two.intercepts_[:2])
    assert_equal(three.intercepts_[-2:], two.intercepts_[-2:])
    # the new layer is tied, as pretraining left it
    np.testing.assert_array_equal(three.coefs_[2], three.coefs_[3].T)
    assert one.intermediate_history_ == []
    assert [len(h["loss"]) for h in three.intermediate_history_] == [3, 3]
    assert [h["weight_norm"].shape for h in three.intermediate_history_] == [(3, 2), (3, 4)]


def test_intermediate_fine_tuning_is_off_by_default(small):
    model = autoencoder(backprop(), (8, 6, 3)).fit(small)
    assert model.intermediate_history_ == []
    tuned = autoencoder(backprop(), (8, 6, 3), intermediate_finetuning=backprop(1)).fit(small)
    assert differ(model.coefs_[:1], tuned.coefs_[:1])
    # the first layer is pretrained before any of it
    np.testing.assert_array_equal(
        model.pretrainers_[0].components_, tuned.pretrainers_[0].components_
    )
    assert differ([model.pretrainers_[1].components_], [tuned.pretrainers_[1].components_])


@pytest.mark.parametrize("kind", ["gaussian", "counts"])
@pytest.mark.parametrize("pretraining", [True, False])
def test_intermediate_fine_tuning_of_other_rows(kind, pretraining, real, documents):
    X, bottom = {"gaussian": (real, GAUSSIAN), "counts": (documents, COUNTS)}[kind]
    templates = [*bottom, RBM(n_iter=2)]
    options = {"pretrainer": templates, "pretraining": pretraining, "sparsity": "alternate"}
    settings = backprop(8, optimizer="adam", learning_rate=0.01)
    model = autoencoder(None, (8, 6, 3), intermediate_finetuning=settings, **options).fit(X)
    for history in model.intermediate_history_:
        assert history["squared_error"][-1] < history["squared_error"][0]
        assert np.isnan(history["validation_loss"]).all()


# -- early stopping --------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_early_stopping(optimizer, digits):
    """The best epoch is kept."""
    rng = np.random.default_rng(0)
    # noise that cannot be learned
    X = np.clip(digits[:60] * 0.2 + rng.random((60, 64)) * 0.8, 0, 1)
    settings = backprop(
        200,
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=3,
        optimizer=optimizer,
        learning_rate=1.0,
        training_dtype="float64",
    )
    model = autoencoder(settings, (30, 20), pretraining=False).fit(X)
    losses = model.history_["validation_loss"]
    best = int(np.argmin(losses))
    assert model.n_iter_ == len(losses) == best + 4 < 200
    assert best > 0
    if optimizer == "sgd":
        shorter = clone(model).set_params(
            finetuning__n_iter=best + 1, finetuning__n_iter_no_change=100
        )
        assert_equal(parameters(shorter.fit(X)), parameters(model))


def test_rows_held_out_are_not_trained_on(small):
    """Their order changes nothing, and `validation_loss` is theirs."""
    settings = backprop(2, early_stopping=True, validation_fraction=0.2, n_iter_no_change=50)
    options = {"pretraining": False}
    model = autoencoder(settings, **options).fit(small)
    rows = model._run(settings, model._resolve_backend(small), small, 2).held_out
    assert len(rows) == 20
    scores = -model.score_samples(small)
    losses, best = model.history_["validation_loss"], np.argmin(model.history_["validation_loss"])
    assert scores[rows].mean() == pytest.approx(losses[best], rel=1e-5)
    trained = np.delete(scores, rows)
    assert trained.mean() == pytest.approx(model.history_["loss"][best], rel=1e-5)
    # the start, at the mean of all rows, stays the same
    X = small.copy()
    X[rows] = small[rows[::-1]]
    same = autoencoder(settings, **options).fit(X)
    for a, b in zip(parameters(same), parameters(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    kept = np.setdiff1d(np.arange(100), rows)
    X = small.copy()
    X[kept] = small[kept[::-1]] ** 2
    other = autoencoder(settings, **options).fit(X)
    assert max(np.abs(a - b).max() for a, b in zip(other.coefs_, model.coefs_, strict=True)) > 1e-3


def test_early_stopping_needs_two_rows(small):
    model = autoencoder(backprop(early_stopping=True))
    before = dict(vars(model))
    with pytest.raises(ValueError, match="early_stopping of DeepAutoencoder needs at least 2 rows"):
        model.fit(small[:1])
    assert vars(model) == before
    assert model.fit(small[:2]).n_iter_ == 2


# -- going on --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": schedules.InverseTime(0.1, half_life=2)},
        {"learning_rate": 0.01, "optimizer": "adam", "dropout": 0.2},
        {"learning_rate": 0.01, "optimizer": "nesterov"},
    ],
    ids=["sgd", "adam", "nesterov"],
)
@pytest.mark.parametrize("code", ["linear", "binary"])
def test_more_epochs(options, code, small):
    """2 and then 3 are 5: optimiser, noise, sparsity and the order of rows go on."""
    model = autoencoder(
        backprop(2, **options), code=code, sparsity="all", warm_start=True, pretraining=False
    )
    model.fit(small).set_params(finetuning__n_iter=3).fit(small)
    once = clone(model).set_params(finetuning__n_iter=5).fit(small)
    assert_equal(parameters(model), parameters(once))
    assert model.n_iter_ == once.n_iter_ == 5
    for name, values in once.history_.items():
        assert len(values) == 5, name
        if name != "epoch_time":
            np.testing.assert_array_equal(model.history_[name], values, err_msg=name)


def test_warm_start_does_not_pretrain_again(small):
    model = autoencoder(None, warm_start=True).fit(small)
    layers = copy.deepcopy(model.pretrainers_)
    start = copy.deepcopy(parameters(model))
    # without fine-tuning there is nothing to go on with
    assert_equal(parameters(model.fit(small)), start)
    model.set_params(finetuning=backprop(), pretrainer__n_iter=9).fit(small)
    assert [r.n_iter_ for r in model.pretrainers_] == [2, 2]
    assert_equal([r.components_ for r in model.pretrainers_], [r.components_ for r in layers])
    assert_equal(parameters(model), parameters(autoencoder(backprop()).fit(small)))
    model.set_params(warm_start=False, finetuning=backprop(1)).fit(small)
    assert model.n_iter_ == 1
    assert [r.n_iter_ for r in model.pretrainers_] == [9, 9]


def test_another_architecture_is_refused(small):
    model = autoencoder(backprop(1), warm_start=True).fit(small)
    for sizes in ((8, 4), (7, 3)):
        model.hidden_layer_sizes = sizes
        for method in ("fit", "partial_fit"):
            with pytest.raises(ValueError, match=r"DeepAutoencoder goes on from .* \(8, 3\) units"):
                getattr(model, method)(small)
    # what is there can still be used
    assert model.transform(small).shape == (100, 3)
    model.set_params(warm_start=False).fit(small)
    assert model.coefs_[0].shape == (64, 7)


def test_another_optimizer_goes_on_from_the_parameters(small):
    model = autoencoder(backprop(), warm_start=True).fit(small)
    for optimizer in ("adam", "lbfgs", "nesterov", "cg", "adam", "sgd"):
        before = copy.deepcopy(model.coefs_)
        model.set_params(finetuning__optimizer=optimizer).fit(small)
        assert 0 < np.abs(model.coefs_[0] - before[0]).max() < 1


def test_the_first_partial_fit_pretrains(small):
    """And makes one step: as a fit of one epoch of one batch, with the rate it begins with."""
    options = {"intermediate_finetuning": backprop(2), "sizes": (8, 6, 3), "sparsity": "all"}
    fitted = autoencoder(backprop(1, **WHOLE), **options).fit(small)
    model = autoencoder(backprop(7, **WHOLE), **options)
    assert model.partial_fit(small) is model
    assert_equal(parameters(model), parameters(fitted))
    assert model.n_iter_ == len(model.history_["loss"]) == 1
    assert len(model.intermediate_history_) == 2
    layers = [r.components_.copy() for r in model.pretrainers_]
    for start in range(0, 100, 30):
        before = copy.deepcopy(model.coefs_)
        model.partial_fit(small[start : start + 30])
        assert all(differ([a], [b]) for a, b in zip(model.coefs_, before, strict=True))
    assert_equal([r.components_ for r in model.pretrainers_], layers)
    assert model.n_iter_ == len(model.history_["loss"]) == 5


def test_partial_fit_learns(small):
    model = autoencoder(backprop(learning_rate=0.01, optimizer="adam"), pretraining=False)
    scores = [model.partial_fit(small).score(small) for _ in range(40)]
    assert scores[-1] > scores[0] + 1
    # after a fit it goes on with what fit left
    model.fit(small).partial_fit(small)
    assert model.n_iter_ == 3


def test_settings_are_not_changed_by_fit(small):
    rbm, finetuning, intermediate = RBM(n_iter=1), backprop(1), backprop(1)
    before = [vars(copy.deepcopy(obj)) for obj in (rbm, finetuning, intermediate)]
    model = autoencoder(
        finetuning, pretrainer=rbm, intermediate_finetuning=intermediate, sparsity="all"
    )
    model.fit(small).partial_fit(small)
    assert [vars(obj) for obj in (rbm, finetuning, intermediate)] == before
    assert model.pretrainer is rbm


# -- callbacks -------------------------------------------------------------------------------


class Recorder:
    """Keeps what the hooks were given; the ``n``-th end of the task ``at`` stops or raises."""

    def __init__(self, at=None, n=1, error=None):
        self.at, self.n, self.error = at, n, error
        self.events, self.found = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            known = fitted_estimator is not None
            self.found.append((fitted_estimator, fitted_estimator.transform(X) if known else None))
        if self.events.count(f"end {self.at}") == self.n:
            if self.error is not None:
                raise self.error
            return True
        return None


def test_tasks(small):
    recorder = Recorder()
    autoencoder(backprop(2)).set_callbacks(recorder).fit(small)
    layers = [f"{what} layer {i}" for i in (0, 1) for what in ("begin", "end")]
    last = ["begin fine-tuning", *["begin epoch", "end epoch"] * 2, "end fine-tuning"]
    assert recorder.events == ["setup", "begin fit", *layers, *last, "end fit", "teardown"]


def test_tasks_of_intermediate_fine_tuning(small):
    """There is no fitted estimator to look at, nor that of an earlier fit."""
    recorder = Recorder()
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X)})
    model = autoencoder(backprop(1), intermediate_finetuning=backprop(2)).fit(small)
    model.set_callbacks(recorder, monitor).fit(small, np.zeros(len(small)))
    begin = recorder.events.index("end layer 0") + 1
    assert recorder.events[begin : recorder.events.index("begin layer 1")] == [
        "begin intermediate fine-tuning",
        *["begin epoch", "end epoch"] * 2,
        "end intermediate fine-tuning",
    ]
    assert [found is None for found, _ in recorder.found] == [True, True, False]
    scores = [row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert scores[-1] == pytest.approx(model.score(small))


def test_fitted_estimators_of_callbacks(small):
    recorder = Recorder()
    options = {"learning_rate": 0.05, "training_dtype": "float64"}
    model = autoencoder(backprop(2, **options)).set_callbacks(recorder).fit(small)
    for n_iter, (found, h) in enumerate(recorder.found, start=1):
        expected = autoencoder(backprop(n_iter, **options)).fit(small)
        np.testing.assert_array_equal(h, expected.transform(small))
        # also later: a copy, not a view of the model in training
        np.testing.assert_array_equal(found.transform(small), h)
    np.testing.assert_array_equal(recorder.found[-1][1], model.transform(small))


def test_true_from_the_end_of_an_epoch_stops(small):
    model = autoencoder(backprop(9, learning_rate=0.1)).set_callbacks(Recorder("epoch", 3))
    assert model.fit(small).n_iter_ == 3
    assert_equal(model.coefs_, autoencoder(backprop(3, learning_rate=0.1)).fit(small).coefs_)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_fine_tuning_leaves_what_was_learned(error, small):
    model = autoencoder(backprop(5, learning_rate=0.05), warm_start=True)
    recorder = Recorder("epoch", 2, error())
    with pytest.raises(error):
        model.set_callbacks(recorder).fit(small)
    assert recorder.events[-1] == "teardown"
    assert model.n_iter_ == 2
    expected = autoencoder(backprop(2, learning_rate=0.05), warm_start=True).fit(small)
    assert_equal(parameters(model), parameters(expected))
    for each in (model.set_callbacks(), expected):
        each.set_params(finetuning__n_iter=1).fit(small)
    assert_equal(parameters(model), parameters(expected))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("at", ["layer 0", "intermediate fine-tuning", "layer 1"])
def test_an_error_in_pretraining_leaves_the_estimator_as_it_was(at, fitted, error, small):
    model = autoencoder(backprop(), intermediate_finetuning=backprop(0))
    if fitted:
        model.fit(small)
    before = copy.deepcopy({k: v for k, v in vars(model).items() if "callbacks" not in k})
    with pytest.raises(error):
        model.set_callbacks(Recorder(at, 1, error())).fit(small[:, :30])
    assert {k for k in vars(model) if "callbacks" not in k} == set(before)
    if fitted:
        assert model.n_features_in_ == 64
        assert_equal(parameters(model), [*before["coefs_"], *before["intercepts_"]])
        assert_equal(model.history_["loss"], before["history_"]["loss"])


def test_progress_and_scores(small, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X)})
    model = autoencoder(backprop(2)).set_callbacks(ProgressBar(max_propagation_depth=None), monitor)
    # the monitor scores nothing without targets, which the estimator ignores
    model.fit(small, np.zeros(len(small)))
    shown = capfd.readouterr().out
    for name in ("DeepAutoencoder - fit", "fine-tuning", "layer 1"):
        assert name in shown
    scores = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["score"] for row in scores][-1] == pytest.approx(model.score(small))


def test_verbose(small, capsys):
    autoencoder(backprop(2, early_stopping=True), verbose=1).fit(small)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[DeepAutoencoder] Iteration 1, loss = ")
    assert "squared error = " in lines[1]
    assert "validation loss = " in lines[1]
    autoencoder(backprop(1), verbose=1, pretrainer=RBM(n_iter=1, verbose=1)).fit(small)
    names = [line.split("]")[0][1:] for line in capsys.readouterr().out.splitlines()]
    outer = "DeepAutoencoder"
    assert names == [f"{outer}, layer 0", f"{outer}, layer 1", outer]


# -- divergence ------------------------------------------------------------------------------


STAYS = "The DeepAutoencoder itself stays as it was before."


def repeat(method, *args):
    for _ in range(3):
        method(*args)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    ("method", "fitted"), [("fit", False), ("fit", True), ("partial_fit", False)]
)
def test_divergence_in_pretraining(layer, fitted, method, small):
    model = autoencoder(backprop())
    if fitted:
        model.fit(small)
    before = copy.deepcopy(parameters(model)) if fitted else []
    templates = [RBM(n_iter=3), RBM(n_iter=3)]
    templates[layer].set_params(hidden="gaussian", learning_rate=1e30)
    model.pretrainer = templates
    match = f"^DeepAutoencoder, layer {layer}: training diverged in epoch 1"
    with pytest.raises(DivergenceError, match=match) as caught:
        getattr(model, method)(small[:, :30])
    assert str(caught.value).endswith(" max_norm, or lower momentum. " + STAYS)
    if fitted:
        assert_equal(parameters(model), before)
        assert model.n_features_in_ == 64
    else:
        assert not hasattr(model, "coefs_")
        assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("fitted", [False, True])
def test_divergence_in_intermediate_fine_tuning(fitted, small):
    model = autoencoder(backprop())
    before = copy.deepcopy(parameters(model.fit(small))) if fitted else []
    settings = backprop(5, learning_rate=[0.1, 1e200], training_dtype="float64")
    model.set_params(intermediate_finetuning=settings)
    match = "^DeepAutoencoder, layer 0: intermediate fine-tuning: training diverged in epoch 2"
    with pytest.raises(DivergenceError, match=match) as caught:
        model.fit(small)
    # one sentence of what is left, and not that of an estimator which keeps its parameters
    assert str(caught.value).endswith(" max_norm, or lower momentum. " + STAYS)
    if fitted:
        assert_equal(parameters(model), before)
    else:
        assert not hasattr(model, "coefs_")


def test_divergence_in_fine_tuning(small):
    settings = backprop(5, learning_rate=[0.1, 0.1, 1e200], training_dtype="float64")
    model = autoencoder(settings)
    with pytest.raises(DivergenceError, match="DeepAutoencoder, fine-tuning: .* in epoch 3"):
        model.fit(small)
    assert model.n_iter_ == 2
    expected = autoencoder(clone(settings).set_params(n_iter=2)).fit(small)
    assert_equal(parameters(model), parameters(expected))
    model.set_params(finetuning__learning_rate=1e200)
    with pytest.raises(DivergenceError, match="DeepAutoencoder, fine-tuning"):
        repeat(model.partial_fit, small)
    assert np.isfinite(model.transform(small)).all()


# -- bad settings ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        ("finetuning", Backprop(n_iter=-1), "n_iter"),
        ("finetuning", Backprop(momentum=[1.5]), "momentum"),
        ("finetuning", Backprop(optimizer="cg", dropout=0.5), "Backprop of DeepAutoencoder: "),
        ("finetuning", "wake-sleep", "'finetuning' parameter of DeepAutoencoder"),
        ("code", "bits", "'code' parameter of DeepAutoencoder"),
        ("code_noise", -1.0, "'code_noise' parameter of DeepAutoencoder"),
        ("sparsity_target", 1.0, "'sparsity_target' parameter of DeepAutoencoder"),
        ("backend", "gpu", "DeepAutoencoder: Unknown backend 'gpu'"),
    ],
)
def test_bad_settings_change_nothing(method, fitted, parameter, value, match, small):
    model = autoencoder(backprop(1), warm_start=True)
    if fitted:
        model.fit(small)
    model.set_params(**{parameter: value})
    before = copy.deepcopy(vars(model))
    with pytest.raises(ValueError, match=match):
        getattr(model, method)(small)
    assert vars(model).keys() == before.keys()
    if fitted:
        assert_equal(parameters(model), [*before["coefs_"], *before["intercepts_"]])


@pytest.mark.parametrize(
    ("settings", "n_rows", "match"),
    [
        (backprop(3, momentum=[0.5, 0.5, 1.5]), 100, "momentum of Backprop gives 1.5 in epoch 2"),
        (backprop(1, early_stopping=True), 1, "needs at least 2 rows"),
    ],
    ids=["schedule", "held out"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_settings_of_intermediate_fine_tuning_are_checked_at_once(
    method, settings, n_rows, match, small
):
    """Before any layer is trained; and not at all where it is over."""
    model = autoencoder(backprop(1), intermediate_finetuning=settings)
    recorder = Recorder()
    with pytest.raises(ValueError, match=match):
        getattr(model.set_callbacks(recorder), method)(small[:n_rows])
    assert not any("layer" in event for event in recorder.events)
    model.set_params(intermediate_finetuning=None, warm_start=True).fit(small)
    model.set_params(intermediate_finetuning=settings)
    assert getattr(model, method)(small[:n_rows]).n_iter_ == 2
