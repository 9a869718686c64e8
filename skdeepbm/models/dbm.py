"""The deep Boltzmann machine: a chain of layers with weights between neighbours.

Salakhutdinov & Hinton (2009, 2012). Layer 0 is the visible one. Layers of even number are
independent of each other given those of odd number, and the other way round: each of these two
classes can be drawn, or summed out, at once. :func:`folded` puts them side by side, which makes of
the chain a model with two sides, for whatever works on an RBM too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from skdeepbm.backends import Array, Backend, DType
from skdeepbm.models.bipartite import Bipartite
from skdeepbm.models.rbm import RBM
from skdeepbm.models.units import BernoulliUnits, JointUnits, Units


@dataclass
class DBM:
    """``E(x_0, ..., x_L) = sum_l self_energy(x_l) - sum_l couple(x_l) . W_l couple(x_{l+1})``.

    Parameters
    ----------
    layers : list of Units
        The visible layer and at least two hidden ones, with their biases.
    weights : list of arrays of shapes (n_l, n_{l+1})
        Number l leads from layer l to layer l + 1.
    """

    layers: list[Units]
    weights: list[Array]

    @classmethod
    def of_rbms(cls, rbms: Sequence[RBM]) -> DBM:
        """The machine that a stack of RBMs, trained one on top of the other, is the start of.

        All weights are halved, and what two RBMs say about the bias of a layer is averaged: the
        input of a hidden layer is half of what it got in the RBM below plus half of what it got in
        the RBM above (Salakhutdinov & Hinton 2009, section 2.3).

        Parameters
        ----------
        rbms : sequence of RBM
            From the bottom to the top, at least two. The first has two copies of its visible units,
            the last one of its hidden units: see :class:`skdeepbm.models.doubled_rbm.DoubledRBM`.

        Returns
        -------
        dbm : DBM
            With arrays of its own.
        """
        first, last = rbms[0], rbms[-1]
        layers = [first.visible.with_bias(1.0 * first.visible.bias)]
        for below, above in itertools.pairwise(rbms):
            bias = 0.5 * (below.hidden.bias + above.visible.bias)
            layers.append(below.hidden.with_bias(bias))
        layers.append(last.hidden.with_bias(1.0 * last.hidden.bias))
        empty, store = last.backend.empty, last.backend.store
        weights = [
            store(0.5 * rbm.weights, empty(tuple(rbm.weights.shape), rbm.dtype)) for rbm in rbms
        ]
        return cls(layers, weights)

    def upside_down(self) -> DBM:
        """The same machine with its top layer as the visible one; arrays are shared."""
        return DBM(self.layers[::-1], [weights.T for weights in reversed(self.weights)])

    @property
    def backend(self) -> Backend:
        return self.visible.backend

    @property
    def dtype(self) -> DType:
        return self.weights[0].dtype

    @property
    def visible(self) -> Units:
        return self.layers[0]

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.weights)

    def from_below(self, index: int, x: Array, out: Array | None = None) -> Array:
        """What layer ``index`` gets from the states of the layer below; (n_rows, n_units)."""
        coupled = self.layers[index - 1].couple(x)
        return self.backend.matmul(coupled, self.weights[index - 1], out=out)

    def from_above(self, index: int, x: Array, out: Array | None = None) -> Array:
        """What layer ``index`` gets from the states of the layer above; (n_rows, n_units)."""
        coupled = self.layers[index + 1].couple(x)
        return self.backend.matmul(coupled, self.weights[index].T, out=out)

    def input(
        self,
        index: int,
        states: Sequence[Array],
        out: Array | None = None,
        room: Array | None = None,
    ) -> Array:
        """Weighted input of a layer from its neighbours, bias not included.

        Parameters
        ----------
        index : int
            The layer's number.
        states : sequence of arrays of shapes (n_rows, n_l)
            Of every layer; only those of the neighbours are read.
        out, room : arrays of shape (n_rows, n_units) or None, default=None
            Receive the result and, between two neighbours, the part from above.

        Returns
        -------
        a : array of shape (n_rows, n_units)
        """
        if index == 0:
            return self.from_above(0, states[1], out)
        a = self.from_below(index, states[index - 1], out)
        if index < self.depth:
            a += self.from_above(index, states[index + 1], room)
        return a

    def up_input(self, index: int, x: Array, out: Array | None = None) -> Array:
        """Input of a layer in a single pass up: twice that from below, where one from above misses.

        The top layer has no other input than that from below, and gets it once.
        """
        a = self.from_below(index, x, out)
        if index <= self._n_doubled():
            a *= 2.0
        return a

    def _n_doubled(self) -> int:
        """Hidden layers, from the first one, whose input counts twice in a pass up."""
        return self.depth - 1

    def energy(self, states: Sequence[Array]) -> Array:
        """Energies of joint states, row by row; shape (n_rows,)."""
        xp, total = self.backend.xp, self.visible.self_energy(states[0])
        for index in range(1, self.depth + 1):
            a = self.from_below(index, states[index - 1])
            units = self.layers[index]
            interaction = xp.sum(a * units.couple(states[index]), axis=1)
            total = total + units.self_energy(states[index]) - interaction
        return total


@dataclass
class FoldedDBM(Bipartite):
    """A DBM with the layers of one class side by side as ``visible``, the others as ``hidden``.

    Parameters
    ----------
    visible, hidden : Units
    weights : list of arrays of shapes (n_l, n_{l+1})
        Those of the DBM.
    beta : float, default=1.0
    sizes : tuple of int
        Units in each layer of the DBM.
    first : int
        Number of the first layer in ``visible``: 0 or 1.
    """

    sizes: tuple[int, ...] = field(kw_only=True)
    first: int = field(kw_only=True)

    @property
    def blocks(self) -> list[Array]:
        return self.weights

    @property
    def layout(self) -> str:
        return f"layers of {', '.join(map(str, self.sizes[:-1]))} and {self.sizes[-1]} units"

    def columns(self, first: int) -> dict[int, slice]:
        """Columns of each layer in the side that begins with layer ``first``."""
        return _columns(self.sizes, first)

    def hidden_input(self, v: Array, out: Array | None = None) -> Array:
        return self._products(self.visible.couple(v), self.first, out)

    def visible_input(self, h: Array, out: Array | None = None) -> Array:
        return self._products(self.hidden.couple(h), 1 - self.first, out)

    def _products(self, x: Array, first: int, out: Array | None) -> Array:
        """Input of the other side from the side that begins with layer ``first``."""
        backend, given = self.backend, self.columns(first)
        wanted = self.columns(1 - first)
        if out is None:
            n = sum(self.sizes[1 - first :: 2])
            dtype = backend.xp.result_type(x.dtype, self.dtype)
            out = backend.empty((int(x.shape[0]), n), dtype)
        for i, place in wanted.items():
            room, empty = out[:, place], True
            if i - 1 in given:
                backend.matmul(x[:, given[i - 1]], self.weights[i - 1], out=room)
                empty = False
            if i + 1 in given:
                x_above, weights = x[:, given[i + 1]], self.weights[i].T
                if empty:
                    backend.matmul(x_above, weights, out=room)
                else:
                    room += backend.matmul(x_above, weights)
        return self._cooled(out)


@cache
def _columns(sizes: tuple[int, ...], first: int) -> dict[int, slice]:
    numbers = range(first, len(sizes), 2)
    edges = np.cumsum([0, *(sizes[i] for i in numbers)]).tolist()
    return {i: slice(edges[k], edges[k + 1]) for k, i in enumerate(numbers)}


def folded(dbm: DBM, first: int) -> FoldedDBM:
    """The DBM with layers ``first``, ``first + 2``, ... as its visible side.

    Its free energies are those of states of one class of layers, the other class summed out.

    Parameters
    ----------
    dbm : DBM
        Weights are shared, biases of several layers side by side are copied.
    first : int
        0 for the even layers, 1 for the odd ones.
    """
    return FoldedDBM(
        _side_by_side(dbm.layers[first::2]),
        _side_by_side(dbm.layers[1 - first :: 2]),
        dbm.weights,
        sizes=tuple(units.size for units in dbm.layers),
        first=first,
    )


def _side_by_side(layers: list[Units]) -> Units:
    if len(layers) == 1:
        return layers[0]
    if all(type(units) is BernoulliUnits for units in layers):
        # one operation for all of them
        backend = layers[0].backend
        return BernoulliUnits(backend, backend.xp.concat([units.bias for units in layers]))
    return JointUnits(layers)
