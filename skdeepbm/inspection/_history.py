"""The history of training, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._estimators import caller_of, of_words
from skdeepbm.inspection._matplotlib import GREY, OKABE_ITO, epoch_axis, panels, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# what a measure is called, and its unit
_NAMES = {
    "reconstruction_error": ("reconstruction error", "squared, per feature"),
    "free_energy": ("free energy", "nats per row"),
    "free_energy_gap": ("free energy gap", "held-out minus training,\nnats per row"),
    "mean_hidden_activity": ("hidden activity", "mean over rows and units"),
    "dead_units": ("dead units", "share of the layer"),
    "weight_norm": ("norm of the weights", "Euclidean norm"),
    "weights_moved": ("weights that moved", "share, by more than 0.001"),
    "mean_field_steps": ("mean field", "steps per batch"),
    "epoch_time": ("time of an epoch", "seconds"),
    "loss": ("minus log-density", "nats per row"),
    "squared_error": ("squared error", "sum over features, per row"),
    "cross_entropy": ("cross-entropy of labels", "nats per row"),
    "error": ("wrong labels", "share of rows"),
    "wake_error": ("error of generation", "squared, per unit"),
    "sleep_error": ("error of recognition", "squared, per unit"),
}
_UNITS_OF_WORDS = {
    "reconstruction_error": "cross-entropy, nats per word",
    "free_energy": "nats per word",
    "free_energy_gap": "held-out minus training,\nnats per word",
    "loss": "nats per word",
    "squared_error": "of shares of words, per document",
}
# of networks whose outputs are classes
_NAMES_OF_CLASSES = {"loss": "cross-entropy of labels"}
_UNITS_OF_CLASSES = {"squared_error": "of probabilities, sum over classes"}
# drawn on request alone: of every unit, and about the machine
_ON_REQUEST = ("weight_norm", "epoch_time")
# more columns of one measure than that are summed up by their median and range
_MOST_LINES = 6
_STYLES = ("-", "--", ":", "-.", (0, (1, 3)), (0, (6, 4)))


class HistoryDisplay:
    """Measures of the epochs of training, those of held-out rows beside those of training rows.

    :meth:`from_estimator` makes it of an estimator.

    Parameters
    ----------
    history : dict of str to array-like of shape (n_epochs,) or (n_epochs, n_values)
        What ``history_`` of an estimator holds. ``"validation_"`` before the name of a measure
        makes it that of held-out rows, ``"_error"`` behind it the standard error.
    units : dict of str to str or None, default=None
        Units of measures on their axes, where they are not those of :class:`RBMTransformer` or
        not known.
    names : dict of str to str or None, default=None
        What measures are called above their panels, likewise.

    Attributes
    ----------
    lines_ : dict of str to list of matplotlib Line2D
        For each entry that is drawn.
    bands_ : dict of str to matplotlib PolyCollection
        Standard errors and, of measures with a value for each of many units, ranges.
    axes_ : ndarray of matplotlib Axes of shape (n_measures,)
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure

    See Also
    --------
    WeightNormDisplay : Norms of the weights of every unit.

    Examples
    --------
    >>> from skdeepbm.inspection import HistoryDisplay
    >>> history = {"loss": [3.0, 2.0, 1.5], "validation_loss": [3.1, 2.3, 2.2]}
    >>> display = HistoryDisplay(history).plot()
    >>> sorted(display.lines_)
    ['loss', 'validation_loss']
    """

    lines_: dict[str, list[Any]]
    bands_: dict[str, Any]
    axes_: np.ndarray
    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        history: Any,
        *,
        units: dict[str, str] | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        self.history = history
        self.units = units
        self.names = names

    def plot(
        self,
        ax: Any = None,
        *,
        measures: Any = None,
        n_columns: int = 3,
        line_kw: dict[str, Any] | None = None,
    ) -> HistoryDisplay:
        """Draw a panel for each measure.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of n_measures Axes or None, default=None
            One Axes is shared out among several measures; None makes a new figure.
        measures : str, sequence of str or None, default=None
            Which measures to draw; None means all that are known, but for the time and the norms
            of the weights.
        n_columns : int, default=3
            Panels in a line, at most.
        line_kw : dict or None, default=None
            For ``Axes.plot``.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        ValueError
            If there is no such measure, or no finite value of any.
        """
        caller = "HistoryDisplay.plot"
        pyplot(caller)
        check_count(caller, "n_columns", n_columns)
        entries = {name: np.asarray(values) for name, values in self.history.items()}
        chosen = self._chosen(entries, measures, caller)
        figure, axes = panels(ax, len(chosen), caller, n_columns, (3.2, 2.5))
        self.lines_, self.bands_ = {}, {}
        for panel, measure in zip(axes, chosen, strict=True):
            self._draw(panel, measure, entries, line_kw or {})
        self.figure_, self.axes_, self.ax_ = figure, axes, axes[0]
        return self

    def _chosen(self, entries: dict[str, np.ndarray], measures: Any, caller: str) -> list[str]:
        known = {name for name, values in entries.items() if np.isfinite(values).any()}
        names = list(
            dict.fromkeys(
                name.removeprefix("validation_")
                for name in entries
                if not _is_companion(name, entries)
            )
        )
        there = [name for name in names if name in known or f"validation_{name}" in known]
        if measures is None:
            chosen = [name for name in there if name not in _ON_REQUEST] or there
        else:
            chosen = [measures] if isinstance(measures, str) else list(measures)
        if not chosen or not set(chosen) <= set(there):
            missing = [name for name in chosen if name not in there]
            raise ValueError(
                f"{caller}: the history has no finite value of {missing or 'any measure'}; it has "
                f"{there}. Measures of held-out rows are drawn with those of training rows."
            )
        return chosen

    def _draw(
        self, ax: Axes, measure: str, entries: dict[str, np.ndarray], line_kw: dict[str, Any]
    ) -> None:
        held_out = f"validation_{measure}"
        for name, label, colour, style in (
            (measure, "training rows", OKABE_ITO[0], "-"),
            (held_out, "held-out rows", OKABE_ITO[1], "--"),
        ):
            values = entries.get(name)
            if values is None or not np.isfinite(values).any():
                continue
            epochs = np.arange(1, len(values) + 1)
            marker = "o" if len(values) == 1 else None
            look: dict[str, Any] = {"color": colour, "linestyle": style, "marker": marker}
            look |= line_kw
            if values.ndim == 1:
                self.lines_[name] = ax.plot(epochs, values, **{"label": label, **look})
            elif values.shape[1] <= _MOST_LINES:
                self.lines_[name] = [
                    ax.plot(
                        epochs,
                        values[:, k],
                        **look
                        | {"color": colour, "linestyle": style, "label": f"layer {k}"}
                        | line_kw,
                    )[0]
                    for k, (colour, style) in enumerate(zip(OKABE_ITO, _STYLES, strict=False))
                    if k < values.shape[1]
                ]
            else:
                middle = np.median(values, axis=1)
                self.lines_[name] = ax.plot(epochs, middle, **{**look, "label": "median"})
                self.bands_[name] = ax.fill_between(
                    epochs, values.min(axis=1), values.max(axis=1), alpha=0.2, label="range"
                )
        spread = entries.get(f"{measure}_error")
        if spread is not None and measure in self.lines_ and np.isfinite(spread).any():
            line = self.lines_[measure][0]
            epochs, middle = np.arange(1, len(spread) + 1), entries[measure]
            self.bands_[measure] = ax.fill_between(
                epochs,
                middle - spread,
                middle + spread,
                color=line.get_color(),
                alpha=0.25,
                linewidth=0,
                label="standard error",
            )
            line.set_label("gap" if measure == "free_energy_gap" else line.get_label())
        if measure == "free_energy_gap":
            ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        name, unit = _NAMES.get(measure, (measure.replace("_", " "), ""))
        ax.set_title((self.names or {}).get(measure, name), fontsize=10)
        epoch_axis(ax)
        ax.set_ylabel((self.units or {}).get(measure, unit), fontsize=9)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend(fontsize=8)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        history: str = "history_",
        measures: Any = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> HistoryDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            With ``history_``. The layers of a deep one have histories of their own: give
            ``dbn.rbms_[0]`` or ``autoencoder.pretrainers_[0]``.
        history : str, optional
            Attribute with the history, ``"history_"`` by default. ``"joint_history_"`` of a
            :class:`~skdeepbm.DBMClassifier` is that of the machine, where the other one is that of
            its network.
        measures : str, sequence of str or None, default=None
            Which measures to draw, such as ``"free_energy"``; None means all that are known, but
            for the time and the norms of the weights.
        ax : matplotlib Axes, array-like of n_measures Axes or None, default=None
            One Axes is shared out among several measures; None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        ValueError
            If there is no such measure, or no finite value of any.
        TypeError
            If the estimator keeps no such history.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.inspection import HistoryDisplay
        >>> X = load_digits().data / 16
        >>> rbm = RBMTransformer(16, n_iter=3, validation_fraction=0.1, random_state=0).fit(X)
        >>> display = HistoryDisplay.from_estimator(rbm, measures="free_energy")
        >>> sorted(display.lines_)
        ['free_energy', 'validation_free_energy']
        """
        caller = caller_of(cls, estimator, history)
        found = getattr(estimator, history)
        if not isinstance(found, dict):
            raise TypeError(
                f"{caller}: {history} of {type(estimator).__name__} is a {type(found).__name__} "
                f"and no dict of measures. Of several histories, give one: "
                f"HistoryDisplay(estimator.{history}[0]).plot()."
            )
        names, units = None, None
        if hasattr(estimator, "classes_"):
            if "loss" in found:
                names, units = _NAMES_OF_CLASSES, _UNITS_OF_CLASSES
        elif of_words(estimator):
            units = _UNITS_OF_WORDS
        display = cls(dict(found), units=units, names=names)
        return display.plot(ax=ax, measures=measures, **plot_kw)


def _is_companion(name: str, entries: dict[str, np.ndarray]) -> bool:
    """Whether an entry is the standard error of another."""
    return name.endswith("_error") and name.removesuffix("_error") in entries
