"""Patterns of paths: `{subject}/{image}_image.png` finds images and says whose they are."""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path
from typing import NamedTuple

FORMS = {"subject": "[^/]+", "image": ".+"}


class Found(NamedTuple):
    """Subject and image that a text stands for; "" where the pattern has no such placeholder."""

    subject: str
    image: str


def find_in(text: str, pattern: str) -> Found | None:
    """Return whom and what `text` stands for, or None if it does not have the form of `pattern`."""
    match = re.fullmatch(_expression(pattern), text)
    if match is None:
        return None
    parts = match.groupdict()
    return Found(parts.get("subject", ""), parts.get("image", ""))


def fill_in(pattern: str, found: Found) -> str:
    """Return the pattern with the placeholders replaced."""
    return pattern.replace("{subject}", found.subject).replace("{image}", found.image)


def files_like(folder: Path, pattern: str, *, folders: bool = False) -> dict[str, Found]:
    """Return every file, or every folder, in `folder` that has the form of `pattern`, by relative path, sorted."""
    stars = "*".join(escape(piece) for piece in re.split(r"\{\w+\}", pattern))
    wanted = Path.is_dir if folders else Path.is_file
    files = (file.relative_to(folder).as_posix() for file in folder.glob(stars) if wanted(file))
    found = ((file, find_in(file, pattern)) for file in sorted(files))
    return {file: match for file, match in found if match is not None}


def _expression(pattern: str) -> str:
    pieces = []
    seen = set()
    for piece in re.split(r"(\{\w+\})", pattern):
        name = piece[1:-1]
        if not piece.startswith("{") or name not in FORMS:
            pieces.append(re.escape(piece))
        elif name in seen:
            pieces.append(f"(?P={name})")
        else:
            pieces.append(f"(?P<{name}>{FORMS[name]})")
            seen.add(name)
    return "".join(pieces)
