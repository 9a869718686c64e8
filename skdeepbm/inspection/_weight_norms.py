"""Norms of the weights of every hidden unit, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.inspection._dead_units import dead_units
from skdeepbm.inspection._estimators import caller_of
from skdeepbm.inspection._matplotlib import OKABE_ITO, epoch_axis, pyplot, single
from skdeepbm.training.dbm_monitor import DEAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class WeightNormDisplay:
    """Norms of the weights of every hidden unit in training, dead units marked.

    Units that learn leave the others behind; one whose norm stays where it began has found nothing
    to look for. :meth:`from_estimator` makes it of an estimator.

    Parameters
    ----------
    norms : array-like of shape (n_epochs, n_units)
        Euclidean norm of each unit's weights after each epoch.
    dead : array-like of bool of shape (n_units,) or None, default=None
        Which units are dead, by :func:`dead_units`; None where that is not known.

    Attributes
    ----------
    lines_ : matplotlib LineCollection
        Of the units that are not dead.
    dead_lines_ : matplotlib LineCollection or None
        Of those that are, dashed.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    dead_units : The rule.
    HistoryDisplay : Other measures of training.

    Examples
    --------
    >>> from skdeepbm.inspection import WeightNormDisplay
    >>> norms = [[0.1, 0.1, 0.1], [0.9, 0.6, 0.1], [1.5, 1.1, 0.1]]
    >>> display = WeightNormDisplay(norms, dead=[False, False, True]).plot()
    >>> len(display.lines_.get_segments()), len(display.dead_lines_.get_segments())
    (2, 1)
    """

    lines_: Any
    dead_lines_: Any
    ax_: Axes
    figure_: Figure

    def __init__(self, norms: Any, *, dead: Any = None) -> None:
        self.norms = norms
        self.dead = dead

    def plot(
        self, ax: Axes | None = None, *, line_kw: dict[str, Any] | None = None
    ) -> WeightNormDisplay:
        """Draw a line for each unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        line_kw : dict or None, default=None
            For the ``LineCollection`` of units that are not dead.

        Returns
        -------
        display : WeightNormDisplay

        Raises
        ------
        ValueError
            If shapes make no sense.
        """
        caller = "WeightNormDisplay.plot"
        pyplot(caller)
        from matplotlib.collections import LineCollection

        norms = np.asarray(self.norms, dtype=np.float64)
        if norms.ndim != 2 or not norms.size:
            raise ValueError(
                f"{caller} needs norms of the shape (n_epochs, n_units), got {norms.shape}."
            )
        n_epochs, n_units = norms.shape
        dead = np.zeros(n_units, bool) if self.dead is None else np.asarray(self.dead, bool)
        if dead.shape != (n_units,):
            raise ValueError(
                f"dead of {caller} must be one bool for each of {n_units} units; its shape is "
                f"{dead.shape}."
            )
        figure, ax = single(ax, caller, (4.8, 3.6))
        epochs = np.arange(1, n_epochs + 1)

        def lines(among: np.ndarray, **look: Any) -> Any:
            paths = [np.column_stack([epochs, norms[:, k]]) for k in np.flatnonzero(among)]
            if n_epochs == 1:
                # a single point has no line
                paths = [np.vstack([path - [0.3, 0.0], path + [0.3, 0.0]]) for path in paths]
            return ax.add_collection(LineCollection(paths, **look))

        n_dead = int(dead.sum())
        opacity = float(np.clip(12 / max(n_units - n_dead, 1), 0.06, 0.8))
        name = "units" if self.dead is None else f"{n_units - n_dead} units that vary"
        look = {"colors": OKABE_ITO[0], "linewidths": 1.0, "alpha": opacity, "label": name}
        self.lines_ = lines(~dead, **{**look, **(line_kw or {})})
        self.dead_lines_ = None
        if self.dead is not None:
            self.dead_lines_ = lines(
                dead,
                colors=OKABE_ITO[1],
                linewidths=1.8,
                linestyles="--",
                label=f"{n_dead} dead",
                zorder=3,
            )
            legend = ax.legend(loc="upper left")
            for handle in legend.legend_handles:
                if handle is not None:
                    handle.set_alpha(1.0)
        high = float(np.nanmax(norms)) if np.isfinite(norms).any() else 1.0
        # a legend stands above the lines
        high *= 1.05 if self.dead is None else 1.3
        ax.set(
            ylabel="Euclidean norm of a unit's weights",
            xlim=(0.5, 1.5) if n_epochs == 1 else (1, n_epochs),
            ylim=(0.0, high or 1.0),
        )
        epoch_axis(ax)
        self.figure_, self.ax_ = figure, ax
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        threshold: float = DEAD,
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> WeightNormDisplay:
        """Draw the norms that ``history_`` of a fitted estimator holds.

        Parameters
        ----------
        estimator : estimator
            With ``history_["weight_norm"]``, one value for each unit and epoch; of a
            :class:`~skdeepbm.DBMClassifier`, with that in ``joint_history_``.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features) or None, \
default=None
            Rows by which :func:`dead_units` finds dead units; None marks none.
        threshold : float, default=0.01
            Of :func:`dead_units`: standard deviation under which a unit is dead.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : WeightNormDisplay

        Raises
        ------
        ValueError
            If the history is empty, or `X` has fewer than 2 rows.
        TypeError
            If the estimator keeps no norms of single units.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.inspection import WeightNormDisplay
        >>> X = load_digits().data / 16
        >>> rbm = RBMTransformer(16, n_iter=3, random_state=0).fit(X)
        >>> WeightNormDisplay.from_estimator(rbm, X).dead.sum()
        np.int64(0)
        """
        caller = caller_of(cls, estimator, "history_")
        # the other history of a machine with a label may be about a network
        history = getattr(estimator, "joint_history_", estimator.history_)
        norms = np.asarray(history.get("weight_norm", ()))
        if norms.ndim != 2 or norms.shape[1] != _n_units(estimator):
            raise TypeError(
                f"{caller} needs history_['weight_norm'] with a column for each hidden unit; that "
                f"of {type(estimator).__name__} has the shape {norms.shape}. Layers that were "
                "trained one by one have histories of their own: give rbms_[0] or "
                "pretrainers_[0]."
            )
        found = None
        if X is not None:
            reports = dead_units(estimator, X, threshold=threshold)
            reports = reports if isinstance(reports, list) else [reports]
            found = np.concatenate([report.dead for report in reports])
        return cls(norms, dead=found).plot(ax=ax, **plot_kw)


def _n_units(estimator: Any) -> int:
    """Number of hidden units whose norms a history can hold."""
    if hasattr(estimator, "components_"):
        return len(estimator.components_)
    return sum(int(coef.shape[1]) for coef in getattr(estimator, "coefs_", ()))
