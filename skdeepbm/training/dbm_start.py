"""Where the joint training of a deep Boltzmann machine starts without pretraining.

Centring makes that possible (Montavon & Muller 2012). What greedy layers are the start of is in
``DBM.of_rbms``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdeepbm.training.start import initial_parameters


def initial_layers(
    visible: str,
    hidden_sizes: Sequence[int],
    mean: np.ndarray,
    variance: np.ndarray,
    groups: tuple[int, ...] | None,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray | None]:
    """Base-rate model of the data with small random weights and Bernoulli hidden layers.

    Parameters
    ----------
    visible : str
        Kind of the visible units.
    hidden_sizes : sequence of int
        From the first hidden layer to the top.
    mean, variance : ndarrays of shape (n_visible,)
        Of the data.
    groups : tuple of int or None
        Of the visible units.
    rng : Generator

    Returns
    -------
    weights : list of ndarrays of float64 of shapes (n_l, n_{l+1})
    biases : list of ndarrays of float64 of shapes (n_l,)
        Hidden biases cancel the input from the data's mean and from hidden units that are half on:
        all of them are half on there.
    log_variance : ndarray of shape (n_visible,) or None
    """
    bottom = initial_parameters(visible, hidden_sizes[0], mean, variance, groups, rng)
    weights, biases = [bottom["weights"]], [bottom["visible_bias"], bottom["hidden_bias"]]
    for below, above in zip(hidden_sizes[:-1], hidden_sizes[1:], strict=True):
        weights.append(rng.normal(0.0, 0.01, (below, above)))
        biases[-1] = biases[-1] - 0.5 * weights[-1].sum(axis=1)
        biases.append(-0.5 * weights[-1].sum(axis=0))
    return weights, biases, bottom.get("log_variance")


def initial_word_layers(
    hidden_sizes: Sequence[int], bias: np.ndarray, mean_n_words: float, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same for documents.

    Parameters
    ----------
    hidden_sizes : sequence of int
        From the first hidden layer to the top.
    bias : ndarray of shape (n_words_in_vocabulary,)
        Of words with the shares that they have in the data.
    mean_n_words : float
        Length of the document in which all hidden units are half on.
    rng : Generator

    Returns
    -------
    weights : list of ndarrays of float64 of shapes (n_l, n_{l+1})
    biases : list of ndarrays of float64 of shapes (n_l,)
        That of the first hidden layer is for one word.
    """
    sizes = [bias.size, *hidden_sizes]
    weights = [rng.normal(0.0, 0.01, pair) for pair in zip(sizes[:-1], sizes[1:], strict=True)]
    share = np.exp(bias - bias.max())
    first = -(share / share.sum()) @ weights[0]
    biases = [bias, first]
    for below, above in zip(weights[1:], [*weights[2:], None], strict=True):
        from_above = 0.0 if above is None else 0.5 * above.sum(axis=1)
        biases.append(-0.5 * below.sum(axis=0) - from_above)
    biases[1] = first - 0.5 * weights[1].sum(axis=1) / mean_n_words
    return weights, biases
