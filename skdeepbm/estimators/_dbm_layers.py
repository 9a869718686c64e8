"""Greedy layers that a deep Boltzmann machine starts from."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from skdeepbm.backends import Backend, get_backend
from skdeepbm.estimators._layers import layer_sizes, listed_templates
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.dbm import DBM
from skdeepbm.models.doubled_rbm import DoubledRBM


class NamedAsTemplate:
    """Layers that callbacks, such as progress bars, know by the class of their template."""

    _template_name: ClassVar[str]

    def _init_callback_context(self, *args: Any, **kwargs: Any) -> Any:
        context = super()._init_callback_context(*args, **kwargs)  # type: ignore[misc]
        context.estimator_name = self._template_name
        return context


class CopiedRBM(NamedAsTemplate, RBMTransformer):
    """An RBM with copies of its sides; its likelihoods are of no use, it is for training."""

    _template_name = RBMTransformer.__name__
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


class BottomWords(NamedAsTemplate, ReplicatedSoftmax):
    """First layer of a deep Boltzmann machine of documents: two copies of the words of each.

    That is a replicated softmax of documents of which every word is there twice, whose weights and
    biases are those that one copy has.
    """

    _template_name = ReplicatedSoftmax.__name__

    def _fit(self, X: Any, y: Any, **options: Any) -> None:
        super()._fit(2 * X, y, **options)

    def transform(self, X: Any) -> Any:
        return super().transform(2 * X)


def dbm_layer_sizes(estimator: Any) -> tuple[int, ...]:
    """Numbers of hidden units, of two layers at least."""
    sizes = layer_sizes(estimator)
    if len(sizes) < 2:
        raise ValueError(
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} of {type(estimator).__name__} "
            "must have at least two layers; with one it is an RBMTransformer."
        )
    return sizes


def dbm_templates(estimator: Any) -> list[Any]:
    """The template of each layer, with its place in the machine.

    Of a machine of documents a ReplicatedSoftmax is that of the first layer; a single template is
    that of all layers whose kind it is, the others have their default.

    Raises
    ------
    TypeError, ValueError
        If one is no RBM of Bernoulli hidden units (of words no ReplicatedSoftmax), if a parameter
        of it is not valid, or if their number is wrong.
    """
    name, n_layers = type(estimator).__name__, len(dbm_layer_sizes(estimator))
    given = estimator._default_layer() if estimator.rbm is None else estimator.rbm
    kinds: tuple[type, ...] = (RBMTransformer,)
    if estimator.visible == "multinomial":
        given, kinds = _with_words(estimator, given, n_layers), (RBMTransformer, ReplicatedSoftmax)
    found: list[Any] = []
    for i, template in enumerate(listed_templates(estimator, "rbm", given, n_layers, kinds)):
        if estimator.visible == "multinomial":
            _check_place(name, i, template)
        if not isinstance(template, ReplicatedSoftmax) and template.hidden != "bernoulli":
            raise ValueError(
                f"layer {i} of {name} has hidden={template.hidden!r}, but all hidden layers of "
                f"{name} are Bernoulli units: use hidden='bernoulli'."
            )
        kind = BottomRBM if i == 0 else TopRBM if i == n_layers - 1 else RBMTransformer
        template._validate_params()
        settings = template.get_params(deep=False)
        if isinstance(template, ReplicatedSoftmax):
            found.append(BottomWords(**settings))
            continue
        if i == 0:
            settings |= {"visible": estimator.visible, "visible_groups": estimator.visible_groups}
        found.append(kind(**settings))
    return found


def _with_words(estimator: Any, given: Any, n_layers: int) -> list[Any]:
    """Templates of all layers of a machine of documents, from what may be a single one."""
    if isinstance(given, list | tuple):
        return list(given)
    if isinstance(given, ReplicatedSoftmax):
        return [given] + [estimator._default_layer()] * (n_layers - 1)
    return [ReplicatedSoftmax()] + [given] * (n_layers - 1)


def _check_place(name: str, place: int, template: Any) -> None:
    """Raise unless a template of a machine of documents may be where it is."""
    if isinstance(template, ReplicatedSoftmax) != (place == 0):
        raise ValueError(
            f"layer {place} of {name} with visible='multinomial' is a {type(template).__name__}: "
            "the first layer must be a ReplicatedSoftmax, of counts of words, and the others "
            "RBMTransformers. Give a list such as rbm=[ReplicatedSoftmax(), RBMTransformer()]."
        )
    if getattr(template, "n_hidden_words", 0):
        raise ValueError(
            f"layer {place} of {name} is a ReplicatedSoftmax with n_hidden_words="
            f"{template.n_hidden_words!r}: the layers above are what hidden words would be, a "
            "prior of topics. Set n_hidden_words=0."
        )


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


def word_arrays(
    layers: list[Any], mean_n_words: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases of all layers that fitted layers of documents are the start of.

    What the layer above says of the bias of the first one counts once for a document, not for
    every word: it is taken as that of a document of mean length.
    """
    backend = get_backend("numpy")
    bottom, above = layers[0], layers[1:]
    dbm = DBM.of_rbms([rbm._model(backend, np.dtype(np.float64)) for rbm in above])
    from_above, *biases = (np.asarray(units.bias) for units in dbm.layers)
    first = np.asarray(bottom.intercept_hidden_) + 0.5 * from_above / mean_n_words
    weights = [np.asarray(bottom.components_).T, *(np.asarray(w) for w in dbm.weights)]
    return weights, [np.asarray(bottom.intercept_visible_), first, *biases]
