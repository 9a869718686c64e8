"""What the public arrays of a deep autoencoder describe: an encoder and a decoder."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.base import clone

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import BoltzmannBase, host_dtype, put
from skdeepbm.estimators._layers import (
    check_kinds,
    check_same_layers,
    default_template,
    hidden_groups,
    hidden_kind,
    layer_sizes,
    listed_templates,
    make_layers,
    units_of,
    visible_kind,
)
from skdeepbm.estimators.rbm import RBMTransformer
from skdeepbm.estimators.replicated_softmax import ReplicatedSoftmax
from skdeepbm.estimators.shallow_autoencoder import ShallowAutoencoder
from skdeepbm.models.network import Layer, Network

PRETRAINERS = (RBMTransformer, ShallowAutoencoder, ReplicatedSoftmax)

#: kinds of the code units
CODES = {"linear": "gaussian", "sigmoid": "bernoulli", "relu": "relu", "binary": "bernoulli"}


class AutoencoderModelMixin(BoltzmannBase):
    """From the fitted arrays to networks on a backend.

    ``coefs_`` and ``intercepts_`` lead through the encoder and then, in the reverse order of the
    layers, through the decoder.
    """

    hidden_layer_sizes: Any
    pretrainer: Any
    code: str
    sparsity: Any
    sparsity_target: float
    sparsity_cost: float
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    _fitted_names = ("coefs_", "intercepts_")

    # -- layers --------------------------------------------------------------------------

    def _given_templates(self) -> list[Any]:
        """The template of each layer as it was given."""
        given = default_template() if self.pretrainer is None else self.pretrainer
        return listed_templates(self, "pretrainer", given, len(layer_sizes(self)), PRETRAINERS)

    def _templates(self) -> list[Any]:
        """The template of each layer, with the code's kind of units and the sparsity."""
        name = type(self).__name__
        found = [clone(template) for template in self._given_templates()]
        check_kinds(self, "pretrainer", found)
        top, kind = found[-1], CODES[self.code]
        if hidden_kind(top) != kind:
            if isinstance(top, ReplicatedSoftmax):
                raise ValueError(
                    f"code={self.code!r} of {name} with a ReplicatedSoftmax as its only layer, "
                    "whose hidden units are sigmoid: use 'sigmoid' or 'binary', or add a layer."
                )
            # a rate that suits sigmoid units makes those of other kinds diverge
            top.set_params(hidden=kind, learning_rate="auto")
            if kind != "bernoulli":
                # the penalty is defined for probabilities
                top.set_params(sparsity_cost=0.0)
        if self.sparsity is not None:
            sparse = self._sparse_layers()
            for i, template in enumerate(found):
                template.set_params(
                    sparsity_target=self.sparsity_target,
                    sparsity_cost=self.sparsity_cost
                    if i in sparse and hidden_kind(template) == "bernoulli"
                    else 0.0,
                )
        return found

    def _sparse_layers(self) -> tuple[int, ...]:
        """Hidden layers of the encoder that `sparsity` names, the code among them."""
        n_layers = len(layer_sizes(self))
        if self.sparsity is None:
            return ()
        if not isinstance(self.sparsity, str):
            chosen = list(self.sparsity)
            if len(chosen) != n_layers or not all(isinstance(b, bool | np.bool_) for b in chosen):
                raise ValueError(
                    f"sparsity={self.sparsity!r} of {type(self).__name__} must have a boolean for "
                    f"each of the {n_layers} hidden layers, or be None, 'bottleneck', 'all' or "
                    "'alternate'."
                )
            return tuple(i for i, sparse in enumerate(chosen) if sparse)
        return {
            "bottleneck": (n_layers - 1,),
            "all": tuple(range(n_layers)),
            "alternate": tuple(range(0, n_layers, 2)),
        }[self.sparsity]

    def _layers(self, seed: np.random.SeedSequence | None = None) -> list[Any]:
        """Unfitted pretrainers of all layers that fit on each other."""
        layers = make_layers(self, seed, self._templates())
        for layer in layers:
            layer._validate_params()
        return layers

    def _kinds(self) -> list[tuple[str, Any]]:
        """Kind of units and softmax groups of every layer, from the visible one to the code."""
        given = self._given_templates()
        found = [(visible_kind(given[0]), getattr(given[0], "visible_groups", None))]
        found += [(hidden_kind(template), hidden_groups(template)) for template in given]
        if found[-1][0] != CODES[self.code]:
            found[-1] = (CODES[self.code], None)
        return found

    @property
    def visible(self) -> str:
        """Kind of the visible units: that of the first template."""
        return visible_kind(self._given_templates()[0])

    @property
    def _n_visible(self) -> int:
        return int(np.shape(self.coefs_[0])[0])

    # -- networks ------------------------------------------------------------------------

    def _check_shapes(self) -> None:
        """Raise unless the public arrays, which anybody may set, fit together."""
        n_layers = len(layer_sizes(self))
        shapes = [np.shape(w) for w in self.coefs_]
        fit = (
            len(shapes) == len(self.intercepts_) == 2 * n_layers
            and all(len(shape) == 2 for shape in shapes)
            and all(a[1] == b[0] for a, b in itertools.pairwise(shapes))
            and shapes[0][0] == shapes[-1][1]
            and [np.shape(b) for b in self.intercepts_] == [shape[1:] for shape in shapes]
        )
        if not fit:
            raise ValueError(
                f"coefs_ and intercepts_ of {type(self).__name__} have the shapes {shapes} and "
                f"{[np.shape(b) for b in self.intercepts_]}; {n_layers} hidden layers need "
                f"{2 * n_layers} of each, (n_units_below, n_units) and (n_units,), from the "
                "features to the code and back."
            )

    def _check_going_on(self, X: Any) -> None:
        """Raise unless the public arrays are what training can go on from."""
        self._check_shapes()
        n_layers = len(layer_sizes(self))
        check_same_layers(self, tuple(int(np.shape(w)[1]) for w in self.coefs_[:n_layers]))
        self._check_width(X)

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> Network:
        """The encoder and the decoder, one after the other."""
        self._check_shapes()
        return self._network(
            backend, dtype, self._kinds(), self.coefs_, self.intercepts_, copy_arrays
        )

    @staticmethod
    def _network(
        backend: Backend,
        dtype: Any,
        kinds: list[tuple[str, Any]],
        coefs: list[np.ndarray],
        intercepts: list[np.ndarray],
        copy_arrays: bool = False,
    ) -> Network:
        """Network of the encoder's and the decoder's arrays, of the kinds up to its code."""
        layers = []
        for i, (weights, bias, kind) in enumerate(
            zip(coefs, intercepts, [*kinds[1:], *kinds[-2::-1]], strict=True)
        ):
            w, b = (put(backend, array, dtype, copy_arrays) for array in (weights, bias))
            replicated = i == 0 and kinds[0][0] == "multinomial"
            layers.append(Layer(w, units_of(*kind, backend, b), replicated))
        return Network(layers)

    @staticmethod
    def _encoder(network: Network) -> Network:
        return Network(network.layers[: len(network.layers) // 2])

    @staticmethod
    def _decoder(network: Network) -> Network:
        return Network(network.layers[len(network.layers) // 2 :])

    @property
    def _width(self) -> int:
        """Units of the widest layer."""
        return max(int(np.shape(w)[0]) for w in self.coefs_)

    def _apply_network(self, backend: Backend, X: Any, network: Network) -> Any:
        """Expected values of the last layer for all rows."""

        def means(v: Array) -> Array:
            for layer in network.layers:
                v = layer.mean(v)
            return v

        width = max(max(layer.weights.shape) for layer in network.layers)
        return self._apply_rows(
            backend, X, host_dtype(network.layers[0].weights), means, int(width)
        )
