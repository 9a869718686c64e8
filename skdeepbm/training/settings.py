"""What training is told, and what it carries from call to call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepbm.training.schedules import Schedule


@dataclass(frozen=True)
class LoopSettings:
    """Hyper-parameters of every loop over epochs."""

    learning_rate: Schedule = 0.1
    momentum: Schedule = 0.0
    optimizer: str = "sgd"
    batch_size: int = 10
    averaging: float = 0.0
    shuffle: bool = True


@dataclass(frozen=True)
class TrainingSettings(LoopSettings):
    """Hyper-parameters of training; their meaning is documented on the estimators."""

    n_gibbs_steps: Schedule = 1
    algorithm: str = "cd"
    visible_states: str = "draw"
    n_chains: int | None = None
    n_temperatures: int = 10
    fast_learning_rate: float = 0.1
    fast_decay: float = 0.95
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    max_norm: float | None = None
    norm_cost: float = 0.0
    sparsity_target: float = 0.1
    sparsity_cost: float = 0.0
    sparsity_decay: float = 0.9
    centring: bool = True
    centring_rate: float = 0.01
    variance_rate: float = 0.1
    length_power: float = 0.5
    n_hidden_words: int = 0
    n_mean_field_steps: Schedule = 1
    bias_shift: float = 0.0
    generative_weight: float = 0.0


@dataclass(frozen=True)
class DBMSettings(LoopSettings):
    """Hyper-parameters of the joint training of a deep Boltzmann machine.

    Parameters
    ----------
    learning_rate, momentum, n_gibbs_steps : float, sequence of float or callable
        Schedules; Gibbs steps of the persistent chains at each batch.
    optimizer : {"sgd", "nesterov", "adam"}
    batch_size : int
    averaging : float
        Share of the epochs, the last ones, whose parameters are averaged at the end.
    shuffle : bool
        Whether each epoch takes the rows in an order of its own.
    algorithm : {"pcd", "pt"}
        Of the negative phase.
    n_chains : int
    n_temperatures : int
        Of ``algorithm="pt"``, with ``n_chains`` at each of them.
    mean_field_steps : int
        Updates of all hidden layers in the positive phase, at most.
    mean_field_tolerance : float
        They end when no expected value changes by more.
    weight_decay : float
        Biases never decay.
    max_norm : float or None
        Greatest Euclidean norm of the weights that lead to a hidden unit from below.
    norm_cost : float
        Of the penalty on norms that differ within a layer.
    sparsity_target : float or tuple of float
        Of all hidden layers, or of each.
    sparsity_cost, sparsity_decay : float
    centring : bool
    centring_rate : float
        Share of the way to a batch's means by which offsets move.
    variance_rate : float
        Factor of the learning rate for variances of Gaussian visible units.
    mean_n_words : float
        Of the documents, where visible units are counts of words.
    """

    learning_rate: Schedule = 0.005
    batch_size: int = 100
    n_gibbs_steps: Schedule = 5
    algorithm: str = "pcd"
    n_chains: int = 100
    n_temperatures: int = 10
    mean_field_steps: int = 30
    mean_field_tolerance: float = 1e-3
    weight_decay: float = 0.0
    max_norm: float | None = None
    norm_cost: float = 0.0
    sparsity_target: float | tuple[float, ...] = 0.1
    sparsity_cost: float = 0.0
    sparsity_decay: float = 0.9
    centring: bool = True
    centring_rate: float = 0.01
    variance_rate: float = 0.1
    mean_n_words: float = 1.0


@dataclass(frozen=True)
class BackpropSettings(LoopSettings):
    """Hyper-parameters of backpropagation.

    Parameters
    ----------
    learning_rate, momentum : float, sequence of float or callable
        Schedules.
    optimizer : {"sgd", "nesterov", "adam"}
    batch_size : int
        The gradient is averaged over the rows of a batch, also of a short last one.
    averaging : float
        Share of the epochs, the last ones, whose parameters are averaged at the end.
    shuffle : bool
        Whether each epoch takes the rows in an order of its own.
    weight_decay : float
        ``weight_decay / 2`` times the sum of squared weights is added to the loss.
    dropout : float
        Share of hidden units that are silent in a row; the others are scaled up.
    input_dropout : float
        The same of inputs. Of sparse rows, stored elements only.
    max_norm : float or None
        Greatest Euclidean norm of the weights that lead to a unit.
    n_top_epochs : int
        Epochs at the start in which only the last layer is trained.
    noise : tuple of float
        For each layer, the standard deviation of Gaussian noise on the inputs of its units; no
        entry means none.
    sparse_layers : tuple of int
        Hidden layers that are held mostly silent; see :class:`ActivityPenalty`.
    sparsity_target, sparsity_cost, sparsity_decay : float
        Of the penalty on them, in nats per row.
    """

    batch_size: int = 100
    weight_decay: float = 0.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    max_norm: float | None = None
    n_top_epochs: int = 0
    noise: tuple[float, ...] = ()
    sparse_layers: tuple[int, ...] = ()
    sparsity_target: float = 0.1
    sparsity_cost: float = 0.0
    sparsity_decay: float = 0.9


@dataclass
class TrainingState:
    """What persists over batches, epochs and calls, on the host.

    Attributes
    ----------
    epoch, batch : int
        Finished epochs, and batches seen in the current one.
    n_batches : int
        Batches in an epoch, for schedules.
    offsets : ndarray or None
        Centring offsets of the visible and the hidden units, layer after layer.
    activity : ndarray or None
        Decayed average activity of each hidden unit, layer after layer.
    log_variance_floor : ndarray or None
        Least values of the visible log-variances.
    base_bias : ndarray or None
        Visible biases of independent units with the data's mean.
    chains, memory : object
        State of the negative phase: its chains, and what else it carries.
    optimizer, stream, shuffle : object
        States of the optimiser and of the two random streams.
    """

    epoch: int = 0
    batch: int = 0
    n_batches: int = 1
    offsets: np.ndarray | None = None
    activity: np.ndarray | None = None
    log_variance_floor: np.ndarray | None = None
    base_bias: np.ndarray | None = None
    chains: Any = None
    memory: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    stream: dict[str, Any] | None = None
    shuffle: dict[str, Any] | None = None
