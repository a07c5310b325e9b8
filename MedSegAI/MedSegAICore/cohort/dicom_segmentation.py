"""Segmentations as DICOM SEG objects that belong to the series they were made on, through highdicom.

A DICOM SEG names the patient and the study of its images: that is what it is for. Share it only as you may share those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import InvalidRequest, PackageMissing
from ..result import Structure
from .case_image import series_files
from .manifest import Case

MAKER, PRODUCT = "The MedSegAI developers", "MedSegAI"


def check_dicom_packages() -> None:
    """Raise `PackageMissing` unless DICOM segmentations can be written."""
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        message = f"To write DICOM segmentations, the Python package highdicom is needed ({error})."
        raise PackageMissing(message, "Install it (pip install highdicom), or leave the format dcm out.") from error


def write_dicom_segmentation(
    path: Path, case: Case, structures: Sequence[Structure], values: Mapping[str, int], model: str
) -> None:
    """Write the structures of a case as a DICOM SEG on the grid of its series.

    Parameters
    ----------
    path
        The file to write.
    case
        Its image is a folder with a DICOM series.
    structures
        At least one, on the grid of the series.
    values
        Value of every structure in label maps: its segment's number follows their order.
    model
        Name of the model.

    Raises
    ------
    InvalidRequest
        The image is no DICOM series.
    """
    if not case.image.is_dir():
        message = f"'{case.image.name}' is no DICOM series, so there is no DICOM segmentation of it."
        raise InvalidRequest(message, "Leave the format dcm out, or give the folder of a series.")
    import highdicom
    import pydicom

    sources = [pydicom.dcmread(file) for file in series_files(case.image, case.series)]
    ordered = sorted(structures, key=lambda structure: values[structure.label])
    masks = np.stack([structure.mask.full().astype(np.uint8) for structure in ordered], axis=-1)
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=masks,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(number, part.label, model) for number, part in enumerate(ordered, 1)],
        series_instance_uid=_uid("series", sources, masks),
        series_number=300,
        sop_instance_uid=_uid("instance", sources, masks),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=PRODUCT,
        software_versions=__version__,
        device_serial_number="none",
        series_description=f"MedSegAI {model}: not a medical device",
        omit_empty_frames=bool(masks.any()),
    )
    made.save_as(path)


def _described(number: int, label: str, model: str) -> Any:
    import highdicom
    from highdicom.sr import CodedConcept

    tissue = CodedConcept("85756007", "SCT", "Tissue")
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label[:64],
        segmented_property_category=tissue,
        segmented_property_type=tissue,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=f"{PRODUCT} {model}"[:64],
            version=__version__,
            family=CodedConcept("123110", "DCM", "Artificial Intelligence"),
        ),
    )


def _uid(kind: str, sources: Sequence[Any], masks: NDArray[np.uint8]) -> str:
    """Return a UID that follows from the series and the masks: the same result again has the same name."""
    text = f"{kind} {sources[0].SeriesInstanceUID} {masks.shape}".encode()
    return f"2.25.{int.from_bytes(hashlib.sha256(text + masks.tobytes()).digest()[:16], 'big')}"
