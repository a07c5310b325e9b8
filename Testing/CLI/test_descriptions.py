"""The XML that Slicer reads and the parser of the command line describe one and the same, for every module."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from CLI.conftest import description_of, inputs_of, loaded
from MedSegAICore import __version__
from MedSegAICore.fewshot.fit import BEST
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.prompt_default import AUTO
from MedSegAICore.request import DiffusionTask

SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "MedSegAI" / "CLI").glob("*/*.py"))

ONLY_TYPED = {"help", "version", "returnparameterfile", "example"}
"""Slicer has volumes with label maps in place of --example, and gives the name of the file for the report itself."""

CHOICES = {
    "MedSegAICohort": set(),
    "MedSegAIDiffusion": {"solver", "combine", "measure", "scope", "direction"},
    "MedSegAIEvaluate": {"protocol", "rule", "scheme", "prompt"},
    "MedSegAIFewShot": set(),
    "MedSegAIInContext": {"direction", "combine"},
    "MedSegAIPrompt": {"scope", "method", "direction"},
}
"""By module, the parameters whose values both name."""

MODELS = {
    ("MedSegAIDiffusion", "model"): ("diffusion", {DiffusionTask.model}),
    ("MedSegAIFewShot", "method"): ("fewshot", {BEST}),
    ("MedSegAIInContext", "model"): ("incontext", set()),
    ("MedSegAIPrompt", "model"): ("prompt", {AUTO}),
}
"""Parameters that name models: of which paradigm, and what else can be chosen."""


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    """Every command line module in its turn."""
    return request.param


@pytest.fixture(scope="module")
def inputs(script):
    return inputs_of(script)


@pytest.fixture(scope="module")
def options(script):
    return {action.dest: action for action in loaded(script).parser()._actions if action.dest not in ONLY_TYPED}


def elements(parameter) -> list[str]:
    return [element.text for element in parameter.findall("element")]


def test_every_module_is_known_here():
    assert {script.stem for script in SCRIPTS} == set(CHOICES)


def test_both_know_the_same_parameters(inputs, options):
    assert len(inputs) > 5
    assert set(inputs) == set(options)


def test_flags_and_positions_agree(inputs, options):
    positions = {
        name: int(found.findtext("index")) for name, found in inputs.items() if found.find("index") is not None
    }
    positional = [action.dest for action in options.values() if not action.option_strings]
    assert sorted(positions, key=positions.get) == positional
    for name, found in inputs.items():
        if name not in positions:
            assert options[name].option_strings == [found.findtext("longflag")]


def test_defaults_agree(inputs, options):
    for name, found in inputs.items():
        default = found.findtext("default")
        if default:
            action = options[name]
            expected = default == "true" if found.tag == "boolean" else (action.type or str)(default)
            assert action.default == expected, name


def test_kinds_agree(inputs, options):
    for name, found in inputs.items():
        action = options[name]
        assert isinstance(action, argparse._StoreTrueAction) == (found.tag == "boolean"), name
        if found.tag in ("integer", "double"):
            assert action.type is {"integer": int, "double": float}[found.tag], name
        if found.get("multiple") == "true":
            assert isinstance(action, argparse._AppendAction), name


def test_choices_agree(script, inputs, options):
    chosen = {name: list(action.choices) for name, action in options.items() if action.choices}
    assert set(chosen) == CHOICES[script.stem]
    assert chosen == {name: elements(inputs[name]) for name in chosen}


def test_every_model_can_be_chosen(script, inputs):
    listed = {name for name, found in inputs.items() if found.findall("element")} - CHOICES[script.stem]
    assert listed == {name for module, name in MODELS if module == script.stem}
    for name in listed:
        paradigm, others = MODELS[script.stem, name]
        models = {model for model, spec in load_catalogue().items() if spec.paradigm == paradigm}
        assert sorted(elements(inputs[name])) == sorted(models | others)


def test_the_version_is_that_of_the_core(script):
    assert description_of(script).findtext("version") == __version__
