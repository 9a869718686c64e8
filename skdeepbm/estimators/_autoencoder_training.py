"""`fit` and `partial_fit` of a deep autoencoder: layers one on another, then the whole network."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend, get_backend
from skdeepbm.estimators._autoencoder_model import AutoencoderModelMixin
from skdeepbm.estimators._autoencoder_run import AutoencoderRun, IntermediateRun
from skdeepbm.estimators._base import TRAINING, host_dtype
from skdeepbm.estimators._counts import check_any_words, document_lengths
from skdeepbm.estimators._finetuning_settings import check_backprop, held_out_share
from skdeepbm.estimators._layers import (
    downward_arrays,
    fit_layer,
    named_layer,
    units_of,
    upward_arrays,
)
from skdeepbm.estimators._rows import check_rows
from skdeepbm.estimators._stage import begin_deep_fit
from skdeepbm.estimators.finetuning import Backprop
from skdeepbm.models.network import Network
from skdeepbm.training.start import column_moments, glorot_weights

#: what the names of fine-tunings stand for
FINETUNING: dict[str, dict[str, Any]] = {"backprop": {}}
INTERMEDIATE = {"backprop": {"n_iter": 10}}


class AutoencoderTrainingMixin(AutoencoderModelMixin):
    """The order of things: each layer and what is unrolled so far, then the network as a whole."""

    pretraining: bool
    intermediate_finetuning: Any
    finetuning: Any
    code_noise: float
    warm_start: bool
    pretrainers_: list[Any]
    intermediate_history_: list[dict[str, np.ndarray]]
    history_: dict[str, np.ndarray]
    n_iter_: int
    _entropy: Any
    _training: Any
    _set_by_checks = (*AutoencoderModelMixin._set_by_checks, "_entropy")

    def _fit(self, X: Any, y: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "coefs_")
        # layer-wise training changes nothing here until all layers are there
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, None)
            context, _ = begin_deep_fit(self, backend, X, y, going_on)
            if not going_on:
                self._grow(backend, X, context)
        settings = self._settings(self.finetuning, FINETUNING)
        if settings is not None:
            self._run(settings, backend, X, settings.n_iter).fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )

    def _partial_fit(self, X: Any) -> None:
        going_on = hasattr(self, "coefs_")
        backend = self._resolve_backend(X)
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, 1)
            if not going_on:
                self._grow(backend, X, self._init_callback_context(max_subtasks=None))
        settings = self._settings(self.finetuning, FINETUNING)
        if settings is not None:
            self._run(settings, backend, X, None).step()

    # -- what is checked before anything changes -----------------------------------------

    def _check(self, backend: Backend, X: Any, going_on: bool, n_steps: int | None) -> Any:
        """Validated rows; hyper-parameters and, if training goes on, the public arrays too."""
        # scikit-learn passes over them in a later `partial_fit`
        self._validate_params()
        self._layers()
        # parameters that somebody set by hand come without a number of features
        reset = not (going_on and hasattr(self, "n_features_in_"))
        X = check_rows(self, X, backend, reset=reset)
        if going_on:
            self._check_going_on(X)
        if not going_on or not hasattr(self, "_entropy"):
            self._entropy = self._seed().entropy
        settings = self._settings(self.finetuning, FINETUNING)
        self._check_settings(settings, X, self._finished_epochs(going_on), n_steps)
        if not going_on:
            if self.visible == "multinomial":
                check_any_words(self, X, document_lengths(X, backend))
            # all epochs of it, also in a `partial_fit`
            self._check_settings(self._settings(self.intermediate_finetuning, INTERMEDIATE), X)
        return X

    def _check_settings(
        self, settings: Backprop | None, X: Any, first: int = 0, n_steps: int | None = None
    ) -> None:
        """Raise, before any training, what a fine-tuning would raise later."""
        if settings is None:
            return
        n_epochs = settings.n_iter if n_steps is None else n_steps
        check_backprop(self, settings, int(X.shape[0]), first, n_epochs)
        if settings.early_stopping and n_steps is None:
            held_out_share(self, settings, int(X.shape[0]))

    @staticmethod
    def _settings(given: Any, names: dict[str, dict[str, Any]]) -> Backprop | None:
        """Validated settings of a fine-tuning."""
        settings = Backprop(**names[given]) if isinstance(given, str) else given
        if settings is not None:
            settings._validate_params()
        return settings

    # -- layers --------------------------------------------------------------------------

    def _grow(self, backend: Backend, X: Any, context: Any) -> None:
        """Train layer upon layer, unroll them, and set the public arrays."""
        seed = None if self.random_state is None else np.random.SeedSequence(self._entropy)
        layers, kinds = self._layers(seed), self._kinds()
        intermediate = self._settings(self.intermediate_finetuning, INTERMEDIATE)
        rng = np.random.default_rng(np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,)))
        up: list[tuple[np.ndarray, np.ndarray]] = []
        down: list[tuple[np.ndarray, np.ndarray]] = []
        histories, dtype, rows = [], host_dtype(X), X
        for place, layer in enumerate(layers):
            if self.pretraining:
                fit_layer(layer, place, rows, context, self)
                up.append(upward_arrays(layer))
                down.insert(0, downward_arrays(layer))
            else:
                pair = kinds[place], kinds[place + 1]
                above, below = self._random_layer(backend, pair, layer.n_components, rows, rng)
                up.append(above)
                down.insert(0, below)
            if place + 1 == len(layers):
                break
            coefs, intercepts = (list(part) for part in zip(*up, *down, strict=True))
            if intermediate is not None:
                with named_layer(self, place):
                    coefs, intercepts, history = self._tune_part(
                        intermediate, backend, X, kinds[: place + 2], coefs, intercepts, context
                    )
                up = list(zip(coefs, intercepts, strict=True))[: place + 1]
                down = list(zip(coefs, intercepts, strict=True))[place + 1 :]
                histories.append(history)
            network = self._network(backend, dtype, kinds[: place + 2], coefs, intercepts)
            rows = self._apply_network(backend, X, self._encoder(network))
        arrays = [*up, *down]
        self.coefs_ = [np.ascontiguousarray(w, dtype=dtype) for w, _ in arrays]
        self.intercepts_ = [np.array(b, dtype=dtype) for _, b in arrays]
        self.pretrainers_ = layers if self.pretraining else []
        self.intermediate_history_ = histories
        self.history_, self.n_iter_, self._training = {}, 0, None
        self._fit_backend = backend.name

    @staticmethod
    def _random_layer(
        backend: Backend,
        kinds: tuple[tuple[str, Any], tuple[str, Any]],
        n_units: int,
        rows: Any,
        rng: np.random.Generator,
    ) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """A layer without pretraining, up and down: random weights, and outputs at the mean."""
        n_below, (below, above) = int(rows.shape[1]), kinds
        up = glorot_weights(rng, n_below, n_units, above[0])
        down = glorot_weights(rng, n_units, n_below, below[0])
        units = units_of(*below, get_backend("numpy"), np.zeros(n_below))
        bias = units.initial_bias(*column_moments(backend, rows), units.groups)
        return (up, np.zeros(n_units)), (down, bias)

    def _tune_part(
        self,
        settings: Backprop,
        backend: Backend,
        X: Any,
        kinds: list[tuple[str, Any]],
        coefs: list[np.ndarray],
        intercepts: list[np.ndarray],
        context: Any,
    ) -> tuple[list[np.ndarray], list[np.ndarray], dict[str, np.ndarray]]:
        """Fine-tune the layers that are there so far; their arrays, and the history of it."""
        dtype = np.dtype(settings.training_dtype or host_dtype(X))
        network: Network = self._network(backend, dtype, kinds, coefs, intercepts, True)
        sparse = tuple(i for i in self._sparse_layers() if i < len(kinds) - 1)
        run = IntermediateRun(self, settings, backend, X, network, sparse)
        run.fit(context, X, None)
        arrays = run.arrays()
        names = run.entries[0] if run.entries else ()
        history = {name: np.array([entry[name] for entry in run.entries]) for name in names}
        return arrays["coefs_"], arrays["intercepts_"], history

    # -- fine-tuning ---------------------------------------------------------------------

    def _run(
        self, settings: Backprop, backend: Backend, X: Any, n_epochs: int | None
    ) -> AutoencoderRun:
        n_layers = len(self.coefs_) // 2
        noise: tuple[float, ...] = ()
        if self.code == "binary":
            noise = (*(0.0 for _ in range(n_layers - 1)), self.code_noise)
        return AutoencoderRun(self, settings, backend, X, n_epochs, self._sparse_layers(), noise)
