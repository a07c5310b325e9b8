"""What a bundle says about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ...errors import BundleRefused
from ...fields import Fields

VERSION = 1
NAME = "manifest.json"
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class BundledFile:
    """One checkpoint of a bundle.

    Parameters
    ----------
    filename, sha256, size_bytes
        Its name and content.
    licence, licence_url
        What it may be used for.
    licence_accepted
        Whether whoever made the bundle had accepted it, where it must be. Whoever takes the bundle in is asked again.
    """

    filename: str
    sha256: str
    size_bytes: int
    licence: str
    licence_url: str
    licence_accepted: bool

    @property
    def member(self) -> str:
        """Its name in the archive."""
        return f"weights/{self.filename}"


def manifest_text(files: Sequence[BundledFile]) -> str:
    """Return the manifest of a bundle."""
    return json.dumps({"version": VERSION, "files": [asdict(file) for file in files]}, indent=1)


def read_manifest(data: bytes) -> dict[str, BundledFile]:
    """Return the files that a manifest lists, by their names in the archive.

    Raises
    ------
    BundleRefused
        It is no manifest, or a field is missing, unknown or wrong.
    """
    try:
        values = json.loads(data)
    except ValueError as error:
        message = f"The bundle's {NAME} is not JSON."
        raise BundleRefused(message) from error
    fields = Fields(values, "manifest", BundleRefused)
    if fields.whole_number("version") != VERSION:
        fields.refuse("version", f"must be {VERSION}; a newer MedSegAI may know it")
    files = [_file(part) for part in fields.parts("files")]
    fields.finish()
    if not files or len({file.filename for file in files}) != len(files):
        fields.refuse("files", "must list some files, each once")
    return {file.member: file for file in files}


def _file(part: Fields) -> BundledFile:
    file = BundledFile(
        filename=part.text("filename"),
        sha256=part.text("sha256"),
        size_bytes=part.whole_number("size_bytes"),
        licence=part.text("licence"),
        licence_url=part.text("licence_url"),
        licence_accepted=part.flag("licence_accepted"),
    )
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        part.refuse("sha256", "must have 64 hexadecimal digits")
    part.finish()
    return file
