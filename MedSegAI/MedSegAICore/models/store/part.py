"""What has come so far of a download, on the disk and in the hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from ...engine.run import Run
from .hashing import chunks_of


@dataclass(frozen=True)
class Origin:
    """What the bytes are of: the address, and the version of the file there ("" if the server named none)."""

    url: str
    version: str = ""


class PartFile:
    """The first bytes of a file, which another process may have begun; use it in a `with` block.

    Parameters
    ----------
    path
        The file that they lie in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path.with_name(f"{path.name}.json")
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.origin: Origin | None = None

    def __enter__(self) -> PartFile:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab+")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self._path.parent

    @property
    def sha256(self) -> str:
        """The hash of what is there, in hexadecimal digits."""
        return self._digest.hexdigest()

    def resume(self, run: Run) -> None:
        """Read what an earlier try has left; a part whose origin is not noted is of no use."""
        try:
            self.origin = Origin(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.begin(None)
            return
        file = self._opened()
        file.seek(0)
        for chunk in chunks_of(file, self._path.stat().st_size, run.part(0, 0), "Reading what is already there"):
            self._digest.update(chunk)
            self.size_bytes += len(chunk)

    def begin(self, origin: Origin | None) -> None:
        """Forget all bytes; those that come next are of `origin`."""
        self._note.unlink(missing_ok=True)
        self._opened().truncate(0)
        self._digest, self.size_bytes, self.origin = hashlib.sha256(), 0, origin
        if origin is not None:
            self._note.write_text(json.dumps({"url": origin.url, "version": origin.version}), encoding="utf-8")

    def add(self, chunk: bytes) -> None:
        """Append bytes."""
        file = self._opened()
        file.write(chunk)
        file.flush()  # so that a killed process leaves all that has come
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def forget_note(self) -> None:
        """Remove what is noted beside the bytes; they are about to become the file."""
        self._note.unlink(missing_ok=True)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            message = "The part is not open."
            raise ValueError(message)
        return self._file


def remove_part(path: Path) -> None:
    """Remove what has come so far of a download."""
    for file in (path, path.with_name(f"{path.name}.json")):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
