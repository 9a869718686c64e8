"""From a ShallowAutoencoder's parameters and public arrays to a trainer, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import TRAINING, host_dtype, put
from skdeepbm.estimators._counts import check_any_words, document_lengths, word_shares
from skdeepbm.estimators._early_stopping import Entry, Rises
from skdeepbm.estimators._fitting import warn_of_base_rate
from skdeepbm.estimators._hyperparameters import check_groups, check_schedules
from skdeepbm.estimators._rows import check_training_rows
from skdeepbm.estimators._training import TrainingMixin
from skdeepbm.estimators._validation import name_of
from skdeepbm.models.autoencoder import Autoencoder
from skdeepbm.models.network import Layer
from skdeepbm.models.units import UNITS, MultinomialUnits, Units
from skdeepbm.training import Rows, ShallowSettings, ShallowTrainer, Trainer
from skdeepbm.training.optimizers import usable_state
from skdeepbm.training.shallow_trainer import SHALLOW_MEASURES
from skdeepbm.training.start import column_moments, glorot_weights

_ADAM_RATE = 0.003


class ShallowTrainingMixin(TrainingMixin):
    """What training an autoencoder needs besides the order of things."""

    visible: str
    hidden: str
    visible_groups: Any
    tied_weights: bool
    corruption: str | None
    corruption_level: float
    contraction_cost: float
    learning_rate: Any
    optimizer: str
    training_dtype: str | None
    _measures = SHALLOW_MEASURES

    # -- the model -----------------------------------------------------------------------

    @property
    def decoder_components_(self) -> np.ndarray:
        """Weights of the decoder, of shape (n_components, n_features)."""
        if self.tied_weights:
            return self.components_
        try:
            found: np.ndarray = self.__dict__["decoder_components_"]
        except KeyError:
            raise AttributeError(
                f"This {name_of(self)} has no decoder_components_: with tied_weights=False "
                "the decoder has weights of its own. Call fit, or set them."
            ) from None
        return found

    @decoder_components_.setter
    def decoder_components_(self, value: np.ndarray) -> None:
        if self.tied_weights:
            raise AttributeError(
                f"The decoder of {name_of(self)} has the weights components_: set those, or "
                "tied_weights=False."
            )
        self.__dict__["decoder_components_"] = value

    @property
    def _kind(self) -> type[Units]:
        """Kind of the visible units."""
        return MultinomialUnits if self.visible == "multinomial" else UNITS[self.visible]

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> Autoencoder:
        self._check_shapes()

        def own(array: Any) -> Array:
            return put(backend, array, dtype, copy_arrays)

        n_visible = self._n_visible
        groups = check_groups(self, self.visible_groups, n_visible, "visible_groups")
        hidden = UNITS[self.hidden](backend, own(self.intercept_hidden_))
        is_counts = self.visible == "multinomial"
        return Autoencoder(
            Layer(own(np.asarray(self.components_).T), hidden, replicated=is_counts),
            self._kind(backend, own(self.intercept_visible_), None, groups),
            None if self.tied_weights else own(self.decoder_components_),
        )

    def _check_shapes(self) -> None:
        super()._check_shapes()
        found, wanted = np.shape(self.decoder_components_), np.shape(self.components_)
        if found != wanted:
            raise ValueError(
                f"decoder_components_ of {name_of(self)} has shape {found}, but needs that "
                f"of components_, {wanted}."
            )

    # -- data ----------------------------------------------------------------------------

    def _check_training(self, backend: Backend, X: Any, going_on: bool, n_epochs: int) -> Any:
        """Hyper-parameters and data, checked before anything of the estimator changes."""
        self._check_corruption()
        self._check_early_stopping()
        if going_on:
            self._check_going_on()
        check_schedules(self, self._finished_epochs(going_on), n_epochs)
        X = check_training_rows(self, X, backend, going_on)
        if self.visible == "multinomial" and not going_on:
            check_any_words(self, X, document_lengths(X, backend))
        return X

    def _check_corruption(self) -> None:
        name, counts = name_of(self), self.visible == "multinomial"
        if counts and self.contraction_cost:
            raise ValueError(
                f"contraction_cost={self.contraction_cost!r} of {name} is not defined for "
                "visible='multinomial': codes of counts change with the number of words, too. "
                "Use sparsity_cost or corruption='masking', or 0."
            )
        if self.corruption is None:
            return
        if counts and self.corruption != "masking":
            raise ValueError(
                f"corruption={self.corruption!r} of {name} would make counts dense, and no counts "
                "any more: with visible='multinomial' use 'masking' or None."
            )
        if self.corruption == "salt" and self._kind.support is None:
            raise ValueError(
                f"corruption='salt' of {name} puts inputs to the ends of their range, but values "
                f"with visible={self.visible!r} have none: use 'masking' or 'gaussian'."
            )
        if self.corruption != "gaussian" and self.corruption_level > 1:
            raise ValueError(
                f"corruption_level={self.corruption_level!r} of {name} is the share of inputs that "
                f"corruption={self.corruption!r} hits: it must be at most 1."
            )

    # -- training ------------------------------------------------------------------------

    def _start(self, backend: Backend, X: Any, n_batches: int) -> None:
        """Set the starting parameters from the data.

        The hidden biases cancel the input from the data's mean and the visible ones what comes back
        of that, so that a row at the mean is reconstructed by the base rate.
        """
        groups = check_groups(self, self.visible_groups, X.shape[1], "visible_groups")
        rows = word_shares(backend, X) if self.visible == "multinomial" else X
        mean, variance = column_moments(backend, rows)
        self._entropy = self._seed().entropy
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(self._entropy)))
        weights = glorot_weights(rng, mean.size, self.n_components, self.hidden)
        start = {
            "components_": weights.T,
            "intercept_hidden_": -mean @ weights,
            "intercept_visible_": self._kind.initial_bias(mean, variance, groups),
        }
        if not self.tied_weights:
            decoder = glorot_weights(rng, self.n_components, mean.size, self.hidden)
            start["decoder_components_"] = decoder
        back = start.get("decoder_components_", start["components_"])
        start["intercept_visible_"] -= self._code_at_zero() * back.sum(axis=0)
        dtype = host_dtype(X)
        # rounded to the precision of training, where that is lower
        working = np.dtype(self.training_dtype or dtype)
        self.__dict__.pop("decoder_components_", None)
        for name, array in start.items():
            setattr(self, name, array.astype(working).astype(dtype))
        self._adopt(n_batches, float(variance.mean()))

    def _code_at_zero(self) -> float:
        """Expected value of a hidden unit whose total input is 0."""
        return {"bernoulli": 0.5, "gaussian": 0.0, "relu": float(np.log(2.0))}[self.hidden]

    def _trainer(self, backend: Backend, X: Any, n_epochs: int | None) -> ShallowTrainer:
        dtype = np.dtype(self.training_dtype or host_dtype(self.components_))
        model = self._model(backend, dtype, copy_arrays=True)
        state = copy.copy(self._training)
        shapes = {name: np.shape(saved["slots"][0]) for name, saved in state.optimizer.items()}
        state.optimizer = usable_state(self.optimizer, state.optimizer)
        if shapes and ("decoder_weights" in shapes) == self.tied_weights:
            # weights that were tied and are not any more, or the reverse
            state.optimizer = {}
        fields = ShallowSettings.__dataclass_fields__
        settings = {name: getattr(self, name) for name in fields if hasattr(self, name)}
        settings["learning_rate"] = self._learning_rate()
        seed = np.random.SeedSequence(self._entropy, spawn_key=(TRAINING,))
        self._fit_backend = backend.name
        return ShallowTrainer(model, ShallowSettings(**settings), state, seed)

    def _learning_rate(self) -> Any:
        if not isinstance(self.learning_rate, str):
            return self.learning_rate
        if self.optimizer == "adam":
            return _ADAM_RATE
        # half of what suits an RBM
        kinds = self._kind, UNITS[self.hidden]
        return 0.5 * min(kind.default_learning_rate for kind in kinds)

    def _fitted_arrays(self, trainer: Trainer) -> dict[str, np.ndarray]:
        names = {
            "weights": "components_",
            "hidden_bias": "intercept_hidden_",
            "visible_bias": "intercept_visible_",
            "decoder_weights": "decoder_components_",
        }
        dtype, found = host_dtype(self.components_), {}
        for name, array in trainer.parameters().items():
            host = trainer.backend.to_host(array).astype(dtype)
            found[names[name]] = host.T if name == "weights" else host
        return found

    @staticmethod
    def _described(entry: dict[str, Any], value: float | None) -> str:
        text = f"loss = {entry['loss']:.4f}, squared error = {entry['squared_error']:.4f}"
        if np.isnan(entry["validation_loss"]):
            return text
        return f"{text}, validation loss = {entry['validation_loss']:.4f}"

    def _printed(self, trainer: Any, rows: Rows, among: np.ndarray | None = None) -> float | None:
        return None

    def _is_better(self, trainer: Any, rows: Rows, held_out: Any) -> Callable[[Entry], bool]:
        return Rises(lambda entry: -float(entry[f"validation_{self.early_stopping}"]))

    def _warn_of_base_rate(self, entries: list[dict[str, Any]], n_rows: int) -> None:
        def mean_error(entry: dict[str, Any]) -> float:
            return float(entry["squared_error"]) / self._n_visible

        warn_of_base_rate(self, entries, self._data_variance, n_rows, mean_error)
