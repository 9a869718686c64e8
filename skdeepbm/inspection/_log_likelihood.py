"""Log-likelihoods as a ladder, with what is known about their partition function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators import DBM, DBMClassifier, DBNClassifier, ReplicatedSoftmax
from skdeepbm.estimators._hyperparameters import check_groups
from skdeepbm.estimators._rows import check_rows
from skdeepbm.inspection._estimators import caller_of, on_host
from skdeepbm.inspection._matplotlib import GREY, OKABE_ITO, pyplot, single
from skdeepbm.models.units import UNITS
from skdeepbm.training import Rows
from skdeepbm.training.start import column_moments, constant_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# rows that are dense at a time
_CHUNK = 1000
# height of the legend in rungs
_LEGEND = 1.3


class LogLikelihoodDisplay:
    """A ladder of mean log-likelihoods: independent features, training rows, test rows.

    Annealed importance sampling (AIS) underestimates log Z on average, so that its likelihoods are
    optimistic; with reverse AIS they are pessimistic, and the truth lies between, as far as both
    sample the model. :meth:`from_estimator` makes it of an estimator.

    Parameters
    ----------
    names : sequence of str
        Of the rungs, the lowest first.
    values : array-like of shape (n_rungs,)
        Mean log-likelihoods in nats per row.
    lower, upper : array-like of shape (n_rungs,) or None, default=None
        Ends of the intervals of AIS; NaN where there is none, or infinite where it has no end.
    reverse : array-like of shape (n_rungs,) or None, default=None
        By reverse AIS; NaN where there is none.
    value_label : str, default="mean log-likelihood, nats per row"
        Of the axis.

    Attributes
    ----------
    points_ : matplotlib Line2D
        The values.
    intervals_ : matplotlib LineCollection
        Of the rungs that have an interval.
    reverse_points_ : matplotlib Line2D or None
    texts_ : list of matplotlib Text
        The values in figures.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    References
    ----------
    Salakhutdinov, R. and Murray, I. On the quantitative analysis of deep belief networks. ICML
    2008. Burda, Y., Grosse, R. and Salakhutdinov, R. Accurate and conservative estimates of MRF
    log-likelihood using reverse annealing. AISTATS 2015.

    Examples
    --------
    >>> from skdeepbm.inspection import LogLikelihoodDisplay
    >>> nan = float("nan")
    >>> display = LogLikelihoodDisplay(
    ...     ["independent", "test"], [-205.9, -86.3], lower=[nan, -86.5], upper=[nan, -86.1]
    ... ).plot()
    >>> [text.get_text() for text in display.texts_]
    ['-205.90', '-86.30']
    """

    points_: Any
    intervals_: Any
    reverse_points_: Any
    texts_: list[Any]
    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        names: Any,
        values: Any,
        *,
        lower: Any = None,
        upper: Any = None,
        reverse: Any = None,
        value_label: str = "mean log-likelihood, nats per row",
    ) -> None:
        self.names = names
        self.values = values
        self.lower = lower
        self.upper = upper
        self.reverse = reverse
        self.value_label = value_label

    def plot(
        self, ax: Axes | None = None, *, point_kw: dict[str, Any] | None = None
    ) -> LogLikelihoodDisplay:
        """Draw the ladder, the first rung at the bottom.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        point_kw : dict or None, default=None
            For ``Axes.plot`` of the values.

        Returns
        -------
        display : LogLikelihoodDisplay

        Raises
        ------
        ValueError
            If there is not one of everything for each rung.
        """
        caller = "LogLikelihoodDisplay.plot"
        pyplot(caller)
        from matplotlib.ticker import AutoLocator

        names, values = [str(name) for name in self.names], self._column("values", caller)
        lower, upper = self._column("lower", caller), self._column("upper", caller)
        reverse = self._column("reverse", caller)
        among = ~np.isnan(lower) & ~np.isnan(upper)
        # the legend has rungs of its own above the others, where nothing else is drawn
        room = _LEGEND if among.any() or not np.isnan(reverse).all() else 0.0
        figure, ax = single(ax, caller, (6.2, 0.55 * (len(names) + room) + 1.5))
        places = np.arange(len(names))
        # nothing is drawn beyond the values where an interval has no end
        low = np.where(np.isfinite(lower), lower, values)
        high = np.where(np.isfinite(upper), upper, values)
        self.intervals_ = ax.hlines(
            places[among], low[among], high[among], colors=OKABE_ITO[0], linewidth=5, alpha=0.45
        )
        if among.any():
            self.intervals_.set_label("AIS, ± 3 standard errors")
        look = {"marker": "o", "linestyle": "", "color": OKABE_ITO[0], "zorder": 3}
        name = "exact"
        if among.any():
            # independent features have no partition function to estimate
            name = "AIS (optimistic)" if among.all() else "AIS (optimistic); without a bar: exact"
        (self.points_,) = ax.plot(values, places, **{**look, "label": name, **(point_kw or {})})
        self.reverse_points_ = None
        if not np.isnan(reverse).all():
            (self.reverse_points_,) = ax.plot(
                reverse,
                places,
                marker="D",
                markerfacecolor="white",
                linestyle="",
                color=OKABE_ITO[1],
                label="reverse AIS (pessimistic)",
            )
        self.texts_ = [
            ax.annotate(
                f"{value:.2f}" + (" (no upper end)" if upper[i] == np.inf else ""),
                (value, i),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
            for i, value in enumerate(values)
        ]
        ax.set_yticks(places, names)
        ax.set(xlabel=self.value_label, ylim=(-0.6, len(names) - 0.3 + room))
        ax.margins(x=0.15)
        # as many as there is room for
        ax.xaxis.set_major_locator(AutoLocator())
        ax.grid(axis="x", color=GREY, linewidth=0.5, alpha=0.4)
        ax.set_axisbelow(True)
        if room:
            ax.legend(loc="upper left", fontsize=8)
        self.figure_, self.ax_ = figure, ax
        return self

    def _column(self, name: str, caller: str) -> np.ndarray:
        given, n = getattr(self, name), len(self.names)
        if given is None:
            return np.full(n, np.nan)
        found = np.asarray(given, dtype=np.float64)
        if found.shape != (n,):
            raise ValueError(
                f"{name} of {caller} must have one value for each of {n} names; its shape is "
                f"{found.shape}."
            )
        return found

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X_train: Any,
        X_test: Any = None,
        *,
        method: str = "auto",
        reverse: bool = True,
        n_runs: int | None = None,
        n_temperatures: Any = "auto",
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> LogLikelihoodDisplay:
        """Draw the mean log-likelihoods of rows under a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            With ``log_partition`` and ``score_samples``: :class:`~skdeepbm.RBMTransformer`,
            :class:`~skdeepbm.ClassificationRBM`; :class:`~skdeepbm.DBM`,
            :class:`~skdeepbm.DBMClassifier` and :class:`~skdeepbm.DBNClassifier`, of which the
            ladder has lower bounds.
        X_train : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Means (and variances) of its columns make the lowest rung, of independent features.
        X_test : the same or None, default=None
            Held-out rows, which the lowest rung is about too if there are any.
        method : {"auto", "exact", "ais"}, default="auto"
            Of ``log_partition``; ``"auto"`` is exact where it can be.
        reverse : bool, default=True
            Whether to run AIS in the other direction too, from rows of `X_train`. It takes as long
            again. A deep belief net has no such estimate.
        n_runs, n_temperatures : default=None, default="auto"
            Of ``log_partition``.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : LogLikelihoodDisplay

        Raises
        ------
        ValueError
            If log Z cannot be had in this way.
        TypeError
            If the estimator has no likelihood in nats per row.

        Examples
        --------
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> from skdeepbm.inspection import LogLikelihoodDisplay
        >>> X = make_bars_and_stripes(3)
        >>> rbm = RBMTransformer(8, n_iter=200, random_state=0).fit(X)
        >>> display = LogLikelihoodDisplay.from_estimator(rbm, X)
        >>> bool(display.values[1] > display.values[0] + 2)  # nats
        True
        """
        caller = caller_of(cls, estimator, "log_partition")
        if isinstance(estimator, ReplicatedSoftmax):
            raise TypeError(
                f"{caller} is about models with one partition function; ReplicatedSoftmax has one "
                "for each length of documents. Use perplexity(X) and "
                "perplexity(X, method='reverse')."
            )
        sets = {"training rows": X_train}
        if X_test is not None:
            sets["test rows"] = X_test
        if estimator.visible not in UNITS:
            raise TypeError(
                f"{caller} is about rows of a fixed number of units, and the visible units of this "
                f"{type(estimator).__name__} are counts of words."
            )
        options = {"n_runs": n_runs, "n_temperatures": n_temperatures}
        if isinstance(estimator, DBNClassifier) or not reverse:
            found = estimator.log_partition(method, **options)
        else:
            found = _two_sided(estimator, method, X_train, options)
        unnormalised = np.array([_unnormalised(estimator, X) for X in sets.values()])

        def ladder(log_z: Any) -> np.ndarray:
            return np.r_[np.nan, unnormalised - (np.nan if log_z is None else float(log_z))]

        values, exact = ladder(found.value), found.method == "exact"
        values[0] = _base_rate(estimator, X_train, list(sets.values())[-1])
        bound = isinstance(estimator, DBM | DBMClassifier | DBNClassifier)
        noun = "bound on the log-likelihood" if bound else "log-likelihood"
        display = cls(
            ["independent features", *sets],
            values,
            lower=None if exact else ladder(found.upper),
            upper=None if exact else ladder(found.lower),
            reverse=None if found.reverse is None else ladder(found.reverse),
            value_label=f"mean {noun}, nats per row",
        )
        return display.plot(ax=ax, **plot_kw)


def _two_sided(estimator: Any, method: str, X: Any, options: dict[str, Any]) -> Any:
    """Log Z from both sides, or exactly."""
    if method == "auto":
        try:
            return estimator.log_partition("exact")
        except ValueError:
            # too many states
            method = "ais"
    if method == "ais":
        return estimator.log_partition(method, reverse=X, **options)
    return estimator.log_partition(method)


def _unnormalised(estimator: Any, X: Any) -> float:
    """Mean of the rows' log-likelihoods, or of their bounds, plus log Z."""
    if hasattr(estimator, "free_energy"):
        return -float(on_host(estimator.free_energy(X)).astype(np.float64).mean())
    bounds = on_host(estimator.score_samples(X)).astype(np.float64)
    return float(bounds.mean()) + float(estimator.log_partition().value)


def _base_rate(estimator: Any, X_train: Any, X: Any) -> float:
    """Mean log-likelihood of X if features are independent, as they are in X_train on average."""
    backend = estimator._resolve_backend(X_train, fitted=True)
    train, rows = (check_rows(estimator, part, backend, warn=False) for part in (X_train, X))
    kind, dtype = UNITS[estimator.visible], np.dtype(np.float64)
    mean, variance = column_moments(backend, train)
    groups = check_groups(
        estimator, getattr(estimator, "visible_groups", None), mean.size, "visible_groups"
    )
    log_variance = None
    if kind.has_variance:
        log_variance = np.log(np.where(constant_columns(mean, variance), 1.0, variance))
        log_variance = backend.asarray(log_variance)
    bias = backend.asarray(kind.initial_bias(mean, variance, groups))
    units, total, n_rows = kind(backend, bias, log_variance, groups), 0.0, int(rows.shape[0])
    parts = Rows(backend, rows, dtype)
    for start in range(0, n_rows, _CHUNK):
        v = parts.dense(np.arange(start, min(start + _CHUNK, n_rows)))
        found = units.log_density(v, backend.zeros((1, mean.size), dtype))
        total += float(np.asarray(backend.to_host(found)).sum())
    return total / n_rows
