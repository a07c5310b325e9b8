"""The interactive network's segmenter: prompts reach the network where they are, answers come back to their place."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidImage, WeightsMismatch, WeightsMissing
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.trained_file import write_trained
from MedSegAICore.networks.prompt_unet import PromptArchitecture, PromptUNet
from MedSegAICore.prompt.adaptive.guess import guesser
from MedSegAICore.prompt.adaptive.segmenter import AdaptiveSegmenter
from MedSegAICore.prompt.interactive_network import InteractiveNetworkSegmenter, build, expected_overlap
from MedSegAICore.prompt.paradigm import segment_prompts
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAICore.request import IntensityWindow, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume, VolumePatch
from tiny_sam import PLAN
from torch import nn

WINDOW = IntensityWindow(0, 100)
SPEC = replace(load_catalogue()["interactive"], name="network")
NO_POINTS = np.empty((0, 2)), np.empty(0, np.bool_)


class Bright(nn.Module):
    """Finds what is bright, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(0.2))
        self.seen: list[torch.Tensor] = []

    def forward(self, channels):
        self.seen.extend(channels.clone())
        return (channels[:, :1] - 128) * self.steepness


@pytest.fixture
def network():
    return Bright()


def segmenter_of(network, cache=None) -> InteractiveNetworkSegmenter:
    cache = cache or ByteBoundedCache(1 << 24)
    in_volumes = AdaptiveSegmenter("network", SPEC.capabilities, cache)
    return InteractiveNetworkSegmenter(
        "network", SPEC.capabilities, network, "hash", "cpu", cache, guesser(SPEC, cache), in_volumes
    )


def slice_of(pixels, spacing=(1.0, 1.0), key="slice") -> SliceImage:
    return SliceImage(np.asarray(pixels, np.float32), spacing, WINDOW, key)


def ellipse(shape, middle, radii):
    rows, columns = np.indices(shape)
    return ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2 <= 1


def clicks(*positions, positive=True, **others) -> SlicePrompts:
    points = np.array(positions, dtype=np.float64).reshape(-1, 2)
    return SlicePrompts(points, np.full(len(points), positive), **others)


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def middle_of(picture):
    return np.argwhere(picture.numpy() > 0.5).mean(axis=0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0), (0.5, 2.0)])
def test_marks_lie_on_what_was_clicked_in_every_view(network, spacing):
    pixels = 100 * ellipse((60, 90), (20, 61), (2, 2))
    other = np.zeros((60, 90), np.bool_)
    other[26:29, 54:57] = True
    prompts = clicks((61, 20), outside=other)
    segmenter_of(network).segment_slice(slice_of(pixels, spacing), prompts, Run())
    assert len(network.seen) >= 2
    for picture, _, inside, outside, *_ in network.seen:
        np.testing.assert_allclose(middle_of(inside), middle_of(picture / 255), atol=1.5)
        assert not (inside * outside).any()
    picture, outside = network.seen[-1][0], network.seen[-1][3]  # the farthest look
    rows, columns = np.nonzero(outside.numpy())
    assert rows.mean() > middle_of(picture / 255)[0]
    assert columns.mean() < middle_of(picture / 255)[1]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0), (0.5, 2.0)])
def test_a_box_covers_its_structure_in_the_one_view_around_it(network, spacing):
    pixels = np.zeros((60, 90))
    pixels[20:31, 40:61] = 100
    box = np.array([40.0, 20, 60, 30])
    segmenter_of(network).segment_slice(slice_of(pixels, spacing), SlicePrompts(*NO_POINTS, box), Run())
    (picture, drawn, inside, outside, before, _), *_ = network.seen
    assert dice((picture > 128).numpy(), (drawn > 0).numpy()) > 0.9
    assert not torch.stack([inside, outside, before]).any()
    assert len(network.seen) == 1


def graded_disc(radius=20.0):
    """A disc that is brightest in its middle."""
    rows, columns = np.indices((90, 90))
    return 100 * np.clip(1.5 - np.hypot(rows - 45, columns - 40) / radius, 0, 1)


@pytest.mark.usefixtures("two_network_threads")
def test_the_network_and_what_it_goes_on_from_use_one_thread(network, monkeypatch):
    counts, forward = [], network.forward
    monkeypatch.setattr(network, "forward", lambda maps: counts.append(torch.get_num_threads()) or forward(maps))
    segmenter_of(network).segment_slice(slice_of(np.eye(40) * 90), clicks((20, 20)), Run())
    assert (counts, torch.get_num_threads()) == ([1], 2)


def test_an_answer_is_as_long_and_wide_as_the_box_that_was_drawn():
    network, box = Bright(), np.array([25.0, 30, 55, 60])
    network.steepness.data.fill_(0.02)
    answer = segmenter_of(network).segment_slice(slice_of(graded_disc()), SlicePrompts(*NO_POINTS, box), Run())
    rows, columns = np.nonzero(answer.probability > 0.5)
    np.testing.assert_allclose([columns.min(), rows.min(), columns.max(), rows.max()], box, atol=1)


@pytest.mark.parametrize("said", ["box_follows", "box_is_cut"])
def test_a_box_that_nobody_drew_on_the_slice_does_not_decide_how_large_the_answer_is(said):
    network, box = Bright(), np.array([25.0, 30, 55, 60])
    network.steepness.data.fill_(0.02)
    cache = ByteBoundedCache(1 << 24)
    drawn, other = (
        segmenter_of(network, cache).segment_slice(
            slice_of(graded_disc()), SlicePrompts(*NO_POINTS, box, **{said: value}), Run()
        )
        for value in (False, True)
    )
    assert np.count_nonzero(other.probability > 0.5) > 1.2 * np.count_nonzero(drawn.probability > 0.5)


def test_clicks_beyond_the_box_make_the_answer_larger_than_it():
    network, box = Bright(), np.array([25.0, 30, 55, 60])
    network.steepness.data.fill_(0.02)
    beyond = clicks((20, 45), (60, 45), (40, 25), (40, 65), box_xyxy=box)
    answer = segmenter_of(network).segment_slice(slice_of(graded_disc()), beyond, Run())
    rows, columns = np.nonzero(answer.probability > 0.5)
    np.testing.assert_allclose([columns.min(), rows.min(), columns.max(), rows.max()], (20, 25, 60, 65), atol=1)


def test_where_the_network_finds_nothing_the_adaptive_models_answer_stands(network):
    network.steepness.data.fill_(0.0)
    structure = ellipse((120, 120), (50, 60), (20, 14))
    answer = segmenter_of(network).segment_slice(slice_of(100 * structure), clicks((60, 50)), Run())
    assert dice(answer.probability > 0.5, structure) > 0.8


def test_a_structure_that_is_followed_ends_where_the_network_finds_nothing(network):
    network.steepness.data.fill_(0.0)
    structure, box = ellipse((120, 120), (50, 60), (20, 14)), np.array([46.0, 30, 74, 70])
    prompts = SlicePrompts(*NO_POINTS, box, box_follows=True)
    answer = segmenter_of(network).segment_slice(slice_of(100 * structure), prompts, Run())
    assert not (answer.probability > 0.5).any()


def test_the_network_is_shown_what_the_adaptive_model_answers(network):
    structure = ellipse((120, 120), (50, 60), (20, 14))
    segmenter_of(network).segment_slice(slice_of(100 * structure), clicks((60, 50)), Run())
    for picture, *_, guess in network.seen:
        assert dice((picture > 128).numpy(), (guess > 0.5).numpy()) > 0.8


@pytest.mark.parametrize(("spacing", "radii"), [((1, 1), (30, 30)), ((1, 1), (4, 3)), ((4, 1), (5, 20))])
def test_an_answer_comes_back_to_its_place(network, spacing, radii):
    structure = ellipse((200, 240), (90, 130), radii)
    answer = segmenter_of(network).segment_slice(slice_of(100 * structure, spacing), clicks((130, 90)), Run())
    assert answer.probability.dtype == np.float32
    assert dice(answer.probability > 0.5, structure) > 0.9


def test_a_small_structure_is_looked_at_more_closely_than_a_large_one(network):
    large, small = (100 * ellipse((256, 256), (100, 120), (radius, radius)) for radius in (110, 6))
    for pixels in (large, small):
        network.seen.clear()
        segmenter_of(network).segment_slice(slice_of(pixels), clicks((120, 100)), Run())
        shares = [float((picture > 128).float().mean()) for picture, *_ in network.seen]
        assert max(shares) > 0.1


def test_a_correction_sees_all_prompts_and_the_answer_before(network):
    pixels = 100 * ellipse((60, 60), (30, 30), (12, 12))
    cache, first = ByteBoundedCache(1 << 24), clicks((30, 30))
    second = SlicePrompts(np.array([[30.0, 30], [22, 30]]), np.array([True, False]), earlier=first)
    segmenter = segmenter_of(network, cache)
    answer = segmenter.segment_slice(slice_of(pixels), first, Run())
    network.seen.clear()
    segmenter.segment_slice(slice_of(pixels), second, Run())
    picture, _, inside, outside, before, _ = network.seen[0]
    assert dice((before > 0.5).numpy(), (picture > 128).numpy()) > 0.95
    assert inside.any()
    assert outside.any()
    assert len(network.seen) == 1  # the answer before was remembered
    assert (answer.probability > 0.5).any()


def test_a_first_guess_is_the_answer_before_and_alone_a_box(network):
    guess = ellipse((60, 60), (30, 30), (12, 8)).astype(np.float32)
    segmenter_of(network).segment_slice(slice_of(np.zeros((60, 60))), clicks(previous_mask=guess), Run())
    _, box, inside, _, before, _ = network.seen[0]
    assert dice((before > 0.5).numpy(), (box > 0).numpy()) > 0.8
    assert not inside.any()


def test_an_oblique_slice_shows_the_click_where_it_is(network):
    geometry = VolumeGeometry.from_components((30, 40, 50), (1.0, 1.5, 3.0))
    centre = geometry.to_ras([25, 20, 15])[0]
    world = np.moveaxis(geometry.to_ras(np.indices((50, 40, 30)).reshape(3, -1).T).reshape(50, 40, 30, 3), 2, 0)
    distance = np.linalg.norm(np.swapaxes(world, 1, 2) - centre, axis=-1)
    image = ImageVolume((100 * (distance <= 7)).astype(np.float32), geometry)
    right = np.array([1.0, 0.6, 0.0]) / np.linalg.norm([1, 0.6, 0])
    down = np.array([0.0, 0.0, -1.0])
    plane = SlicePlane(centre, right, down)
    task = PromptTask((PointPrompt(centre),), "network", SliceScope(plane), window=WINDOW)
    result = segment_prompts(SegmentationRequest(image, task), segmenter_of(network), Run())
    for picture, _, inside, *_ in network.seen:
        np.testing.assert_allclose(middle_of(inside), middle_of(picture / 255), atol=2)
    found = np.argwhere(result.mask.full())
    assert np.linalg.norm(geometry.to_ras(found[:, ::-1]) - centre, axis=1).max() < 10


BALL_GRID = VolumeGeometry.from_components((9, 48, 48), (1, 1, 3))


def ball_of_slices():
    """A ball on `BALL_GRID`, around the middle of slice 4."""
    return np.stack([ellipse((48, 48), (24, 20), (r, r)) for r in (4, 6, 8, 9, 9, 9, 8, 6, 4)])


@pytest.mark.parametrize("kind", ["point", "box", "scribble", "mask"])
def test_every_prompt_is_followed_through_a_volume(network, kind):
    geometry, ball = BALL_GRID, ball_of_slices()
    at, plane = geometry.to_ras([20, 24, 4])[0], SlicePlane.of_slice(geometry, 0, 4)
    corners = geometry.to_ras([[10.5, 14.5, 4], [29.5, 33.5, 4]])
    seed = np.zeros(ball.shape, np.bool_)
    seed[4] = ball[4]
    prompt = {
        "point": lambda: PointPrompt(at),
        "box": lambda: BoxPrompt.on_plane(plane, *corners),
        "scribble": lambda: ScribblePrompt(geometry.to_ras([[18, 22, 4], [22, 26, 4]]), radius_mm=1.0),
        "mask": lambda: MaskPrompt(VolumePatch.whole(seed, geometry)),
    }[kind]()
    image = ImageVolume((100 * ball).astype(np.float32), geometry)
    task = PromptTask((prompt,), "network", VolumeScope("slices"), window=WINDOW)
    result = segment_prompts(SegmentationRequest(image, task), segmenter_of(network), Run())
    assert network.seen
    assert dice(result.mask.full(), ball) > 0.85


def test_volumes_are_left_to_the_adaptive_model(network):
    geometry, ball = BALL_GRID, ball_of_slices()
    image = ImageVolume((100 * ball).astype(np.float32), geometry)
    task = PromptTask((PointPrompt(geometry.to_ras([20, 24, 4])[0]),), "network", window=WINDOW)
    segmenter = segmenter_of(network)
    segmenter = replace(segmenter, capabilities=replace(SPEC.capabilities, dimensions=frozenset({2, 3})))
    answers = [
        segment_prompts(SegmentationRequest(image, task), one, Run()).mask.full()
        for one in (segmenter, AdaptiveSegmenter("adaptive", segmenter.capabilities, ByteBoundedCache(1 << 24)))
    ]
    assert np.array_equal(*answers)
    assert not network.seen


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 300)])
def test_slices_of_a_few_pixels_are_answered(shape):
    network = PromptUNet().eval()
    answer = segmenter_of(network).segment_slice(slice_of(np.ones(shape)), clicks((0, 0)), Run())
    assert answer.probability.shape == shape
    assert np.isfinite(answer.probability).all()


def test_an_image_without_numbers_is_refused_by_name():
    geometry = VolumeGeometry.from_components((1, 4, 4))
    with pytest.raises(InvalidImage):
        ImageVolume(np.full((1, 4, 4), np.nan), geometry)


def test_the_overlap_that_is_expected_falls_with_doubt():
    sure, unsure = np.array([1.0, 1, 0, 0], np.float32), np.array([0.7, 0.7, 0.3, 0.3], np.float32)
    assert expected_overlap(sure) == 1
    assert 0.5 < expected_overlap(unsure) < 0.8
    assert expected_overlap(np.zeros(4, np.float32)) == 0


def test_a_cancelled_run_stops(network):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        segmenter_of(network).segment_slice(slice_of(np.ones((9, 9))), clicks((4, 4)), Run(cancel=token))


def test_weights_are_read_from_a_file_and_refused_by_name(tmp_path):
    cache, good, other = ByteBoundedCache(1 << 20), tmp_path / "good.safetensors", tmp_path / "other.safetensors"
    write_trained(good, PromptUNet().state_dict(), {"training": {}})
    write_trained(other, PromptUNet(PromptArchitecture((8, 16))).state_dict(), {"training": {}})
    segmenter = build(SPEC, good, PLAN, cache)
    assert len(segmenter.weights_hash) == 64
    assert not segmenter.network.training
    with pytest.raises(WeightsMissing):
        build(SPEC, None, PLAN, cache)
    with pytest.raises(WeightsMismatch, match="interactive network"):
        build(SPEC, other, PLAN, cache)


@pytest.mark.slow
def test_a_click_on_a_large_slice_is_answered_at_once():
    torch.manual_seed(1)
    segmenter, pixels = segmenter_of(PromptUNet().eval()), np.random.default_rng(1).uniform(0, 100, (512, 512))
    seconds = []
    for number in range(5):
        began = time.process_time()
        segmenter.segment_slice(slice_of(pixels, key=str(number)), clicks((250, 200)), Run())
        seconds.append(time.process_time() - began)
    assert min(seconds) < 3 * 2 * 0.15  # promised: 150 ms on two cores; here processor time, on a slower machine
