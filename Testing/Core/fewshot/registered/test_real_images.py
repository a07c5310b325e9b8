"""What one and two labelled images are worth on people who were never seen."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.fewshot import masks_from
from MedSegAICore.engine.run import Run
from MedSegAICore.evaluation.datasets.dataset import load_dataset
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED, drawn_order
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.fewshot.registered.fitting import fit_supports
from MedSegAICore.fewshot.registered.query import classified, patches_of, register_query
from MedSegAICore.volume import VolumePatch

LABELS = ("anterior", "posterior")
QUERIES = 3


@pytest.fixture(scope="module")
def hippocampi(shared) -> list[Example]:
    dataset = load_dataset("mr_hippocampus", shared / "data")
    cases = {case.subject: case for case in dataset.cases}
    drawn = [cases[subject] for subject in drawn_order(cases, COMMITTED_SEED, "few-shot")[: QUERIES + 2]]
    return [example_of(case) for case in drawn]


def example_of(case) -> Example:
    image = case.image()
    return Example(image, {label: VolumePatch.whole(case.mask(label).array, image.geometry) for label in LABELS})


def dice(patches, example) -> float:
    masks = masks_from(patches)
    pairs = [(masks[label].full(), mask.full()) for label, mask in example.masks.items()]
    return float(np.mean([2 * (one & other).sum() / (one.sum() + other.sum()) for one, other in pairs]))


@pytest.mark.slow
@pytest.mark.parametrize(("shots", "least", "gain"), [(1, 0.77, 0.005), (2, 0.79, 0.015)])
def test_hippocampi_are_found_better_than_by_registration(hippocampi, shots, least, gain):
    model, _ = fit_supports(hippocampi[QUERIES : QUERIES + shots], Run())
    scores = []
    for query in hippocampi[:QUERIES]:
        registered = register_query(model, query.image, Run())
        answers = registered.priors.deformable, classified(model, registered, Run())
        scores.append([dice(patches_of(LABELS, registered, answer), query) for answer in answers])
    without, learned = np.mean(scores, axis=0)
    assert learned > least
    assert learned > without + gain
