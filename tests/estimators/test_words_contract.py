"""ReplicatedSoftmax as every scikit-learn user expects it: inputs, composition, persistence."""

import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skdeepbm import ReplicatedSoftmax
from skdeepbm.backends import register_backend
from skdeepbm.backends.numpy_backend import NumpyBackend

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
METHODS = ("transform", "free_energy", "score_samples", "reconstruct")
ALGORITHMS = ["pt", "pcd", "cd"]
WORDS = [f"word{k}" for k in range(12)]


def replicated(**options):
    setting = {"n_components": 4, "n_iter": 2, "batch_size": 16, "random_state": 0}
    return ReplicatedSoftmax(**{**setting, **options})


def lengths(X):
    return np.asarray(X.sum(axis=1)).ravel()


def dense(X):
    return X.toarray()


def frame(X):
    return pd.DataFrame(X.toarray(), columns=WORDS)


def assert_same_model(a, b, rtol=0.0, atol=0.0):
    for name in (*ARRAYS, *(["h_samples_"] if hasattr(b, "h_samples_") else [])):
        np.testing.assert_allclose(
            getattr(a, name), getattr(b, name), rtol=rtol, atol=atol, err_msg=name
        )


@pytest.fixture
def fitted(documents):
    return replicated(n_iter=10).fit(documents)


@pytest.fixture
def texts(documents):
    """The documents as strings."""
    return [" ".join(np.repeat(WORDS, row.astype(int))) for row in documents.toarray()]


# -- inputs and outputs ----------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "container", [dense, sp.csr_matrix, sp.csc_array, sp.csc_matrix, sp.coo_array, frame]
)
def test_every_container_gives_the_same_results(container, algorithm, documents):
    X = container(documents)
    model = replicated(algorithm=algorithm).fit(X)
    expected = replicated(algorithm=algorithm).fit(documents)
    assert_same_model(model, expected)
    for name in METHODS:
        found = getattr(model, name)(X)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, getattr(expected, name)(documents), err_msg=name)
    assert model.perplexity(X) == expected.perplexity(documents)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float32", "float32"), ("float64", "float64"), ("int64", "float64"), ("uint8", "float64")],
)
@pytest.mark.parametrize("container", [dense, sp.csr_array])
def test_types_of_counts(given, kept, container, documents):
    X = container(documents).astype(given)
    model = replicated().fit(X)
    assert model.transform(X).dtype == kept
    assert model.inverse_transform(model.transform(X)).dtype == kept
    assert {getattr(model, name).dtype for name in ARRAYS} == {np.dtype(kept)}
    expected = replicated().fit_transform(documents)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-5)


def test_shapes(documents):
    model = replicated().fit(documents)
    assert model.components_.shape == (4, 12)
    assert model.intercept_hidden_.shape == (4,)
    assert model.intercept_visible_.shape == (12,)
    assert model.n_features_in_ == 12
    assert model.transform(documents).shape == model.fit_transform(documents).shape == (120, 4)
    assert model.free_energy(documents).shape == model.score_samples(documents).shape == (120,)
    assert model.reconstruct(documents).shape == (120, 12)
    assert model.inverse_transform(np.zeros((3, 4))).shape == (3, 12)
    assert model.sample(5, n_gibbs_steps=1).shape == (5, 12)


@pytest.mark.parametrize(
    ("algorithm", "n_chains", "shape"),
    [("pcd", None, (16, 4)), ("pcd", 5, (5, 4)), ("pt", None, (19, 4)), ("pt", 30, (33, 4))],
)
def test_persistent_chains(algorithm, n_chains, shape, documents):
    model = replicated(algorithm=algorithm, n_chains=n_chains, n_temperatures=3).fit(documents)
    assert model.h_samples_.shape == shape
    assert set(np.unique(model.h_samples_)) == {0, 1}
    assert not hasattr(model.set_params(algorithm="cd").fit(documents), "h_samples_")


def test_transform_inverse_transform_and_reconstruct(fitted, documents):
    W, b, a = fitted.components_, fitted.intercept_visible_, fitted.intercept_hidden_
    X, D = documents.toarray(), lengths(documents)[:, None]
    h = expit(X @ W.T + D * a)
    np.testing.assert_allclose(fitted.transform(documents), h, rtol=1e-10)
    p = softmax(h @ W + b, axis=1)
    np.testing.assert_allclose(fitted.inverse_transform(h), p, rtol=1e-10)
    np.testing.assert_allclose(fitted.reconstruct(documents), D * p, rtol=1e-10)
    again = expit((D * p) @ W.T + D * a)
    twice = D * softmax(again @ W + b, axis=1)
    np.testing.assert_allclose(fitted.reconstruct(documents, 2), twice, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions_sum_to_one_and_reconstructions_to_the_lengths(dtype, fitted, documents):
    X, rtol = documents.astype(dtype), 1e-5 if dtype == "float32" else 1e-12
    h = fitted.transform(X)
    np.testing.assert_allclose(fitted.inverse_transform(h).sum(axis=1), 1, rtol=rtol)
    for n_steps in (1, 3):
        sums = fitted.reconstruct(X, n_steps).sum(axis=1)
        np.testing.assert_allclose(sums, lengths(X), rtol=rtol)


@pytest.mark.parametrize("container", [dense, sp.csr_array])
def test_documents_without_words(container, fitted, documents):
    X = container(sp.vstack([documents[:2], sp.csr_array((2, 12)), documents[2:4]]))
    H = fitted.transform(X)
    np.testing.assert_array_equal(H[2:4], 0.5)
    np.testing.assert_allclose(fitted.score_samples(X)[2:4], 0, atol=1e-9)
    np.testing.assert_array_equal(fitted.reconstruct(X)[2:4], 0)
    np.testing.assert_array_equal(H[[0, 1, 4, 5]], fitted.transform(documents[:4]))


def test_duplicate_entries_are_summed(fitted):
    entries = np.array([1.0, 2.0, 1.0]), np.array([2, 2, 0]), np.array([0, 2, 3])
    twice = sp.csr_matrix(entries, shape=(2, 12))
    np.testing.assert_array_equal(fitted.transform(twice), fitted.transform(twice.toarray()))
    assert twice.nnz == 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("container", [dense, sp.csr_array, sp.csr_matrix, frame])
def test_the_data_of_the_caller_are_not_changed(container, algorithm, documents):
    X, kept = container(documents), container(documents.copy())
    model = replicated(algorithm=algorithm).fit(X).partial_fit(X)
    for name in (*METHODS, "score", "perplexity", "fit_transform"):
        getattr(model, name)(X)
    model.sample(120, init=X, n_gibbs_steps=2)
    model.log_partition(3, reverse=X, n_runs=2, n_temperatures=5)
    if sp.issparse(X):
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(X, name), getattr(kept, name))
    else:
        np.testing.assert_array_equal(X, kept)


def test_read_only_counts(documents):
    """Workers of joblib get large data as read-only memory maps."""
    expected = replicated().fit_transform(documents)
    for name in ("data", "indices", "indptr"):
        getattr(documents, name).flags.writeable = False
    np.testing.assert_array_equal(replicated().fit_transform(documents), expected)


# -- samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n_words", [0, 1, 7, np.int64(60), [0, 3, 60], np.array([5.0, 5.0, 2.0])])
def test_samples_have_exactly_the_lengths_asked_for(n_words, fitted):
    drawn = fitted.sample(3, n_words=n_words, n_gibbs_steps=3)
    assert isinstance(drawn, sp.csr_array)
    assert drawn.has_canonical_format
    np.testing.assert_array_equal(lengths(drawn), np.broadcast_to(n_words, 3))
    assert (drawn.data >= 1).all()
    np.testing.assert_array_equal(drawn.data, np.round(drawn.data))


def test_samples_are_as_long_as_the_mean_document_that_has_words(documents):
    X = sp.vstack([documents, sp.csr_array((40, 12))])
    model = replicated().fit(X)
    assert model.mean_n_words_ == pytest.approx(lengths(documents).mean(), rel=1e-12)
    drawn = model.sample(4, n_gibbs_steps=2)
    np.testing.assert_array_equal(lengths(drawn), round(model.mean_n_words_))


@pytest.mark.parametrize("container", [dense, sp.csr_array, frame])
def test_samples_from_documents_are_as_long_as_they_are(container, documents):
    model, init = replicated().fit(container(documents)), container(documents[:6])
    drawn = model.sample(6, init=init, n_gibbs_steps=3)
    np.testing.assert_array_equal(lengths(drawn), lengths(documents)[:6])
    other = model.sample(6, init=init, n_words=4, n_gibbs_steps=3)
    np.testing.assert_array_equal(lengths(other), 4)


def test_one_step_of_sampling_stays_near_its_start():
    """Words of one topic each: a document that says which makes more of the same."""
    model = ReplicatedSoftmax(2, random_state=0)
    model.components_ = 60 * np.eye(2, 4)
    model.intercept_hidden_ = np.full(2, -20.0)
    model.intercept_visible_ = np.zeros(4)
    init = [[3, 0, 0, 0], [0, 3, 0, 0]]
    drawn = model.sample(2, init=init, n_gibbs_steps=1)
    np.testing.assert_array_equal(drawn.toarray(), init)


def test_seeds_of_samples(fitted):
    def drawn(model=fitted, **options):
        return model.sample(10, n_words=20, n_gibbs_steps=3, **options).toarray()

    np.testing.assert_array_equal(drawn(), drawn())
    np.testing.assert_array_equal(drawn(random_state=1), drawn(random_state=1))
    np.testing.assert_array_equal(
        drawn(random_state=1), drawn(random_state=np.random.RandomState(1))
    )
    assert (drawn(random_state=1) != drawn(random_state=2)).any()
    unseeded = clone(fitted).set_params(random_state=None)
    for name in ARRAYS:
        setattr(unseeded, name, getattr(fitted, name))
    assert (drawn(unseeded) != drawn(unseeded)).any()


# -- composition -----------------------------------------------------------------------------


def test_clone_copies_parameters_and_nothing_fitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "components_")
    assert copy.set_params(n_components=3).n_components == 3
    assert fitted.n_components == 4


def test_every_parameter_is_stored_as_given():
    given = {name: object() for name in ReplicatedSoftmax().get_params()}
    model = ReplicatedSoftmax(**given)
    assert all(getattr(model, name) is value for name, value in given.items())


def test_names_of_features_and_pandas_output(documents):
    X = frame(documents)
    model = replicated().set_output(transform="pandas").fit(X)
    names = [f"replicatedsoftmax{j}" for j in range(4)]
    assert list(model.get_feature_names_out()) == names
    assert list(model.feature_names_in_) == WORDS
    out = model.transform(X)
    assert list(out.columns) == names
    np.testing.assert_array_equal(out, replicated().fit(X).transform(X))
    pd.testing.assert_frame_equal(replicated().set_output(transform="pandas").fit_transform(X), out)


def test_html_repr_shows_the_documentation_of_every_parameter():
    html = ReplicatedSoftmax(length_power=1.0)._repr_html_()
    for name in ReplicatedSoftmax().get_params():
        shown = html[html.index(f"--doc-link-{name};") :]
        description = shown[shown.index("param-doc-description") : shown.index("</span>")]
        assert re.search(rf"{name}: .*default=.*<br><br>\w.{{15,}}", description, re.S), name


def test_pipeline_behind_a_vectorizer(texts, documents):
    y = documents[:, :4].sum(axis=1) > documents[:, 4:8].sum(axis=1)
    pipe = make_pipeline(CountVectorizer(vocabulary=WORDS), replicated(), LogisticRegression())
    pipe.fit(texts, y)
    hidden = replicated().fit(documents).transform(documents)
    expected = LogisticRegression().fit(hidden, y).predict_proba(hidden)
    np.testing.assert_allclose(pipe.predict_proba(texts), expected, rtol=1e-12)
    assert list(pipe[:-1].get_feature_names_out())[0] == "replicatedsoftmax0"
    assert set(np.ravel(pipe[1].top_words(pipe[0].get_feature_names_out(), n=12))) == set(WORDS)


def test_grid_search_scores_by_the_likelihood_of_held_out_documents(texts):
    """Bitwise the same for any number of jobs, given one thread of BLAS each."""
    found = []
    for n_jobs in (1, 2):
        pipe = make_pipeline(CountVectorizer(), replicated(n_iter=10, learning_rate=0.01))
        grid = {"replicatedsoftmax__n_components": [1, 4]}
        search = GridSearchCV(pipe, grid, cv=KFold(2), n_jobs=n_jobs)
        with threadpool_limits(1), joblib.parallel_config("loky", inner_max_num_threads=1):
            search.fit(texts)
        found.append([search.cv_results_[f"split{i}_test_score"] for i in (0, 1)])
    assert search.best_params_ == {"replicatedsoftmax__n_components": 4}
    # the oldest BLAS and numba round differently in a worker, also on one thread
    rtol = 0 if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else 1e-4
    np.testing.assert_allclose(found[0], found[1], rtol=rtol)
    train, test = next(KFold(2).split(texts))
    pipe = clone(search.best_estimator_).fit([texts[i] for i in train])
    expected = pipe.score([texts[i] for i in test])
    assert found[0][0][1] == pytest.approx(expected, rel=1e-6)


# -- persistence -----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_a_loaded_model_is_the_same_and_goes_on(how, algorithm, documents, tmp_path):
    model = replicated(algorithm=algorithm).fit(documents)
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(model))
    else:
        joblib.dump(model, tmp_path / "model.joblib")
        loaded = joblib.load(tmp_path / "model.joblib")
    assert_same_model(loaded, model)
    for name in METHODS:
        np.testing.assert_array_equal(
            getattr(loaded, name)(documents), getattr(model, name)(documents)
        )
    drawn = [m.sample(3, n_gibbs_steps=3).toarray() for m in (loaded, model)]
    np.testing.assert_array_equal(*drawn)
    assert loaded.log_partition(9, "ais", n_runs=10, n_temperatures=9) == model.log_partition(
        9, "ais", n_runs=10, n_temperatures=9
    )
    before = model.components_.copy()
    assert_same_model(loaded.partial_fit(documents), model.partial_fit(documents))
    assert (model.components_ != before).any()


# -- the public arrays are the model ---------------------------------------------------------


def everything(model, X):
    exact, estimate = model.log_partition([2, 30]), model.log_partition(9, "ais", n_runs=50)
    return (
        model.transform(X),
        model.free_energy(X),
        model.score_samples(X),
        exact.value,
        np.array([estimate.value]),
    )


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("in_place", [False, True])
def test_setting_a_parameter_changes_the_model(name, in_place, fitted, documents):
    before = everything(fitted, documents)
    change = np.linspace(0.1, 0.5, getattr(fitted, name).shape[-1])
    if in_place:
        getattr(fitted, name)[...] += change
    else:
        setattr(fitted, name, getattr(fitted, name) + change)
    fresh = clone(fitted)
    for array in ARRAYS:
        setattr(fresh, array, getattr(fitted, array).copy())
    after, expected = everything(fitted, documents), everything(fresh, documents)
    for k, (old, new) in enumerate(zip(before, after, strict=True)):
        # the visible bias has no part in the hidden means
        assert (old != new).any() == (k > 0 or name != "intercept_visible_")
        if k < 4:
            np.testing.assert_array_equal(new, expected[k])
    assert after[4][0] == pytest.approx(fitted.log_partition(9).value, abs=0.2)


def test_parameters_set_by_hand_make_a_fitted_model():
    model = ReplicatedSoftmax()
    model.components_ = np.array([[2.0, -1.0]])
    model.intercept_hidden_ = np.array([0.5])
    model.intercept_visible_ = np.array([0.0, 0.0])
    # inputs 2 - 1 + 2 * 0.5 and 3 * -1 + 3 * 0.5
    expected = 1 / (1 + np.exp([[-2.0], [1.5]]))
    np.testing.assert_allclose(model.transform([[1, 1], [0, 3]]), expected)
    np.testing.assert_array_equal(lengths(model.sample(2, n_words=[3, 4], n_gibbs_steps=2)), [3, 4])
    assert model.top_words(n=1) == [["0"]]
    with pytest.raises(ValueError, match="X has 3 features, but the parameters of Replicated"):
        model.transform([[0, 0, 0]])
    with pytest.raises(ValueError, match="sample of ReplicatedSoftmax needs n_words"):
        model.sample(2)


# -- reproducibility -------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_int_gives_the_same_model_and_another_int_another(algorithm, documents):
    def fitted(seed):
        return replicated(algorithm=algorithm, random_state=seed).fit(documents)

    first, second, other = fitted(0), fitted(0), fitted(1)
    assert fitted(None).components_.shape == first.components_.shape
    assert_same_model(first, second)
    np.testing.assert_array_equal(first.transform(documents), second.transform(documents))
    assert (first.components_ != other.components_).all()


def test_random_state_instance_is_used_and_advanced(documents):
    def fitted(state):
        return replicated(random_state=state).fit(documents)

    state = np.random.RandomState(5)
    first, second = fitted(state), fitted(state)
    assert (first.components_ != second.components_).any()
    state = np.random.RandomState(5)
    assert_same_model(fitted(state), first)
    assert_same_model(fitted(state), second)


@pytest.mark.parametrize("random_state", [None, 0])
def test_the_global_random_state_is_neither_used_nor_changed(random_state, documents):
    def drawn():
        model = replicated(random_state=random_state).fit(documents).partial_fit(documents)
        model.log_partition(3, reverse=documents, n_runs=3, n_temperatures=5)
        return model.sample(2, n_gibbs_steps=2).toarray(), model.components_

    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    _, first = drawn()
    after = np.random.get_state()  # noqa: NPY002
    assert before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])
    np.random.seed(0)  # noqa: NPY002
    _, second = drawn()
    assert (first == second).all() == (random_state is not None)


# -- top words -------------------------------------------------------------------------------


def test_top_words(documents):
    model = replicated(n_components=2).fit(frame(documents))
    model.components_[...] = 0
    model.components_[0, [7, 2, 4]] = [3, 2, 1]
    model.components_[1] = -np.arange(12)
    assert model.top_words(n=3) == [["word7", "word2", "word4"], ["word0", "word1", "word2"]]
    assert model.top_words(list("abcdefghijkl"), n=2) == [["h", "c"], ["a", "b"]]
    assert [len(words) for words in model.top_words()] == [10, 10]
    assert [len(words) for words in model.top_words(n=99)] == [12, 12]
    model.fit(documents)
    model.components_[0] = np.arange(12)
    assert model.top_words(n=2)[0] == ["11", "10"]


def test_top_words_of_a_model_are_those_of_its_topics(documents):
    """The first words of every hidden unit are those of one block, which occur together."""
    model = replicated(n_iter=60, learning_rate=0.01).fit(documents)
    for topic in model.top_words(n=3):
        assert len({int(k) // 4 for k in topic}) == 1


# -- training --------------------------------------------------------------------------------


def unigram_perplexity(X):
    share = X.sum(axis=0) / X.sum()
    return np.exp(-np.mean((X @ np.log(share)) / lengths(X)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_learns_topics(algorithm, documents):
    """Perplexities are near 7; the shares of all words give 11.5."""
    model = replicated(n_iter=40, batch_size=10, algorithm=algorithm).fit(documents)
    assert model.perplexity(documents) < 0.75 * unigram_perplexity(documents)
    error = model.history_["reconstruction_error"]
    assert error[-1] < error[0]


def test_without_epochs_the_model_is_that_of_the_shares(documents):
    model = replicated(n_iter=0).fit(documents)
    assert model.n_iter_ == 0
    assert model.perplexity(documents) == pytest.approx(unigram_perplexity(documents), rel=0.01)
    share = documents.sum(axis=0) / documents.sum()
    p = model.inverse_transform(np.zeros((1, 4)))[0]
    np.testing.assert_allclose(p, share, rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_warm_start_adds_up(algorithm, documents):
    model = replicated(n_iter=3, warm_start=True, algorithm=algorithm).fit(documents)
    before = {name: getattr(model, name).copy() for name in ARRAYS}
    error = model.history_["reconstruction_error"]
    model.set_params(n_iter=2).fit(documents)
    assert model.n_iter_ == 5
    assert all(len(values) == 5 for values in model.history_.values())
    np.testing.assert_array_equal(model.history_["reconstruction_error"][:3], error)
    for name, array in before.items():
        assert 0 < np.abs(getattr(model, name) - array).max() < 0.5, name


@pytest.mark.parametrize(
    ("averaging", "epochs"), [(0.0, [4]), (0.25, [4]), (0.5, [3, 4]), (1.0, [1, 2, 3, 4])]
)
def test_averages_of_the_last_epochs(averaging, epochs, documents):
    setting = {"learning_rate": 0.01, "training_dtype": "float64"}
    found = replicated(n_iter=4, averaging=averaging, **setting).fit(documents)
    models = [replicated(n_iter=n, averaging=0.0, **setting).fit(documents) for n in epochs]
    for name in ARRAYS:
        mean = np.mean([getattr(model, name) for model in models], axis=0)
        np.testing.assert_allclose(getattr(found, name), mean, rtol=1e-9, atol=1e-12)


HELD_OUT = {"validation_free_energy", "free_energy_gap", "free_energy_gap_error"}


def test_history_measures_the_model_of_the_epoch(documents):
    """All of 93 documents are monitored, so that the last entry is known exactly."""
    documents = documents[:90]
    X = sp.vstack([documents, sp.csr_array((3, 12))])
    model = replicated(n_iter=3, averaging=0.0, training_dtype="float64").fit(X)
    assert {name: values.shape for name, values in model.history_.items()} == {
        **dict.fromkeys([*HELD_OUT, "reconstruction_error", "free_energy"], (3,)),
        **dict.fromkeys(["mean_hidden_activity", "weights_moved", "epoch_time"], (3,)),
        "weight_norm": (3, 4),
    }
    assert all(np.isnan(model.history_[name]).all() for name in HELD_OUT)
    last = {name: values[-1] for name, values in model.history_.items()}
    h, D = model.transform(documents), lengths(documents)
    log_p = np.log(model.inverse_transform(h))
    error = np.mean(-(documents.toarray() * log_p).sum(axis=1) / D)
    assert last["reconstruction_error"] == pytest.approx(error, rel=1e-10)
    energy = np.mean(model.free_energy(documents) / D)
    assert last["free_energy"] == pytest.approx(energy, rel=1e-10)
    assert last["mean_hidden_activity"] == pytest.approx(h.mean(), rel=1e-10)
    np.testing.assert_allclose(last["weight_norm"], np.linalg.norm(model.components_, axis=1))


# -- where it is computed --------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_without_compiled_kernels(algorithm, documents):
    pytest.importorskip("numba")
    register_backend("numpy-plain", lambda: NumpyBackend(compiled=False))
    compiled = replicated(algorithm=algorithm, backend="numpy").fit(documents)
    plain = replicated(algorithm=algorithm, backend="numpy-plain").fit(documents)
    assert_same_model(plain, compiled, rtol=1e-3, atol=1e-5)
    for name in ARRAYS:
        setattr(plain, name, getattr(compiled, name))
    for name in METHODS:
        np.testing.assert_allclose(
            getattr(plain, name)(documents), getattr(compiled, name)(documents), rtol=1e-8
        )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_device_in_device_out(algorithm, documents, device):
    X = device.asarray(documents.toarray())
    model = replicated(algorithm=algorithm).fit(X)
    host = replicated(algorithm=algorithm).fit(documents)
    assert all(type(getattr(model, name)) is np.ndarray for name in ARRAYS)
    assert_same_model(model, host, rtol=1e-3, atol=1e-5)
    for name in ("transform", "free_energy", "score_samples"):
        out = getattr(model, name)(X)
        assert device.owns(out), name
        np.testing.assert_allclose(
            device.to_host(out), getattr(model, name)(documents), rtol=1e-8, err_msg=name
        )
    assert device.owns(model.inverse_transform(model.transform(X)))
    assert device.owns(model.sample(120, init=X, n_gibbs_steps=2))
    assert isinstance(model.sample(2, n_gibbs_steps=2), sp.csr_array)
    assert model.score(X) == pytest.approx(model.score(documents), rel=1e-10)
    assert model.perplexity(X) == pytest.approx(model.perplexity(documents), rel=1e-10)
    assert_same_model(model.partial_fit(X), host.partial_fit(documents), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("container", [dense, sp.csr_array])
def test_named_backend_with_host_data(container, documents, device):
    X = container(documents)
    model = replicated(backend="array_api_strict").fit(X)
    host = replicated().fit(X)
    assert_same_model(model, host, rtol=1e-3, atol=1e-5)
    for name in ("transform", "free_energy", "score_samples"):
        out = getattr(model, name)(X)
        assert type(out) is np.ndarray, name
        expected = getattr(host, name)(X)
        np.testing.assert_allclose(out, expected, rtol=1e-3, err_msg=name)
    assert isinstance(model.sample(2, init=X[:2], n_gibbs_steps=2), sp.csr_array)


def test_reconstructions_of_a_device(documents, device):
    X, model = device.asarray(documents.toarray()), replicated().fit(documents)
    found = model.reconstruct(X)
    assert device.owns(found)
    np.testing.assert_allclose(device.to_host(found), model.reconstruct(documents), rtol=1e-8)


@pytest.mark.parametrize(("n_documents", "size"), [(3, 10), (1000, 10), (2500, 25), (20_000, 100)])
def test_automatic_size_of_a_batch(n_documents, size):
    model = ReplicatedSoftmax()
    assert model._rows_per_batch(n_documents) == size
    assert model.set_params(batch_size=7)._rows_per_batch(n_documents) == 7


def test_automatic_batches_are_those_of_that_size(documents):
    auto, given = (replicated(batch_size=size).fit(documents) for size in ("auto", 10))
    assert_same_model(auto, given)
