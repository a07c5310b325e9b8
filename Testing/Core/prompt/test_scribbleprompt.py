"""The ScribblePrompt segmenter: equal to recorded answers, refined by its own logits, stopped and refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, WeightsMismatch, WeightsMissing
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.networks.scribbleprompt_unet import ScribblePromptArchitecture, ScribblePromptUNet
from MedSegAICore.prompt.scribbleprompt import ScribblePromptSegmenter, as_drawn, build
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.prompts import PointPrompt, SlicePlane
from MedSegAICore.request import IntensityWindow, PromptTask, SegmentationRequest, SliceScope
from MedSegAICore.volume import ImageVolume
from scipy.special import expit
from seeded_kit import load_seeded_kit
from tiny_sam import PLAN, random_state, textured_slice
from torch.nn import functional

NAME = "scribbleprompt_unet"
TINY = ScribblePromptArchitecture((8, 12))
SIZE = 16
WINDOW = IntensityWindow(-160, 240)
NO_POINTS = np.empty((0, 2)), np.empty(0, np.bool_)


def segmenter_of(network, size, cache=None) -> ScribblePromptSegmenter:
    cache = cache or ByteBoundedCache(1 << 20)
    spec = load_catalogue()[NAME]
    return ScribblePromptSegmenter(
        NAME, spec.capabilities, replace(spec.input, size=size), network, "hash", "cpu", cache
    )


@pytest.fixture
def network():
    network = ScribblePromptUNet(TINY)
    network.load_state_dict(random_state(network, 3))
    return network


@pytest.fixture
def inputs(network):
    """What the network is given, one entry for each time."""
    given = []
    network.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0].clone()))
    return given


def slice_of(shape=(24, 40)) -> SliceImage:
    return SliceImage(textured_slice(1, shape), (1.0, 1.0), WINDOW, "slice")


def clicks(*positions, positive=True, **others) -> SlicePrompts:
    points = np.array(positions, dtype=np.float64).reshape(-1, 2)
    return SlicePrompts(points, np.full(len(points), positive), **others)


def test_a_drawn_on_slice_gives_the_recorded_answer_at_its_own_size(shared):
    kit = load_seeded_kit(shared / "parity" / NAME)
    network = ScribblePromptUNet()
    network.load_state_dict(kit.weights(network))
    pixels = kit.arrays["in.image_150x200"].astype(np.float32)
    inside, outside = kit.arrays["in.scribbles_150x200"] > 0
    box = kit.arrays["in.box_xyxy_150x200"] - np.array([0.0, 0, 1, 1])
    points = kit.arrays["in.points_xy_150x200"].astype(float)
    prompts = SlicePrompts(points, kit.arrays["in.points_label"] == 1, box, inside, outside)
    image = SliceImage(pixels, (1.0, 1.0), IntensityWindow(0, 255), "recorded")
    answer = segmenter_of(network, 128).segment_slice(image, prompts, Run())
    recorded = torch.from_numpy(expit(kit.arrays["out.rescaled.logits"]))
    expected = functional.interpolate(recorded, (150, 200), mode="bilinear", align_corners=False)[0, 0].numpy()
    np.testing.assert_allclose(answer.probability, expected, atol=1e-4)
    assert answer.probability.dtype == np.float32


def test_the_window_becomes_zero_to_one(network, inputs):
    segmenter_of(network, SIZE).segment_slice(slice_of(), clicks((20, 12)), Run())
    scaled = np.rint(255 * np.clip((slice_of().pixels + 160) / 400, 0, 1)) / 255
    expected = functional.interpolate(
        torch.from_numpy(scaled.astype(np.float32))[None, None], (SIZE, SIZE), mode="bilinear"
    )
    torch.testing.assert_close(inputs[0][:, :1], expected, rtol=1e-5, atol=1e-6)


def test_a_correction_sees_all_prompts_and_the_logits_of_the_answer_before(network, inputs):
    segmenter, first = segmenter_of(network, SIZE), clicks((20, 12))
    second = clicks((20, 12), (3, 3), earlier=first)
    both = segmenter.segment_slice(slice_of(), second, Run())
    with torch.inference_mode():
        logits = network(inputs[0])
    assert not inputs[0][:, 4].any()
    torch.testing.assert_close(inputs[1][:, 4:], logits)
    assert inputs[1][0, 2].sum() == 2
    inputs.clear()
    segmenter.segment_slice(slice_of(), first, Run())
    again = segmenter.segment_slice(slice_of(), second, Run())
    assert len(inputs) == 2  # the answer to the first prompt was not computed anew for the second
    np.testing.assert_array_equal(again.probability, both.probability)


@pytest.mark.parametrize("change", ["slice", "window", "weights"])
def test_another_slice_window_or_checkpoint_is_answered_anew(network, inputs, change):
    cache, image = ByteBoundedCache(1 << 20), slice_of()
    second = clicks((20, 12), (3, 3), earlier=clicks((20, 12)))
    segmenter = segmenter_of(network, SIZE, cache)
    segmenter.segment_slice(image, second, Run())
    inputs.clear()
    if change == "slice":
        image = replace(image, key="another")
    if change == "window":
        image = replace(image, window=IntensityWindow(0, 100))
    if change == "weights":
        segmenter = replace(segmenter, weights_hash="another")
    segmenter.segment_slice(image, second, Run())
    assert len(inputs) == 2


def test_a_first_guess_reaches_the_network_as_logits_and_alone_as_its_box(network, inputs):
    guess = np.zeros((32, 32), np.float32)
    guess[8:16, 4:20] = 1
    segmenter_of(network, SIZE).segment_slice(slice_of((32, 32)), clicks(previous_mask=guess), Run())
    _, box, inside, outside, logits = inputs[0][0]
    expected = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    expected[4:8, 2:10] = True
    assert torch.equal(box > 0, expected)
    assert not inside.any()
    assert not outside.any()
    assert float(logits.max()) == pytest.approx(np.log(999), rel=1e-3)
    assert float(logits.min()) == pytest.approx(-np.log(999), rel=1e-3)
    assert torch.equal(logits > 0, expected)


def test_a_lasso_becomes_its_box_and_points_deep_inside_while_scribbles_stay():
    lasso, stroke = np.zeros((40, 40), np.bool_), np.zeros((40, 40), np.bool_)
    lasso[5:20, 10:31], stroke[35, 3:9] = True, True
    drawn = as_drawn(SlicePrompts(*NO_POINTS, inside=lasso | stroke, enclosed=lasso))
    np.testing.assert_array_equal(drawn.box_xyxy, [10, 5, 30, 19])
    np.testing.assert_array_equal(drawn.inside, stroke)
    assert drawn.points_positive.all()
    columns, rows = drawn.points_xy.astype(int).T
    assert lasso[rows, columns].all()
    assert 1 <= len(rows) <= 5


def test_a_box_of_the_users_own_is_kept_beside_a_lasso():
    lasso = np.zeros((40, 40), np.bool_)
    lasso[5:20, 10:31] = True
    box = np.array([8.0, 4, 33, 22])
    np.testing.assert_array_equal(as_drawn(SlicePrompts(*NO_POINTS, box, lasso, enclosed=lasso)).box_xyxy, box)


def test_a_cancelled_run_stops_within_one_layer(network):
    cancel, count = CancelToken(), []
    network.downs[0].register_forward_hook(lambda *_: cancel.cancel())
    network.downs[1].register_forward_hook(lambda *_: count.append(1))
    with pytest.raises(Cancelled):
        segmenter_of(network, SIZE).segment_slice(slice_of(), clicks((20, 12)), Run(cancel=cancel))
    assert count == []


def test_a_request_is_answered_with_a_checkpoint_from_a_file(tmp_path):
    network = ScribblePromptUNet()
    torch.save(random_state(network, 5), tmp_path / "unet.pt")
    geometry = VolumeGeometry.from_components((3, 40, 60), (1.5, 1.5, 4))
    image = ImageVolume(np.stack([textured_slice(seed, (40, 60)) for seed in range(3)]), geometry)
    inside = geometry.to_ras([30, 20, 1])[0]
    task = PromptTask((PointPrompt(inside),), NAME, SliceScope(SlicePlane.of_slice(geometry, 0, 1)))
    engine = Engine("cpu", {NAME: tmp_path / "unet.pt"})
    result = engine.segment(SegmentationRequest(image, task))
    assert result.probability.array.shape == (1, 40, 60)
    assert result.probability.offset == (1, 0, 0)
    assert result.provenance.model == NAME
    assert len(result.provenance.weights_hash) == 64


def test_building_without_a_fitting_checkpoint_is_refused_by_name(tmp_path):
    spec, cache = load_catalogue()[NAME], ByteBoundedCache(1 << 10)
    with pytest.raises(WeightsMissing):
        build(spec, None, PLAN, cache)
    torch.save(random_state(ScribblePromptUNet(TINY), 3), tmp_path / "tiny.pt")
    with pytest.raises(WeightsMismatch, match=NAME):
        build(spec, tmp_path / "tiny.pt", PLAN, cache)
