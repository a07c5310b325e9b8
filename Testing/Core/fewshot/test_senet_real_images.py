"""What SE-Net finds on people who were never seen, with a checkpoint that was never shown the structure."""

from __future__ import annotations

from statistics import mean

import pytest
from Benchmarks.senet_protocol import SENetMethod, fold_learner, measured, stacked_dataset
from MedSegAICore.engine.run import Run
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, capped_subjects
from MedSegAICore.evaluation.protocols.supports import slice_of
from MedSegAICore.support import Support

pytestmark = pytest.mark.accuracy


@pytest.fixture(scope="module")
def method(shared):
    return SENetMethod(fold_learner(1, shared / "weights" / "senet_few_shot"))


def largest_slice(case, label) -> Support:
    """Return the slice that shows most of a structure."""
    mask = case.mask(label)
    support = Support(case.image(), mask)
    return slice_of(support, int(mask.full().sum(axis=(1, 2)).argmax()))


def test_one_coarse_slice_shows_the_liver_of_others(shared, method):
    dataset = stacked_dataset(shared / "data", coarser=4)
    people = [largest_slice(case, "liver") for case in dataset.only(capped_subjects(dataset.subjects, 6)).cases]
    dice = []
    for query, support in zip(people, [*people[1:], people[0]], strict=True):
        found, truth = method((support,), query.image, Run()), query.mask.full()
        dice.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    print([f"{value:.3f}" for value in dice])
    assert mean(dice) > 0.65


@pytest.mark.slow
def test_the_published_protocol_finds_the_liver(shared, method):
    dataset = stacked_dataset(shared / "data")
    dice = measured(dataset, "Roy, 12 slices", method, "liver", 4, COMMITTED_SEED)
    print(dice)
    assert mean(dice.values()) > 0.35
