"""The XML that Slicer reads and the parser of the command for tasks describe one and the same."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree

import pytest
from CLI.incontext.conftest import LABELS
from MedSegAICore import __version__
from MedSegAICore.models.catalogue import load_catalogue

ONLY_TYPED = {"help", "version", "returnparameterfile", "example"}
"""Slicer has one volume with its label map in place of --example."""


@pytest.fixture(scope="module")
def description(script):
    return ElementTree.parse(script.with_suffix(".xml")).getroot()  # noqa: S314  our own file


@pytest.fixture(scope="module")
def parameters(description):
    return {
        found.findtext("name"): found for found in description.findall("parameters/*") if found.find("name") is not None
    }


@pytest.fixture(scope="module")
def options(module):
    return {action.dest: action for action in module.parser()._actions if action.dest not in ONLY_TYPED}


@pytest.fixture(scope="module")
def inputs(parameters):
    """The parameters that travel on the command line: all but simple values that come back."""
    return {
        name: found
        for name, found in parameters.items()
        if found.findtext("channel") != "output" or found.tag in ("image", "file")
    }


def test_both_know_the_same_parameters(inputs, options):
    assert set(inputs) == set(options)
    for name, found in inputs.items():
        assert options[name].option_strings == [found.findtext("longflag")]


def test_defaults_kinds_and_choices_agree(inputs, options):
    for name, found in inputs.items():
        action, default = options[name], found.findtext("default")
        assert isinstance(action, argparse._StoreTrueAction) == (found.tag == "boolean"), name
        if found.tag in ("integer", "double"):
            assert action.type is {"integer": int, "double": float}[found.tag], name
        if default:
            expected = default == "true" if found.tag == "boolean" else (action.type or str)(default)
            assert action.default == expected, name
        if action.choices:
            assert [element.text for element in found.findall("element")] == list(action.choices), name


def test_every_model_can_be_chosen(inputs):
    elements = [element.text for element in inputs["model"].findall("element")]
    assert sorted(elements) == sorted(name for name, spec in load_catalogue().items() if spec.paradigm == "incontext")


def test_the_report_holds_what_the_description_promises(parameters, inputs, people, task, tmp_path, command):
    report = tmp_path / "report.params"
    assert command(*task, "--example", *people.first, *LABELS, "--returnparameterfile", report) == 0
    assert {line.split(" =")[0] for line in report.read_text().splitlines()} == set(parameters) - set(inputs)


def test_the_version_is_that_of_the_core(description):
    assert description.findtext("version") == __version__
