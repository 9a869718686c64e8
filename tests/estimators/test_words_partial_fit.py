"""partial_fit of documents is the mathematics of fit, batch by batch; warm starts go on."""

import joblib
import numpy as np
import pytest
import scipy.sparse as sp

from skdeepbm import ReplicatedSoftmax, schedules

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
ALGORITHMS = ["cd", "pcd", "pt"]


def replicated(**options):
    setting = {"n_components": 4, "n_iter": 3, "batch_size": 16, "n_chains": None}
    setting["random_state"] = 0
    # without the averages of `fit`, which single steps cannot make
    return ReplicatedSoftmax(**{**setting, "learning_rate": 0.01, "averaging": 0.0, **options})


def assert_same_model(a, b):
    for name in (*ARRAYS, *(["h_samples_"] if hasattr(b, "h_samples_") else [])):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def feed(model, X, n_epochs=1):
    for _ in range(n_epochs):
        for start in range(0, X.shape[0], model.batch_size):
            model.partial_fit(X[start : start + model.batch_size])
    return model


def arrays(model):
    return {name: getattr(model, name).copy() for name in ARRAYS}


# -- the same as fit -------------------------------------------------------------------------


@pytest.mark.parametrize("container", [lambda X: X.toarray(), sp.csr_matrix])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd", "training_dtype": "float64", "sparsity_cost": 0.1},
        {
            "training_dtype": None,
            "learning_rate": schedules.Linear(0.01, 0.001, n_epochs=3),
            "momentum": [0.0, 0.5, 0.9],
            "n_gibbs_steps": [1, 2, 3],
            "optimizer": "nesterov",
        },
        {"centring": False, "n_chains": 7, "l1_penalty": 1e-3, "max_norm": 1.0},
    ],
    ids=["default", "sgd-float64", "schedules", "penalties"],
)
def test_same_batches_give_the_same_parameters_as_fit(container, algorithm, options, documents):
    # 120 documents in batches of 16: the last one is short
    X = container(documents)
    setting = {"algorithm": algorithm, "shuffle": False, **options}
    at_once = replicated(**setting).fit(X)
    start = replicated(n_iter=0, **setting).fit(X)
    before = arrays(start)
    piecewise = feed(start, X, 3)
    assert_same_model(piecewise, at_once)
    assert all((getattr(piecewise, name) != before[name]).any() for name in ARRAYS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("container", [lambda X: X.toarray(), sp.csr_array])
def test_from_scratch_starts_at_the_shares_of_the_first_batch(container, algorithm, documents):
    first = container(documents[:30])
    alone = replicated(algorithm=algorithm)
    assert alone.partial_fit(first) is alone
    assert alone.n_iter_ == 1
    assert alone.n_features_in_ == 12
    # one update with all 30 documents, whatever batch_size says
    setting = {"algorithm": algorithm, "n_iter": 1, "shuffle": False}
    fitted = replicated(batch_size=30, n_chains=16, **setting).fit(first)
    assert_same_model(alone, fitted)
    before = arrays(alone)
    alone.partial_fit(container(documents[30:37]))
    assert alone.n_iter_ == 2
    assert alone.history_["free_energy"].shape == (2,)
    assert (alone.components_ != before["components_"]).any()
    assert alone.mean_n_words_ == documents[:30].sum(axis=1).mean()


def test_the_automatic_rate_is_a_third_of_that_of_fit(documents):
    auto = feed(replicated(learning_rate="auto"), documents)
    assert_same_model(auto, feed(replicated(learning_rate=0.001), documents))
    auto = feed(replicated(learning_rate="auto", optimizer="sgd"), documents)
    assert_same_model(auto, feed(replicated(learning_rate=0.01, optimizer="sgd"), documents))


@pytest.mark.parametrize("n_hidden_words", [0, 200])
def test_the_automatic_rate_falls_with_the_root_of_long_lengths(documents, n_hidden_words):
    """Of Adam, beyond 100 words on average; hidden words are not counted."""
    X, hidden = 30 * documents, {"n_hidden_words": n_hidden_words}
    auto = feed(replicated(learning_rate="auto", **hidden), X)
    n = auto.mean_n_words_
    assert n > 120
    rate = 0.001 * (100 / n) ** 0.5 * n / (n + n_hidden_words)
    assert_same_model(auto, feed(replicated(learning_rate=rate, **hidden), X))
    auto = feed(replicated(learning_rate="auto", optimizer="sgd"), X)
    assert_same_model(auto, feed(replicated(learning_rate=0.01, optimizer="sgd"), X))


# -- streams ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_keeps_its_precision(dtype, algorithm, documents):
    X = documents.astype(dtype)
    model = feed(replicated(algorithm=algorithm), X)
    assert model.n_iter_ == 8
    assert {getattr(model, name).dtype for name in ARRAYS} == {np.dtype(dtype)}
    assert model.transform(X).dtype == dtype
    if algorithm != "cd":
        assert model.h_samples_.dtype == dtype


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stream_teaches(algorithm, documents):
    model = replicated(algorithm=algorithm).partial_fit(documents)
    before = model.perplexity(documents)
    assert feed(model, documents, 15).perplexity(documents) < 0.9 * before


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("container", [lambda X: X.toarray(), sp.csr_array])
def test_a_batch_of_empty_documents_teaches_nothing(container, algorithm, documents):
    model = feed(replicated(algorithm=algorithm), documents)
    before = arrays(model)
    model.partial_fit(container(sp.csr_array((5, 12))))
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(model, name), array, err_msg=name)
    model.partial_fit(documents)
    assert (model.components_ != before["components_"]).any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_empty_documents_of_a_batch_teach_nothing(algorithm, documents):
    first, second = documents[:50], documents[50:60]
    padded = sp.vstack([second[:4], sp.csr_array((5, 12)), second[4:]])
    models = [replicated(algorithm=algorithm).partial_fit(first) for _ in range(2)]
    assert_same_model(models[0].partial_fit(padded), models[1].partial_fit(second))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_goes_on_after_loading(algorithm, documents, tmp_path):
    model = feed(replicated(algorithm=algorithm, sparsity_cost=0.1), documents[:64])
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    before = arrays(model)
    assert_same_model(feed(loaded, documents[64:]), feed(model, documents[64:]))
    assert (model.components_ != before["components_"]).any()


# -- warm starts -----------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_warm_start_goes_on(algorithm, shuffle, documents):
    setting = {
        "algorithm": algorithm,
        "shuffle": shuffle,
        "learning_rate": schedules.InverseTime(0.01, half_life=2),
    }
    twice = replicated(warm_start=True, **setting).fit(documents).fit(documents)
    once = replicated(**{**setting, "n_iter": 6}).fit(documents)
    assert_same_model(twice, once)
    assert twice.n_iter_ == once.n_iter_ == 6
    for name, values in once.history_.items():
        if name != "epoch_time":
            np.testing.assert_array_equal(twice.history_[name], values, err_msg=name)


def test_without_warm_start_fit_starts_anew(documents):
    model = replicated()
    first = arrays(model.fit(documents))
    model.partial_fit(documents).fit(documents)
    for name, array in first.items():
        np.testing.assert_array_equal(getattr(model, name), array)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"algorithm": "cd"}, {"n_chains": 5}])
def test_another_setting_goes_on_from_the_parameters(change, documents):
    model = replicated(warm_start=True).fit(documents)
    before = arrays(model)
    model.set_params(**change).fit(documents)
    assert model.n_iter_ == 6
    for name, array in before.items():
        assert 0 < np.abs(getattr(model, name) - array).max() < 0.5, name


def test_another_number_of_chains_starts_them_anew(documents):
    model = replicated(warm_start=True).fit(documents)
    assert model.h_samples_.shape == (36, 4)
    for name in ("fit", "partial_fit"):
        model.set_params(n_chains=len(model.h_samples_) - 25)
        getattr(model, name)(documents)
        assert model.h_samples_.shape == (model.n_chains + 20, 4)


# -- parameters that somebody set ------------------------------------------------------------


def test_partial_fit_goes_on_from_changed_parameters(documents):
    setting = {"algorithm": "cd", "optimizer": "sgd", "momentum": 0.0}
    model = replicated(**setting).fit(documents)
    given = model.components_ + 1.0
    model.components_ = given.copy()
    model.partial_fit(documents)
    assert 0 < np.abs(model.components_ - given).max() < 0.1


def test_partial_fit_goes_on_from_parameters_without_a_fit(documents):
    model = replicated(n_components=2)
    model.components_ = np.full((2, 12), 0.1)
    model.intercept_hidden_ = np.zeros(2)
    model.intercept_visible_ = np.zeros(12)
    model.partial_fit(documents).partial_fit(documents)
    assert model.n_iter_ == 2
    assert model.n_features_in_ == 12
    assert 0 < np.abs(model.components_ - 0.1).max() < 0.1


def test_partial_fit_goes_on_from_another_number_of_components(documents):
    rng = np.random.default_rng(0)
    model = replicated(n_components=3).fit(documents)
    model.set_params(n_components=5)
    model.components_ = given = rng.normal(size=(5, 12)) * 0.1
    model.intercept_hidden_ = np.zeros(5)
    model.partial_fit(documents)
    assert model.components_.shape == (5, 12)
    assert 0 < np.abs(model.components_ - given).max() < 0.1
    assert model.h_samples_.shape == (36, 5)
    assert model.n_iter_ == 1
