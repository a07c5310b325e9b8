"""Measure what is promised about in-context networks: the split cross convolution, a whole volume, and bfloat16.

    python Testing/Benchmarks/bench_incontext.py [convolution] [volume] [bfloat16]

prints a table; without names it measures all three. Weights and inputs are drawn from seed 20, so times mean something
and masks do not; only `bfloat16` runs on real images (chest X-rays beside the project), where the network is first
trained for some minutes so that its masks are not noise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

import numpy as np  # noqa: E402  after the path
import torch  # noqa: E402
from MedSegAICore.engine.cache import ByteBoundedCache  # noqa: E402
from MedSegAICore.engine.device import plan_device  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.fewshot.examples import Example  # noqa: E402
from MedSegAICore.geometry import VolumeGeometry  # noqa: E402
from MedSegAICore.images import read_image  # noqa: E402
from MedSegAICore.incontext.context_example import ContextExample  # noqa: E402
from MedSegAICore.incontext.context_network import FAMILIES, ContextNetwork  # noqa: E402
from MedSegAICore.incontext.network_model import NetworkModel  # noqa: E402
from MedSegAICore.incontext.question import Question  # noqa: E402
from MedSegAICore.incontext.slice_cut import flat_axis  # noqa: E402
from MedSegAICore.incontext.support_pool import SupportPool, body_frame  # noqa: E402
from MedSegAICore.networks.cross_convolution import CrossConvolution  # noqa: E402
from MedSegAICore.networks.universeg import UniverSeg  # noqa: E402
from MedSegAICore.request import ContextOptions  # noqa: E402
from MedSegAICore.volume import ImageVolume, VolumePatch  # noqa: E402

SEED, SUPPORTS, REPEATS = 20, 16, 5
BLOCKS = ((64, 64), (64, 32), (128, 64), (128, 128))
"""Channels of target and support, and side, in UniverSeg's blocks."""

VOLUME = (100, 256, 256)
LAYOUTS = (torch.contiguous_format, torch.channels_last)
TRAINING_SECONDS, QUERIES = 240.0, 24


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return the smallest time by the clock and of the processor [s]."""
    work()
    best = [float("inf"), float("inf")]
    for _ in range(REPEATS):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        found = time.perf_counter() - clock, time.process_time() - processor
        best = [min(pair) for pair in zip(best, found, strict=True)]
    return best[0], best[1]


@torch.inference_mode()
def convolution() -> list[str]:
    """Compare the split form with the concatenated one, each in its best memory layout."""
    lines, totals = [], [[0.0, 0.0], [0.0, 0.0]]
    for channels, side in BLOCKS:
        torch.manual_seed(SEED)
        cross = CrossConvolution(channels, channels, 64, activated=False)
        target, supports = torch.rand(1, channels, side, side), torch.rand(SUPPORTS, channels, side, side)
        forms: list[list[tuple[float, float]]] = [[], []]
        for layout in LAYOUTS:
            u, v = (maps.contiguous(memory_format=layout) for maps in (target, supports))

            works = [partial(form, cross, u, v) for form in (concatenated_form, split_form)]
            difference = float((works[0]() - works[1]()).abs().max())
            for form, work in zip(forms, works, strict=True):
                form.append(seconds_of(work))
        best = [[min(times) for times in zip(*form, strict=True)] for form in forms]
        totals = [[a + b for a, b in zip(total, more, strict=True)] for total, more in zip(totals, best, strict=True)]
        lines.append(f"{channels} channels, {side} x {side}: {ratio(best)}, largest difference {difference:.1e}")
    return [*lines, f"all four: {ratio(totals)}"]


def concatenated_form(cross: CrossConvolution, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return cross.cross_conv(torch.cat([u.expand(SUPPORTS, -1, -1, -1), v], dim=1))


def split_form(cross: CrossConvolution, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return cross.met(cross.of_target(u[None]), v[None])[0]


def ratio(forms: Sequence[Sequence[float]]) -> str:
    (whole, whole_cpu), (split, split_cpu) = forms
    clock = f"{whole:.3f} s -> {split:.3f} s, {whole / split:.2f} x"
    return f"concatenated -> split {clock}; of the processor {whole_cpu:.3f} s -> {split_cpu:.3f} s"


def drawn_network(dtype: torch.dtype) -> ContextNetwork:
    torch.manual_seed(SEED)
    make, ask, channels, several = FAMILIES["universeg"]
    return ContextNetwork(make().to(dtype), ask, "cpu", dtype, channels, several)


def drawn_volume(seed: int) -> Example:
    """Draw a body with a ball in it."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*[np.linspace(-1, 1, length, dtype=np.float32) for length in VOLUME], indexing="ij")
    centre = rng.uniform(-0.2, 0.2, 3)
    distance = np.sqrt(sum((axis - middle) ** 2 for axis, middle in zip(grid, centre, strict=True)))
    array = 100 * (np.hypot(grid[1], grid[2]) < 0.9) + 80 * (distance < 0.5) + rng.normal(0, 10, VOLUME)
    geometry = VolumeGeometry.from_components(VOLUME, (1.0, 1.0, 2.0))
    mask = VolumePatch.whole(np.ones(VOLUME, bool), geometry)  # so that no slice is left out
    return Example(ImageVolume(array.astype(np.float32), geometry), {"ball": mask})


def volume() -> list[str]:
    """Time one pass over 256 x 256 x 100 voxels with 16 supports, in the precision that the device policy chooses."""
    plan = plan_device("cpu")
    dtype = torch.bfloat16 if plan.dtype == "bfloat16" else torch.float32
    contexts = tuple(ContextExample(drawn_volume(seed)) for seed in (1, 2))
    image, options = drawn_volume(3).image, ContextOptions(supports=SUPPORTS)
    image.take_fingerprint(lambda: None)
    model = NetworkModel("universeg", "", drawn_network(dtype), ByteBoundedCache(1 << 30))
    clock, processor = time.perf_counter(), time.process_time()
    model.answer(Question(image, contexts, ("ball",), "drawn", options=options), Run())
    spent = (
        f"{time.perf_counter() - clock:.1f} s by the clock, {time.process_time() - processor:.1f} s of the processor"
    )
    threads = torch.get_num_threads()
    return [f"{VOLUME[::-1]} voxels, {SUPPORTS} supports, {dtype}, {threads} threads: {spent}", plan.reason]


def chest_slices() -> SupportPool:
    """Return the chest X-rays beside the project with both lungs drawn, on the network's grid."""
    folder = ROOT.parent / "shared" / "data" / "xr_chest_lungs"
    contexts = []
    for file in sorted(folder.glob("*_image.png")):
        image = read_image(file)
        mask = read_image(file.with_name(file.name.replace("_image", "_label"))).array > 0
        contexts.append(ContextExample(Example(image, {"lungs": VolumePatch.whole(mask, image.geometry)})))
    axis = flat_axis(contexts[0].example.image.canonical().geometry)
    return SupportPool.of(contexts, ("lungs",), axis, None, body_frame(128), Run())


def bfloat16() -> list[str]:
    """Train the network shortly on the first half of the X-rays, and compare Dice on the others in both precisions."""
    pool = chest_slices()
    images = torch.from_numpy(pool.pixels.astype(np.float32))[:, None]
    labels = torch.from_numpy(pool.masks[0].astype(np.float32))[:, None]
    half = len(images) // 2
    asked = range(half, half + QUERIES)
    network = trained(images[:half], labels[:half])
    scores = {}
    for dtype in (torch.float32, torch.bfloat16):
        network.to(dtype)
        with torch.inference_mode():
            answers = [
                network(
                    images[n : n + 1].to(dtype), images[None, :SUPPORTS].to(dtype), labels[None, :SUPPORTS].to(dtype)
                )
                for n in asked
            ]
        scores[dtype] = [dice(found[0, 0] > 0, labels[n, 0] > 0) for n, found in zip(asked, answers, strict=True)]
    one, other = scores.values()
    largest = max(abs(a - b) for a, b in zip(one, other, strict=True))
    means = f"mean Dice {np.mean(one):.4f} in float32, {np.mean(other):.4f} in bfloat16"
    return [f"{len(one)} chest X-rays, {SUPPORTS} supports: {means}; largest difference of one {largest:.4f}"]


def trained(images: torch.Tensor, labels: torch.Tensor) -> torch.nn.Module:
    """Return the network after some minutes on a few images: each is asked about with some of the others."""
    torch.manual_seed(SEED)
    network, draw = UniverSeg(), np.random.default_rng(SEED)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    began = time.monotonic()
    while time.monotonic() - began < TRAINING_SECONDS:
        order = draw.permutation(len(images)).tolist()
        logits = network(images[order[:1]], images[None, order[1:3]], labels[None, order[1:3]])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[order[:1]])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def dice(one: torch.Tensor, other: torch.Tensor) -> float:
    return 2 * float((one & other).sum()) / max(float(one.sum() + other.sum()), 1.0)


MEASUREMENTS = {"convolution": convolution, "volume": volume, "bfloat16": bfloat16}


def main(names: Sequence[str]) -> None:
    for name in names or MEASUREMENTS:
        for line in MEASUREMENTS[name]():
            print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
