"""Measure how many pictures each family of networks sees in a second, and what a batch of prompts saves.

    python Testing/Benchmarks/bench_models.py [--device cuda] [--models vit_b mobile_sam] [--repeats 3]

Networks have their published sizes and seeded weights. On the processor, seconds are processor time on one thread, so
that other programs matter little; on a GPU they are seconds by the clock, with the device waited for.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

import torch  # noqa: E402  after the path
from MedSegAICore.engine.device import plan_device, probe_hardware  # noqa: E402
from MedSegAICore.networks.multiverseg import MultiverSeg  # noqa: E402
from MedSegAICore.networks.sam import ARCHITECTURES, EMBEDDING_CHANNELS, Sam  # noqa: E402
from MedSegAICore.networks.sam_med3d.network import SamMed3d  # noqa: E402
from MedSegAICore.networks.samed import Samed  # noqa: E402
from MedSegAICore.networks.scribbleprompt_unet import ScribblePromptUNet  # noqa: E402
from MedSegAICore.networks.senet import SENet  # noqa: E402
from MedSegAICore.networks.tyche import TycheTS  # noqa: E402
from MedSegAICore.networks.universeg import UniverSeg  # noqa: E402
from MedSegAICore.prompt.sam_networks import VARIANTS  # noqa: E402
from tiny_sam import random_state  # noqa: E402

SEED = 20
PROMPTS = 64
SUPPORTS = 8
"""Labelled examples that an in-context network is shown with each picture."""


@dataclass(frozen=True)
class Family:
    """A network, and what it does with one picture or volume.

    Parameters
    ----------
    network
        Makes it, in its published size.
    shape
        Of its input.
    see
        Runs it on the input.
    """

    network: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]
    see: Callable[[torch.nn.Module, torch.Tensor], object]


@dataclass(frozen=True)
class Speed:
    """What was measured of one network in one type."""

    model: str
    dtype: str
    shape: tuple[int, ...]
    seconds: float

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape[1:]))
        return f"{self.model:22} {self.dtype:9} {size:20} {1 / self.seconds:8.2f} /s {self.seconds:9.3f} s"


@dataclass(frozen=True)
class Batch:
    """What the mask decoder takes for many points on one picture."""

    at_once: float
    one_by_one: float
    difference: float

    @property
    def speedup(self) -> float:
        return self.one_by_one / self.at_once

    def __str__(self) -> str:
        return (
            f"{PROMPTS} points: {self.at_once:.3f} s in one batch, {self.one_by_one:.3f} s one by one, "
            f"{self.speedup:.2f}x; largest difference of logits {self.difference:.1e}"
        )


def _encode(network: torch.nn.Module, picture: torch.Tensor) -> object:
    return network.encode(picture, lambda _done: None)


def _in_context(network: torch.nn.Module, picture: torch.Tensor) -> object:
    side = picture.shape[-1]
    supports = torch.rand(1, SUPPORTS, 1, side, side, device=picture.device)
    return network(picture, supports, (supports > 0.5).float())


def _tyche(network: torch.nn.Module, picture: torch.Tensor) -> object:
    side = picture.shape[-1]
    supports = torch.rand(1, SUPPORTS, 1, side, side, device=picture.device)
    noise = torch.randn(1, 3, 1, side, side, device=picture.device)
    return network(picture, supports, (supports > 0.5).float(), noise)


def _like_examples(network: torch.nn.Module, picture: torch.Tensor) -> object:
    gates = network.conditioner(torch.cat([picture, picture], dim=1))
    return network.segmentor(picture, gates)


FAMILIES = {
    name: Family(variant.build, (1, 3, variant.architecture.image_size, variant.architecture.image_size), _encode)
    for name, variant in VARIANTS.items()
} | {
    "samed_vit_b": Family(Samed, (1, 3, 512, 512), lambda net, picture: net.label(_encode(net, picture))),
    "sam_med3d": Family(SamMed3d, (1, 1, 128, 128, 128), _encode),
    "scribbleprompt_unet": Family(ScribblePromptUNet, (1, 5, 128, 128), lambda net, picture: net(picture)),
    "universeg": Family(UniverSeg, (1, 1, 128, 128), _in_context),
    "tyche": Family(TycheTS, (1, 1, 128, 128), _tyche),
    "multiverseg": Family(MultiverSeg, (1, 5, 128, 128), _in_context),
    "senet": Family(SENet, (1, 1, 256, 256), _like_examples),
}


class Stopwatch:
    """Measures on a device, the fastest of several runs."""

    def __init__(self, device: str, repeats: int) -> None:
        self._device, self._repeats = device, repeats

    def seconds(self, work: Callable[[], object]) -> float:
        """Return the seconds of the fastest run after one that only warms up."""
        work()
        return min(self._once(work) for _ in range(self._repeats))

    def _once(self, work: Callable[[], object]) -> float:
        start = self._now()
        work()
        return self._now() - start

    def _now(self) -> float:
        if not self._device.startswith("cuda"):
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


def types_of(device: str) -> tuple[str, ...]:
    """Return the types to measure: float32, and the one that is chosen on this device where it has a faster one."""
    return tuple(dict.fromkeys(("float32", plan_device(device).dtype)))


@torch.inference_mode()
def measure_family(name: str, dtype: str, device: str, repeats: int) -> Speed:
    family = FAMILIES[name]
    network = _seeded(family.network(), device)
    if dtype != "float32":
        network.compute_in(getattr(torch, dtype))
    picture = torch.rand(family.shape, generator=torch.Generator().manual_seed(SEED)).to(device)
    return Speed(name, dtype, family.shape, Stopwatch(device, repeats).seconds(lambda: family.see(network, picture)))


@torch.inference_mode()
def measure_batch(device: str = "cpu", repeats: int = 1) -> Batch:
    """Return what the decoder of SAM ViT-B takes for many points, in a batch and one by one."""
    network = _seeded(Sam(ARCHITECTURES["vit_b"]), device, "prompt_encoder", "mask_decoder")
    random = torch.Generator().manual_seed(SEED)
    tokens = network.image_size // network.patch_pixels
    embedding = torch.randn(1, EMBEDDING_CHANNELS, tokens, tokens, generator=random).to(device)
    places = (torch.rand(PROMPTS, 1, 2, generator=random) * network.image_size).to(device)
    labels = torch.ones(PROMPTS, 1, device=device)

    def asked(first: int, last: int) -> torch.Tensor:
        return network.decode(embedding, (places[first:last], labels[first:last]), None, None, several=True)[0]

    def one_by_one() -> torch.Tensor:
        return torch.cat([asked(number, number + 1) for number in range(PROMPTS)])

    watch = Stopwatch(device, repeats)
    difference = float((asked(0, PROMPTS) - one_by_one()).abs().max())
    return Batch(watch.seconds(lambda: asked(0, PROMPTS)), watch.seconds(one_by_one), difference)


def _seeded(network: torch.nn.Module, device: str, *parts: str) -> torch.nn.Module:
    """Give a network, or only some of its parts, seeded weights on a device."""
    for part in map(network.get_submodule, parts) if parts else (network,):
        part.load_state_dict(random_state(part, SEED), assign=True)
        part.to(device)
    return network.eval()


def speeds(models: list[str], device: str, repeats: int) -> Iterator[Speed]:
    """Yield the figures of every network; types that it cannot compute in are left out."""
    for name in models:
        for dtype in types_of(device):
            if dtype == "float32" or hasattr(FAMILIES[name].network(), "compute_in"):
                yield measure_family(name, dtype, device, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--models", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--repeats", type=int, default=1, help="runs after the first; the fastest counts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{plan_device(arguments.device).reason} {_processor()}, torch {torch.__version__}, seed {SEED}")
    for speed in speeds(arguments.models, arguments.device, arguments.repeats):
        print(speed, flush=True)
    print(measure_batch(arguments.device, arguments.repeats))


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name} ({probe_hardware().cpu_bfloat16 or 'no bfloat16'})"


if __name__ == "__main__":
    main()
