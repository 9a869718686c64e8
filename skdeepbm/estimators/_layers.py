"""Layers of a deep estimator: templates, which kinds fit together, greedy training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone

from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.exceptions import DivergenceError

Template = RBMTransformer | ReplicatedSoftmax


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


def default_template() -> RBMTransformer:
    """Template of layers where none is given.

    Without centring hidden units are sparser, and labels are learned better from them: see
    docs/architecture.md.
    """
    return RBMTransformer(centring=False)


def layer_templates(estimator: Any, n_layers: int) -> list[Template]:
    """The template of each layer, from ``rbm``: None, one for all layers, or one for each.

    Raises
    ------
    TypeError, ValueError
        If one is no template, if their number is wrong, or if kinds of units do not fit.
    """
    name, given = type(estimator).__name__, estimator.rbm
    if given is None:
        given = default_template()
    found = list(given) if isinstance(given, list | tuple) else [given] * n_layers
    if len(found) != n_layers:
        raise ValueError(
            f"rbm of {name} is a list of {len(found)} templates, but hidden_layer_sizes has "
            f"{n_layers} layers: give one template for each, or a single one for all."
        )
    for i, template in enumerate(found):
        if not isinstance(template, RBMTransformer | ReplicatedSoftmax):
            raise TypeError(
                f"rbm of {name} must be an RBMTransformer, or a list of one estimator per layer, "
                f"of which the first may be a ReplicatedSoftmax; layer {i} is {template!r}."
            )
        if isinstance(template, ReplicatedSoftmax) and i > 0:
            raise ValueError(
                f"layer {i} of {name} is a ReplicatedSoftmax, which models counts and can only be "
                "the first one: give a list such as rbm=[ReplicatedSoftmax(), RBMTransformer()]."
            )
        if i + 1 < n_layers and hidden_kind(template) == "relu":
            raise ValueError(
                f"layer {i} of {name} has hidden='relu', whose values no visible units of the next "
                "layer can take: only the last layer can have them. Use 'bernoulli' or 'gaussian'."
            )
    return found


def visible_kind(template: Template) -> str:
    """Kind of the visible units."""
    return "multinomial" if isinstance(template, ReplicatedSoftmax) else template.visible


def hidden_kind(template: Template) -> str:
    """Kind of the hidden units."""
    return "bernoulli" if isinstance(template, ReplicatedSoftmax) else template.hidden


def make_layers(estimator: Any, seed: np.random.SeedSequence | None) -> list[Template]:
    """Unfitted RBMs of all layers: clones of the templates that fit on each other.

    Parameters
    ----------
    estimator : estimator
        With ``rbm``, ``hidden_layer_sizes`` and ``backend``.
    seed : SeedSequence or None
        Where the layers' seeds come from; None leaves those of the templates.
    """
    sizes = layer_sizes(estimator)
    templates = layer_templates(estimator, len(sizes))
    layers: list[Template] = []
    for i, (template, size) in enumerate(zip(templates, sizes, strict=True)):
        layer = clone(template).set_params(n_components=size, backend=estimator.backend)
        # the next layer is given arrays, whatever scikit-learn's configuration says
        layer.set_output(transform="default")
        if i > 0:
            below = templates[i - 1]
            layer.set_params(visible=hidden_kind(below), visible_groups=_groups_of(below))
        if seed is not None:
            key = (*seed.spawn_key, i)
            words = np.random.SeedSequence(seed.entropy, spawn_key=key).generate_state(1)
            layer.set_params(random_state=int(words[0] >> 1))
        layers.append(layer)
    return layers


def _groups_of(template: Template) -> Any:
    if isinstance(template, ReplicatedSoftmax):
        return None
    groups: int | Sequence[int] | None = template.hidden_groups
    return groups


@contextmanager
def named_layer(owner: Any, place: int) -> Iterator[None]:
    """Name the owner and the layer in a divergence inside."""
    name = type(owner).__name__
    try:
        yield
    except DivergenceError as error:
        raise DivergenceError(
            f"{name}, layer {place}: {error} The {name} itself stays as it was before."
        ) from error


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
    with named_layer(owner, place), task.propagate_callback_context(layer):
        if codes is None:
            layer.fit(X)
        else:
            layer._fit_codes(X, codes, n_classes)
    task.call_on_fit_task_end(estimator=owner, X=X, y=codes)
