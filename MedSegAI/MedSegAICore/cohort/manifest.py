"""Which images are segmented, with what prompts, and where the results go: from a table or from a folder.

Cells are paths and names, nothing else: none is run, opened as code, or lets a result leave the output folder.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..errors import InvalidManifest
from ..evaluation.datasets.patterns import files_like, fill_in
from ..label_files import file_stem

PROMPT_COLUMNS = ("positive", "negative", "box", "mask")
"""Files that mark the structure, as the command line module for prompts takes them."""

COLUMNS = ("case", "image", "series", *PROMPT_COLUMNS, "supports", "output")
NOTE = "note"
"""Columns whose name begins like this are for people."""

SEPARATOR = "|"
"""Stands between several files in one cell."""

RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows gives no file."""

FORBIDDEN = '<>:"\\|?*'
LONGEST = 150


@dataclass(frozen=True)
class Case:
    """One image and what belongs to it.

    Parameters
    ----------
    name
        What summaries call it.
    image
        Image file, or a folder with a DICOM series.
    output
        Where its results go, relative to the output folder and without an ending, with `/` between folders.
    series
        UID of the DICOM series; "" where the folder has only one.
    prompts
        Column and file of everything that marks the structure.
    supports
        Support model for this image; None takes the recipe's.
    row
        Row of the table, for messages; the header is row 1.
    """

    name: str
    image: Path
    output: str
    series: str = ""
    prompts: tuple[tuple[str, Path], ...] = ()
    supports: Path | None = None
    row: int = 0


def read_manifest(file: Path) -> tuple[Case, ...]:
    """Return the cases of a CSV table, whose paths are relative to its folder.

    Raises
    ------
    InvalidManifest
        The table cannot be read, or a cell cannot be used; the message names its row and column.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        header = text.split("\n", 1)[0]
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
        rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines]
    except (OSError, ValueError, csv.Error) as error:
        message = f"The table '{file}' cannot be read ({error})."
        raise InvalidManifest(message, "Save it as CSV with UTF-8 text.") from error
    if not rows:
        message = f"The table '{file.name}' is empty."
        raise InvalidManifest(message, "Give it a header with the column 'image', and a row for each image.")
    columns = rows[0][1]
    _check_columns(columns)
    cases = [_case(number, columns, cells, file.parent) for number, cells in rows[1:] if any(cells)]
    return checked(cases)


def cases_in(folder: Path, pattern: str, prompts: Mapping[str, str] | None = None) -> tuple[Case, ...]:
    """Return a case for every image of a folder whose path has the form of a pattern.

    Parameters
    ----------
    folder
        Where to look.
    pattern
        Such as `{subject}/{image}.nii.gz`; with a `/` at its end it stands for folders with a DICOM series.
    prompts
        The pattern of the prompt files for some of `PROMPT_COLUMNS`.

    Raises
    ------
    InvalidManifest
        There is no such folder, nothing has the form of the pattern, or two images have one name.
    """
    if not folder.is_dir():
        message = f"There is no folder '{folder}'."
        raise InvalidManifest(message, "Choose an existing folder.")
    if ".." in Path(pattern).parts or Path(pattern).is_absolute():
        message = f"The pattern '{pattern}' leaves the folder of the images."
        raise InvalidManifest(message, "Choose the folder above as the folder of the images.")
    cases = []
    for path, found in files_like(folder, pattern.rstrip("/"), folders=pattern.endswith("/")).items():
        name = "_".join(part.replace("/", "_") for part in found if part) or file_stem(Path(path))
        files = ((column, folder / fill_in(form, found)) for column, form in (prompts or {}).items())
        cases.append(Case(name, folder / path, name, prompts=tuple(file for file in files if file[1].is_file())))
    if not cases:
        message = f"Nothing in the folder '{folder}' has the form '{pattern}'."
        raise InvalidManifest(message, "Choose another pattern, such as {image}.nii.gz or {subject}/{image}.nrrd.")
    return checked(cases)


def checked(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the cases if every one has a name and a place of its own.

    Raises
    ------
    InvalidManifest
        There is none, or a place cannot be used.
    """
    if not cases:
        message = "The table has no case."
        raise InvalidManifest(message, "Add a row for each image.")
    for what in ("case", "output"):
        seen: dict[str, int] = {}
        for case in cases:
            value = case.name if what == "case" else case.output
            _check_place(value, case.row, what)
            key = value.casefold()  # some disks take names that differ in case for one
            if key in seen:
                _refuse(case.row, what, f"'{value}' is there already" + (f", in row {seen[key]}" if seen[key] else ""))
            seen[key] = case.row
    return tuple(cases)


def _check_columns(columns: Sequence[str]) -> None:
    for number, column in enumerate(columns):
        if column not in COLUMNS and not column.lower().startswith(NOTE):
            _refuse(1, column, f"is not known; there are {', '.join(COLUMNS)}, and columns that begin with '{NOTE}'")
        if column in columns[:number]:
            _refuse(1, column, "is there twice")
    if "image" not in columns:
        _refuse(1, "image", "is missing")


def _case(number: int, columns: Sequence[str], cells: Sequence[str], folder: Path) -> Case:
    if len(cells) != len(columns):
        message = f"Row {number} has {len(cells)} cells where the header has {len(columns)}."
        raise InvalidManifest(message, "Give every row as many cells as the header; put text with commas in quotes.")
    values = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=True))
    for column in COLUMNS:
        if any(not letter.isprintable() for letter in values[column]):
            _refuse(number, column, "holds a character that cannot be seen")
    if not values["image"]:
        _refuse(number, "image", "is empty")
    image = folder / values["image"]
    name = values["case"] or file_stem(image)
    prompts = [(column, folder / file) for column in PROMPT_COLUMNS for file in _files(values[column])]
    supports = folder / values["supports"] if values["supports"] else None
    return Case(name, image, values["output"] or name, values["series"], tuple(prompts), supports, number)


def _files(cell: str) -> Iterable[str]:
    return filter(None, map(str.strip, cell.split(SEPARATOR)))


def _check_place(value: str, row: int, column: str) -> None:
    """Refuse names that leave the output folder, or that some system cannot give to a file."""
    if value.startswith("/") or "\\" in value or ":" in value or ".." in value.split("/"):
        _refuse(row, column, f"'{value}' leaves the output folder")
    if not all(map(_can_be_a_name, value.split("/"))):
        _refuse(row, column, f"'{value}' cannot be the name of a file")


def _can_be_a_name(part: str) -> bool:
    strange = [letter for letter in part if letter in FORBIDDEN or not letter.isprintable()]
    if strange or not part.strip(". ") or len(part) > LONGEST:
        return False
    return part.split(".")[0].casefold() not in RESERVED and part[0] not in ".-~ " and part[-1] not in ". "


def _refuse(row: int, column: str, complaint: str) -> NoReturn:
    where = f"Row {row}, column '{column}'" if row else f"The {column} of an image"
    message = f"{where}: {complaint}."
    raise InvalidManifest(message)
