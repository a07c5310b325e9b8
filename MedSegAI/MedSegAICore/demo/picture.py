"""Slices of a scan with the outlines of its segments, as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..geometry import canonical_view
from ..prompt.window import automatic_window
from ..volume import ImageVolume
from .job import Mask, Scan, Segmented

BACKGROUND, TEXT = "#101418", "#e8eaed"
NOTICE = "Not a medical device: for research only."

# in inches
SLICES_WIDTH, LEGEND_WIDTH, GAP, MARGIN, TITLE, NOTICE_HEIGHT = 10.6, 2.1, 0.08, 0.02, 0.27, 0.28
MARK_PLACES = ((0.015, 0.5), (0.985, 0.5), (0.5, 0.98), (0.5, 0.02))


@dataclass(frozen=True)
class View:
    """One of the three slices: how to cut a canonical array (axes towards superior, posterior, left).

    Parameters
    ----------
    title
        Name of the direction.
    axis
        Array axis across the slice.
    upside_down
        Whether rows run upwards in the array and downwards in the picture.
    marks
        Letters at the left, right, top and bottom edge.
    """

    title: str
    axis: int
    upside_down: bool
    marks: str

    def cut(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Return the slice as it is shown."""
        plane: NDArray[Any] = np.take(array, index, axis=self.axis)
        return plane[::-1] if self.upside_down else plane

    def size_mm(self, image: ImageVolume) -> tuple[float, float]:
        """Return height and width of the slices of a canonical image [mm]."""
        rows, columns = [axis for axis in range(3) if axis != self.axis]
        size = np.array(image.array.shape) * image.geometry.spacing_kji
        return float(size[rows]), float(size[columns])


VIEWS = (View("axial", 0, False, "RLAP"), View("coronal", 1, True, "RLSI"), View("sagittal", 2, True, "APSI"))


def draw(file: Path, scans: Sequence[tuple[Scan, Sequence[Segmented]]]) -> None:
    """Write one row of slices per scan; truth is dashed where it is known."""
    sizes = [[view.size_mm(scan.image.canonical()) for view in VIEWS] for scan, _ in scans]
    scales = [SLICES_WIDTH / sum(width for _, width in row) for row in sizes]  # inches per mm
    heights = [max(height for height, _ in row) * scale for row, scale in zip(sizes, scales, strict=True)]
    total = sum(heights) + MARGIN + TITLE * len(scans) + NOTICE_HEIGHT
    figure = Figure(figsize=(SLICES_WIDTH + GAP * 3 + LEGEND_WIDTH, total), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    top = total - MARGIN
    for (scan, segments), row, scale, height in zip(scans, sizes, scales, heights, strict=True):
        left, top = GAP, top - TITLE
        for view, (rows_mm, columns_mm) in zip(VIEWS, row, strict=True):
            box = (left, top - rows_mm * scale, columns_mm * scale, rows_mm * scale)
            _draw_slice(_axes(figure, box), view, scan, segments)
            left += columns_mm * scale + GAP
        legend = _axes(figure, (left, top - height, LEGEND_WIDTH - GAP, height))
        _draw_legend(legend, segments)
        top -= height
    figure.text(GAP / figure.get_figwidth(), 0.07 / total, NOTICE, color=TEXT, fontsize=9, alpha=0.8)
    figure.savefig(file, dpi=110, facecolor=BACKGROUND)


def _axes(figure: Figure, box_inches: tuple[float, float, float, float]) -> Any:
    """Return axes without frame at a place from the lower left corner [inch]."""
    width, height = figure.get_size_inches()
    left, bottom, across, along = box_inches
    axes = figure.add_axes((left / width, bottom / height, across / width, along / height))
    axes.set_axis_off()
    return axes


def _draw_slice(axes: Any, view: View, scan: Scan, segments: Sequence[Segmented]) -> None:
    geometry, image, window = scan.image.geometry, scan.image.canonical(), automatic_window(scan.image)
    masks = [canonical_view(np.asarray(one.result.mask.full(), dtype=np.bool_), geometry) for one in segments]
    index = best_slice(masks, view.axis)
    height, width = view.size_mm(image)
    extent = (0.0, width, height, 0.0)  # in mm, so that every voxel has its true proportions
    pixels = view.cut(image.array, index)
    axes.imshow(pixels, cmap="gray", vmin=window.lower, vmax=window.upper, extent=extent, aspect="auto")
    for one, mask in zip(segments, masks, strict=True):
        if one.dice:
            truth = canonical_view(scan.structures[one.name], geometry)
            _outline(axes, view.cut(truth, index), extent, "white", 0.7, "dashed")
        _outline(axes, view.cut(mask, index), extent, one.color, 1.3, "solid")
    axes.set_title(f"{scan.name}, {view.title}", color=TEXT, fontsize=10, loc="left", pad=4)
    sides = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for mark, place, (across, along) in zip(view.marks, MARK_PLACES, sides, strict=True):
        axes.text(*place, mark, color=TEXT, fontsize=8, ha=across, va=along, transform=axes.transAxes, alpha=0.8)


def best_slice(masks: Sequence[Mask], axis: int) -> int:
    """Return the slice across `axis` that shows most of most segments.

    Each segment counts by its area there, relative to its largest area; the root favours slices that cut
    many segments over those that cut one at its widest.
    """
    others = tuple(other for other in range(3) if other != axis)
    areas = [np.asarray(mask.sum(axis=others), dtype=np.float64) for mask in masks]
    scores = [np.sqrt(area / area.max()) for area in areas if area.max() > 0]
    if not scores:
        return int(masks[0].shape[axis] // 2) if masks else 0
    return int(np.argmax(np.sum(scores, axis=0)))


def _outline(axes: Any, mask: Mask, extent: Any, color: Any, width: float, style: str) -> None:
    if mask.any() and not mask.all():
        padded = np.pad(mask, 1).astype(np.float32)  # closes outlines at the picture's edge
        row, column = extent[2] / mask.shape[0], extent[1] / mask.shape[1]
        x = (np.arange(padded.shape[1]) - 0.5) * column
        y = (np.arange(padded.shape[0]) - 0.5) * row
        axes.contour(x, y, padded, [0.5], colors=[color], linewidths=width, linestyles=style)


def _draw_legend(axes: Any, segments: Sequence[Segmented]) -> None:
    handles = []
    for one in segments:
        score = f"  {one.dice[-1]:.2f}" if one.dice else ""
        handles.append(Line2D([], [], color=one.color, linewidth=2, label=one.name + score))
    scored = any(one.dice for one in segments)
    if scored:
        handles.append(Line2D([], [], color="white", linewidth=0.9, linestyle="dashed", label="truth"))
    legend = axes.legend(
        handles=handles, loc="upper left", frameon=False, labelcolor=TEXT, fontsize=9, handlelength=1.4
    )
    legend.set_title("segment, Dice" if scored else "segment", prop={"size": 9})
    legend.get_title().set_color(TEXT)
    legend.set_alignment("left")
