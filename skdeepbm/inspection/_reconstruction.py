"""Rows above what a model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._estimators import caller_of, first_rows, on_host
from skdeepbm.inspection._images import Sheet, as_images, shape_of, value_range
from skdeepbm.inspection._matplotlib import pyplot, single

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class ReconstructionDisplay:
    """Images above their reconstructions.

    :meth:`from_estimator` makes it of an estimator; the constructor takes several reconstructions
    of the same images.

    Parameters
    ----------
    originals : array-like of shape (n_images, height, width) or (n_images, n_features)
    reconstructions : array-like of the same shape, or dict of str to such arrays
        One line of images for each, with its name.
    image_shape : tuple of int or None, default=None
        Height and width; None where arrays have them, or images are square.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The sheet with all images, NaN between them.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skdeepbm.metrics.squared_error : How far reconstructions are from the data.
    SamplesDisplay : What a model generates.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdeepbm.inspection import ReconstructionDisplay
    >>> X = load_digits().data[:100] / 16
    >>> found = {}
    >>> for n in (2, 10):
    ...     pca = PCA(n).fit(X)
    ...     found[f"{n} components"] = pca.inverse_transform(pca.transform(X[:8]))
    >>> ReconstructionDisplay(X[:8], found).plot().ax_.get_xlabel()
    'row'
    """

    im_: AxesImage
    ax_: Axes
    figure_: Figure

    def __init__(self, originals: Any, reconstructions: Any, *, image_shape: Any = None) -> None:
        self.originals = originals
        self.reconstructions = reconstructions
        self.image_shape = image_shape

    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: Any = "gray_r",
        im_kw: dict[str, Any] | None = None,
    ) -> ReconstructionDisplay:
        """Draw all images on one Axes, those of a row of the data in one column.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        cmap : str or matplotlib Colormap, default="gray_r"
            Of the values from 0 to 1 or, where the originals exceed these, from the least to the
            greatest of them.
        im_kw : dict or None, default=None
            For ``Axes.imshow``, such as ``vmin`` and ``vmax``.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ValueError
            If shapes differ or make no images.
        """
        caller = "ReconstructionDisplay.plot"
        pyplot(caller)
        named = self.reconstructions
        if not isinstance(named, dict):
            named = {"reconstruction": named}
        originals = as_images(self.originals, self.image_shape, caller)
        lines = {"original": originals}
        for name, rows in named.items():
            lines[name] = as_images(rows, self.image_shape or originals.shape[1:], caller)
            if lines[name].shape != originals.shape:
                raise ValueError(
                    f"{caller}: {name!r} has {len(lines[name])} images, and there are "
                    f"{len(originals)} originals."
                )
        sheet = Sheet(np.concatenate(list(lines.values())), len(originals))
        figure, ax = single(ax, caller, sheet.size((1.4, 0.5)))
        low, high = value_range(originals)
        self.im_ = sheet.draw(ax, {"cmap": cmap, "vmin": low, "vmax": high, **(im_kw or {})})
        ax.set_yticks(sheet.row_centres(), list(lines))
        ax.set_xticks(sheet.column_centres(), np.arange(len(originals)))
        ax.set_xlabel("row")
        self.figure_, self.ax_ = figure, ax
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_images: int = 10,
        image_shape: Any = None,
        reconstruct_kw: dict[str, Any] | None = None,
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> ReconstructionDisplay:
        """Draw rows of X and what a fitted estimator makes of them.

        Parameters
        ----------
        estimator : estimator
            With ``reconstruct``, or with ``transform`` and ``inverse_transform`` as a pipeline or
            ``PCA`` has them.
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            The first `n_images` rows are shown, and only those are reconstructed.
        n_images : int, default=10
        image_shape : tuple of int or None, default=None
            Height and width; None where images are square. Models of words need it.
        reconstruct_kw : dict or None, default=None
            For ``reconstruct``, such as ``{"n_gibbs_steps": 5}``.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ValueError
            If the features make no image of that shape.
        TypeError
            If the estimator has no way back to the features.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import RBMTransformer
        >>> from skdeepbm.inspection import ReconstructionDisplay
        >>> X = load_digits().data / 16
        >>> rbm = RBMTransformer(16, n_iter=2, random_state=0).fit(X)
        >>> display = ReconstructionDisplay.from_estimator(rbm, X, n_images=5)
        >>> display.reconstructions.shape
        (5, 8, 8)
        """
        caller = caller_of(cls, estimator, "reconstruct", "inverse_transform")
        check_count(caller, "n_images", n_images)
        rows = first_rows(X, int(n_images))
        originals = on_host(rows)
        shape = shape_of(originals.shape[1], image_shape, caller, estimator)
        if hasattr(estimator, "reconstruct"):
            found = estimator.reconstruct(rows, **(reconstruct_kw or {}))
        elif reconstruct_kw:
            raise TypeError(
                f"reconstruct_kw of {caller} is for a method reconstruct, which "
                f"{type(estimator).__name__} does not have."
            )
        else:
            found = estimator.inverse_transform(estimator.transform(rows))
        display = cls(originals.reshape(-1, *shape), on_host(found).reshape(-1, *shape))
        return display.plot(ax=ax, **plot_kw)
