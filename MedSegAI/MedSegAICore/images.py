"""Image files to volumes and label maps to files, through SimpleITK."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .errors import InvalidImage, InvalidRequest, ShearedGeometry
from .geometry import VolumeGeometry
from .lps import swap_lps_ras
from .nifti import is_complete, is_nifti
from .volume import ImageVolume, VolumePatch

DAMAGED = "The file may be damaged or incomplete: copy or export it again."

LARGEST_LABEL = 65535


def read_image(path: Path | str) -> ImageVolume:
    """Return the scalar volume of an image file in any format that ITK reads; a picture is one slice.

    Raises
    ------
    InvalidImage
        The file is missing, damaged, a time series, a colour image, or has no voxels.
    ShearedGeometry, GeometryMismatch
        The voxels do not lie on a grid with right angles.
    """
    path = Path(path)
    image = read_voxels(open_image(path), path)
    array = sitk.GetArrayFromImage(image)
    while array.ndim > 3:  # one frame of a time series
        array = array[0]
    return ImageVolume(array if array.ndim == 3 else array[np.newaxis], geometry_of(image))


def read_geometry(path: Path | str) -> VolumeGeometry:
    """Return the grid of an image file without reading its voxels; raises what `read_image` raises."""
    return geometry_of(open_image(Path(path)))


def write_labels(path: Path | str, mask: VolumePatch, label_value: int = 1) -> None:
    """Write a mask as a label map on the grid of its volume: `label_value` inside, 0 outside.

    The file appears whole or not at all.

    Raises
    ------
    InvalidRequest
        The label value does not fit a label map, or the file cannot be written.
    """
    check_label_value(label_value)
    labels = np.zeros(mask.geometry.shape, np.uint8 if label_value < 256 else np.uint16)
    labels[mask.bounds][mask.array.astype(bool)] = label_value
    write_image(path, image_from_array(labels, mask.geometry))


def check_label_value(label_value: int) -> None:
    """Raise `InvalidRequest` unless a label map can hold the value."""
    if not 1 <= label_value <= LARGEST_LABEL:
        message = f"The label value is {label_value}."
        raise InvalidRequest(message, f"Choose a label value from 1 to {LARGEST_LABEL}.")


def write_image(path: Path | str, image: sitk.Image) -> None:
    """Write an image file so that it appears whole or not at all."""
    path = Path(path)
    try:
        with whole_files(path) as draft:
            sitk.WriteImage(image, str(draft), useCompression=True)
    except RuntimeError as error:
        message = f"The file '{path}' cannot be written as an image."
        raise InvalidRequest(
            message, "Choose a file type such as .nrrd or .nii.gz, and see that the disk has room."
        ) from error
    except OSError as error:
        message = f"The file '{path}' cannot be written ({error.strerror})."
        raise InvalidRequest(message, "Choose another folder.") from error


@contextmanager
def whole_files(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written there is moved to `path` when the block ends without an error.

    Formats that come as a header and a data file are moved together, the header last.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    with tempfile.TemporaryDirectory(prefix=".medsegai-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        yield draft
        written = sorted(Path(folder).iterdir(), key=lambda file: file == draft)
        for file in written:
            file.replace(path.parent / file.name)


def image_from_array(array: NDArray[np.generic], geometry: VolumeGeometry) -> sitk.Image:
    """Return an ITK image with the voxels `array` (k, j, i) on a grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(geometry.spacing_ijk.tolist())
    image.SetOrigin(swap_lps_ras(geometry.ijk_to_ras[:3, 3]).tolist())
    image.SetDirection(swap_lps_ras(geometry.axes_ras.T).T.ravel().tolist())
    return image


def open_image(path: Path, *, is_layered: bool = False) -> sitk.ImageFileReader:
    """Return a reader that has read the header of one volume; raises what `read_image` raises.

    Parameters
    ----------
    path
        The file.
    is_layered
        Whether several values in each voxel are allowed: layers of a segmentation instead of colours.
    """
    if not path.is_file():
        message = f"There is no image file '{path}'."
        raise InvalidImage(message, "Choose an existing file.")
    if is_nifti(path) and not is_complete(path):
        message = f"'{path.name}' is shorter than its header says."
        raise InvalidImage(message, DAMAGED)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _reading_error(path, error) from error
    _check_scalar_volume(reader, path, is_layered)
    return reader


def read_voxels(reader: sitk.ImageFileReader, path: Path) -> sitk.Image:
    """Return the image of a reader that `open_image` returned; raises what `read_image` raises."""
    try:
        image: sitk.Image = reader.Execute()
    except RuntimeError as error:
        raise _reading_error(path, error) from error
    return image


def geometry_of(image: Any) -> VolumeGeometry:
    """Return the grid of an ITK image, or of a reader that has read the header of one."""
    dimension = image.GetDimension()
    size, spacing, origin = np.ones(3, int), np.ones(3), np.zeros(3)
    direction = np.eye(3)
    used = min(dimension, 3)
    size[:used], spacing[:used], origin[:used] = image.GetSize()[:3], image.GetSpacing()[:3], image.GetOrigin()[:3]
    direction[:used, :used] = np.array(image.GetDirection()).reshape(dimension, dimension)[:used, :used]
    k, j, i = (int(length) for length in size[::-1])
    return VolumeGeometry.from_components((k, j, i), spacing, swap_lps_ras(origin), swap_lps_ras(direction.T).T)


def _check_scalar_volume(reader: sitk.ImageFileReader, path: Path, is_layered: bool) -> None:
    components = reader.GetNumberOfComponents()
    if components != 1 and not is_layered:
        message = f"'{path.name}' has {components} values in each voxel; it is a colour image or a vector field."
        raise InvalidImage(message, "Convert it to one scalar volume first.")
    size = reader.GetSize()
    if any(length != 1 for length in size[3:]):
        message = f"'{path.name}' has {len(size)} dimensions; it is a time series."
        raise InvalidImage(message, "Save one frame of it as a file of its own.")
    if 0 in size:
        message = f"'{path.name}' has no voxels."
        raise InvalidImage(message)


def _reading_error(path: Path, error: RuntimeError) -> InvalidImage | ShearedGeometry:
    if "orthonormal" in str(error):
        message = f"The axes of '{path.name}' are sheared."
        return ShearedGeometry(message)
    message = f"'{path.name}' cannot be read as an image ({_cause(error)})."
    return InvalidImage(message, DAMAGED)


def _cause(error: RuntimeError) -> str:
    """Return the last line of a SimpleITK message: the others name places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("sitk::ERROR:").strip().rstrip(".") if lines else "no reason given"
