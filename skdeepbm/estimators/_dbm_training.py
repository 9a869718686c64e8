"""`fit` and `partial_fit` of a deep Boltzmann machine: greedy layers, then all of them jointly."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepbm.backends import Backend
from skdeepbm.estimators._dbm_run import DBMRun, WordDBMRun
from skdeepbm.estimators._dbm_start import DBMStartMixin
from skdeepbm.estimators._documents import warn_of_word_shares
from skdeepbm.estimators._fitting import (
    count_updates,
    warn_of_base_rate,
    warn_of_silent_layers,
)
from skdeepbm.estimators._held_out import held_out_kinds, trained_rows
from skdeepbm.estimators._stage import begin_deep_fit


class DBMTrainingMixin(DBMStartMixin):
    """The order of things: RBMs from the bottom up, then the machine as a whole."""

    batch_size: int

    def _fit(self, X: Any, y: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "coefs_")
        # greedy training changes nothing here until all layers are there
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, self.n_iter)
            held_out = held_out_kinds(self, X)
            context, has_seed = begin_deep_fit(self, backend, X, y, going_on)
            if has_seed:
                held_out = held_out_kinds(self, X)
            if not going_on:
                self._grow(backend, trained_rows(backend, X, held_out), context)
        run = self._run(backend, X, self.n_iter, held_out)
        run.fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )
        n_rows, base = int(X.shape[0]), getattr(self, "_data_variance", 0.0)
        if self._is_of_words:
            n_updates = count_updates(run.entries, n_rows, self.batch_size)
            told = warn_of_word_shares(self, run.entries, n_updates, base)
        else:
            told = warn_of_base_rate(self, run.entries, base, n_rows)
        if not told:
            warn_of_silent_layers(self, run.entries, n_rows)

    def _run(
        self,
        backend: Backend,
        X: Any,
        n_epochs: int | None,
        held_out: np.ndarray | None = None,
    ) -> DBMRun:
        """Joint training of rows of this kind."""
        kind = WordDBMRun if self._is_of_words else DBMRun
        return kind(self, backend, X, n_epochs, held_out)

    def _partial_fit(self, X: Any) -> None:
        going_on = hasattr(self, "coefs_")
        backend = self._resolve_backend(X)
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, 1)
            if not going_on:
                self._grow(backend, X, self._init_callback_context(max_subtasks=None))
        self._run(backend, X, None).step()
