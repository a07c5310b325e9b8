"""Measure SAM ViT-B against the package's own encoder: speed, agreement, memory, second prompt.

    python Testing/Benchmarks/bench_sam.py

prints one table of ratios from one run. Speeds are seconds of processor time on one thread, so that other
programs on the computer matter little. The weights are random but seeded; the picture is a real CT slice
where the shared data lie beside the project, otherwise a drawn one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "MedSegAI"), str(ROOT / "Testing")]

import numpy as np  # noqa: E402  after the path
import torch  # noqa: E402
from MedSegAICore.engine.cache import ByteBoundedCache  # noqa: E402
from MedSegAICore.engine.device import DevicePlan, probe_hardware  # noqa: E402
from MedSegAICore.engine.run import Run  # noqa: E402
from MedSegAICore.evaluation.peak_memory import peak_bytes  # noqa: E402
from MedSegAICore.models.catalogue import load_catalogue  # noqa: E402
from MedSegAICore.networks.sam import ARCHITECTURES, Sam  # noqa: E402
from MedSegAICore.networks.segment_anything_package import load_modeling  # noqa: E402
from MedSegAICore.prompt.picture import grey_levels, network_input  # noqa: E402
from MedSegAICore.prompt.sam import SamSegmenter, build  # noqa: E402
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts  # noqa: E402
from MedSegAICore.request import IntensityWindow  # noqa: E402
from tiny_sam import random_state, textured_slice  # noqa: E402

SEED = 20
SPEC = load_catalogue()["sam_vit_b"]
SHARED = Path(os.environ.get("MEDSEGAI_SHARED", ROOT.parent / "shared"))
REAL_SLICE = SHARED / "data" / "ct_abdomen_slices" / "subject001" / "slice094_image.png"
LATER_REPEATS = 5
NO_POINTS = (np.empty((0, 2)), np.empty(0, np.bool_))
BOX = SlicePrompts(*NO_POINTS, box_xyxy=np.array([90.0, 150.0, 260.0, 330.0]))
PROMPTS = {
    "click": SlicePrompts(np.array([[170.0, 230.0]]), np.array([True])),
    "box": BOX,
    "box and clicks": SlicePrompts(
        np.array([[170.0, 230.0], [300.0, 250.0]]), np.array([True, False]), box_xyxy=BOX.box_xyxy
    ),
}


@dataclass(frozen=True)
class Figures:
    """What one run measured; ratios are against the package's encoder in float32."""

    instructions: str
    picture: str
    package_seconds: float
    fused_seconds: float
    bfloat16_seconds: float
    fused_logit_difference: float
    bfloat16_mask_iou: float
    resident_megabytes: dict[str, float]
    second_prompt_share: dict[str, float]

    @property
    def fused_speedup(self) -> float:
        return self.package_seconds / self.fused_seconds

    @property
    def bfloat16_speedup(self) -> float:
        return self.package_seconds / self.bfloat16_seconds

    def table(self) -> str:
        memory, second = self.resident_megabytes, self.second_prompt_share
        rows = (
            ("encoder, package float32", f"{self.package_seconds:.2f} s", "1.00x", ""),
            ("encoder, fused float32", f"{self.fused_seconds:.2f} s", f"{self.fused_speedup:.2f}x", ">= 1.25x"),
            (
                "encoder, fused bfloat16",
                f"{self.bfloat16_seconds:.2f} s",
                f"{self.bfloat16_speedup:.2f}x",
                self._promise,
            ),
            ("largest difference of logits, float32", f"{self.fused_logit_difference:.1e}", "", "<= 1e-3"),
            ("IoU of masks, bfloat16 and float32", f"{self.bfloat16_mask_iou:.4f}", "", ">= 0.99"),
            *((f"resident memory, {name}", f"{size:.0f} MB", "", "< 1600 MB") for name, size in memory.items()),
            *((f"second prompt / first, {name}", f"{share:.1%}", "", "<= 5 %") for name, share in second.items()),
        )
        lines = [f"{what:40} {value:>10} {ratio:>8}  {promise}" for what, value, ratio, promise in rows]
        head = f"SAM ViT-B at 1024, one thread, {self.instructions or 'no bfloat16 instructions'}, {self.picture}"
        return "\n".join([head, *lines])

    @property
    def _promise(self) -> str:
        return ">= 3x" if self.instructions == "AMX" else ">= fused float32" if self.instructions else ""


def measure(folder: Path, repeats: int = 2) -> Figures:
    """Return all figures; `folder` takes the checkpoint (375 MB)."""
    torch.set_num_threads(1)
    image, picture = _picture()
    checkpoint = folder / "sam_vit_b.pth"
    torch.save(random_state(Sam(ARCHITECTURES["vit_b"]), SEED), checkpoint)
    segmenters = {kind: _segmenter(checkpoint, kind) for kind in ("float32", "bfloat16")}
    embeddings, seconds = _encoders(segmenters, image, repeats)
    logits = {name: _decoded(segmenters["float32"], image, embeddings[name]) for name in embeddings}
    return Figures(
        instructions=probe_hardware().cpu_bfloat16,
        picture=picture,
        package_seconds=seconds["package"],
        fused_seconds=seconds["float32"],
        bfloat16_seconds=seconds["bfloat16"],
        fused_logit_difference=max(
            float(np.abs(logits["float32"][name] - logits["package"][name]).max()) for name in PROMPTS
        ),
        bfloat16_mask_iou=_pooled_iou(logits["bfloat16"], logits["float32"]),
        resident_megabytes={kind: _resident_megabytes(checkpoint, kind) for kind in segmenters},
        second_prompt_share={kind: _second_prompt(segmenter, image) for kind, segmenter in segmenters.items()},
    )


def _picture() -> tuple[SliceImage, str]:
    if REAL_SLICE.is_file():
        from PIL import Image

        pixels = np.asarray(Image.open(REAL_SLICE), np.float32)
        return SliceImage(pixels, (1.0, 1.0), IntensityWindow(0, 255), "real"), "a CT slice"
    return SliceImage(
        textured_slice(SEED, (512, 512)), (1.0, 1.0), IntensityWindow(-160, 240), "drawn"
    ), "a drawn slice"


def _segmenter(checkpoint: Path, kind: str) -> SamSegmenter:
    return build(SPEC, checkpoint, DevicePlan("cpu", kind, "for the benchmark"), ByteBoundedCache(1 << 28))


@torch.inference_mode()
def _encoders(
    segmenters: dict[str, SamSegmenter], image: SliceImage, repeats: int
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    picture = torch.from_numpy(network_input(grey_levels(image.pixels, image.window)[:, :, None], SPEC.input))[None]
    encoders: dict[str, Callable[[], torch.Tensor]] = {"package": lambda: package(picture)}
    package = _package_encoder(segmenters["float32"])
    for kind, segmenter in segmenters.items():
        encoders[kind] = lambda network=segmenter._network: network.encode(picture, lambda _done: None)
    embeddings: dict[str, torch.Tensor] = {}
    seconds = dict.fromkeys(encoders, float("inf"))
    for _ in range(repeats):
        for name, encode in encoders.items():
            start = time.process_time()
            embeddings[name] = encode()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return embeddings, seconds


def _package_encoder(segmenter: SamSegmenter) -> torch.nn.Module:
    """Return the package's own encoder with the weights of a segmenter."""
    sizes = ARCHITECTURES["vit_b"]
    encoder = load_modeling().ImageEncoderViT(
        embed_dim=sizes.width,
        depth=sizes.depth,
        num_heads=sizes.heads,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=sizes.global_blocks,
    )
    encoder.load_state_dict(segmenter._network.image_encoder.state_dict(), assign=True)
    return encoder.eval()


def _decoded(segmenter: SamSegmenter, image: SliceImage, embedding: torch.Tensor) -> dict[str, np.ndarray]:
    """Return the logits at the slice's size for every prompt."""
    answers = {}
    for name, prompts in PROMPTS.items():
        segmenter._embedding = lambda *_: embedding
        answer = segmenter.segment_slice(image, prompts, Run())
        probability = answer.probability.astype(np.float64)
        answers[name] = np.log(probability) - np.log1p(-probability)
    del segmenter._embedding
    return answers


def _pooled_iou(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    """Return the IoU over the pixels of all prompts together: random weights give some masks of a few pixels."""
    pairs = [(first[name] > 0, second[name] > 0) for name in PROMPTS]
    return float(sum((a & b).sum() for a, b in pairs) / sum((a | b).sum() for a, b in pairs))


def _second_prompt(segmenter: SamSegmenter, image: SliceImage) -> float:
    """Return the share of the first prompt's time that the dearest later one takes.

    They are another click, a click that refines the box, and two such clicks at once, as a recipe brings them. Of each
    the fastest of several counts: they take so little that other programs would decide.
    """
    box, another_box = BOX, replace(BOX, box_xyxy=BOX.box_xyxy + 5)
    times = []
    for prompts in (box, PROMPTS["click"], _clicks_after(box, 1), _clicks_after(another_box, 2)):
        repeats = LATER_REPEATS if times else 1  # the first prompt encodes the slice, once
        times.append(min(_processor_seconds(segmenter, image, prompts) for _ in range(repeats)))
    return max(times[1:]) / times[0]


def _processor_seconds(segmenter: SamSegmenter, image: SliceImage, prompts: SlicePrompts) -> float:
    start = time.process_time()
    segmenter.segment_slice(image, prompts, Run())
    return time.process_time() - start


def _clicks_after(box: SlicePrompts, count: int) -> SlicePrompts:
    """Return clicks placed one after another on top of a box."""
    clicks = PROMPTS["box and clicks"]
    placed = box
    for n in range(1, count + 1):
        points = {"points_xy": clicks.points_xy[:n], "points_positive": clicks.points_positive[:n]}
        placed = replace(box, **points, earlier=placed)
    return placed


def _resident_megabytes(checkpoint: Path, kind: str) -> float:
    """Return the peak of a fresh process that loads the checkpoint and answers one prompt."""
    command = [sys.executable, __file__, "--resident", kind, str(checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["megabytes"])


def _answer_once_and_print_memory(kind: str, checkpoint: Path) -> None:
    image, _ = _picture()
    _segmenter(checkpoint, kind).segment_slice(image, PROMPTS["box"], Run())
    print(json.dumps({"megabytes": peak_bytes() / 1e6}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2, help="runs per encoder; the fastest counts")
    parser.add_argument("--resident", nargs=2, metavar=("KIND", "CHECKPOINT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resident:
        kind, checkpoint = arguments.resident
        _answer_once_and_print_memory(kind, Path(checkpoint))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(measure(Path(folder), arguments.repeats).table())


if __name__ == "__main__":
    main()
