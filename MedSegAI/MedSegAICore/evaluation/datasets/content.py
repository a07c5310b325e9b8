"""What a data set consists of, so that a run does not go on after an image was changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from .dataset import Case

PIECE_BYTES = 1 << 20


def files_of(cases: Collection[Case]) -> tuple[Path, ...]:
    """Return all files that images and labels are read from, sorted, each once."""
    return tuple(sorted({file for case in cases for file in case.source.files}))


def content_digest(files: Collection[Path]) -> str:
    """Return a short text that changes with the names and the content of files, but not with where they lie.

    Parameters
    ----------
    files
        Existing files; names are relative to the folder that holds them all.
    """
    digest = hashlib.blake2b(digest_size=6)
    root = os.path.commonpath([file.resolve().parent for file in files]) if files else ""
    for file in sorted(file.resolve() for file in files):
        name = file.relative_to(root).as_posix()
        digest.update(f"{name}\n{file.stat().st_size}\n".encode())
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                digest.update(piece)
    return digest.hexdigest()
