"""Finding scenarios: the public functions of a module whose neighbour knows how to open a case for them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable

MODULES = {
    "Slicer.editor_scenarios": "Slicer.editor_case",
    "Slicer.module_scenarios": "Slicer.module_case",
    "Effects.scenarios": "Effects.prompt_case",
    "Effects.surroundings": "Effects.prompt_case",
    "Effects.interruptions": "Effects.prompt_case",
    "Effects.frames": "Effects.frames_case",
    "Effects.fewshot_scenarios": "Effects.fewshot_case",
    "Effects.fewshot_interruptions": "Effects.fewshot_case",
    "Effects.incontext_scenarios": "Effects.incontext_case",
    "Effects.incontext_interruptions": "Effects.incontext_case",
    "Effects.diffusion_scenarios": "Effects.diffusion_case",
    "Effects.diffusion_interruptions": "Effects.diffusion_case",
}
"""Scenarios -> where `open_case(driver)` is."""


def scenarios_of(name: str) -> list[Callable]:
    """Return the scenarios of a module in the order in which they are written."""
    module = importlib.import_module(name)
    functions = [value for _, value in inspect.getmembers(module, inspect.isfunction) if value.__module__ == name]
    public = [function for function in functions if not function.__name__.startswith("_")]
    return sorted(public, key=lambda function: function.__code__.co_firstlineno)


def case_of(name: str, driver):
    """Open a fresh case for the scenarios of a module."""
    return importlib.import_module(MODULES[name]).open_case(driver)
