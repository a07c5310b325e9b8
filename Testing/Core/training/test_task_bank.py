"""Tasks are given back as they were drawn, and what is seen of them is turned as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.bank_files import MixedBank
from MedSegAICore.training.context_tasks import ContextTask
from MedSegAICore.training.task_bank import TaskBank


def task(brightness=1.0):
    """Four members: a bright bar of another length in each."""
    masks = np.zeros((4, 16, 16), np.bool_)
    for number, mask in enumerate(masks):
        mask[2:4, 3 : 6 + number] = True
    return ContextTask(np.where(masks, np.float32(brightness), np.float32(0.25)), masks)


@pytest.fixture
def bank():
    return TaskBank.of([task(), task(0.5)])


def test_a_bank_gives_back_what_was_drawn(bank, tmp_path):
    bank.write(tmp_path / "bank.npz")
    for again in (bank, TaskBank.read([tmp_path / "bank.npz"])):
        assert len(again) == 2
        assert np.abs(again.task(1).images - task(0.5).images).max() <= 0.5 / 255 + 1e-6
        assert np.array_equal(again.task(1).masks, task().masks)


def test_pictures_and_masks_are_turned_together(bank):
    shapes = set()
    for seed in range(60):
        drawn = bank.draw(3, np.random.default_rng(seed))
        assert drawn.images.shape == (3, 16, 16)
        for image, mask in zip(drawn.images, drawn.masks, strict=True):
            assert np.ptp(image[mask]) < 1e-6
            assert abs(image[mask].mean() - image[~mask].mean()) > 0.05
        shapes.add(tuple(np.argwhere(drawn.masks.any(axis=0)).mean(axis=0) > 7.5))
    assert len(shapes) == 4


def test_each_member_is_asked_about(bank):
    areas = {int(bank.draw(2, np.random.default_rng(seed)).masks[0].sum()) for seed in range(40)}
    assert areas == {6, 8, 10, 12}


def test_banks_are_drawn_from_as_often_as_their_shares_say():
    three = ContextTask(task().images[:3], task().masks[:3])
    mixed = MixedBank([(TaskBank.of([task()]), 3.0), (TaskBank.of([three]), 1.0)])
    counts = [len(mixed.chosen(chance).draw(4, chance).masks) for chance in map(np.random.default_rng, range(300))]
    assert set(counts) == {3, 4}
    assert 0.65 < np.mean(np.equal(counts, 4)) < 0.85
