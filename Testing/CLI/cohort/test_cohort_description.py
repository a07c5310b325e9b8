"""The XML that Slicer reads and the parser of the command for cohorts describe one and the same."""

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


def test_the_report_holds_what_the_description_promises(parameters, inputs, command, line, tmp_path):  # noqa: F811
    for more in ((), ("--dryRun",)):
        report = tmp_path / "report.params"
        assert command(*line, "--returnparameterfile", report, *more) == 0
        assert {row.split(" = ")[0] for row in report.read_text().splitlines()} == set(parameters) - set(inputs)
