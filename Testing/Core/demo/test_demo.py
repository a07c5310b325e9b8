"""The demo: what it asks for, what it writes, and that what it writes is right."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from fakes.models import fake_engine
from MedSegAICore.demo.__main__ import main
from MedSegAICore.demo.job import Scan, Segmented, labelled, samples, segment_by_hand, segment_by_rule
from MedSegAICore.demo.picture import VIEWS, best_slice, draw
from MedSegAICore.demo.table import HEADER, markdown, row_of, write_csv
from MedSegAICore.errors import GeometryMismatch, InvalidImage
from MedSegAICore.geometry import VolumeGeometry, canonical_view
from MedSegAICore.images import image_from_array, read_image, write_image
from MedSegAICore.phantom.scanner import Phantom, abdomen_ct
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask
from MedSegAICore.volume import ImageVolume

GEOMETRY = VolumeGeometry.from_components((6, 8, 10), (2.0, 1.0, 3.0), (5, -4, 30), np.diag([-1, -1, 1]))


@pytest.fixture
def scan() -> Scan:
    """Two bright blocks, which the fake model finds as one."""
    first, second = np.zeros((2, *GEOMETRY.shape), bool)
    first[1:4, 2:6, 1:4], second[2:5, 3:6, 6:9] = True, True
    image = ImageVolume((100 * (first | second)).astype(np.int16), GEOMETRY)
    return Scan("two blocks", image, {"first": first, "second": second})


@pytest.fixture
def segments(scan: Scan) -> list[Segmented]:
    return list(segment_by_rule(fake_engine(), scan, "quick", clicks=2))


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return abdomen_ct(1, (3, 3, 6))


def write_phantom(folder: Path, phantom: Phantom, *organs: str) -> tuple[Path, Path]:
    """Write the phantom's image and a label map with some of its organs."""
    wanted = [label for label, name in phantom.names.items() if name in organs]
    labels = np.where(np.isin(phantom.labels, wanted), phantom.labels, 0).astype(np.uint8)
    image_file, label_file = folder / "abdomen.nii.gz", folder / "truth.nrrd"
    write_image(image_file, image_from_array(phantom.image.array, phantom.image.geometry))
    write_image(label_file, image_from_array(labels, phantom.image.geometry))
    return image_file, label_file


def test_the_samples_are_ct_and_mr_with_seven_structures() -> None:
    (first, second) = samples(2)
    assert (first.name, second.name) == ("CT", "MR")
    assert len(first.structures) == len(second.structures) == 7
    assert all(mask.any() for scan in (first, second) for mask in scan.structures.values())


def test_every_structure_gets_a_score_for_each_answer(segments: list[Segmented]) -> None:
    assert [one.name for one in segments] == ["first", "second"]
    assert len(segments[0].dice) == len(segments[0].seconds) == 3
    assert segments[0].dice[0] == pytest.approx(2 * 36 / (36 + 63))
    assert segments[0].color != segments[1].color


def test_a_recipe_holds_the_prompts_of_the_last_answer(segments: list[Segmented]) -> None:
    assert len(segments[0].recipe.task.prompts) == 3


def test_prompts_by_hand_need_no_truth(scan: Scan) -> None:
    task = PromptTask((PointPrompt(np.zeros(3)),), model="quick")
    one = segment_by_hand(fake_engine(), scan, task)
    assert one.dice == ()
    assert row_of(scan.name, one)[2:5] == ("-", "-", "-")


def test_labels_on_another_grid_are_refused(scan: Scan) -> None:
    other = VolumeGeometry.from_components(GEOMETRY.shape, (2.0, 1.0, 3.5))
    with pytest.raises(GeometryMismatch, match="do not lie on the grid"):
        labelled("scan", scan.image, ImageVolume(scan.structures["first"].astype(np.uint8), other))


def test_an_empty_label_map_is_refused(scan: Scan) -> None:
    with pytest.raises(InvalidImage, match="no label"):
        labelled("scan", scan.image, ImageVolume(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY))


def test_the_tables_agree(tmp_path: Path, scan: Scan, segments: list[Segmented]) -> None:
    rows = [row_of(scan.name, one) for one in segments]
    write_csv(tmp_path / "table.csv", rows)
    with (tmp_path / "table.csv").open(encoding="utf-8") as stream:
        read = list(csv.reader(stream))
    assert read == [list(HEADER), *map(list, rows)]
    lines = markdown(rows).splitlines()
    assert len(lines) == 4
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == list(rows[0])


def test_views_show_the_patient_as_radiologists_see_him() -> None:
    """A voxel near the patient's right, front and top: where it lies in each picture."""
    geometry = VolumeGeometry.from_components((8, 8, 8))  # axes i, j, k towards right, anterior, superior
    array = np.zeros(geometry.shape)
    array[6, 5, 7] = 1  # high, in front, far right
    canonical = canonical_view(array, geometry)
    for view in VIEWS:
        index = best_slice([canonical > 0], view.axis)
        row, column = np.argwhere(view.cut(canonical, index))[0]
        assert {"axial": (2, 0), "coronal": (1, 0), "sagittal": (1, 2)}[view.title] == (row, column)


def test_the_picture_shows_every_segment_in_its_colour(tmp_path: Path, scan: Scan, segments: list[Segmented]) -> None:
    draw(tmp_path / "picture.png", [(scan, segments), (scan, segments)])
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "picture.png")))[..., :3].astype(int)
    for one in segments:
        distance = np.abs(pixels - np.round(np.array(one.color) * 255)).max(axis=-1)
        assert np.count_nonzero(distance < 12) > 100


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--labels", "labels.nrrd"], "Labels and prompts need an image. Add --image FILE."),
        (["--point", "1", "2", "3"], "Labels and prompts need an image."),
        (["--image", "nowhere.nrrd", "--point", "1", "2", "3"], "nowhere.nrrd"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_image_without_prompts_asks_for_them(
    tmp_path: Path, phantom: Phantom, capsys: pytest.CaptureFixture[str]
) -> None:
    image, _ = write_phantom(tmp_path, phantom, "spleen")
    assert main(["--image", str(image), "--output", str(tmp_path / "out")]) == 1
    complaint = capsys.readouterr().err
    assert "The image comes without prompts." in complaint
    assert "--point" in complaint
    assert "--labels" in complaint


def test_an_image_with_labels_is_segmented_and_scored(
    tmp_path: Path, phantom: Phantom, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = write_phantom(tmp_path, phantom, "spleen", "aorta")
    out = tmp_path / "out"
    assert main(["--image", str(image), "--labels", str(labels), "--output", str(out), "--clicks", "2"]) == 0
    assert f"The results are in {out}" in capsys.readouterr().out
    written = {file.name for file in out.iterdir()}
    recipes = {"abdomen_label_2.recipe.json", "abdomen_label_5.recipe.json"}
    assert written == {"abdomen.seg.nrrd", "segments.png", "table.csv", "table.md", *recipes}
    with (out / "table.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["structure"] for row in rows] == ["label 2", "label 5"]
    assert all(float(row["all clicks"]) > 0.7 for row in rows)


def test_a_recipe_gives_the_same_segment_again(tmp_path: Path, phantom: Phantom) -> None:
    image, labels = write_phantom(tmp_path, phantom, "spleen")
    first, again = tmp_path / "first", tmp_path / "again"
    assert main(["--image", str(image), "--labels", str(labels), "--output", str(first), "--clicks", "1"]) == 0
    recipe = first / "abdomen_label_2.recipe.json"
    assert main(["--image", str(image), "--recipe", str(recipe), "--output", str(again)]) == 0
    masks = [read_image(folder / "abdomen.seg.nrrd").array for folder in (first, again)]
    assert masks[0].any()
    assert np.array_equal(*masks)


def test_prompts_on_the_command_line_segment_what_they_point_at(tmp_path: Path, phantom: Phantom) -> None:
    image, _ = write_phantom(tmp_path, phantom, "liver")
    liver = phantom.labels == 1
    voxels = np.argwhere(liver)
    middle = phantom.image.geometry.to_ras(np.median(voxels, axis=0)[::-1])[0]
    out = tmp_path / "out"
    point = [f"{coordinate:.2f}" for coordinate in middle]
    box = [f"{coordinate:.2f}" for coordinate in (*(middle - 75), *(middle + 75))]
    outside = ["-100", "-34", "40"]  # the spleen; a negative number is no option
    command = ["--image", str(image), "--point", *point, "--outside", *outside, "--box", *box, "--output", str(out)]
    assert main(command) == 0
    mask = read_image(out / "abdomen.seg.nrrd").array > 0
    assert 2 * np.count_nonzero(mask & liver) / (np.count_nonzero(mask) + np.count_nonzero(liver)) > 0.7
