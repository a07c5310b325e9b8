"""The table to read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..runner import described
from ..statistics import CONFIDENCE, FEWEST_SUBJECTS, Estimate
from ..work import CaseRecord, Quantity
from .comparison import Compared
from .evaluation import Evaluation
from .summary import Row, summarize

NOTICE = "Not a medical device: for research only."
NOTHING = "-"

HOW_TO_READ = (
    f"Means are over all cases, failures included; in brackets their {CONFIDENCE:.0%} bootstrap interval, for which "
    f"subjects are drawn, not cases. It is a dash with fewer than {FEWEST_SUBJECTS} subjects, and too narrow with "
    "fewer than ten.",
    "A failure is a case without an answer, or one that misses its structure altogether. It stays in the means with "
    "the worst value there is.",
)
TIMES = "Seconds are the median of the time that a case took; memory is the highest of all cases."
CHANCES = "The chance is the share of the bootstrap means in which the first is better; n are the cases that both have."


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns also line up as plain text."""
    table = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def report_text(evaluation: Evaluation, compared: Sequence[Compared], worst: Sequence[CaseRecord]) -> str:
    """Return the whole report as Markdown.

    Parameters
    ----------
    evaluation
        What was found.
    compared
        Rows of the table of differences; it is left out without any.
    worst
        The cases to look at first.
    """
    facts = {"Protocol": evaluation.protocol, "Seed": evaluation.seed, **evaluation.settings, **evaluation.environment}
    rows = summarize(evaluation)
    notes = [*map(_definition, evaluation.shown), *HOW_TO_READ, *([TIMES] if _was_timed(rows) else [])]
    parts = [
        f"# Evaluation: {evaluation.protocol}",
        "\n".join(f"- {name}: {_in_words(value)}" for name, value in facts.items()),
        _summary_table(evaluation, rows).rstrip(),
        "\n".join(f"- {note}" for note in notes),
    ]
    if compared:
        parts += ["## Differences", _difference_table(evaluation, compared).rstrip(), f"- {CHANCES}"]
    if worst:
        parts += ["## Worst cases", _worst_table(evaluation, worst).rstrip()]
    return "\n\n".join([*parts, f"*{NOTICE}*"]) + "\n"


def number(value: float, quantity: Quantity) -> str:
    """Return a value with as many digits as are worth reading."""
    if not math.isfinite(value):
        return NOTHING if math.isnan(value) else str(value)
    return f"{value:.3f}" if not quantity.unit else f"{value:.2f}"


def titled(quantity: Quantity) -> str:
    """Return the title with its unit."""
    return f"{quantity.title} [{quantity.unit}]" if quantity.unit else quantity.title


def _was_timed(rows: Sequence[Row]) -> bool:
    return any(math.isfinite(row.median_seconds) for row in rows)


def _summary_table(evaluation: Evaluation, rows: Sequence[Row]) -> str:
    shown, timed = evaluation.shown, _was_timed(rows)
    conditions = ["condition"] if any(row.condition for row in rows) else []
    header = ["method", *conditions, "label", "n", "subjects", "failures", *map(titled, shown)]
    cells = []
    for row in rows:
        counts = (row.cases, row.subjects, row.failures)
        means = (_with_interval(row.estimates[quantity.name], quantity) for quantity in shown)
        where = [row.method, *([row.condition] if conditions else []), row.label]
        cells.append([*where, *map(str, counts), *means])
        if timed:
            cells[-1] += [f"{row.median_seconds:.2f}", f"{row.peak_memory_mb:.0f}"]
    return markdown_table(header + (["seconds", "memory [MB]"] if timed else []), cells)


def _difference_table(evaluation: Evaluation, compared: Sequence[Compared]) -> str:
    quantities = {quantity.name: quantity for quantity in evaluation.quantities}
    conditions = ["condition"] if any(row.condition for row in compared) else []
    header = ["first", "second", *conditions, "label", "metric", "first - second", "chance that first is better"]
    header += ["n", "subjects", "left out"]
    rows = []
    for row in compared:
        quantity, chance = quantities[row.quantity], row.paired.probability_better
        title = f"distance of {titled(quantity)} from 0" if quantity.higher_is_better is None else titled(quantity)
        rows.append(
            [
                row.first,
                row.second,
                *([row.condition] if conditions else []),
                row.label,
                title,
                _with_interval(row.paired.difference, quantity),
                NOTHING if math.isnan(chance) else f"{chance:.3f}",
                str(row.paired.difference.cases),
                str(row.paired.difference.subjects),
                str(row.unpaired),
            ]
        )
    return markdown_table(header, rows)


def _worst_table(evaluation: Evaluation, worst: Sequence[CaseRecord]) -> str:
    first = evaluation.quantities[0]
    rows = [
        [record.method, described(record.item), number(record.values[first.name], first), record.failure or NOTHING]
        for record in worst
    ]
    return markdown_table(["method", "case", titled(first), "failure"], rows)


def _with_interval(estimate: Estimate, quantity: Quantity) -> str:
    mean = number(estimate.mean, quantity)
    if math.isnan(estimate.lower):
        return f"{mean} ({NOTHING})"
    return f"{mean} ({number(estimate.lower, quantity)} to {number(estimate.upper, quantity)})"


def _definition(quantity: Quantity) -> str:
    directions = {True: "higher is better", False: "lower is better", None: "best is 0"}
    return f"{titled(quantity)}, {directions[quantity.higher_is_better]}: {quantity.reference}"


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
