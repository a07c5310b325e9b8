"""ScribblePrompt-UNet gives the recorded outputs of its authors' code under the kit's seeded weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import fit_checkpoint
from MedSegAICore.networks.scribbleprompt_unet import ScribblePromptUNet
from MedSegAICore.prompt.picture import network_input
from MedSegAICore.prompt.scribble_channels import box_pixels, click_pixels, scribble_channels
from MedSegAICore.prompt.segmenter import SlicePrompts
from seeded_kit import layout, load_seeded_kit, tap

SIZE = 128
TAPS = ("downs.0", "downs.3", "bottleneck", "ups.1", "ups.7")
CASES = {
    "none": "",
    "point_pos": "positive",
    "point_neg": "negative",
    "points_mixed": "points",
    "box": "box",
    "box_points": "box points",
    "scribbles": "scribbles",
}
EVERYTHING = "box points scribbles"


@pytest.fixture(scope="module")
def kit(shared):
    return load_seeded_kit(shared / "parity" / "scribbleprompt_unet")


@pytest.fixture(scope="module")
def network(kit):
    """The published size under the kit's rule for weights."""
    network = ScribblePromptUNet()
    fit_checkpoint(network, kit.weights(network), "scribbleprompt_unet")
    return network


@pytest.fixture(scope="module")
def refined(kit, network):
    """All prompts and the logits of an answer before: input, what the tapped layers gave, and answer."""
    outputs = tap(network, TAPS)
    channels = recorded_channels(kit, EVERYTHING, logits=kit.arrays["in.mask_logits"][0].astype(np.float32))
    with torch.inference_mode():
        answer = network(channels)
    return SimpleNamespace(channels=channels, outputs=dict(outputs), answer=answer)


def recorded_prompts(kit, kinds: str, frame: str = "") -> SlicePrompts:
    """Return some of the recorded prompts; their boxes end before the last two numbers, and ours with them."""
    points, labels = kit.arrays[f"in.points_xy{frame}"].astype(float), kit.arrays["in.points_label"] == 1
    if "points" not in kinds:
        points, labels = points[:1], np.array(["positive" in kinds])
        points, labels = (points, labels) if "tive" in kinds else (points[:0], labels[:0])
    box = kit.arrays[f"in.box_xyxy{frame}"] - np.array([0.0, 0, 1, 1]) if "box" in kinds else None
    inside, outside = kit.arrays[f"in.scribbles{frame}"] > 0 if "scribbles" in kinds else (None, None)
    return SlicePrompts(points, labels, box, inside, outside)


def recorded_channels(kit, kinds: str, frame: str = "", logits: np.ndarray | None = None) -> torch.Tensor:
    levels = kit.arrays[f"in.image{frame}"]
    picture = network_input(levels[:, :, None], load_catalogue()["scribbleprompt_unet"].input)[0]
    return scribble_channels(picture, levels.shape, recorded_prompts(kit, kinds, frame), logits)


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    assert layout(ScribblePromptUNet()) == kit.layout()


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_every_prompt_gives_the_recorded_logits(kit, network, case):
    kit.assert_recorded(f"{case}.logits", network(recorded_channels(kit, CASES[case])))


def test_all_prompts_with_an_earlier_answer_give_the_recorded_layers_and_logits(kit, refined):
    kit.assert_recorded("all_with_mask.network_input", refined.channels)
    for name in TAPS:
        kit.assert_recorded(f"tap.{name}", refined.outputs[name])
    kit.assert_recorded("all_with_mask.logits", refined.answer)


@torch.inference_mode()
def test_a_slice_of_another_shape_gives_the_recorded_input_and_logits(kit, network):
    frame, shape = "_150x200", (150, 200)
    prompts = recorded_prompts(kit, EVERYTHING, frame)
    kit.assert_recorded("rescaled.point_coords", click_pixels(prompts.points_xy, shape, SIZE)[None])
    kit.assert_recorded("rescaled.box", box_pixels(prompts.box_xyxy, shape, SIZE)[None, None])
    channels = recorded_channels(kit, EVERYTHING, frame)
    kit.assert_recorded("rescaled.network_input", channels)
    kit.assert_recorded("rescaled.logits", network(channels))


def test_every_recorded_output_is_compared(kit):
    compared = {f"{case}.logits" for case in (*CASES, "all_with_mask", "rescaled")} | {f"tap.{name}" for name in TAPS}
    compared |= {f"{case}.network_input" for case in ("all_with_mask", "rescaled")}
    compared |= {"rescaled.point_coords", "rescaled.box"}
    assert {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")} == compared
