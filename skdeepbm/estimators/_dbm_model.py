"""What the public arrays of a deep Boltzmann machine describe."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from skdeepbm.backends import Array, Backend
from skdeepbm.estimators._base import BoltzmannBase, put
from skdeepbm.estimators._hyperparameters import check_groups
from skdeepbm.estimators._layers import check_same_layers
from skdeepbm.models.dbm import DBM
from skdeepbm.models.units import UNITS, BernoulliUnits
from skdeepbm.models.word_dbm import WordDBM


class DBMModelMixin(BoltzmannBase):
    """From the fitted arrays to models on a backend; layer 0 is the visible one."""

    hidden_layer_sizes: Any
    visible: str
    visible_groups: Any
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    log_variance_visible_: np.ndarray
    mean_n_words_: float
    n_features_in_: int
    _fitted_names: tuple[str, ...] = ("coefs_", "intercepts_")
    _other_names: tuple[str, ...] = ("log_variance_visible_", "mean_n_words_")

    @property
    def _is_of_words(self) -> bool:
        """Whether rows are counts of words."""
        return self.visible == "multinomial"

    @property
    def _n_visible(self) -> int:
        return int(np.shape(self.coefs_[0])[0])

    def _sizes(self) -> tuple[int, ...]:
        """Units in every layer, by the public arrays."""
        return (self._n_visible, *(int(np.shape(w)[-1]) for w in self.coefs_))

    @property
    def _width(self) -> int:
        """Units of the widest layer."""
        return max(self._sizes())

    def _check_shapes(self) -> None:
        """Raise unless the public arrays, which anybody may set, fit together."""
        weights = [np.shape(w) for w in self.coefs_]
        biases = [np.shape(b) for b in self.intercepts_]
        shapes = f"coefs_ {weights}, intercepts_ {biases}"
        fit = (
            len(weights) >= 2
            and all(len(shape) == 2 for shape in weights)
            and all(below[1] == above[0] for below, above in itertools.pairwise(weights))
            and biases == [(n,) for n in self._sizes()]
            and getattr(self, "n_features_in_", self._n_visible) == self._n_visible
        )
        if hasattr(self, "log_variance_visible_"):
            found = np.shape(self.log_variance_visible_)
            shapes += f", log_variance_visible_ {found}"
            fit = fit and found == biases[0]
        if not fit:
            raise ValueError(
                f"The fitted arrays of {type(self).__name__} do not fit together: {shapes}. With "
                "layer 0 the visible one, coefs_ needs (n_l, n_{l+1}) for at least two pairs of "
                "layers and intercepts_ (n_l,) for every layer."
            )

    def _check_going_on(self) -> None:
        """Raise unless the public arrays are what training can go on from."""
        self._check_shapes()
        check_same_layers(self, self._sizes()[1:])

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> DBM:
        self._check_shapes()

        def own(array: Any) -> Array:
            return put(backend, array, dtype, copy_arrays)

        if self._is_of_words:
            weights, biases = (
                [own(array) for array in part] for part in (self.coefs_, self.intercepts_)
            )
            return WordDBM.of(weights, biases, backend)
        variance = getattr(self, "log_variance_visible_", None)
        visible = UNITS[self.visible](
            backend,
            own(self.intercepts_[0]),
            None if variance is None else own(variance),
            check_groups(self, self.visible_groups, self._n_visible, "visible_groups"),
        )
        hidden = [BernoulliUnits(backend, own(bias)) for bias in self.intercepts_[1:]]
        return DBM([visible, *hidden], [own(weights) for weights in self.coefs_])
