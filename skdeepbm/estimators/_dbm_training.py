"""`fit` and `partial_fit` of a deep Boltzmann machine: greedy layers, then all of them jointly."""

from __future__ import annotations

from typing import Any

from skdeepbm.estimators._dbm_run import DBMRun
from skdeepbm.estimators._dbm_start import DBMStartMixin
from skdeepbm.estimators._fitting import warn_of_base_rate
from skdeepbm.estimators._stage import begin_deep_fit


class DBMTrainingMixin(DBMStartMixin):
    """The order of things: RBMs from the bottom up, then the machine as a whole."""

    def _fit(self, X: Any, y: Any) -> None:
        backend = self._resolve_backend(X)
        going_on = self.warm_start and hasattr(self, "coefs_")
        # greedy training changes nothing here until all layers are there
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, self.n_iter)
            context, _ = begin_deep_fit(self, backend, X, y, going_on)
            if not going_on:
                self._grow(backend, X, context)
        run = DBMRun(self, backend, X, self.n_iter)
        run.fit(context, X, y)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=self._public_arrays
        )
        variance = getattr(self, "_data_variance", 0.0)
        warn_of_base_rate(self, run.entries, variance, int(X.shape[0]))

    def _partial_fit(self, X: Any) -> None:
        going_on = hasattr(self, "coefs_")
        backend = self._resolve_backend(X)
        with self._untouched_if_bad():
            X = self._check(backend, X, going_on, 1)
            if not going_on:
                self._grow(backend, X, self._init_callback_context(max_subtasks=None))
        DBMRun(self, backend, X, None).step()
