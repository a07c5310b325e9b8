"""The prompt paradigm with the adaptive model, from a request to a result."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.ball import SHAPE, ball_on, box_in, middle, plane_of, scan, segmented
from fakes.grids import ORDERS_AND_FLIPS, SOME_ORDERS_AND_FLIPS, image_stored_as, stored_as
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import (
    GeometryMismatch,
    InvalidRequest,
    NoPositivePrompt,
    PromptOutsideImage,
    UnsupportedPrompt,
)
from MedSegAICore.evaluation.click_curve import dice
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.prompt.paradigm import segment_prompts
from MedSegAICore.prompt.segmenter import PROMPT_KINDS, Capabilities, SliceAnswer
from MedSegAICore.prompts import BoxPrompt, LassoPrompt, MaskPrompt, PointPrompt, ScribblePrompt, SlicePlane
from MedSegAICore.request import CleanUp, PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume, VolumePatch
from scipy.spatial.transform import Rotation


@pytest.fixture(scope="module")
def image() -> ImageVolume:
    return scan()[0]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return scan()[1]


# -- what is refused, and by which name


@pytest.mark.parametrize("positive", [(), (False,), (False, False)])
def test_without_a_positive_prompt_there_is_nothing_to_segment(image, positive):
    with pytest.raises(NoPositivePrompt):
        segmented(image, *(PointPrompt(middle(image), sign) for sign in positive))


@pytest.mark.parametrize(
    "prompt",
    [
        PointPrompt((0, 0, 0)),
        PointPrompt((1e300, 0, 0)),
        BoxPrompt((-200, 0, 0), (20, 20, 0)),
        ScribblePrompt([(0, 0, 0), (0, 5, 0)], 9.0),
        LassoPrompt([(0, 0, 110), (5, 0, 110), (5, 5, 110)]),
    ],
    ids=lambda prompt: type(prompt).__name__,
)
@pytest.mark.parametrize("positive", [True, False])
def test_a_prompt_outside_the_image_is_refused_by_name(image, prompt, positive):
    if not isinstance(prompt, BoxPrompt):
        prompt = type(prompt)(**(vars(prompt) | {"positive": positive}))
    with pytest.raises(PromptOutsideImage):
        segmented(image, PointPrompt(middle(image)), prompt)


def test_a_slice_that_misses_the_image_is_refused_by_name(image):
    far = SlicePlane(middle(image) + 500, (1, 0, 0), (0, 1, 0.4))
    with pytest.raises(PromptOutsideImage):
        segmented(image, PointPrompt(middle(image)), scope=SliceScope(far))


def test_a_slice_without_a_positive_prompt_is_refused_by_name(image):
    other = SlicePlane.of_slice(image.geometry, 0, 2)
    with pytest.raises(NoPositivePrompt, match="on this slice"):
        segmented(image, PointPrompt(middle(image)), scope=SliceScope(other))


def test_a_mask_on_another_grid_is_refused_by_name(image):
    other = image.geometry.transformed(np.diag([1, 1, 1.1, 1]))
    mask = MaskPrompt(VolumePatch.whole(np.ones(SHAPE, bool), other))
    with pytest.raises(GeometryMismatch, match="mask is not on the grid"):
        segmented(image, mask)


@pytest.mark.parametrize("positive", [True, False])
def test_a_mask_without_voxels_is_refused_by_name(image, positive):
    empty = MaskPrompt(VolumePatch.whole(np.zeros(SHAPE, bool), image.geometry), positive)
    with pytest.raises(InvalidRequest, match="no voxels"):
        segmented(image, PointPrompt(middle(image)), empty)


def test_a_range_outside_the_image_is_refused_by_name(image):
    beyond = image.geometry.to_ras([(20, 20, -9), (20, 20, -4)])
    with pytest.raises(PromptOutsideImage, match="range"):
        segmented(image, PointPrompt(middle(image)), scope=VolumeScope(range_ras=beyond))


class Fixed:
    """A model on slices that gives one picture and two candidates, with a warning."""

    name = "fixed"
    weights_hash = ""
    device = "cpu"
    capabilities = Capabilities(PROMPT_KINDS, frozenset({2}))

    def segment_slice(self, image, _prompts, _run):
        rows, columns = np.indices(image.pixels.shape) - np.array(image.pixels.shape)[:, None, None] / 2
        away = np.hypot(rows, columns)
        pictures = [np.clip(1 - away / size, 0, 1).astype(np.float32) for size in (20, 10, 30)]
        return SliceAnswer(pictures[0], 0.75, tuple(pictures[1:]), warnings=("The device was full.",))


def test_a_model_of_slices_cannot_work_in_three_dimensions(image):
    task = PromptTask((PointPrompt(middle(image)),), scope=VolumeScope(method="volume"))
    with pytest.raises(UnsupportedPrompt, match="slices only"):
        segment_prompts(SegmentationRequest(image, task), Fixed(), Run())


# -- what an answer on a slice holds


def test_an_answer_on_a_slice_has_the_candidates_quality_and_warnings_of_the_model(image):
    points = PointPrompt(middle(image)), PointPrompt(image.geometry.to_ras((20, 20, 1))[0])
    task = PromptTask(points, scope=SliceScope(plane_of(image)))
    result = segment_prompts(SegmentationRequest(image, task, "liver", 7), Fixed(), Run())
    assert result.warnings == ("Not used, because not on this slice: 1 of 2 prompts.", "The device was full.")
    assert result.quality == 0.75
    sizes = [int(mask.array.sum()) for mask in (result.mask, *result.candidates)]
    assert sizes[1] < sizes[0] < sizes[2]
    assert result.probability.array.dtype == np.float16
    assert (result.segment, result.generation) == ("liver", 7)
    assert np.array_equal(result.mask.full().any(axis=(1, 2)).nonzero()[0], [6])


@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.95])
def test_the_mask_is_what_reaches_the_threshold(image, threshold):
    task = PromptTask((PointPrompt(middle(image)),), scope=SliceScope(plane_of(image)), threshold=threshold)
    result = segment_prompts(SegmentationRequest(image, task), Fixed(), Run())
    expected = result.probability.full() >= threshold
    assert np.count_nonzero(result.mask.full() != expected) <= 4  # float16 rounds the probability


def test_the_model_s_warnings_of_a_walk_are_told(image):
    task = PromptTask((PointPrompt(middle(image)),), scope=VolumeScope(method="slices"))
    assert segment_prompts(SegmentationRequest(image, task), Fixed(), Run()).warnings == ("The device was full.",)


@pytest.mark.parametrize("clean_up", [CleanUp(largest_island=True), CleanUp(fill_holes=True), CleanUp(smoothing_mm=2)])
def test_clean_up_does_not_tear_an_oblique_mask(image, clean_up):
    oblique = SliceScope(SlicePlane(middle(image), (1, 0, 0), (0, 1, 0.8)))
    click = PointPrompt(middle(image))
    plain, clean = (
        segment_prompts(
            SegmentationRequest(image, PromptTask((click,), scope=oblique, clean_up=options)), Fixed(), Run()
        )
        for options in (CleanUp(), clean_up)
    )
    assert plain.mask.array.sum() > 100
    assert dice(clean.mask.full(), plain.mask.full()) > 0.9


# -- the adaptive model: geometry


@pytest.mark.parametrize("axes", [None, Rotation.from_euler("xyz", (11, -17, 23), degrees=True).as_matrix()])
@pytest.mark.parametrize("scope", ["volume", "slices", "slice"])
def test_storage_orders_of_one_image_give_one_mask_bit_for_bit(axes, scope):
    image, truth = scan(axes=axes)
    prompts = (
        box_in(image),
        PointPrompt(middle(image) + 2),
        PointPrompt(middle(image) + np.array((13, 0, 0)), positive=False),
    )
    chosen = {"volume": VolumeScope(), "slices": VolumeScope(method="slices"), "slice": SliceScope(plane_of(image))}[
        scope
    ]
    if scope == "slice":
        prompts = prompts[:1]
    reference = segmented(image, *prompts, scope=chosen).mask.full()
    assert dice(reference & truth, truth) > 0.8 or scope == "slice"
    assert reference.any()
    for order, flips in SOME_ORDERS_AND_FLIPS[::2]:
        other = image_stored_as(image, order, flips)
        result = segmented(other, *prompts, scope=chosen)
        expected, geometry = stored_as(reference, image.geometry, order, flips)
        assert result.mask.geometry.matches(geometry)
        assert np.array_equal(result.mask.full(), expected)


@pytest.mark.parametrize(("order", "flips"), ORDERS_AND_FLIPS[5::8])
def test_a_mask_prompt_may_be_stored_like_its_image_in_any_order(image, truth, order, flips):
    other = image_stored_as(image, order, flips)
    mask, geometry = stored_as(truth, image.geometry, order, flips)
    result = segmented(other, MaskPrompt(VolumePatch.whole(mask, geometry).tight()))
    assert dice(result.mask.full(), mask) > 0.8


def test_a_click_at_a_corner_of_an_oblique_image_lands_there():
    image, _ = scan(axes=Rotation.from_euler("xyz", (30, 20, -40), degrees=True).as_matrix())
    marked = image.array.copy()
    marked[-4:, -8:, :8] += 300
    corner = image.geometry.to_ras((0, SHAPE[1] - 1, SHAPE[0] - 1))[0]
    result = segmented(ImageVolume(marked, image.geometry), PointPrompt(corner)).mask.full()
    assert result[-1, -1, 0]
    assert dice(result, marked > 250) > 0.8


# -- the adaptive model: prompts


def test_every_kind_of_prompt_finds_the_ball(image, truth):
    plane, center = plane_of(image), middle(image)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    circle = center + 11 * (np.cos(angle) * plane.right_ras + np.sin(angle) * plane.down_ras)
    oblique = SlicePlane(center, (1, 0, 0), (0, 0.8, 0.6))
    tilted = center + 11 * (np.cos(angle) * oblique.right_ras + np.sin(angle) * oblique.down_ras)
    around = ScribblePrompt(center + 15 * (np.cos(angle) * plane.right_ras + np.sin(angle) * plane.down_ras), 1, False)
    prompts = {
        "box": (box_in(image),),
        "deep box": (BoxPrompt(center, (22, 22, 22)),),
        "turned box": (
            BoxPrompt(center, (22, 22, 22), Rotation.from_euler("xyz", (20, 30, 40), degrees=True).as_matrix()),
        ),
        "box and click": (box_in(image), PointPrompt(center)),
        "lasso": (LassoPrompt(circle),),
        "oblique lasso": (LassoPrompt(tilted),),
        "scribbles": (ScribblePrompt([center - np.array((6, 0, 0)), center + np.array((6, 0, 0))], 2.0), around),
        "mask": (MaskPrompt(VolumePatch.whole(ball_on(image.geometry, radius=7), image.geometry).tight()),),
    }
    scores = {name: dice(segmented(image, *several).mask.full(), truth) for name, several in prompts.items()}
    assert {name: score for name, score in scores.items() if score < 0.75} == {}


def test_a_negative_mask_stays_outside(image, truth):
    half = truth.copy()
    half[:, :, : truth.shape[2] // 2] = False
    forbidden = MaskPrompt(VolumePatch.whole(half, image.geometry).tight(), positive=False)
    found = segmented(image, box_in(image), forbidden).mask.full()
    assert (found & half).sum() < 0.1 * half.sum()
    assert (found & truth & ~half).sum() > 0.6 * (truth & ~half).sum()


def test_contradictory_clicks_on_one_voxel_leave_the_last_word_to_the_newest(image):
    for newest in (True, False):
        clicks = PointPrompt(middle(image), not newest), PointPrompt(middle(image), newest)
        result = segmented(image, box_in(image), *clicks)
        assert result.mask.full()[tuple(image.geometry.voxels_at(middle(image))[0])] == newest


def test_fifty_clicks_are_obeyed():
    image, truth = scan((8, 24, 26), radius=7.0)
    random = np.random.default_rng(3)
    voxels = np.argwhere(np.ones(truth.shape, bool))[random.choice(truth.size, 50, replace=False)]
    clicks = [PointPrompt(image.geometry.to_ras(voxel[::-1])[0], bool(truth[tuple(voxel)])) for voxel in voxels]
    found = segmented(image, box_in(image, 8), *clicks).mask.full()
    obeyed = np.mean([found[tuple(voxel)] == truth[tuple(voxel)] for voxel in voxels])
    assert obeyed == 1
    assert dice(found, truth) > 0.85


@pytest.mark.parametrize("where", ["corner", "border", "beyond the last centre"])
def test_a_click_at_the_border_of_the_image_is_answered(image, where):
    ijk = {"corner": (0, 0, 0), "border": (43, 20, 7), "beyond the last centre": (43.49, 20, 7)}[where]
    result = segmented(image, PointPrompt(image.geometry.to_ras(ijk)[0]))
    assert result.mask.full()[tuple(np.round(ijk[::-1]).astype(int) - (0, 0, ijk[0] > 43.4))] or ijk[0] > 43.4


@pytest.mark.parametrize("half", [0.004, 0.5, 1e4])
@pytest.mark.parametrize("scope", [VolumeScope(), VolumeScope(method="slices"), None])
def test_a_box_of_any_size_is_answered(image, half, scope):
    result = segmented(image, box_in(image, half), scope=scope or SliceScope(plane_of(image)))
    assert result.mask.array.any() or result.warnings  # an empty answer says so


@pytest.mark.parametrize("depth", [0.01, 4.0, 1e4])
def test_a_deep_box_of_any_depth_is_answered(image, depth):
    for method in ("volume", "slices"):
        assert segmented(image, BoxPrompt(middle(image), (22, 22, depth)), scope=VolumeScope(method)).mask.array.any()


def test_a_lasso_around_the_whole_image_and_a_scribble_across_it_are_on_it(image):
    corners = image.geometry.to_ras([(-9, -9, 6), (60, -9, 6), (60, 60, 6), (-9, 60, 6)])
    assert segmented(image, LassoPrompt(corners)).mask.array.any()
    across = image.geometry.to_ras([(-9, 20, 6), (60, 20, 6)])
    assert segmented(image, ScribblePrompt(across, 1.0)).mask.array.any()


def test_the_range_of_the_user_bounds_every_method(image, truth):
    ends = image.geometry.to_ras([(20, 20, 8), (20, 20, 5)])
    for options in ({}, {"method": "slices"}, {"fuse_axes": True}):
        result = segmented(image, box_in(image), scope=VolumeScope(range_ras=ends, **options))
        layers = np.flatnonzero(result.mask.full().any(axis=(1, 2)))
        assert (layers[0], layers[-1]) == (5, 8)


def test_the_probability_covers_the_mask_and_reaches_the_threshold_there(image):
    result = segmented(image, box_in(image))
    assert result.probability.array.dtype == np.float16
    assert result.probability.full()[result.mask.full()].min() >= 0.499
    assert result.probability.array.min() >= 0
    assert result.probability.array.max() <= 1


@pytest.mark.parametrize("clean_up", [CleanUp(True, True, 1.0), CleanUp(largest_island=True)])
def test_clean_up_is_applied_to_a_volume(image, clean_up):
    found = segmented(image, box_in(image), clean_up=clean_up).mask.full()
    assert found.any()


# -- the adaptive model: images


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, ">i2", "<u2", np.float16, ">f4", np.float64, np.int64])
@pytest.mark.parametrize("scope", ["volume", "slices", "oblique"])
def test_every_type_of_voxel_is_segmented(dtype, scope):
    image, truth = scan()
    array = truth if dtype is bool else np.clip(image.array, 0, 120)
    typed = ImageVolume(array.astype(dtype), image.geometry)
    center = middle(image)
    oblique = SlicePlane(center, (1, 0, 0), (0, 1, 0.5))
    chosen = {"volume": VolumeScope(), "slices": VolumeScope(method="slices"), "oblique": SliceScope(oblique)}[scope]
    box = box_in(image, plane=oblique if scope == "oblique" else None)
    found, expected = (
        segmented(one, box, PointPrompt(center), scope=chosen).mask.full()
        for one in (typed, ImageVolume(typed.array.astype(np.float32), image.geometry))
    )
    assert found.any()
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 24, 24), (24, 1, 24), (24, 24, 1), (3, 3, 3), (2, 1, 1), (1, 1, 9)])
@pytest.mark.parametrize("scope", ["volume", "slices", "fused", "slice", "oblique"])
def test_small_and_thin_images_are_segmented(shape, scope):
    image, _ = scan(shape)
    oblique = SlicePlane(middle(image), (1, 0, 0), (0, 1, 0.5))
    scopes = {
        "volume": VolumeScope(),
        "slices": VolumeScope(method="slices"),
        "fused": VolumeScope(fuse_axes=True),
        "slice": SliceScope(plane_of(image)),
        "oblique": SliceScope(oblique),
    }
    result = segmented(image, PointPrompt(middle(image)), scope=scopes[scope])
    assert result.mask.full()[tuple(image.geometry.voxels_at(middle(image))[0])]


@pytest.mark.parametrize("value", [0, -1000, 1e17, -1e30])
def test_a_constant_image_is_answered(value):
    image = ImageVolume(np.full((6, 12, 12), value, np.float32), VolumeGeometry((6, 12, 12), np.eye(4)))
    for prompt in (PointPrompt(middle(image)), box_in(image, 3)):
        for scope in (VolumeScope(), VolumeScope(method="slices"), SliceScope(plane_of(image))):
            assert np.isfinite(segmented(image, prompt, scope=scope).probability.array).all()


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0), (1e10, 0), (1e30, 0), (1, -1024), (1, 1e5)])
def test_the_unit_of_the_intensities_changes_little(image, truth, scale, shift):
    other = ImageVolume(image.array.astype(np.float64) * scale + shift, image.geometry)
    assert dice(segmented(other, box_in(image)).mask.full(), segmented(image, box_in(image)).mask.full()) > 0.95


@pytest.mark.parametrize("spacing", [(0.3, 0.3, 12), (6, 6, 0.5), (1, 7, 1)])
def test_strongly_anisotropic_images_are_segmented(spacing):
    shape = tuple(int(np.clip(45 / step, 5, 150)) for step in spacing[::-1])
    image, truth = scan(shape, spacing)
    found = segmented(image, box_in(image), PointPrompt(middle(image))).mask.full()
    assert dice(found, truth) > 0.75


def test_a_repaired_image_is_segmented_and_says_so(image, truth):
    damaged = image.array.copy()
    damaged[0, 0, :5] = np.nan
    damaged[1, 1, 1] = np.inf
    result = segmented(ImageVolume(damaged, image.geometry), box_in(image))
    assert "6 voxels were NaN or infinite" in result.warnings[0]
    assert dice(result.mask.full(), truth) > 0.75
