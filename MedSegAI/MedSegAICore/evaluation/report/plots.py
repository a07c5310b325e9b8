"""Pictures of an evaluation: Dice of every case, volumes against the reference, Dice against clicks.

They are drawn on figures of their own, so that nothing global changes; matplotlib is imported where it is used, because
it is no part of Slicer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from ..protocols.judge import TRUE_VOLUME
from ..statistics import CONFIDENCE, mean_with_interval
from ..work import CaseRecord, Quantity
from .evaluation import ALL_LABELS, Evaluation, by_condition, by_label, subjects_of
from .markdown import NOTICE, titled

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Told apart by colour-blind readers (Okabe and Ito 2008)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">")
FAILURE_COLOR, GREY = "#B00020", "#666666"
VOLUME_DIFFERENCE = "volume_difference"
ROW_INCHES, PANEL_INCHES, DOTS_PER_INCH = 0.42, 4.6, 150
LONGEST_TITLE = 80

MOST_COLUMNS = 3
"""Of panels beside each other."""

WIDE_RANGE = 20
"""Volumes that differ by more than this factor are shown on a logarithmic axis."""

MOST_NAMED_LABELS = 8
"""More labels than colours are drawn in one colour and not named."""


def draw_plots(folder: Path, evaluation: Evaluation) -> tuple[Path, ...]:
    """Write every plot that the evaluation has the values for, as PNG, and return the files.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    drawings = {"cases.png": draw_cases, "volumes.png": draw_volumes, "clicks.png": draw_clicks}
    written = []
    for name, draw in drawings.items():
        figure = draw(evaluation)
        if figure is not None:
            figure.savefig(folder / name, dpi=DOTS_PER_INCH)
            written.append(folder / name)
    return tuple(written)


def draw_cases(evaluation: Evaluation) -> Figure | None:
    """Return the first quantity of every case as dots, with quartiles behind them and failures as crosses."""
    if not evaluation.records:
        return None
    quantity, several = evaluation.quantities[0], len(evaluation.methods) > 1
    groups = [
        (_in_words(label, condition, method if several else ""), method, records)
        for condition, asked in by_condition(evaluation.records).items()
        for label, of_label in _named_labels(asked).items()
        for method in evaluation.methods
        if (records := [record for record in of_label if record.method == method])
    ]
    figure = _figure(9.5, 1.5 + ROW_INCHES * len(groups))
    axes = figure.add_subplot()
    for row, (_, method, records) in enumerate(groups):
        color = COLORS[evaluation.methods.index(method) % len(COLORS)]
        _draw_row(axes, row, records, quantity, evaluation, color)
    axes.set_yticks(range(len(groups)), [f"{name} (n = {len(records)})" for name, _, records in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(titled(quantity))
    if not quantity.unit and quantity.higher_is_better:
        axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    _finish(figure, f"{quantity.title} of every case", evaluation.protocol)
    _legend(figure, *_meaning_of_marks())
    return figure


def draw_volumes(evaluation: Evaluation) -> Figure | None:
    """Return the difference of volumes against their mean (Bland and Altman 1986).

    There is one panel for each method and condition.
    """
    known = {quantity.name: quantity for quantity in evaluation.quantities}
    if not {TRUE_VOLUME, VOLUME_DIFFERENCE} <= set(known) or not evaluation.records:
        return None
    unit = known[VOLUME_DIFFERENCE].unit
    groups = [
        (_in_words(method, condition), records)
        for method in evaluation.methods
        for condition, records in by_condition(evaluation.of_method(method)).items()
    ]
    columns = min(len(groups), MOST_COLUMNS)
    rows = math.ceil(len(groups) / columns)
    figure = _figure(1.8 + 5.2 * columns, PANEL_INCHES * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (name, records) in zip(panels, groups, strict=False):
        agreement = _draw_differences(axes, records, evaluation)
        axes.set_xlabel(f"mean of both volumes [{unit}]")
        axes.set_title(f"{name}\n{agreement} {unit}", fontsize=9)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(f"predicted - reference [{unit}]")
    _finish(figure, "Volumes against the reference", evaluation.protocol)
    _legend(figure, *panels[0].get_legend_handles_labels())
    return figure


def draw_clicks(evaluation: Evaluation) -> Figure | None:
    """Return the mean after every click with its interval: a line for each method, or for each label of one method."""
    first = evaluation.quantities[0]
    curves = {quantity.name: quantity for quantity in evaluation.quantities if quantity.clicks is not None}
    steps = {step.clicks: step for name, step in curves.items() if name == f"{first.name}_{step.clicks}"}
    if len(steps) < 2 or not evaluation.records:
        return None
    clicks = sorted(click for click in steps if click is not None)
    lines = {method: list(evaluation.of_method(method)) for method in evaluation.methods}
    if len(lines) == 1:
        (records,) = lines.values()
        labels = by_label(records)
        lines = labels if len(labels) <= MOST_NAMED_LABELS else {ALL_LABELS: records}
    figure = _figure(7.0, PANEL_INCHES)
    axes = figure.add_subplot()
    for (name, records), color, marker in zip(lines.items(), cycle(COLORS), cycle(MARKERS)):
        subjects = subjects_of(records)
        means = [
            mean_with_interval([record.values[steps[click].name] for record in records], subjects, evaluation.seed)
            for click in clicks
        ]
        leads = name == ALL_LABELS or name in evaluation.methods or len(lines) == 1
        if leads and not any(math.isnan(mean.lower) for mean in means):  # bands of every label would hide each other
            ends = [mean.lower for mean in means], [mean.upper for mean in means]
            axes.fill_between(clicks, *ends, color=color, alpha=0.15, linewidth=0)
        label = f"{name} (n = {len(records)})"
        (line,) = axes.plot(clicks, [mean.mean for mean in means], color=color, marker=marker, label=label)
        line.set(linewidth=2.4 if leads else 1.2, markersize=6 if leads else 4)
    axes.set_xticks(clicks)
    axes.set_xlabel("clicks after the first prompt")
    axes.set_ylabel(f"mean {first.title}, band: {CONFIDENCE:.0%} interval")
    axes.set_ylim(0, 1.02)
    axes.grid(color="#dddddd", linewidth=0.8)
    _finish(figure, f"{first.title} against clicks", evaluation.protocol)
    _legend(figure, *axes.get_legend_handles_labels())
    return figure


def _draw_row(
    axes: Axes, row: int, records: Sequence[CaseRecord], quantity: Quantity, evaluation: Evaluation, color: str
) -> None:
    """Draw one label of one method as a row of dots."""
    values = np.array([record.values[quantity.name] for record in records])
    failed = np.array([evaluation.is_failure(record) for record in records])
    height = row + np.random.default_rng(0).uniform(-0.22, 0.22, len(values))  # so that equal values stay countable
    if len(values) > 3:
        lower, middle, upper = np.quantile(values, [0.25, 0.5, 0.75])
        axes.barh(row, upper - lower, left=lower, height=0.62, color=color, alpha=0.22, linewidth=0)
        axes.plot([middle, middle], [row - 0.31, row + 0.31], color=color, linewidth=2)
    axes.scatter(values[~failed], height[~failed], s=16, color=color, alpha=0.85, linewidths=0, zorder=3)
    axes.scatter(values[failed], height[failed], s=34, color=FAILURE_COLOR, marker="x", zorder=4, clip_on=False)


def _draw_differences(axes: Axes, records: Sequence[CaseRecord], evaluation: Evaluation) -> str:
    """Draw the cases of one method with the limits of agreement, and return those in words."""
    labels = _named_labels(records)
    named = len(labels) <= MOST_NAMED_LABELS
    means: list[float] = []
    for (label, group), color, marker in zip(labels.items(), cycle(COLORS), cycle(MARKERS)):
        difference = np.array([record.values[VOLUME_DIFFERENCE] for record in group])
        mean = np.array([record.values[TRUE_VOLUME] for record in group]) + difference / 2
        failed = np.array([evaluation.is_failure(record) for record in group])
        color, marker = (color, marker) if named else (COLORS[0], MARKERS[0])
        title = label if named else None
        right, wrong = (mean[~failed], difference[~failed]), (mean[failed], difference[failed])
        axes.scatter(*right, s=24, color=color, marker=marker, alpha=0.85, linewidths=0, label=title, zorder=3)
        axes.scatter(*wrong, s=40, color=FAILURE_COLOR, marker="x", zorder=4)
        means += mean.tolist()
    if min(means) > 0 and max(means) > WIDE_RANGE * min(means):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.scatter([], [], s=40, color=FAILURE_COLOR, marker="x", label="failure")
    differences = np.array([record.values[VOLUME_DIFFERENCE] for record in records])
    bias = float(differences.mean())
    axes.axhline(0, color="#bbbbbb", linewidth=0.8)
    axes.axhline(bias, color=GREY, linewidth=1.2, label="mean difference")
    if len(records) < 2:
        return f"mean {bias:.4g}"
    lower, upper = (bias + sign * 1.96 * float(differences.std(ddof=1)) for sign in (-1, 1))
    axes.axhline(lower, color=GREY, linestyle="--", linewidth=1.2, label="mean \N{PLUS-MINUS SIGN} 1.96 SD")
    axes.axhline(upper, color=GREY, linestyle="--", linewidth=1.2)
    return f"mean {bias:.4g}, limits of agreement {lower:.4g} to {upper:.4g}"


def _in_words(*names: str) -> str:
    return ", ".join(name for name in names if name)


def _named_labels(records: Sequence[CaseRecord]) -> dict[str, list[CaseRecord]]:
    groups = by_label(records)
    return {label: group for label, group in groups.items() if label != ALL_LABELS or len(groups) == 1}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(figure: Figure, title: str, protocol: str) -> None:
    figure.suptitle(f"{title}\n{shorten(protocol, LONGEST_TITLE)}", x=0.01, ha="left", fontsize=11)
    figure.supxlabel(NOTICE, fontsize=7, color=GREY)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)


def _meaning_of_marks() -> tuple[list[Artist], list[str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    case = Line2D([], [], color=GREY, marker="o", linestyle="", markersize=4)
    failure = Line2D([], [], color=FAILURE_COLOR, marker="x", linestyle="")
    return [case, failure, Patch(color=GREY, alpha=0.3)], ["case", "failure", "middle half,\nline: median"]


def _legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
