"""Rows that a deep belief net dreams, fills in and puts a likelihood on."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array
from skdeepbm.estimators._base import PARTITION, SAMPLE, host_dtype
from skdeepbm.estimators._dbn_model import DBNModelMixin
from skdeepbm.estimators._hyperparameters import check_count
from skdeepbm.estimators._labels import one_hot, rows_to_sample
from skdeepbm.estimators._missing_entries import known_entries
from skdeepbm.evaluation.belief_bound import belief_bound
from skdeepbm.evaluation.partition import LogPartition

# draws of the recognition distribution for each row's bound
_BOUND_DRAWS = 20


class DBNGenerativeMixin(DBNModelMixin):
    """The generative model: the RBM on top, and the way down from it."""

    def sample(
        self,
        n_samples: int | None = None,
        *,
        labels: Any = None,
        n_gibbs_steps: int = 1000,
        values: str = "mean",
        random_state: Any = None,
    ) -> Any:
        """Generate rows: Gibbs steps of the top RBM, then one pass down.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of rows; None means as many as `labels`, and 1 without those.
        labels : class, array-like of shape (n_samples,) or None, default=None
            Class of each row, held fixed in every step; one class is that of all rows. None leaves
            the label units free.
        n_gibbs_steps : int, default=1000
            Steps of the top RBM, from independent units with its visible biases.
        values : {"mean", "draw"}, default="mean"
            Whether to return the expected values of the visible units given drawn units above
            them, such as grey values of pixels, or draws. Of counts there are only expected values:
            the probabilities of a word.
        random_state : int, RandomState instance or None, default=None
            None means the estimator's own, so that two calls with an int there give the same.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If a label is none of `classes_`, or if the number of labels is not `n_samples`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DBNClassifier, RBMTransformer
        >>> X, y = load_digits(return_X_y=True)
        >>> rbm = RBMTransformer(n_iter=2)
        >>> dbn = DBNClassifier((32, 32), rbm=rbm, finetuning=None, random_state=0).fit(X / 16, y)
        >>> dbn.sample(labels=[3, 8], n_gibbs_steps=10).shape
        (2, 64)
        """
        check_is_fitted(self, self._fitted_names)
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        if values not in ("mean", "draw"):
            raise ValueError(
                f"values of {type(self).__name__}.sample must be 'mean' or 'draw', got {values!r}."
            )
        if values == "draw" and self.visible == "multinomial":
            raise ValueError(
                f"values='draw' of {type(self).__name__}.sample is not defined for counts: nothing "
                "says how many words a document has. Use values='mean', the shares of words."
            )
        n, codes = rows_to_sample(self, n_samples, labels)
        backend = self._resolve_backend(fitted=True)
        dtype = host_dtype(np.asarray(self.rbms_[0].components_))
        net = self._belief_net(backend, dtype)
        stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))
        with backend.quiet():
            hot = (
                None
                if codes is None
                else backend.asarray(one_hot(codes, len(self.classes_), dtype))
            )
            found = net.generate(hot, n, n_gibbs_steps, stream)
        return backend.to_host(found.mean if values == "mean" else found.drawn)

    def reconstruct(
        self, X: Any, n_gibbs_steps: int = 1, *, mask: Any = None, random_state: Any = None
    ) -> Any:
        """Expected visible values after passes up, through the top RBM and down.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Entries that are not known may hold anything, NaN too.
        n_gibbs_steps : int, default=1
            Number of passes. One passes expected values on; with more, states are drawn, and the
            values expected in the last pass are returned.
        mask : array-like of bool of shape (n_samples, n_features) or None, default=None
            True where an entry is known. Known entries are put back after every pass, the others
            start at the expected values of units without input. None: all are seen, and all are
            reconstructed.
        random_state : int, RandomState instance or None, default=None
            Of the draws.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)

        Raises
        ------
        TypeError
            If the visible units are counts.
        ValueError
            If `mask` has another shape than `X`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DBNClassifier, RBMTransformer
        >>> X, y = load_digits(return_X_y=True)
        >>> rbm = RBMTransformer(n_iter=2)
        >>> dbn = DBNClassifier(32, rbm=rbm, finetuning=None, random_state=0).fit(X / 16, y)
        >>> known = np.arange(64) < 32  # the upper half of each image
        >>> mask = np.tile(known, (5, 1))
        >>> filled = dbn.reconstruct(X[:5] / 16, mask=mask)
        >>> bool((filled[:, known] == X[:5, known] / 16).all())
        True
        """
        check_count(self, "n_gibbs_steps", n_gibbs_steps)
        X, given_mask = known_entries(self, mask, X)
        backend, X, net = self._prepare_net(X)
        if self.visible == "multinomial":
            raise TypeError(
                f"reconstruct of {type(self).__name__} is not defined for counts of words: use "
                "sample, or the ReplicatedSoftmax in rbms_[0]."
            )
        stream = None
        if n_gibbs_steps > 1:
            stream = backend.stream(self._seed(random_state, use=(SAMPLE,)))

        def filled_in(v: Array, known: Array | None = None) -> Array:
            if known is None:
                return net.reconstruct(v, n_gibbs_steps, stream)
            return net.fill_in(v, known, n_gibbs_steps, stream)

        return self._apply_rows(backend, X, host_dtype(X), filled_in, self._width, *given_mask)

    def log_partition(self, method: str = "auto", **options: Any) -> LogPartition:
        """Logarithm of the partition function of the top RBM, label units included.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
        **options : dict
            As of :meth:`RBMTransformer.log_partition`.

        Returns
        -------
        result : LogPartition
        """
        check_is_fitted(self, self._fitted_names)
        found: LogPartition = self.rbms_[-1].log_partition(method, **options)
        return found

    def score_samples(self, X: Any) -> Any:
        """Variational lower bound on the log-likelihood of the rows, the label summed out.

        ``E_q[log p(v | h_1) + ... + log p*_top(h_L)] + H(q) - log Z_top`` (Hinton, Osindero & Teh
        2006, equation 4; Salakhutdinov & Murray 2008, section 4), with the recognition weights'
        factorial distribution q.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            In nats per row, averaged over 20 draws of q, the same in every call. It is a bound as
            far as log Z of the top RBM is right: exact where one of its layers has at most 2**20
            states, else the estimate of ``log_partition()``, which is low on average. With one
            hidden layer it is the log-likelihood itself.
        """
        backend, X, net = self._prepare_net(X)
        log_z = self.log_partition().value
        entropy = getattr(self, "_entropy", 0)
        seed = np.random.SeedSequence(entropy, spawn_key=(PARTITION, SAMPLE))
        n_draws = _BOUND_DRAWS if net.recognition else 1

        def bound(v: Array) -> Array:
            # the same draws for every row, so that its bound does not depend on the others
            rows = []
            for i in range(v.shape[0]):
                copies = v[i : i + 1, :] + backend.zeros((n_draws, 1), v.dtype)
                rows.append(belief_bound(net, copies, log_z, 1, backend.stream(seed)))
            return backend.xp.mean(backend.xp.stack(rows), axis=1)

        return self._apply_rows(backend, X, host_dtype(X), bound, self._width)
