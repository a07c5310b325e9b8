"""The SAMed segmenter: its input, the organ that prompts choose, and its two files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, OutOfDeviceMemory, WeightsMismatch, WeightsMissing
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.networks.sam import Sam, SamArchitecture
from MedSegAICore.networks.samed import SamedAddition
from MedSegAICore.prompt import samed
from MedSegAICore.prompt.samed import SMALLER, SamedSegmenter, build, network_input, organ_pointed_at
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.prompts import PointPrompt, SlicePlane
from MedSegAICore.request import IntensityWindow, PromptTask, SegmentationRequest, SliceScope
from MedSegAICore.volume import ImageVolume
from scipy import ndimage
from scipy.special import softmax
from tiny_sam import PLAN, random_state, textured_slice

NAME = "samed_vit_b"
BASE = SamArchitecture(width=32, depth=2, heads=2, global_blocks=(1,), image_size=128)
ORGANS = load_catalogue()[NAME].capabilities.labels
TINY = replace(BASE, image_size=64)
NO_POINTS = np.empty((0, 2)), np.empty(0, np.bool_)


def weights(seed=1) -> tuple[SamedAddition, Sam]:
    addition, base = SamedAddition(TINY), Sam(BASE)
    for network, number in ((addition, seed), (base, seed + 1)):
        network.load_state_dict(random_state(network, number), assign=True)
    return addition, base


@pytest.fixture
def segmenter() -> SamedSegmenter:
    addition, base = weights()
    spec = load_catalogue()[NAME]
    return SamedSegmenter(NAME, spec.capabilities, addition.added_to(base), "hash", PLAN, ByteBoundedCache(1 << 22))


def slice_of(shape=(90, 130), seed=4) -> SliceImage:
    return SliceImage(textured_slice(seed, shape), (1.0, 1.0), IntensityWindow(0, 1), f"slice {seed}")


def clicks(*positions, positive=True) -> SlicePrompts:
    return SlicePrompts(np.array(positions, float).reshape(-1, 2), np.full(len(positions), positive))


@torch.inference_mode()
def labels_of(segmenter, image) -> np.ndarray:
    """Return the label of every pixel as the authors find it: cubic to 224, cubic to the input, and back by nearest."""
    picture = (np.clip(image.pixels, -125, 275) + 125) / 400
    for side in (224, TINY.image_size):
        picture = ndimage.zoom(picture, (side / picture.shape[0], side / picture.shape[1]), order=3)
    given = torch.from_numpy(picture.astype(np.float32)).repeat(1, 3, 1, 1)
    network, sides = segmenter.network, (TINY.image_size, TINY.image_size)
    logits, _ = network.label(network.encode(given, lambda _: None))
    labels = network.to_picture(logits, sides, sides)[0].argmax(dim=0).numpy()
    return ndimage.zoom(labels, np.array(image.pixels.shape) / TINY.image_size, order=0)


def test_a_click_gives_the_pixels_that_the_authors_give_to_the_organ_below_it(segmenter):
    image = slice_of()
    labels = labels_of(segmenter, image)
    organs = np.unique(labels[labels > 0])
    assert len(organs) > 1  # otherwise there is nothing to choose
    for organ in organs:
        row, column = np.argwhere(labels == organ)[len(np.argwhere(labels == organ)) // 2]
        answer = segmenter.segment_slice(image, clicks((column, row)), Run())
        differs = (answer.probability > 0.5) != (labels == organ)
        assert differs.mean() < 0.002
        (said,) = answer.warnings
        assert ORGANS[organ - 1] in said


def test_intensities_beyond_the_window_do_not_matter():
    pixels = textured_slice(2, (60, 60))
    beyond = np.where(pixels > 275, 3000, np.where(pixels < -125, -1000, pixels)).astype(np.float32)
    np.testing.assert_allclose(network_input(beyond, 64), network_input(pixels, 64), atol=1e-6)
    assert network_input(np.full((60, 60), 75.0, np.float32), 64)[32, 32] == pytest.approx(0.5, abs=1e-6)


def drawn_logits() -> np.ndarray:
    """Return logits on 20 x 30 pixels: liver (5) at the left, spleen (1) at the right, background between."""
    logits = np.zeros((9, 20, 30), np.float32)
    logits[0] = 1
    logits[5, :, :10] = 3
    logits[1, :, 20:] = 3
    return logits


def test_every_kind_of_prompt_chooses_the_organ_it_lies_on():
    at_left, at_right = np.zeros((20, 30), np.bool_), np.zeros((20, 30), np.bool_)
    at_left[5:9, 2:12], at_right[5:9, 18:28] = True, True
    box = np.array([1.0, 1, 13, 18])
    liver, spleen = (slice(0, 10), "liver"), (slice(20, 30), "spleen")
    cases = (
        (clicks((4, 4)), liver),
        (SlicePrompts(*NO_POINTS, box), liver),
        (SlicePrompts(*NO_POINTS, inside=at_left), liver),
        (clicks((25, 4)), spleen),
        (SlicePrompts(*NO_POINTS, box, previous_mask=at_right.astype(np.float32)), spleen),
    )
    for asked, (columns, name) in cases:
        answer = organ_pointed_at(drawn_logits(), asked, ORGANS)
        expected = np.zeros((20, 30), np.bool_)
        expected[:, columns] = True
        np.testing.assert_array_equal(answer.probability > 0.5, expected)
        assert name in answer.warnings[0]


def test_a_click_outside_speaks_against_the_organ_it_lies_on():
    points, positive = np.array([[9.0, 4], [20, 4], [3, 4]]), np.array([True, True, False])
    answer = organ_pointed_at(drawn_logits(), SlicePrompts(points, positive), ORGANS)
    assert "spleen" in answer.warnings[0]


def test_pointing_at_no_organ_gives_nothing_and_says_what_is_known():
    answer = organ_pointed_at(drawn_logits(), clicks((15, 10)), ORGANS)
    assert not answer.probability.any()
    assert all(organ in answer.warnings[0] for organ in ORGANS)


def test_the_probability_compares_the_organ_with_its_strongest_rival():
    logits = np.random.default_rng(3).normal(size=(9, 6, 7)).astype(np.float32) * 3
    row, column = np.argwhere(logits.argmax(axis=0) > 0)[0]
    organ = logits[:, row, column].argmax()
    answer = organ_pointed_at(logits, clicks((column, row)), ORGANS)
    chances = softmax(logits, axis=0)
    rival = np.delete(chances, organ, axis=0).max(axis=0)
    np.testing.assert_allclose(answer.probability, chances[organ] / (chances[organ] + rival), rtol=1e-4)


def test_a_second_prompt_on_a_slice_does_not_look_at_it_again(segmenter):
    seen = []
    segmenter.network.image_encoder.blocks[0].register_forward_hook(lambda *_: seen.append(1))
    for position in ((10, 10), (60, 40)):
        segmenter.segment_slice(slice_of(), clicks(position), Run())
    assert len(seen) == 1
    segmenter.segment_slice(slice_of(seed=5), clicks((10, 10)), Run())
    assert len(seen) == 2


def test_a_cancelled_run_stops_within_one_block(segmenter):
    cancel, later = CancelToken(), []
    segmenter.network.image_encoder.blocks[0].register_forward_hook(lambda *_: cancel.cancel())
    segmenter.network.image_encoder.blocks[1].register_forward_hook(lambda *_: later.append(1))
    with pytest.raises(Cancelled):
        segmenter.segment_slice(slice_of(), clicks((10, 10)), Run(cancel=cancel))
    assert later == []


@pytest.mark.parametrize("times", [1, 2])
def test_when_memory_runs_out_it_tries_smaller_steps_once(segmenter, times):
    failures = iter(range(times))

    def run_out(*_):
        if next(failures, None) is not None:
            raise MemoryError

    segmenter.network.image_encoder.blocks[1].register_forward_pre_hook(run_out)
    if times == 2:
        with pytest.raises(OutOfDeviceMemory):
            segmenter.segment_slice(slice_of(), clicks((10, 10)), Run())
        return
    assert segmenter.segment_slice(slice_of(), clicks((10, 10)), Run()).warnings[0] == SMALLER


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A small addition and its base as files, where the published sizes are those small ones."""
    monkeypatch.setattr(samed, "VIT_B", TINY)
    monkeypatch.setattr(samed, "BASE", BASE)
    named = {}
    for name, network in zip((NAME, "sam_vit_b"), weights(), strict=True):
        named[name] = tmp_path / f"{name}.pth"
        torch.save(network.state_dict(), named[name])
    return named


def test_a_request_is_answered_from_both_files_and_tells_both_hashes(files, segmenter):
    geometry = VolumeGeometry.from_components((2, 90, 130), (0.8, 0.8, 5), axes_ras=np.diag([-1.0, -1, 1]))
    image = ImageVolume(np.stack([slice_of().pixels, slice_of().pixels]), geometry)
    labels = labels_of(segmenter, slice_of())
    row, column = np.argwhere(labels > 0)[40]
    task = PromptTask(
        (PointPrompt(geometry.to_ras([column, row, 1])[0]),), NAME, SliceScope(SlicePlane.of_slice(geometry, 0, 1))
    )
    result = Engine("cpu", files).segment(SegmentationRequest(image, task))
    differs = result.mask.full()[1] != (labels == labels[row, column])
    assert differs.mean() < 0.02  # the processor may compute in bfloat16
    hashes = [file_sha256(file, ByteBoundedCache(0)) for file in files.values()]
    assert result.provenance.weights_hash == f"{hashes[0]} added to {hashes[1]}"


def test_building_without_its_base_or_with_another_file_is_refused_by_name(files, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "empty"))
    spec, cache = load_catalogue()[NAME], ByteBoundedCache(1 << 10)
    with pytest.raises(WeightsMissing, match=NAME):
        build(spec, None, PLAN, cache)
    with pytest.raises(WeightsMissing, match="sam_vit_b"):
        build(spec, files[NAME], PLAN, cache)
    with pytest.raises(WeightsMismatch, match=NAME):
        build(spec, files["sam_vit_b"], PLAN, cache, files["sam_vit_b"])
    with pytest.raises(WeightsMismatch, match="sam_vit_b"):
        build(spec, files[NAME], PLAN, cache, files[NAME])


def test_every_base_that_is_named_is_in_the_catalogue():
    catalogue = load_catalogue()
    assert catalogue[NAME].base == "sam_vit_b"
    assert all(spec.base in catalogue for spec in catalogue.values() if spec.base)
