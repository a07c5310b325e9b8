from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes.requests import a_volume, written
from MedSegAICore.engine.frames import Frame
from MedSegAICore.engine.mapped_volume import receive_volume, write_volume
from MedSegAICore.errors import EngineFault, EngineUnavailable
from MedSegAICore.volume import ImageVolume


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "float32", "float64", "bool"])
def test_a_volume_arrives_as_it_was(tmp_path, dtype) -> None:
    image = a_volume(dtype=dtype)

    received = receive_volume(written(image, tmp_path))

    assert received.fingerprint == image.fingerprint
    assert received.array.dtype == image.array.dtype
    assert np.array_equal(received.array, image.array)


def test_a_view_of_a_volume_arrives(tmp_path) -> None:
    whole = a_volume(shape=(6, 8, 10))
    view = ImageVolume(whole.array[::-2, :, 1:].transpose(0, 2, 1), replace(whole.geometry, shape=(3, 9, 8)))

    assert receive_volume(written(view, tmp_path)).fingerprint == view.fingerprint


def test_warnings_travel_with_the_volume(tmp_path) -> None:
    image = replace(a_volume(), warnings=("2 voxels were repaired.",))

    assert receive_volume(written(image, tmp_path)).warnings == image.warnings


def test_nobody_can_write_to_a_received_volume(tmp_path) -> None:
    received = receive_volume(written(a_volume(), tmp_path))

    with pytest.raises(ValueError, match="read-only"):
        received.array[0, 0, 0] = 1


def test_no_file_is_left_once_the_volume_is_dropped(tmp_path) -> None:
    received = receive_volume(written(a_volume(), tmp_path))
    del received

    for file in tmp_path.iterdir():  # where a mapped file could not be deleted, its folder's owner deletes it later
        file.unlink()
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_cut_off_is_refused_by_name(tmp_path) -> None:
    frame = written(a_volume(), tmp_path)
    path = Path(frame.header["path"])
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(EngineFault, match="cannot be opened"):
        receive_volume(frame)


def test_a_file_with_other_voxels_is_refused_by_name(tmp_path) -> None:
    frame = written(a_volume(), tmp_path)
    path = Path(frame.header["path"])
    path.write_bytes(bytes(path.stat().st_size))

    with pytest.raises(EngineFault, match="announced"):
        receive_volume(frame)


def test_a_message_with_a_foreign_number_type_is_refused_by_name(tmp_path) -> None:
    frame = written(a_volume(), tmp_path)

    with pytest.raises(EngineFault, match="no such type"):
        receive_volume(Frame(frame.header | {"number_type": "no such type"}))


def test_a_folder_that_cannot_be_written_is_said(tmp_path) -> None:
    with pytest.raises(EngineUnavailable, match="temporary"):
        written(a_volume(), tmp_path / "absent")


def test_a_volume_is_written_in_pieces_of_a_megabyte(tmp_path) -> None:
    image = a_volume(shape=(2, 900, 1000))  # a plane alone is larger than a piece

    sizes = [file.stat().st_size for _ in write_volume(image, tmp_path) for file in tmp_path.iterdir()]

    steps = np.diff([0, *sizes])
    assert len(sizes) == 4
    assert sum(steps) == image.array.nbytes
    assert max(steps) <= 1 << 20


def test_writing_takes_the_fingerprint_too(tmp_path) -> None:
    image = a_volume()
    assert not image.has_fingerprint
    written(image, tmp_path)
    assert image.has_fingerprint
    assert image.fingerprint == a_volume().fingerprint


def test_writing_that_is_given_up_leaves_no_file_and_no_fingerprint(tmp_path) -> None:
    image = a_volume()
    writing = write_volume(image, tmp_path)
    next(writing)
    assert list(tmp_path.iterdir())
    writing.close()
    assert not list(tmp_path.iterdir())
    assert not image.has_fingerprint
