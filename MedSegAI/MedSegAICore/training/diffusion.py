"""Train a small network that draws what several people might have drawn.

python -m MedSegAICore.training.diffusion FOLDER --dataset ct_lung_nodules_4raters --data-folder data --label nodule

The same command goes on where it was stopped. FOLDER then holds `model.safetensors`, the moving average of the weights
with all settings. `--method` trains, on the same examples and for as many steps, what diffusion is compared with: a
network that segments in one pass, without or with dropout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from monai.inferers.inferer import DiffusionInferer
from torch import Tensor, nn
from torch.nn import functional

from ..diffusion.model_file import save_model
from ..diffusion.noise_levels import NoiseLevels
from ..diffusion.steps import DDIMSteps
from ..engine.run import Run
from ..evaluation.datasets.dataset import load_dataset
from ..evaluation.datasets.split import COMMITTED_SEED, subject_split
from ..networks.mask_denoiser import SHIPPED, DenoiserArchitecture, MaskDenoiser
from .chance import batch_indices, step_generator, torch_generator
from .loop import LoopSettings, print_progress, train
from .rater_crops import RaterSlices, draw_crop, read_slices

Method = Literal["diffusion", "one_pass", "dropout"]

FRACTIONS = {"training": 0.7, "validation": 0.1, "test": 0.2}
"""Shares of the subjects; who is where follows from `COMMITTED_SEED`."""

DROPOUT = 0.1


@dataclass(frozen=True)
class RaterTask:
    """What is learned.

    Parameters
    ----------
    method
        `diffusion`, or `one_pass` or `dropout` to compare it with.
    dataset, label
        Name of the set and of the structure.
    size
        Side of the squares [pixels].
    batch
        Examples in a step.
    seed
        Of weights, order, noise and everything else.
    null
        Share of the examples whose conditions are all 0, from which guidance learns what masks look like without an
        image.
    """

    method: Method
    dataset: str
    label: str
    size: int = 64
    batch: int = 16
    seed: int = 1
    null: float = 0.0


def rater_loss(slices: RaterSlices, task: RaterTask, levels: NoiseLevels) -> Callable[[nn.Module, int], Tensor]:
    """Return the loss of a step: of the noise that is taken off, or of a mask made in one pass."""
    inferer = DiffusionInferer(DDIMSteps(levels))

    def loss(network: nn.Module, step: int) -> Tensor:
        assert isinstance(network, MaskDenoiser)  # noqa: S101  what `network_for` made
        device = next(network.parameters()).device
        condition, mask = (part.to(device) for part in _batch(slices, task, step))
        if task.method != "diffusion":
            timesteps = torch.zeros(len(mask), dtype=torch.long, device=device)
            return functional.binary_cross_entropy_with_logits(network.logits(condition, timesteps).float(), mask)
        chance = torch_generator(task.seed, step)
        timesteps = torch.randint(levels.steps, (len(mask),), generator=chance).to(device)
        noise = torch.randn(mask.shape, generator=chance).to(device)
        return denoising_loss(inferer, network, condition, mask, noise, timesteps)

    return loss


def denoising_loss(
    inferer: DiffusionInferer, network: MaskDenoiser, condition: Tensor, mask: Tensor, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """Return the cross entropy of the mask (b, 1, rows, columns) 0 or 1, or the squared error of noise or velocity."""
    clean, prediction = 2 * mask - 1, network.architecture.prediction
    unbounded: Any = network.logits  # in place of MONAI's own network, and without the bounds of a mask
    said = inferer(clean, unbounded, noise, timesteps, condition=condition, mode="concat").float()
    if prediction == "sample":
        return functional.binary_cross_entropy_with_logits(said, mask)
    wanted = noise if prediction == "epsilon" else inferer.scheduler.get_velocity(clean, noise, timesteps)
    return functional.mse_loss(said, wanted)


def _batch(slices: RaterSlices, task: RaterTask, step: int) -> tuple[Tensor, Tensor]:
    """Return conditions (b, 2, size, size) and masks (b, 1, size, size) 0 or 1 of a step."""
    chance = step_generator(task.seed, step)
    indices = batch_indices(len(slices), task.batch, task.seed, step)
    crops = [draw_crop(slices, index, task.size, chance) for index in indices]
    condition = np.stack([crop.condition for crop in crops])
    condition[chance.random(len(crops)) < task.null] = 0
    masks = np.stack([crop.mask for crop in crops])[:, None]
    return torch.from_numpy(condition), torch.from_numpy(masks.astype(np.float32))


def network_for(task: RaterTask, architecture: DenoiserArchitecture) -> MaskDenoiser:
    """Return the network of a method, with the weights of its seed."""
    torch.manual_seed(task.seed)
    if task.method == "dropout":
        architecture = replace(architecture, dropout=DROPOUT)
    return MaskDenoiser(architecture, noisy=1 if task.method == "diffusion" else 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says."""
    asked = _parser().parse_args(arguments)
    task = RaterTask(asked.method, asked.dataset, asked.label, asked.size, asked.batch, asked.seed, asked.null)
    dataset = load_dataset(asked.dataset, asked.data_folder)
    subjects = subject_split(dataset.subjects, FRACTIONS, COMMITTED_SEED)["training"]
    slices = read_slices(dataset, asked.label, subjects)
    levels, architecture = NoiseLevels(), replace(SHIPPED, prediction=asked.prediction)
    network = network_for(task, architecture)
    settings = LoopSettings(asked.steps, rate=asked.rate, device=asked.device, half=asked.half)
    described: dict[str, Any] = asdict(task) | {"architecture": _plain(network.architecture), "levels": _plain(levels)}
    run = Run(print_progress)
    weights = train(network, rater_loss(slices, task, levels), settings, described, asked.folder, run)
    save_model(asked.folder / "model.safetensors", weights, network.architecture, levels, described)
    return 0


def _plain(values: DenoiserArchitecture | NoiseLevels) -> dict[str, Any]:
    """Return the fields as a state file gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(values).items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m MedSegAICore.training.diffusion", description=__doc__)
    parser.add_argument("folder", type=Path, help="state, log and result; go on there if it holds a state")
    parser.add_argument("--dataset", required=True, help="name of a described set, or its JSON file")
    parser.add_argument("--data-folder", type=Path, help="folder that holds the set's folder")
    parser.add_argument("--label", required=True, help="structure to learn")
    parser.add_argument("--method", choices=get_args(Method), default="diffusion")
    parser.add_argument("--prediction", choices=("sample", "epsilon", "v_prediction"), default="sample")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=64, help="side of the squares [pixels]")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--null", type=float, default=0.0, help="share of examples without conditions, for guidance")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="compute in bfloat16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
