"""Likelihoods of documents by definition, on models small enough to enumerate."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logsumexp

from skdeepbm import ReplicatedSoftmax

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")
# of several lengths, two of them alike, and one without words
COUNTS = np.array(
    [[1, 0, 0, 0], [0, 3, 2, 0], [0, 0, 0, 0], [2, 0, 1, 2], [9, 1, 0, 30], [0, 1, 0, 0]]
)
LENGTHS = [1, 5, 0, 5, 40, 1]


def states(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def sequences(n_words, n_vocabulary=4):
    """Counts of every sequence of words."""
    places = np.array(list(itertools.product(range(n_vocabulary), repeat=n_words)), dtype=int)
    return np.eye(n_vocabulary)[places].sum(axis=1)


def made(n_hidden=3, scale=1.0, **options):
    """A model of four words with given parameters, fitted by nobody."""
    rng = np.random.default_rng(5)
    model = ReplicatedSoftmax(n_hidden, random_state=0, **options)
    model.components_ = scale * rng.normal(size=(n_hidden, 4))
    model.intercept_hidden_ = 0.3 * rng.normal(size=n_hidden)
    model.intercept_visible_ = rng.normal(size=4)
    return model


def minus_energy(model, v):
    """``-E(v, h)`` of documents and all hidden states, straight from the class's docstring."""
    h, D = states(len(model.components_)), v.sum(axis=1)[:, None]
    interaction = v @ model.components_.T @ h.T
    return (v @ model.intercept_visible_)[:, None] + interaction + D * (h @ model.intercept_hidden_)


def log_z(model, n_words):
    """Log of the partition function, with the words summed out; ``n_words`` may be fractional."""
    h = states(len(model.components_))
    word = logsumexp(model.intercept_visible_ + h @ model.components_, axis=1)
    return logsumexp(n_words * (word + h @ model.intercept_hidden_))


@pytest.fixture(scope="module")
def model():
    return made()


# -- definitions -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_words", [1, 2, 3, 4])
def test_partition_function_is_a_sum_over_sequences(n_words, model):
    expected = logsumexp(minus_energy(model, sequences(n_words)))
    found = model.log_partition(n_words)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert (found.lower, found.upper, found.method) == (found.value, found.value, "exact")
    assert log_z(model, n_words) == pytest.approx(expected, rel=1e-12)
    total = np.exp(model.score_samples(sequences(n_words))).sum()
    assert total == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_likelihoods_of_several_lengths_at_once(container, model):
    found = model.score_samples(container(COUNTS))
    partition = np.array([log_z(model, n) for n in LENGTHS])
    expected = logsumexp(minus_energy(model, COUNTS), axis=1) - partition
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert found[2] == pytest.approx(0, abs=1e-9)
    assert model.score(container(COUNTS)) == pytest.approx(found.mean(), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_free_energies_are_in_double_precision(dtype, container, model):
    X = container(COUNTS.astype(dtype))
    found = model.free_energy(X)
    assert found.dtype == model.score_samples(X).dtype == np.float64
    np.testing.assert_allclose(found, -logsumexp(minus_energy(model, COUNTS), axis=1), rtol=1e-12)


def test_perplexity_leaves_out_documents_without_words(model):
    score, kept = model.score_samples(COUNTS), np.array(LENGTHS) > 0
    expected = np.exp(-np.mean(score[kept] / np.array(LENGTHS)[kept]))
    assert model.perplexity(COUNTS) == pytest.approx(expected, rel=1e-12)
    assert model.perplexity(COUNTS[kept]) == pytest.approx(expected, rel=1e-12)


def test_shares_alone_have_a_perplexity_that_is_known():
    """Without weights, words are independent, and hidden units of no matter."""
    model = made(scale=0.0)
    model.intercept_visible_ = np.log([0.1, 0.2, 0.3, 0.4])
    assert model.perplexity([[2, 0, 0, 0], [0, 0, 0, 9]]) == pytest.approx(5, rel=1e-12)
    assert model.perplexity([[0, 1, 0, 1]]) == pytest.approx(1 / np.sqrt(0.08), rel=1e-12)


@pytest.mark.parametrize("init", [False, True])
def test_samples_have_the_exact_probabilities(init, model):
    """Frequencies of all 10 pairs of words, within 4.5 standard errors."""
    n = 20_000
    start = np.tile([5.0, 0, 0, 0], (n, 1)) if init else None
    drawn = model.sample(n, n_words=2, n_gibbs_steps=40, init=start, random_state=1)
    pairs, orders = np.unique(sequences(2), axis=0, return_counts=True)
    expected = orders * np.exp(model.score_samples(pairs))
    index = (drawn.toarray()[:, None] == pairs).all(axis=2).argmax(axis=1)
    found = np.bincount(index, minlength=10) / n
    assert (np.abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)).all()


# -- partition functions ---------------------------------------------------------------------

SOME = {"method": "ais", "n_runs": 50, "n_temperatures": 50}


@pytest.mark.parametrize("setting", [{}, SOME, {**SOME, "reverse": COUNTS}], ids=str)
def test_a_number_gives_numbers_and_a_list_gives_arrays(setting, model):
    names = ["value", "lower", "upper", *(["reverse"] if "reverse" in setting else [])]
    many = model.log_partition([2, 7], **setting)
    for n_words in (7, 7.0, np.int64(7), np.array(7)):
        one = model.log_partition(n_words, **setting)
        for name in names:
            assert type(getattr(one, name)) is float, name
    for name in names:
        assert type(getattr(many, name)) is np.ndarray, name
        assert getattr(many, name).shape == (2,), name
    assert many.value[1] == one.value
    assert (many.reverse is None) == ("reverse" not in setting)
    assert model.log_partition((7,), **setting).value.shape == (1,)


def test_estimates_agree_with_enumeration_at_all_lengths(model):
    lengths = [1, 2, 5, 20, 60]
    exact, found = model.log_partition(lengths), model.log_partition(lengths, "ais")
    np.testing.assert_allclose(exact.value, [log_z(model, n) for n in lengths], rtol=1e-12)
    assert found.method == "ais"
    assert np.abs(found.value - exact.value).max() < 0.05
    assert (found.lower < found.value).all()
    assert (found.value < found.upper).all()
    assert (found.effective_sample_size <= found.n_runs).all()
    assert (found.effective_sample_size > 100).all()
    assert found.n_runs == 1000
    assert found.n_temperatures > 200


def test_fractional_lengths(model):
    lengths = [0.3, 2.5, 7.25, 20.75]
    exact = model.log_partition(lengths).value
    np.testing.assert_allclose(exact, [log_z(model, n) for n in lengths], rtol=1e-12)
    found = model.log_partition(lengths, "ais").value
    assert np.abs(found[1:] - exact[1:]).max() < 0.05


def test_estimates_at_fractional_lengths_lie_between_those_of_whole_ones(model):
    found = model.log_partition([4, 4.25, 5], "ais").value
    assert found[1] == pytest.approx(0.75 * found[0] + 0.25 * found[2])


@pytest.mark.parametrize("setting", [{}, SOME, {**SOME, "reverse": COUNTS}], ids=str)
def test_without_words_every_hidden_state_counts_the_same(setting, model):
    found = model.log_partition([0, 4], **setting)
    assert found.value[0] == pytest.approx(3 * np.log(2), rel=1e-12)
    if "reverse" in setting:
        assert found.reverse[0] == pytest.approx(3 * np.log(2), rel=1e-12)
    assert model.log_partition(0, **setting).value == pytest.approx(3 * np.log(2), rel=1e-12)


def test_the_estimate_at_one_length_does_not_depend_on_the_others(model):
    alone = model.log_partition(5, **SOME, random_state=7)
    among = model.log_partition([3, 5, 30], **SOME, random_state=7)
    for name in ("value", "lower", "upper", "effective_sample_size"):
        assert getattr(among, name)[1] == getattr(alone, name), name
    exact = model.log_partition([3, 5, 30]).value
    assert np.abs(among.value - exact).max() < 0.3
    assert model.log_partition(5, **SOME, random_state=7) == alone
    assert model.log_partition([60, 5], **SOME, random_state=7).value[1] == alone.value


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_reverse_runs_end_near_the_truth(container, model):
    found = model.log_partition([2, 10], reverse=container(COUNTS))
    exact = model.log_partition([2, 10]).value
    assert found.method == "ais"
    assert np.abs(found.reverse - exact).max() < 0.15
    assert (found.reverse != found.value).all()


def test_reverse_runs_at_fractional_lengths(model):
    found = model.log_partition([2.5, 7.5], reverse=COUNTS)
    assert np.abs(found.reverse - model.log_partition([2.5, 7.5]).value).max() < 0.15


def test_the_same_in_every_call_unless_told_otherwise(model):
    first = model.log_partition(9, **SOME)
    model.sample(2, n_words=3, n_gibbs_steps=2)
    assert model.log_partition(9, **SOME) == first
    seeds = [model.log_partition(9, **SOME, random_state=seed) for seed in (0, 0, 1)]
    assert seeds[0] == seeds[1]
    assert seeds[0].value != seeds[2].value
    same = model.log_partition(9, **SOME, random_state=np.random.RandomState(1))
    assert same == seeds[2]
    reverse = [model.log_partition(9, **SOME, reverse=COUNTS).reverse for _ in range(2)]
    assert reverse[0] == reverse[1]


@pytest.mark.parametrize("method", ["exact", "ais"])
def test_results_are_remembered(method, monkeypatch):
    def forbidden(*args):
        raise AssertionError("computed again")

    model = made(n_hidden=5)
    first = model.log_partition(9, method, random_state=0)
    monkeypatch.setattr("skdeepbm.evaluation.word_partition.ascend", forbidden)
    monkeypatch.setattr("skdeepbm.models.replicated_softmax.ReplicatedSoftmax.words", forbidden)
    assert model.log_partition(9, method, random_state=0) == first
    assert model.log_partition(5, method, random_state=0).value < first.value
    with pytest.raises(AssertionError, match="computed again"):
        model.log_partition(9, "ais", random_state=1)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("method", ["exact", "ais"])
def test_a_changed_parameter_is_noticed(name, method):
    model = made()
    before = model.log_partition(9, method, n_runs=100).value
    getattr(model, name)[...] += 1.0
    after = model.log_partition(9, method, n_runs=100).value
    assert abs(after - before) > 0.1
    assert after == pytest.approx(log_z(model, 9), abs=1e-9 if method == "exact" else 0.2)


# -- large models ----------------------------------------------------------------------------


@pytest.fixture
def large(model):
    """24 hidden units, 21 of which have neither weights nor biases."""
    large = ReplicatedSoftmax(24, random_state=0)
    large.components_ = np.vstack([model.components_, np.zeros((21, 4))])
    large.intercept_hidden_ = np.append(model.intercept_hidden_, np.zeros(21))
    large.intercept_visible_ = model.intercept_visible_
    return large


def test_score_of_a_model_that_cannot_be_enumerated(large, model):
    found = large.score_samples(COUNTS)
    assert np.abs(found - model.score_samples(COUNTS)).max() < 0.05
    assert found[2] == pytest.approx(0, abs=1e-9)
    values = large.log_partition(LENGTHS)
    assert values.method == "ais"
    np.testing.assert_allclose(found, -large.free_energy(COUNTS) - values.value, atol=1e-12)
    np.testing.assert_array_equal(found, large.score_samples(COUNTS))


def test_exact_values_of_a_model_that_cannot_be_enumerated(large):
    for call in (
        lambda: large.log_partition(3, "exact"),
        lambda: large.perplexity(COUNTS, method="exact"),
    ):
        with pytest.raises(ValueError, match="at most 20 hidden units, but there are 24"):
            call()


# -- perplexities ----------------------------------------------------------------------------


def test_perplexities_of_all_methods_agree(documents):
    model = ReplicatedSoftmax(4, n_iter=40, batch_size=10, random_state=0).fit(documents)
    documents = documents[documents.sum(axis=1) < 30]
    exact = model.perplexity(documents, method="exact")
    assert model.perplexity(documents) == exact
    for method in ("ais", "reverse"):
        found = model.perplexity(documents, method=method)
        assert found == pytest.approx(exact, rel=0.02), method
        assert found != exact, method
        assert found == model.perplexity(documents, method=method), method


@pytest.mark.parametrize("method", ["exact", "ais", "reverse"])
def test_perplexity_of_any_method_leaves_out_documents_without_words(method, model):
    kept = np.array(LENGTHS) > 0
    found = model.perplexity(COUNTS, method=method)
    assert found == model.perplexity(COUNTS[kept], method=method)


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
@pytest.mark.parametrize("method", ["exact", "ais", "reverse"])
def test_perplexity_of_fractional_counts(method):
    """To add a number to all biases of words is to change nothing."""
    model, X = made(scale=0.5), COUNTS[[1, 3, 4]] / 4
    exact = model.perplexity(X, method="exact")
    model.intercept_visible_ = model.intercept_visible_ + 3.0
    assert model.perplexity(X, method=method) == pytest.approx(exact, rel=0.05)
