"""What all displays have in common."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skdeepbm.inspection
from skdeepbm import RBMTransformer
from skdeepbm.datasets import make_bars_and_stripes
from skdeepbm.inspection import (
    CodesDisplay,
    FiltersDisplay,
    HistoryDisplay,
    LogLikelihoodDisplay,
    ReconstructionDisplay,
    SamplesDisplay,
    TopicsDisplay,
    WeightNormDisplay,
)

X = make_bars_and_stripes(3)
FROM_ESTIMATOR = {
    CodesDisplay: lambda rbm, **kw: CodesDisplay.from_estimator(rbm, X, **kw),
    FiltersDisplay: FiltersDisplay.from_estimator,
    HistoryDisplay: lambda rbm, **kw: HistoryDisplay.from_estimator(
        rbm, measures="free_energy", **kw
    ),
    LogLikelihoodDisplay: lambda rbm, **kw: LogLikelihoodDisplay.from_estimator(rbm, X, **kw),
    ReconstructionDisplay: lambda rbm, **kw: ReconstructionDisplay.from_estimator(rbm, X, **kw),
    SamplesDisplay: lambda rbm, **kw: SamplesDisplay.from_estimator(
        rbm, 4, sample_kw={"n_gibbs_steps": 5}, **kw
    ),
    TopicsDisplay: lambda rbm, **kw: TopicsDisplay.from_estimator(rbm, topics=[0], **kw),
    WeightNormDisplay: WeightNormDisplay.from_estimator,
}
every_display = pytest.mark.parametrize("display", FROM_ESTIMATOR, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def rbm():
    return RBMTransformer(2, n_iter=3, random_state=0).fit(X)


@pytest.fixture
def plt():
    return pytest.importorskip("matplotlib.pyplot")


def test_every_display_is_looked_at():
    names = {name for name in skdeepbm.inspection.__all__ if name.endswith("Display")}
    assert names == {kind.__name__ for kind in FROM_ESTIMATOR}


@every_display
def test_draws_where_it_is_told(display, rbm, plt):
    figure, axes = plt.subplots(1, 2, dpi=40)
    found = FROM_ESTIMATOR[display](rbm, ax=axes[1])
    assert type(found) is display
    assert found.ax_ is axes[1]
    assert found.figure_ is figure
    assert not axes[0].has_data()
    assert axes[1].has_data()
    assert len(plt.get_fignums()) == 1
    figure.canvas.draw()


@every_display
def test_makes_a_figure_of_its_own(display, rbm, plt):
    found = FROM_ESTIMATOR[display](rbm)
    assert len(plt.get_fignums()) == 1
    assert found.ax_ in found.figure_.axes
    assert found.plot() is found
    assert len(plt.get_fignums()) == 2


@every_display
def test_part_of_a_figure(display, rbm, plt):
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    ax = right.subplots()
    found = FROM_ESTIMATOR[display](rbm, ax=ax)
    assert found.figure_ is right
    assert not left.axes


@every_display
def test_unfitted(display, plt):
    with pytest.raises(NotFittedError):
        FROM_ESTIMATOR[display](RBMTransformer())
    assert not plt.get_fignums()


@every_display
def test_estimator_that_lacks_something(display, plt):
    with pytest.raises(TypeError, match=rf"{display.__name__}\.from_estimator.*LinearRegression"):
        FROM_ESTIMATOR[display](LinearRegression().fit(X, X[:, 0]))
    assert not plt.get_fignums()


def test_pipeline_says_what_to_give(rbm):
    pipeline = make_pipeline(MinMaxScaler(), rbm).fit(X)
    with pytest.raises(TypeError, match=r"Give its last step, pipeline\[-1\]"):
        FiltersDisplay.from_estimator(pipeline)


@every_display
def test_without_matplotlib(display, rbm, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = (
        rf"{display.__name__}\.from_estimator needs matplotlib: pip install 'skdeepbm\[plots\]'"
    )
    with pytest.raises(ImportError, match=message):
        FROM_ESTIMATOR[display](rbm)


def test_import_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    files = sorted(Path(skdeepbm.inspection.__file__).parent.glob("_[a-z]*.py"))
    assert len(files) > 8
    for path in files:
        spec = importlib.util.spec_from_file_location(f"again_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)


@every_display
def test_ax_that_is_no_axes(display, rbm, plt):
    with pytest.raises((TypeError, ValueError), match=rf"ax of {display.__name__}\.plot"):
        FROM_ESTIMATOR[display](rbm, ax=[1, 2])


@every_display
def test_axes_that_was_removed(display, rbm, plt):
    ax = plt.figure().subplots()
    ax.remove()
    with pytest.raises(TypeError, match=rf"ax of {display.__name__}\.plot.*Axes without one"):
        FROM_ESTIMATOR[display](rbm, ax=ax)


def test_panels_share_an_axes_out(plt):
    figure, axes = plt.subplots(1, 2)
    weights = np.arange(6.0).reshape(3, 2)
    display = TopicsDisplay([["a", "b"]] * 3, weights).plot(axes[0], n_columns=2)
    assert display.axes_.shape == (3,)
    inside = axes[0].get_subplotspec().get_position(figure)
    for panel in display.axes_:
        assert panel.figure is figure
        assert inside.x0 - 1e-9 <= panel.get_position().x0 <= inside.x1
    assert not axes[0].axison
    given = plt.figure().subplots(3)
    np.testing.assert_array_equal(TopicsDisplay([["a", "b"]] * 3, weights).plot(given).axes_, given)
    with pytest.raises(ValueError, match="one for each panel; got 2"):
        TopicsDisplay([["a", "b"]] * 3, weights).plot(axes)
    with pytest.raises(ValueError, match="belongs to no grid"):
        TopicsDisplay([["a", "b"]] * 3, weights).plot(plt.figure().add_axes((0, 0, 1, 1)))
    axes[1].remove()
    with pytest.raises(TypeError, match=r"Axes without one"):
        TopicsDisplay([["a", "b"]] * 3, weights).plot(axes[1])
