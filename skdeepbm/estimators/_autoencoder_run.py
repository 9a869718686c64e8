"""Runs of backpropagation of an unrolled autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import TRAINING
from skdeepbm.estimators._counts import word_shares
from skdeepbm.estimators._early_stopping import EarlyStopping, Rises
from skdeepbm.estimators._finetuning import FinetuningRun
from skdeepbm.estimators._finetuning_settings import (
    autoencoder_rate,
    backprop_trainer,
    held_out_share,
)
from skdeepbm.estimators.finetuning import Backprop
from skdeepbm.models.network import Network
from skdeepbm.training import TrainingState

#: what is measured of classes alone
LABELLED = ("error", "validation_error")


class AutoencoderRun(FinetuningRun):
    """Backpropagation of the whole network, to give the rows themselves a high log-density."""

    settings: Backprop

    def __init__(
        self,
        estimator: Any,
        settings: Backprop,
        backend: Backend,
        X: Any,
        n_epochs: int | None,
        sparse_layers: tuple[int, ...],
        noise: tuple[float, ...],
    ) -> None:
        super().__init__(estimator, settings, backend, X, n_epochs)
        n_rows = int(X.shape[0])
        if settings.early_stopping and n_epochs is not None:
            self.held_out = held_out_share(estimator, settings, n_rows)
        trainer, own = backprop_trainer(
            settings,
            n_rows,
            self.rate,
            noise=noise,
            sparse_layers=sparse_layers,
            sparsity_target=estimator.sparsity_target,
            sparsity_cost=estimator.sparsity_cost if sparse_layers else 0.0,
        )
        targets = self.targets()
        self.build(lambda: trainer(self.network(), own, self.state, self.seed, targets))

    def starting_rate(self) -> float:
        kinds = tuple(kind for kind, _ in self.estimator._kinds()[1 : 1 + self.n_hidden_layers()])
        n_features = int(self.X.shape[1])
        return autoencoder_rate(self.settings, n_features, self.estimator.visible, kinds)

    def n_hidden_layers(self) -> int:
        """Number of layers up to the code."""
        return len(self.estimator.coefs_) // 2

    def network(self) -> Network:
        """The network to train, with arrays of its own."""
        network: Network = self.estimator._model(self.backend, self.dtype, copy_arrays=True)
        return network

    def targets(self) -> Any:
        """What the outputs should be; None for the rows as they are."""
        if self.estimator.visible != "multinomial":
            return None
        return word_shares(self.backend, self.X)

    def early_stopping(self) -> EarlyStopping | None:
        if not self.settings.early_stopping:
            return None
        return EarlyStopping(
            Rises(lambda entry: -entry["validation_loss"]),
            self.settings.n_iter_no_change,
            self.trainer.copies,
            self.trainer.restore,
        )

    def arrays(self) -> dict[str, Any]:
        layers = self.trainer.network.layers
        return {
            "coefs_": [self.host(layer.weights) for layer in layers],
            "intercepts_": [self.host(layer.units.bias) for layer in layers],
        }

    def store(self, entries: list[dict[str, Any]]) -> None:
        super().store([{k: v for k, v in entry.items() if k not in LABELLED} for entry in entries])

    def describe(self, entry: dict[str, Any]) -> str:
        text = f"loss = {entry['loss']:.4f}, squared error = {entry['squared_error']:.4f}"
        if self.held_out is not None:
            text += f", validation loss = {entry['validation_loss']:.4f}"
        return text


class IntermediateRun(AutoencoderRun):
    """The same of the layers that are there so far; nothing of it is kept on the estimator.

    Parameters
    ----------
    start : Network
        Of the layers so far, with arrays of its own.
    """

    task_name = "intermediate fine-tuning"

    def __init__(
        self,
        estimator: Any,
        settings: Backprop,
        backend: Backend,
        X: Any,
        start: Network,
        sparse_layers: tuple[int, ...],
    ) -> None:
        self.start = start
        super().__init__(estimator, settings, backend, X, settings.n_iter, sparse_layers, ())

    def saved_state(self) -> TrainingState | None:
        return None

    def where(self) -> str:
        # the layer's name stands before it
        return self.task_name

    def seed_key(self) -> tuple[int, ...]:
        return TRAINING, 2, len(self.start.layers)

    def n_hidden_layers(self) -> int:
        return len(self.start.layers) // 2

    def network(self) -> Network:
        return self.start

    def host(self, array: Any) -> np.ndarray:
        return self.backend.to_host(array)

    def public_arrays(self) -> None:
        # without all layers there is no fitted estimator to show to callbacks
        return None

    def store(self, entries: list[dict[str, Any]]) -> None:
        self.entries = [{k: v for k, v in entry.items() if k not in LABELLED} for entry in entries]
