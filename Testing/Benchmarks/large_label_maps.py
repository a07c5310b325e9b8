"""How long all metrics of a large label map take, and how much memory.

The label maps have 512x512x300 voxels and 20 labels, one for every tissue of the drawn abdomen: also fat, muscle and
skin, whose surfaces fill the whole volume. The prediction is the same abdomen, moved by 1.5 voxels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from MedSegAICore.evaluation.metrics.pair import pairs_of
from MedSegAICore.evaluation.metrics.registry import measure, standard_metrics
from MedSegAICore.evaluation.peak_memory import peak_bytes
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.phantom.anatomy import Structure, abdomen
from MedSegAICore.phantom.scanner import HOUNSFIELD_UNITS, oblique_grid, render
from MedSegAICore.volume import ImageVolume

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (300, 512, 512)
FIELD_MM = (372.0, 266.0, 186.0)
TISSUES = (
    "skin", "fat", "muscle", "disc", "cortex", "marrow", "nerve", "lung", "bowel wall", "bowel content", "gas",
    "stomach wall", "stomach content", "spleen", "liver", "portal vein", "renal cortex", "pancreas", "arterial blood",
    "venous blood",
)  # fmt: skip
LABELS = {tissue: value for value, tissue in enumerate(TISSUES, start=1)}


def draw(moved_voxels: float) -> ImageVolume:
    """Draw the label map at half the resolution, then double every voxel."""
    half = tuple(n // 2 for n in SHAPE)
    coarse = oblique_grid([mm / n for mm, n in zip(FIELD_MM, half[::-1], strict=True)], (5, 0, 4))
    matrix = coarse.ijk_to_ras.copy()
    matrix[:3, 3] += moved_voxels / 2 * coarse.spacing_ijk
    _, labels = render((by_tissue(part) for part in abdomen(0)), VolumeGeometry(half, matrix), HOUNSFIELD_UNITS)
    for axis in range(3):
        labels = labels.repeat(2, axis=axis)
    return ImageVolume(labels, VolumeGeometry.from_components(SHAPE, coarse.spacing_ijk / 2))


def by_tissue(structure: Structure) -> Structure:
    return replace(
        structure, layers=tuple(replace(part, label=LABELS.get(part.tissue, 0)) for part in structure.layers)
    )


def timed() -> dict[str, float]:
    """Return the time of all metrics [s], the peak of the process [MB], and the smallest and largest Dice."""
    truth, prediction = draw(0.0), draw(1.5)
    before = peak_bytes()
    began, began_cpu = time.perf_counter(), time.process_time()
    values = [measure(pair, standard_metrics()) for _, pair in pairs_of(prediction, truth, LABELS)]
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    dice = [value["dice"] for value in values]
    assert np.isfinite([list(value.values()) for value in values]).all()
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "peak_mb": round(peak_bytes() / 1e6),
        "peak_mb_while_drawing": round(before / 1e6),
        "lowest_dice": min(dice),
        "highest_dice": max(dice),
        "labels": len(values),
    }


def timed_in_a_fresh_process() -> dict[str, float]:
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("MedSegAI", "Testing"))}
    command = [sys.executable, "-m", "Benchmarks.large_label_maps"]
    done = subprocess.run(command, env=found, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(timed()))
