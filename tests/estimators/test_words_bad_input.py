"""Bad counts: one clear error or warning each, with the estimator, the place and the remedy."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdeepbm import ReplicatedSoftmax
from skdeepbm.exceptions import BaseRateWarning, DataRangeWarning, DivergenceError

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
FITS = ("fit", "partial_fit", "fit_transform")
READS = ("transform", "free_energy", "score_samples", "score", "perplexity", "reconstruct")
WORDS = [f"word{k}" for k in range(12)]


def replicated(**options):
    setting = {"n_components": 4, "n_iter": 2, "batch_size": 16, "random_state": 0}
    return ReplicatedSoftmax(**{**setting, **options})


def message(error, function, *args, **kwargs):
    """Text of the one error that a call raises, which is of exactly that class or below."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as raised:
            function(*args, **kwargs)
    return str(raised.value)


def warned(category, function, *args, **kwargs):
    """Text of the one warning that a call gives; the warning is located in this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    assert [w.category for w in caught] == [category], [str(w.message) for w in caught]
    assert caught[0].filename == __file__
    return str(caught[0].message)


def contains(text, *parts):
    missing = [part for part in parts if part not in text]
    assert not missing, (missing, text)


def changed(X, row, column, value):
    X = X.toarray()
    X[row, column] = value
    return X


@pytest.fixture
def fitted(documents):
    return replicated().fit(documents)


# -- wrong data ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*FITS, *READS])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_matrix, "device"])
def test_negative_counts(method, container, fitted, documents, device):
    container = device.asarray if container == "device" else container
    X = container(changed(documents, [7, 9], [3, 0], -2))
    text = message(ValueError, getattr(fitted, method), X)
    contains(text, "Negative values", "ReplicatedSoftmax", "column 3 holds -2 in row 7")
    contains(text, "CountVectorizer")


def test_negative_counts_of_a_data_frame_name_the_word(documents):
    frame = pd.DataFrame(changed(documents, 4, 6, -1.5), columns=WORDS)
    text = message(ValueError, replicated().fit, frame)
    contains(text, "column 6 ('word6') holds -1.5 in row 4")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", [*FITS, *READS])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
def test_nan_and_infinity(value, method, container, fitted, documents, device):
    container = device.asarray if container == "device" else container
    X = container(changed(documents, [5, 7], [2, 0], value))
    text = message(ValueError, getattr(fitted, method), X)
    contains(text, "ReplicatedSoftmax", "first of 2 such values is in row 5, column 2.")
    contains(text, "NaN" if np.isnan(value) else "infinity")


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
@pytest.mark.parametrize("method", ["partial_fit", *READS])
def test_wrong_number_of_features(container, method, fitted, documents, device):
    container = device.asarray if container == "device" else container
    X = container(documents.toarray()[:, :7])
    text = message(ValueError, getattr(fitted, method), X)
    contains(text, "X has 7 features, but ReplicatedSoftmax is expecting 12 features")


@pytest.mark.parametrize(
    "X", [np.zeros(4), np.zeros((2, 2, 2)), np.zeros((0, 3)), np.eye(3)[:, :0]]
)
def test_wrong_shapes(X):
    text = message(ValueError, replicated().fit, X)
    assert any(part in text for part in ("2D array", "dim 3", "minimum of 1"))


def test_texts_instead_of_counts():
    texts = ["cats and dogs", "stars"]
    text = message(ValueError, replicated().fit, pd.DataFrame({"text": texts}))
    contains(text, "ReplicatedSoftmax", "not numbers: text", "CountVectorizer")
    for given in (texts, tuple(texts), np.array(texts), pd.Series(texts), "cats"):
        text = message(ValueError, replicated().fit, given)
        contains(text, "ReplicatedSoftmax", "X holds texts", "CountVectorizer().fit_transform(X)")


def test_other_words_than_in_training(documents):
    model = replicated().fit(pd.DataFrame(documents.toarray(), columns=WORDS))
    frame = pd.DataFrame(documents.toarray(), columns=[*WORDS[:-1], "moon"])
    text = message(ValueError, model.transform, frame)
    contains(text, "feature names should match", "- moon", "- word11")


# a batch without words is no error to `partial_fit` of a fitted model
@pytest.mark.parametrize(
    ("method", "spoil"),
    [
        ("fit", "empty"),
        *itertools.product(("fit", "partial_fit"), ("negative", "nan", "fractions as errors")),
    ],
)
def test_bad_data_leave_a_fitted_model_untouched(method, spoil, documents):
    frame = pd.DataFrame(documents.toarray(), columns=WORDS)
    model = replicated().fit(frame)
    before = {k: np.array(v) for k, v in vars(model).items() if isinstance(v, np.ndarray)}
    hidden = model.transform(frame)
    bad = frame.rename(columns=str.upper) if method == "fit" else frame.copy()
    if spoil == "empty":
        bad *= 0
    else:
        bad.iloc[3, 3] = {"negative": -1.0, "nan": np.nan, "fractions as errors": 0.5}[spoil]
    message((ValueError, DataRangeWarning), getattr(model, method), bad)
    assert list(model.feature_names_in_) == WORDS
    assert model.n_iter_ == 2
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(model, name), array, err_msg=name)
    np.testing.assert_array_equal(model.transform(frame), hidden)


# -- doubtful data ---------------------------------------------------------------------------


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
@pytest.mark.parametrize("method", FITS)
def test_fractional_counts_in_training(method, container, documents, device):
    container = device.asarray if container == "device" else container
    model, X = replicated(), container(changed(documents, [4, 6], [3, 8], [2.5, 0.25]))
    text = warned(DataRangeWarning, getattr(model, method), X)
    contains(text, "ReplicatedSoftmax", "column 3 holds 2.5 in row 4", "no count")
    contains(text, "the length of a document is their sum", "CountVectorizer")
    assert all(np.isfinite(getattr(model, name)).all() for name in ARRAYS)


@pytest.mark.parametrize("method", [m for m in READS if m != "reconstruct"])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
def test_fractional_counts_after_training(method, container, fitted, documents, device):
    container = device.asarray if container == "device" else container
    X = container(changed(documents, [4, 6], [3, 8], [2.5, 0.25]))
    text = warned(DataRangeWarning, getattr(fitted, method), X)
    contains(text, "ReplicatedSoftmax", "column 3 holds 2.5 in row 4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        found = getattr(fitted, method)(X)
    assert np.isfinite(device.to_host(found)).all()


def test_other_uses_of_fractional_counts(fitted, documents):
    X = documents * 0.5
    warned(DataRangeWarning, fitted.reconstruct, X)
    warned(DataRangeWarning, fitted.sample, 120, init=X, n_gibbs_steps=1)
    warned(DataRangeWarning, fitted.log_partition, 5, reverse=X, n_runs=3, n_temperatures=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        sums, drawn = fitted.reconstruct(X).sum(axis=1), fitted.sample(120, init=X, n_gibbs_steps=1)
    np.testing.assert_allclose(sums, X.sum(axis=1))
    assert np.abs(drawn.sum(axis=1) - X.sum(axis=1)).max() <= 0.5


def test_a_document_of_less_than_half_a_word_is_one_word_where_words_are_drawn(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        drawn = fitted.sample(1, init=np.full((1, 12), 0.02), n_gibbs_steps=1)
    assert drawn.sum() == 1


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
def test_training_on_documents_of_less_than_half_a_word(algorithm, documents):
    X = documents * 0.005
    model = replicated(algorithm=algorithm).fit(X)
    assert all(np.isfinite(getattr(model, name)).all() for name in ARRAYS)
    assert np.isfinite(model.score_samples(X)).all()
    start = replicated(algorithm=algorithm, n_iter=0).fit(X)
    assert (model.components_ != start.components_).all()


def test_fractional_counts_of_a_data_frame_name_the_word(documents):
    frame = pd.DataFrame(changed(documents, 1, 7, 0.5), columns=WORDS)
    text = warned(DataRangeWarning, replicated().fit, frame)
    contains(text, "column 7 ('word7') holds 0.5 in row 1")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_whole_numbers_of_any_type_do_not_warn(dtype, container, documents):
    X = container(documents.toarray().astype(dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(replicated().fit(X).score_samples(X)).all()


def test_shares_of_a_tfidf_vectorizer():
    texts = ["cats and dogs", "dogs and more cats", "stars and planets", "planets, stars"] * 10
    pipe = make_pipeline(TfidfVectorizer(), replicated(n_iter=5))
    contains(warned(DataRangeWarning, pipe.fit, texts), "Use CountVectorizer rather than Tfidf")
    contains(warned(DataRangeWarning, pipe.transform, texts[:3]), "in row 0, which is no count")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataRangeWarning)
        hidden, score = pipe.transform(texts), pipe.score(texts)
    assert hidden.shape == (40, 4)
    assert ((hidden > 0) & (hidden < 1)).all()
    assert score < 0


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, "device"])
@pytest.mark.parametrize("method", FITS)
def test_only_empty_documents(method, container, device):
    container = device.asarray if container == "device" else container
    model = replicated()
    text = message(ValueError, getattr(model, method), container(np.zeros((5, 3))))
    contains(text, "X has 5 documents for ReplicatedSoftmax", "no word", "vocabulary")
    assert not hasattr(model, "components_")
    assert not hasattr(model, "n_features_in_")


def test_perplexity_and_reverse_runs_of_only_empty_documents(fitted):
    empty = np.zeros((2, 12))
    text = message(ValueError, fitted.perplexity, empty)
    contains(text, "perplexity of ReplicatedSoftmax needs documents with words")
    text = message(ValueError, fitted.log_partition, 3, reverse=empty)
    contains(text, "reverse of ReplicatedSoftmax.log_partition needs documents with words")


@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_some_empty_documents(batch_size, algorithm, documents):
    X = sp.vstack([sp.csr_array((3, 12)), documents[:20], sp.csr_array((20, 12))])
    model = replicated(batch_size=batch_size, algorithm=algorithm).fit(X)
    assert all(np.isfinite(getattr(model, name)).all() for name in ARRAYS)
    assert all(np.isfinite(model.history_[name]).all() for name in ("free_energy", "weight_norm"))
    start = replicated(n_iter=0).fit(X)
    assert (model.components_ != start.components_).all()


@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
def test_empty_documents_teach_nothing(algorithm, documents):
    setting = {"shuffle": False, "batch_size": 200, "n_iter": 3, "algorithm": algorithm}
    without = replicated(**setting).fit(documents)
    X = sp.vstack([documents[:50], sp.csr_array((7, 12)), documents[50:]])
    found = replicated(**setting).fit(X)
    for name in (*ARRAYS, "mean_n_words_"):
        np.testing.assert_array_equal(getattr(found, name), getattr(without, name), err_msg=name)


def test_words_that_never_occur(documents):
    X = np.hstack([documents.toarray(), np.zeros((120, 2))])
    start = replicated(n_iter=0).fit(X)
    p = start.inverse_transform(np.full((1, 4), 0.5))[0]
    share = np.append(documents.sum(axis=0), [0, 0]) / documents.sum()
    np.testing.assert_allclose(p[12:] / p[:12].min(), 0.5, rtol=0.1)
    b = start.intercept_visible_
    np.testing.assert_allclose(np.exp(b[12:] - b[share[:12].argmin()]), 0.5, rtol=1e-6)
    new = np.eye(14)[[12, 13, 0]] * 3
    model = replicated(n_iter=20).fit(X)
    for found in (start, model):
        assert np.isfinite(found.score_samples(new)).all()
        assert (found.score_samples(new)[:2] < found.score_samples(new)[2]).all()


# -- warnings of a fitted model --------------------------------------------------------------


@pytest.fixture
def noise():
    """200 documents of 20 words that say nothing of each other."""
    return np.random.default_rng(0).multinomial(20, np.ones(12) / 12, size=200)


def test_a_model_that_learned_nothing_warns(noise):
    model = replicated(n_iter=10, learning_rate=1e-6)
    text = warned(BaseRateWarning, model.fit, noise)
    contains(text, "ReplicatedSoftmax", "after 10 epochs", "Raise learning_rate or n_iter")
    # after fewer than 100 updates, nothing can be said
    model.set_params(n_iter=7).fit(noise)


def test_a_model_that_learned_something_does_not_warn(documents):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replicated(n_iter=20).fit(documents)


def test_a_model_that_goes_on_from_given_parameters_does_not_warn(documents):
    first = replicated(n_iter=20).fit(documents)
    model = replicated(n_iter=20, warm_start=True)
    for name in ARRAYS:
        setattr(model, name, getattr(first, name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(documents)


# -- hyper-parameters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("n_components", 0, "[1, inf)"),
        ("n_components", 2.5, "int"),
        ("learning_rate", 0.0, "(0.0, inf)"),
        ("learning_rate", "fast", "'auto'"),
        ("momentum", 1.0, "[0.0, 1.0)"),
        ("momentum", "high", "float"),
        ("weight_decay", -0.1, "[0.0, inf)"),
        ("l1_penalty", -0.1, "[0.0, inf)"),
        ("max_norm", 0.0, "(0.0, inf)"),
        ("sparsity_target", 0.0, "(0.0, 1.0)"),
        ("sparsity_target", 1.0, "(0.0, 1.0)"),
        ("sparsity_cost", -1.0, "[0.0, inf)"),
        ("sparsity_decay", 1.0, "[0.0, 1.0)"),
        ("length_power", -0.1, "[0.0, 1.0]"),
        ("length_power", 1.5, "[0.0, 1.0]"),
        ("batch_size", 0, "[1, inf)"),
        ("n_iter", -1, "[0, inf)"),
        ("averaging", -0.1, "[0.0, 1.0]"),
        ("averaging", 1.5, "[0.0, 1.0]"),
        ("algorithm", "fpcd", "'pt'"),
        ("n_gibbs_steps", 0, "[1, inf)"),
        ("n_chains", 0, "[1, inf)"),
        ("n_temperatures", -1, "[0, inf)"),
        ("n_temperatures", None, "int"),
        ("centring", "yes", "bool"),
        ("centring_rate", 1.5, "[0.0, 1.0]"),
        ("optimizer", "lbfgs", "'adam'"),
        ("shuffle", "no", "bool"),
        ("training_dtype", "float16", "'float32'"),
        ("backend", None, "str"),
        ("warm_start", "no", "bool"),
        ("verbose", -1, "int"),
        ("random_state", -1, "instance of 'numpy.random.mtrand.RandomState'"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_hyper_parameters(name, value, allowed, method, documents):
    text = message(ValueError, getattr(replicated(**{name: value}), method), documents)
    contains(text, f"The {name!r} parameter of ReplicatedSoftmax must be", allowed, repr(value))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_unknown_backend(method, documents):
    text = message(ValueError, getattr(replicated(backend="torch"), method), documents)
    contains(text, "ReplicatedSoftmax", "Unknown backend 'torch'", "'numpy'", "'cupy'")


@pytest.mark.parametrize(
    ("name", "schedule", "epoch"),
    [
        ("learning_rate", [0.1, -0.1], 1),
        ("momentum", lambda epoch: 1.0, 0),
        ("n_gibbs_steps", lambda epoch: 2 - epoch, 2),
    ],
)
def test_schedules_that_make_no_sense(name, schedule, epoch, documents):
    text = message(ValueError, replicated(n_iter=3, **{name: schedule}).fit, documents)
    contains(text, f"schedule {name} of ReplicatedSoftmax gives", f"in epoch {epoch} ", "must")


# -- arguments of methods --------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 1.5, None, "3"])
def test_numbers_of_samples_and_steps(value, fitted, documents):
    for name in ("n_samples", "n_gibbs_steps"):
        text = message(ValueError, fitted.sample, **{name: value})
        contains(text, name, "ReplicatedSoftmax", "integer of at least 1", repr(value))
    text = message(ValueError, fitted.reconstruct, documents, value)
    contains(text, "n_gibbs_steps", "ReplicatedSoftmax", repr(value))


@pytest.mark.parametrize("n_words", [-1, 2.5, [3, -1], [1, 1.5], np.nan, np.inf, [], [[2, 3]]])
def test_lengths_of_samples(n_words, fitted):
    text = message(ValueError, fitted.sample, 2, n_words=n_words)
    contains(text, "n_words of ReplicatedSoftmax.sample", "negative or fractional", repr(n_words))


def test_samples_of_other_numbers_than_asked_for(fitted, documents):
    text = message(ValueError, fitted.sample, 2, n_words=[3, 4, 5])
    contains(text, "n_words has 3 values", "ReplicatedSoftmax", "n_samples=2")
    text = message(ValueError, fitted.sample, 2, init=documents[:3])
    contains(text, "init has 3 rows", "ReplicatedSoftmax", "n_samples=2")
    text = message(ValueError, fitted.sample, 2, init=np.ones((2, 5)))
    contains(text, "X has 5 features, but ReplicatedSoftmax is expecting 12")
    text = message(ValueError, fitted.sample, 1, init=-np.ones((1, 12)))
    contains(text, "Negative values", "ReplicatedSoftmax", "column 0 holds -1 in row 0")


@pytest.mark.parametrize("n_words", [-1, [3, -0.5], None, np.nan, [np.inf], [], [[2, 3]]])
@pytest.mark.parametrize("method", ["exact", "ais"])
def test_lengths_of_the_partition_function(n_words, method, fitted):
    text = message(ValueError, fitted.log_partition, n_words, method)
    contains(text, "n_words of ReplicatedSoftmax.log_partition", "negative", repr(n_words))


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ({"method": "guess"}, ["method of", "'auto', 'exact' or 'ais'", "'guess'"]),
        ({"method": "reverse"}, ["method of", "'auto', 'exact' or 'ais'", "'reverse'"]),
        ({"n_runs": 1}, ["n_runs of", "None or an integer of at least 2", "got 1"]),
        ({"n_runs": 2.5}, ["n_runs of", "at least 2", "got 2.5"]),
        ({"n_runs": "auto"}, ["n_runs of", "None or an integer", "'auto'"]),
        ({"n_temperatures": 0}, ["n_temperatures of", "'auto' or an integer of at least 1"]),
        ({"n_temperatures": "many"}, ["n_temperatures of", "'many'"]),
        ({"n_temperatures": None}, ["n_temperatures of", "'auto' or an integer", "None"]),
        ({"method": "exact", "reverse": np.eye(12)}, ["reverse of", "method='ais'"]),
    ],
)
def test_senseless_runs_of_the_partition_function(setting, wanted, fitted):
    text = message(ValueError, fitted.log_partition, 5, **setting)
    contains(text, "ReplicatedSoftmax.log_partition", *wanted)


def test_reverse_runs_from_bad_documents(fitted):
    text = message(ValueError, fitted.log_partition, 5, reverse=-np.eye(12))
    contains(text, "Negative values", "ReplicatedSoftmax", "column 0 holds -1 in row 0")
    text = message(ValueError, fitted.log_partition, 5, reverse=np.eye(5))
    contains(text, "X has 5 features, but ReplicatedSoftmax is expecting 12")


def test_unknown_method_of_the_perplexity(fitted, documents):
    text = message(ValueError, fitted.perplexity, documents, method="guess")
    contains(text, "ReplicatedSoftmax.perplexity", "'reverse'", "'guess'")


def test_too_many_topics_for_an_exact_value(documents):
    model = replicated(n_components=21, n_iter=0).fit(documents)
    text = message(ValueError, model.log_partition, 3, "exact")
    contains(text, "at most 20 hidden units", "there are 21", "ReplicatedSoftmax")


def test_hidden_values_of_the_wrong_shape(fitted):
    text = message(ValueError, fitted.inverse_transform, np.zeros((2, 5)))
    contains(text, "ReplicatedSoftmax", "(2, 5)", "(n_samples, 4)")


@pytest.mark.parametrize("names", [list("abc"), np.full((12, 1), "a"), "abcdefghijkl"])
def test_names_of_other_than_all_words(names, fitted):
    text = message(ValueError, fitted.top_words, names)
    shape = np.shape(np.asarray(names))
    contains(text, f"ReplicatedSoftmax.top_words has shape {shape}", "12 words")


# -- the fitted model ------------------------------------------------------------------------


def test_not_fitted(documents):
    model = replicated()
    for name in (*READS, "inverse_transform"):
        text = message(AttributeError, getattr(model, name), documents)
        contains(text, "This ReplicatedSoftmax instance is not fitted yet")
    for name, args in (("sample", ()), ("log_partition", (3,)), ("top_words", ())):
        text = message(AttributeError, getattr(model, name), *args)
        contains(text, "This ReplicatedSoftmax instance is not fitted yet")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("components_", (4,)),
        ("components_", (5, 12)),
        ("components_", (4, 8)),
        ("intercept_hidden_", (4, 1)),
        ("intercept_visible_", (4,)),
    ],
)
def test_parameters_of_the_wrong_shape(name, shape, documents):
    model = replicated(warm_start=True).fit(documents)
    setattr(model, name, np.zeros(shape))
    for method in ("transform", "score_samples", "perplexity", "partial_fit", "fit"):
        text = message(ValueError, getattr(model, method), documents)
        contains(text, "ReplicatedSoftmax", f"{name} {shape}", "(n_components, n_features)")
    contains(message(ValueError, model.log_partition, 3), "ReplicatedSoftmax", f"{name} {shape}")
    contains(message(ValueError, model.sample, 1), "ReplicatedSoftmax", f"{name} {shape}")


def test_warm_start_of_another_number_of_components_is_refused(documents):
    model = replicated(warm_start=True).fit(documents).set_params(n_components=7)
    for method in ("fit", "partial_fit"):
        text = message(ValueError, getattr(model, method), documents)
        contains(text, "ReplicatedSoftmax goes on from its 4 components, but n_components=7")


# -- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_divergence_of_a_first_fit(optimizer, algorithm, documents):
    setting = {"optimizer": optimizer, "algorithm": algorithm, "warm_start": True}
    model = replicated(learning_rate=1e30, n_iter=5, **setting)
    text = message(DivergenceError, model.fit, documents)
    contains(text, "ReplicatedSoftmax", "diverged in epoch", "1e+30", "divide it by 10")
    contains(text, "last finite parameters")
    assert all(np.isfinite(getattr(model, name)).all() for name in ARRAYS)
    assert np.isfinite(model.score_samples(documents)).all()
    assert model.n_iter_ == model.history_["free_energy"].shape[0] < 5
    # nothing of what diverged is left: with a sane rate, training goes on
    model.set_params(learning_rate=1e-3, n_iter=2).fit(documents)
    assert np.isfinite(model.score_samples(documents)).all()


@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
def test_divergence_keeps_the_last_good_epoch(algorithm, documents):
    setting = {"optimizer": "sgd", "algorithm": algorithm, "averaging": 0.0}
    model = replicated(learning_rate=[0.01, 0.01, 1e30], n_iter=5, warm_start=True, **setting)
    contains(message(DivergenceError, model.fit, documents), "diverged in epoch 3")
    good = replicated(learning_rate=0.01, n_iter=2, **setting).fit(documents)
    assert model.n_iter_ == 2
    for name in (*ARRAYS, *(["h_samples_"] if algorithm != "cd" else [])):
        np.testing.assert_array_equal(getattr(model, name), getattr(good, name), err_msg=name)
    model.set_params(learning_rate=1e-3, n_iter=1).fit(documents)
    assert model.n_iter_ == 3
    assert np.isfinite(model.transform(documents)).all()


def test_divergence_of_partial_fit(documents):
    model = replicated(optimizer="sgd", learning_rate=0.01).partial_fit(documents)
    before = {name: getattr(model, name).copy() for name in ARRAYS}
    model.set_params(learning_rate=1e30)
    text = message(DivergenceError, model.partial_fit, documents)
    contains(text, "ReplicatedSoftmax", "1e+30")
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(model, name), array)
    model.set_params(learning_rate=0.001).partial_fit(documents)
    assert np.isfinite(model.transform(documents)).all()
    assert model.n_iter_ == 2
