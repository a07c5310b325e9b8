"""Measure how much memory one answer of every promptable network takes on the processor, in float32.

    python Testing/Benchmarks/model_memory.py [names of the catalogue ...]

Networks have their published sizes and seeded weights in a file; each answers one click on a slice (or in a volume) in
a process of its own, whose highest resident memory is what is measured. The catalogue's `memory_mb` is that, rounded.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

import torch  # noqa: E402  after the path
from MedSegAICore.engine import device  # noqa: E402
from MedSegAICore.engine.device import DevicePlan  # noqa: E402
from MedSegAICore.engine.engine import Engine  # noqa: E402
from MedSegAICore.evaluation.peak_memory import PeakMemory  # noqa: E402
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue  # noqa: E402
from MedSegAICore.phantom.scanner import abdomen_mr  # noqa: E402
from MedSegAICore.prompts import PointPrompt, SlicePlane  # noqa: E402
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope  # noqa: E402

SEED = 20


def networks(spec: ModelSpec) -> dict[str, torch.nn.Module]:
    """Return the networks that a model is made of, by the catalogue entry whose file they come from."""
    from MedSegAICore.networks.sam_med3d.network import SamMed3d
    from MedSegAICore.networks.samed import VIT_B, SamedAddition
    from MedSegAICore.networks.scribbleprompt_unet import ScribblePromptUNet
    from MedSegAICore.prompt.sam_networks import VARIANTS

    if spec.family == "samed":
        return {spec.name: SamedAddition(VIT_B), spec.base: VARIANTS["vit_b"].build()}
    if spec.family == "sam":
        return {spec.name: VARIANTS[spec.architecture].build()}
    return {spec.name: {"sam_med3d": SamMed3d, "scribbleprompt": ScribblePromptUNet}[spec.family]()}


def measured(spec: ModelSpec) -> float:
    """Return the highest memory of a process that loads a model and answers one click [MB]."""
    from safetensors.torch import save_file
    from tiny_sam import random_state

    with TemporaryDirectory() as folder:
        files = []
        for name, network in networks(spec).items():
            save_file(random_state(network, SEED), Path(folder) / f"{name}.safetensors")
            files.append(f"{name}={Path(folder) / name}.safetensors")
        command = [sys.executable, "-W", "ignore", __file__, "--answer", spec.name, *files]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def answer(name: str, files: Sequence[str]) -> float:
    """Load a model, answer one click in an image drawn by seed, and return the highest memory [MB]."""
    device.plan_device = lambda _device: DevicePlan("cpu", "float32", "As every processor can.")
    image = abdomen_mr(SEED, (1.5, 1.5, 6.0)).image
    middle = [size // 2 for size in image.geometry.shape]
    click = PointPrompt(image.geometry.to_ras([float(index) for index in middle[::-1]])[0])
    is_volume = load_catalogue()[name].capabilities.dimensions == {3}
    scope = {} if is_volume else {"scope": SliceScope(SlicePlane.of_slice(image.geometry, 0, middle[0]))}
    engine = Engine("cpu", weights=dict(one.split("=", 1) for one in files))
    with PeakMemory() as memory:
        engine.segment(SegmentationRequest(image, PromptTask((click,), name, **scope)))
    return memory.megabytes


def main() -> None:
    if sys.argv[1:2] == ["--answer"]:
        print(answer(sys.argv[2], sys.argv[3:]))
        return
    catalogue = load_catalogue()
    known = [spec.name for spec in catalogue.values() if spec.paradigm == "prompt" and spec.weights is not None]
    for name in sys.argv[1:] or known:
        print(f"{name:28} {measured(catalogue[name]):8.0f} MB", flush=True)


if __name__ == "__main__":
    main()
