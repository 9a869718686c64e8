"""ReplicatedSoftmax with hidden words: by definition on models small enough to enumerate."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, logsumexp, softmax

from skdeepbm import DBNClassifier, DeepAutoencoder, RBMTransformer, ReplicatedSoftmax

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
COUNTS = np.array([[1, 0, 0, 0], [0, 3, 2, 0], [0, 0, 0, 0], [2, 0, 1, 2], [9, 1, 0, 30]])
LENGTHS = [1, 5, 0, 5, 40]
M = 3


def sequences(n_words):
    """Counts of every sequence of words."""
    places = np.array(list(itertools.product(range(4), repeat=n_words)), dtype=int)
    return np.eye(4)[places].sum(axis=1)


def made(n_idle=0, scale=1.0, **options):
    """Three topics of four words with given parameters, and topics that say nothing."""
    rng = np.random.default_rng(5)
    model = ReplicatedSoftmax(3 + n_idle, **{"random_state": 0, "n_hidden_words": M, **options})
    model.components_ = np.vstack([scale * rng.normal(size=(3, 4)), np.zeros((n_idle, 4))])
    model.intercept_hidden_ = np.append(0.3 * rng.normal(size=3), np.zeros(n_idle))
    model.intercept_visible_ = rng.normal(size=4)
    return model


def minus_free_energy(model, v):
    """Of all words, summed over the topics."""
    h = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    D = v.sum(axis=1)[:, None]
    interaction = v @ model.components_[:3].T @ h.T + D * (h @ model.intercept_hidden_[:3])
    return (v @ model.intercept_visible_) + logsumexp(interaction, axis=1)


def log_likelihood(model, v):
    """Every sequence of hidden words completes a document."""
    completed = [minus_free_energy(model, v + u) for u in sequences(M)]
    log_z = [log_z_of(model, n + M) for n in v.sum(axis=1)]
    return logsumexp(completed, axis=0) - log_z


def log_z_of(model, n_words):
    h = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    word = logsumexp(model.intercept_visible_ + h @ model.components_[:3], axis=1)
    return logsumexp(n_words * (word + h @ model.intercept_hidden_[:3]))


def replicated(**options):
    setting = {"n_components": 4, "n_iter": 2, "batch_size": 16, "random_state": 0}
    return ReplicatedSoftmax(**{**setting, "n_hidden_words": 20, **options})


# -- likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_words", [1, 3])
def test_sequences_sum_to_one(n_words):
    total = np.exp(made().score_samples(sequences(n_words))).sum()
    assert total == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_likelihoods_by_definition(container):
    model, filled = made(), np.array(LENGTHS) > 0
    found = model.score_samples(container(COUNTS))
    np.testing.assert_allclose(found, log_likelihood(model, COUNTS), rtol=1e-10, atol=1e-10)
    assert found[2] == 0
    expected = np.exp(-np.mean(found[filled] / np.array(LENGTHS)[filled]))
    assert model.perplexity(container(COUNTS)) == pytest.approx(expected, rel=1e-12)
    log_z = np.array([log_z_of(model, n + M) for n in LENGTHS])
    np.testing.assert_allclose(model.log_partition(LENGTHS).value, log_z, rtol=1e-12)
    np.testing.assert_allclose(-model.free_energy(COUNTS) - log_z, found, atol=1e-10)


def test_estimates_of_partition_functions():
    model = made()
    exact = model.log_partition([0, 2, 10]).value
    found = model.log_partition([0, 2, 10], reverse=COUNTS)
    assert np.abs(found.value - exact).max() < 0.05
    assert np.abs(found.reverse - exact).max() < 0.15
    assert model.log_partition(2, "ais").value == found.value[1]


def test_many_topics_have_a_bound():
    """Ten topics that say nothing, which make thirteen: likelihoods are what they were."""
    small, large = made(), made(10)
    exact, bound = small.score_samples(COUNTS), large.score_samples(COUNTS)
    gap = np.delete(exact - bound, 2)
    assert np.all(gap > 1e-4)
    assert np.all(gap < 0.5)
    assert bound[2] == 0
    np.testing.assert_allclose(
        bound[3], -large.free_energy(COUNTS[3:4])[0] - large.log_partition(5).value, rtol=1e-12
    )
    assert large.perplexity(COUNTS) == large.perplexity(COUNTS, free_energy="bound")
    assert small.perplexity(COUNTS) < small.perplexity(COUNTS, free_energy="bound")
    exact, many = small.perplexity(COUNTS), np.tile(COUNTS, (200, 1))
    annealed = large.perplexity(many, free_energy="ais")
    assert annealed == pytest.approx(exact, rel=0.015)
    assert annealed > exact
    assert annealed == large.perplexity(many, free_energy="ais")
    for method in ("ais", "reverse"):
        found = small.perplexity(many, method=method)
        assert found == pytest.approx(exact, rel=0.02), method


def test_annealed_runs_of_parts_are_independent(monkeypatch):
    """The same documents twice, in two parts: not the same draws twice."""
    model = made(10)
    monkeypatch.setattr("skdeepbm.estimators._documents.CHUNK", len(COUNTS) * 13)
    once, twice = (model.perplexity(np.tile(COUNTS, (n, 1)), free_energy="ais") for n in (1, 2))
    assert twice == pytest.approx(once, rel=0.2)
    assert abs(twice - once) > 1e-6


def test_samples_have_the_exact_probabilities():
    """Frequencies of all 10 pairs of visible words, within 4.5 standard errors."""
    model, n = made(), 20_000
    drawn = model.sample(n, n_words=2, n_gibbs_steps=20, random_state=1)
    pairs, orders = np.unique(sequences(2), axis=0, return_counts=True)
    expected = orders * np.exp(log_likelihood(model, pairs))
    index = (drawn.toarray()[:, None] == pairs).all(axis=2).argmax(axis=1)
    found = np.bincount(index, minlength=10) / n
    assert (np.abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)).all()


@pytest.mark.parametrize("n_words", [0, 3, [0, 3, 60]])
def test_samples_have_exactly_the_lengths_asked_for(n_words):
    drawn = made().sample(3, n_words=n_words, n_gibbs_steps=2)
    sums = np.asarray(drawn.sum(axis=1)).ravel()
    np.testing.assert_array_equal(sums, np.broadcast_to(n_words, 3))
    again = made().sample(3, n_words=n_words, n_gibbs_steps=2, init=COUNTS[:3])
    np.testing.assert_array_equal(np.asarray(again.sum(axis=1)).ravel(), sums)


# -- topics ----------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_transform_and_reconstruct(container):
    model = made(scale=0.7)
    W, b, a = (getattr(model, name) for name in ("components_", "intercept_visible_", ARRAYS[1]))
    h = model.transform(container(COUNTS))
    np.testing.assert_array_equal(h[2], 0.5)
    h, v = np.delete(h, 2, axis=0), np.delete(COUNTS, 2, axis=0)
    p = softmax(b + h @ W, axis=1)
    total = v + M * p
    again = expit(total @ W.T + total.sum(axis=1)[:, None] * a)
    np.testing.assert_allclose(h, again, atol=1e-4)
    found = model.reconstruct(container(COUNTS))
    np.testing.assert_allclose(found[[0, 1, 3, 4]], v.sum(axis=1)[:, None] * p, rtol=1e-10)
    np.testing.assert_array_equal(found[2], 0)
    np.testing.assert_allclose(model.inverse_transform(h), p, rtol=1e-10)


def test_the_device_and_the_host_agree(device, documents):
    model = replicated(n_iter=3).fit(documents)
    X = device.asarray(documents.toarray())
    for name in ("transform", "free_energy", "score_samples", "reconstruct"):
        found = getattr(model, name)(X)
        assert device.owns(found), name
        expected = getattr(model, name)(documents)
        np.testing.assert_allclose(device.to_host(found), expected, rtol=1e-8, err_msg=name)


# -- training --------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["pt", "pcd", "cd"])
def test_training_learns(algorithm, documents):
    model = replicated(
        n_iter=30, algorithm=algorithm, learning_rate=0.01, n_mean_field_steps=[0] * 8 + [2]
    )
    share = np.asarray(documents.sum(axis=0)).ravel() / documents.sum()
    n_words = np.asarray(documents.sum(axis=1)).ravel()
    shares_alone = np.exp(-np.mean(documents @ np.log(share) / n_words))
    model.fit(documents)
    assert model.perplexity(documents) < 0.85 * shares_alone
    assert all(
        np.isfinite(values).all()
        for name, values in model.history_.items()
        if not name.startswith(("validation", "free_energy_gap"))
    )


def test_without_hidden_words_mean_field_is_of_no_matter(documents):
    found = [replicated(n_hidden_words=0, n_mean_field_steps=n).fit(documents) for n in (0, [1, 4])]
    plain = ReplicatedSoftmax(4, n_iter=2, batch_size=16, random_state=0).fit(documents)
    for name in ARRAYS:
        for model in found:
            np.testing.assert_array_equal(getattr(model, name), getattr(plain, name))
    assert (replicated().fit(documents).components_ != plain.components_).all()


def test_the_default_rate_falls_by_the_share_of_visible_words(documents):
    mean = documents.sum() / 120
    by_default = replicated().fit(documents)
    by_hand = replicated(learning_rate=0.003 * mean / (mean + 20)).fit(documents)
    np.testing.assert_allclose(by_default.components_, by_hand.components_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("container", [lambda X: X.toarray(), sp.csr_matrix])
@pytest.mark.parametrize("algorithm", ["pt", "cd"])
def test_same_batches_give_the_same_parameters_as_fit(container, algorithm, documents):
    X = container(documents)
    options = {"algorithm": algorithm, "learning_rate": 0.01, "n_mean_field_steps": [0, 2]}
    whole = replicated(shuffle=False, averaging=0.0, **options).fit(X)
    model = replicated(shuffle=False, n_iter=0, **options).fit(X)
    for _ in range(2):
        for start in range(0, 120, 16):
            model.partial_fit(X[start : start + 16])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(model, name), getattr(whole, name), err_msg=name)


def test_warm_start_and_persistence(documents):
    """Pretrained without hidden words, then with some: chains go on, as a loaded model does."""
    model = replicated(n_hidden_words=0, warm_start=True).fit(documents)
    model.set_params(n_hidden_words=20)
    loaded = pickle.loads(pickle.dumps(model))
    model.fit(documents)
    loaded.fit(documents)
    assert model.n_iter_ == 4
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(model, name), getattr(loaded, name))
    np.testing.assert_array_equal(model.transform(documents), loaded.transform(documents))


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
def test_fractional_and_empty_documents(documents):
    X = sp.vstack([documents / 7, sp.csr_array((3, 12))]).tocsr()
    model = replicated().fit(X)
    np.testing.assert_array_equal(model.transform(X)[-3:], 0.5)
    scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores[-3:], 0)
    assert model.perplexity(X) == model.perplexity(X[:-3])


# -- errors ----------------------------------------------------------------------------------


def test_bad_steps_of_mean_field(documents):
    model = replicated().fit(documents)
    before = model.components_.copy()
    model.set_params(n_mean_field_steps=[2, -1], warm_start=True)
    with pytest.raises(ValueError, match="n_mean_field_steps of ReplicatedSoftmax gives -1 in ep"):
        model.fit(documents)
    np.testing.assert_array_equal(model.components_, before)


@pytest.mark.parametrize("value", [-1, 2.5, None, "two"])
@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.transform(COUNTS),
        lambda model: model.score(COUNTS),
        lambda model: model.log_partition(3),
        lambda model: model.sample(2, n_words=3),
    ],
)
def test_bad_number_of_hidden_words_after_fit(call, value):
    model = made().set_params(n_hidden_words=value)
    with pytest.raises(ValueError, match="n_hidden_words of ReplicatedSoftmax must be an integer"):
        call(model)


def test_bad_kind_of_free_energy():
    with pytest.raises(ValueError, match="free_energy of ReplicatedSoftmax.perplexity must be"):
        made().perplexity(COUNTS, free_energy="exactly")


@pytest.mark.parametrize(
    "net",
    [
        lambda layers: DBNClassifier((4, 3), rbm=layers),
        lambda layers: DeepAutoencoder((4, 3), pretrainer=layers),
    ],
)
def test_hidden_words_of_a_layer(net, documents):
    model = net([ReplicatedSoftmax(n_hidden_words=7), RBMTransformer()])
    with pytest.raises(ValueError, match="layer 0 of .* n_hidden_words=7: .* Set n_hidden_words=0"):
        model.fit(documents, np.arange(120) % 2)
