"""Tiny RBMs and what they must do, written a second time from the formulas.

Nothing here uses the package's mathematics: energies are sums over units, expectations are sums
over all states, integrals over real units are sums over a fine lattice (for a Gaussian density
the trapezoid rule is exact to rounding).
"""

from __future__ import annotations

import copy
import itertools
import pickle
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp
from scipy.special import logsumexp, spence

from skdeepbm.models import RBM
from skdeepbm.models.autoencoder import Autoencoder
from skdeepbm.models.belief_net import BeliefNet
from skdeepbm.models.dbm import DBM
from skdeepbm.models.labelled_dbm import LabelledDBM
from skdeepbm.models.network import Layer as NetworkLayer
from skdeepbm.models.network import Network
from skdeepbm.models.replicated_softmax import ReplicatedSoftmax
from skdeepbm.models.units import (
    UNITS,
    BernoulliUnits,
    JointUnits,
    MultinomialUnits,
    SoftmaxUnits,
)
from skdeepbm.models.word_dbm import WordDBM

SIZES = {"bernoulli": 3, "softmax": 5, "gaussian": 2, "relu": 2}
GROUPS = (2, 3)


def group_slices(groups):
    edges = np.concatenate([[0], np.cumsum(groups)]).tolist()
    return [slice(i, j) for i, j in zip(edges[:-1], edges[1:], strict=True)]


def remembered(method):
    """Look up what a model of the same numbers has: every backend is compared with it."""
    found = {}

    @wraps(method)
    def look_up(model, *arguments, **options):
        key = joblib.hash((model, arguments, options))
        if key not in found:
            found[key] = method(model, *arguments, **options)
        return copy.deepcopy(found[key])

    return look_up


def minus_dilog(x):
    """``-Li2(-exp(x))``; where exp(x) would vanish beside 1, the first terms of its series."""
    x = np.asarray(x, dtype=np.float64)
    t = np.exp(np.minimum(x, 0.0))
    series = sum((-1) ** (k + 1) * t**k / k**2 for k in range(1, 40))
    return np.where(x < -1.0, series, -spence(1.0 + np.exp(x)))


@dataclass
class Layer:
    """One layer of units: kind, bias and, where the kind has them, variances and groups."""

    kind: str
    bias: np.ndarray
    log_variance: np.ndarray | None = None
    groups: tuple[int, ...] | None = None

    @property
    def variance(self):
        if self.log_variance is None:
            return np.ones_like(self.bias)
        return np.exp(self.log_variance)

    def self_energy(self, v):
        if self.kind == "gaussian":
            return ((v - self.bias) ** 2 / (2 * self.variance)).sum(-1)
        return -(v * self.bias).sum(-1)

    def couple(self, v):
        return v / self.variance

    def mean(self, a):
        """Expected values given the weighted input."""
        x = a + self.bias
        if self.kind == "bernoulli":
            return 1 / (1 + np.exp(-x))
        if self.kind == "gaussian":
            return x
        if self.kind == "relu":
            return np.log1p(np.exp(x))
        out = np.empty_like(x)
        for part in group_slices(self.groups):
            e = np.exp(x[..., part])
            out[..., part] = e / e.sum(-1, keepdims=True)
        return out

    def states(self):
        """Every state with the logarithm of its volume (0 where the states are discrete)."""
        if self.kind == "bernoulli":
            found = np.array(list(itertools.product([0.0, 1.0], repeat=self.bias.size)))
            return found, 0.0
        if self.kind == "softmax":
            eyes = [np.eye(size) for size in self.groups]
            found = [np.concatenate(rows) for rows in itertools.product(*eyes)]
            return np.array(found), 0.0
        if self.kind == "gaussian":
            spacing = 0.5
            axis = np.arange(-14, 14, spacing)
            found = np.array(list(itertools.product(axis, repeat=self.bias.size)))
            return found, self.bias.size * np.log(spacing)
        raise TypeError(self.kind)

    def draw(self, a, rng):
        """One draw for every row of the weighted input."""
        p = self.mean(a)
        if self.kind == "bernoulli":
            return (rng.random(p.shape) < p).astype(float)
        if self.kind == "gaussian":
            return p + np.sqrt(self.variance) * rng.standard_normal(p.shape)
        out = np.zeros_like(p)
        for part in group_slices(self.groups):
            u = rng.random((len(p), 1))
            hit = (u > p[:, part].cumsum(1)[:, :-1]).sum(1)
            out[np.arange(len(p)), part.start + hit] = 1
        return out


@dataclass
class Tiny:
    """An RBM small enough to sum over."""

    visible: Layer
    hidden: Layer
    weights: np.ndarray

    def rbm(self, backend: Any, dtype: Any = np.float64) -> RBM:
        """The package's RBM of the same parameters, in arrays of its own."""

        def put(array):
            return None if array is None else backend.asarray(np.array(array, dtype=dtype))

        def units(layer):
            return UNITS[layer.kind](
                backend, put(layer.bias), put(layer.log_variance), layer.groups
            )

        return RBM(units(self.visible), units(self.hidden), put(self.weights))

    def energy(self, v, h):
        """Energies of all pairs of rows; shape (rows of v, rows of h)."""
        interaction = self.visible.couple(v) @ self.weights @ h.T
        return self.visible.self_energy(v)[:, None] + self.hidden.self_energy(h) - interaction

    def hidden_input(self, v):
        return self.visible.couple(v) @ self.weights

    def visible_input(self, h):
        return h @ self.weights.T

    def free_energy(self, v):
        if self.hidden.kind == "relu":
            x = self.hidden_input(v) + self.hidden.bias
            return self.visible.self_energy(v) - minus_dilog(x).sum(1)
        h, log_volume = self.hidden.states()
        return -logsumexp(-self.energy(v, h), axis=1) - log_volume

    def hidden_free_energy(self, h):
        v, log_volume = self.visible.states()
        return -logsumexp(-self.energy(v, h), axis=0) - log_volume

    @remembered
    def log_z(self):
        if self.hidden.kind in ("relu", "gaussian"):
            v, log_volume = self.visible.states()
            return logsumexp(-self.free_energy(v)) + log_volume
        h, log_volume = self.hidden.states()
        return logsumexp(-self.hidden_free_energy(h)) + log_volume

    def log_likelihood(self, v):
        return float(np.mean(-self.free_energy(v)) - self.log_z())

    def visible_probabilities(self):
        """States of a discrete visible layer and the probability of each."""
        v, _ = self.visible.states()
        return v, np.exp(-self.free_energy(v) - self.log_z())

    def hidden_probabilities(self):
        """States of a discrete hidden layer and the probability of each."""
        h, _ = self.hidden.states()
        return h, np.exp(-self.hidden_free_energy(h) - self.log_z())

    def moments(self):
        """``<v>``, ``<h>`` and ``<v h>`` of the model, by summing over a discrete layer."""
        if self.visible.kind != "gaussian":
            v, p = self.visible_probabilities()
            h = self.hidden.mean(self.hidden_input(v))
        else:
            h, p = self.hidden_probabilities()
            v = self.visible.mean(self.visible_input(h))
        return p @ v, p @ h, (v * p[:, None]).T @ h

    def with_parameters(self, **changes):
        """A copy with ``weights``, ``visible_bias``, ``hidden_bias`` or ``log_variance`` set."""
        visible, hidden = self.visible, self.hidden
        if "visible_bias" in changes:
            visible = replace(visible, bias=changes["visible_bias"])
        if "log_variance" in changes:
            visible = replace(visible, log_variance=changes["log_variance"])
        if "hidden_bias" in changes:
            hidden = replace(hidden, bias=changes["hidden_bias"])
        return Tiny(visible, hidden, changes.get("weights", self.weights))

    def parameters(self):
        found = {
            "weights": self.weights,
            "visible_bias": self.visible.bias,
            "hidden_bias": self.hidden.bias,
        }
        if self.visible.log_variance is not None:
            found["log_variance"] = self.visible.log_variance
        return found

    def numerical_gradient(self, objective, name, step=1e-5):
        """Central differences of ``objective(model)`` by the parameter of that name."""
        value = self.parameters()[name]
        gradient = np.empty_like(value)
        for index in np.ndindex(value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[index] += sign * step
                ends.append(objective(self.with_parameters(**{name: moved})))
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        return gradient


def make_tiny(visible="bernoulli", hidden="bernoulli", seed=0, n_visible=None, n_hidden=None):
    """A random tiny RBM of these kinds of units."""
    rng = np.random.default_rng(seed)

    def layer(kind, n, is_visible):
        n = SIZES[kind] if n is None else n
        log_variance = rng.uniform(-0.6, 0.4, n) if kind == "gaussian" and is_visible else None
        groups = None
        if kind == "softmax":
            groups = GROUPS if n == sum(GROUPS) else (n,)
        return Layer(kind, rng.normal(0, 0.7, n), log_variance, groups)

    left, right = layer(visible, n_visible, True), layer(hidden, n_hidden, False)
    # real units on both sides have a finite Z for small weights only
    scale = 0.2 if visible == hidden == "gaussian" else 0.8
    return Tiny(left, right, rng.normal(0, scale, (left.bias.size, right.bias.size)))


def some_rows(layer, n, seed=0):
    """Rows of values that a visible layer can take."""
    rng = np.random.default_rng([seed, 1])
    if layer.kind == "gaussian":
        return rng.normal(0.3, 1.0, (n, layer.bias.size))
    states, _ = layer.states()
    return states[rng.integers(len(states), size=n)]


@dataclass
class TinyLabelled:
    """A tiny RBM with a label of a few classes beside its features."""

    features: Tiny
    label_weights: np.ndarray
    label_bias: np.ndarray

    @property
    def n_classes(self):
        return self.label_bias.size

    @property
    def hidden_size(self):
        return self.features.hidden.bias.size

    def rbm(self, backend: Any, dtype: Any = np.float64) -> RBM:
        """The package's RBM of the same parameters, in arrays of its own."""

        def put(array):
            return backend.asarray(np.array(array, dtype=dtype))

        rbm = self.features.rbm(backend, dtype)
        visible = JointUnits([rbm.visible, SoftmaxUnits(backend, put(self.label_bias))])
        weights = backend.xp.concat([rbm.weights, put(self.label_weights)], axis=0)
        return RBM(visible, rbm.hidden, weights)

    def free_energies(self, x):
        """F(x, c), a column for each class, by sums over hidden states where there are any."""
        columns, tiny = [], self.features
        for weights, bias in zip(self.label_weights, self.label_bias, strict=True):
            if tiny.hidden.kind == "relu":
                moved = tiny.with_parameters(hidden_bias=tiny.hidden.bias + weights)
                columns.append(moved.free_energy(x) - bias)
            else:
                h, log_volume = tiny.hidden.states()
                energies = tiny.energy(x, h) - h @ weights
                columns.append(-logsumexp(-energies, axis=1) - log_volume - bias)
        return np.stack(columns, axis=1)

    def log_posterior(self, x):
        found = -self.free_energies(x)
        return found - logsumexp(found, axis=1, keepdims=True)

    def hidden_means(self, x):
        """E[h | x, c] of every class; shape (n_classes, n_rows, n_hidden)."""
        a = self.features.hidden_input(x)
        return np.stack([self.features.hidden.mean(a + weights) for weights in self.label_weights])

    def joint(self, x, codes):
        """Rows ``[x | one-hot y]``; a code of -1 is no label."""
        hot = np.vstack([np.eye(self.n_classes), np.zeros(self.n_classes)])
        return np.hstack([x, hot[codes]])

    def parameters(self):
        features = self.features
        return {
            "weights": np.vstack([features.weights, self.label_weights]),
            "visible_bias": np.concatenate([features.visible.bias, self.label_bias]),
            "hidden_bias": features.hidden.bias,
        }

    def with_parameters(self, **changes):
        found, n = {**self.parameters(), **changes}, self.features.visible.bias.size
        features = self.features.with_parameters(
            weights=found["weights"][:n],
            visible_bias=found["visible_bias"][:n],
            hidden_bias=found["hidden_bias"],
        )
        return TinyLabelled(features, found["weights"][n:], found["visible_bias"][n:])

    numerical_gradient = Tiny.numerical_gradient


def make_labelled(visible="bernoulli", hidden="bernoulli", n_classes=3, seed=0, **sizes):
    """A random tiny RBM with a label."""
    tiny = make_tiny(visible, hidden, seed, **sizes)
    rng = np.random.default_rng([seed, 9])
    label_weights = rng.normal(0, 0.8, (n_classes, tiny.hidden.bias.size))
    return TinyLabelled(tiny, label_weights, rng.normal(0, 0.7, n_classes))


@dataclass
class TinyWords:
    """A replicated softmax small enough to sum over; counts are dense rows."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    def model(self, backend: Any, dtype: Any = np.float64) -> ReplicatedSoftmax:
        """The package's model of the same parameters, in arrays of its own."""

        def put(array):
            return backend.asarray(np.array(array, dtype=dtype))

        return ReplicatedSoftmax(
            MultinomialUnits(backend, put(self.visible_bias)),
            BernoulliUnits(backend, put(self.hidden_bias)),
            put(self.weights),
        )

    def hidden_states(self):
        return np.array(list(itertools.product([0.0, 1.0], repeat=self.hidden_bias.size)))

    def sequences(self, n_words):
        """Counts of every sequence of words, one row for each."""
        eye = np.eye(self.visible_bias.size)
        found = itertools.product(range(len(eye)), repeat=n_words)
        return np.array([eye[list(words)].sum(axis=0) for words in found])

    def energy(self, v, h):
        """Energies of all pairs of rows; shape (rows of v, rows of h)."""
        one_word = self.visible_bias[:, None] + self.weights @ h.T + h @ self.hidden_bias
        return -v @ one_word

    def free_energy(self, v):
        return -logsumexp(-self.energy(v, self.hidden_states()), axis=1)

    def hidden_mean(self, v):
        h = self.hidden_states()
        return np.exp(self.free_energy(v)[:, None] - self.energy(v, h)) @ h

    def log_mass(self, h):
        """Log of the sum over one word, for each row of h."""
        return logsumexp(-self.energy(np.eye(self.visible_bias.size), h), axis=0)

    def word_probabilities(self, h):
        """Distribution of a word, for each row of h."""
        return np.exp(-self.energy(np.eye(self.visible_bias.size), h) - self.log_mass(h)).T

    def log_z(self, n_words):
        """Over sequences of that many words, which need not be a whole number."""
        return logsumexp(n_words * self.log_mass(self.hidden_states()))

    def log_likelihood(self, v):
        """Mean over documents, of the sequences of their words."""
        log_z = [self.log_z(n_words) for n_words in v.sum(axis=1)]
        return float(np.mean(-self.free_energy(v) - log_z))

    def hidden_probabilities(self, n_words):
        """Hidden states and the probability of each in documents of that length."""
        h = self.hidden_states()
        return h, np.exp(n_words * self.log_mass(h) - self.log_z(n_words))

    def moments(self, n_words):
        """``<v>``, ``<h>`` and ``<v h>`` of documents of that length."""
        h, p = self.hidden_probabilities(n_words)
        v = n_words * self.word_probabilities(h)
        return p @ v, p @ h, (v * p[:, None]).T @ h

    def draw_hidden(self, n_words, n, rng):
        """Hidden states of documents of that length."""
        h, p = self.hidden_probabilities(n_words)
        return h[rng.choice(len(h), size=n, p=p / p.sum())]

    def draw(self, lengths, rng):
        """A document of each length."""
        h = np.concatenate([self.draw_hidden(n_words, 1, rng) for n_words in lengths])
        pairs = zip(lengths, self.word_probabilities(h), strict=True)
        return np.array([rng.multinomial(n, p / p.sum()) for n, p in pairs], dtype=float)

    def with_parameters(self, **changes):
        return replace(self, **changes)

    def parameters(self):
        return dict(vars(self))

    numerical_gradient = Tiny.numerical_gradient


def make_words(n_vocabulary=3, n_hidden=4, std=0.8, seed=0):
    """A random tiny replicated softmax."""
    rng = np.random.default_rng([seed, 3])
    return TinyWords(
        rng.normal(0, std, (n_vocabulary, n_hidden)),
        rng.normal(0, 0.7, n_vocabulary),
        rng.normal(0, 0.3, n_hidden),
    )


def some_documents(n_vocabulary, lengths, seed=0):
    """Counts of a document of each length."""
    rng = np.random.default_rng([seed, 4])
    p = rng.uniform(0.2, 1.0, n_vocabulary)
    return np.array([rng.multinomial(n, p / p.sum()) for n in lengths], dtype=float)


@dataclass
class TinyNet:
    """A belief net small enough to sum over.

    ``recognition[l]`` and ``generative[l]`` are pairs of weights, laid out as in the package, and
    the layer that they lead to. ``top`` has the penultimate layer as its visible one;
    ``label_bias`` and ``label_weights`` (n_classes, n_hidden) belong to label units beside that.
    """

    recognition: list[tuple[np.ndarray, Layer]]
    generative: list[tuple[np.ndarray, Layer]]
    top: Tiny
    label_bias: np.ndarray | None = None
    label_weights: np.ndarray | None = None

    def net(self, backend: Any, dtype: Any = np.float64) -> BeliefNet:
        """The package's net of the same parameters, in arrays of its own."""

        def put(array):
            return None if array is None else backend.asarray(np.array(array, dtype=dtype))

        def layer(pair):
            weights, units = pair
            kind = UNITS[units.kind]
            own = kind(backend, put(units.bias), put(units.log_variance), units.groups)
            return NetworkLayer(put(weights), own)

        rbm = self.top.rbm(backend, dtype)
        if self.label_bias is not None:
            joint = JointUnits([rbm.visible, SoftmaxUnits(backend, put(self.label_bias))])
            weights = np.concatenate([self.top.weights, self.label_weights])
            rbm = RBM(joint, rbm.hidden, put(weights))
        up, down = ([layer(pair) for pair in s] for s in (self.recognition, self.generative))
        return BeliefNet(up, down, rbm)

    @property
    def n_classes(self):
        return 0 if self.label_bias is None else len(self.label_bias)

    @property
    def visible(self):
        return self.generative[0][1] if self.generative else self.top.visible

    @staticmethod
    def log_density(layer, values, a):
        """Of rows of values given rows of weighted input, for all pairs."""
        m = layer.mean(a)[None, :, :]
        x = values[:, None, :]
        if layer.kind == "gaussian":
            terms = -0.5 * (x - m) ** 2 / layer.variance
            return (terms - 0.5 * np.log(2 * np.pi * layer.variance)).sum(-1)
        if layer.kind == "bernoulli":
            return np.log(np.where(x > 0.5, m, 1 - m)).sum(-1)
        return np.log((x * m).sum(-1))

    def label_posterior(self, x):
        """Exact p(y | penultimate)."""
        log_p = self.top_log_weights(x)
        return np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True))

    def top_log_weights(self, x):
        """Log of the top's unnormalised p(x, y), hidden states summed out; (n_rows, n_classes)."""
        h, log_volume = self.top.hidden.states()
        minus_e = -self.top.energy(x, h)
        if self.label_bias is None:
            return logsumexp(minus_e, axis=1)[:, None] + log_volume
        per_label = self.label_weights @ h.T + self.label_bias[:, None]
        return logsumexp(minus_e[:, None, :] + per_label[None], axis=2) + log_volume

    @remembered
    def log_z(self):
        x, log_volume = self.top.visible.states()
        return logsumexp(self.top_log_weights(x)) + log_volume

    def _top_value(self, x, label):
        found = self.top_log_weights(x) - self.log_z()
        return logsumexp(found, axis=1) if label is None else found[:, label]

    def log_likelihoods(self, v, label=None):
        """Exact log p(v) (or log p(v, label)) of each row."""

        def value(level, x):
            if level == len(self.generative):
                return self._top_value(x, label)
            above = self.recognition[level][1].states()[0]
            weights, layer = self.generative[level]
            log_p = self.log_density(layer, x, above @ weights)
            return logsumexp(log_p + value(level + 1, above), axis=1)

        return value(0, v)

    def bounds(self, v, label=None):
        """The variational bound of each row, the recognition distribution summed over."""

        def value(level, x):
            if level == len(self.generative):
                return self._top_value(x, label)
            up, above_units = self.recognition[level]
            above = above_units.states()[0]
            down, layer = self.generative[level]
            log_p = self.log_density(layer, x, above @ down)
            log_q = self.log_density(above_units, above, x @ up).T
            return (np.exp(log_q) * (log_p - log_q + value(level + 1, above))).sum(axis=1)

        return value(0, v)

    def penultimate_probabilities(self, label=None):
        """Penultimate states and the probability of each (given the label)."""
        x, _ = self.top.visible.states()
        log_p = self._top_value(x, label)
        return x, np.exp(log_p - logsumexp(log_p))

    def visible_probabilities(self, label=None):
        """States of a discrete visible layer and the probability of each (given the label)."""
        x, p = self.penultimate_probabilities(label)
        for weights, layer in reversed(self.generative):
            below, _ = layer.states()
            p = np.exp(self.log_density(layer, below, x @ weights)) @ p
            x = below
        return x, p


def make_net(sizes=(3, 2, 3), n_hidden=3, n_classes=0, visible="bernoulli", seed=0, std=1.2):
    """A random tiny net with layers of these sizes from the data to the penultimate one."""
    rng = np.random.default_rng([seed, 5])

    def layer(n, kind="bernoulli"):
        log_variance = rng.uniform(-0.6, 0.4, n) if kind == "gaussian" else None
        return Layer(kind, rng.normal(0, 0.7, n), log_variance)

    up, down = [], []
    kinds = [visible, *["bernoulli"] * (len(sizes) - 1)]
    for below, above, kind in zip(sizes[:-1], sizes[1:], kinds, strict=False):
        up.append((rng.normal(0, std, (below, above)), layer(above)))
        down.append((rng.normal(0, std, (above, below)), layer(below, kind)))
    penultimate = layer(sizes[-1], kinds[-1])
    top = Tiny(penultimate, layer(n_hidden), rng.normal(0, std, (sizes[-1], n_hidden)))
    if not n_classes:
        return TinyNet(up, down, top)
    # strong, so that labels say something about the data through several layers
    label_weights = rng.normal(0, 2.5, (n_classes, n_hidden))
    return TinyNet(up, down, top, rng.normal(0, 0.7, n_classes), label_weights)


FORMS = ["dense", "csr"]


def put_counts(backend, v, form, dtype=np.float64):
    """Counts as an array of the backend or as what it makes of CSR."""
    v = np.array(v, dtype=dtype)
    return backend.asarray(v) if form == "dense" else backend.counts(sp.csr_array(v))


def host_counts(backend, counts):
    """Counts of either form as a dense array, entry by entry."""
    if not hasattr(counts, "indptr"):
        return np.array(backend.to_host(counts))
    found = np.zeros(counts.shape, counts.data.dtype)
    for i, (start, stop) in enumerate(itertools.pairwise(counts.indptr.tolist())):
        for t in range(start, stop):
            found[i, counts.indices[t]] += counts.data[t]
    return found


def within_error(sample, expected, n_sigma=4.5):
    """Whether the columns' means agree with the expected ones up to their standard error.

    At 4.5 standard errors a right sampler fails once in 150,000 comparisons.
    """
    sample = np.asarray(sample, dtype=np.float64)
    error = sample.std(axis=0) / np.sqrt(len(sample))
    return bool(np.all(np.abs(sample.mean(axis=0) - expected) <= n_sigma * error + 1e-7))


@dataclass
class TinyNetwork:
    """A feed-forward network by the formulas: weights, biases, kinds of units, groups."""

    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    kinds: list[str]
    replicated: bool = False

    def network(self, backend, dtype=np.float64):
        """The package's network with these parameters."""
        layers = []
        for i, (w, b, kind) in enumerate(zip(self.coefs, self.intercepts, self.kinds, strict=True)):
            w, b = (backend.asarray(np.array(x, dtype=dtype)) for x in (w, b))
            groups = GROUPS if kind == "groups" else None
            name = "softmax" if kind == "groups" else kind
            units = MultinomialUnits if kind == "multinomial" else UNITS[name]
            layers.append(
                NetworkLayer(w, units(backend, b, None, groups), self.replicated and i == 0)
            )
        return Network(layers)

    def inputs(self, x, noise=None):
        """Total inputs of each layer, biases and noise (by layer) included."""
        found = []
        for i, (w, b, kind) in enumerate(zip(self.coefs, self.intercepts, self.kinds, strict=True)):
            times = x.sum(axis=1, keepdims=True) if self.replicated and i == 0 else 1.0
            found.append(x @ w + times * b + (noise or {}).get(i, 0.0))
            x = mean_of(kind, found[-1])
        return found

    def losses(self, x, target, noise=None):
        """Minus the log-density of each row's target."""
        a, kind = self.inputs(x, noise)[-1], self.kinds[-1]
        if kind == "bernoulli":
            return (np.logaddexp(0.0, a) - target * a).sum(axis=1)
        if kind == "gaussian":
            return (0.5 * (target - a) ** 2 + 0.5 * np.log(2 * np.pi)).sum(axis=1)
        if kind == "multinomial":
            return -(target * (a - logsumexp(a, axis=1, keepdims=True))).sum(axis=1)
        parts = group_slices(GROUPS) if kind == "groups" else [slice(None)]
        return sum(logsumexp(a[:, i], axis=1) - (target[:, i] * a[:, i]).sum(axis=1) for i in parts)

    def loss(self, x, target, weight_decay=0.0, noise=None, sparse=(), rho=0.1, cost=0.0):
        """Mean loss with penalties: of weights, and of the layers ``sparse``."""
        penalty = 0.5 * weight_decay * sum((w**2).sum() for w in self.coefs)
        for i in sparse:
            h = mean_of(self.kinds[i], self.inputs(x, noise)[i])
            if self.kinds[i] in ("relu", "gaussian"):
                penalty += cost * np.abs(h).sum() / len(h)
            else:
                q = h.mean(axis=0)
                on, off = rho * np.log(rho / q), (1 - rho) * np.log((1 - rho) / (1 - q))
                penalty += cost * (on + off).sum()
        return self.losses(x, target, noise).mean() + penalty

    def parameters(self):
        """Parameters by the trainer's names."""
        found = {}
        for i, (w, b) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            found[f"coefs {i}"], found[f"intercepts {i}"] = w, b
        return found

    @remembered
    def gradient(self, x, target, weight_decay=0.0, step=1e-5, **options):
        """Gradient of :meth:`loss` by central differences."""
        return central_differences(self, x, target, weight_decay, step=step, **options)


#: gradients by all that they depend on: tests ask for the same ones on every backend
_GRADIENTS: dict[bytes, dict[str, np.ndarray]] = {}


def central_differences(model, *arguments, step, **options):
    """Gradient of the loss of a reference model by its parameters."""
    key = pickle.dumps((type(model).__name__, vars(model), arguments, step, options))
    if key not in _GRADIENTS:
        found = {}
        for name, array in model.parameters().items():
            found[name] = np.empty_like(array)
            for place in np.ndindex(array.shape):
                kept, ends = array[place], []
                for sign in (1.0, -1.0):
                    array[place] = kept + sign * step
                    ends.append(model.loss(*arguments, **options))
                array[place] = kept
                found[name][place] = (ends[0] - ends[1]) / (2 * step)
        _GRADIENTS[key] = found
    return {name: array.copy() for name, array in _GRADIENTS[key].items()}


def mean_of(kind, a):
    """Expected values of units given their total inputs."""
    if kind == "bernoulli":
        return 1 / (1 + np.exp(-a))
    if kind == "gaussian":
        return a
    if kind == "relu":
        return np.logaddexp(0.0, a)
    parts = group_slices(GROUPS) if kind == "groups" else [slice(None)]
    return np.concatenate(
        [np.exp(a[:, i] - logsumexp(a[:, i], axis=1, keepdims=True)) for i in parts], axis=1
    )


def make_network(kinds, n_inputs=4, replicated=False, seed=0):
    """A network of five units a layer."""
    rng = np.random.default_rng([seed, 7])
    sizes = [n_inputs, *(5 for _ in kinds)]
    return TinyNetwork(
        [rng.normal(0, 0.7, pair) for pair in itertools.pairwise(sizes)],
        [rng.normal(0, 0.5, n) for n in sizes[1:]],
        list(kinds),
        replicated,
    )


def some_targets(kind, n, seed=0):
    """Targets for five output units of a kind."""
    rng = np.random.default_rng([seed, 8])
    if kind == "gaussian":
        return rng.normal(size=(n, 5))
    if kind == "bernoulli":
        return rng.uniform(size=(n, 5))
    if kind == "multinomial":
        return rng.poisson(1.0, (n, 5)).astype(float)
    target = np.zeros((n, 5))
    for i in group_slices(GROUPS) if kind == "groups" else [slice(0, 5)]:
        target[np.arange(n), rng.integers(i.start, i.stop, n)] = 1.0
    return target


@dataclass
class TinyAutoencoder:
    """An autoencoder with one hidden layer by the formulas; tied where it has no decoder."""

    weights: np.ndarray
    decoder: np.ndarray | None
    hidden_bias: np.ndarray
    visible_bias: np.ndarray
    hidden: str
    visible: str

    def network(self):
        decoder = self.weights.T if self.decoder is None else self.decoder
        return TinyNetwork(
            [self.weights, decoder],
            [self.hidden_bias, self.visible_bias],
            [self.hidden, self.visible],
            self.visible == "multinomial",
        )

    def model(self, backend, dtype=np.float64):
        """The package's autoencoder with these parameters."""
        encoder, decoder = self.network().network(backend, dtype).layers
        weights = None if self.decoder is None else decoder.weights
        return Autoencoder(encoder, decoder.units, weights)

    def targets(self, x):
        """Clean rows; of counts, the shares of the words."""
        if self.visible != "multinomial":
            return x
        return x / np.maximum(x.sum(axis=1, keepdims=True), 1.0)

    def codes(self, x):
        return mean_of(self.hidden, self.network().inputs(x)[0])

    def jacobians(self, x):
        """Derivatives of each row's code by the row; shape (n_rows, n_hidden, n_visible)."""
        a = self.network().inputs(x)[0]
        if self.hidden == "bernoulli":
            slope = np.exp(-a) / (1 + np.exp(-a)) ** 2
        else:
            slope = 1 / (1 + np.exp(-a)) if self.hidden == "relu" else np.ones_like(a)
        return np.array([np.diag(row) @ self.weights.T for row in slope])

    def loss(self, x, target=None, weight_decay=0.0, contraction=0.0, rho=0.1, sparsity=0.0):
        """Mean loss of inputs and their targets, with penalties."""
        net = self.network()
        found = net.loss(x, self.targets(x) if target is None else target)
        for weights in (self.weights, self.decoder):
            if weights is not None:
                found += 0.5 * weight_decay * (weights**2).sum()
        if sparsity:
            found += net.loss(x, self.targets(x), sparse=(0,), rho=rho, cost=sparsity)
            found -= net.loss(x, self.targets(x))
        return found + contraction * (self.jacobians(x) ** 2).sum() / len(x)

    def parameters(self):
        found = {
            "weights": self.weights,
            "hidden_bias": self.hidden_bias,
            "visible_bias": self.visible_bias,
        }
        return found if self.decoder is None else {**found, "decoder_weights": self.decoder}

    @remembered
    def gradient(self, x, step=1e-5, **options):
        """Gradient of :meth:`loss` by central differences."""
        return central_differences(self, x, step=step, **options)


def make_autoencoder(visible="bernoulli", hidden="bernoulli", tied=True, seed=0):
    """A random autoencoder of five visible and three hidden units."""
    rng = np.random.default_rng([seed, 17])
    weights, decoder = rng.normal(0, 0.7, (5, 3)), rng.normal(0, 0.7, (3, 5))
    biases = rng.normal(0, 0.5, 3), rng.normal(0, 0.5, 5)
    return TinyAutoencoder(weights, None if tied else decoder, *biases, hidden, visible)


def rows_for_autoencoder(visible, n, seed=0):
    """Rows that such an autoencoder can take; of counts, the first is empty."""
    rows = some_targets(visible, n, seed)
    if visible == "multinomial":
        rows[0] = 0.0
    return rows


@dataclass
class TinyDBM:
    """A deep Boltzmann machine small enough to sum over, the first layer visible."""

    layers: list[Layer]
    weights: list[np.ndarray]

    def dbm(self, backend: Any, dtype: Any = np.float64) -> DBM:
        """The package's model of the same parameters, in arrays of its own."""

        def put(array):
            return None if array is None else backend.asarray(np.array(array, dtype=dtype))

        units = [
            UNITS[layer.kind](backend, put(layer.bias), put(layer.log_variance), layer.groups)
            for layer in self.layers
        ]
        return DBM(units, [put(array) for array in self.weights])

    def energies(self, states):
        """Energies of joint states, one array of rows for each layer."""
        coupled = [layer.couple(x) for layer, x in zip(self.layers, states, strict=True)]
        found = sum(layer.self_energy(x) for layer, x in zip(self.layers, states, strict=True))
        for (below, above), w in zip(itertools.pairwise(coupled), self.weights, strict=True):
            found = found - ((below @ w) * above).sum(-1)
        return found

    def joint(self):
        """Every joint state of the layers, rows for each one, and the log-volume of a state."""
        each = [layer.states() for layer in self.layers]
        grid = np.meshgrid(*(np.arange(len(rows)) for rows, _ in each), indexing="ij")
        rows = [x[i.ravel()] for (x, _), i in zip(each, grid, strict=True)]
        return rows, sum(volume for _, volume in each)

    @remembered
    def log_z(self):
        states, log_volume = self.joint()
        return logsumexp(-self.energies(states)) + log_volume

    def hidden_energies(self, v):
        """Joint states of the hidden layers, and their energies beside one row."""
        h = TinyDBM(self.layers[1:], self.weights[1:]).joint()[0]
        return h, self.energies([np.tile(v, (len(h[0]), 1)), *h])

    def log_likelihoods(self, v):
        return np.array([logsumexp(-self.hidden_energies(row)[1]) for row in v]) - self.log_z()

    def probabilities(self):
        """Joint states (of a lattice for real units) and the probability of each."""
        states, _ = self.joint()
        energies = self.energies(states)
        return states, np.exp(-energies - logsumexp(-energies))

    def posterior(self, v):
        """Joint states of the hidden layers and the probability of each given one row."""
        h, energies = self.hidden_energies(v)
        return h, np.exp(-energies - logsumexp(-energies))

    def draws(self, n, rng):
        """Joint states drawn from the model."""
        states, p = self.probabilities()
        chosen = rng.choice(len(p), size=n, p=p / p.sum())
        return [x[chosen] for x in states]

    def input(self, index, states):
        """Weighted input of a layer from those beside it."""
        a = 0.0
        if index:
            a = a + self.layers[index - 1].couple(states[index - 1]) @ self.weights[index - 1]
        if index + 1 < len(self.layers):
            a = a + self.layers[index + 1].couple(states[index + 1]) @ self.weights[index].T
        return a

    def bounds(self, v, q):
        """``E_q[-E] + H(q) - log Z`` for rows and Bernoulli probabilities of the hidden layers."""
        found = []
        for i, row in enumerate(v):
            h, energies = self.hidden_energies(row)
            log_q = 0.0
            for x, p in zip(h, q, strict=True):
                on = np.clip(p[i], 1e-300, None)
                off = np.clip(1 - p[i], 1e-300, None)
                log_q = log_q + (x * np.log(on) + (1 - x) * np.log(off)).sum(1)
            found.append(np.exp(log_q) @ (-energies - log_q))
        return np.array(found) - self.log_z()

    def parameters(self):
        """Parameters by the trainer's names."""
        found = {f"weights {i}": w for i, w in enumerate(self.weights)}
        for i, layer in enumerate(self.layers):
            found[f"bias {i}"] = layer.bias
        if self.layers[0].log_variance is not None:
            found["log_variance"] = self.layers[0].log_variance
        return found

    def with_parameters(self, **changes):
        """A copy with some of :meth:`parameters` set."""
        now = {**self.parameters(), **changes}
        layers = [
            replace(
                layer, bias=now[f"bias {i}"], log_variance=None if i else now.get("log_variance")
            )
            for i, layer in enumerate(self.layers)
        ]
        return type(self)(layers, [now[f"weights {i}"] for i in range(len(self.weights))])

    def numerical_gradient(self, objective, name, step=1e-5):
        """Central differences of ``objective(model)`` by the parameter of that name."""
        value = self.parameters()[name]
        gradient = np.empty_like(value)
        for index in np.ndindex(value.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[index] += sign * step
                ends.append(objective(self.with_parameters(**{name: moved})))
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        return gradient


def make_dbm(sizes=(3, 3, 2), visible="bernoulli", hidden="bernoulli", seed=0, std=0.8):
    """A random deep Boltzmann machine; ``sizes`` begins with the visible layer."""
    rng = np.random.default_rng([seed, 23])
    layers = []
    for i, n in enumerate(sizes):
        kind = hidden if i else visible
        log_variance = rng.uniform(-0.6, 0.4, n) if kind == "gaussian" else None
        groups = None
        if kind == "softmax":
            groups = (2, n - 2) if n > 3 else (n,)
        layers.append(Layer(kind, rng.normal(0, 0.7, n), log_variance, groups))
    return TinyDBM(layers, [rng.normal(0, std, pair) for pair in itertools.pairwise(sizes)])


class TinyLabelledDBM(TinyDBM):
    """A deep Boltzmann machine whose top layer is one group of label units."""

    def dbm(self, backend, dtype=np.float64):
        model = super().dbm(backend, dtype)
        return LabelledDBM(model.layers, model.weights)

    @property
    def n_classes(self):
        return len(self.layers[-1].bias)

    def joint_log_weights(self, v):
        """``log sum_h exp(-E(v, h, c))`` for rows and classes."""
        found = []
        for row in v:
            states, energies = self.hidden_energies(row)
            on = states[-1].argmax(1)
            found.append([logsumexp(-energies[on == c]) for c in range(self.n_classes)])
        return np.array(found)

    def label_bounds(self, v, codes, q):
        """``E_q[-E] + H(q)`` given labels, for Bernoulli probabilities of the hidden layers."""
        found = []
        for i, (row, code) in enumerate(zip(v, codes, strict=True)):
            states, energies = self.hidden_energies(row)
            kept = states[-1].argmax(1) == code
            log_q = 0.0
            for x, p in zip(states[:-1], q, strict=True):
                on, off = np.clip(p[i], 1e-300, None), np.clip(1 - p[i], 1e-300, None)
                log_q = log_q + (x[kept] * np.log(on) + (1 - x[kept]) * np.log(off)).sum(1)
            found.append(np.exp(log_q) @ (-energies[kept] - log_q))
        return np.array(found)


def make_labelled_dbm(sizes=(3, 3, 2), n_classes=3, visible="bernoulli", seed=0, std=0.8):
    """A random machine with a label on top of the last of ``sizes``."""
    tiny = make_dbm(sizes, visible, seed=seed, std=std)
    rng = np.random.default_rng([seed, 29])
    label = Layer("softmax", rng.normal(0, 0.7, n_classes), None, (n_classes,))
    weights = rng.normal(0, std, (sizes[-1], n_classes))
    return TinyLabelledDBM([*tiny.layers, label], [*tiny.weights, weights])


@dataclass
class TinyWordDBM:
    """A deep Boltzmann machine of counts, small enough to sum over; ``biases[1]`` is for a word."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]

    def dbm(self, backend, dtype=np.float64):
        """The package's model of the same parameters, in arrays of its own."""

        def put(array):
            return backend.asarray(np.array(array, dtype=dtype))

        weights, biases = ([put(x) for x in part] for part in (self.weights, self.biases))
        return WordDBM.of(weights, biases, backend)

    sequences = TinyWords.sequences

    @property
    def visible_bias(self):
        return self.biases[0]

    def hidden_states(self):
        """Every joint state of the hidden layers, rows for each layer."""
        sizes = [len(bias) for bias in self.biases[1:]]
        rows = np.array(list(itertools.product([0.0, 1.0], repeat=sum(sizes))))
        return np.split(rows, np.cumsum(sizes)[:-1], axis=1)

    def hidden_energies(self, h):
        """Energies of what does not depend on the words, row by row."""
        found = 0.0
        for below, above, w, bias in zip(
            h[:-1], h[1:], self.weights[1:], self.biases[2:], strict=True
        ):
            found = found - ((below @ w) * above).sum(1) - above @ bias
        return found

    def energies(self, v, h):
        """Energies of all pairs of rows; shape (rows of v, rows of h)."""
        bottom = TinyWords(self.weights[0], self.biases[0], self.biases[1])
        return bottom.energy(v, h[0]) + self.hidden_energies(h)

    def log_sums(self, v):
        """``log sum_h exp(-E(v, h))``."""
        return logsumexp(-self.energies(v, self.hidden_states()), axis=1)

    @remembered
    def log_z(self, n_words):
        """By every sequence of words."""
        return logsumexp(self.log_sums(self.sequences(n_words)))

    def log_likelihoods(self, v):
        return self.log_sums(v) - [self.log_z(round(n)) for n in v.sum(axis=1)]

    @remembered
    def joint(self, n_words):
        """Counts of sequences, joint hidden states, and the probability of each pair."""
        v, h = self.sequences(n_words), self.hidden_states()
        return v, h, np.exp(-self.energies(v, h) - self.log_z(n_words))

    def posterior(self, v):
        """Joint hidden states, and the probability of each given every row."""
        h = self.hidden_states()
        return h, np.exp(-self.energies(v, h) - self.log_sums(v)[:, None])

    def draws(self, n_words, n, rng):
        """Counts and hidden states of documents of that length."""
        v, h, p = self.joint(n_words)
        chosen = rng.choice(p.size, size=n, p=p.ravel() / p.sum())
        return v[chosen // p.shape[1]], [x[chosen % p.shape[1]] for x in h]

    def bounds(self, v, q):
        """``E_q[-E] + H(q)`` for Bernoulli probabilities of the hidden layers."""
        h, found = self.hidden_states(), []
        for i, energies in enumerate(self.energies(v, h)):
            log_q = 0.0
            for x, p in zip(h, q, strict=True):
                log_q = log_q + (x * np.log(p[i]) + (1 - x) * np.log1p(-p[i])).sum(1)
            found.append(np.exp(log_q) @ (-energies - log_q))
        return np.array(found)

    def parameters(self):
        """Parameters by the trainer's names."""
        found = {f"weights {i}": w for i, w in enumerate(self.weights)}
        return found | {f"bias {i}": bias for i, bias in enumerate(self.biases)}

    def with_parameters(self, **changes):
        """A copy with some of :meth:`parameters` set."""
        now = {**self.parameters(), **changes}
        weights = [now[f"weights {i}"] for i in range(len(self.weights))]
        return TinyWordDBM(weights, [now[f"bias {i}"] for i in range(len(self.biases))])

    numerical_gradient = TinyDBM.numerical_gradient


def make_word_dbm(sizes=(3, 3, 2), seed=0, std=0.8):
    """A random tiny machine; ``sizes`` begins with the vocabulary."""
    rng = np.random.default_rng([seed, 31])
    biases = [rng.normal(0, 0.7, n) for n in sizes]
    biases[1] *= 0.4
    weights = [rng.normal(0, std, pair) for pair in itertools.pairwise(sizes)]
    return TinyWordDBM(weights, biases)


def assert_same(a, b, ignore=(), name="value"):
    """The same types, dtypes and values to the last bit, in nested objects with private parts.

    ``ignore`` names attributes and keys that are not compared.
    """
    assert type(a) is type(b), name
    if any(hasattr(a, it) for it in ("get_params", "__dataclass_fields__", "get_n_splits")):
        a, b = vars(a), vars(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys(), name
        for key in a.keys() - set(ignore):
            assert_same(a[key], b[key], ignore, f"{name}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), name
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same(one, other, ignore, f"{name}[{i}]")
    elif isinstance(a, np.random.RandomState):
        assert_same(a.get_state(), b.get_state(), ignore, name)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)
    elif isinstance(a, float | np.floating):
        x, y = np.asarray(a), np.asarray(b)
        assert x.tobytes() == y.tobytes(), name
    elif not callable(a):
        assert a == b, name
