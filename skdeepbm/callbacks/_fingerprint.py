"""What a fit depends on, in a form that can be compared with that of another fit."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from pickle import PicklingError
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp

from skdeepbm.backends import owner_of
from skdeepbm.estimators._stage import Stage

#: hyper-parameters that change nothing of the result
_IGNORED = ("verbose",)


def fingerprint(estimator: Any, stage: Stage, X: Any, y: Any) -> dict[str, str]:
    """What decides the result of a fit, each as text that is the same for the same value."""
    found = {
        "estimator": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "version of skdeepbm": sys.modules[__name__.partition(".")[0]].__version__,
        "backend": stage.backend.name,
        "X": _data(X),
        "y": _data(y),
        "sample_weight": _data(stage.sample_weight),
        "fitted arrays it goes on from": "none",
    }
    if stage.going_on:
        found["fitted arrays it goes on from"] = _hash(_fitted(estimator))
    for name, value in estimator.get_params(deep=False).items():
        if name not in _IGNORED:
            found[name] = _described(value)
    return found


def differences(now: dict[str, str], then: dict[str, str]) -> str:
    """What differs, in words; empty if nothing does."""
    names = [name for name in {**now, **then} if now.get(name) != then.get(name)]
    return "; ".join(_difference(name, now.get(name), then.get(name)) for name in names)


def _difference(name: str, now: str | None, then: str | None) -> str:
    if max(len(now or ""), len(then or "")) > 60 or "#" in f"{now}{then}":
        return f"{name} is another"
    return f"{name} is {now} and was {then}"


def _data(value: Any) -> str:
    """Of rows, targets or weights: the values, whatever container they come in."""
    if value is None:
        return "none"
    owner = owner_of(value)
    if owner is not None:
        value = owner.to_host(value)
    if sp.issparse(value):
        value = value.tocsr()
        return _hash((value.shape, value.data, value.indices, value.indptr))
    array = np.asarray(value)
    if array.dtype == object:
        return _hash(repr(array.tolist()))
    return _hash(np.ascontiguousarray(array))


def _fitted(value: Any) -> Any:
    """What a fitted estimator, or one in a list, has learned; no history, which has times."""
    if isinstance(value, list):
        return [_fitted(item) for item in value]
    if not hasattr(value, "get_params"):
        return value
    return {
        name: _fitted(item)
        for name, item in vars(value).items()
        if (name.endswith("_") and "history" not in name) or name in ("_training", "_entropy")
    }


def _hash(value: Any) -> str:
    return f"#{joblib.hash(value)}"


def _described(value: Any) -> str:
    """Of a hyper-parameter."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if hasattr(value, "get_params"):
        inner = {k: _described(v) for k, v in value.get_params(deep=False).items()}
        for name in _IGNORED:
            inner.pop(name, None)
        return f"{type(value).__qualname__}({', '.join(f'{k}={v}' for k, v in inner.items())})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_described(item) for item in value)}]"
    if isinstance(value, np.random.RandomState):
        # where it stands is another matter: the seed drawn from it is part of a checkpoint
        return "a RandomState"
    if isinstance(value, MethodType):
        return f"{_described(value.__func__)} of {_described(value.__self__)}"
    if isinstance(value, partial):
        return f"{_described(value.func)} of {_described([value.args, value.keywords])}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_described(k)}: {_described(v)}' for k, v in value.items())}}}"
    if hasattr(value, "__code__"):
        code = hashlib.sha256(_of_function(value).encode()).hexdigest()
        return f"{value.__module__}.{value.__qualname__} #{code}"
    kind = type(value).__qualname__
    try:
        return f"{kind} {_hash(value)}"
    except (PicklingError, TypeError, AttributeError):
        # such as an object that has a lambda
        if not hasattr(value, "__dict__"):
            raise
        return f"{kind} {_described(vars(value))}"


def _of_function(function: Any, outer: tuple[Any, ...] = ()) -> str:
    """What a function does, but for the values of global names, the code of classes included."""
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    around = []
    # what it has from the function around it
    for cell in function.__closure__ or ():
        value = cell.cell_contents
        if isinstance(value, ModuleType):
            around.append(value.__name__)
        elif not isinstance(value, FunctionType):
            around.append(_described(value))
        elif value not in (*outer, function):
            around.append(_of_function(value, (*outer, function)))
    return f"{_of_code(function.__code__)} {_described(given)} {around}"


def _of_code(code: CodeType) -> str:
    """Of functions within, too: their representation has an address, another one in each run."""
    constants = []
    for value in code.co_consts:
        if isinstance(value, CodeType):
            constants.append(_of_code(value))
        elif isinstance(value, frozenset):
            constants.append(repr(sorted(map(repr, value))))
        else:
            constants.append(repr(value))
    return repr((code.co_code, code.co_names, constants))
