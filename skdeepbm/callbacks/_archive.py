"""Trees of arrays and plain values as bytes: data alone, reading them executes nothing.

The bytes are the length of the tree; the tree in JSON, with numbers in the place of arrays; and the
arrays one after the other as ``.npy``.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np


def pack(tree: Any) -> bytes:
    """Bytes of dicts with strings as keys, lists, tuples, arrays, numbers, strings and None."""
    arrays: list[np.ndarray] = []
    text = json.dumps(_encoded(tree, arrays)).encode()
    body = io.BytesIO()
    body.write(len(text).to_bytes(8, "little") + text)
    for array in arrays:
        np.lib.format.write_array(body, array, allow_pickle=False)
    return body.getvalue()


def unpack(data: bytes) -> Any:
    """The tree of :func:`pack`."""
    stream = io.BytesIO(data)
    n = int.from_bytes(stream.read(8), "little")
    tree, arrays = json.loads(stream.read(n)), []
    while stream.tell() < len(data):
        arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
    return _decoded(tree, arrays)


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"Keys must be strings: {list(value)!r}.")
        return {"dict": {key: _encoded(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_encoded(item, arrays) for item in value]}
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be part of an archive.")


def _decoded(value: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {key: _decoded(item, arrays) for key, item in content.items()}
    if kind in ("list", "tuple"):
        found = [_decoded(item, arrays) for item in content]
        return tuple(found) if kind == "tuple" else found
    return arrays[content] if kind == "array" else arrays[content][()]
