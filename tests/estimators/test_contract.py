"""What every scikit-learn user expects: composition, persistence, reproducibility, history."""

import pickle
import re
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdeepbm import RBMTransformer

ARRAYS = ("components_", "intercept_hidden_", "intercept_visible_")


@pytest.fixture
def targets(small):
    return (small.mean(axis=1) > np.median(small.mean(axis=1))).astype(int)


@pytest.fixture
def twins():
    """Two coins, each shown by four features: -1.39 nats a row, -5.55 for independent ones."""
    return np.repeat(np.random.default_rng(0).integers(2, size=(120, 2)), 4, axis=1)


# -- composition -----------------------------------------------------------------------------


def test_clone_copies_parameters_and_nothing_fitted(small):
    rbm = RBMTransformer(5, momentum=[0.5, 0.9], visible_groups=None, n_iter=1).fit(small)
    copy = clone(rbm)
    assert copy.get_params() == rbm.get_params()
    assert not hasattr(copy, "components_")
    assert copy.set_params(n_components=3, sparsity_target=0.2).n_components == 3
    assert rbm.n_components == 5
    with pytest.raises(ValueError, match="Invalid parameter 'n_hidden'"):
        copy.set_params(n_hidden=3)


def test_every_parameter_is_stored_as_given():
    given = {name: object() for name in RBMTransformer().get_params()}
    rbm = RBMTransformer(**given)
    assert all(getattr(rbm, name) is value for name, value in given.items())


def test_pipeline(small, targets):
    rbm = RBMTransformer(12, n_iter=2, random_state=0)
    pipe = make_pipeline(rbm, LogisticRegression()).fit(small, targets)
    hidden = clone(rbm).fit(small).transform(small)
    expected = LogisticRegression().fit(hidden, targets).predict_proba(hidden)
    np.testing.assert_array_equal(pipe.predict_proba(small), expected)
    assert pipe[:-1].get_feature_names_out()[0] == "rbmtransformer0"


def test_column_transformer_and_pandas_output(small):
    frame = pd.DataFrame(small[:, :6], columns=list("abcdef"))
    rbm = RBMTransformer(3, n_iter=1, random_state=0)
    columns = ColumnTransformer(
        [("rbm", rbm, ["a", "b", "c", "d"]), ("scale", StandardScaler(), ["e", "f"])]
    ).set_output(transform="pandas")
    out = columns.fit_transform(frame)
    names = [f"rbm__rbmtransformer{i}" for i in range(3)]
    assert list(out.columns) == [*names, "scale__e", "scale__f"]
    fitted = columns.named_transformers_["rbm"]
    assert list(fitted.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(
        out[names], clone(rbm).set_output(transform="pandas").fit_transform(frame[list("abcd")])
    )


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.BaseRateWarning")
def test_grid_search_scores_by_the_likelihood_of_held_out_rows(twins):
    search = GridSearchCV(
        RBMTransformer(4, n_iter=50, random_state=0), {"learning_rate": [1e-6, 0.1]}, cv=KFold(3)
    ).fit(twins)
    assert search.best_params_ == {"learning_rate": 0.1}
    assert search.best_score_ > -5
    train, test = next(KFold(3).split(twins))
    expected = clone(search.best_estimator_).fit(twins[train]).score_samples(twins[test]).mean()
    assert search.cv_results_["split0_test_score"][1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.BaseRateWarning")
def test_halving_grid_search(twins):
    search = HalvingGridSearchCV(
        RBMTransformer(4, random_state=0),
        {"learning_rate": [1e-6, 0.1]},
        resource="n_iter",
        min_resources=50,
        max_resources=100,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(twins)
    assert search.best_params_ == {"learning_rate": 0.1, "n_iter": 100}


def test_html_repr_shows_the_documentation_of_every_parameter():
    html = RBMTransformer(sparsity_cost=0.1)._repr_html_()
    assert "Step size of the ascent; gradients are averaged over rows" in html
    for name in RBMTransformer().get_params():
        shown = html[html.index(f"--doc-link-{name};") :]
        description = shown[shown.index("param-doc-description") : shown.index("</span>")]
        assert re.search(rf"{name}: .*default=.*<br><br>\w.{{15,}}", description, re.S), name


# -- persistence -----------------------------------------------------------------------------

_LOAD = """
import joblib, numpy as np, sys
model, X = joblib.load(sys.argv[1]), np.load(sys.argv[2])
np.savez(sys.argv[3], h=model.transform(X), f=model.free_energy(X), s=model.score_samples(X),
         g=model.gibbs(X), p=model.partial_fit(X).components_)
"""


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_loads_in_a_fresh_process(hidden, bars, tmp_path):
    X = bars
    rbm = RBMTransformer(4, hidden=hidden, algorithm="pcd", n_iter=3, random_state=0).fit(X)
    model, data, out = (tmp_path / name for name in ("rbm.joblib", "X.npy", "out.npz"))
    joblib.dump(rbm, model)
    np.save(data, X)
    subprocess.run([sys.executable, "-c", _LOAD, model, data, out], check=True, timeout=120)
    with np.load(out) as found:
        np.testing.assert_array_equal(found["h"], rbm.transform(X))
        np.testing.assert_array_equal(found["f"], rbm.free_energy(X))
        np.testing.assert_array_equal(found["s"], rbm.score_samples(X))
        np.testing.assert_array_equal(found["g"], rbm.gibbs(X))
        np.testing.assert_array_equal(found["p"], rbm.partial_fit(X).components_)


def test_pickle_of_an_unfitted_estimator():
    rbm = pickle.loads(pickle.dumps(RBMTransformer(7, visible="softmax", visible_groups=[3, 4])))
    assert rbm.get_params()["visible_groups"] == [3, 4]


# -- the public arrays are the model ---------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("in_place", [False, True])
def test_setting_a_parameter_changes_the_model(name, in_place, bars):
    rbm = RBMTransformer(4, n_iter=2, random_state=0).fit(bars)
    before = rbm.transform(bars), rbm.free_energy(bars), rbm.score_samples(bars)
    if in_place:
        getattr(rbm, name)[...] += 0.5
    else:
        setattr(rbm, name, getattr(rbm, name) + 0.5)
    after = rbm.transform(bars), rbm.free_energy(bars), rbm.score_samples(bars)
    fresh = clone(rbm)
    for array in ARRAYS:
        setattr(fresh, array, getattr(rbm, array).copy())
    expected = fresh.transform(bars), fresh.free_energy(bars), fresh.score_samples(bars)
    for k, (old, new, wanted) in enumerate(zip(before, after, expected, strict=True)):
        np.testing.assert_array_equal(new, wanted)
        # the visible bias has no part in the hidden means
        assert (old != new).any() == (k > 0 or name != "intercept_visible_")


def test_parameters_set_by_hand_make_a_fitted_model():
    rbm = RBMTransformer()
    rbm.components_ = np.array([[2.0, -1.0]])
    rbm.intercept_hidden_ = np.array([0.5])
    rbm.intercept_visible_ = np.array([0.0, 0.0])
    expected = 1 / (1 + np.exp([[-0.5], [-1.5]]))
    np.testing.assert_allclose(rbm.transform([[0, 0], [1, 1]]), expected)
    with pytest.raises(ValueError, match="X has 3 features, but the parameters of RBMTransformer"):
        rbm.transform([[0, 0, 0]])


# -- reproducibility -------------------------------------------------------------------------

KINDS = [
    {},
    {"algorithm": "pcd", "optimizer": "adam"},
    {"visible": "gaussian", "hidden": "relu"},
    {"visible": "softmax", "visible_groups": 8, "hidden": "softmax", "hidden_groups": 4},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.filterwarnings("ignore::skdeepbm.exceptions.DataRangeWarning")
def test_an_int_gives_the_same_model_and_another_int_another(kind, small):
    def fitted(seed):
        return RBMTransformer(8, n_iter=2, random_state=seed, **kind).fit(small)

    first, second, other = fitted(0), fitted(0), fitted(1)
    assert fitted(None).components_.shape == first.components_.shape
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(first.transform(small), second.transform(small))
    np.testing.assert_array_equal(
        first.sample(3, n_gibbs_steps=5), second.sample(3, n_gibbs_steps=5)
    )
    np.testing.assert_array_equal(first.gibbs(small), second.gibbs(small))
    assert (first.components_ != other.components_).all()


def test_random_state_instance_is_used_and_advanced(small):
    def fitted(state):
        return RBMTransformer(8, n_iter=1, random_state=state).fit(small)

    state = np.random.RandomState(5)
    first, second = fitted(state), fitted(state)
    assert (first.components_ != second.components_).any()
    state = np.random.RandomState(5)
    np.testing.assert_array_equal(fitted(state).components_, first.components_)
    np.testing.assert_array_equal(fitted(state).components_, second.components_)
    a = first.sample(4, n_gibbs_steps=2, random_state=np.random.RandomState(1))
    np.testing.assert_array_equal(a, first.sample(4, n_gibbs_steps=2, random_state=1))


@pytest.mark.parametrize("random_state", [None, 0])
def test_the_global_random_state_is_neither_used_nor_changed(random_state, small):
    def everything():
        rbm = RBMTransformer(8, n_iter=1, algorithm="pcd", random_state=random_state)
        rbm.fit(small).partial_fit(small).gibbs(small)
        return rbm.sample(2, n_gibbs_steps=2), rbm.components_

    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    _, first = everything()
    after = np.random.get_state()  # noqa: NPY002
    assert before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])
    np.random.seed(0)  # noqa: NPY002
    _, second = everything()
    assert (first == second).all() == (random_state is not None)


# A product that BLAS shares out over threads may depend on their number in its last bits, and
# workers of joblib get fewer threads than their parent: with the same number nothing may differ.


def _fit_transform(X, **setting):
    with threadpool_limits(1):
        return RBMTransformer(n_iter=2, random_state=0, **setting).fit_transform(X)


@pytest.mark.parametrize(
    "setting",
    [{"n_components": 32}, {"n_components": 200, "batch_size": 100, "training_dtype": "float64"}],
    ids=["small", "large"],
)
def test_bitwise_the_same_for_any_number_of_jobs(setting, digits):
    X = digits[:300]
    here = _fit_transform(X, **setting)
    task = joblib.delayed(_fit_transform)
    for found in joblib.Parallel(n_jobs=2)(task(X, **setting) for _ in range(2)):
        np.testing.assert_array_equal(found, here)


def test_grid_search_is_bitwise_the_same_for_any_number_of_jobs(digits):
    X = digits[:200]
    found = []
    for n_jobs in (1, 2):
        search = GridSearchCV(
            RBMTransformer(12, n_iter=2, random_state=0),
            {"momentum": [0.0, 0.5], "algorithm": ["cd", "pcd"]},
            cv=2,
            n_jobs=n_jobs,
        )
        with threadpool_limits(1), joblib.parallel_config("loky", inner_max_num_threads=1):
            search.fit(X)
            hidden = search.best_estimator_.transform(X)
        found.append([search.cv_results_[f"split{i}_test_score"] for i in (0, 1)] + [hidden])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


# -- history ---------------------------------------------------------------------------------

MEASURES = {
    "reconstruction_error",
    "free_energy",
    "mean_hidden_activity",
    "weight_norm",
    "weights_moved",
    "epoch_time",
}
# NaN where no rows are held out; see test_held_out.py
HELD_OUT = {"validation_free_energy", "free_energy_gap", "free_energy_gap_error"}


@pytest.mark.parametrize("n_iter", [0, 1, 4])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_history(n_iter, container, small):
    rbm = RBMTransformer(5, n_iter=n_iter, random_state=0).fit(container(small))
    assert rbm.n_iter_ == n_iter
    assert set(rbm.history_) == MEASURES | HELD_OUT
    for name, values in rbm.history_.items():
        shape = (n_iter, 5) if name == "weight_norm" else (n_iter,)
        assert values.shape == shape, name
        assert np.isnan(values).all() if name in HELD_OUT else np.isfinite(values).all(), name


def test_history_measures_the_model_of_the_epoch(small):
    """All of 100 rows are monitored, so that the last entry is known exactly."""
    rbm = RBMTransformer(5, n_iter=3, training_dtype="float64", random_state=0).fit(small)
    last = {name: values[-1] for name, values in rbm.history_.items()}
    error = ((small - rbm.reconstruct(small)) ** 2).mean()
    assert last["reconstruction_error"] == pytest.approx(error, rel=1e-10)
    assert last["free_energy"] == pytest.approx(rbm.free_energy(small).mean(), rel=1e-10)
    assert last["mean_hidden_activity"] == pytest.approx(rbm.transform(small).mean(), rel=1e-10)
    np.testing.assert_allclose(last["weight_norm"], np.linalg.norm(rbm.components_, axis=1))
    before = RBMTransformer(5, n_iter=2, training_dtype="float64", random_state=0).fit(small)
    moved = np.abs(rbm.components_ - before.components_) > 1e-3
    assert last["weights_moved"] == pytest.approx(moved.mean())
    assert (rbm.history_["epoch_time"] > 0).all()
