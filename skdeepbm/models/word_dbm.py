"""The deep Boltzmann machine of counts: a replicated softmax with further layers above its topics.

Topics are a replicated softmax with the words (Salakhutdinov & Hinton 2009), and the visible side
of a machine of Bernoulli layers. Where Srivastava, Salakhutdinov & Hinton (2013) have a layer of
hidden words, whose number goes into the bias of the topics, units that are there or not do not add
to the length. A document of D words with counts ``v`` has the energy

    ``E = -v.b - v.W_1 h_1 - D a_1.h_1 - sum_{l>1} (h_{l-1}.W_l h_l + a_l.h_l)``.

Only the replicated part counts once for every word. What hidden layers say to each other does not
depend on the length: they are a prior of topics that short documents follow more than long ones.
With the words summed out, hidden states have the weight ``exp(D f(h_1) + g(h_1, ..., h_L))`` with
the log-mass ``f`` of one word, as in a replicated softmax, and with minus the energy ``g`` of a
machine of the hidden layers alone, in which the first one has no bias. The length is an inverse
temperature of the first part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from skdeepbm.backends import Array, Backend
from skdeepbm.models.dbm import DBM, FoldedDBM, folded
from skdeepbm.models.mean_field import mean_field_inputs, settled_means, variational_bound
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import BernoulliUnits, MultinomialUnits, Units


@dataclass
class WordDBM(DBM):
    """A DBM of documents of every length.

    Visible values are counts, dense or CSR on the host, of which the number of words is the sum.

    Parameters
    ----------
    layers : list of Units
        Multinomial units, and at least two layers of Bernoulli units of which the first one has a
        bias of 0.
    weights : list of arrays of shapes (n_l, n_{l+1})
    word_bias : array of shape (n_1,)
        Bias of the first hidden layer for one word.
    """

    word_bias: Array

    @classmethod
    def of(cls, weights: list[Array], biases: list[Array], backend: Backend) -> WordDBM:
        """The machine of some arrays, of which ``biases[1]`` is that for one word."""
        layers: list[Units] = [MultinomialUnits(backend, biases[0])]
        layers += [BernoulliUnits(backend, bias) for bias in (0.0 * biases[1], *biases[2:])]
        return cls(layers, weights, biases[1])

    @property
    def bottom(self) -> ReplicatedSoftmax:
        """Words and the first hidden layer; arrays are shared."""
        visible, hidden = self.layers[0], self.layers[1].with_bias(self.word_bias)
        assert isinstance(visible, MultinomialUnits)
        assert isinstance(hidden, BernoulliUnits)
        return ReplicatedSoftmax(visible, hidden, self.weights[0])

    @property
    def above(self) -> FoldedDBM:
        """The hidden layers alone, odd ones side by side as its visible units."""
        return folded(DBM(self.layers[1:], self.weights[1:]), 0)

    @property
    def hidden_slices(self) -> list[slice]:
        """Columns of each hidden layer where all are side by side."""
        ends = [0]
        for units in self.layers[1:]:
            ends.append(ends[-1] + units.size)
        return [slice(i, j) for i, j in zip(ends[:-1], ends[1:], strict=True)]

    @property
    def odd_slices(self) -> list[slice]:
        """Columns of layers 1, 3, ... where these are side by side."""
        return list(self.above.columns(0).values())

    def from_below(self, index: int, x: Any, out: Array | None = None) -> Array:
        """As of :class:`DBM`; what the first layer gets from counts includes D times its bias."""
        if index > 1:
            return super().from_below(index, x, out)
        backend = self.backend
        a = backend.counts_matmul(x, self.weights[0], out=out)
        n_words = self.bottom.lengths(backend.row_sums(x))
        a += backend.xp.expand_dims(n_words, axis=1) * self.word_bias
        return a

    def of_length(self, n_words: float) -> DBM:
        """The plain machine of documents of one length: counts of so many words are its units."""
        visible = DocumentUnits(self.backend, self.layers[0].bias, n_words)
        first = self.layers[1].with_bias(float(n_words) * self.word_bias)
        return DBM([visible, first, *self.layers[2:]], self.weights)


class DocumentUnits(MultinomialUnits):
    """Multinomial units whose values are the counts of a known number of words.

    For sums over all documents and for expected counts; what is drawn is one word.

    Parameters
    ----------
    backend : Backend
    bias : array of shape (n_words_in_vocabulary,)
    n_words : float
    """

    def __init__(self, backend: Backend, bias: Array, n_words: float) -> None:
        super().__init__(backend, bias)
        self.n_words = float(n_words)

    def with_bias(self, bias: Array) -> Self:
        return type(self)(self.backend, bias, self.n_words)

    @property
    def n_states(self) -> None:
        return None

    def mean(self, a: Array, out: Array | None = None) -> Array:
        return self.backend.store(self.n_words * super().mean(a), out)

    def cgf(self, a: Array) -> Array:
        return self.n_words * super().cgf(a)


def word_means(dbm: WordDBM, v: Any, tolerance: float = 1e-6, max_steps: int = 100) -> list[Array]:
    """Expected values of the hidden layers, of every document as if it were alone.

    Those of documents without words are 0.5: their posterior is the prior of topics, of which a
    factorial distribution would show a single mode.

    Parameters
    ----------
    dbm : WordDBM
    v : counts of shape (n_rows, n_words_in_vocabulary)
    tolerance, max_steps : float, int
        As of :func:`skdeepbm.models.mean_field.settled_means`.

    Returns
    -------
    means : list of arrays of shapes (n_rows, n_l)
        From the first hidden layer.
    """
    xp = dbm.backend.xp
    empty = xp.expand_dims(dbm.backend.row_sums(v) <= 0, axis=1)
    found = settled_means(dbm, v, tolerance, max_steps)
    return [xp.where(empty, xp.full_like(mean, 0.5), mean) for mean in found]


def word_bounds(dbm: WordDBM, v: Any, tolerance: float = 1e-6, max_steps: int = 100) -> Array:
    """``E_q[-E(v, h)] + H(q)`` in mean field: below ``log sum_h exp(-E(v, h))``; (n_rows,), nats.

    Parameters
    ----------
    dbm : WordDBM
    v : counts of shape (n_rows, n_words_in_vocabulary)
    tolerance, max_steps : float, int
        As of :func:`skdeepbm.models.mean_field.settled_means`.
    """
    means = settled_means(dbm, v, tolerance, max_steps)
    return variational_bound(dbm, v, mean_field_inputs(dbm, v, means))


def document_means(dbm: WordDBM, top: Array, n_words: float) -> list[Array]:
    """Mean field down from held states of the top layer, the words of a document not known.

    Parameters
    ----------
    dbm : WordDBM
    top : array of shape (n_rows, n_top)
    n_words : float
        That the document has.

    Returns
    -------
    means : list of arrays of shapes (n_rows, n_l)
        From the layer below the top one to the expected counts.
    """
    return settled_means(dbm.of_length(n_words).upside_down(), top)
