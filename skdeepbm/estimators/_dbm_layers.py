"""Greedy layers that a deep Boltzmann machine starts from."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Backend, get_backend
from skdeepbm.estimators._layers import layer_sizes, listed_templates
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.models.dbm import DBM
from skdeepbm.models.doubled_rbm import DoubledRBM


class CopiedRBM(RBMTransformer):
    """An RBM with copies of its sides; its likelihoods are of no use, it is for training."""

    _copies: ClassVar[tuple[int, int]]

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> DoubledRBM:
        rbm = super()._model(backend, dtype, copy_arrays)
        visible, hidden = self._copies
        return DoubledRBM(
            rbm.visible, rbm.hidden, rbm.weights, visible_copies=visible, hidden_copies=hidden
        )


class BottomRBM(CopiedRBM):
    """First layer of a deep Boltzmann machine: two copies of its visible units."""

    _copies = (2, 1)


class TopRBM(CopiedRBM):
    """Last layer of a deep Boltzmann machine: two copies of its hidden units."""

    _copies = (1, 2)


def dbm_layer_sizes(estimator: Any) -> tuple[int, ...]:
    """Numbers of hidden units, of two layers at least."""
    sizes = layer_sizes(estimator)
    if len(sizes) < 2:
        raise ValueError(
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} of {type(estimator).__name__} "
            "must have at least two layers; with one it is an RBMTransformer."
        )
    return sizes


def dbm_templates(estimator: Any) -> list[RBMTransformer]:
    """The template of each layer, with its place in the machine.

    Raises
    ------
    TypeError, ValueError
        If one is no RBM of Bernoulli hidden units, if a parameter of it is not valid, or if their
        number is wrong.
    """
    name, n_layers = type(estimator).__name__, len(dbm_layer_sizes(estimator))
    given = estimator._default_layer() if estimator.rbm is None else estimator.rbm
    found = []
    for i, template in enumerate(
        listed_templates(estimator, "rbm", given, n_layers, (RBMTransformer,))
    ):
        if template.hidden != "bernoulli":
            raise ValueError(
                f"layer {i} of {name} has hidden={template.hidden!r}, but all hidden layers of "
                f"{name} are Bernoulli units: use hidden='bernoulli'."
            )
        kind = BottomRBM if i == 0 else TopRBM if i == n_layers - 1 else RBMTransformer
        template._validate_params()
        settings = template.get_params(deep=False)
        if i == 0:
            settings |= {"visible": estimator.visible, "visible_groups": estimator.visible_groups}
        found.append(kind(**settings))
    return found


def default_layer() -> RBMTransformer:
    """Template of layers where none is given; see docs/architecture.md for the comparison."""
    return RBMTransformer(visible_states="draw")


def deep_arrays(
    rbms: list[RBMTransformer],
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray | None]:
    """Weights, biases of all layers and visible log-variances that fitted layers are the start of.

    In float64, on the host.
    """
    backend = get_backend("numpy")
    dbm = DBM.of_rbms([rbm._model(backend, np.dtype(np.float64)) for rbm in rbms])
    biases = [np.asarray(units.bias) for units in dbm.layers]
    variance = dbm.visible.log_variance
    weights = [np.asarray(array) for array in dbm.weights]
    return weights, biases, None if variance is None else np.asarray(variance)
