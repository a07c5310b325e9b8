"""Is a NIfTI file whole? ITK fills what is missing with zeros and says nothing.

Field positions: NIfTI-1 and NIfTI-2 data format, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

HEADER_BYTES = 540
LAYOUTS = (
    (348, ("8h", 40), 72, ("f", 108)),
    (540, ("8q", 16), 14, ("q", 168)),
)
"""Of NIfTI-1 and NIfTI-2: header size, and where dimensions, bits per voxel and offset of the voxels stand."""

CHUNK_BYTES = 1 << 22


def is_nifti(path: Path) -> bool:
    """Tell from its name whether a file is a NIfTI file in one piece."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def is_complete(path: Path) -> bool:
    """Tell whether a NIfTI file holds as many bytes as its header promises; True if it has no NIfTI header."""
    is_compressed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if is_compressed else path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        expected = _expected_bytes(header)
        if expected is None:
            return True
        if not is_compressed:
            return path.stat().st_size >= expected
        return _stated_bytes(path) == expected % 2**32 or _unpacked_bytes(path) >= expected
    except (OSError, EOFError, zlib.error):
        return False


def _expected_bytes(header: bytes) -> int | None:
    """Return the size [bytes] that a header stands for; None if it is not a NIfTI header."""
    for order in "<>":
        for size, dimensions_at, bits_at, offset_at in LAYOUTS:
            if len(header) < size or struct.unpack_from(f"{order}i", header)[0] != size:
                continue
            dimensions = struct.unpack_from(order + dimensions_at[0], header, dimensions_at[1])
            (bits,) = struct.unpack_from(f"{order}h", header, bits_at)
            (offset,) = struct.unpack_from(order + offset_at[0], header, offset_at[1])
            lengths = [max(length, 1) for length in dimensions[1 : dimensions[0] + 1]]
            return int(offset + math.prod(lengths) * bits // 8)
    return None


def _stated_bytes(path: Path) -> int:
    """Return the unpacked size modulo 2^32 that the last four bytes of a gzip file state (RFC 1952)."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def _unpacked_bytes(path: Path) -> int:
    """Unpack a gzip file and count: files of several members state the size of the last one only."""
    total = 0
    with gzip.open(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            total += len(chunk)
    return total
