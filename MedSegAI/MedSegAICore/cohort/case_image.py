"""The image of a case: a file that ITK reads, or a DICOM series in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InvalidImage, ShearedGeometry
from ..images import DAMAGED, geometry_of, read_image
from ..volume import ImageVolume
from .manifest import Case

UNEVEN = 0.01
"""Share of the distance between slices by which a slice may lie off its place."""


def read_case_image(case: Case) -> ImageVolume:
    """Return the image of a case.

    Raises
    ------
    InvalidImage
        It is missing or damaged, the folder holds no series or several, or slices are missing.
    ShearedGeometry, GeometryMismatch
        The voxels do not lie on a grid with right angles.
    """
    if not case.image.is_dir():
        return read_image(case.image)
    files = series_files(case.image, case.series)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(file) for file in files])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        message = f"The DICOM series in '{case.image.name}' cannot be read."
        raise InvalidImage(message, DAMAGED) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        message = f"The DICOM series in '{case.image.name}' is in colour."
        raise InvalidImage(message, "Convert it to one scalar volume first.")
    if len(files) > 1:
        _check_positions(files, image, case.image)
    return ImageVolume(sitk.GetArrayFromImage(image), geometry_of(image))


def series_files(folder: Path, series: str = "") -> tuple[Path, ...]:
    """Return the files of a DICOM series in the order of their positions.

    Parameters
    ----------
    folder
        Where they lie.
    series
        Its UID; "" if there is only one.

    Raises
    ------
    InvalidImage
        There is no series in the folder, or none with this UID, or several.
    """
    found = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not found:
        message = f"The folder '{folder.name}' holds no DICOM series."
        raise InvalidImage(message, "Choose a folder with DICOM files, or an image file.")
    if series and series not in found:
        message = f"The folder '{folder.name}' holds no DICOM series '{series}'."
        raise InvalidImage(message, f"Choose one of: {', '.join(found)}.")
    if not series and len(found) > 1:
        message = f"The folder '{folder.name}' holds {len(found)} DICOM series."
        raise InvalidImage(message, f"Name one in the column 'series': {', '.join(found)}.")
    return tuple(map(Path, sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series or found[0])))


def _check_positions(files: tuple[Path, ...], image: sitk.Image, folder: Path) -> None:
    """Refuse slices that do not follow each other evenly, along the normal of their plane."""
    positions = np.array([_position(file) for file in files])
    steps = np.diff(positions, axis=0)
    distance = float(np.median(np.linalg.norm(steps, axis=1)))
    normal = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    along = steps @ normal
    if distance <= 0 or np.abs(along - np.median(along)).max() > UNEVEN * distance:
        message = f"The slices of the DICOM series in '{folder.name}' do not lie at even distances."
        raise InvalidImage(message, "See whether slices are missing or there twice, and export the series again.")
    if np.linalg.norm(steps - along[:, None] * normal, axis=1).max() > UNEVEN * distance:
        message = f"The slices of the DICOM series in '{folder.name}' are shifted (a tilted gantry)."
        raise ShearedGeometry(message)


def _position(file: Path) -> list[float]:
    """Return the position (3,) of the first voxel of a slice, LPS [mm]."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    return list(reader.GetOrigin())
