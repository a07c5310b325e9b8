"""An example of what to segment: an image with the structure drawn on it."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import GeometryMismatch, InvalidSupport
from .volume import ImageVolume, VolumePatch


@dataclass(frozen=True, eq=False)
class Support:
    """One example: an image and the mask of the structure on it.

    A slice is an example too: a volume of one slice.

    Parameters
    ----------
    image
        The example's image (k, j, i).
    mask
        bool patch (k, j, i) of the structure, on the grid of `image`.
    name
        What the user knows it by; it appears in messages.

    Raises
    ------
    GeometryMismatch
        The mask does not lie on the grid of the image.
    InvalidSupport
        The mask has no voxel.
    """

    image: ImageVolume
    mask: VolumePatch
    name: str = ""

    def __post_init__(self) -> None:
        who = f"The example '{self.name}'" if self.name else "The example"
        if not self.mask.geometry.matches(self.image.geometry):
            message = f"{who} has a mask that does not lie on the grid of its image."
            raise GeometryMismatch(message)
        if not self.mask.array.any():
            message = f"{who} has an empty mask."
            raise InvalidSupport(message)
