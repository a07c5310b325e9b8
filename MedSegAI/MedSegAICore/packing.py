"""Masks as few bytes: eight voxels per byte, then zlib."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidRequest
from .geometry import Triple

VOXEL_LIMIT = 2**32
"""Largest mask that is unpacked [voxels]; keeps a small file from filling the memory."""


def pack_mask(mask: NDArray[np.bool_]) -> bytes:
    """Return the bits of a mask (k, j, i), first voxel in the highest bit, compressed."""
    # level 1: masks are long runs, and a person waits for this after every click
    return zlib.compress(np.packbits(mask).tobytes(), 1)


def unpack_mask(data: bytes, shape: Triple) -> NDArray[np.bool_]:
    """Return the mask of `shape` (k, j, i) that `pack_mask` made `data` of.

    Raises
    ------
    InvalidRequest
        The data is damaged or holds another number of voxels.
    """
    count = shape[0] * shape[1] * shape[2]
    if count > VOXEL_LIMIT:
        message = f"A mask of the shape {shape} is too large."
        raise InvalidRequest(message)
    size = (count + 7) // 8
    try:
        reader = zlib.decompressobj()
        packed = reader.decompress(data, size + 1)
    except zlib.error as error:
        message = "The voxels of a mask are damaged."
        raise InvalidRequest(message) from error
    if len(packed) != size:
        message = f"A mask of the shape {shape} does not have as many voxels as it says."
        raise InvalidRequest(message)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=count)
    return bits.view(np.bool_).reshape(shape)
