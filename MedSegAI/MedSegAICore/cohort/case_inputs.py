"""What a case is made of: hashes of its files, and texts without their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import NamedTuple

from ..label_files import file_stem
from ..models.store.hashing import hash_file
from .manifest import Case

HEADERS = (".mhd", ".nhdr", ".hdr")
"""Files whose voxels lie in others beside them."""

UNREADABLE = "unreadable"


class InputDigest(NamedTuple):
    """The content of one file of a case, or of all files of a folder.

    Parameters
    ----------
    role
        Column of the table that names it.
    sha256
        Hash of the content; `UNREADABLE` where there is none.
    seen
        Changes when a size or the time of a last write does: while it is the same, the content need not be read again.
    """

    role: str
    sha256: str
    seen: str


def digests_of(case: Case, supports: Path | None, known: Sequence[InputDigest] = ()) -> tuple[InputDigest, ...]:
    """Return the digests of the image, the prompts and the support model of a case.

    Parameters
    ----------
    case
        The case.
    supports
        The support model that it is segmented with.
    known
        Digests of an earlier run; a file that looks as it did then is not read.
    """
    remembered = {(digest.role, digest.seen): digest for digest in known if digest.seen}
    files = [("image", case.image), *case.prompts, *([("supports", supports)] if supports else [])]
    found = []
    for role, file in files:
        seen = _seen(file)
        found.append(remembered.get((role, seen)) or InputDigest(role, _content(file), seen))
    return tuple(found)


def without_names(text: str, case: Case) -> str:
    """Return a text in which the files of a case, whose names may be those of people, have no name."""
    files = [("the image", case.image), *((f"the file of '{column}'", file) for column, file in case.prompts)]
    for words, file in files:
        for name in (str(file), file.as_posix(), file.name):
            text = text.replace(f" file '{name}'", " file").replace(f"'{name}'", words).replace(name, words)
    return text[:1].upper() + text[1:]


def _files_of(path: Path) -> Iterator[Path]:
    """Yield the files that hold the content of a path."""
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    elif path.suffix.lower() in HEADERS:
        yield from sorted(path.parent.glob(f"{escape(file_stem(path))}.*"))
    else:
        yield path


def _seen(path: Path) -> str:
    """Return the digest of sizes and times; "" where they cannot be asked for."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        for file in _files_of(path):
            status = file.stat()
            digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    except OSError:
        return ""
    return digest.hexdigest()


def _content(path: Path) -> str:
    """Return the hash of the content; the names of a folder's files do not count."""
    try:
        hashes = sorted(hash_file(file) for file in _files_of(path))
    except OSError:
        return UNREADABLE
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
