"""Compare masks drawn by diffusion with those of a network that segments in one pass, on people nobody trained on.

    python Testing/Benchmarks/diffusion_table.py RUNS --samples 16

RUNS holds the folders `diffusion`, `one_pass` and `dropout` that `MedSegAICore.training.diffusion` has written with
equal settings. All methods see the same square in the middle of the slice, and a box only with `--box`. "level sets"
cuts the soft mask of one pass at as many heights as there are samples, "level sets, eight ways" the mean of eight
passes over the picture turned and mirrored; "dropout" draws by leaving features out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

from MedSegAICore.consensus import combined  # noqa: E402  after the path
from MedSegAICore.diffusion.denoisers import SmallDenoiser  # noqa: E402
from MedSegAICore.diffusion.model_file import read_header  # noqa: E402
from MedSegAICore.diffusion.region import Picture  # noqa: E402
from MedSegAICore.diffusion.sampling import Drawing, draw  # noqa: E402
from MedSegAICore.diffusion.turns import WAYS, turned, turned_back  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.datasets.dataset import Case, load_dataset  # noqa: E402
from MedSegAICore.evaluation.datasets.split import capped_subjects, subject_split  # noqa: E402
from MedSegAICore.evaluation.metrics.calibration import expected_calibration_error  # noqa: E402
from MedSegAICore.evaluation.metrics.raters import (  # noqa: E402
    best_candidate_dice,
    consensus_dice,
    energy_distance,
    matched_iou,
)
from MedSegAICore.evaluation.statistics import mean_with_interval, paired_difference  # noqa: E402
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint  # noqa: E402
from MedSegAICore.networks.mask_denoiser import MaskDenoiser  # noqa: E402
from MedSegAICore.request import SamplingOptions  # noqa: E402
from MedSegAICore.training.diffusion import FRACTIONS  # noqa: E402

DATA = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared")) / "data"
METRICS = {"GED^2": False, "best Dice": True, "matched IoU": True, "mean Dice": True, "STAPLE Dice": True}
METRICS |= {"agreed Dice": True, "ECE": False, "seconds": False}
Float32 = NDArray[np.float32]
Method = Callable[[Picture, int], Float32]
"""Returns probabilities (samples, size, size) for what is seen of a slice and a seed."""


@dataclass(frozen=True)
class Slice:
    """A slice of a person, and what its raters drew (raters, rows, columns)."""

    name: str
    subject: str
    image: Float32
    raters: NDArray[np.bool_]


def read_slice(case: Case) -> Slice:
    image = np.asarray(case.image().array, dtype=np.float32)[0]
    spread = (image - image.min()) / max(float(np.ptp(image)), 1e-6)
    raters = np.stack([mask.full()[0] for mask in case.masks("nodule")])
    return Slice(f"{case.subject}/{case.name}", case.subject, spread, raters)


def slices_of(part: str, most: int | None) -> list[Slice]:
    """Return the slices of one part of the people, or of so many of them."""
    dataset = load_dataset("ct_lung_nodules_4raters", DATA)
    people = subject_split(dataset.subjects, FRACTIONS)[part]
    people = capped_subjects(people, most) if most else people
    return [one for one in map(read_slice, dataset.only(people).cases) if one.raters.any()]


def middle(shape: tuple[int, int], size: int) -> tuple[slice, slice]:
    rows, columns = ((length - size) // 2 for length in shape)
    return slice(rows, rows + size), slice(columns, columns + size)


def seen(one: Slice, size: int, with_box: bool) -> Picture:
    cut, told = middle(one.image.shape, size), np.zeros_like(one.image)
    if with_box:
        drawn = np.argwhere(one.raters.any(axis=0))
        low, high = drawn.min(axis=0), drawn.max(axis=0)
        told[low[0] : high[0] + 1, low[1] : high[1] + 1] = 1
    return Picture(one.image[cut], told[cut])


def network_in(file: Path, noisy: int) -> MaskDenoiser:
    network = MaskDenoiser(read_header(file).architecture, noisy)
    fit_checkpoint(network, {**read_checkpoint(file)}, file.name)
    return network.eval()


def by_diffusion(file: Path, options: SamplingOptions) -> tuple[Method, int]:
    header, network = read_header(file), network_in(file, noisy=1)
    denoiser = SmallDenoiser("diffusion", "", "cpu", header.size, None, header.levels, network)

    def method(picture: Picture, seed: int) -> Float32:
        drawing = Drawing(denoiser, denoiser.condition(picture)[None], replace(options, seed=seed))
        return draw(drawing, Run())[:, 0]

    return method, header.size


def in_one_pass(network: MaskDenoiser, picture: Picture, ways: list[int]) -> Float32:
    condition = torch.stack([torch.from_numpy(2 * picture.pixels - 1), torch.from_numpy(picture.told)])
    with torch.inference_mode():
        laid = turned(condition[None].repeat(len(ways), 1, 1, 1), ways)
        logits = network.logits(laid, torch.zeros(len(ways), dtype=torch.long))
    return turned_back(logits.sigmoid(), ways)[:, 0].numpy()


def by_level_sets(file: Path, samples: int, ways: int = 1) -> Method:
    network = network_in(file, noisy=0)

    def method(picture: Picture, _seed: int) -> Float32:
        soft = in_one_pass(network, picture, list(range(ways))).mean(axis=0)
        # the mean of these is the soft mask itself, and cut at one half they are its level sets
        return np.clip(soft * samples - np.arange(samples)[:, None, None], 0, 1).astype(np.float32)

    return method


def by_dropout(file: Path, samples: int) -> Method:
    network = network_in(file, noisy=0)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.train()

    def method(picture: Picture, seed: int) -> Float32:
        torch.manual_seed(seed)
        return in_one_pass(network, picture, [0] * samples)

    return method


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def measured(method: Method, one: Slice, size: int, with_box: bool, seed: int) -> dict[str, float]:
    began = time.process_time()
    drawn = method(seen(one, size, with_box), seed)
    seconds = time.process_time() - began
    cut = middle(one.image.shape, size)
    whole = np.zeros((len(drawn), *one.image.shape), dtype=np.float32)
    whole[(slice(None), *cut)] = drawn
    masks, soft = whole >= 0.5, whole.mean(axis=0)
    half = one.raters.sum(axis=0) * 2 >= len(one.raters)
    staple = combined(masks[:, None], "staple")[0] >= 0.5
    return {
        "GED^2": energy_distance(masks, one.raters).squared,
        "best Dice": best_candidate_dice(masks, one.raters),
        "matched IoU": matched_iou(masks, one.raters),
        "mean Dice": dice(soft >= 0.5, half),
        "STAPLE Dice": dice(staple, half),
        "agreed Dice": consensus_dice(soft >= 0.5, one.raters),
        "ECE": fmean(expected_calibration_error(soft[None], rater[None], None) for rater in one.raters),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of the trained networks")
    parser.add_argument("--part", choices=tuple(FRACTIONS), default="test")
    parser.add_argument("--most", type=int, help="so many people at most")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--steps", type=int, nargs="+", default=[10])
    parser.add_argument("--solvers", nargs="+", default=["ddim"], help="ddim, ddpm, dpm_solver")
    parser.add_argument("--box", action="store_true", help="tell a box around all that was drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file with all values")
    asked = parser.parse_args()
    slices = slices_of(asked.part, asked.most)
    methods, size = methods_in(asked)
    values: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for number, one in enumerate(slices):
        for name, method in methods.items():
            values[name].append(measured(method, one, size, asked.box, asked.seed * 100_000 + number))
    print_table(values, [one.subject for one in slices])
    if asked.output:
        asked.output.write_text(json.dumps({"slices": [one.name for one in slices], "values": values}, indent=1))


def methods_in(asked: argparse.Namespace) -> tuple[dict[str, Method], int]:
    methods, size = {}, 64
    diffusion, one_pass, dropout = (
        asked.runs / name / "model.safetensors" for name in ("diffusion", "one_pass", "dropout")
    )
    for solver in asked.solvers:
        for steps in asked.steps:
            options = SamplingOptions(asked.samples, steps, solver=solver)
            methods[f"{solver}, {steps} steps"], size = by_diffusion(diffusion, options)
    if one_pass.is_file():
        methods["level sets"] = by_level_sets(one_pass, asked.samples)
        methods["level sets, eight ways"] = by_level_sets(one_pass, asked.samples, WAYS)
    if dropout.is_file():
        methods["dropout"] = by_dropout(dropout, asked.samples)
    return methods, size


def print_table(values: dict[str, list[dict[str, float]]], subjects: list[str]) -> None:
    first = next(iter(values))
    print(f"python Testing/Benchmarks/diffusion_table.py {' '.join(sys.argv[1:])}: {len(subjects)} slices", end=" ")
    print(f"of {len(set(subjects))} people; in brackets 95 % intervals, people drawn; difference to {first}\n")
    print(f"| method | {' | '.join(METRICS)} | GED^2 less |\n|{'---|' * (len(METRICS) + 2)}")
    for name, found in values.items():
        cells = []
        for metric in METRICS:
            estimate = mean_with_interval([one[metric] for one in found], subjects)
            cells.append(f"{estimate.mean:.3f} ({estimate.lower:.3f} to {estimate.upper:.3f})")
        ours, theirs = ([one["GED^2"] for one in values[which]] for which in (first, name))
        gain = paired_difference(ours, theirs, subjects, False).difference
        print(f"| {name} | {' | '.join(cells)} | {gain.mean:+.3f} ({gain.lower:+.3f} to {gain.upper:+.3f}) |")


if __name__ == "__main__":
    main()
