"""Volumes on their way to the engine process: written once to a file that the other side maps.

A volume is too large for a pipe (500 MB block the user interface for a second); a mapped file is copied once
and lies in the memory of the operating system, which both processes share.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import numpy as np

from ..errors import EngineFault, EngineUnavailable
from ..fields import Fields
from ..task_fields import geometry_from_fields
from ..volume import ImageVolume
from .frames import Frame


def write_volume(image: ImageVolume, folder: Path) -> Generator[None, None, Frame]:
    """Write `image` to a new file in `folder`, a piece at a step, and return the message that announces it.

    The receiver deletes the file. Where it cannot, because a mapped file is in use there (Windows),
    whoever owns `folder` deletes it after the receiver has ended. A generator that is closed before its end
    deletes the file itself.

    Yields
    ------
    None
        After each piece, which takes about a millisecond.

    Raises
    ------
    EngineUnavailable
        The file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(suffix=".raw", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in image.pieces():
                    file.write(piece)
                    yield
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        message = f"The volume cannot be handed to the engine process: {error}."
        raise EngineUnavailable(message, "Free some space in the folder for temporary files.") from error
    header = {
        "type": "volume",
        "image": image.fingerprint,
        "path": name,
        "number_type": image.array.dtype.str,
        "geometry": image.geometry.to_dict(),
        "warnings": list(image.warnings),
    }
    return Frame(header)


def receive_volume(frame: Frame) -> ImageVolume:
    """Return the volume that `write_volume` announced, mapped read-only, and delete its file where possible.

    Raises
    ------
    EngineFault
        The file does not hold the announced volume.
    """
    fields = Fields(frame.header, "volume", EngineFault)
    fields.choice("type", ("volume",))
    fingerprint, path = fields.text("image"), Path(fields.text("path"))
    number_type = fields.text("number_type")
    geometry = geometry_from_fields(fields.part("geometry"))
    warnings = tuple(fields.value("warnings"))
    fields.finish()
    try:
        array = np.memmap(path, np.dtype(number_type), "r", shape=geometry.shape)
    except (OSError, TypeError, ValueError) as error:
        message = f"The file of the volume cannot be opened: {error}."
        raise EngineFault(message) from error
    with contextlib.suppress(OSError):
        path.unlink()  # the mapping keeps the voxels; so no crash of either process leaves a file behind
    image = ImageVolume(array, geometry, warnings)
    if image.fingerprint != fingerprint:
        message = "The file of the volume does not hold what was announced."
        raise EngineFault(message)
    return image
