"""DBM of counts of words: the model of its arrays, documents of any length, training, messages."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeepbm import DBM, DBMClassifier, RBMTransformer, ReplicatedSoftmax
from skdeepbm.exceptions import BaseRateWarning, DataRangeWarning

SIZES = [(3, 3, 2), (3, 2, 3, 2)]
WORDS = ReplicatedSoftmax(n_iter=2)
LAYER = RBMTransformer(n_iter=2, visible_states="draw")


def by_hand(tiny):
    """An estimator with the parameters of a tiny model."""
    sizes = [len(bias) for bias in tiny.biases[1:]]
    model = DBM(sizes, visible="multinomial", random_state=0)
    model.coefs_ = [w.copy() for w in tiny.weights]
    model.intercepts_ = [bias.copy() for bias in tiny.biases]
    return model


def made(*sizes, **options):
    options = {"rbm": [WORDS] + [LAYER] * (len(sizes) - 1), "n_iter": 2, **options}
    return DBM(sizes, visible="multinomial", random_state=0, **{"batch_size": 20, **options})


@pytest.fixture(scope="module")
def counts():
    """150 documents of 12 words of two kinds, of 0 to 30 words."""
    rng = np.random.default_rng(0)
    kind = rng.random((150, 1)) < 0.5
    p = np.where(kind, np.linspace(1, 0.1, 12), np.linspace(0.1, 1, 12)) ** 2
    lengths = rng.integers(0, 31, 150)
    lengths[:3] = 0, 1, 30
    return np.array(
        [rng.multinomial(n, q / q.sum()) for n, q in zip(lengths, p, strict=True)], float
    )


def same(one, other):
    for a, b in zip(
        [*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        np.testing.assert_array_equal(a, b)


# -- the model of the arrays ------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
def test_likelihoods(sizes, ref):
    tiny, X = ref.make_word_dbm(sizes), ref.some_documents(3, [3, 0, 1, 2, 3])
    model = by_hand(tiny).set_params(transform_layers="all")
    exact = model.log_partition(n_words=[2, 0, 3])
    assert exact.method == "exact"
    np.testing.assert_allclose(exact.value, [tiny.log_z(n) for n in (2, 0, 3)], rtol=1e-10)
    assert model.log_partition(n_words=2).value == pytest.approx(tiny.log_z(2), rel=1e-10)
    h, edges = model.transform(X), np.cumsum([0, *sizes[1:]])
    np.testing.assert_array_equal(h[1], 0.5)
    kept = [0, 2, 3, 4]
    q = [h[kept, a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    log_z = [tiny.log_z(n) for n in (3, 1, 2, 3)]
    found, bound = model.score_samples(X), tiny.bounds(X[kept], q) - log_z
    np.testing.assert_allclose(found[kept], bound, rtol=1e-7)
    assert found[1] == 0.0
    assert (bound < tiny.log_likelihoods(X[kept])).all()
    assert model.score(X) == pytest.approx(found.mean())
    np.testing.assert_allclose(-model.free_energy(X)[kept] - log_z, bound, rtol=1e-7)
    per_word = np.exp(-np.mean(bound / np.array([3, 1, 2, 3])))
    assert model.perplexity(X) == pytest.approx(per_word, rel=1e-7)


def test_estimates_of_log_z(ref):
    """Within .05 nats at several lengths, from both sides; a list gives arrays."""
    tiny = ref.make_word_dbm((3, 2, 3, 2))
    model, X = by_hand(tiny), ref.some_documents(3, [2, 3] * 20)
    found = model.log_partition("ais", n_words=[0, 1, 3], n_runs=300, n_temperatures=50, reverse=X)
    exact = [tiny.log_z(n) for n in (0, 1, 3)]
    np.testing.assert_allclose(found.value, exact, atol=0.05)
    np.testing.assert_allclose(found.reverse, exact, atol=0.05)
    assert model.perplexity(X, method="reverse") == pytest.approx(model.perplexity(X), rel=0.05)


def test_without_weights_above_it_is_a_replicated_softmax(counts):
    rbm = ReplicatedSoftmax(4, n_iter=3, random_state=0).fit(counts)
    model = DBM((4, 2), visible="multinomial")
    model.coefs_ = [np.ascontiguousarray(rbm.components_.T), np.zeros((4, 2))]
    model.intercepts_ = [rbm.intercept_visible_, rbm.intercept_hidden_, np.array([0.3, -1.0])]
    np.testing.assert_allclose(model.score_samples(counts), rbm.score_samples(counts), rtol=1e-8)
    assert model.perplexity(counts) == pytest.approx(rbm.perplexity(counts), rel=1e-9)
    model.transform_layers = "all"
    np.testing.assert_allclose(model.transform(counts)[:, :4], rbm.transform(counts), rtol=1e-6)
    np.testing.assert_allclose(model.reconstruct(counts), rbm.reconstruct(counts), rtol=1e-6)


@pytest.mark.parametrize("sizes", SIZES)
def test_samples_have_the_marginals_of_their_length(sizes, ref):
    tiny = ref.make_word_dbm(sizes, seed=3)
    n_words = np.repeat([1, 3], 2000)
    X = by_hand(tiny).sample(4000, n_words=n_words, n_gibbs_steps=40)
    assert sp.issparse(X)
    X = X.toarray()
    np.testing.assert_array_equal(X.sum(axis=1), n_words)
    for n, rows in ((1, slice(2000)), (3, slice(2000, None))):
        v, _, p = tiny.joint(n)
        assert ref.within_error(X[rows], p.sum(axis=1) @ v)
        pairs = (X[rows, :, None] * X[rows, None, :]).reshape(2000, -1)
        assert ref.within_error(
            pairs, p.sum(axis=1) @ (v[:, :, None] * v[:, None, :]).reshape(-1, 9)
        )


# -- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["pcd", "pt"])
@pytest.mark.parametrize("pretraining", [False, True])
def test_sparse_and_dense_counts_are_one(counts, pretraining, algorithm, monkeypatch):
    options = {"pretraining": pretraining, "algorithm": algorithm}
    dense = made(5, 4, **options).fit(counts)
    X = sp.csr_matrix(counts)
    # a batch is the most that may be dense
    sizes, toarray = [], sp.csr_array.toarray

    def watched(self, *arguments, **keywords):
        sizes.append(self.shape[0])
        return toarray(self, *arguments, **keywords)

    monkeypatch.setattr(sp.csr_array, "toarray", watched)
    other = made(5, 4, **options).fit(X)
    same(dense, other)
    for method in ("transform", "score_samples", "reconstruct", "free_energy"):
        found, expected = (getattr(dense, method)(rows) for rows in (X, counts))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    # rows of the history
    assert max(sizes, default=0) <= 100


def test_it_learns_topics(counts):
    model = made(4, 3, algorithm="pt", optimizer="adam", n_iter=30, pretraining=False).fit(counts)
    share = counts.sum(axis=0) / counts.sum()
    filled = counts[counts.sum(axis=1) > 0]
    base = np.exp(-np.mean(filled @ np.log(share) / filled.sum(axis=1)))
    assert model.perplexity(counts) < 0.9 * base
    assert model.mean_n_words_ == pytest.approx(filled.sum(axis=1).mean())
    assert model.history_["mean_hidden_activity"].shape == (30, 2)


def test_pretraining_is_a_replicated_softmax_of_doubled_documents(counts):
    """Where joint training starts, with what the layer above says per document."""
    model = made(5, 4, 3, n_iter=0).fit(counts)
    words, middle, top = model.rbms_
    assert [type(layer).__name__ for layer in model.rbms_] == [
        "BottomWords",
        "RBMTransformer",
        "TopRBM",
    ]
    alone = ReplicatedSoftmax(5, n_iter=2, random_state=words.random_state).fit(2 * counts)
    np.testing.assert_array_equal(words.components_, alone.components_)
    # twice the input on the way up
    a = counts @ words.components_.T + counts.sum(axis=1, keepdims=True) * words.intercept_hidden_
    np.testing.assert_allclose(words.transform(counts), 1 / (1 + np.exp(-2 * a)), rtol=1e-6)
    np.testing.assert_array_equal(model.coefs_[0], words.components_.T)
    np.testing.assert_allclose(model.coefs_[1], 0.5 * middle.components_.T)
    np.testing.assert_allclose(model.coefs_[2], 0.5 * top.components_.T)
    first = words.intercept_hidden_ + 0.5 * middle.intercept_visible_ / model.mean_n_words_
    np.testing.assert_allclose(model.intercepts_[1], first)
    second = 0.5 * (middle.intercept_hidden_ + top.intercept_visible_)
    np.testing.assert_allclose(model.intercepts_[2], second)


@pytest.mark.parametrize("rbm", [None, WORDS, LAYER, [WORDS, LAYER]])
def test_templates(counts, rbm):
    model = made(4, 3, rbm=rbm, n_iter=0).fit(counts[:30])
    words, top = model.rbms_
    given = rbm if isinstance(rbm, list) else [rbm, rbm]
    assert words.n_iter == (2 if isinstance(given[0], ReplicatedSoftmax) else 80)
    assert top.n_iter == (2 if isinstance(given[1], RBMTransformer) else RBMTransformer().n_iter)


def test_partial_fit_is_fit(counts):
    options = {"shuffle": False, "learning_rate": 0.02, "training_dtype": None, "algorithm": "pt"}
    whole = made(5, 4, **options).fit(counts)
    parts = made(5, 4, **options, n_iter=0).set_params(n_iter=0).fit(counts)
    for _ in range(2):
        for start in range(0, 150, 20):
            parts.partial_fit(counts[start : start + 20])
    for a, b in zip(
        [*whole.coefs_, *whole.intercepts_], [*parts.coefs_, *parts.intercepts_], strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    before = [w.copy() for w in parts.coefs_]
    parts.partial_fit(np.zeros((3, 12)))
    for a, b in zip(before, parts.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_warm_start_with_other_chains_and_by_hand(counts, ref):
    model = made(5, 4, warm_start=True).fit(counts)
    for change in (
        {"algorithm": "pt"},
        {"n_chains": 7},
        {"n_temperatures": 3},
        {"centring": False},
    ):
        model.set_params(**change).fit(counts)
    assert model.n_iter_ == 10
    alone = by_hand(ref.make_word_dbm()).set_params(warm_start=True, n_iter=1)
    alone.fit(counts[:, :3])
    assert alone.mean_n_words_ > 0
    assert alone.n_iter_ == 1


def test_precision_and_persistence(counts, tmp_path):
    import joblib

    model = made(5, 4).fit(sp.csr_array(counts.astype(np.float32)))
    assert {x.dtype for x in (*model.coefs_, *model.intercepts_)} == {np.dtype(np.float32)}
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    for method in ("transform", "score_samples"):
        np.testing.assert_array_equal(
            getattr(again, method)(counts), getattr(model, method)(counts)
        )
    same(model.partial_fit(counts[:20]), again.partial_fit(counts[:20]))


@pytest.mark.parametrize("transform_layers", ["top", "all"])
def test_rows_and_back(counts, transform_layers):
    model = made(5, 4, transform_layers=transform_layers).fit(counts)
    back = model.inverse_transform(model.transform(counts))
    np.testing.assert_allclose(back.sum(axis=1), 1.0, rtol=1e-6)
    again = model.reconstruct(counts, n_gibbs_steps=2)
    np.testing.assert_allclose(again.sum(axis=1), counts.sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(model.transform(counts)[0], 0.5)
    drawn = model.sample(4, init=counts[1:5], n_gibbs_steps=2)
    np.testing.assert_array_equal(drawn.sum(axis=1), counts[1:5].sum(axis=1))
    assert model.sample(2, n_gibbs_steps=1).sum(axis=1) == pytest.approx(round(model.mean_n_words_))


def test_device_in_device_out(counts, device):
    X = device.asarray(counts)
    model = made(5, 4, algorithm="pt", validation_fraction=0.1).fit(X)
    assert all(type(array) is np.ndarray for array in (*model.coefs_, *model.intercepts_))
    host = made(5, 4, algorithm="pt", validation_fraction=0.1).fit(counts)
    for one, other in zip(model.coefs_, host.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-3)
    for name in ("transform", "reconstruct", "score_samples", "free_energy"):
        out = getattr(model, name)(X)
        assert device.owns(out), name
        expected = getattr(model, name)(counts)
        np.testing.assert_allclose(device.to_host(out), expected, rtol=1e-6, atol=1e-9)
    drawn = model.sample(150, init=X, n_gibbs_steps=1)
    assert device.owns(drawn)
    np.testing.assert_array_equal(device.to_host(drawn).sum(axis=1), counts.sum(axis=1))
    assert model.perplexity(X) == pytest.approx(model.perplexity(counts), rel=1e-6)


def test_behind_a_vectoriser():
    texts = ["cats and dogs", "dogs and cats and cats", "stars and planets", "planets, stars"] * 15
    y = [0, 0, 1, 1] * 15
    machine = made(4, 3, transform_layers="all", pretraining=False, n_iter=20, optimizer="adam")
    pipe = make_pipeline(CountVectorizer(), machine, LogisticRegression(C=100)).fit(texts, y)
    assert pipe.score(texts, y) == 1.0


# -- messages ---------------------------------------------------------------------------------


def test_messages(counts):
    with pytest.raises(ValueError, match="layer 0 of DBM .* is a RBMTransformer"):
        made(4, 3, rbm=[LAYER, LAYER]).fit(counts)
    with pytest.raises(ValueError, match="layer 1 of DBM .* is a ReplicatedSoftmax"):
        made(4, 3, rbm=[WORDS, WORDS]).fit(counts)
    with pytest.raises(ValueError, match="n_hidden_words=3: .*Set n_hidden_words=0"):
        made(4, 3, rbm=ReplicatedSoftmax(n_hidden_words=3)).fit(counts)
    with pytest.raises(TypeError, match="must be an RBMTransformer"):
        DBM((4, 3), rbm=[WORDS, LAYER]).fit(counts / 40)
    with pytest.raises(ValueError, match="DBM models counts of words, and X holds texts"):
        made(4, 3).fit(["cats and dogs"])
    with pytest.raises(ValueError, match="Negative values in data passed to DBM: column 2"):
        made(4, 3).fit(counts - [0, 0, 1] * 4)
    with pytest.raises(ValueError, match="150 documents for DBM, but no word"):
        made(4, 3).fit(0 * counts)
    model = made(4, 3, n_iter=1)
    with pytest.warns(DataRangeWarning, match="DBM: column 0 holds .* no count"):
        model.fit(counts + 0.5)
    with pytest.raises(ValueError, match=r"n_words of DBM.log_partition must be a number"):
        model.log_partition()
    with pytest.raises(ValueError, match="n_words has 2 values, but sample of DBM needs one"):
        model.sample(3, n_words=[1, 2])
    with pytest.raises(ValueError, match="mask of DBM.reconstruct is not defined for counts"):
        model.reconstruct(counts, mask=counts > 0)
    with pytest.raises(ValueError, match=r"method of DBM.perplexity must be"):
        model.perplexity(counts, method="best")
    binary = DBM((4, 3), n_iter=0, pretraining=False).fit(counts > 0)
    with pytest.raises(ValueError, match="n_words of DBM.sample is for documents"):
        binary.sample(n_words=4)
    with pytest.raises(ValueError, match="n_words of DBM.log_partition is for documents"):
        binary.log_partition(n_words=4)
    assert not hasattr(binary, "perplexity")


def test_the_classifier_takes_no_counts(counts):
    model = DBMClassifier((4, 3), visible="multinomial")
    with pytest.raises(ValueError, match="'visible' parameter of DBMClassifier must be"):
        model.fit(counts, counts[:, 0] > 1)


def test_exact_sums_of_many_units_are_refused(counts):
    model = made(15, 3, 6, n_iter=0, pretraining=False).fit(counts)
    with pytest.raises(ValueError, match="at most 20 units in odd hidden layers, but there are 21"):
        model.log_partition("exact", n_words=3)


def test_topics_that_say_nothing(counts):
    model = made(3, 2, n_iter=20, pretraining=False, learning_rate=1e-9, batch_size=20)
    with pytest.warns(BaseRateWarning, match="no better than their shares"):
        DBM.fit(model, counts)
