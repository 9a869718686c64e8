"""What the estimators share: backends, random states, and passing rows through a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from skdeepbm.backends import Array, Backend, get_backend, owner_of, resolve_backend
from skdeepbm.estimators._doc_links import DocLinkMixin
from skdeepbm.estimators._rows import check_rows, kind_of_rows
from skdeepbm.estimators._versions import VersionMixin
from skdeepbm.models.units import UNITS
from skdeepbm.training import Rows

# elements of a chunk of rows that is dense or on the device at one time
CHUNK = 2**22

# what the random numbers of one seed are for; no two uses share a stream
TRAINING, GIBBS, SAMPLE, PARTITION, VALIDATION = 1, 2, 3, 4, 5


def host_dtype(X: Any) -> np.dtype:
    """NumPy's dtype with the name of an array's, whatever library it belongs to."""
    return np.dtype(str(X.dtype).rsplit(".", 1)[-1])


def put(backend: Backend, array: Any, dtype: Any, copy: bool = False) -> Array:
    """A public array on a backend; as its own C-contiguous copy if it will be trained."""
    host = np.asarray(array, dtype=dtype)
    return backend.asarray(np.array(host, order="C") if copy else host)


class BoltzmannBase(
    VersionMixin,
    DocLinkMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base of the estimators.

    A subclass says with ``_fitted_names`` which arrays make it fitted, and with ``_model`` which
    model they describe. ``_fit_backend`` is the name of the backend that computed them.
    """

    backend: str
    random_state: Any
    _fitted_names: tuple[str, ...]
    #: fitted arrays that are not always there
    _other_names: tuple[str, ...] = ()
    #: what may stand in the place of a name or None, so that ``name__parameter`` can be set
    _inner_objects: ClassVar[dict[str, str]] = {}
    #: what checks of the data set
    _set_by_checks: tuple[str, ...] = ("n_features_in_", "feature_names_in_")

    @abstractmethod
    def _model(self, backend: Backend, dtype: Any, copy_arrays: bool = False) -> Any:
        """The model that the public fitted arrays describe, on a backend."""

    @property
    @abstractmethod
    def _n_visible(self) -> int:
        """Number of visible units, by the public fitted arrays."""

    def _resolve_backend(self, X: Any = None, fitted: bool = False) -> Backend:
        """The backend that computes.

        A ``fitted`` model that was computed by a backend which is not there (it was loaded on
        another machine) is evaluated where ``X`` lives.
        """
        try:
            return resolve_backend(self.backend, X)
        except (ValueError, ImportError) as error:
            if fitted and self.backend == getattr(self, "_fit_backend", None):
                return owner_of(X) or get_backend("numpy")
            raise type(error)(f"{type(self).__name__}: {error}") from error

    def _seed(self, random_state: Any = None, use: tuple[int, ...] = ()) -> np.random.SeedSequence:
        """Seed of new random streams, drawn from ``random_state`` (the estimator's if None).

        Where that is None too, the seed comes from the operating system: NumPy's global random
        state is neither read nor advanced.
        """
        given = self.random_state if random_state is None else random_state
        if given is None:
            return np.random.SeedSequence(spawn_key=use)
        words = check_random_state(given).randint(0, 2**31 - 1, size=4)
        return np.random.SeedSequence(words.tolist(), spawn_key=use)

    def _runs(self, random_state: Any) -> np.random.SeedSequence:
        """Seed of runs that estimate log Z: that of `fit`, or a given one."""
        if random_state is not None:
            return self._seed(random_state, use=(PARTITION,))
        return np.random.SeedSequence(getattr(self, "_entropy", 0), spawn_key=(PARTITION,))

    @contextmanager
    def _untouched_if_bad(self) -> Iterator[None]:
        """Take back what a check of the data set, if the data fail it."""
        names = self._set_by_checks
        before = {name: self.__dict__[name] for name in names if name in self.__dict__}
        try:
            yield
        except BaseException:
            for name in names:
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise

    def _prepare(self, X: Any, warn: bool = True) -> tuple[Backend, Any, Any]:
        """Backend, validated rows and model for a method that evaluates ``X``."""
        check_is_fitted(self, self._fitted_names)
        backend = self._resolve_backend(X, fitted=True)
        X = check_rows(self, X, backend, warn=warn)
        if not hasattr(self, "n_features_in_"):
            self._check_width(X)
        return backend, X, self._model(backend, host_dtype(X))

    def _finished_epochs(self, going_on: bool) -> int:
        """Epochs that schedules have behind them, if training goes on."""
        state = getattr(self, "_training", None) if going_on else None
        return 0 if state is None else int(state.epoch)

    def _check_width(self, X: Any) -> None:
        """Raise unless data have the features of the parameters, which anybody may set."""
        if X.shape[1] != self._n_visible:
            raise ValueError(
                f"X has {X.shape[1]} features, but the parameters of {type(self).__name__} are for "
                f"{self._n_visible}."
            )

    def _public_arrays(self) -> dict[str, Any]:
        """What makes a fitted copy for callbacks."""
        names = (*self._fitted_names, "n_features_in_", *self._other_names)
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _prepare_hidden(self, X: Any, n_units: int | None = None) -> tuple[Backend, Any, Any]:
        """Backend, validated hidden values and model for a method that goes down from them.

        ``n_units`` is the number of columns; None means the model's hidden units.
        """
        check_is_fitted(self, self._fitted_names)
        backend = self._resolve_backend(X, fitted=True)
        owner = owner_of(X)
        if owner is not backend:
            X = check_array(
                X if owner is None else owner.to_host(X),
                dtype=[np.float64, np.float32],
                input_name="X",
                estimator=self,
            )
        model = self._model(backend, host_dtype(X))
        n_units = model.hidden.size if n_units is None else n_units
        if X.ndim != 2 or X.shape[1] != n_units:
            raise ValueError(
                f"X has shape {tuple(X.shape)}, but inverse_transform of {type(self).__name__} "
                f"expects (n_samples, {n_units}): one column per component."
            )
        return backend, X, model

    def _expected_visible(self, X: Any, part: Callable[[Any], Any]) -> Any:
        """Expected visible values given hidden ones, of the part of the model that is asked for."""
        backend, X, model = self._prepare_hidden(X)
        model = part(model)
        return self._apply_rows(
            backend,
            X,
            host_dtype(model.weights),
            lambda h: model.visible.mean(model.visible_input(h)),
            max(model.visible.size, model.hidden.size),
        )

    def _sampling_start(
        self, init: Any, n_samples: int, like: Any
    ) -> tuple[Backend, Any, Array | None]:
        """Backend, model, and the rows that chains start from, copied, if they are given.

        ``like`` is a public array whose precision the model has where they are not.
        """
        if init is None:
            backend = self._resolve_backend(fitted=True)
            return backend, self._model(backend, host_dtype(np.asarray(like))), None
        shape = tuple(getattr(init, "shape", None) or np.shape(init))
        if shape != (n_samples, self._n_visible):
            raise ValueError(
                f"init has shape {shape}, but sample of {type(self).__name__} needs "
                f"(n_samples, n_features) = ({n_samples}, {self._n_visible})."
            )
        backend, init, model = self._prepare(init)
        rows = Rows(backend, init, host_dtype(init)).part(0, n_samples)
        return backend, model, backend.xp.asarray(rows, copy=True)

    def _rowwise(self, X: Any, method: Callable[[Any, Array], Array], warn: bool = True) -> Any:
        """``method(model, rows)`` for all rows of ``X``, a chunk at a time."""
        backend, X, model = self._prepare(X, warn)
        width = max(model.visible.size, model.hidden.size)
        return self._apply_rows(
            backend, X, host_dtype(model.weights), lambda v: method(model, v), width
        )

    @staticmethod
    def _apply_rows(
        backend: Backend,
        X: Any,
        dtype: Any,
        function: Callable[..., Array],
        width: int,
        *beside: np.ndarray,
    ) -> Any:
        """``function`` of chunks of rows, put together where ``X`` lives.

        Further arguments of it are the same rows of ``beside``, on the backend. The result lies on
        the host, unless ``X`` is an array of ``backend``.
        """
        rows = Rows(backend, X, dtype)
        size = max(1, CHUNK // max(width, 1))
        pieces = []
        with backend.quiet():
            for start in range(0, rows.n_rows, size):
                stop = min(start + size, rows.n_rows)
                others = (backend.asarray(array[start:stop]) for array in beside)
                pieces.append(function(rows.part(start, stop), *others))
        if owner_of(X) is backend:
            return pieces[0] if len(pieces) == 1 else backend.xp.concat(pieces, axis=0)
        host = [backend.to_host(piece) for piece in pieces]
        return host[0] if len(host) == 1 else np.concatenate(host, axis=0)

    @staticmethod
    def _mean(values: Any) -> float:
        """Mean of an array of any backend, in float64."""
        owner = owner_of(values)
        return float(np.mean(values if owner is None else owner.to_host(values), dtype=np.float64))

    @staticmethod
    def _out(backend: Backend, X: Any, value: Array) -> Any:
        """A result of ``backend`` on the host, unless ``X`` is an array of ``backend``."""
        return value if owner_of(X) is backend else backend.to_host(value)

    # -- scikit-learn --------------------------------------------------------------------

    def set_params(self, **params: Any) -> Self:
        """Set hyper-parameters, also those of templates and settings inside (``rbm__momentum``).

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there is no such parameter, or nothing inside of which it could be one.
        """
        own = self.get_params(deep=False)
        for key in params:
            name, _, inner = key.partition("__")
            holder = params.get(name, own.get(name))
            if inner and name in own and not hasattr(holder, "set_params"):
                example = self._inner_objects.get(name)
                raise ValueError(
                    f"{key} of {type(self).__name__} cannot be set, because {name}={holder!r} has "
                    "no parameters of its own."
                    + (f" Give an object that has them, {name}={example}." if example else "")
                )
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        kind = kind_of_rows(self)
        tags.input_tags.sparse = kind not in UNITS or UNITS[kind].sparse
        tags.input_tags.positive_only = kind == "multinomial"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
