"""Words of the largest weight in each topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._ranking import heaviest, names_of_features
from skdeepbm.inspection._estimators import (
    WEIGHTS,
    caller_of,
    strongest,
    weight_label,
)
from skdeepbm.inspection._matplotlib import OKABE_ITO, panels, pyplot
from skdeepbm.inspection._projection import projected_filters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class TopicsDisplay:
    """Bars of the words that each topic makes likelier than others.

    :meth:`from_estimator` makes it of an estimator: of a topic model, or of any with weights from
    features that have names.

    Parameters
    ----------
    words : sequence of n_topics sequences of str
        Words of each topic, those of the largest weight first.
    weights : sequence of n_topics array-likes of float
        Their weights.
    topics : array-like of int of shape (n_topics,) or None, default=None
        Numbers of the topics; None counts from 0.
    weight_label : str, default="weight"
        Of the axes, with the unit.
    topic_name : str, default="topic"
        What a panel is called.

    Attributes
    ----------
    bars_ : list of matplotlib BarContainer
        One for each topic.
    axes_ : ndarray of matplotlib Axes of shape (n_topics,)
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    ReplicatedSoftmax.top_words : The same words as lists.
    FiltersDisplay : Weights of images.

    Examples
    --------
    >>> from skdeepbm.inspection import TopicsDisplay
    >>> words = [["moon", "orbit"], ["cat", "dog"]]
    >>> display = TopicsDisplay(words, [[2.0, 1.5], [1.0, 0.5]]).plot()
    >>> [float(bar.get_width()) for bar in display.bars_[0]]
    [2.0, 1.5]
    """

    bars_: list[Any]
    axes_: np.ndarray
    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        words: Any,
        weights: Any,
        *,
        topics: Any = None,
        weight_label: str = "weight",
        topic_name: str = "topic",
    ) -> None:
        self.words = words
        self.weights = weights
        self.topics = topics
        self.weight_label = weight_label
        self.topic_name = topic_name

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int = 4,
        bar_kw: dict[str, Any] | None = None,
    ) -> TopicsDisplay:
        """Draw a panel for each topic, all on one scale.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of n_topics Axes or None, default=None
            One Axes is shared out among the topics; None makes a new figure.
        n_columns : int, default=4
            Panels in a line, at most.
        bar_kw : dict or None, default=None
            For ``Axes.barh``.

        Returns
        -------
        display : TopicsDisplay

        Raises
        ------
        ValueError
            If there is not one weight for each word, or one number for each topic.
        """
        caller = "TopicsDisplay.plot"
        pyplot(caller)
        check_count(caller, "n_columns", n_columns)
        words = [[str(word) for word in line] for line in self.words]
        weights = [np.asarray(line, dtype=np.float64) for line in self.weights]
        if not words or [len(x) for x in words] != [x.size for x in weights]:
            raise ValueError(
                f"{caller} needs topics with one weight for each word; there are "
                f"{[len(x) for x in words]} words and {[x.size for x in weights]} weights."
            )
        n, most = len(words), max(len(line) for line in words)
        numbers = np.arange(n) if self.topics is None else np.asarray(self.topics)
        if numbers.shape != (n,):
            raise ValueError(
                f"topics of {caller} must have one number for each of {n} topics; its shape is "
                f"{numbers.shape}."
            )
        figure, axes = panels(ax, n, caller, n_columns, (2.6, 0.19 * most + 0.8))
        low = min(0.0, *(float(x.min()) for x in weights))
        high = max(0.0, *(float(x.max()) for x in weights))
        self.bars_ = []
        for i, (panel, number) in enumerate(zip(axes, numbers, strict=True)):
            places = np.arange(len(words[i]))
            bars = panel.barh(places, weights[i], **{"color": OKABE_ITO[0], **(bar_kw or {})})
            self.bars_.append(bars)
            panel.set_yticks(places, words[i])
            panel.tick_params(axis="y", length=0, labelsize=8)
            panel.tick_params(axis="x", labelsize=8)
            panel.invert_yaxis()
            if high > low:
                panel.set_xlim(1.05 * low, 1.05 * high)
            panel.set_title(f"{self.topic_name} {number}", fontsize=10)
            for side in ("top", "right"):
                panel.spines[side].set_visible(False)
            # the panel below has the same scale
            if i + min(n, n_columns) >= n or np.ndim(ax):
                panel.set_xlabel(self.weight_label, fontsize=9)
        self.figure_, self.axes_, self.ax_ = figure, axes, axes[0]
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        feature_names: Any = None,
        *,
        n_words: int = 8,
        topics: Any = None,
        max_topics: int = 12,
        layer: int = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> TopicsDisplay:
        """Draw the words of largest weight of a fitted estimator's units.

        Parameters
        ----------
        estimator : estimator
            With ``components_`` or ``coefs_``, such as :class:`~skdeepbm.ReplicatedSoftmax`.
        feature_names : array-like of str of shape (n_features,) or None, default=None
            For example ``vectorizer.get_feature_names_out()``; None means ``feature_names_in_``, or
            the numbers of the columns.
        n_words : int, default=8
            Words of a topic.
        topics : array-like of int or None, default=None
            Which units to draw, in this order.
        max_topics : int, default=12
            Where `topics` does not choose among more units than that, those with the largest
            weights (Euclidean norm) are drawn, the largest first.
        layer : int, default=0
            Hidden layer, counted from the features; above the first, weights are multiplied by
            those below.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            One Axes is shared out among the topics; None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : TopicsDisplay

        Raises
        ------
        ValueError
            If there is not one name for each feature, or no such unit or layer.
        TypeError
            If the estimator has no weights.

        Examples
        --------
        >>> from skdeepbm import ReplicatedSoftmax
        >>> from skdeepbm.inspection import TopicsDisplay
        >>> model = ReplicatedSoftmax(2, random_state=0).fit([[3, 1, 0], [0, 1, 2]])
        >>> display = TopicsDisplay.from_estimator(model, ["sun", "moon", "stars"], n_words=2)
        >>> display.words == [model.top_words(["sun", "moon", "stars"], n=2)[k] for k in (0, 1)]
        True
        """
        caller = caller_of(cls, estimator, *WEIGHTS)
        weights = projected_filters(estimator, layer=layer)
        check_count(caller, "n_words", n_words)
        check_count(caller, "max_topics", max_topics)
        n_units, n_features = weights.shape
        names = names_of_features(estimator, feature_names, n_features, caller)
        if topics is None:
            chosen = strongest(weights, int(max_topics))
        else:
            chosen = np.ravel(topics)
            valid = chosen.dtype.kind in "iu" and chosen.size
            if not valid or chosen.min() < 0 or chosen.max() >= n_units:
                raise ValueError(
                    f"topics of {caller} must be integers from 0 to {n_units - 1}, got {topics!r}."
                )
        order = heaviest(weights[chosen], n_words)
        display = cls(
            [[str(names[k]) for k in line] for line in order],
            np.take_along_axis(weights[chosen], order, axis=1),
            topics=chosen,
            weight_label=weight_label(estimator, layer),
            topic_name="topic" if hasattr(estimator, "top_words") else "unit",
        )
        return display.plot(ax=ax, **plot_kw)
