"""Classes and features of a deep Boltzmann machine with a label."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._dbm_inference import DBMInferenceMixin
from skdeepbm.estimators._dbm_label_model import TOLERANCE, DBMLabelModelMixin
from skdeepbm.estimators._posterior import PosteriorMixin
from skdeepbm.evaluation.dbm_likelihood import exact_label_log_posterior
from skdeepbm.models.dbm import DBM
from skdeepbm.models.labelled_dbm import (
    LabelledDBM,
    bound_log_posterior,
    mean_field_log_posterior,
)
from skdeepbm.models.mean_field import settled_means


class DBMLabelInferenceMixin(PosteriorMixin, DBMLabelModelMixin, DBMInferenceMixin):
    """From rows to classes, by the network or by the machine."""

    inference: str

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

    def _settled(self, dbm: DBM, v: Array) -> list[Array]:
        # the label is inferred, and no feature
        return settled_means(dbm, v)[:-1]

    def _below(self, dbm: DBM) -> DBM:
        assert isinstance(dbm, LabelledDBM)
        return dbm.unlabelled

    def _inference(self) -> str:
        if self.inference == "auto":
            return "network" if self._has_network else "bound"
        if self.inference == "network" and not self._has_network:
            raise ValueError(
                f"inference='network' of {type(self).__name__} needs finetuning='backprop'; "
                "without it the classes come from the machine: use 'auto', 'bound', "
                "'mean_field' or 'exact'."
            )
        if self.inference not in ("network", "bound", "mean_field", "exact"):
            # set since the fit
            raise ValueError(
                f"inference of {type(self).__name__} must be 'auto', 'network', 'bound', "
                f"'mean_field' or 'exact', got {self.inference!r}."
            )
        return self.inference

    def _log_posterior(self, X: Any) -> np.ndarray:
        backend, X, dbm = self._prepare(X)
        dtype, inference = host_dtype(X), self._inference()
        if inference == "network":
            network = self._network(backend, dtype)

            def log_p(v: Array) -> Array:
                second = settled_means(dbm, v, TOLERANCE)[1]
                return network.log_probabilities(backend.xp.concat([v, second], axis=1))

        elif inference == "bound":

            def log_p(v: Array) -> Array:
                return bound_log_posterior(dbm, v, TOLERANCE)

        elif inference == "mean_field":

            def log_p(v: Array) -> Array:
                return mean_field_log_posterior(dbm, v, TOLERANCE)

        else:

            def log_p(v: Array) -> Array:
                return exact_label_log_posterior(dbm, v)

        found = self._apply_rows(backend, X, dtype, log_p, sum(self._sizes()))
        return np.asarray(found if isinstance(found, np.ndarray) else backend.to_host(found))
