"""Every network that follows SAM answers as its authors' code does: their preprocessing is written out here again.

The references resize with Pillow, scikit-image, torch or plain means, and ask the networks of the package
`segment_anything` where these are the same, otherwise our own, which the parity tests of the networks hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.networks.hq_sam import HqSam
from MedSegAICore.networks.mobile_sam import HqMobileSam, LiteMedSam, MobileSam
from MedSegAICore.networks.sam_med2d import SamMed2d
from MedSegAICore.networks.tiny_vit import TinyVitArchitecture
from MedSegAICore.prompt.picture import network_input
from MedSegAICore.prompt.sam import SamSegmenter, build
from MedSegAICore.prompt.sam_networks import VARIANTS, Variant
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow
from PIL import Image
from skimage.transform import resize
from tiny_sam import PLAN, TINY, package_predictor, random_state, tiny_network, whole_package
from torch.nn import functional

MEAN, STD = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
SMALL_TINY_VIT = TinyVitArchitecture(
    image_size=256, classes=3, widths=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), windows=(2, 3, 4, 2)
)
SEEDS_AND_SHAPES = [(3, (120, 180)), (4, (300, 200))]


@dataclass(frozen=True)
class Answer:
    """What the authors' code gives: probability (rows, columns), predicted quality, low-resolution logits."""

    probability: np.ndarray
    quality: float
    logits: torch.Tensor


@dataclass(frozen=True)
class Reference:
    """A network asked as its authors do.

    Parameters
    ----------
    network
        Has a prompt encoder and a mask decoder.
    embedding
        Of a picture of `shape`, which fills the part `resized` of the input.
    """

    network: Any
    embedding: torch.Tensor
    shape: tuple[int, int]
    resized: tuple[int, int]
    size: int

    @torch.inference_mode()
    def ask(self, *, points=None, labels=None, box=None, mask=None, several=False) -> Answer:
        """Points (n, 2), a box (4,) and a mask as the network takes them; the best mask is the answer."""
        network = self.network
        clicks = None
        if points is not None:
            clicks = torch.tensor(points, dtype=torch.float32)[None], torch.tensor(labels)[None]
        corners = None if box is None else torch.tensor(np.asarray(box), dtype=torch.float32)[None]
        sparse, dense = network.prompt_encoder(points=clicks, boxes=corners, masks=mask)
        logits, quality = network.mask_decoder(
            image_embeddings=self.embedding,
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        best = quality[0].argmax()
        logits = logits[:, best][:, None]
        full = functional.interpolate(logits, (self.size, self.size), mode="bilinear", align_corners=False)
        full = full[..., : self.resized[0], : self.resized[1]]
        full = functional.interpolate(full, self.shape, mode="bilinear", align_corners=False)
        return Answer(full[0, 0].sigmoid().numpy(), float(quality[0, best]), logits)


def levels_of(seed, shape):
    """Return grey levels (rows, columns) with structure at several scales."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(shape, dtype=np.float64)
    waves = [np.sin(rows / a + columns / b + c) for a, b, c in random.uniform(3, 30, (6, 3))]
    return np.clip(120 + 35 * np.sum(waves, axis=0) + 8 * random.standard_normal(shape), 5, 251).astype(np.uint8)


def slice_of(levels):
    return SliceImage(levels.astype(np.float32), (1.0, 1.0), IntensityWindow(0, 255), "levels")


def prompts(clicks=(), positive=(), **others):
    points = np.array(clicks, dtype=np.float64).reshape(-1, 2)
    return SlicePrompts(points, np.array(positive, dtype=np.bool_), **others)


def spec_of(name, size):
    spec = load_catalogue()[name]
    return replace(spec, input=replace(spec.input, size=size))


def segmenter_of(name, network):
    spec = spec_of(name, network.image_size)
    return SamSegmenter(spec, spec.input, network, "hash", PLAN, ByteBoundedCache(1 << 26))


def filled(network, seed):
    network.load_state_dict(random_state(network, seed), assign=True)
    return network


def encoded(network, picture):
    """Return the embedding of a picture (rows, columns, 3) as the network sees it."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32))[None]
    with torch.inference_mode():
        return (
            network.encode(tensor, lambda _done: None) if hasattr(network, "encode") else network.image_encoder(tensor)
        )


def colour(levels):
    return levels[:, :, None].repeat(3, axis=2)


def pillow_padded(levels, size):
    """Return SAM's input (size, size, 3), and the (rows, columns) that the picture fills."""
    rows, columns = (int(side * size / max(levels.shape) + 0.5) for side in levels.shape)
    resized = np.asarray(Image.fromarray(colour(levels)).resize((columns, rows), Image.Resampling.BILINEAR))
    padded = np.zeros((size, size, 3), np.float32)
    padded[:rows, :columns] = (resized.astype(np.float32) - MEAN) / STD
    return padded, (rows, columns)


def medsam_input(levels, size):
    resized = resize(colour(levels), (size, size), order=3, preserve_range=True, anti_aliasing=True).astype(np.uint8)
    return (resized - resized.min()) / np.clip(resized.max() - resized.min(), 1e-8, None)


def scribbleprompt_input(levels, size):
    picture = torch.from_numpy(levels.astype(np.float32) / 255)[None, None]
    picture = functional.interpolate(picture, (128, 128), mode="bilinear", align_corners=False)
    picture = (picture - picture.min()) / (picture.max() - picture.min())
    picture = functional.interpolate(picture, (size, size), mode="bilinear", align_corners=False)
    return (255 * picture[0, 0, :, :, None].numpy() - MEAN) / STD


def nearest_input(levels, size):
    rows, columns = (np.arange(size) * side // size for side in levels.shape)
    return ((colour(levels).astype(np.float32) - MEAN) / STD)[rows[:, None], columns]


def assert_same(answer, expected):
    np.testing.assert_allclose(answer.probability, expected.probability, atol=1e-4)
    assert expected.probability.min() < 0.45 < 0.55 < expected.probability.max()  # otherwise there is little to compare
    assert answer.quality == pytest.approx(np.clip(expected.quality, 0, 1), abs=1e-4)


@pytest.fixture(scope="module")
def package():
    with whole_package() as module:
        yield module


@pytest.fixture(params=SEEDS_AND_SHAPES, ids=lambda case: f"seed{case[0]}")
def case(request):
    """A seed, levels, and a box and two clicks in pixels of the picture."""
    seed, shape = request.param
    rows, columns = shape
    box = np.rint([0.2 * columns, 0.1 * rows, 0.75 * columns, 0.9 * rows])
    clicks = [(round(0.3 * columns), round(0.3 * rows)), (round(0.7 * columns), round(0.8 * rows))]
    return seed, levels_of(seed, shape), box, clicks


def per_side(positions, shape, size):
    """Return positions (..., 2) or a box in pixels of a square that the picture was stretched to."""
    positions = np.asarray(positions, dtype=np.float64)
    return (positions.reshape(-1, 2) * size / np.array(shape[::-1])).reshape(positions.shape)


def test_medsam_answers_a_box_as_its_authors_code(package, case):
    seed, levels, box, _ = case
    network = tiny_network(seed)
    sam = package_predictor(package, network, TINY).model
    reference = Reference(sam, encoded(sam, medsam_input(levels, 256)), levels.shape, (256, 256), 256)
    logits = reference.ask(box=per_side(box, levels.shape, 256)).logits
    expected = functional.interpolate(logits.sigmoid(), levels.shape, mode="bilinear", align_corners=False)[0, 0]
    answer = segmenter_of("medsam_vit_b", network).segment_slice(slice_of(levels), prompts(box_xyxy=box), Run())
    np.testing.assert_allclose(answer.probability, expected.numpy(), atol=1e-4)
    assert answer.warnings == ()
    assert answer.candidates == ()


def test_medicosam_answers_as_the_predictor_of_the_package(package, case):
    seed, levels, box, clicks = case
    network = tiny_network(seed)
    predictor = package_predictor(package, network, TINY)
    predictor.set_image(colour(levels))
    segmenter = segmenter_of("medicosam_vit_b", network)
    asked = {"point_coords": np.array(clicks), "point_labels": np.array([1, 0]), "box": box}
    logits, _, _ = predictor.predict(**asked, multimask_output=False, return_logits=True)
    answer = segmenter.segment_slice(slice_of(levels), prompts(clicks, [True, False], box_xyxy=box), Run())
    np.testing.assert_allclose(answer.probability, 1 / (1 + np.exp(-logits[0])), atol=1e-4)
    logits, quality, _ = predictor.predict(np.array(clicks[:1]), np.array([1]), return_logits=True)
    answer = segmenter.segment_slice(slice_of(levels), prompts(clicks[:1], [True]), Run())
    np.testing.assert_allclose(answer.probability, 1 / (1 + np.exp(-logits[quality.argmax()])), atol=1e-4)
    assert len(answer.candidates) == 2


def test_scribbleprompt_sam_takes_every_pixel_of_a_scribble_and_the_best_of_three_masks(package):
    levels, size = levels_of(7, (128, 128)), 256
    network = tiny_network(7)
    sam = package_predictor(package, network, TINY).model
    reference = Reference(sam, encoded(sam, scribbleprompt_input(levels, size)), (128, 128), (size, size), size)
    segmenter = segmenter_of("scribbleprompt_sam_vit_b", network)
    inside, outside = np.zeros((128, 128), np.bool_), np.zeros((128, 128), np.bool_)
    inside[40:42, 30:60] = outside[90, 20:100] = True
    points = np.concatenate([[(64, 50)], np.argwhere(inside)[:, ::-1], np.argwhere(outside)[:, ::-1]])
    labels = [1] * (1 + inside.sum()) + [0] * outside.sum()
    box = np.array([20, 30, 100, 110])
    expected = reference.ask(points=2 * points, labels=labels, box=2 * box, several=True)
    asked = prompts([(64, 50)], [True], inside=inside, outside=outside, box_xyxy=box)
    first = segmenter.segment_slice(slice_of(levels), asked, Run())
    assert_same(first, expected)
    assert first.candidates == ()
    labels, points = [*labels, 1], [*points, (90, 100)]
    corrected = reference.ask(
        points=2 * np.array(points), labels=labels, box=2 * box, mask=expected.logits, several=True
    )
    again = prompts([(64, 50), (90, 100)], [True, True], inside=inside, outside=outside, box_xyxy=box, earlier=asked)
    assert_same(segmenter.segment_slice(slice_of(levels), again, Run()), corrected)


def test_sam_med2d_takes_the_best_of_three_masks_and_corrects_it_as_a_probability(case):
    seed, levels, box, clicks = case
    shape, size = levels.shape, 256
    network = filled(SamMed2d(TINY), seed)
    reference = Reference(network, encoded(network, nearest_input(levels, size)), shape, (size, size), size)
    segmenter = segmenter_of("sam_med2d_b", network)
    points = per_side(clicks, shape, size)
    first, second = prompts(clicks[:1], [True]), prompts(clicks, [True, False])
    expected = reference.ask(points=points[:1], labels=[1], several=True)
    answer = segmenter.segment_slice(slice_of(levels), first, Run())
    assert_same(answer, expected)
    assert len(answer.candidates) == 2
    corrected = reference.ask(points=points, labels=[1, 0], mask=expected.logits.sigmoid(), several=True)
    assert_same(segmenter.segment_slice(slice_of(levels), replace(second, earlier=first), Run()), corrected)
    boxed = reference.ask(box=per_side(box, shape, size), several=True)
    assert_same(segmenter.segment_slice(slice_of(levels), prompts(box_xyxy=box), Run()), boxed)


@pytest.mark.parametrize("name", ["mobile_sam", "hq_sam_vit_tiny", "hq_sam_vit_b", "hq_sam_vit_l", "hq_sam_vit_h"])
def test_mobile_sam_and_hq_sam_answer_as_sam_but_hq_sam_with_one_mask_only(case, name):
    seed, levels, box, clicks = case
    makers = {"mobile_sam": lambda: MobileSam(SMALL_TINY_VIT), "hq_sam_vit_tiny": lambda: HqMobileSam(SMALL_TINY_VIT)}
    network = filled(makers.get(name, lambda: HqSam(TINY))(), seed)
    picture, resized = pillow_padded(levels, 256)
    reference = Reference(network, encoded(network, picture), levels.shape, resized, 256)
    segmenter = segmenter_of(name, network)
    scale = np.array(resized[::-1]) / np.array(levels.shape[::-1])
    points, corners = np.array(clicks) * scale, (box.reshape(2, 2) * scale).reshape(4)
    expected = reference.ask(points=points, labels=[1, 0], box=corners)
    answer = segmenter.segment_slice(slice_of(levels), prompts(clicks, [True, False], box_xyxy=box), Run())
    assert_same(answer, expected)
    one = reference.ask(points=points[:1], labels=[1], several=name == "mobile_sam")
    answer = segmenter.segment_slice(slice_of(levels), prompts(clicks[:1], [True]), Run())
    assert_same(answer, one)
    assert len(answer.candidates) == (2 if name == "mobile_sam" else 0)


def test_lite_medsam_from_its_file_answers_a_box_as_its_authors_code(tmp_path):
    levels, box = levels_of(1, (768, 510)), np.array([83, 100, 305, 420])
    network = filled(LiteMedSam(), 1)
    file = tmp_path / "lite_medsam.pth"
    torch.save(network.state_dict(), file)
    means = levels.reshape(256, 3, 170, 3).mean(axis=(1, 3))
    resized = np.rint(means)  # areas of whole pixels
    padded = np.zeros((256, 256, 1), np.float32)
    padded[:, :170, 0] = (resized - resized.min()) / (resized.max() - resized.min())
    reference = Reference(network, encoded(network, padded.repeat(3, axis=2)), levels.shape, (256, 170), 256)
    expected = reference.ask(box=[int(position * (256 / 768)) for position in box])
    segmenter = build(load_catalogue()["lite_medsam"], file, PLAN, ByteBoundedCache(1 << 26))
    answer = segmenter.segment_slice(slice_of(levels), prompts(box_xyxy=box), Run())
    assert_same(answer, expected)
    assert answer.candidates == answer.warnings == ()


def test_at_the_published_size_the_networks_see_what_their_authors_show_them():
    levels, catalogue = levels_of(1, (300, 200)), load_catalogue()

    def given(name):
        return network_input(levels[:, :, None], catalogue[name].input).transpose(1, 2, 0)

    np.testing.assert_allclose(given("medsam_vit_b"), medsam_input(levels, 1024), atol=1e-6)
    np.testing.assert_allclose(given("scribbleprompt_sam_vit_b"), scribbleprompt_input(levels, 1024), atol=2e-4)
    np.testing.assert_allclose(given("sam_med2d_b"), nearest_input(levels, 256), atol=1e-6)
    np.testing.assert_allclose(given("mobile_sam"), pillow_padded(levels, 1024)[0], atol=1e-6)
    for name in ("medicosam_vit_b", "hq_sam_vit_b", "hq_sam_vit_l", "hq_sam_vit_h", "hq_sam_vit_tiny"):
        assert catalogue[name].input == catalogue["mobile_sam"].input


def test_a_network_for_boxes_is_given_one_for_a_click_and_says_so():
    levels, network = levels_of(5, (120, 180)), tiny_network(5)
    segmenter = segmenter_of("medsam_vit_b", network)
    answer = segmenter.segment_slice(slice_of(levels), prompts([(60, 50)], [True]), Run())
    (warning,) = answer.warnings
    assert warning.startswith("MedSAM understands boxes only: a box was drawn around what the clicks")
    nothing = segmenter.segment_slice(slice_of(levels), prompts([(60, 50)], [False]), Run())
    assert not nothing.probability.any()


def test_a_network_for_boxes_does_not_correct_its_answer():
    levels, network = levels_of(5, (120, 180)), tiny_network(5)
    segmenter, box = segmenter_of("medsam_vit_b", network), np.array([30.0, 20, 120, 90])
    first = prompts([(60, 50)], [True])
    alone = segmenter.segment_slice(slice_of(levels), prompts(box_xyxy=box), Run())
    after = segmenter.segment_slice(slice_of(levels), prompts(box_xyxy=box, earlier=first), Run())
    assert np.array_equal(alone.probability, after.probability)


@pytest.mark.parametrize("network", [HqSam(TINY), HqMobileSam(SMALL_TINY_VIT)], ids=["vit", "tiny_vit"])
def test_the_features_of_a_slice_are_the_embedding_alone(network):
    segmenter = segmenter_of("hq_sam_vit_b", filled(network, 1))
    features = segmenter.slice_features(slice_of(levels_of(1, (128, 256))), Run())
    assert features.shape == (256, 8, 16)


def test_the_features_of_a_stretched_slice_cover_all_of_it():
    segmenter = segmenter_of("sam_med2d_b", filled(SamMed2d(TINY), 1))
    assert segmenter.slice_features(slice_of(levels_of(1, (100, 180))), Run()).shape == (256, 16, 16)


def test_every_entry_names_a_network_with_the_published_number_of_tensors():
    specs = [spec for spec in load_catalogue().values() if spec.entry == "MedSegAICore.prompt.sam:build"]
    counts = {spec.name: len(VARIANTS[spec.architecture].sized(spec.input.size).build().state_dict()) for spec in specs}
    on_hq = {"hq_sam_vit_b": 339, "hq_sam_vit_l": 507, "hq_sam_vit_h": 619, "hq_sam_vit_tiny": 464}
    small = {"mobile_sam": 439, "lite_medsam": 435, "sam_med2d_b": 386}
    as_sam = dict.fromkeys(("sam_vit_b", "medsam_vit_b", "medicosam_vit_b", "scribbleprompt_sam_vit_b"), 314)
    assert counts == {"sam_vit_l": 482, "sam_vit_h": 594, **as_sam, **on_hq, **small}


def test_a_checkpoint_for_pictures_of_another_size_gets_its_positions_stretched_and_says_so():
    variant = Variant(HqSam, TINY)
    state, warnings = variant.sized(128).adapt(filled(variant.build(), 1).state_dict())
    assert state["image_encoder.pos_embed"].shape == (1, 8, 8, TINY.width)
    assert len(warnings) == 1
    variant.sized(128).build().load_state_dict(state, assign=True)
    small = Variant(MobileSam, SMALL_TINY_VIT)
    state, warnings = small.sized(128).adapt(small.build().state_dict())
    assert warnings == ()
    small.sized(128).build().load_state_dict(state, assign=True)
