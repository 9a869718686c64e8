"""Training an RBM that has a label among its visible units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length

from skdeepbm.backends import Backend
from skdeepbm.estimators._base import host_dtype
from skdeepbm.estimators._early_stopping import Entry, Rises
from skdeepbm.estimators._labels import (
    LabelledData,
    class_shares,
    encode_labels,
    known_classes,
    replicated_rows,
)
from skdeepbm.estimators._rbm_training import RBMTrainingMixin
from skdeepbm.estimators._validation import name_of
from skdeepbm.models import RBM
from skdeepbm.models.units import JointUnits, SoftmaxUnits
from skdeepbm.training import ClassificationTrainer, LabelledRows, LabelTrainer, RBMTrainer, Rows
from skdeepbm.training.label_monitor import LABEL_MEASURES

# of the label's starting weights
_LABELS = 6


class LabelTrainingMixin(RBMTrainingMixin):
    """What a label needs besides what an RBM needs."""

    objective: str
    generative_weight: float
    class_weight: Any
    shuffle: bool
    classes_: np.ndarray
    label_components_: np.ndarray
    intercept_label_: np.ndarray
    _measures = LABEL_MEASURES

    # -- the model -----------------------------------------------------------------------

    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> RBM:
        rbm = super()._model(backend, dtype)
        xp = backend.xp
        bias = backend.asarray(np.array(self.intercept_label_, dtype=dtype))
        label_weights = backend.asarray(np.array(np.asarray(self.label_components_).T, dtype=dtype))
        # joined arrays are copies already
        weights = xp.concat([rbm.weights, label_weights], axis=0)
        hidden = rbm.hidden
        if copy_arrays:
            hidden = hidden.with_bias(xp.asarray(hidden.bias, copy=True))
        return RBM(JointUnits([rbm.visible, SoftmaxUnits(backend, bias)]), hidden, weights)

    def _check_shapes(self) -> None:
        super()._check_shapes()
        found = {
            name: np.shape(getattr(self, name))
            for name in ("label_components_", "intercept_label_", "classes_")
        }
        n_components, n_classes = len(self.components_), len(self.classes_)
        wanted = ((n_components, n_classes), (n_classes,), (n_classes,))
        if tuple(found.values()) != wanted:
            described = ", ".join(f"{name} {shape}" for name, shape in found.items())
            raise ValueError(
                f"The fitted arrays of {name_of(self)} do not fit together: {described}; "
                "they must have the shapes (n_components, n_classes), (n_classes,), (n_classes,) "
                f"with n_components = {n_components}."
            )

    def _fitted_arrays(self, trainer: Any) -> dict[str, np.ndarray]:
        found = super()._fitted_arrays(trainer)
        n = found["components_"].shape[1] - len(self.classes_)
        weights, bias = found["components_"], found["intercept_visible_"]
        found["components_"] = np.ascontiguousarray(weights[:, :n].T).T
        found["label_components_"] = np.ascontiguousarray(weights[:, n:].T).T
        found["intercept_visible_"], found["intercept_label_"] = bias[:n].copy(), bias[n:].copy()
        return found

    # -- data ----------------------------------------------------------------------------

    def _check_labelled(
        self,
        backend: Backend,
        X: Any,
        y: Any,
        going_on: bool,
        n_epochs: int,
        *,
        classes: Any = None,
        sample_weight: Any = None,
        in_order: bool = False,
        **options: Any,
    ) -> LabelledData:
        """Validated rows and labels; ``in_order`` keeps the rows as they come."""
        X = self._check_training(backend, X, going_on, n_epochs)
        if going_on:
            classes = known_classes(self, classes)
        classes, codes = encode_labels(self, y, classes)
        check_consistent_length(codes, np.broadcast_to(0, X.shape[0]))
        canonical = self.shuffle and not in_order
        index = replicated_rows(
            self, X, codes, sample_weight, self.class_weight, classes, canonical
        )
        if not (codes >= 0).any() and not going_on and not in_order:
            raise ValueError(f"No row of y has a label of a class ({name_of(self)}).")
        return LabelledData(X, classes, codes if index is None else codes[index], index)

    @staticmethod
    def _features(data: Any) -> Any:
        return data.X

    def _rows(self, backend: Backend, data: Any, dtype: Any) -> Rows:
        n_classes = data.classes.size
        return LabelledRows(backend, data.X, dtype, data.codes, n_classes, data.index)

    def _held_out_rows(self, rows: Any) -> np.ndarray | None:
        """A share of every class; rows that weights repeat are held out all or not at all."""
        index = np.arange(rows.n_rows) if rows.index is None else rows.index
        distinct, first, inverse = np.unique(index, return_index=True, return_inverse=True)
        n = self._n_held_out(distinct.size)
        if not n:
            return None
        order = self._held_out_stream().permutation(distinct.size)
        order = order[np.argsort(rows.codes[first][order], kind="stable")]
        chosen = order[((np.arange(n) + 0.5) * (order.size / n)).astype(np.intp)]
        held_out = np.flatnonzero(np.isin(inverse, chosen))
        if self.early_stopping is not None and not (rows.codes[held_out] >= 0).any():
            raise ValueError(
                f"early_stopping={self.early_stopping!r} of {name_of(self)} needs held-out "
                f"rows with a label, but none of {held_out.size} has one. Raise "
                "validation_fraction, or use early_stopping=None."
            )
        return held_out

    # -- training ------------------------------------------------------------------------

    def _start(
        self, backend: Backend, data: Any, n_batches: int, index: np.ndarray | None = None
    ) -> None:
        super()._start(backend, data.X, n_batches, data.index)
        self.classes_, n_classes = data.classes, data.classes.size
        share = class_shares(data.codes, n_classes)
        seed = np.random.SeedSequence(self._entropy, spawn_key=(_LABELS,))
        rng = np.random.Generator(np.random.SFC64(seed))
        weights = rng.normal(0.0, 0.01, (n_classes, self.n_components))
        dtype = host_dtype(data.X)
        working = np.dtype(self.training_dtype or dtype)
        start = {
            "label_components_": weights,
            "intercept_label_": SoftmaxUnits.initial_bias(share, share, None),
            "intercept_hidden_": self.intercept_hidden_ - share @ weights,
        }
        start = {name: array.astype(working).astype(dtype) for name, array in start.items()}
        self.label_components_ = start["label_components_"].T
        self.intercept_label_ = start["intercept_label_"]
        self.intercept_hidden_ = start["intercept_hidden_"]
        bases = (self._training.base_bias, self.intercept_label_)
        self._training.base_bias = np.concatenate([base for base in bases if base is not None])

    def _weights_shape(self) -> tuple[int, ...]:
        n_components, n_features = np.shape(self.components_)
        return n_features + len(self.classes_), n_components

    def _trainer(self, backend: Backend, data: Any, n_epochs: int | None) -> RBMTrainer:
        return super()._trainer(backend, data.X, n_epochs)

    def _trainer_class(self) -> type[RBMTrainer]:
        return LabelTrainer if self.objective == "generative" else ClassificationTrainer

    def _settings(self) -> dict[str, Any]:
        found = super()._settings()
        if self.objective == "discriminative":
            # no negative phase, whose chains would be of no use
            found.update(generative_weight=0.0, algorithm="cd")
        return found

    def _is_better(self, trainer: Any, rows: Rows, held_out: Any) -> Callable[[Entry], bool]:
        return Rises(lambda entry: -entry[f"validation_{self.early_stopping}"])

    def _printed(self, trainer: Any, rows: Rows, among: np.ndarray | None = None) -> float | None:
        return None

    @staticmethod
    def _described(entry: dict[str, Any], value: float | None) -> str:
        held = "validation_" if not np.isnan(entry["validation_error"]) else ""
        cross_entropy, error = entry[f"{held}cross_entropy"], entry[f"{held}error"]
        return f"{held}cross_entropy = {cross_entropy:.4f}, {held}error = {error:.4f}"

    def _warn_of_base_rate(self, entries: list[dict[str, Any]], n_rows: int) -> None:
        if self.objective == "generative":
            super()._warn_of_base_rate(entries, n_rows)
