"""Every scenario of the AI Prompt effect on the host."""

from __future__ import annotations

import inspect

import pytest
from Effects import scenarios

ALL = [
    value for _, value in inspect.getmembers(scenarios, inspect.isfunction) if value.__module__ == scenarios.__name__
]


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.__name__)
def test_users_find_that(case, scenario) -> None:
    scenario(case)
