"""Histories, norms of weights and the ladder of log-likelihoods."""

import numpy as np
import pytest
from scipy.stats import norm

from skdeepbm import (
    DBM,
    Backprop,
    ClassificationRBM,
    DBMClassifier,
    DBNClassifier,
    DeepAutoencoder,
    RBMTransformer,
    ReplicatedSoftmax,
    WakeSleep,
)
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.inspection import (
    HistoryDisplay,
    LogLikelihoodDisplay,
    WeightNormDisplay,
    dead_units,
)

pytest.importorskip("matplotlib")
X = make_bars_and_stripes(3)


@pytest.fixture(scope="module")
def rbm():
    return RBMTransformer(5, n_iter=4, validation_fraction=0.3, random_state=0).fit(X)


def test_history_by_default(rbm):
    display = HistoryDisplay.from_estimator(rbm)
    titles = [panel.get_title() for panel in display.axes_]
    assert titles == [
        "reconstruction error",
        "free energy",
        "free energy gap",
        "hidden activity",
        "weights that moved",
    ]
    for name, (line,) in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        np.testing.assert_allclose(line.get_ydata(), rbm.history_[name])
    assert set(display.lines_) == {
        "reconstruction_error",
        "free_energy",
        "validation_free_energy",
        "free_energy_gap",
        "mean_hidden_activity",
        "weights_moved",
    }
    assert display.axes_[1].get_ylabel() == "nats per row"
    assert {panel.get_xlabel() for panel in display.axes_} == {"epoch"}
    legend = [text.get_text() for text in display.axes_[1].get_legend().get_texts()]
    assert legend == ["training rows", "held-out rows"]


def test_band_of_the_gap(rbm):
    display = HistoryDisplay.from_estimator(rbm, measures=["free_energy_gap"])
    gap, error = (rbm.history_[f"free_energy_gap{end}"] for end in ("", "_error"))
    (path,) = display.bands_["free_energy_gap"].get_paths()
    np.testing.assert_allclose(path.vertices[:, 1].max(), (gap + error).max())
    np.testing.assert_allclose(path.vertices[:, 1].min(), (gap - error).min())


def test_measures_of_many_values():
    display = HistoryDisplay({"weight_norm": np.outer(np.ones(3), np.arange(9.0))}).plot()
    np.testing.assert_allclose(display.lines_["weight_norm"][0].get_ydata(), 4.0)
    (path,) = display.bands_["weight_norm"].get_paths()
    assert (path.vertices[:, 1].min(), path.vertices[:, 1].max()) == (0.0, 8.0)
    layers = np.arange(6.0).reshape(3, 2)
    display = HistoryDisplay({"mean_hidden_activity": layers}).plot()
    drawn = np.column_stack([line.get_ydata() for line in display.lines_["mean_hidden_activity"]])
    np.testing.assert_array_equal(drawn, layers)
    # layers differ in more than colour
    assert len({line.get_linestyle() for line in display.lines_["mean_hidden_activity"]}) == 2


def test_unknown_measures(rbm):
    with pytest.raises(ValueError, match=r"no finite value of \['loss'\]; it has.*free_energy"):
        HistoryDisplay.from_estimator(rbm, measures=["free_energy", "loss"])
    with pytest.raises(ValueError, match=r"no finite value of any measure; it has \[\]"):
        HistoryDisplay({"loss": [np.nan]}).plot()
    display = HistoryDisplay({"my_own": [1.0, 2.0]}, units={"my_own": "metres"}).plot()
    assert (display.ax_.get_title(), display.ax_.get_ylabel()) == ("my own", "metres")


def test_both_histories_of_a_machine_with_a_label():
    """The one of its network is about labels, the one of joint training about the machine."""
    y = X[:, 0].astype(int)
    tuning = {"pretraining": False, "finetuning": Backprop(n_iter=3)}
    model = DBMClassifier((4, 3), n_iter=2, random_state=0, **tuning).fit(X, y)
    network = HistoryDisplay.from_estimator(model)
    titles = {panel.get_title(): panel.get_ylabel() for panel in network.axes_}
    assert titles == {
        "cross-entropy of labels": "nats per row",
        "squared error": "of probabilities, sum over classes",
        "wrong labels": "share of rows",
        "weights that moved": "share, by more than 0.001",
    }
    joint = HistoryDisplay.from_estimator(model, history="joint_history_")
    assert "mean_field_steps" in joint.lines_
    drawn = joint.lines_["error"][0].get_ydata()
    np.testing.assert_array_equal(drawn, model.joint_history_["error"])


def test_every_measure_has_a_unit():
    y, layer = X[:, 0].astype(int), RBMTransformer(n_iter=1)
    options = {"rbm": layer, "random_state": 0}
    dbn = DBNClassifier((4, 3, 2), finetuning=WakeSleep(n_iter=1), **options).fit(X, y)
    display = HistoryDisplay.from_estimator(dbn)
    assert {"wake_error", "sleep_error"} < set(display.lines_)
    assert all(panel.get_ylabel() for panel in display.axes_)


def test_what_is_no_history():
    options = {"pretraining": False, "finetuning": Backprop(n_iter=1), "random_state": 0}
    coder = DeepAutoencoder((4, 2), intermediate_finetuning=Backprop(n_iter=1), **options).fit(X)
    with pytest.raises(TypeError, match=r"intermediate_history_ of DeepAutoencoder is a list"):
        HistoryDisplay.from_estimator(coder, history="intermediate_history_")
    HistoryDisplay(coder.intermediate_history_[0]).plot()
    with pytest.raises(TypeError, match=r"an estimator with joint_history_, and DeepAutoencoder"):
        HistoryDisplay.from_estimator(coder, history="joint_history_")


def test_units_of_words():
    model = ReplicatedSoftmax(2, n_iter=2, random_state=0).fit([[3, 1, 0], [0, 1, 2]] * 5)
    display = HistoryDisplay.from_estimator(model, measures=["free_energy"])
    assert display.ax_.get_ylabel() == "nats per word"
    coder = DeepAutoencoder(
        (2,), pretrainer=[ReplicatedSoftmax()], code="sigmoid", finetuning=Backprop(n_iter=1)
    ).fit([[3, 1, 0], [0, 1, 2]] * 5)
    display = HistoryDisplay.from_estimator(coder, measures="loss")
    assert display.ax_.get_ylabel() == "nats per word"


def test_norms_and_dead_units(rbm):
    mended = RBMTransformer(5, n_iter=4, random_state=0).fit(X)
    mended.intercept_hidden_[1] = -100.0
    display = WeightNormDisplay.from_estimator(mended, X)
    dead = dead_units(mended, X).dead
    assert dead[1]
    norms = mended.history_["weight_norm"]
    for lines, among in ((display.lines_, ~dead), (display.dead_lines_, dead)):
        drawn = [path[:, 1] for path in lines.get_segments()]
        np.testing.assert_allclose(np.reshape(drawn, (-1, 4)), norms.T[among])
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == [f"{5 - dead.sum()} units that vary", f"{dead.sum()} dead"]
    display.figure_.canvas.draw()
    covered = display.ax_.get_legend().get_window_extent()
    highest = display.ax_.transData.transform((1, norms.max()))[1]
    assert covered.y0 > highest
    plain = WeightNormDisplay.from_estimator(mended)
    assert len(plain.lines_.get_segments()) == 5
    assert plain.dead_lines_ is None
    assert plain.ax_.get_ylim()[1] > norms.max()
    strict = WeightNormDisplay.from_estimator(mended, X, threshold=10.0)
    assert len(strict.dead_lines_.get_segments()) == 5


def test_norms_of_several_layers():
    template = RBMTransformer(visible_states="draw", n_iter=1)
    dbm = DBM((4, 3), rbm=template, n_iter=2, random_state=0).fit(X)
    display = WeightNormDisplay.from_estimator(dbm)
    assert len(display.lines_.get_segments()) == 7
    dbm.intercepts_[2][1] = -100.0
    marked = WeightNormDisplay.from_estimator(dbm, X)
    np.testing.assert_array_equal(
        marked.dead, np.concatenate([report.dead for report in dead_units(dbm, X)])
    )
    assert marked.dead[5]


@pytest.mark.parametrize("finetuning", [None, Backprop(n_iter=3)])
def test_norms_of_a_machine_with_a_label(finetuning):
    """In joint training, whatever `history_` is about."""
    y = X[:, 0].astype(int)
    model = DBMClassifier((4, 3), pretraining=False, n_iter=2, finetuning=finetuning).fit(X, y)
    display = WeightNormDisplay.from_estimator(model, X)
    np.testing.assert_array_equal(display.norms, model.joint_history_["weight_norm"])
    assert display.norms.shape == (2, 7)
    assert display.dead.shape == (7,)


def test_norms_that_are_not_of_units():
    coder = DeepAutoencoder((3, 2), pretraining=False, finetuning=Backprop(n_iter=1)).fit(X)
    with pytest.raises(TypeError, match="column for each hidden unit.*DeepAutoencoder"):
        WeightNormDisplay.from_estimator(coder)
    with pytest.raises(ValueError, match=r"\(n_epochs, n_units\), got \(3,\)"):
        WeightNormDisplay([1.0, 2.0, 3.0]).plot()
    with pytest.raises(ValueError, match="one bool for each of 2 units"):
        WeightNormDisplay([[1.0, 2.0]], dead=[True]).plot()


def rungs(display):
    np.testing.assert_array_equal(display.points_.get_xdata(), display.values)
    return display.values


def test_exact_ladder(rbm):
    found = rungs(LogLikelihoodDisplay.from_estimator(rbm, X[:8], X[8:]))
    mean = np.clip(X[:8].mean(axis=0), 1e-3, 1 - 1e-3)
    base = np.where(X[8:], np.log(mean), np.log1p(-mean)).sum(axis=1).mean()
    np.testing.assert_allclose(found, [base, rbm.score(X[:8]), rbm.score(X[8:])], rtol=1e-6)
    without = LogLikelihoodDisplay.from_estimator(rbm, X)
    assert without.names == ["independent features", "training rows"]
    assert without.ax_.get_xlabel() == "mean log-likelihood, nats per row"
    assert without.ax_.get_legend() is None


def test_ladder_with_intervals(rbm):
    options = {"n_runs": 20, "n_temperatures": 50}
    display = LogLikelihoodDisplay.from_estimator(rbm, X[:8], X[8:], method="ais", **options)
    log_z = rbm.log_partition("ais", reverse=X[:8], **options)
    means = np.array([-rbm.free_energy(part).mean() for part in (X[:8], X[8:])])
    np.testing.assert_allclose(rungs(display)[1:], means - log_z.value, rtol=1e-6)
    ends = [segment[:, 0] for segment in display.intervals_.get_segments()]
    np.testing.assert_allclose(ends, np.c_[means - log_z.upper, means - log_z.lower], rtol=1e-6)
    shown = display.reverse_points_.get_xdata()
    np.testing.assert_allclose(shown[1:], means - log_z.reverse, rtol=1e-6)
    assert np.isnan(shown[0])
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    display.figure_.canvas.draw()
    covered = display.ax_.get_legend().get_window_extent()
    assert not any(covered.overlaps(text.get_window_extent()) for text in display.texts_)
    assert legend[1:] == ["AIS (optimistic); without a bar: exact", "reverse AIS (pessimistic)"]
    one_way = LogLikelihoodDisplay.from_estimator(
        rbm, X, method="ais", reverse=False, n_runs=20, n_temperatures=50
    )
    assert one_way.reverse_points_ is None
    assert len(one_way.intervals_.get_segments()) == 1


def test_ladder_of_real_values(rng):
    Z = rng.normal(3.0, [1.0, 2.0, 0.5], (40, 3))
    rbm = RBMTransformer(2, visible="gaussian", n_iter=2, random_state=0).fit(Z)
    found = rungs(LogLikelihoodDisplay.from_estimator(rbm, Z[:30], Z[30:]))
    base = norm.logpdf(Z[30:], Z[:30].mean(axis=0), Z[:30].std(axis=0)).sum(axis=1).mean()
    np.testing.assert_allclose(found, [base, rbm.score(Z[:30]), rbm.score(Z[30:])], rtol=1e-5)


def test_ladder_of_categories(rng):
    codes = rng.integers(0, 3, (40, 2))
    hot = np.concatenate([np.eye(3)[codes[:, 0]], np.eye(3)[codes[:, 1]]], axis=1)
    rbm = RBMTransformer(2, visible="softmax", visible_groups=3, n_iter=2, random_state=0).fit(hot)
    found = rungs(LogLikelihoodDisplay.from_estimator(rbm, hot))
    base = (hot * np.log(hot.mean(axis=0))).sum(axis=1).mean()
    np.testing.assert_allclose(found, [base, rbm.score(hot)], rtol=1e-5)


def test_ladder_with_labels():
    y = X[:, 0].astype(int)
    crbm = ClassificationRBM(3, n_iter=2, random_state=0).fit(X, y)
    found = rungs(LogLikelihoodDisplay.from_estimator(crbm, X))
    np.testing.assert_allclose(found[1], crbm.score_samples(X).mean(), rtol=1e-6)
    display = LogLikelihoodDisplay.from_estimator(
        crbm, X, method="ais", n_runs=20, n_temperatures=50
    )
    np.testing.assert_allclose(display.reverse_points_.get_xdata()[1], found[1], atol=0.5)


def test_ladders_of_bounds():
    template = RBMTransformer(visible_states="draw", n_iter=1)
    dbm = DBM((4, 3), rbm=template, n_iter=1, random_state=0).fit(X)
    display = LogLikelihoodDisplay.from_estimator(dbm, X)
    np.testing.assert_allclose(rungs(display)[1], dbm.score(X), rtol=1e-5)
    assert "bound" in display.ax_.get_xlabel()
    y = X[:, 0].astype(int)
    dbn = DBNClassifier((4, 3), rbm=template, finetuning=None, random_state=0).fit(X, y)
    display = LogLikelihoodDisplay.from_estimator(dbn, X)
    np.testing.assert_allclose(rungs(display)[1], dbn.score_samples(X).mean(), rtol=1e-5)
    display = LogLikelihoodDisplay.from_estimator(
        dbn, X, method="ais", n_runs=10, n_temperatures=20
    )
    assert display.reverse_points_ is None
    model = DBMClassifier((4, 3), rbm=template, n_iter=1, finetuning=None, random_state=0)
    display = LogLikelihoodDisplay.from_estimator(model.fit(X, y), X)
    np.testing.assert_allclose(rungs(display)[1], model.score_samples(X).mean(), rtol=1e-5)
    assert "bound" in display.ax_.get_xlabel()


def test_no_ladder_of_documents():
    model = ReplicatedSoftmax(2, random_state=0).fit([[3, 1, 0], [0, 1, 2]])
    with pytest.raises(TypeError, match=r"perplexity\(X, method='reverse'\)"):
        LogLikelihoodDisplay.from_estimator(model, [[3, 1, 0]])


def test_ladder_of_given_numbers():
    display = LogLikelihoodDisplay(
        ["a", "b"], [-2, -1], lower=[np.nan, -1.5], upper=[np.nan, np.inf]
    )
    display.plot()
    assert [text.get_text() for text in display.texts_] == ["-2.00", "-1.00 (no upper end)"]
    (segment,) = display.intervals_.get_segments()
    np.testing.assert_array_equal(segment[:, 0], [-1.5, -1.0])
    with pytest.raises(ValueError, match="reverse of LogLikelihoodDisplay.plot.*each of 2 names"):
        LogLikelihoodDisplay(["a", "b"], [-2, -1], reverse=[1]).plot()
