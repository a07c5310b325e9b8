"""Tables of cases: what they may say, and how what is wrong is named."""

from __future__ import annotations

import pytest
from MedSegAICore.cohort.manifest import cases_in, read_manifest
from MedSegAICore.errors import InvalidManifest


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        file = tmp_path / "cases.csv"
        file.write_bytes(text.encode(encoding))
        return file

    return write


def test_a_row_gives_image_prompts_and_place(table, tmp_path):
    rows = "case,image,positive,box,output,note\np1,scans/p1.nii.gz,a.mrk.json | b.mrk.json,c.mrk.json,site/p1,old\n"
    (case,) = read_manifest(table(rows))
    assert (case.name, case.output, case.row) == ("p1", "site/p1", 2)
    assert case.image == tmp_path / "scans" / "p1.nii.gz"
    assert [(column, file.name) for column, file in case.prompts] == [
        ("positive", "a.mrk.json"),
        ("positive", "b.mrk.json"),
        ("box", "c.mrk.json"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("image;supports\nä.nrrd;x.safetensors\n", "utf-8-sig"),
        ("image\tsupports\r\nä.nrrd\tx.safetensors\r\n", "utf-8"),
    ],
)
def test_tables_of_spreadsheets_are_read(table, text, encoding):
    (case,) = read_manifest(table(text, encoding))
    assert (case.name, case.output, case.supports.name) == ("ä", "ä", "x.safetensors")


def test_empty_lines_are_left_out_and_rows_keep_their_numbers(table):
    assert [case.row for case in read_manifest(table("image\na.nrrd\n\n,\nb.nrrd\n".replace(",\n", "\n")))] == [2, 5]


WRONG = {
    "nothing": ("", "is empty"),
    "no case": ("image\n", "has no case"),
    "no image column": ("case\na\n", "Row 1, column 'image': is missing"),
    "unknown column": ("image,postive\na.nrrd,b\n", "Row 1, column 'postive': is not known"),
    "column twice": ("image,image\na.nrrd,b.nrrd\n", "Row 1, column 'image': is there twice"),
    "no image": ("case,image\na,\n", "Row 2, column 'image': is empty"),
    "cells": ("case,image\na,b.nrrd,c\n", "Row 2 has 3 cells"),
    "above": ("image,output\na.nrrd,../a\n", "Row 2, column 'output': '../a' leaves the output folder"),
    "inside and above": ("image,output\na.nrrd,b/../../a\n", "leaves the output folder"),
    "absolute": ("image,output\na.nrrd,/etc/a\n", "leaves the output folder"),
    "drive": ("image,output\na.nrrd,C:a\n", "leaves the output folder"),
    "backslash": ("image,output\na.nrrd,..\\a\n", "leaves the output folder"),
    "hidden": ("image,output\na.nrrd,.cohort/lock\n", "cannot be the name of a file"),
    "reserved": ("image,output\na.nrrd,nul.x\n", "cannot be the name of a file"),
    "option": ("image,output\na.nrrd,-rf\n", "cannot be the name of a file"),
    "no part": ("image,output\na.nrrd,a//b\n", "cannot be the name of a file"),
    "control": ("image\na\x07.nrrd\n", "holds a character that cannot be seen"),
    "twice": ("case,image\na,x.nrrd\nA,y.nrrd\n", "Row 3, column 'case': 'A' is there already, in row 2"),
    "same place": ("image,output\na.nrrd,x\nb.nrrd,X\n", "Row 3, column 'output'"),
    "quotes": ('image\n"a.nrrd\n', "cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_row_and_column(case, table):
    text, said = WRONG[case]
    with pytest.raises(InvalidManifest) as caught:
        read_manifest(table(text))
    assert said in str(caught.value)


def test_text_that_is_not_utf8_is_named(table):
    with pytest.raises(InvalidManifest, match="cannot be read"):
        read_manifest(table("image\nä.nrrd\n", "latin-1"))


def test_cells_that_look_like_commands_are_only_paths(table, tmp_path):
    (case,) = read_manifest(table("case,image\nx,$(touch hacked).nrrd; rm -rf *\n"))
    assert case.image == tmp_path / "$(touch hacked).nrrd; rm -rf *"
    assert [file.name for file in tmp_path.iterdir()] == ["cases.csv"]


def test_a_pattern_finds_images_and_their_prompts(tmp_path):
    for name in ("s1/ct.nii.gz", "s1/box.mrk.json", "s2/ct.nii.gz", "s2/other.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    first, second = cases_in(tmp_path, "{subject}/ct.nii.gz", {"box": "{subject}/box.mrk.json"})
    assert (first.name, first.image, first.prompts) == (
        "s1",
        tmp_path / "s1" / "ct.nii.gz",
        (("box", tmp_path / "s1" / "box.mrk.json"),),
    )
    assert (second.name, second.prompts) == ("s2", ())


def test_a_pattern_with_a_slash_at_its_end_finds_folders(tmp_path):
    (tmp_path / "s1" / "dicom").mkdir(parents=True)
    (tmp_path / "s2").mkdir()
    assert [case.image for case in cases_in(tmp_path, "{subject}/dicom/")] == [tmp_path / "s1" / "dicom"]


@pytest.mark.parametrize("pattern", ["{image}.nrrd", "../{image}.nrrd", "/etc/{image}"])
def test_a_pattern_that_finds_nothing_or_leaves_the_folder_is_refused(pattern, tmp_path):
    with pytest.raises(InvalidManifest):
        cases_in(tmp_path, pattern)
