"""Classes and features of a deep belief net."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.estimators._base import GIBBS, host_dtype
from skdeepbm.estimators._dbn_model import DBNModelMixin
from skdeepbm.estimators._posterior import PosteriorMixin
from skdeepbm.evaluation.label_recovery import recovered_labels
from skdeepbm.models.labels import hidden_mean_given_features, label_log_posterior


class DBNInferenceMixin(PosteriorMixin, DBNModelMixin):
    """From rows to classes, by the network or by the top RBM."""

    inference: str
    n_inference_steps: int
    transform_layer: int

    def _inference(self) -> str:
        if self.inference != "auto":
            if self.inference == "network" and not self._is_classifier_network:
                raise ValueError(
                    f"inference='network' of {type(self).__name__} needs "
                    "finetuning='backprop'; without it the classes come from the top RBM: use "
                    "'auto', 'free_energy' or 'gibbs'."
                )
            if self.inference not in ("network", "free_energy", "gibbs"):
                # set since the fit
                raise ValueError(
                    f"inference of {type(self).__name__} must be 'auto', 'network', 'free_energy' "
                    f"or 'gibbs', got {self.inference!r}."
                )
            return self.inference
        return "network" if self._is_classifier_network else "free_energy"

    def _log_posterior(self, X: Any) -> np.ndarray:
        backend, X, network = self._prepare(X)
        dtype = host_dtype(X)
        inference = self._inference()
        if inference == "network":
            log_p = network.log_probabilities
        else:
            net = self._belief_net(backend, dtype)
            # every chunk goes on with the same stream
            stream = backend.stream(self._seed(use=(GIBBS,))) if inference == "gibbs" else None

            def log_p(v: Array) -> Array:
                penultimate = net.up(v)[-1]
                if stream is None:
                    return label_log_posterior(net.top, penultimate)
                return recovered_labels(net.top, penultimate, self.n_inference_steps, stream)

        found = self._apply_rows(backend, X, dtype, log_p, self._width)
        return np.asarray(found if isinstance(found, np.ndarray) else backend.to_host(found))

    def transform(self, X: Any) -> Any:
        """Expected values of the hidden layer that `transform_layer` names.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
            From the upward pass with `coefs_`; of the last layer without backpropagation, from the
            top RBM with its label summed out.
        """
        return self._hidden_means(X)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit the model and return what `transform` returns for the same rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        **fit_params : dict
            Handed to `fit`.

        Returns
        -------
        H : ndarray of shape (n_samples, n_units)
        """
        return self.fit(X, y, **fit_params)._hidden_means(X, warn=False)

    def _layer_index(self) -> int:
        n_layers = len(self.rbms_)
        if not -n_layers <= self.transform_layer < n_layers:
            raise ValueError(
                f"transform_layer={self.transform_layer} of {type(self).__name__} is none of its "
                f"{n_layers} hidden layers: give {-n_layers} to {n_layers - 1}."
            )
        return self.transform_layer % n_layers

    def _hidden_means(self, X: Any, warn: bool = True) -> Any:
        backend, X, network = self._prepare(X, warn)
        dtype, last = host_dtype(X), self._layer_index()
        top = None
        if last >= len(network.layers):
            top = self.rbms_[-1]._model(backend, dtype)

        def means(v: Array) -> Array:
            for layer in network.layers[: last + 1]:
                v = layer.mean(v)
            return v if top is None else hidden_mean_given_features(top, v)

        return self._apply_rows(backend, X, dtype, means, self._width)

    @property
    def _n_features_out(self) -> int:
        return len(self.rbms_[self._layer_index()].components_)
