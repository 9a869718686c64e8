"""Block Gibbs sampling of a deep Boltzmann machine of documents, with exchanges between lengths.

States of the odd hidden layers make a chain. Given them, words and even layers are drawn; given
these, the odd layers. What hidden layers say to each other does not depend on the number of words
(see ``models.word_dbm``), so that chains of lengths D < D' may exchange the states of all of them
with the probability of a replicated softmax, ``min(1, exp((D' - D) (f(h) - f(h'))))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Array, Stream
from skdeepbm.models.word_dbm import WordDBM
from skdeepbm.sampling.layers import first_states
from skdeepbm.sampling.length_tempering import LengthTempering


def draw_layers(dbm: WordDBM, odd: Array, x: Array, stream: Stream) -> tuple[Array, Array, Array]:
    """Even hidden layers given the odd ones, then the odd ones given these and words.

    Parameters
    ----------
    dbm : WordDBM
    odd : array of shape (n_chains, n_1 + n_3 + ...)
        States of layers 1, 3, ... side by side.
    x : array of shape (n_chains, n_1)
        Input of layer 1 from words that were drawn given ``odd``, bias included.
    stream : Stream

    Returns
    -------
    mean, odd : arrays of shape (n_chains, n_1 + n_3 + ...)
        Expected and drawn states of the odd layers.
    even : array of shape (n_chains, n_2 + n_4 + ...)
    """
    above = dbm.above
    even = above.hidden.sample(above.hidden_input(odd), stream)
    a = above.visible_input(even)
    a[:, : x.shape[1]] += x
    mean = dbm.backend.empty(tuple(a.shape), a.dtype)
    return mean, above.visible.sample(a, stream, mean=mean), even


def first_odd(dbm: WordDBM, v: Any, stream: Stream) -> Array:
    """States of the odd layers side by side, drawn in one pass up from documents."""
    return dbm.backend.xp.concat(first_states(dbm, v, stream), axis=1)


def word_layer_chain(
    dbm: WordDBM, odd: Array, n_words: np.ndarray, n_steps: int, stream: Stream
) -> tuple[Any, Array]:
    """Run chains: ``n_steps`` times words and even layers given the odd ones, then the odd ones.

    Parameters
    ----------
    dbm : WordDBM
    odd : array of shape (n_chains, n_1 + n_3 + ...)
        States to start from.
    n_words : ndarray of int of shape (n_chains,)
        Length of each document, on the host.
    n_steps : int
        At least 1.
    stream : Stream

    Returns
    -------
    v : counts of shape (n_chains, n_words_in_vocabulary)
        The last ones.
    odd : array of shape (n_chains, n_1 + n_3 + ...)
        Drawn given ``v``.
    """
    n_first, backend = dbm.layers[1].size, dbm.backend
    p = backend.empty((int(odd.shape[0]), dbm.visible.size), dbm.dtype)
    for _ in range(n_steps):
        dbm.bottom.words(odd[:, :n_first], out=p)
        v = backend.multinomial(n_words, p, stream)
        _, odd, _ = draw_layers(dbm, odd, dbm.from_below(1, v), stream)
    return v, odd


class LayerTempering(LengthTempering):
    """Chains of documents of several lengths, of a machine with several hidden layers.

    Parameters
    ----------
    model : WordDBM
        Its arrays may change between calls of :meth:`step`.
    h : array of shape (n_chains, n_1 + n_3 + ...)
        States of the odd layers, as of :class:`LengthTempering`.
    exchanges : bool, default=True

    Notes
    -----
    What :meth:`step` returns as expected hidden states has the columns of all hidden layers, from
    the first one: expected values of the odd ones given words and draws of the even ones.
    """

    model: WordDBM

    def _words(self) -> tuple[Array, Array]:
        return self.model.bottom.words(self.h[:, : self.model.layers[1].size], out=self._p)

    def _hidden(self, v: Any, n_words: np.ndarray, stream: Stream) -> Array:
        dbm, above = self.model, self.model.above
        mean, self.h, even = draw_layers(dbm, self.h, dbm.from_below(1, v), stream)
        found = dbm.backend.empty((int(mean.shape[0]), dbm.hidden_slices[-1].stop), mean.dtype)
        for first, rows in ((0, mean), (1, even)):
            for i, columns in above.columns(first).items():
                found[:, dbm.hidden_slices[i]] = rows[:, columns]
        return found
