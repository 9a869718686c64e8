"""Runs of fine-tuning of a deep belief net, on rows of which some have a label."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np

from skdeepbm.backends import Backend, owner_of
from skdeepbm.estimators._early_stopping import EarlyStopping, Rises
from skdeepbm.estimators._finetuning import FinetuningRun
from skdeepbm.estimators._finetuning_settings import (
    backprop_trainer,
    held_out_rows,
    rows_per_batch,
)
from skdeepbm.estimators._labels import one_hot
from skdeepbm.estimators.finetuning import Backprop, WakeSleep
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.network import Network
from skdeepbm.training.wake_sleep import WakeSleepTrainer
from skdeepbm.training.wake_sleep_settings import WakeSleepSettings


def _targets(codes: np.ndarray, run: FinetuningRun) -> np.ndarray:
    """One-hot rows; zeros where there is no label."""
    return one_hot(codes, len(run.estimator.classes_), run.dtype)


class BackpropRun(FinetuningRun):
    """Backpropagation of the upward pass; rows without a label take no part."""

    settings: Backprop
    #: public arrays of the network
    coefs, intercepts = "coefs_", "intercepts_"

    def __init__(
        self,
        estimator: Any,
        settings: Backprop,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> None:
        labelled = np.flatnonzero(codes >= 0)
        if labelled.size < codes.size:
            X = backend.take_rows(X, labelled) if owner_of(X) is backend else X[labelled]
            codes = codes[labelled]
        super().__init__(estimator, settings, backend, X, n_epochs)
        if settings.early_stopping and n_epochs is not None:
            self.held_out = held_out_rows(estimator, settings, X, codes)
        trainer, own = backprop_trainer(settings, codes.size, self.rate)
        targets = _targets(codes, self)
        self.build(lambda: trainer(self.network(), own, self.state, self.seed, targets))

    def network(self) -> Network:
        """The network to train, in arrays of its own."""
        found: Network = self.estimator._model(self.backend, self.dtype, copy_arrays=True)
        return found

    def early_stopping(self) -> EarlyStopping | None:
        if not self.settings.early_stopping:
            return None
        return EarlyStopping(
            Rises(lambda entry: -entry["validation_error"]),
            self.settings.n_iter_no_change,
            self.trainer.copies,
            self.trainer.restore,
        )

    def arrays(self) -> dict[str, Any]:
        layers = self.trainer.network.layers
        return {
            self.coefs: [self.host(layer.weights) for layer in layers],
            self.intercepts: [self.host(layer.units.bias) for layer in layers],
        }

    def describe(self, entry: dict[str, Any]) -> str:
        text = f"loss = {entry['loss']:.4f}, error = {entry['error']:.4f}"
        if self.held_out is not None:
            text += f", validation error = {entry['validation_error']:.4f}"
        return text


class WakeSleepRun(FinetuningRun):
    """Up-down training of the generative model."""

    settings: WakeSleep

    def __init__(
        self,
        estimator: Any,
        settings: WakeSleep,
        backend: Backend,
        X: Any,
        codes: np.ndarray,
        n_epochs: int | None,
    ) -> None:
        super().__init__(estimator, settings, backend, X, n_epochs)
        names = [*WakeSleepSettings.__dataclass_fields__]
        known = [name for name in names if hasattr(settings, name)]
        given = {name: getattr(settings, name) for name in known}
        given |= {"learning_rate": self.rate, "batch_size": rows_per_batch(settings, codes.size)}
        own = WakeSleepSettings(**given)
        targets = _targets(codes, self)

        def net() -> BeliefNet:
            found: BeliefNet = estimator._belief_net(backend, self.dtype, copy_arrays=True)
            return found

        self.build(lambda: WakeSleepTrainer(net(), own, self.state, self.seed, targets))

    def arrays(self) -> dict[str, Any]:
        net = self.trainer.net
        rbms = [copy.copy(rbm) for rbm in self.estimator.rbms_]
        for rbm, layer in zip(rbms[:-1], net.generative, strict=True):
            rbm.components_ = self.host(layer.weights)
            rbm.intercept_visible_ = self.host(layer.units.bias)
        found = self.trainer.parameters()
        top = {name: found[name] for name in ("weights", "visible_bias", "hidden_bias")}
        in_training = SimpleNamespace(backend=self.backend, parameters=lambda: top)
        for name, value in rbms[-1]._fitted_arrays(in_training).items():
            setattr(rbms[-1], name, value)
        return {
            "coefs_": [self.host(layer.weights) for layer in net.recognition],
            "intercepts_": [self.host(layer.units.bias) for layer in net.recognition],
            "rbms_": rbms,
        }

    def describe(self, entry: dict[str, Any]) -> str:
        text = f"reconstruction error = {entry['reconstruction_error']:.4f}"
        return f"{text}, error = {entry['error']:.4f}"
