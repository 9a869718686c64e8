"""Layers of a deep estimator: templates, which kinds fit together, greedy training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.exceptions import DataRangeWarning, DivergenceError
from skdeepbm.models.units import UNITS, MultinomialUnits, Units
from skdeepbm.training.trainer import KEPT


def layer_sizes(estimator: Any) -> tuple[int, ...]:
    """Numbers of hidden units from ``hidden_layer_sizes``: an int or a sequence of them."""
    given = estimator.hidden_layer_sizes
    sizes = [given] if isinstance(given, Integral) else list(given)
    if not sizes or not all(isinstance(n, Integral) and int(n) >= 1 for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={given!r} of {type(estimator).__name__} must hold at least one "
            "number of hidden units, all of them integers of at least 1."
        )
    return tuple(int(n) for n in sizes)


def check_same_layers(estimator: Any, sizes: tuple[int, ...]) -> None:
    """Raise unless ``hidden_layer_sizes`` are those of the layers that training goes on from."""
    if sizes != layer_sizes(estimator):
        raise ValueError(
            f"{type(estimator).__name__} goes on from hidden layers of {sizes} units, but "
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r}. Set it to their numbers, or fit "
            "anew with warm_start=False."
        )


def default_template() -> RBMTransformer:
    """Template of layers where none is given.

    Without centring hidden units are sparser; labels are learned better from them, and codes keep
    more: see docs/architecture.md.
    """
    return RBMTransformer(centring=False)


def layer_templates(estimator: Any, n_layers: int) -> list[Any]:
    """The template of each layer, from ``rbm``: None, one for all layers, or one for each.

    Raises
    ------
    TypeError, ValueError
        If one is no template, if their number is wrong, or if kinds of units do not fit.
    """
    given = default_template() if estimator.rbm is None else estimator.rbm
    found = listed_templates(estimator, "rbm", given, n_layers, (RBMTransformer, ReplicatedSoftmax))
    check_kinds(estimator, "rbm", found)
    return found


def listed_templates(
    estimator: Any, parameter: str, given: Any, n_layers: int, kinds: tuple[type, ...]
) -> list[Any]:
    """A template for each layer, from one for all or a list of them."""
    name = type(estimator).__name__
    found = list(given) if isinstance(given, list | tuple) else [given] * n_layers
    if len(found) != n_layers:
        raise ValueError(
            f"{parameter} of {name} is a list of {len(found)} templates, but hidden_layer_sizes "
            f"has {n_layers} layers: give one template for each, or a single one for all."
        )
    names = [kind.__name__ for kind in kinds if kind is not ReplicatedSoftmax]
    counts = ", of which the first may be a ReplicatedSoftmax" * (ReplicatedSoftmax in kinds)
    for i, template in enumerate(found):
        if not isinstance(template, kinds):
            raise TypeError(
                f"{parameter} of {name} must be an {' or a '.join(names)}, or a list of one "
                f"estimator per layer{counts}; layer {i} is {template!r}."
                + ("" if counts else " Counts of words are not supported.")
            )
    return found


def check_kinds(estimator: Any, parameter: str, templates: list[Any]) -> None:
    """Raise unless the units of every layer can be the visible units of the next."""
    name, n_layers = type(estimator).__name__, len(templates)
    for i, template in enumerate(templates):
        if visible_kind(template) == "multinomial" and i > 0:
            raise ValueError(
                f"layer {i} of {name} is a {type(template).__name__} of counts of words and can "
                f"only be the first one: give a list such as {parameter}=[ReplicatedSoftmax(), "
                "RBMTransformer()]."
            )
        if getattr(template, "n_hidden_words", 0):
            raise ValueError(
                f"layer {i} of {name} is a ReplicatedSoftmax with n_hidden_words="
                f"{template.n_hidden_words!r}: its topics come from mean field, which the single "
                "pass of a layer cannot repeat. Set n_hidden_words=0."
            )
        if i + 1 < n_layers and hidden_kind(template) == "relu":
            raise ValueError(
                f"layer {i} of {name} has hidden='relu', whose values no visible units of the next "
                "layer can take: only the last layer can have them. Use 'bernoulli' or 'gaussian'."
            )


def visible_kind(template: Any) -> str:
    """Kind of the visible units."""
    return "multinomial" if isinstance(template, ReplicatedSoftmax) else str(template.visible)


def hidden_kind(template: Any) -> str:
    """Kind of the hidden units."""
    return "bernoulli" if isinstance(template, ReplicatedSoftmax) else str(template.hidden)


def make_layers(
    estimator: Any, seed: np.random.SeedSequence | None, templates: list[Any] | None = None
) -> list[Any]:
    """Unfitted estimators of all layers: clones of the templates that fit on each other.

    Parameters
    ----------
    estimator : estimator
        With ``hidden_layer_sizes`` and ``backend``.
    seed : SeedSequence or None
        Where the layers' seeds come from; None leaves those of the templates.
    templates : list or None, default=None
        One for each layer; None means those of ``rbm``.
    """
    sizes = layer_sizes(estimator)
    if templates is None:
        templates = layer_templates(estimator, len(sizes))
    layers: list[Any] = []
    for i, (template, size) in enumerate(zip(templates, sizes, strict=True)):
        layer = clone(template).set_params(n_components=size, backend=estimator.backend)
        # the next layer is given arrays, whatever scikit-learn's configuration says
        layer.set_output(transform="default")
        if i > 0:
            below = templates[i - 1]
            layer.set_params(visible=hidden_kind(below), visible_groups=hidden_groups(below))
        if seed is not None:
            key = (*seed.spawn_key, i)
            words = np.random.SeedSequence(seed.entropy, spawn_key=key).generate_state(1)
            layer.set_params(random_state=int(words[0] >> 1))
        layers.append(layer)
    return layers


def hidden_groups(template: Any) -> Any:
    """Softmax groups of the hidden units, of templates that can have such."""
    return getattr(template, "hidden_groups", None)


def upward_arrays(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_visible, n_hidden) and biases of a fitted layer's hidden units given its rows."""
    weights = np.asarray(layer.components_).T
    variance = getattr(layer, "log_variance_visible_", None)
    if variance is not None:
        # the weights see v / s^2
        weights = weights * np.exp(-np.asarray(variance))[:, None]
    return np.ascontiguousarray(weights), np.array(layer.intercept_hidden_)


def downward_arrays(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_hidden, n_visible) and biases of a fitted layer's visible units given the code."""
    weights = getattr(layer, "decoder_components_", layer.components_)
    return np.ascontiguousarray(weights), np.array(layer.intercept_visible_)


def units_of(kind: str, groups: Any, backend: Backend, bias: Array) -> Units:
    """Units of a kind, with softmax groups as a parameter gives them; a variance is 1."""
    if kind == "multinomial":
        return MultinomialUnits(backend, bias)
    if isinstance(groups, int | np.integer):
        groups = (int(groups),) * (int(bias.shape[0]) // int(groups))
    return UNITS[kind](backend, bias, None, None if groups is None else tuple(groups))


def hidden_units(layer: Any, backend: Backend, bias: Array) -> Units:
    """Hidden units of a layer's kind with another bias."""
    return units_of(hidden_kind(layer), hidden_groups(layer), backend, bias)


@contextmanager
def named_layer(owner: Any, place: int, layer: Any = None) -> Iterator[None]:
    """Let messages from inside name the owner and the place, not the class of the layer.

    Of fractional counts the owner has warned, by its own name and those of its columns.
    """
    name = type(owner).__name__
    where = f"{name}, layer {place}"
    if layer is not None:
        layer._place = where
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* is no count", DataRangeWarning)
            yield
    except DivergenceError as error:
        # the layer is lost with what it has learned
        text = str(error).removeprefix(f"{where}: ").removesuffix(KEPT)
        raise DivergenceError(
            f"{where}: {text}The {name} itself stays as it was before."
        ) from error
    finally:
        if layer is not None:
            del layer._place


def fit_layer(
    layer: Any,
    place: int,
    X: Any,
    context: Any,
    owner: Any,
    codes: np.ndarray | None = None,
    n_classes: int = 0,
) -> None:
    """Fit one layer as a task of its owner's callbacks.

    Parameters
    ----------
    layer : estimator
        A ``ClassificationRBM`` where ``codes`` are given.
    place : int
        Number of the layer, from the bottom.
    X : ndarray, CSR or device array
        Values of the layer below.
    context : CallbackContext
        Of the owner's fit.
    owner : estimator
    codes : ndarray of int of shape (n_rows,) or None, default=None
        Classes of the rows, -1 for unlabelled rows.
    n_classes : int, default=0
        Number of classes, of which some may have no row.

    Raises
    ------
    DivergenceError
        Naming the layer.
    """
    task = context.subcontext(task_name=f"layer {place}")
    task.call_on_fit_task_begin(estimator=owner, X=X, y=codes)
    with named_layer(owner, place, layer), task.propagate_callback_context(layer):
        if codes is None:
            layer.fit(X)
        else:
            layer._fit_codes(X, codes, n_classes)
    task.call_on_fit_task_end(estimator=owner, X=X, y=codes)
