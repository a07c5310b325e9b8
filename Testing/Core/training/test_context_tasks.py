"""Tasks: every member shows the structure, about where the others show it, and all look as if one scanner made them."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.errors import InvalidDataset
from MedSegAICore.training.context import asker_of
from MedSegAICore.training.context_tasks import MEMBERS, PaintedTasks, TaskAsker
from MedSegAICore.training.prompt_sources import PromptSource, sources_of

SIZE = 96
DRAWN = PromptSource("drawn", None, 1.0)


def task_of(source, data, seed):
    return asker_of(source, data, SIZE).ask(np.random.default_rng(seed))


def check(task):
    assert task.images.shape == task.masks.shape == (MEMBERS, SIZE, SIZE)
    assert task.images.dtype == np.float32
    assert np.isfinite(task.images).all()
    assert 0 <= task.images.min() <= task.images.max() <= 1
    areas = task.masks.sum(axis=(1, 2))
    assert areas.min() >= 12


def middles(task):
    return np.array([np.argwhere(mask).mean(axis=0) for mask in task.masks])


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_task_shows_one_structure_bent_anew(tmp_path, seed):
    task = task_of(DRAWN, tmp_path, seed)
    check(task)
    assert len({mask.tobytes() for mask in task.masks}) > 1


def test_about_half_of_the_tasks_show_their_members_in_one_place(tmp_path):
    spread = [np.ptp(middles(task_of(DRAWN, tmp_path, seed)), axis=0).max() for seed in range(24)]
    assert 0.2 < np.mean(np.less(spread, 0.15 * SIZE)) < 0.8
    assert max(spread) > 0.25 * SIZE


def test_what_is_drawn_depends_on_its_chance_alone(tmp_path):
    one, same, other = (task_of(DRAWN, tmp_path, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.images, same.images)
    assert np.array_equal(one.masks, same.masks)
    assert not np.array_equal(one.masks, other.masks)


def test_members_of_drawn_tasks_look_alike():
    """Inside the structure they are as bright as each other, far more than pictures of two tasks are."""
    asker = TaskAsker(PaintedTasks(), SIZE)
    tasks = [asker.ask(np.random.default_rng(seed)) for seed in range(12)]
    inside = np.array([[image[mask].mean() for image, mask in zip(t.images, t.masks, strict=True)] for t in tasks])
    assert inside.std(axis=1).mean() < 0.5 * inside[:, 0].std()


def test_real_tasks_show_what_people_drew_and_regions(shared):
    for source in sources_of(("ct", "mr", "xray")):
        task = task_of(source, shared / "data", 1)
        check(task)


def test_labelled_members_are_of_different_people(shared):
    (source,) = (one for one in sources_of(("xray",)) if one.kind == "labelled")
    task = task_of(source, shared / "data", 2)
    correlation = np.corrcoef(task.images.reshape(MEMBERS, -1))
    assert np.abs(correlation[np.triu_indices(MEMBERS, 1)]).max() < 0.999
    assert len({mask.tobytes() for mask in task.masks}) == MEMBERS


def test_a_source_that_shows_nothing_is_told():
    class Blank:
        def draw(self, size, chance):  # noqa: ARG002  it shows nothing of any size
            return None

    with pytest.raises(InvalidDataset, match="Nothing can be seen"):
        TaskAsker(Blank(), SIZE).ask(np.random.default_rng(0))
