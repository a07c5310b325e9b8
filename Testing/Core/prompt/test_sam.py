"""The SAM segmenter: equal to the package's predictor, quick the second time, stopped and refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    InvalidCatalogue,
    OutOfDeviceMemory,
    WeightsMismatch,
    WeightsMissing,
)
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.networks.sam import ARCHITECTURES, Sam
from MedSegAICore.prompt.picture import grey_levels
from MedSegAICore.prompt.sam import SMALLER, build
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from MedSegAICore.request import IntensityWindow
from tiny_sam import PLAN, TINY, package_predictor, textured_slice, tiny_network, tiny_segmenter, whole_package

WINDOW = IntensityWindow(-160, 240)
SEEDS_AND_SHAPES = [(3, (120, 180)), (4, (300, 200)), (5, (256, 256)), (6, (41, 97))]


def slice_of(seed, shape, window=WINDOW):
    return SliceImage(textured_slice(seed, shape), (1.0, 1.0), window, f"slice {seed}")


def prompts(clicks=(), positive=(), **others):
    points = np.array(clicks, dtype=np.float64).reshape(-1, 2)
    return SlicePrompts(points, np.array(positive, dtype=np.bool_), **others)


CLICK = prompts([(40, 30)], [True])


@pytest.fixture(scope="module")
def package():
    with whole_package() as module:
        yield module


@pytest.fixture
def blocks_run():
    """Counts the blocks of the image encoder that a segmenter's network runs."""

    def watch(segmenter):
        count = []
        for block in segmenter._network.image_encoder.blocks:
            block.register_forward_hook(lambda *_: count.append(1))
        return count

    return watch


@pytest.fixture(scope="module", params=SEEDS_AND_SHAPES, ids=lambda case: f"seed{case[0]}")
def both(request, package):
    """A slice, our segmenter for it, and the package's predictor on the same weights and slice."""
    seed, shape = request.param
    image = slice_of(seed, shape)
    predictor = package_predictor(package, tiny_network(seed), TINY)
    predictor.set_image(grey_levels(image.pixels, image.window)[:, :, None].repeat(3, axis=2))
    return image, tiny_segmenter(seed), predictor


def clicks_in(image, *relative):
    rows, columns = image.pixels.shape
    return [(x * columns, y * rows) for x, y in relative]


def assert_same(probability, logits, mask):
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(probability, expected, atol=2e-5)
    assert logits.min() < -0.1 < 0.1 < logits.max()  # otherwise there is little to compare
    certain = np.abs(logits) > 1e-4
    assert np.array_equal((probability > 0.5)[certain], mask[certain])
    assert certain.mean() > 0.99


def test_one_click_gives_the_packages_three_masks_best_quality_first(both):
    image, segmenter, predictor = both
    clicks = clicks_in(image, (0.4, 0.6))
    logits, quality, _ = predictor.predict(np.array(clicks), np.array([1]), return_logits=True)
    answer = segmenter.segment_slice(image, prompts(clicks, [True]), Run())
    order = np.argsort(-quality)
    for probability, index in zip((answer.probability, *answer.candidates), order, strict=True):
        assert probability.dtype == np.float32
        assert_same(probability, logits[index], logits[index] > 0)
    assert answer.quality == pytest.approx(np.clip(quality.max(), 0, 1), abs=1e-4)


def test_more_prompts_give_the_packages_single_mask(both):
    image, segmenter, predictor = both
    clicks = clicks_in(image, (0.3, 0.3), (0.7, 0.8))
    rows, columns = image.pixels.shape
    box = np.array([0.2 * columns, 0.1 * rows, 0.75 * columns, 0.9 * rows])
    points = {"point_coords": np.array(clicks), "point_labels": np.array([1, 0])}
    cases = [
        (points, prompts(clicks, [True, False])),
        ({"box": box}, prompts(box_xyxy=box)),
        ({**points, "box": box}, prompts(clicks, [True, False], box_xyxy=box)),
    ]
    for arguments, asked in cases:
        logits, _, _ = predictor.predict(**arguments, multimask_output=False, return_logits=True)
        answer = segmenter.segment_slice(image, asked, Run())
        assert_same(answer.probability, logits[0], logits[0] > 0)
        assert answer.candidates == ()


@pytest.mark.parametrize("size", [128, 256])
def test_masks_are_exactly_the_packages_on_the_same_embedding(package, size):
    architecture = replace(TINY, image_size=size)
    network = tiny_network(8, size)
    predictor = package_predictor(package, network, architecture)
    image = slice_of(9, (90, 130))
    predictor.set_image(grey_levels(image.pixels, image.window)[:, :, None].repeat(3, axis=2))
    cache = ByteBoundedCache(1 << 26)
    segmenter = tiny_segmenter(8, cache, size=size)
    segmenter.segment_slice(image, CLICK, Run())
    key = next(iter(cache._entries))  # the embedding comes before the logits of the answer
    cache.put(key, predictor.features, 1)
    masks, quality, _ = predictor.predict(CLICK.points_xy, np.array([1]))
    answer = segmenter.segment_slice(image, CLICK, Run())
    for probability, index in zip((answer.probability, *answer.candidates), np.argsort(-quality), strict=True):
        assert np.array_equal(probability > 0.5, masks[index])
        assert np.array_equal(probability >= 0.5, masks[index])


def test_a_second_prompt_on_a_slice_does_not_look_at_it_again(blocks_run):
    segmenter, image = tiny_segmenter(), slice_of(0, (90, 130))
    count = blocks_run(segmenter)
    segmenter.segment_slice(image, CLICK, Run())
    assert len(count) == TINY.depth
    segmenter.segment_slice(image, prompts([(80, 50)], [True]), Run())
    assert len(count) == TINY.depth


@pytest.mark.parametrize("change", ["slice", "window", "weights"])
def test_another_slice_window_or_checkpoint_is_looked_at_anew(blocks_run, change):
    cache = ByteBoundedCache(1 << 26)
    image = slice_of(0, (90, 130))
    tiny_segmenter(0, cache).segment_slice(image, CLICK, Run())
    if change == "slice":
        image = slice_of(1, (90, 130))
    if change == "window":
        image = replace(image, window=IntensityWindow(-100, 100))
    segmenter = tiny_segmenter(1 if change == "weights" else 0, cache)
    count = blocks_run(segmenter)
    answer = segmenter.segment_slice(image, CLICK, Run())
    assert len(count) == TINY.depth
    fresh = tiny_segmenter(1 if change == "weights" else 0).segment_slice(image, CLICK, Run())
    assert np.array_equal(answer.probability, fresh.probability)


def test_the_same_question_gives_the_same_answer_bit_for_bit():
    image = slice_of(2, (90, 130))
    first, second = (tiny_segmenter(2).segment_slice(image, CLICK, Run()) for _ in range(2))
    assert np.array_equal(first.probability, second.probability)


def test_a_first_guess_reaches_the_network_where_it_lies(blocks_run):
    segmenter = tiny_segmenter()
    given = []
    segmenter._network.prompt_encoder.mask_downscaling.register_forward_pre_hook(lambda _, inputs: given.append(inputs))
    guess = np.zeros((100, 200), np.float32)
    guess[20:60, 120:180] = 1
    segmenter.segment_slice(slice_of(0, (100, 200)), prompts(previous_mask=guess), Run())
    ((logits,),) = given
    inside = (logits[0, 0] > 0).numpy()
    side = TINY.image_size // 4
    assert logits.shape == (1, 1, side, side)
    rows, columns = np.nonzero(inside)
    scale = side / 200
    assert (rows.min(), rows.max() + 1) == pytest.approx((20 * scale, 60 * scale), abs=0.6)
    assert (columns.min(), columns.max() + 1) == pytest.approx((120 * scale, 180 * scale), abs=0.6)
    assert float(logits.max()) == pytest.approx(np.log(999), rel=1e-3)
    assert float(logits.min()) == pytest.approx(-np.log(999), rel=1e-3)


def test_without_anything_to_look_for_the_answer_is_empty(blocks_run):
    segmenter = tiny_segmenter()
    count = blocks_run(segmenter)
    answer = segmenter.segment_slice(slice_of(0, (50, 60)), prompts(previous_mask=np.zeros((50, 60))), Run())
    assert not answer.probability.any()
    assert answer.quality == 0
    assert count == []


def test_a_cancelled_run_stops_within_one_block(blocks_run):
    segmenter = tiny_segmenter()
    count, cancel = blocks_run(segmenter), CancelToken()

    def cancel_in_the_first_block(*_):
        cancel.cancel()

    segmenter._network.image_encoder.blocks[0].register_forward_hook(cancel_in_the_first_block)
    with pytest.raises(Cancelled):
        segmenter.segment_slice(slice_of(0, (50, 60)), CLICK, Run(cancel=cancel))
    assert len(count) == 1


def test_progress_rises_with_the_blocks():
    seen = []
    tiny_segmenter().segment_slice(slice_of(0, (50, 60)), CLICK, Run(lambda fraction, _: seen.append(fraction)))
    assert seen == sorted(seen)
    assert len(seen) == TINY.depth


def memory_runs_out(times):
    failures = iter(range(times))

    def hook(*_):
        if next(failures, None) is not None:
            message = "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory"
            raise RuntimeError(message)

    return hook


def test_when_memory_runs_out_once_the_answer_comes_in_smaller_steps_and_says_so():
    image = slice_of(0, (50, 60))
    expected = tiny_segmenter().segment_slice(image, CLICK, Run())
    assert expected.warnings == ()
    segmenter = tiny_segmenter()
    segmenter._network.image_encoder.blocks[1].register_forward_pre_hook(memory_runs_out(1))
    answer = segmenter.segment_slice(image, CLICK, Run())
    assert answer.warnings == (SMALLER,)
    np.testing.assert_allclose(answer.probability, expected.probability, atol=1e-5)


def test_when_memory_runs_out_twice_the_error_has_a_name():
    segmenter = tiny_segmenter()
    segmenter._network.image_encoder.blocks[1].register_forward_pre_hook(memory_runs_out(2))
    with pytest.raises(OutOfDeviceMemory):
        segmenter.segment_slice(slice_of(0, (50, 60)), CLICK, Run())


def test_bfloat16_answers_as_float32_does():
    image = slice_of(1, (90, 130))
    exact = tiny_segmenter(1).segment_slice(image, CLICK, Run())
    segmenter = tiny_segmenter(1)
    segmenter._network.compute_in(torch.bfloat16)
    rough = segmenter.segment_slice(image, CLICK, Run())
    inside, found = exact.probability > 0.5, rough.probability > 0.5
    assert (inside & found).sum() / (inside | found).sum() > 0.95
    assert rough.probability.dtype == np.float32


@pytest.mark.parametrize("wrong", ["missing", "other", "catalogue"])
def test_building_without_a_fitting_checkpoint_is_refused_by_name(tmp_path, wrong):
    spec, cache = load_catalogue()["sam_vit_b"], ByteBoundedCache(1 << 20)
    if wrong == "missing":
        with pytest.raises(WeightsMissing):
            build(spec, None, PLAN, cache)
        return
    if wrong == "catalogue":
        with pytest.raises(InvalidCatalogue):
            build(replace(spec, architecture="vit_x"), None, PLAN, cache)
        return
    file = tmp_path / "weights.pth"
    state = {name: torch.zeros(tensor.shape) for name, tensor in tiny_network(0).state_dict().items()}
    torch.save({"model": state}, file)
    with pytest.raises(WeightsMismatch, match="sam_vit_b"):
        build(spec, file, PLAN, cache)


def test_every_architecture_has_the_published_number_of_tensors():
    counts = {name: len(Sam(architecture).state_dict()) for name, architecture in ARCHITECTURES.items()}
    assert counts == {"vit_b": 314, "vit_l": 482, "vit_h": 594}
