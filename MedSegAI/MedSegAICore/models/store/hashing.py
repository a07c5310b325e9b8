"""The hash of a file, with progress, while it is read or copied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ...engine.run import Run
from .troubles import megabytes

CHUNK_BYTES = 1 << 20


def hash_file(file: Path, run: Run | None = None) -> str:
    """Return the sha256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as source:
        for chunk in chunks_of(source, file.stat().st_size, run or Run(), f"Reading {file.name}"):
            digest.update(chunk)
    return digest.hexdigest()


def copy_hashed(source: IO[bytes], target: IO[bytes], size_bytes: int, run: Run, words: str) -> str:
    """Copy what can be read from `source`, of which `size_bytes` are expected, and return its sha256."""
    digest = hashlib.sha256()
    for chunk in chunks_of(source, size_bytes, run, words):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def chunks_of(source: IO[bytes], size_bytes: int, run: Run, words: str) -> Iterator[bytes]:
    """Yield what can be read from `source`; tell how much of `size_bytes` it was."""
    done = 0
    while chunk := source.read(CHUNK_BYTES):
        done += len(chunk)
        run.step(done / max(size_bytes, 1), f"{words}: {megabytes(done)} of {megabytes(size_bytes)}")
        yield chunk
