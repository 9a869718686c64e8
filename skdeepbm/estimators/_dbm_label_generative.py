"""Rows of given classes from a deep Boltzmann machine with a label, and its likelihood."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._dbm_generative import DBMGenerativeMixin
from skdeepbm.estimators._dbm_label_model import TOLERANCE, DBMLabelModelMixin
from skdeepbm.estimators._labels import one_hot, rows_to_sample
from skdeepbm.models.labelled_dbm import label_bounds


class DBMLabelGenerativeMixin(DBMLabelModelMixin, DBMGenerativeMixin):
    """The model of rows and labels together."""

    def sample(  # type: ignore[override]
        self,
        n_samples: int | None = None,
        *,
        labels: Any = None,
        n_gibbs_steps: int = 1000,
        init: Any = None,
        values: str = "mean",
        random_state: Any = None,
    ) -> Any:
        """Draw rows by block Gibbs sampling of the whole machine, one chain for each.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of rows; None means as many as `labels`, and 1 without those.
        labels : class, array-like of shape (n_samples,) or None, default=None
            Class of each row, held fixed in every step; one class is that of all rows. None leaves
            the label units free.
        n_gibbs_steps : int, default=1000
            Steps of every chain; in each, all even layers are drawn given the odd ones, then the
            odd ones.
        init : array-like of shape (n_samples, n_features) or None, default=None
            Visible states to start from; None starts at independent draws with the visible biases.
        values : {"mean", "draw"}, default="mean"
            Whether to return the expected values of the visible units given drawn units above
            them, such as grey values of pixels, or draws.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If a label is none of `classes_`, if the number of labels is not `n_samples`, or if
            `init` has another shape.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DBMClassifier, RBMTransformer
        >>> X, y = load_digits(return_X_y=True)
        >>> rbm = RBMTransformer(n_iter=2)
        >>> dbm = DBMClassifier((32, 32), rbm=rbm, n_iter=2, finetuning=None, random_state=0)
        >>> dbm.fit(X[:300] / 16, y[:300]).sample(labels=[3, 8], n_gibbs_steps=10).shape
        (2, 64)
        """
        check_is_fitted(self, self._fitted_names)
        if values not in ("mean", "draw"):
            raise ValueError(
                f"values of {type(self).__name__}.sample must be 'mean' or 'draw', got {values!r}."
            )
        n, codes = rows_to_sample(self, n_samples, labels)
        top = None if codes is None else one_hot(codes, len(self.classes_), float)
        dbm, v, h = self._drawn(n, n_gibbs_steps, init, random_state, top)
        if values == "mean":
            with dbm.backend.quiet():
                v = dbm.visible.mean(dbm.from_above(0, h))
        return self._out(dbm.backend, init, v)

    def score_samples(self, X: Any) -> Any:
        """Variational lower bound on the log-likelihood of the rows, the label summed out.

        ``log sum_c exp(E_q[-E(v, h, c)] + H(q)) - log Z``, with q the factorial distribution of
        mean field given class c.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats per row; of a log-density with Gaussian visible units. It is a bound as far as
            log Z of rows and labels together is right, as of :meth:`DBM.score_samples`.

        Examples
        --------
        >>> import numpy as np
        >>> from skdeepbm import DBMClassifier
        >>> from skdeepbm.datasets import make_bars_and_stripes
        >>> X = make_bars_and_stripes(3)
        >>> y = (X.reshape(-1, 3, 3).std(axis=2) > 0).any(axis=1)  # not a bar
        >>> dbm = DBMClassifier((8, 4), finetuning=None, random_state=0).fit(X, y)
        >>> dbm.score_samples(X).shape
        (14,)
        """
        return self._bounds(X, None)

    def _bounds(self, X: Any, log_z: float | None) -> Any:
        backend, X, dbm = self._prepare(X)
        known = self.log_partition().value if log_z is None else log_z
        return self._apply_rows(
            backend,
            X,
            host_dtype(X),
            lambda v: backend.logsumexp(label_bounds(dbm, v, TOLERANCE), axis=1) - known,
            self._width,
        )
