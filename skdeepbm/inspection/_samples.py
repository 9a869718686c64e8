"""What a model generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.inspection._estimators import caller_of, on_host
from skdeepbm.inspection._images import Sheet, as_images, columns_for, shape_of, value_range
from skdeepbm.inspection._matplotlib import OKABE_ITO, pyplot, single

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
        Class of each image. Where every line, or every column, of the sheet has one class, it
        stands beside it, else in the corner of each image.
    image_shape : tuple of int or None, default=None
        Height and width; None where the array has them, or images are square.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The sheet with all images, NaN between them.
    texts_ : list of matplotlib Text
        Classes in the corners of images.
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
    >>> display.ax_.get_xlabel(), [label.get_text() for label in display.ax_.get_xticklabels()]
    ('class', ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    """

    im_: AxesImage
    texts_: list[Any]
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
            Images in a line; None means those of a class, where labels come in equal runs, one of
            each class, where they come in the same order again and again, or fills a sheet that is
            about as wide as high.
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
            n_columns = _run_length(labels) or _period(labels)
        sheet = Sheet(images, columns_for(len(images), n_columns, caller))
        of_lines = of_columns = None
        if labels is not None:
            n = sheet.n_columns
            of_lines = _label_of_each([labels[i : i + n] for i in range(0, labels.size, n)])
            if of_lines is None:
                of_columns = _label_of_each([labels[k::n] for k in range(n)])
        room = (0.2 if of_lines is None else 0.6, 0.1 if of_columns is None else 0.4)
        figure, ax = single(ax, caller, sheet.size(room))
        low, high = value_range(images)
        self.im_ = sheet.draw(ax, {"cmap": cmap, "vmin": low, "vmax": high, **(im_kw or {})})
        self.texts_ = []
        if of_lines is not None:
            ax.set_yticks(sheet.row_centres(), of_lines)
            ax.set_ylabel("class")
        elif of_columns is not None:
            ax.set_xticks(sheet.column_centres(), of_columns)
            ax.set_xlabel("class")
        elif labels is not None:
            look: dict[str, Any] = {"fontsize": 7, "color": OKABE_ITO[1], "ha": "left", "va": "top"}
            for i, label in enumerate(labels):
                y, x = sheet.corner(i)
                self.texts_.append(ax.text(x, y - 0.5, str(label), **look))
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


def _period(labels: np.ndarray) -> int | None:
    """Number of labels after which the same ones come again, where they do."""
    for n in range(2, min(20, labels.size // 2) + 1):
        if (labels[n:] == labels[:-n]).all():
            return n
    return None


def _label_of_each(parts: list[np.ndarray]) -> list[str] | None:
    """The label of each line, or column, where each has a single one."""
    alike = all((part == part[0]).all() for part in parts)
    return [str(part[0]) for part in parts] if alike else None
