"""A synthesised CT series: a bright ball, slices in any order, on a turned grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from MedSegAICore.geometry import VolumeGeometry
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SHAPE = (7, 20, 24)
TURNED = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
PATIENT = "Smith^Anna"


def write_series(
    folder: Path, uid: str = "", positions=None, axes=TURNED, shift=0.0
) -> tuple[np.ndarray, VolumeGeometry]:
    """Write a series of CT slices; return its values (k, j, i) and its grid.

    Parameters
    ----------
    folder
        Receives one file for each slice, named so that their order by name is not that of their positions.
    uid
        UID of the series; "" draws one.
    positions
        Positions of the slices along their normal [mm]; None takes even ones.
    axes
        RAS directions of i, j and k in its columns.
    shift
        How far each slice is moved along its rows [mm].
    """
    folder.mkdir(parents=True, exist_ok=True)
    geometry = VolumeGeometry.from_components(SHAPE, (1.5, 2.0, 3.0), (-30, 10, 100), axes)
    kji = np.indices(SHAPE).reshape(3, -1)
    centre = geometry.to_ras([(n - 1) / 2 for n in SHAPE[::-1]])
    inside = np.linalg.norm(geometry.to_ras(kji[::-1].T) - centre, axis=1).reshape(SHAPE) <= 8
    values = np.round(np.random.default_rng(0).normal(-20, 10, SHAPE) + 120 * inside).astype(np.int16)
    common = _common(uid or generate_uid())
    positions = 3.0 * np.arange(SHAPE[0]) if positions is None else positions
    to_lps = np.array([-1.0, -1.0, 1.0])
    for k, position in enumerate(positions):
        origin = geometry.to_ras([0, 0, 0])[0] + axes[:, 2] * position + axes[:, 0] * shift * k
        slice_ = _slice(common, values[k], k, origin * to_lps, (axes * to_lps[:, None])[:, :2])
        slice_.save_as(folder / f"{(k * 5) % 7}.dcm", enforce_file_format=True)
    return values, geometry


def _common(series: str) -> Dataset:
    made = Dataset()
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = PATIENT, "1234", "19500101", "F"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = generate_uid(), series, generate_uid()
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20260101", "120000", "1", "1"
    made.Modality, made.SOPClassUID, made.Manufacturer, made.SeriesNumber = "CT", CTImageStorage, "none", 1
    made.ReferringPhysicianName, made.PositionReferenceIndicator = "", ""
    made.PixelSpacing, made.SliceThickness = [2.0, 1.5], 3.0
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = -1024, 1, "HU"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = *SHAPE[1:], 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 0
    return made


def _slice(common: Dataset, values: np.ndarray, k: int, origin: np.ndarray, directions: np.ndarray) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.update(common)
    made.SOPInstanceUID, made.InstanceNumber = meta.MediaStorageSOPInstanceUID, SHAPE[0] - k
    made.ImagePositionPatient = [round(float(part), 6) for part in origin]
    made.ImageOrientationPatient = [round(float(part), 6) for part in directions.T.ravel()]
    made.PixelData = (values.astype(np.int32) + 1024).astype(np.uint16).tobytes()
    return made
