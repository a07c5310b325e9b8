"""Where a model's checkpoint comes from, how it is known, and what it may be used for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..fields import Fields

UNKNOWN = "unknown"
"""What a description says where the authors tell neither the hash nor the size of their file."""


@dataclass(frozen=True)
class WeightsSpec:
    """Where a model's checkpoint comes from and how it is known.

    Parameters
    ----------
    filename
        Name of the file in a weights folder.
    url
        Where its authors publish it.
    url_is_page
        The address shows a page, on which a person finds the file or learns how to make it; only a file can be
        downloaded by itself.
    sha256
        Hash of the published file, in hexadecimal digits, or `UNKNOWN`: then the file that comes first is remembered.
    size_bytes
        Size of the published file [bytes]; None if it is not known.
    licence
        Licence of the weights (SPDX identifier, or its name where it has none).
    licence_url
        Where its text can be read.
    licence_must_be_accepted
        Whether the user has to accept it before the model runs.
    code_licence
        Licence of the authors' code, which may differ from that of the weights; "" if they state none.
    """

    filename: str
    url: str
    url_is_page: bool
    sha256: str
    size_bytes: int | None
    licence: str
    licence_url: str
    licence_must_be_accepted: bool
    code_licence: str

    @property
    def has_known_hash(self) -> bool:
        """Whether a file can be held against what the authors publish."""
        return self.sha256 != UNKNOWN


def parse_weights(part: Fields) -> WeightsSpec:
    """Return what the fields describe; they refuse a missing, unknown or wrong one by name."""
    weights = WeightsSpec(
        filename=part.text("filename"),
        url=part.text("url"),
        url_is_page=part.flag("url_is_page"),
        sha256=part.text("sha256"),
        size_bytes=_size(part),
        licence=part.text("licence"),
        licence_url=part.text("licence_url"),
        licence_must_be_accepted=part.flag("licence_must_be_accepted"),
        code_licence=part.text("code_licence", allow_empty=True),
    )
    if Path(weights.filename).name != weights.filename or weights.filename.startswith("."):
        part.refuse("filename", "must be a file name without folders that does not start with a point")
    for name in ("url", "licence_url"):
        if not getattr(weights, name).startswith("https://"):
            part.refuse(name, "must start with https://")
    if weights.has_known_hash and not re.fullmatch("[0-9a-f]{64}", weights.sha256):
        part.refuse("sha256", f"must have 64 hexadecimal digits, or be '{UNKNOWN}'")
    part.finish()
    return weights


def _size(part: Fields) -> int | None:
    value = part.value("size_bytes")
    if value == UNKNOWN:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        part.refuse("size_bytes", f"must be a whole number above 0, or '{UNKNOWN}'")
    return value
