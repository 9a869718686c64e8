"""Weights of hidden units as images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._dead_units import dead_units
from skdeepbm.inspection._estimators import (
    WEIGHTS,
    caller_of,
    strongest,
    weight_label,
)
from skdeepbm.inspection._images import Sheet, as_images, columns_for, shape_of
from skdeepbm.inspection._matplotlib import pyplot, single
from skdeepbm.inspection._projection import projected_filters
from skdeepbm.training.dbm_monitor import DEAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class FiltersDisplay:
    """What hidden units look for: the weights of each as an image.

    Colours diverge from white at zero to the same distance on both sides, the same for all units.
    :meth:`from_estimator` makes it of an estimator.

    Parameters
    ----------
    filters : array-like of shape (n_units, height, width)
        Weights, one image for each unit.
    units : array-like of int of shape (n_units,) or None, default=None
        Numbers of the units; None counts from 0.
    n_units : int or None, default=None
        Number of units that there are, shown or not.
    weight_label : str, default="weight"
        Of the colour bar, with the unit.
    dead : array-like of bool of shape (n_units,) or None, default=None
        Which of the units shown are dead, by :func:`dead_units`, and are crossed out; None where
        that is not known.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The sheet with all images, NaN between them.
    colorbar_ : matplotlib Colorbar or None
    crosses_ : matplotlib LineCollection or None
        Over dead units.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    TopicsDisplay : Weights of features that are no images.
    dead_units : Units whose weights say nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm import RBMTransformer
    >>> from skdeepbm.inspection import FiltersDisplay
    >>> X = load_digits().data / 16
    >>> rbm = RBMTransformer(16, n_iter=2, random_state=0).fit(X)
    >>> display = FiltersDisplay.from_estimator(rbm, max_units=12)
    >>> display.filters.shape
    (12, 8, 8)
    """

    im_: AxesImage
    colorbar_: Any
    crosses_: Any
    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        filters: Any,
        *,
        units: Any = None,
        n_units: int | None = None,
        weight_label: str = "weight",
        dead: Any = None,
    ) -> None:
        self.filters = filters
        self.units = units
        self.n_units = n_units
        self.weight_label = weight_label
        self.dead = dead

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_columns: int | None = None,
        cmap: Any = "RdBu",
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
    ) -> FiltersDisplay:
        """Draw the images on one Axes, line by line.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        n_columns : int or None, default=None
            Images in a line; None fills a sheet that is about as wide as high.
        cmap : str or matplotlib Colormap, default="RdBu"
            Positive weights are blue in this one.
        colorbar : bool, default=True
        im_kw : dict or None, default=None
            For ``Axes.imshow``, such as ``vmin`` and ``vmax``.

        Returns
        -------
        display : FiltersDisplay

        Raises
        ------
        ValueError
            If there is not one of everything for each unit.
        """
        caller = "FiltersDisplay.plot"
        pyplot(caller)
        filters = as_images(self.filters, None, caller)
        dead = np.zeros(len(filters), bool) if self.dead is None else np.asarray(self.dead, bool)
        if dead.shape != (len(filters),):
            raise ValueError(
                f"dead of {caller} must be one bool for each of {len(filters)} units; its shape is "
                f"{dead.shape}."
            )
        sheet = Sheet(filters, columns_for(len(filters), n_columns, caller))
        figure, ax = single(ax, caller, sheet.size((0.9 if colorbar else 0.2, 0.4)))
        limit = float(np.abs(filters).max()) or 1.0
        kw = {"cmap": cmap, "vmin": -limit, "vmax": limit, **(im_kw or {})}
        self.im_ = sheet.draw(ax, kw)
        shown, there = len(filters), self.n_units or len(filters)
        noun = "hidden unit" if there == 1 else "hidden units"
        title = f"{there} {noun}" if shown == there else f"{shown} strongest of {there} {noun}"
        if self.dead is not None:
            title += f", {int(dead.sum())} dead"
        ax.set_title(title)
        self.crosses_ = sheet.cross_out(ax, np.flatnonzero(dead)) if dead.any() else None
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = figure.colorbar(
                self.im_, ax=ax, label=self.weight_label, shrink=0.8, fraction=0.05, pad=0.02
            )
        self.figure_, self.ax_ = figure, ax
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: Any = None,
        layer: int = 0,
        max_units: int = 100,
        X: Any = None,
        threshold: float = DEAD,
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> FiltersDisplay:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            With ``components_`` or ``coefs_``; scikit-learn's ``PCA`` too.
        image_shape : tuple of int or None, default=None
            Height and width; None where images are square. Models of words need it.
        layer : int, default=0
            Hidden layer, counted from the features. Above the first, the weights are multiplied by
            those below, which shows what a unit looks for as far as the layers between are linear
            [1]_.
        max_units : int, default=100
            Units to show; of more than that, those with the largest weights (Euclidean norm), the
            largest first.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features) or None, \
default=None
            Rows by which :func:`dead_units` finds dead units, which are crossed out; None marks
            none.
        threshold : float, default=0.01
            Of :func:`dead_units`: standard deviation under which a unit is dead.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : FiltersDisplay

        Raises
        ------
        ValueError
            If the features make no image of that shape, there is no such layer, or `X` has fewer
            than 2 rows.
        TypeError
            If the estimator has no weights.

        References
        ----------
        .. [1] Lee, H., Ekanadham, C. and Ng, A. Y. Sparse deep belief net model for visual area
           V2. NIPS 2007, section 5.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DBM, RBMTransformer
        >>> from skdeepbm.inspection import FiltersDisplay
        >>> X = load_digits().data[:500] / 16
        >>> dbm = DBM((16, 8), rbm=RBMTransformer(n_iter=2), n_iter=1, random_state=0).fit(X)
        >>> FiltersDisplay.from_estimator(dbm, layer=1).filters.shape
        (8, 8, 8)
        """
        caller = caller_of(cls, estimator, *WEIGHTS)
        weights = projected_filters(estimator, layer=layer)
        check_count(caller, "max_units", max_units)
        shape = shape_of(weights.shape[1], image_shape, caller, estimator)
        units = strongest(weights, int(max_units))
        dead = None
        if X is not None:
            reports = dead_units(estimator, X, threshold=threshold)
            dead = (reports[layer] if isinstance(reports, list) else reports).dead[units]
        display = cls(
            weights[units].reshape(-1, *shape),
            units=units,
            n_units=len(weights),
            weight_label=weight_label(estimator, layer),
            dead=dead,
        )
        return display.plot(ax=ax, **plot_kw)
