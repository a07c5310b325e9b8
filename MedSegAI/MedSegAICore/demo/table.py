"""The scores as a table to read and one to compute with."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from ..evaluation.report.markdown import markdown_table
from .job import Segmented

HEADER = ("scan", "structure", "Dice: box", "1 click", "all clicks", "clicks", "first answer [s]", "next answers [s]")

Row = tuple[str, ...]


def row_of(scan: str, segmented: Segmented) -> Row:
    """Return the cells of one segment; what is not known is a dash."""
    dice = [f"{value:.3f}" for value in segmented.dice]
    later = segmented.seconds[1:]
    return (
        scan,
        segmented.name,
        dice[0] if dice else "-",
        dice[1] if len(dice) > 1 else "-",
        dice[-1] if dice else "-",
        str(len(segmented.seconds) - 1),
        f"{segmented.seconds[0]:.2f}",
        f"{median(later):.2f}" if later else "-",
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown whose columns also line up as plain text."""
    return markdown_table(HEADER, rows)


def write_csv(file: Path, rows: Iterable[Row]) -> None:
    """Write the table as comma-separated values."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
