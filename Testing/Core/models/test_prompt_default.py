from __future__ import annotations

import pytest
from MedSegAICore.models import prompt_default
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.prompt_default import AUTO, OWN_NETWORK, WITHOUT_PACKAGES, named_prompt_model
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.request import PromptTask


@pytest.fixture
def installed(monkeypatch):
    """Pretend that only these packages are installed."""

    def pretend(*names):
        monkeypatch.setattr(prompt_default, "find_spec", lambda name: name if name in names else None)

    return pretend


def test_prompts_are_for_the_network_that_comes_along(installed):
    installed("torch", "monai")
    assert PromptTask(()).model == named_prompt_model(AUTO) == OWN_NETWORK


@pytest.mark.parametrize("there", [(), ("torch",), ("monai",)])
def test_prompts_are_for_the_model_without_weights_where_packages_are_missing(installed, there):
    installed(*there)
    assert PromptTask(()).model == named_prompt_model(AUTO) == WITHOUT_PACKAGES


def test_a_model_that_is_named_is_taken(installed):
    installed()
    assert named_prompt_model("sam_vit_b") == "sam_vit_b"


def test_both_are_there_without_a_download():
    catalogue = load_catalogue()
    assert catalogue[WITHOUT_PACKAGES].weights is None
    assert WeightsStore().look_at(catalogue[OWN_NETWORK].weights).is_there
