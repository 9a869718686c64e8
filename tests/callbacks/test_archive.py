"""Archives give back what they were given, and damage is never taken for data."""

import os
from pathlib import Path

import numpy as np
import pytest

from skdeepbm._files import make_folder, sealed, unsealed, write_atomically
from skdeepbm.callbacks._archive import pack, unpack
from skdeepbm.exceptions import DamagedFileError

TREE = {
    "array": np.arange(6, dtype=np.float32).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 3), dtype=np.int64),
    "words": [np.uint64(2**64 - 1), 2**128 + 1, -0.0, float("nan"), float("-inf"), 0.1 + 0.2],
    "rest": (None, True, "text", {}, [], ()),
    "nested": {"a": [{"b": (np.float32(1.5), np.array(2.5))}]},
}


def test_an_archive_gives_back_what_it_was_given(ref):
    ref.assert_same(unpack(pack(TREE)), TREE)


@pytest.mark.parametrize("tree", [{1: 2}, {"a": object()}, [{"a": {2}}], np.array([object()])])
def test_what_is_no_data_is_refused(tree):
    with pytest.raises((TypeError, ValueError)):
        pack(tree)


def test_every_cut_and_every_changed_byte_is_detected():
    data = sealed("test", pack({"a": np.arange(3)}))
    assert unsealed("test", data) == pack({"a": np.arange(3)})
    for n in range(len(data)):
        with pytest.raises(DamagedFileError):
            unsealed("test", data[:n])
        changed = bytearray(data)
        changed[n] ^= 1 << (n % 8)
        with pytest.raises(DamagedFileError):
            unsealed("test", bytes(changed))
    for other in (data + b"\0", b"", b"\n", sealed("other", b"")):
        with pytest.raises(DamagedFileError):
            unsealed("test", other)


def test_a_new_folder_is_on_the_disk(tmp_path, monkeypatch):
    """Whoever has its name: every folder in which another one was made is written."""
    written, number = [], os.fsync

    def fsync(file):
        written.append(os.readlink(f"/proc/self/fd/{file}"))
        number(file)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs the names of open files")
    monkeypatch.setattr("os.fsync", fsync)
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert written == [str(tmp_path), str(tmp_path / "a")]
    write_atomically(tmp_path / "a" / "b" / "file", b"content")
    assert written[-1] == str(tmp_path / "a" / "b")


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:

        def fail(*args):
            raise OSError("no space left")

        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="no space"):
            write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
