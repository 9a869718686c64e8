"""Codes of a deep autoencoder, and rows from codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepbm.backends import Array, owner_of
from skdeepbm.estimators._autoencoder_model import CODES, AutoencoderModelMixin
from skdeepbm.estimators._base import host_dtype
from skdeepbm.models.network import Network


class AutoencoderCodingMixin(AutoencoderModelMixin):
    """The way up and the way down; both are deterministic, without the noise of training."""

    def transform(self, X: Any) -> Any:
        """Codes of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_code_units)
            Expected values of the code units: real numbers of linear ones, probabilities of
            sigmoid ones.
        """
        return self._codes(X)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit the model and return what `transform` returns for the same rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : object
            Ignored.
        **fit_params : dict
            Handed to `fit`.

        Returns
        -------
        H : ndarray of shape (n_samples, n_code_units)
        """
        return self.fit(X, y, **fit_params)._codes(X, warn=False)

    def _codes(self, X: Any, warn: bool = True) -> Any:
        backend, X, network = self._prepare(X, warn)
        return self._apply_network(backend, X, self._encoder(network))

    def inverse_transform(self, X: Any) -> Any:
        """Rows that the decoder makes of codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_code_units)
            Codes, such as `transform` returns, or the bits of binary ones.

        Returns
        -------
        X_decoded : ndarray of shape (n_samples, n_features)
            Expected values of the output units; of counts, the probability of each word.

        Raises
        ------
        ValueError
            If there is not one column for each code unit.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DeepAutoencoder
        >>> X = load_digits().data[:200] / 16
        >>> model = DeepAutoencoder((16, 2), random_state=0).fit(X)
        >>> model.inverse_transform(np.zeros((3, 2))).shape
        (3, 64)
        """
        check_is_fitted(self, self._fitted_names)
        backend, X, network = self._prepare_hidden(X, self._n_features_out)
        return self._apply_network(backend, X, self._decoder(network))

    def reconstruct(self, X: Any) -> Any:
        """Rows that the decoder makes of the rows' own codes.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Dense expected values. Of counts, each row sums to the number of words of its document.
        """
        backend, X, network = self._prepare(X)
        counts = self.visible == "multinomial"

        def passes(v: Array) -> Array:
            found = network.means(v)[-1]
            return found * backend.xp.sum(v, axis=1, keepdims=True) if counts else found

        return self._apply_rows(backend, X, host_dtype(X), passes, self._width)

    def binary_codes(self, X: Any, threshold: Any = 0.5) -> np.ndarray:
        """Codes of the rows as packed bits, for a search by Hamming distance.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        threshold : float or array-like of shape (n_code_units,), default=0.5
            A bit is set where the code unit's expected value is greater. One value for each unit,
            such as the medians of the codes of the training rows, makes the bits equally frequent.

        Returns
        -------
        codes : ndarray of uint8 of shape (n_samples, ceil(n_code_units / 8))
            As :func:`numpy.packbits` packs them: the first unit is the highest bit of the first
            byte; bits beyond the last unit are 0. On the host.

        Raises
        ------
        ValueError
            If the code units are not sigmoid (``code="binary"`` or ``"sigmoid"``), or if the
            thresholds are not one or as many as the units.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepbm import DeepAutoencoder
        >>> X = load_digits().data[:200] / 16
        >>> model = DeepAutoencoder((16, 12), code="binary", random_state=0).fit(X)
        >>> codes = model.binary_codes(X)
        >>> codes.shape, codes.dtype
        ((200, 2), dtype('uint8'))
        """
        if CODES[self.code] != "bernoulli":
            raise ValueError(
                f"binary_codes of {type(self).__name__} needs code units between 0 and 1, but "
                f"code={self.code!r}: fit with code='binary'."
            )
        H = self._codes(X)
        owner = owner_of(H)
        host = H if owner is None else owner.to_host(H)
        try:
            level = np.asarray(threshold, dtype=np.float64)
        except (TypeError, ValueError):
            level = np.array(np.nan)
        if level.shape not in ((), (host.shape[1],)) or not np.isfinite(level).all():
            raise ValueError(
                f"threshold of binary_codes of {type(self).__name__} must be a number, or one for "
                f"each of the {host.shape[1]} code units, got {threshold!r}."
            )
        return np.packbits(host > level, axis=1)

    def score_samples(self, X: Any) -> Any:
        """Log-density of each row under the output units, given the row's own code.

        It is not the likelihood of a model of the rows, but how well the code keeps them: minus
        the cross-entropy of the reconstruction for sigmoid outputs, minus half the squared error
        and a constant for linear ones.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats per row, summed over features; of counts, for the words in their order.
        """
        backend, X, network = self._prepare(X)
        last = network.layers[-1]

        def log_density(v: Array) -> Array:
            below = Network(network.layers[:-1]).means(v)[-1]
            return last.units.log_density(v, last.input(below))

        return self._apply_rows(backend, X, host_dtype(X), log_density, self._width)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`: higher is better, as a grid search wants it.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : object
            Ignored.

        Returns
        -------
        score : float
            In nats per row.
        """
        return self._mean(self.score_samples(X))

    @property
    def _n_features_out(self) -> int:
        return int(np.shape(self.coefs_[len(self.coefs_) // 2])[0])
