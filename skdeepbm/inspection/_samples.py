"""What a model generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._estimators import caller_of, on_host
from skdeepbm.inspection._images import Sheet, as_images, columns_for, shape_of, value_range
from skdeepbm.inspection._matplotlib import pyplot, single

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class SamplesDisplay:
    """Images that a model draws, of given classes where it has labels.

    :meth:`from_estimator` draws them from an estimator.

    Parameters
    ----------
    samples : array-like of shape (n_samples, height, width) or (n_samples, n_features)
    labels : array-like of shape (n_samples,) or None, default=None
        Class of each image. Where every line of the sheet has one class, it stands beside it.
    image_shape : tuple of int or None, default=None
        Height and width; None where the array has them, or images are square.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The sheet with all images, NaN between them.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    ReconstructionDisplay : What a model makes of given rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepbm.inspection import SamplesDisplay
    >>> digits = load_digits()
    >>> display = SamplesDisplay(digits.images[:20] / 16, labels=digits.target[:20]).plot()
    >>> display.ax_.get_ylabel()  # lines of several classes
    ''
    """

    im_: AxesImage
    ax_: Axes
    figure_: Figure

    def __init__(self, samples: Any, *, labels: Any = None, image_shape: Any = None) -> None:
        self.samples = samples
        self.labels = labels
        self.image_shape = image_shape

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_columns: int | None = None,
        cmap: Any = "gray_r",
        im_kw: dict[str, Any] | None = None,
    ) -> SamplesDisplay:
        """Draw the images on one Axes, line by line.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        n_columns : int or None, default=None
            Images in a line; None means those of a class, where labels come in equal runs, or
            fills a sheet that is about as wide as high.
        cmap : str or matplotlib Colormap, default="gray_r"
            Of the values from 0 to 1 or, where images exceed these, from their least to their
            greatest.
        im_kw : dict or None, default=None
            For ``Axes.imshow``, such as ``vmin`` and ``vmax``.

        Returns
        -------
        display : SamplesDisplay

        Raises
        ------
        ValueError
            If the features make no images, or there is not one label for each.
        """
        caller = "SamplesDisplay.plot"
        pyplot(caller)
        images = as_images(self.samples, self.image_shape, caller)
        labels = None if self.labels is None else np.asarray(self.labels)
        if labels is not None and labels.shape != (len(images),):
            raise ValueError(
                f"labels of {caller} must be one for each of {len(images)} images; got an array of "
                f"shape {labels.shape}."
            )
        if n_columns is None and labels is not None:
            n_columns = _run_length(labels)
        sheet = Sheet(images, columns_for(len(images), n_columns, caller))
        of_lines = None if labels is None else _labels_of_lines(labels, sheet.n_columns)
        figure, ax = single(ax, caller, sheet.size((0.2 if of_lines is None else 0.6, 0.1)))
        low, high = value_range(images)
        self.im_ = sheet.draw(ax, {"cmap": cmap, "vmin": low, "vmax": high, **(im_kw or {})})
        if of_lines is not None:
            ax.set_yticks(sheet.row_centres(), [str(label) for label in of_lines])
            ax.set_ylabel("class")
        self.figure_, self.ax_ = figure, ax
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        n_samples: int | None = None,
        *,
        labels: Any = None,
        image_shape: Any = None,
        sample_kw: dict[str, Any] | None = None,
        ax: Axes | None = None,
        **plot_kw: Any,
    ) -> SamplesDisplay:
        """Draw images from a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            With ``sample``.
        n_samples : int or None, default=None
            None means 50, or one for each of `labels`.
        labels : array-like of shape (n_samples,) or None, default=None
            Class of each image, of an estimator whose ``sample`` takes them.
        image_shape : tuple of int or None, default=None
            Height and width; None where images are square. Models of words need it.
        sample_kw : dict or None, default=None
            For ``sample``, such as ``{"n_gibbs_steps": 5000, "random_state": 0}``.
        ax : matplotlib Axes or None, default=None
            None makes a new figure.
        **plot_kw : dict
            For :meth:`plot`.

        Returns
        -------
        display : SamplesDisplay

        Raises
        ------
        ValueError
            If the features make no image of that shape.
        TypeError
            If the estimator does not sample, or not of given classes.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import ClassificationRBM
        >>> from skdeepbm.inspection import SamplesDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> rbm = ClassificationRBM(32, n_iter=2, random_state=0).fit(X / 16, y)
        >>> display = SamplesDisplay.from_estimator(
        ...     rbm, labels=[3, 3, 3, 8, 8, 8], sample_kw={"n_gibbs_steps": 20}
        ... )
        >>> [label.get_text() for label in display.ax_.get_yticklabels()]
        ['3', '8']
        """
        caller = caller_of(cls, estimator, "sample")
        shape = shape_of(estimator.n_features_in_, image_shape, caller, estimator)
        options = dict(sample_kw or {})
        if labels is None:
            n = 50 if n_samples is None else n_samples
            check_count(caller, "n_samples", n)
            options["n_samples"] = n
        elif not hasattr(estimator, "classes_"):
            raise TypeError(
                f"labels of {caller} are for a model with classes, and {type(estimator).__name__} "
                "has none."
            )
        else:
            labels = np.asarray(labels)
            if labels.ndim == 0:
                labels = np.repeat(labels, 1 if n_samples is None else n_samples)
            options.update(labels=labels, n_samples=n_samples)
        rows = on_host(estimator.sample(**options))
        display = cls(as_images(rows, shape, caller), labels=labels)
        return display.plot(ax=ax, **plot_kw)


def _run_length(labels: np.ndarray) -> int | None:
    """Length of runs of equal labels, where all have the same."""
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    lengths = np.unique(np.diff(np.r_[starts, labels.size]))
    return int(lengths[0]) if lengths.size == 1 and 1 < lengths[0] <= 20 else None


def _labels_of_lines(labels: np.ndarray, n_columns: int) -> list[Any] | None:
    """The label of each line of the sheet, where each has one."""
    lines = [labels[i : i + n_columns] for i in range(0, labels.size, n_columns)]
    return [line[0] for line in lines] if all((line == line[0]).all() for line in lines) else None
