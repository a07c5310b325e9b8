"""Drawn bodies give usable examples, alone and as members of a task."""

from __future__ import annotations

import time

import numpy as np
import pytest
from MedSegAICore.prompt.network_question import maps_in_view
from MedSegAICore.prompt.slice_view import SliceView
from MedSegAICore.training.chance import step_generator
from MedSegAICore.training.example import is_usable
from MedSegAICore.training.simulated_prompts import first_prompts, next_prompts
from MedSegAICore.training.synthetic.anatomy import draw_template
from MedSegAICore.training.synthetic.appearance import Contrast, draw_contrast, scanned, shadow
from MedSegAICore.training.synthetic.source import SyntheticSource
from MedSegAICore.training.synthetic.warp import draw_positions, taken


@pytest.mark.parametrize("size", [64, 128])
def test_every_example_has_something_to_find_and_something_to_leave_out(size):
    for seed in range(60):
        example = SyntheticSource().draw(size, np.random.default_rng(seed))
        assert is_usable(example.mask)
        assert example.mask.shape == example.image.shape == (size, size)
        assert example.mask.dtype == np.bool_
        assert example.image.dtype == np.float32
        assert np.isfinite(example.image).all()
        assert np.ptp(example.image) > 0


def test_an_example_depends_on_seed_and_step_alone():
    source = SyntheticSource()
    first = source.draw(64, step_generator(3, 5))
    source.draw(64, step_generator(3, 6))
    again, other = source.draw(64, step_generator(3, 5)), SyntheticSource().draw(64, step_generator(4, 5))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, other.image)


def test_members_of_a_task_show_one_structure_in_several_forms():
    for seed in range(10):
        members = SyntheticSource().draw_task(64, 4, np.random.default_rng(seed))
        assert len(members) == 4
        assert all(is_usable(member.mask) for member in members)
        pairs = [(one, other) for one in members for other in members if one is not other]
        assert not any(np.array_equal(one.mask, other.mask) for one, other in pairs)


def test_bodies_are_nested_and_have_several_structures():
    counts = []
    for seed in range(30):
        template = draw_template(80, np.random.default_rng(seed))
        assert all(parent < label for label, parent in enumerate(template.parents) if label)
        assert template.labels.max() < len(template.parents)
        counts.append(len(np.unique(template.labels)))
    assert np.median(counts) >= 6


def test_without_noise_every_label_shows_its_mean():
    labels = np.zeros((64, 64), np.uint8)
    labels[10:50, 20:60] = 1
    nothing = np.zeros(2, np.float32)
    image = scanned(labels, Contrast(np.array([0.2, 0.9], np.float32), nothing, nothing), np.random.default_rng(0))
    assert image[20:40, 30:50] == pytest.approx(0.9, abs=1e-4)
    assert image[55:, :10] == pytest.approx(0.2, abs=1e-4)


def test_what_lies_behind_is_added_everywhere_and_changes_no_mean():
    behind = shadow(draw_template(64, np.random.default_rng(3)), np.random.default_rng(4))
    assert behind.mean() == pytest.approx(0, abs=1e-4)
    assert 0.02 < behind.std() < 0.3
    labels, nothing = np.zeros((64, 64), np.uint8), np.zeros(1, np.float32)
    plain = Contrast(np.array([0.5], np.float32), nothing, nothing)
    assert np.allclose(scanned(labels, plain, np.random.default_rng(5), behind), 0.5 + behind, atol=1e-4)


def test_contrasts_differ_and_images_of_one_kind_are_alike():
    template, chance = draw_template(64, np.random.default_rng(1)), np.random.default_rng(2)
    one, other = draw_contrast(template, chance), draw_contrast(template, chance)
    similar = one.jittered(chance)
    assert np.abs(one.means - similar.means).mean() < 0.5 * np.abs(one.means - other.means).mean()


def test_a_whole_body_is_seen_once_and_one_from_within_goes_on():
    whole, within = np.zeros((50, 50), np.uint8), np.full((50, 50), 1, np.uint8)
    whole[20:30, 20:30] = 1
    far = np.full((2, 4, 4), 75.0, np.float32)  # where a mirror would show the middle
    assert not taken(whole, far).any()
    assert (taken(within, far) == 1).all()


def test_close_views_aim_at_the_structure():
    aim = np.zeros((100, 100), np.bool_)
    aim[70:76, 20:26] = True
    shares = []
    for seed in range(60):
        seen = taken(aim.astype(np.uint8), draw_positions(aim, 80, np.random.default_rng(seed))) > 0
        shares.append(seen.mean())
    assert np.mean(np.array(shares) > 0) > 0.9
    assert max(shares) > 3 * np.median(shares)


@pytest.mark.slow
def test_examples_with_prompts_are_drawn_faster_than_a_network_learns():
    source = SyntheticSource()
    source.draw(128, step_generator(1, 0))
    start = time.process_time()
    for step in range(60):
        chance = step_generator(1, step)
        example = source.draw(128, chance)
        prompts = first_prompts(example.mask, chance)
        maps = maps_in_view(prompts, SliceView((0, 0), example.mask.shape), 128)
        next_prompts(maps, example.mask, maps.box > 0, chance)
    assert (time.process_time() - start) / 60 < 0.04  # about 0.01 s
