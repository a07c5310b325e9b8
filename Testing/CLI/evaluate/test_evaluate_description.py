"""The XML that Slicer reads and the parser of the command line describe one and the same, as for the other module."""

from __future__ import annotations

from CLI.test_module_description import (  # noqa: F401  the same tests and fixtures, on this folder's script
    description,
    inputs,
    options,
    parameters,
    test_both_know_the_same_parameters,
    test_defaults_agree,
    test_flags_and_positions_agree,
    test_kinds_agree,
    test_the_version_is_that_of_the_core,
)
from Core.evaluation.report.test_tables import evaluation_of, four_cases


def test_choices_agree(inputs, options):  # noqa: F811
    listed = {name: [one.text for one in found.findall("element")] for name, found in inputs.items()}
    chosen = {name: choices for name, choices in listed.items() if choices}
    assert chosen == {name: list(action.choices) for name, action in options.items() if action.choices}
    assert set(chosen) == {"protocol", "rule", "scheme", "prompt"}


def test_the_report_holds_what_the_description_promises(parameters, inputs, module):  # noqa: F811
    text = module.report_text(evaluation_of(*four_cases()), ["One.", "Two\nlines."])
    values = dict(line.split(" = ") for line in text.splitlines())
    assert set(values) == set(parameters) - set(inputs)
    assert values == {"cases": "4", "failures": "0", "mean": "0.5500", "warnings": "One. Two lines."}
