"""Hands whole epochs of small, plain problems to a backend that has them compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from skdeepbm.training.batches import Rows
from skdeepbm.training.negative_phases.pcd import PersistentContrastiveDivergence
from skdeepbm.training.optimizers import SGD

if TYPE_CHECKING:
    from skdeepbm.training.rbm_trainer import RBMTrainer

# multiplications in a product: above, the products outweigh what calling them costs
_SMALL = 2**18


def is_fusible(trainer: RBMTrainer, rows: Rows) -> bool:
    """Whether epochs can be handed over: Bernoulli units, dense host rows, nothing unusual on."""
    rbm, settings = trainer.rbm, trainer.settings
    return (
        trainer.backend.compiled_epochs
        and rbm.shares == (1.0, 1.0)
        and rbm.visible.kind == rbm.hidden.kind == "bernoulli"
        and rbm.weights.dtype == np.float32
        and isinstance(trainer.optimizer, SGD)
        and settings.algorithm in ("cd", "pcd")
        and not (settings.sparsity_cost or settings.l1_penalty)
        and not (settings.max_norm or settings.norm_cost)
        and not rows.is_sparse
        and rows.X.flags.c_contiguous
        and settings.batch_size * rbm.weights.size <= _SMALL
    )


def run_epoch(trainer: RBMTrainer, rows: Rows, order: np.ndarray) -> None:
    """One epoch, the same as the trainer's steps would do."""
    settings, rbm = trainer.settings, trainer.rbm
    rate, momentum, n_steps = trainer.scheduled()
    optimizer = cast(SGD, trainer.optimizer)
    (weights_velocity,) = optimizer.slots_of("weights", rbm.weights)
    (biases_velocity,) = optimizer.slots_of("biases", trainer.biases)
    chains = np.empty((0, rbm.hidden.size), np.float32)
    if isinstance(trainer.negative, PersistentContrastiveDivergence):
        chains = trainer.negative.h
    trainer.backend.bernoulli_epoch(
        rows.X,
        order,
        settings.batch_size,
        n_steps,
        rbm.weights,
        trainer.biases,
        weights_velocity,
        biases_velocity,
        np.empty(0, np.float32) if trainer.offsets is None else trainer.offsets,
        chains,
        trainer.negative.draw_visible,
        trainer.stream,
        rate,
        momentum,
        settings.weight_decay,
        optimizer.nesterov,
        settings.centring_rate,
    )
