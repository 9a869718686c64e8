"""Codes in the plane."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skdeepbm.inspection._estimators import caller_of, on_host
from skdeepbm.inspection._matplotlib import OKABE_ITO, pyplot, single

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# with seven colours, 70 classes that look different
_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
# what means something in mathtext
_ESCAPED = {c: f"\\{c}" for c in "{}_$%#& "}
_ESCAPED |= {"\\": r"{\backslash}", "~": r"{\sim}", "^": r"{\wedge}"}


class CodesDisplay:
    """Two numbers of a code, as places in the plane coloured by class or by value.

    :meth:`from_estimator` makes it of an estimator.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2)
    y : array-like of shape (n_samples,) or None, default=None
        Classes or, where they are not whole numbers, values for a colour bar.
    axis_names : tuple of str, default=("code unit 0", "code unit 1")
    y_name : str or None, default=None
        Title of the legend, or label of the colour bar; None takes the name that `y` has as a
        column of a table, else "class" or "value".

    Attributes
    ----------
    collections_ : list of matplotlib PathCollection
        One for each class, in the order of ``np.unique(y)``; one for all without classes.
    legend_ : matplotlib Legend or None
    colorbar_ : matplotlib Colorbar or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skdeepbm.metrics.retrieval_precision : How well neighbours among codes agree in class.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdeepbm.inspection import CodesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> codes = PCA(2).fit_transform(X)
    >>> len(CodesDisplay(codes, y).plot().collections_)
    10
    """

    collections_: list[Any]
    legend_: Any
    colorbar_: Any
    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        codes: Any,
        y: Any = None,
        *,
        axis_names: tuple[str, str] = ("code unit 0", "code unit 1"),
        y_name: str | None = None,
    ) -> None:
        self.codes = codes
        self.y = y
        self.axis_names = axis_names
        self.y_name = y_name

    def plot(
        self,
        ax: Axes | None = None,
        *,
        markers: str = "auto",
        legend: bool = True,
        cmap: Any = "viridis",
        scatter_kw: dict[str, Any] | None = None,
    ) -> CodesDisplay:
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        markers : {"auto", "shape", "label"}, default="auto"
            Whether classes have a shape each, or the label itself marks each code. ``"auto"``
            writes labels of one letter or digit where there are at most 2000 codes.
        legend : bool, default=True
            Of classes; a colour bar of values.
        cmap : str or matplotlib Colormap, default="viridis"
            Of values; classes have the colours of Okabe and Ito, which colour-blind readers tell
            apart, and a marker each.
        scatter_kw : dict or None, default=None
            For ``Axes.scatter``.

        Returns
        -------
        display : CodesDisplay

        Raises
        ------
        ValueError
            If codes have not two columns, or `y` not one value for each code.
        """
        caller = "CodesDisplay.plot"
        pyplot(caller)
        codes = np.asarray(self.codes)
        if codes.ndim != 2 or codes.shape[1] != 2 or not len(codes):
            raise ValueError(
                f"{caller} draws codes of two numbers, an array of shape (n_samples, 2); got "
                f"{codes.shape}. Choose two columns, or reduce the codes by PCA(2) first."
            )
        if markers not in ("auto", "shape", "label"):
            raise ValueError(
                f"markers of {caller} must be 'auto', 'shape' or 'label', got {markers!r}."
            )
        y = None if self.y is None else np.asarray(self.y)
        if y is not None and y.shape != (len(codes),):
            raise ValueError(
                f"y of {caller} must have one value for each of {len(codes)} codes; its shape is "
                f"{y.shape}."
            )
        values = y is not None and type_of_target(y) == "continuous"
        name = self.y_name
        if name is None:
            # that of a pandas Series
            name = str(getattr(self.y, "name", None) or ("value" if values else "class"))
        wide = legend and y is not None
        figure, ax = single(ax, caller, (5.6 if wide else 4.8, 4.4))
        kw = {"s": 14.0, "linewidths": 0.0, **(scatter_kw or {})}
        self.legend_ = self.colorbar_ = None
        if y is None or values:
            look = {"c": OKABE_ITO[0]} if y is None else {"c": y, "cmap": cmap}
            self.collections_ = [ax.scatter(codes[:, 0], codes[:, 1], **{**look, **kw})]
            if values and legend:
                self.colorbar_ = figure.colorbar(self.collections_[0], ax=ax, label=name)
        else:
            self.collections_ = self._scatter_classes(ax, codes, y, markers, kw)
            if legend:
                self.legend_ = ax.legend(
                    title=name,
                    loc="center left",
                    bbox_to_anchor=(1.0, 0.5),
                    frameon=False,
                    handletextpad=0.2,
                    markerscale=1.4,
                )
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        self.figure_, self.ax_ = figure, ax
        return self

    def _scatter_classes(
        self, ax: Axes, codes: np.ndarray, y: np.ndarray, markers: str, kw: dict[str, Any]
    ) -> list[Any]:
        classes = np.unique(y)
        names = [str(label) for label in classes]
        plain = all(len(name) == 1 and name.isalnum() for name in names)
        written = markers == "label" or (markers == "auto" and plain and len(codes) <= 2000)
        shapes = [f"$\\mathbf{{{_escaped(name)}}}$" for name in names] if written else _SHAPES
        found = []
        for label, name, colour, shape in zip(
            classes, names, cycle(OKABE_ITO), islice(cycle(shapes), len(names)), strict=False
        ):
            place = codes[y == label]
            size = {"s": 30.0 * len(name)} if written else {}
            look = {"color": colour, "marker": shape, "label": name, **kw, **size}
            found.append(ax.scatter(place[:, 0], place[:, 1], **look))
        return found

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        units: Any = None,
        y_name: str | None = None,
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> CodesDisplay:
        """Draw what ``transform`` of a fitted estimator makes of X.

        Parameters
        ----------
        estimator : estimator
            With ``transform``; a pipeline too.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or None, default=None
            Classes, or values for a colour bar.
        units : tuple of int or None, default=None
            Which two numbers of a code to draw; None where there are no others.
        y_name : str or None, default=None
            Title of the legend, or label of the colour bar; None takes the name that `y` has as a
            column of a table, else "class" or "value".
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : CodesDisplay

        Raises
        ------
        ValueError
            If codes have more than two numbers and `units` does not choose, or if it makes no
            sense.
        TypeError
            If the estimator is no transformer.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import Backprop, DeepAutoencoder
        >>> from skdeepbm.inspection import CodesDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> X, y = X[:200] / 16, y[:200]
        >>> coder = DeepAutoencoder((16, 2), finetuning=Backprop(n_iter=1), random_state=0).fit(X)
        >>> CodesDisplay.from_estimator(coder, X, y, y_name="digit").codes.shape
        (200, 2)
        """
        caller = caller_of(cls, estimator, "transform")
        codes = on_host(estimator.transform(X))
        n = codes.shape[1]
        if units is None and n != 2:
            raise ValueError(
                f"{caller} draws two numbers, and codes of {type(estimator).__name__} have {n}. "
                "Choose two by units=(0, 1), or reduce the codes by PCA(2) first."
            )
        chosen = np.ravel((0, 1) if units is None else units)
        integers = chosen.dtype.kind in "iu" and chosen.size == 2
        if not integers or chosen.min() < 0 or chosen.max() >= n:
            raise ValueError(
                f"units of {caller} must be two integers from 0 to {n - 1}, got {units!r}."
            )
        names = (f"code unit {chosen[0]}", f"code unit {chosen[1]}")
        display = cls(codes[:, chosen], y, axis_names=names, y_name=y_name)
        return display.plot(ax=ax, **plot_kw)


def _escaped(name: str) -> str:
    """Text that mathtext shows as it is; a dot for nothing."""
    return "".join(_ESCAPED.get(c, c) for c in name) if name.strip() else r"\cdot"
