"""A SAM small enough for tests, and the package's own predictor on the same weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

import numpy as np
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.models.catalogue import ModelSpec, load_catalogue
from MedSegAICore.networks.sam import Sam, SamArchitecture
from MedSegAICore.prompt.sam import SamSegmenter
from PIL import Image

TINY = SamArchitecture(width=48, depth=3, heads=2, global_blocks=(1,), image_size=256)
PLAN = DevicePlan("cpu", "float32", "for tests")


def tiny_spec(size: int = TINY.image_size, **changes) -> ModelSpec:
    spec = load_catalogue()["sam_vit_b"]
    return replace(spec, name="tiny", input=replace(spec.input, size=size), **changes)


def random_state(network: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Return weights for `network` that keep its signals in a useful range."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=random)
        if not tensor.is_floating_point():
            state[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        elif "gaussian" in name:
            state[name] = noise
        elif name.endswith("running_var"):
            state[name] = 1 + 0.1 * noise.abs()
        elif tensor.ndim > 1 and "pos" not in name:
            state[name] = noise * (2 / tensor[0].numel()) ** 0.5
        else:
            state[name] = 0.1 * noise + float(name.endswith("weight") and tensor.ndim == 1)
    return state


def tiny_network(seed: int, size: int = TINY.image_size) -> Sam:
    network = Sam(replace(TINY, image_size=size))
    network.load_state_dict(random_state(network, seed), assign=True)
    return network


def tiny_segmenter(seed: int = 0, cache: ByteBoundedCache | None = None, **changes) -> SamSegmenter:
    spec = tiny_spec(**changes)
    cache = cache or ByteBoundedCache(1 << 26)
    return SamSegmenter(spec, spec.input, tiny_network(seed, spec.input.size), f"hash of {seed}", PLAN, cache)


@contextmanager
def whole_package() -> Iterator[ModuleType]:
    """Import all of `segment_anything`, with the two functions it takes from torchvision made of Pillow."""
    names = ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms")
    stand_ins = {name: ModuleType(name) for name in (*names, "torchvision.transforms.functional")}
    stand_ins["torchvision.ops.boxes"].batched_nms = None
    stand_ins["torchvision.ops.boxes"].box_area = None
    functional = stand_ins["torchvision.transforms.functional"]
    functional.to_pil_image = Image.fromarray
    functional.resize = lambda picture, shape: picture.resize(shape[::-1], Image.Resampling.BILINEAR)
    sys.modules.update(stand_ins)
    try:
        import segment_anything

        yield segment_anything
    finally:
        for name in list(sys.modules):
            if name.split(".")[0] in ("torchvision", "segment_anything"):
                del sys.modules[name]


def package_predictor(package: ModuleType, network: Sam, architecture: SamArchitecture):
    """Return the package's `SamPredictor` around its own, unfused network with the weights of `network`."""
    modeling = sys.modules[f"{package.__name__}.modeling"]
    side = architecture.image_size // 16
    reference = modeling.Sam(
        modeling.ImageEncoderViT(
            img_size=architecture.image_size,
            embed_dim=architecture.width,
            depth=architecture.depth,
            num_heads=architecture.heads,
            norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6),
            use_rel_pos=True,
            window_size=14,
            global_attn_indexes=architecture.global_blocks,
        ),
        modeling.PromptEncoder(256, (side, side), (architecture.image_size,) * 2, 16),
        modeling.MaskDecoder(transformer_dim=256, transformer=modeling.TwoWayTransformer(2, 256, 8, 2048)),
    ).eval()
    reference.load_state_dict(network.state_dict())
    return package.SamPredictor(reference)


def textured_slice(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return intensities (rows, columns) float32 in [-200, 300] with structure at several scales."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(shape, dtype=np.float32)
    waves = [np.sin(rows / a + columns / b + c) for a, b, c in random.uniform(2, 20, (6, 3))]
    return (50 + 40 * np.sum(waves, axis=0) + 10 * random.standard_normal(shape)).astype(np.float32)
