"""The same request again: memory, cancel, and a realistic image."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from fakes.ball import box_in, middle, plane_of, scan, segmented
from fakes.compare import assert_same
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import (
    Cancelled,
)
from MedSegAICore.evaluation.click_curve import click_curve
from MedSegAICore.geometry import canonical_view
from MedSegAICore.phantom.scanner import abdomen_ct
from MedSegAICore.prompts import BoxPrompt, MaskPrompt, PointPrompt, ScribblePrompt
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume, VolumePatch


@pytest.fixture(scope="module")
def image() -> ImageVolume:
    return scan()[0]


@pytest.fixture(scope="module")
def small() -> ImageVolume:
    """Enough for what takes many answers."""
    return scan((8, 24, 26), radius=7.0)[0]


# -- the adaptive model: the same again


def without_time(result):
    return result.mask, result.probability, result.candidates, result.warnings, result.quality


def conversation(image: ImageVolume, boxed: bool) -> list[tuple]:
    """Prompts as a person adds, takes back, and changes them."""
    center = middle(image)
    a, b = PointPrompt(center), PointPrompt(center + np.array((5, 3, 0)))
    c, d = (
        PointPrompt(center + np.array((10, 0, 0)), False),
        ScribblePrompt([center, center - np.array((6, 0, 5))], 1.5),
    )
    # two boxes with as many voxels and the same first voxel in the canonical view
    spot = VolumePatch(np.ones((2, 3, 4), bool), (2, 10, 10), image.geometry)
    bar = VolumePatch(np.ones((4, 3, 2), bool), (2, 10, 12), image.geometry)
    turns = [(a,), (a, b), (b, a), (a, b, c), (d, a, c), (a, c)]
    turns += [(a, MaskPrompt(spot, False)), (a, MaskPrompt(bar, False))]
    return [(box_in(image), *turn) for turn in turns] if boxed else turns


@pytest.mark.parametrize(("boxed", "on_slice"), [(True, False), (False, False), (False, True)])
def test_an_engine_that_remembers_answers_as_a_fresh_one_bit_for_bit(small, boxed, on_slice):
    scope = SliceScope(plane_of(small)) if on_slice else VolumeScope()
    engine = Engine()
    for prompts in conversation(small, boxed):
        used, fresh = segmented(small, *prompts, engine=engine, scope=scope), segmented(small, *prompts, scope=scope)
        assert_same(without_time(used), without_time(fresh))


def test_an_engine_remembers_in_which_order_clicks_were_made():
    image, _ = scan((10, 50, 50), (3, 3, 4), radius=25)
    bright = image.array.copy()
    bright[:, :, 40:] *= 20
    image = ImageVolume(bright, image.geometry)
    a, b = PointPrompt(middle(image)), PointPrompt(middle(image) + np.array((57, 0, 0)), positive=False)
    c = PointPrompt(middle(image) + np.array((50, 9, 0)))
    engine = Engine()
    for prompts in ((a, b, c), (c, b, a)):
        used, fresh = segmented(image, *prompts, engine=engine), segmented(image, *prompts)
        assert_same(without_time(used), without_time(fresh))


def test_a_run_that_is_cancelled_at_any_step_leaves_nothing_wrong_behind(small):
    prompts = box_in(small, 8), PointPrompt(middle(small)), PointPrompt(middle(small) + np.array((10, 0, 0)), False)
    request = SegmentationRequest(small, PromptTask(prompts))
    expected = without_time(Engine().segment(request))
    steps = []
    Engine().segment(request, progress=lambda fraction, _: steps.append(fraction))
    assert len(steps) > 10
    assert all(before <= after + 1e-9 for before, after in pairwise(steps))
    engine = Engine()
    for stop in range(0, len(steps), max(1, len(steps) // 12)):
        cancel, seen = CancelToken(), []

        def progress(fraction, message, stop=stop, cancel=cancel, seen=seen):
            seen.append(fraction)
            if len(seen) > stop:
                cancel.cancel()

        try:
            engine.segment(request, progress, cancel)
        except Cancelled:
            assert len(seen) <= len(steps)
        assert_same(without_time(engine.segment(request)), expected)
        if stop % 2:
            engine.unload()


def test_cancelling_while_the_first_prompt_is_answered_does_not_spoil_the_second(small):
    request = SegmentationRequest(small, PromptTask((box_in(small, 8), PointPrompt(middle(small)))))
    expected = without_time(Engine().segment(request))
    for fraction_to_stop in (0.0, 0.05, 0.15, 0.5):
        engine, cancel = Engine(), CancelToken()
        stopper = lambda fraction, _, at=fraction_to_stop, token=cancel: fraction >= at and token.cancel()  # noqa: E731
        with pytest.raises(Cancelled):
            engine.segment(request, stopper, cancel)
        assert_same(without_time(engine.segment(request)), expected)


# -- the adaptive model: a scan of real size


@pytest.fixture(scope="module")
def abdomen():
    return abdomen_ct(0, (3.0, 3.0, 5.0))


def test_the_liver_of_the_phantom_takes_a_box_and_few_clicks(abdomen):
    liver = abdomen.labels == next(label for label, name in abdomen.names.items() if name == "liver")
    engine = Engine()
    curve = click_curve(
        abdomen.image, liver, lambda prompts: segmented(abdomen.image, *prompts, engine=engine).mask.full(), 5
    )
    assert curve.dice[-1] >= 0.8


def asking_for_the_liver(spacing):
    abdomen = abdomen_ct(0, spacing)
    liver = abdomen.labels == next(label for label, name in abdomen.names.items() if name == "liver")
    center = abdomen.image.geometry.to_ras(np.argwhere(liver).mean(axis=0)[::-1])[0]
    return SegmentationRequest(abdomen.image, PromptTask((BoxPrompt(center, (150, 130, 120)), PointPrompt(center))))


@pytest.mark.usefixtures("nothing_older_is_collected")
@pytest.mark.slow
def test_cancel_takes_effect_within_a_third_of_a_second(machine_pace):
    request = asking_for_the_liver((1.8, 1.8, 4.0))
    request.image.canonical().fingerprint  # noqa: B018  known before the clock starts
    Engine().segment(asking_for_the_liver((6.0, 6.0, 8.0)))  # and everything is imported
    moments = []
    cancel = CancelToken()

    class Watched(CancelToken):
        """Notes each time the run looks whether it should stop."""

        @property
        def is_cancelled(self) -> bool:
            moments.append(time.thread_time())  # not disturbed by what else the machine does
            return cancel.is_cancelled

    Engine().segment(request, cancel=Watched())
    assert np.diff(moments).max() < 0.3 * machine_pace


def test_the_canonical_view_of_the_mask_is_where_the_canonical_image_is_bright(image):
    found = segmented(image, box_in(image)).mask
    view = canonical_view(found.full(), image.geometry)
    assert image.canonical().array[view].mean() > 85
