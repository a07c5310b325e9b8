"""A learner on a network with drawn weights."""

from __future__ import annotations

import pytest
from fakes.senet import cache_of, drawn_network
from MedSegAICore.fewshot.senet import SENetLearner
from MedSegAICore.networks.senet import SENet


@pytest.fixture(scope="session")
def network() -> SENet:
    return drawn_network()


@pytest.fixture
def learner(network) -> SENetLearner:
    return SENetLearner("senet", "ab" * 32, "cpu", network, cache_of())
