"""The deep belief net: directed layers below an RBM (Hinton, Osindero & Teh 2006).

The joint distribution is that of the top RBM over the penultimate layer (and the label units
beside it, where there are some) times ``p(h_l | h_{l+1})`` of every generative layer below. The
recognition layers are an approximation of the way up: q(h_{l+1} | h_l), factorial given the layer
below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from skdeepbm.backends import Array, Backend, DType, Stream
from skdeepbm.models.network import Layer
from skdeepbm.models.rbm import RBM
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import JointUnits, MultinomialUnits, Units


class Fantasies(NamedTuple):
    """What a belief net has generated.

    ``mean`` are the expected visible values given the layer above, ``drawn`` the draws from them
    (None for counts of words, where ``mean`` are the probabilities of a word); ``penultimate`` and
    ``labels`` (None without label units) are the states of the top RBM, to go on from.
    """

    mean: Array
    drawn: Array | None
    penultimate: Array
    labels: Array | None


@dataclass
class BeliefNet:
    """Recognition and generative layers, and the RBM on top of them.

    Parameters
    ----------
    recognition : list of Layer
        Number l leads from layer l up to layer l + 1; its units have the recognition biases. It
        takes the values of the layer below as they are, whatever their variance.
    generative : list of Layer
        Number l leads from layer l + 1 down to layer l: weights of shape (n_{l+1}, n_l); its units
        are those of layer l with the generative biases. As many as ``recognition``; there may be
        none.
    top : RBM
        Its visible units are the penultimate layer, or ``JointUnits`` of that and a softmax group
        of labels.
    """

    recognition: list[Layer]
    generative: list[Layer]
    top: RBM

    @classmethod
    def of_rbms(cls, rbms: Sequence[RBM | ReplicatedSoftmax]) -> BeliefNet:
        """The net that a stack of RBMs is: the last one stays, copies of the others are untied.

        Parameters
        ----------
        rbms : sequence of RBM
            From the bottom to the top; the first may be a replicated softmax.
        """

        def laid_out(array: Array) -> Array:
            # a copy in rows, whatever the order of the original
            return backend.store(array, backend.empty(tuple(array.shape), array.dtype))

        def copied(units: Units) -> Units:
            return units.with_bias(laid_out(units.bias))

        *below, top = rbms
        assert isinstance(top, RBM)
        backend, recognition, generative = top.backend, [], []
        for rbm in below:
            up = rbm.visible.couple(rbm.weights.T).T
            counts = isinstance(rbm, ReplicatedSoftmax)
            recognition.append(Layer(laid_out(up), copied(rbm.hidden), counts))
            generative.append(Layer(laid_out(rbm.weights.T), copied(rbm.visible)))
        return cls(recognition, generative, top)

    @property
    def backend(self) -> Backend:
        return self.top.backend

    @property
    def penultimate(self) -> Units:
        """Units of the penultimate layer, as the top RBM sees them."""
        visible = self.top.visible
        return visible.parts[0] if isinstance(visible, JointUnits) else visible

    @property
    def visible(self) -> Units:
        """Units of the data."""
        return self.generative[0].units if self.generative else self.penultimate

    @property
    def n_classes(self) -> int:
        """Number of label units, 0 where there are none."""
        visible = self.top.visible
        return visible.parts[1].size if isinstance(visible, JointUnits) else 0

    @property
    def counts(self) -> bool:
        """Whether the data are counts of words."""
        return isinstance(self.visible, MultinomialUnits)

    def join(self, h: Array, labels: Array | None) -> Array:
        """Visible states of the top RBM from penultimate states and labels."""
        if not self.n_classes:
            return h
        return self.backend.xp.concat([h, labels], axis=1)

    def split(self, x: Array) -> tuple[Array, Array | None]:
        """Penultimate states and labels from visible states of the top RBM."""
        if not self.n_classes:
            return x, None
        n = self.penultimate.size
        return x[:, :n], x[:, n:]

    def up(self, v: Array, stream: Stream | None = None) -> list[Array]:
        """States of all layers from the data to the penultimate layer, by recognition.

        Parameters
        ----------
        v : array of shape (n_rows, n_visible)
        stream : Stream or None, default=None
            None passes expected values on; otherwise every layer is drawn given the one below.

        Returns
        -------
        states : list of arrays
            The first is ``v``.
        """
        states = [v]
        for layer in self.recognition:
            states.append(_pass(layer, states[-1], stream))
        return states

    def down(self, h: Array, stream: Stream | None = None) -> list[Array]:
        """States of all layers from the penultimate layer to the data, by generation.

        Parameters
        ----------
        h : array of shape (n_rows, n_penultimate)
        stream : Stream or None, default=None
            As in :meth:`up`.

        Returns
        -------
        states : list of arrays
            The first is ``h``. Where data are counts, the last are the probabilities of a word.

        Raises
        ------
        TypeError
            If counts are to be drawn: nothing says how many words a document has.
        """
        if self.counts and stream is not None:
            raise TypeError(
                "A belief net does not know how many words a document has: counts cannot be drawn. "
                "Use the expected values, which are the probabilities of a word."
            )
        states = [h]
        for layer in reversed(self.generative):
            states.append(_pass(layer, states[-1], stream))
        return states

    def generate(
        self,
        labels: Array | None,
        n: int,
        n_gibbs_steps: int,
        stream: Stream,
        start: Array | None = None,
    ) -> Fantasies:
        """Rows of the model: a Gibbs chain of the top RBM, then down by draws.

        Parameters
        ----------
        labels : array of shape (n, n_classes) or None
            One-hot; held fixed in every step. None leaves the label units free.
        n : int
        n_gibbs_steps : int
        stream : Stream
        start : array of shape (n, n_penultimate) or None, default=None
            Penultimate states to start from; None draws them (and free labels) from the biases
            alone.

        Returns
        -------
        fantasies : Fantasies
        """
        backend, top = self.backend, self.top
        if labels is not None and not self.n_classes:
            raise TypeError("Labels were given, but the top RBM has no label units.")
        silent = backend.zeros((n, top.visible.size), top.weights.dtype)
        mean = backend.empty((n, top.visible.size), top.weights.dtype)
        x = top.visible.sample(silent, stream, mean=mean)
        if start is not None:
            x[:, : self.penultimate.size] = start
            mean[:, : self.penultimate.size] = start
        for step in range(n_gibbs_steps + 1):
            if step:
                h = top.hidden.sample(top.hidden_input(x), stream)
                x = top.visible.sample(top.visible_input(h), stream, mean=mean)
            if labels is not None:
                x[:, self.penultimate.size :] = labels
        penultimate, found = self.split(x)
        visible, drawn = self._visible(penultimate, self.split(mean)[0], stream)
        return Fantasies(visible, drawn, penultimate, found)

    def fill_in(self, v: Array, mask: Array, n_steps: int, stream: Stream | None = None) -> Array:
        """Missing entries of the data, from the known ones.

        Each step goes up, once back and forth in the top RBM and down, with the known entries put
        back; label units, where there are some, are free. Missing entries start at the expected
        values of units without input.

        Parameters
        ----------
        v : array of shape (n_rows, n_visible)
            What it has in place of missing entries does not matter.
        mask : array of bool of shape (n_rows, n_visible)
            True where an entry is known.
        n_steps : int
        stream : Stream or None, default=None
            None passes expected values on, otherwise draws.

        Returns
        -------
        filled : array of shape (n_rows, n_visible)
            Missing entries have the values expected in the last step.
        """
        if self.counts:
            raise TypeError("Counts of words have no missing entries that could be filled in.")
        xp, n = self.backend.xp, int(v.shape[0])
        filled = xp.where(mask, v, self.visible.mean(xp.zeros_like(v)))
        labels = self._free_labels(n, v.dtype)
        state = filled
        for _ in range(n_steps):
            expected, drawn, labels = self._back_and_forth(state, labels, stream)
            filled = xp.where(mask, v, expected)
            state = filled if drawn is None else xp.where(mask, v, drawn)
        return filled

    def reconstruct(self, v: Array, n_steps: int, stream: Stream | None = None) -> Array:
        """Expected visible values after passes up, back and forth in the top RBM, and down.

        Parameters
        ----------
        v : array of shape (n_rows, n_visible)
        n_steps : int
        stream : Stream or None, default=None
            None passes expected values on, otherwise draws.

        Returns
        -------
        expected : array of shape (n_rows, n_visible)
            In the last pass; label units are free.
        """
        labels, expected = self._free_labels(int(v.shape[0]), v.dtype), v
        for _ in range(n_steps):
            expected, drawn, labels = self._back_and_forth(v, labels, stream)
            v = expected if drawn is None else drawn
        return expected

    def _free_labels(self, n: int, dtype: DType) -> Array | None:
        """Expected labels of units without input; None without label units."""
        silent = self.backend.zeros((n, self.top.visible.size), dtype)
        return self.split(self.top.visible.mean(silent))[1]

    def _back_and_forth(
        self, v: Array, labels: Array | None, stream: Stream | None
    ) -> tuple[Array, Array | None, Array | None]:
        """Expected and drawn visible values, and labels, after a pass through all layers."""
        top = self.top
        x = self.join(self.up(v, stream)[-1], labels)
        a = top.hidden_input(x)
        h = top.hidden.mean(a) if stream is None else top.hidden.sample(a, stream)
        a, mean = top.visible_input(h), self.backend.empty(tuple(x.shape), x.dtype)
        if stream is None:
            x = top.visible.mean(a, out=mean)
        else:
            x = top.visible.sample(a, stream, mean=mean)
        penultimate, labels = self.split(x)
        expected, drawn = self._visible(penultimate, self.split(mean)[0], stream)
        return expected, drawn, labels

    def _visible(
        self, penultimate: Array, mean: Array, stream: Stream | None
    ) -> tuple[Array, Array | None]:
        """Expected visible values and draws (None without a stream, and of counts).

        ``mean`` are the expected penultimate states, for nets without directed layers.
        """
        if not self.generative:
            return mean, None if stream is None else penultimate
        h = penultimate
        for layer in reversed(self.generative[1:]):
            h = _pass(layer, h, stream)
        layer = self.generative[0]
        if stream is None or self.counts:
            return layer.mean(h), None
        a = layer.input(h)
        expected = self.backend.empty(tuple(a.shape), a.dtype)
        drawn = layer.units.sample(a, stream, mean=expected)
        return expected, drawn


def _pass(layer: Layer, x: Array, stream: Stream | None) -> Array:
    """Units of a layer given the one before: expected values, or draws."""
    return layer.mean(x) if stream is None else layer.units.sample(layer.input(x), stream)
