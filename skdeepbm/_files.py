"""Files that are there as a whole or not at all, and tell when they were changed."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path

from skdeepbm.exceptions import DamagedFileError


def sealed(kind: str, body: bytes) -> bytes:
    """Bytes behind a line with what they are and their SHA-256."""
    digest = hashlib.sha256(body).hexdigest()
    return f"skdeepbm {kind} {digest}\n".encode() + body


def unsealed(kind: str, data: bytes) -> bytes:
    """The bytes that :func:`sealed` was given.

    Raises
    ------
    DamagedFileError
        If ``data`` is not exactly what it returned.
    """
    head, _, body = data.partition(b"\n")
    start = f"skdeepbm {kind} ".encode()
    if not head.startswith(start):
        other = re.fullmatch(rb"(skdeepbm [\w ]+) [0-9a-f]{64}", head)
        if other is not None:
            raise DamagedFileError(f"it is a {other[1].decode()} and no skdeepbm {kind}")
        name = kind.partition(" ")[0]
        raise DamagedFileError(f"it is no {name} of skdeepbm, or its beginning is damaged")
    if head[len(start) :] != hashlib.sha256(body).hexdigest().encode():
        raise DamagedFileError("its checksum is wrong: it was cut short or changed")
    return body


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is old or new as a whole, whenever the process or the machine ends.

    A link stays one, and where it leads to is written. A process that is killed may leave a file
    beside it whose name ends in ``.part``.
    """
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {path.parent}.")
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    _keep_names(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, all on the disk when it returns; it may be there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        _keep_names(folder.parent)


def _keep_names(folder: Path) -> None:
    """Write a folder to the disk: what is in it has its name there only then."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
