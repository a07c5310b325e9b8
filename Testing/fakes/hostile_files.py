"""Checkpoints as an attacker, or a broken transfer, would make them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
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


def with_larger_tensor(file: Path, shape: tuple[int, ...], numbers: int) -> Path:
    """Write an archive whose pickle says that four numbers are more."""
    described = io.BytesIO()
    pickler = _Describing(described, protocol=2)
    pickler.dump({"weight": _Tensor(shape, numbers)})
    return with_pickle(file, described.getvalue())


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


class _Tensor:
    def __init__(self, shape: tuple[int, ...], numbers: int) -> None:
        self.shape, self.storage = shape, _Storage(numbers)

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (self.storage, 0, self.shape, (1,) * len(self.shape), False, {})


class _Storage:
    def __init__(self, numbers: int) -> None:
        self.numbers = numbers


class _Describing(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", torch.FloatStorage, "0", "cpu", value.numbers) if isinstance(value, _Storage) else None
