"""Networks under the parity kit's seeded weights: their layout, their layers, and the recorded prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import numpy as np
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.run import Run
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.prompt.sam import SamSegmenter
from MedSegAICore.prompt.segmenter import SliceAnswer, SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow
from parity_kit import Kit, load_kit
from scipy.special import expit

PROMPTS = ("point_pos", "point_neg", "points_mixed", "box", "box_points", "mask_point")


@dataclass(frozen=True, eq=False)
class SeededKit(Kit):
    """The arrays of one network, how the recorded outputs were thinned out, and where the rule for weights is."""

    folder: Path

    def layout(self, file: str = "keys.json") -> list[tuple[str, list[int], str]]:
        """Return name, shape and type of every published tensor, in order."""
        entries = json.loads((self.folder / file).read_text())
        return [(entry["name"], entry["shape"], entry["dtype"]) for entry in entries]

    def weights(self, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        """Return what the rule gives to every name and shape of a network; whole numbers stay as they are."""
        rule_spec = util.spec_from_file_location("seeded_weights", self.folder.parent / "seeded_weights.py")
        rule = util.module_from_spec(rule_spec)
        rule_spec.loader.exec_module(rule)
        state = dict(network.state_dict())
        for name, tensor in state.items():
            if tensor.is_floating_point():
                state[name] = torch.from_numpy(rule.seeded_array(name, tensor.shape, self.spec["seed"]))
        return state

    def picture_shape(self) -> tuple[int, int]:
        rows, columns = self.arrays["in.image"].shape[:2]
        return rows, columns

    def asked(self, prompt: str, resized: tuple[int, int]):
        """Return points, box and mask of a recorded prompt as SAM takes them, for a picture resized to a shape."""
        arrays = self.arrays
        scale = np.array(resized[::-1]) / np.array(self.picture_shape()[::-1])
        points = box = mask = None
        if prompt in ("points_mixed", "box_points"):
            points = arrays["in.points_xy"], arrays["in.points_label"]
        elif prompt != "box":
            points = arrays["in.point_xy"], np.array([0 if prompt == "point_neg" else 1])
        if points is not None:
            points = torch.as_tensor(points[0] * scale, dtype=torch.float32)[None], torch.as_tensor(points[1])[None]
        if prompt.startswith("box"):
            corners = arrays["in.box_xyxy"].reshape(2, 2) * scale
            box = torch.as_tensor(corners, dtype=torch.float32).reshape(1, 4)
        if prompt == "mask_point":
            mask = torch.from_numpy(arrays["in.mask_logits"].astype(np.float32))[None]
        return points, box, mask


def answered(kit: SeededKit, model: str, network: torch.nn.Module, embedding: torch.Tensor, **asked) -> SliceAnswer:
    """Return what a model of the catalogue answers to prompts on the kit's picture, which is in colour.

    The segmenter finds the embedding of the picture where it keeps those of slices.
    """
    spec, cache = load_catalogue()[model], ByteBoundedCache(1 << 28)
    segmenter = SamSegmenter(spec, spec.input, network, "kit", DevicePlan("cpu", "float32", "for tests"), cache)
    image = SliceImage(np.zeros(kit.picture_shape(), np.float32), (1.0, 1.0), IntensityWindow(0, 255), "picture")
    cache.put(segmenter._key(image), embedding, 1)
    points = np.asarray(asked.pop("points", np.empty((0, 2))), dtype=np.float64)
    positive = np.asarray(asked.pop("positive", []), dtype=np.bool_)
    return segmenter.segment_slice(image, SlicePrompts(points, positive, **asked), Run())


def assert_recorded_probability(kit: SeededKit, name: str, probability: np.ndarray) -> None:
    """Hold the probability of a slice against the logits that the kit recorded for it."""
    recorded = Kit({f"out.{name}": expit(kit.arrays[f"out.{name}"]).reshape(kit.arrays[f"out.{name}"].shape)}, kit.spec)
    recorded.assert_recorded(name, probability.reshape(kit.spec["outputs"][f"out.{name}"]["full_shape"]))


def load_seeded_kit(folder: Path) -> SeededKit:
    kit = load_kit(folder)
    return SeededKit(kit.arrays, kit.spec, folder)


def layout(network: torch.nn.Module) -> list[tuple[str, list[int], str]]:
    """Return name, shape and type of every tensor of a network, in order, as `SeededKit.layout` does."""
    entries = network.state_dict().items()
    return [(name, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for name, tensor in entries]


def tap(network: torch.nn.Module, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Return a table that the outputs of layers are written to whenever the network runs."""
    outputs = {}
    for name in names:
        layer = network.get_submodule(name)
        layer.register_forward_hook(lambda _layer, _inputs, output, name=name: outputs.update({name: output}))
    return outputs


@contextmanager
def always_answering(layer: torch.nn.Module, output: torch.Tensor) -> Iterator[None]:
    """Make a layer give the same output whatever it is asked.

    Both HQ-SAM folders were recorded so, by a slip: all prompts were drawn on what the first one got from
    `embedding_maskfeature`. The published code, like ours, has that layer answer each prompt anew.
    """
    hook = layer.register_forward_hook(lambda *_: output)
    try:
        yield
    finally:
        hook.remove()
