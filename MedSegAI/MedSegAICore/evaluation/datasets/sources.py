"""Where the voxels of one case come from: files of its own, or its place in an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import GeometryMismatch, InvalidDataset
from ...geometry import Triple, VolumeGeometry
from ...images import LARGEST_LABEL, read_geometry, read_image
from ...volume import ImageVolume, VolumePatch
from .description import ArchiveSpec, LabelMapSpec


class CaseSource(Protocol):
    """What a case reads from, each time it is asked."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Return what it reads."""
        ...

    def image(self) -> ImageVolume:
        """Return the image."""
        ...

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        """Return one bool mask of the whole volume from each rater; empty where a rater saw nothing."""
        ...

    def rater_count(self, label: str) -> int:
        """Return how many people drew a structure, or looked for it."""
        ...

    def drawn_labels(self) -> tuple[str, ...]:
        """Return the structures that at least one rater drew, in the order of the description."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A case in files of its own.

    Parameters
    ----------
    image_file
        The image; None if there is none.
    label_maps
        File and description of each label map.
    pixel_mm
        Side of a pixel [mm] that is assumed; None where the files say how large a voxel is.
    """

    image_file: Path | None
    label_maps: Sequence[tuple[Path, LabelMapSpec]]
    pixel_mm: float | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the image and the label maps."""
        label_maps = tuple(file for file, _ in self.label_maps)
        return label_maps if self.image_file is None else (self.image_file, *label_maps)

    def image(self) -> ImageVolume:
        """Return the image."""
        if self.image_file is None:
            message = "This set has label maps only, no images."
            raise InvalidDataset(message, "Choose another set.")
        image = read_image(self.image_file)
        return self._placed(image)

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        """Return one bool mask of the whole volume from each rater.

        Raises
        ------
        GeometryMismatch
            A label map does not lie on the grid of the image.
        InvalidDataset
            A label map holds a value that nothing is said about, or that is not a whole number.
        """
        masks = []
        for file, spec in self.label_maps:
            if label not in spec.labels:
                continue
            labels = self._read(file, spec)
            masks.append(VolumePatch.whole(labels.array == spec.labels[label], labels.geometry))
        return tuple(masks)

    def rater_count(self, label: str) -> int:
        """Return the number of label maps with a structure."""
        return sum(label in spec.labels for _, spec in self.label_maps)

    def drawn_labels(self) -> tuple[str, ...]:
        """Return the structures that at least one rater drew."""
        present: dict[str, None] = {}
        for file, spec in self.label_maps:
            values = _values_in(_label_values(file, spec).array)
            present |= dict.fromkeys(label for label, value in spec.labels.items() if value in values)
        return tuple(present)

    def _read(self, file: Path, spec: LabelMapSpec) -> ImageVolume:
        labels = _label_values(file, spec)
        if self.image_file is not None and not read_geometry(self.image_file).matches(labels.geometry):
            message = f"The label map '{file.name}' does not lie on the grid of '{self.image_file.name}'."
            raise GeometryMismatch(message)
        return self._placed(labels)

    def _placed(self, volume: ImageVolume) -> ImageVolume:
        if self.pixel_mm is None:
            return volume
        return ImageVolume(volume.array, pixel_grid(volume.geometry.shape, self.pixel_mm))


def _label_values(file: Path, spec: LabelMapSpec) -> ImageVolume:
    """Return a label map as whole numbers, none of which is a surprise."""
    labels = read_image(file)
    values: NDArray[Any] = labels.array
    whole = values if values.dtype.kind in "iu" else values.round().astype(np.int32)
    is_repaired = bool(labels.warnings)
    if is_repaired or not np.array_equal(whole, values) or whole.min() < 0 or whole.max() > LARGEST_LABEL:
        message = f"The label map '{file.name}' holds values that are not whole numbers from 0 to {LARGEST_LABEL}."
        raise InvalidDataset(message)
    unknown = [] if spec.ignores_others else sorted(_values_in(whole) - {0, *spec.labels.values()})
    if unknown:
        message = f"The label map '{file.name}' holds the value {unknown[0]}, which the description does not name."
        raise InvalidDataset(message)
    return ImageVolume(whole, labels.geometry)


def _values_in(labels: NDArray[Any]) -> set[int]:
    """Return the values of a label map, counted slice by slice: as a whole it would be copied to wide integers."""
    return {value for plane in labels for value in np.flatnonzero(np.bincount(plane.ravel())).tolist()}


class Archive:
    """The arrays of a NumPy archive, each read when it is first needed.

    Parameters
    ----------
    file, spec
        The archive and what is said about it.

    Raises
    ------
    InvalidDataset
        The file is missing or no archive, or an array is missing or has another shape.
    """

    def __init__(self, file: Path, spec: ArchiveSpec) -> None:
        self.file = file
        self._spec = spec

    @cached_property
    def names(self) -> list[str]:
        """Text of each case."""
        return [str(name) for name in self._array(self._spec.names, 1).tolist()]

    @cached_property
    def images(self) -> NDArray[Any]:
        """Pictures (n, rows, columns)."""
        return self._array(self._spec.images, 3)

    @cached_property
    def masks(self) -> NDArray[Any]:
        """Masks (n, raters, rows, columns), perhaps packed."""
        return self._array(self._spec.masks, 4)

    def mask(self, index: int, rater: int) -> NDArray[np.bool_]:
        """Return one mask (rows, columns)."""
        mask = self.masks[index, rater]
        return np.unpackbits(mask, axis=-1).astype(bool) if self._spec.packed_bits else mask != 0

    def _array(self, name: str, dimensions: int) -> NDArray[Any]:
        try:
            with np.load(self.file, allow_pickle=False) as archive:
                array: NDArray[Any] = archive[name]
        except FileNotFoundError as error:
            message = f"There is no archive '{self.file.name}'."
            raise InvalidDataset(message) from error
        except (KeyError, OSError, ValueError, TypeError) as error:
            message = f"The archive '{self.file.name}' has no array '{name}' that can be read."
            raise InvalidDataset(message) from error
        if array.ndim != dimensions:
            message = f"The array '{name}' of '{self.file.name}' has {array.ndim} dimensions, not {dimensions}."
            raise InvalidDataset(message)
        return array


@dataclass(frozen=True)
class ArchiveSource:
    """A case at a place of an archive, with the side of a pixel [mm] that is assumed."""

    archive: Archive
    index: int
    label: str
    pixel_mm: float = 1.0

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the archive."""
        return (self.archive.file,)

    def image(self) -> ImageVolume:
        """Return the picture as one slice."""
        picture = self.archive.images[self.index][np.newaxis]
        return ImageVolume(picture, pixel_grid(picture.shape, self.pixel_mm))

    def masks(self, label: str) -> tuple[VolumePatch, ...]:
        """Return one bool mask from each rater.

        Raises
        ------
        GeometryMismatch
            The masks differ from the pictures in size.
        """
        if label != self.label:
            return ()
        grid = self.image().geometry
        masks = [self.archive.mask(self.index, rater)[np.newaxis] for rater in range(self.archive.masks.shape[1])]
        if masks[0].shape != grid.shape:
            message = f"The masks have the size {masks[0].shape[1:]}, the pictures {grid.shape[1:]}."
            raise GeometryMismatch(message)
        return tuple(VolumePatch.whole(mask, grid) for mask in masks)

    def rater_count(self, label: str) -> int:
        """Return the number of raters in the archive."""
        return int(self.archive.masks.shape[1]) if label == self.label else 0

    def drawn_labels(self) -> tuple[str, ...]:
        """Return the structure if at least one rater drew it."""
        return (self.label,) if self.archive.masks[self.index].any() else ()


def pixel_grid(shape: Triple, pixel_mm: float) -> VolumeGeometry:
    """Return the grid of a picture without spacing: pixels of one side [mm], columns to the left, rows to the back."""
    return VolumeGeometry.from_components(shape, (pixel_mm,) * 3, axes_ras=np.diag([-1.0, -1.0, 1.0]))
