"""The metrics of one structure: what each is called, which definition it follows, and what a failure gets.

Empty masks follow one rule everywhere: nothing predicted where nothing is, is perfect; everything else with an
empty side is a failure, which gets the worst value of the metric (the image's diagonal, where that is a distance)
and stays in the mean. No value is ever NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .pair import MaskPair

Measure = Callable[[MaskPair], float]


@dataclass(frozen=True)
class Metric:
    """One number about one structure.

    Parameters
    ----------
    name
        Name in files and in code.
    title
        Name over the column of a table.
    unit
        Unit of the value, "" if it has none; see `unit_for` for images without spacing.
    higher_is_better
        Which way is better; None if the best value is 0 and both sides of it are worse.
    reference
        The implementation or definition that the value agrees with.
    measure
        Returns the value of a pair.
    failed
        Returns the value of a pair whose prediction does not exist because the method gave no answer.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    reference: str
    measure: Measure
    failed: Measure

    def unit_for(self, *, has_spacing: bool) -> str:
        """Return the unit of values from images with or without spacing."""
        return self.unit if has_spacing else {"mm": "px", "ml": "px"}.get(self.unit, self.unit)


def standard_metrics(nsd_tolerance: float = 2.0) -> tuple[Metric, ...]:
    """Return the metrics that every table shows.

    Parameters
    ----------
    nsd_tolerance
        How far a surface may be off [mm, or pixels in images without spacing].
    """
    return (*_overlap_metrics(), *_surface_metrics(nsd_tolerance), *_volume_metrics())


def measure(pair: MaskPair, metrics: Iterable[Metric]) -> dict[str, float]:
    """Return the value of every metric by its name."""
    return {metric.name: metric.measure(pair) for metric in metrics}


def failed(pair: MaskPair, metrics: Iterable[Metric]) -> dict[str, float]:
    """Return the values of a method that gave no answer; only the truth of the pair and its extent count."""
    return {metric.name: metric.failed(pair) for metric in metrics}


def dice(pair: MaskPair) -> float:
    """Return the Dice overlap (0..1)."""
    predicted, true, both = pair.sizes
    return 1.0 if pair.is_empty else 2.0 * both / (predicted + true)


def iou(pair: MaskPair) -> float:
    """Return intersection over union (0..1)."""
    predicted, true, both = pair.sizes
    return 1.0 if pair.is_empty else both / (predicted + true - both)


def normalized_surface_dice(pair: MaskPair, tolerance: float) -> float:
    """Return the share (0..1) of both surfaces that lies within `tolerance` [mm or pixels] of the other."""
    if pair.is_empty or pair.has_one_empty_side:
        return float(pair.is_empty)
    return pair.surface_distances.overlap(tolerance)


def hausdorff_95(pair: MaskPair) -> float:
    """Return the larger 95th percentile of the directed surface distances [mm or pixels]."""
    if pair.is_empty or pair.has_one_empty_side:
        return 0.0 if pair.is_empty else pair.extent
    return pair.surface_distances.robust_hausdorff(95.0)


def mean_surface_distance(pair: MaskPair) -> float:
    """Return the average symmetric surface distance [mm or pixels]."""
    if pair.is_empty or pair.has_one_empty_side:
        return 0.0 if pair.is_empty else pair.extent
    return pair.surface_distances.symmetric_mean()


def volume_difference(pair: MaskPair) -> float:
    """Return predicted minus true volume [ml, or pixels without spacing]."""
    predicted, true, _ = pair.sizes
    return (predicted - true) * pair.voxel_volume


def relative_volume_difference(pair: MaskPair) -> float:
    """Return predicted minus true volume over the mean of the two (-2 missed .. 2 nothing there)."""
    predicted, true, _ = pair.sizes
    return 0.0 if pair.is_empty else 2.0 * (predicted - true) / (predicted + true)


def _overlap_metrics() -> tuple[Metric, ...]:
    return (
        Metric("dice", "Dice", "", True, "monai DiceMetric(ignore_empty=False)", dice, _nothing),
        Metric("iou", "IoU", "", True, "monai MeanIoU(ignore_empty=False)", iou, _nothing),
    )


def _surface_metrics(tolerance: float) -> tuple[Metric, ...]:
    package = "DeepMind surface-distance"

    def nsd(pair: MaskPair) -> float:
        return normalized_surface_dice(pair, tolerance)

    nsd_reference = f"{package}: compute_surface_dice_at_tolerance, as monai's SurfaceDiceMetric(use_subvoxels=True)"
    hd95_reference = f"{package}: compute_robust_hausdorff, the larger of the two directed 95th percentiles"
    mean_reference = f"{package}: mean of the two directions of compute_average_surface_distance"
    return (
        Metric("nsd", f"NSD at {tolerance:g}", "", True, nsd_reference, nsd, _nothing),
        Metric("hd95", "HD95", "mm", False, hd95_reference, hausdorff_95, _extent),
        Metric("assd", "Mean surface distance", "mm", False, mean_reference, mean_surface_distance, _extent),
    )


def _volume_metrics() -> tuple[Metric, ...]:
    by_mean = "difference over the mean of both (Bland and Altman 1999), finite also where the truth is empty"
    return (
        Metric(
            "volume_difference",
            "Volume difference",
            "ml",
            None,
            "predicted minus true number of voxels, times their volume",
            volume_difference,
            lambda pair: -pair.sizes[1] * pair.voxel_volume,
        ),
        Metric(
            "relative_volume_difference",
            "Relative volume difference",
            "",
            None,
            by_mean,
            relative_volume_difference,
            lambda _: -2.0,
        ),
    )


def _nothing(_: MaskPair) -> float:
    return 0.0


def _extent(pair: MaskPair) -> float:
    return pair.extent
