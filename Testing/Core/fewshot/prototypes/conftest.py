from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.prototypes.encoders import FilterBankEncoder
from MedSegAICore.fewshot.prototypes.learner import PrototypeLearner
from MedSegAICore.fewshot.prototypes.likeness import ByComparison
from MedSegAICore.structures import exclusive


def filter_learner(*, judges_itself: bool = False) -> PrototypeLearner:
    return PrototypeLearner(
        "prototypes", ByComparison(FilterBankEncoder(ByteBoundedCache(1 << 26))), judges_itself=judges_itself
    )


@pytest.fixture(scope="session")
def make_learner():
    return filter_learner


@pytest.fixture(scope="session")
def learner() -> PrototypeLearner:
    return filter_learner()


@pytest.fixture(scope="session")
def of_two(learner, people):
    return learner.fit(people[:2], Run())


@pytest.fixture(scope="session")
def dice_of():
    """Tell how well an answer shows the structures of an example."""

    def dices(answer, example) -> list[float]:
        scores = []
        for label, patch in exclusive(answer.probabilities).items():
            found, truth = patch.full() >= 0.5, example.masks[label].full().astype(np.bool_)
            scores.append(float(2 * (found & truth).sum() / (found.sum() + truth.sum())))
        return scores

    return dices
