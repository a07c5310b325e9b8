"""The folder that an evaluation leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...engine.run import Run
from ...geometry import VolumeGeometry
from ...images import whole_files
from ..error_maps import worst_first, write_error_map
from ..runner import described
from ..work import CaseRecord
from .comparison import compare_methods, compare_with_earlier
from .evaluation import Evaluation
from .markdown import report_text
from .plots import draw_plots
from .results import results_text, write_cases

CASES, TABLE, RESULTS, ERROR_MAPS = "cases.csv", "table.md", "results.json", "errors"

Mask = NDArray[np.bool_]
MasksOf = Callable[[CaseRecord, Run], tuple[Mask, Mask, VolumeGeometry]]
"""Returns prediction and reference (k, j, i) of a case, and their grid."""


def write_report(
    folder: Path, evaluation: Evaluation, earlier: Evaluation | None, masks_of: MasksOf, worst: int, run: Run
) -> tuple[str, ...]:
    """Write tables, plots and error maps, and return what the user should know about them.

    Parameters
    ----------
    folder
        An existing folder.
    evaluation
        What was found.
    earlier
        What an earlier run found, to compare with; None if there is none.
    masks_of
        Gives the masks of the worst cases.
    worst
        For how many cases error maps are written.
    run
        Progress and cancel.
    """
    compared = (*compare_methods(evaluation), *(compare_with_earlier(evaluation, earlier) if earlier else ()))
    first = worst_first(evaluation)[:worst]
    with whole_files(folder / CASES) as draft:
        write_cases(draft, evaluation)
    for name, text in (
        (TABLE, report_text(evaluation, compared, first)),
        (RESULTS, results_text(evaluation, compared)),
    ):
        with whole_files(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
    warnings = _plots(folder, evaluation)
    _error_maps(folder / ERROR_MAPS, first, masks_of, run)
    return warnings


def _plots(folder: Path, evaluation: Evaluation) -> tuple[str, ...]:
    try:
        draw_plots(folder, evaluation)
    except ImportError:
        return ("There are no plots, because the package matplotlib is not installed.",)
    return ()


def _error_maps(folder: Path, worst: Sequence[CaseRecord], masks_of: MasksOf, run: Run) -> None:
    """Write the error maps of the worst cases, numbered from the worst on, in place of those of an earlier run."""
    for old in folder.glob("error_[0-9][0-9][0-9]_*.seg.nrrd"):
        old.unlink()
    for number, record in enumerate(worst, start=1):
        run.step((number - 1) / len(worst), f"error map: {described(record.item)}")
        part = run.part((number - 1) / len(worst), number / len(worst))
        prediction, truth, geometry = masks_of(record, part)
        if not (prediction ^ truth).any():  # nothing is wrong, so there is nothing to look at
            continue
        folder.mkdir(exist_ok=True)
        item = record.item
        name = "_".join(filter(None, (record.method, item.subject, item.label, item.variant, item.condition)))
        plain = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name)
        write_error_map(folder / f"error_{number:03}_{plain}.seg.nrrd", prediction, truth, geometry)
