"""What a deep Boltzmann machine checks before training, and where its joint training starts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._counts import check_any_words, document_lengths
from skdeepbm.estimators._dbm_layers import (
    dbm_layer_sizes,
    dbm_templates,
    deep_arrays,
    default_layer,
    word_arrays,
)
from skdeepbm.estimators._dbm_model import DBMModelMixin
from skdeepbm.estimators._documents import entropy_of_shares, word_totals
from skdeepbm.estimators._early_stopping import check_held_out
from skdeepbm.estimators._hyperparameters import check_groups, check_schedules
from skdeepbm.estimators._layers import fit_layer, make_layers
from skdeepbm.estimators._rows import check_training_rows
from skdeepbm.estimators._validation import warn_of_constant_columns
from skdeepbm.exceptions import DataRangeWarning
from skdeepbm.models.units import UNITS, MultinomialUnits
from skdeepbm.training.dbm_start import initial_layers, initial_word_layers
from skdeepbm.training.start import column_moments


class DBMStartMixin(DBMModelMixin):
    """Checks, and greedy layers from the bottom up or small random weights."""

    rbm: Any
    sparsity_target: Any
    pretraining: bool
    n_iter: int
    warm_start: bool
    rbms_: list[Any]
    n_iter_: int
    history_: dict[str, np.ndarray]
    _entropy: Any
    _training: Any
    _data_variance: float
    _set_by_checks = (*DBMModelMixin._set_by_checks, "_entropy")
    #: template of layers where none is given
    _default_layer = staticmethod(default_layer)

    # -- what is checked before anything changes -----------------------------------------

    def _check(self, backend: Backend, X: Any, going_on: bool, n_epochs: int) -> Any:
        """Validated rows; hyper-parameters and, if training goes on, the public arrays too."""
        # scikit-learn passes over them in a later `partial_fit`
        self._validate_params()
        self._check_targets()
        if hasattr(self, "early_stopping"):
            check_held_out(self)
        dbm_templates(self)
        if going_on:
            self._check_going_on()
        X = check_training_rows(self, X, backend, going_on)
        check_schedules(self, self._finished_epochs(going_on), n_epochs)
        if not going_on or not hasattr(self, "_entropy"):
            self._entropy = self._seed().entropy
        return X

    def _check_targets(self) -> None:
        target: Any = self.sparsity_target
        if np.ndim(target) == 0:
            return
        n_layers = len(dbm_layer_sizes(self))
        try:
            found = np.asarray(target, dtype=np.float64)
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.shape != (n_layers,) or not ((found > 0) & (found < 1)).all():
            raise ValueError(
                f"sparsity_target={target!r} of {type(self).__name__} must be a number between 0 "
                f"and 1, or one for each of its {n_layers} hidden layers."
            )

    # -- where joint training starts -----------------------------------------------------

    def _grow(self, backend: Backend, X: Any, context: Any) -> None:
        """Set the public arrays that joint training starts from."""
        if self._is_of_words:
            self._grow_words(backend, X, context)
            return
        mean, variance = column_moments(backend, X)
        if UNITS[self.visible].has_variance:
            warn_of_constant_columns(self, mean, variance)
        layers = []
        if self.pretraining:
            layers = self._greedy_layers(X, context)
            weights, biases, log_variance = deep_arrays(layers)
        else:
            groups = check_groups(self, self.visible_groups, X.shape[1], "visible_groups")
            rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self._entropy)))
            weights, biases, log_variance = initial_layers(
                self.visible, dbm_layer_sizes(self), mean, variance, groups, rng
            )
        self._set_start(backend, X, layers, weights, biases)
        if log_variance is not None:
            self.log_variance_visible_ = np.array(log_variance, dtype=host_dtype(X))
        self._data_variance = float(variance.mean())

    def _grow_words(self, backend: Backend, X: Any, context: Any) -> None:
        """The same of documents."""
        n_words, total = document_lengths(X, backend), word_totals(X, backend)
        check_any_words(self, X, n_words)
        mean_n_words = float(n_words[n_words > 0].mean())
        bias = MultinomialUnits.initial_bias(total, total, None)
        layers = []
        if self.pretraining:
            layers = self._greedy_layers(X, context)
            weights, biases = word_arrays(layers, mean_n_words)
        else:
            rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self._entropy)))
            weights, biases = initial_word_layers(dbm_layer_sizes(self), bias, mean_n_words, rng)
        self._set_start(backend, X, layers, weights, biases)
        self.mean_n_words_ = mean_n_words
        self._data_variance = entropy_of_shares(X, backend, n_words, bias)

    def _set_start(
        self,
        backend: Backend,
        X: Any,
        layers: list[Any],
        weights: list[np.ndarray],
        biases: list[np.ndarray],
    ) -> None:
        dtype = host_dtype(X)
        for name in self._other_names:
            self.__dict__.pop(name, None)
        self.coefs_ = [np.ascontiguousarray(w, dtype=dtype) for w in weights]
        self.intercepts_ = [np.array(b, dtype=dtype) for b in biases]
        self.rbms_, self._training = layers, None
        self.history_, self.n_iter_, self._fit_backend = {}, 0, backend.name

    def _greedy_layers(self, X: Any, context: Any) -> list[Any]:
        """Fitted layers, from the bottom to the top."""
        seed = None if self.random_state is None else np.random.SeedSequence(self._entropy)
        layers, rows = make_layers(self, seed, dbm_templates(self)), X
        for place, layer in enumerate(layers):
            with warnings.catch_warnings():
                # it has been said in the name of this estimator
                warnings.simplefilter("ignore", DataRangeWarning)
                fit_layer(layer, place, rows, context, self)
                if place + 1 < len(layers):
                    rows = layer.transform(rows)
        return layers
