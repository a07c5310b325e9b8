"""The XML that Slicer reads and the parser of the command line describe one and the same."""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree

import pytest
from CLI.conftest import CENTER
from MedSegAICore import __version__
from MedSegAICore.models.catalogue import load_catalogue


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
    ignored = ("help", "version", "returnparameterfile")
    return {action.dest: action for action in module.parser()._actions if action.dest not in ignored}


@pytest.fixture(scope="module")
def inputs(parameters):
    """The parameters that travel on the command line: all but simple values that come back."""
    files = ("image", "file", "pointfile", "region")
    return {
        name: found for name, found in parameters.items() if found.findtext("channel") != "output" or found.tag in files
    }


def test_both_know_the_same_parameters(inputs, options):
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
        if found.tag == "boolean":
            assert isinstance(action, argparse._StoreTrueAction), name
        if found.tag in ("integer", "double"):
            assert action.type is {"integer": int, "double": float}[found.tag], name
        if found.get("multiple") == "true":
            assert isinstance(action, argparse._AppendAction), name


def test_choices_agree(inputs, options):
    def elements(name):
        return [element.text for element in inputs[name].findall("element")]

    for name in ("scope", "method", "direction"):
        assert elements(name) == list(options[name].choices)
    promptable = [spec.name for spec in load_catalogue().values() if spec.paradigm == "prompt"]
    assert sorted(elements("model")) == sorted(promptable)


def test_the_report_holds_what_the_description_promises(parameters, inputs, scan, command):
    promised = set(parameters) - set(inputs)
    report = scan.folder / "report.params"
    inside = scan.points("inside", CENTER)
    options = ("--positive", inside, "--scope", "axial", "--returnparameterfile", report)
    assert command(scan.image, scan.folder / "labels.nrrd", *options) == 0
    assert {line.split(" = ")[0] for line in report.read_text().splitlines()} == promised


def test_the_version_is_that_of_the_core(description):
    assert description.findtext("version") == __version__
