"""Fit how much overlap a region around a click promises by its looks, and say how well that carries over.

    python Testing/Benchmarks/fit_click_region.py

Clicks lie on the slices of labelled structures: one at the deepest place, one drawn from the deeper half. The
coefficients are fitted on the sets that weights may be trained on, every set counting the same; the table says how
good the answer to one click is on each of them when it was left out of the fit, and on the other sets, which no
fit has seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI")]

from MedSegAICore.engine.run import Run  # noqa: E402  after the path
from MedSegAICore.evaluation.datasets.dataset import Case, Dataset, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import capped_subjects  # noqa: E402
from MedSegAICore.prompt.adaptive.click_view import views_of  # noqa: E402
from MedSegAICore.prompt.adaptive.nested_regions import regions_around  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
SETS = (
    "ct_abdomen_slices",
    "ct_abdomen_volume",
    "ct_aorta_volume",
    "ct_lung_nodules_4raters",
    "mr_cardiac_lv",
    "mr_lesions",
    "mr_spinal_cord_t2",
    "mr_spinal_cord_t2s",
    "xr_chest_lungs",
    "mr_abdomen_t2",
    "mr_hippocampus",
)
SUBJECTS, QUESTIONS, SEED = 12, 80, 20261120
SMALLEST = 12
RIDGE = 1e-3

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Question:
    """One click: looks (n, 9) of the regions around it and their Dice overlap (n,) with the structure."""

    looks: NDArray[np.float64]
    overlaps: NDArray[np.float64]


def pictures(dataset: Dataset) -> Iterator[tuple[NDArray[np.float64], Mask]]:
    """Yield slices (rows, columns) with one structure each: its largest island, at three depths of a volume."""
    subjects = capped_subjects(dataset.subjects, SUBJECTS)
    for case in dataset.only(subjects).cases:
        for label in case.present_labels:
            yield from _pictures_of(case, label)


def _pictures_of(case: Case, label: str) -> Iterator[tuple[NDArray[np.float64], Mask]]:
    image, mask = case.image(), case.mask(label)
    axis = 0 if image.array.shape[0] == 1 else int(np.argmax(image.geometry.spacing_kji))
    voxels, truth = np.moveaxis(image.array, axis, 0), np.moveaxis(mask.array > 0, axis, 0)
    used = np.flatnonzero(truth.any(axis=(1, 2)))
    for index in sorted({int(used[len(used) * quarter // 4]) for quarter in (1, 2, 3)}):
        parts, count = ndimage.label(truth[index])
        island = parts == 1 + np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:])
        if np.count_nonzero(island) >= SMALLEST:
            yield np.asarray(voxels[index], dtype=np.float64), island


def questions(dataset: Dataset, random: np.random.Generator) -> list[Question]:
    """Return the clicks of a set, an even draw of them if there are many."""
    shown = list(pictures(dataset))
    chosen = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), QUESTIONS // 2)).astype(int))
    asked = []
    for pixels, truth in (shown[index] for index in chosen):
        depth = ndimage.distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
        deeper = np.argwhere(depth >= depth.max() / 2)
        for place in (np.unravel_index(depth.argmax(), depth.shape), deeper[random.integers(len(deeper))]):
            question = _asked(pixels, truth, (int(place[0]), int(place[1])))
            if question is not None:
                asked.append(question)
    return asked


def _asked(pixels: NDArray[np.float64], truth: Mask, click: tuple[int, int]) -> Question | None:
    looks, overlaps = [], []
    for index, view in enumerate(views_of(pixels, click)):
        for region in regions_around(view, index == 1, Run()):
            rows, columns, fine = view.spread(region.mask, truth.shape)
            both = np.count_nonzero(fine & truth[rows, columns])
            looks.append(region.looks())
            overlaps.append(2 * both / (np.count_nonzero(fine) + np.count_nonzero(truth)))
    return Question(np.array(looks), np.array(overlaps)) if looks else None


def fitted(sets: list[list[Question]]) -> NDArray[np.float64]:
    """Return constant, linear and square coefficients (1 + 2 n,) of a ridge regression on standardised looks."""
    rows = np.concatenate([_terms(question.looks) for asked in sets for question in asked])
    overlaps = np.concatenate([question.overlaps for asked in sets for question in asked])
    weights = np.concatenate(
        [
            np.full(len(question.overlaps), 1 / len(question.overlaps) / len(asked))
            for asked in sets
            for question in asked
        ]
    )
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    mean[0], deviation[0] = 0, 1
    rows = (rows - mean) / deviation
    squares = (rows * weights[:, None]).T @ rows + RIDGE * weights.sum() * np.eye(rows.shape[1])
    solution = np.linalg.solve(squares, (rows * weights[:, None]).T @ overlaps) / deviation
    solution[0] -= mean[1:] @ solution[1:]
    return np.asarray(solution)


def _terms(looks: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([np.ones((len(looks), 1)), looks, looks**2])


def overlap_of_choice(coefficients: NDArray[np.float64], asked: list[Question]) -> float:
    """Return the mean overlap of the regions that the coefficients like best."""
    return float(np.mean([q.overlaps[np.argmax(_terms(q.looks) @ coefficients)] for q in asked]))


def main() -> None:
    random = np.random.default_rng(SEED)
    loaded = {name: load_dataset(name, DATA) for name in SETS}
    asked = {name: questions(dataset, random) for name, dataset in loaded.items()}
    fit_on = [name for name in SETS if loaded[name].spec.training == "allowed"]
    coefficients = fitted([asked[name] for name in fit_on])
    print(f"python Testing/Benchmarks/fit_click_region.py, seed {SEED}, at most {SUBJECTS} subjects of a set\n")
    print("| set | clicks | in the fit | Dice of the choice | of the best region |\n|---|---|---|---|---|")
    for name in SETS:
        inside = name in fit_on
        unseen = fitted([asked[other] for other in fit_on if other != name]) if inside else coefficients
        best = np.mean([question.overlaps.max() for question in asked[name]])
        choice = overlap_of_choice(unseen, asked[name])
        seen = "left out here" if inside else "never"
        print(f"| {name} | {len(asked[name])} | {seen} | {choice:.3f} | {best:.3f} |")
    count = (len(coefficients) - 1) // 2
    print(f"\nEXPECTED = {coefficients[0]:.4f}\nCOEFFICIENTS = (")
    for linear, square in zip(coefficients[1 : count + 1], coefficients[count + 1 :], strict=True):
        print(f"    ({linear:.4f}, {square:.4f}),")
    print(")")


if __name__ == "__main__":
    main()
