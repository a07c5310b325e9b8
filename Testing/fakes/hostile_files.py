"""Checkpoints as an attacker, or a broken transfer, would make them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch


def archive(file: Path, change=lambda name, data: (name, data), compression: int = zipfile.ZIP_STORED, more=()) -> Path:
    """Write a checkpoint of torch anew, each part as `change` makes it, and `more` parts behind them."""
    whole = io.BytesIO()
    torch.save({"weight": torch.arange(4.0)}, whole)
    with zipfile.ZipFile(whole) as original, zipfile.ZipFile(file, "w", compression) as made:
        for record in original.infolist():
            made.writestr(*change(record.filename, original.read(record)))
        for name, data in more:
            made.writestr(name, data)
    return file


def with_pickle(file: Path, data: bytes) -> Path:
    """Write an archive of torch with another pickle."""
    return archive(file, lambda name, old: (name, data if name.endswith("data.pkl") else old))


def with_larger_tensor(file: Path, shape: tuple[int, ...], numbers: int, strides: tuple[int, ...] = ()) -> Path:
    """Write an archive whose pickle says that four numbers are more."""
    return with_pickle(file, _described(shape, numbers, strides))


def old_with_larger_tensor(file: Path, shape: tuple[int, ...], numbers: int, declared: int = 4) -> Path:
    """Write the same in the format before archives; `declared` numbers are said to follow, four do."""
    head = b"".join(pickle.dumps(part, 2) for part in (*_OLD_MARKS, {"little_endian": True}))
    numbers_behind = struct.pack("<q4f", declared, 1, 1, 1, 1)
    file.write_bytes(head + _described(shape, numbers, is_old=True) + pickle.dumps(["0"], 2) + numbers_behind)
    return file


def tar(file: Path) -> Path:
    """Write an archive (tar) that begins as a checkpoint in the format before archives does."""
    head = b"".join(pickle.dumps(part, 2) for part in _OLD_MARKS) + 3 * b"\x80\x02}."
    described = tarfile.TarInfo(head.decode("latin1"))
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT, encoding="latin1") as made:
        made.addfile(described)
    return file


def with_size_in_directory(file: Path, size: int) -> Path:
    """Write an archive whose table of contents says that every part has `size` bytes."""
    archive(file)
    data = bytearray(file.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + 20 : place + 28] = struct.pack("<II", size, size)
        place = data.find(b"PK\x01\x02", place + 1)
    file.write_bytes(data)
    return file


def safetensors(file: Path, header: object, data: bytes = bytes(16), length: int | None = None) -> Path:
    """Write a file of the format safetensors with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return file


_OLD_MARKS = (0x1950A86A20F9469CFC6C, 1001)


def _described(shape: tuple[int, ...], numbers: int, strides: tuple[int, ...] = (), *, is_old: bool = False) -> bytes:
    described = io.BytesIO()
    pickler = _Describing(described, protocol=2)
    pickler.is_old = is_old
    pickler.dump({"weight": _Tensor(shape, numbers, strides or (1,) * len(shape))})
    return described.getvalue()


class _Tensor:
    def __init__(self, shape: tuple[int, ...], numbers: int, strides: tuple[int, ...]) -> None:
        self.shape, self.storage, self.strides = shape, _Storage(numbers), strides

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (self.storage, 0, self.shape, self.strides, False, OrderedDict())


class _Storage:
    def __init__(self, numbers: int) -> None:
        self.numbers = numbers


class _Describing(pickle.Pickler):
    is_old = False

    def persistent_id(self, value):
        if not isinstance(value, _Storage):
            return None
        described = ("storage", torch.FloatStorage, "0", "cpu", value.numbers)
        return (*described, None) if self.is_old else described
