"""Rows, differences and the text around them."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from fakes.questions import DISTANCE, SCORE, a_record
from hypothesis import given, settings
from hypothesis import strategies as st
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.report.comparison import compare_methods, compare_with_earlier
from MedSegAICore.evaluation.report.evaluation import Evaluation
from MedSegAICore.evaluation.report.markdown import markdown_table, report_text
from MedSegAICore.evaluation.report.summary import summarize

ENVIRONMENT = {"Date": "2026-01-01 00:00 UTC", "Processor": "one"}


def evaluation_of(*records, **changes) -> Evaluation:
    made = Evaluation("numbers", 7, {"Methods": ["m"]}, ENVIRONMENT, (SCORE, DISTANCE), records)
    return replace(made, **changes)


def four_cases(method="m", better=0.0):
    return [a_record(f"s{n}", label, method, 0.5 + 0.1 * n + better) for n in range(2) for label in ("liver", "spleen")]


def test_there_is_a_row_for_each_label_and_one_for_all():
    rows = summarize(evaluation_of(*four_cases()))
    assert [row.label for row in rows] == ["liver", "spleen", "all"]
    assert [(row.cases, row.subjects) for row in rows] == [(2, 2), (2, 2), (4, 2)]
    assert rows[0].estimates["dice"].mean == pytest.approx(0.55)
    assert rows[0].estimates["hd95"].mean == pytest.approx(4.5)


def test_one_label_needs_no_row_for_all():
    (row,) = summarize(evaluation_of(a_record()))
    assert row.label == "liver"


def test_labels_of_several_sets_are_told_apart():
    here = a_record()
    there = replace(here, item=replace(here.item, dataset="other"))
    assert [row.label for row in summarize(evaluation_of(here, there))] == ["drawn: liver", "other: liver", "all"]


def test_failures_are_counted_and_stay_in_the_mean():
    records = [a_record("s0"), a_record("s1", dice=0.0, failure="broke"), a_record("s2", dice=0.0), a_record("s3")]
    (row,) = summarize(evaluation_of(*records))
    assert (row.cases, row.failures) == (4, 2)
    assert row.estimates["dice"].mean == pytest.approx(0.45)


@settings(max_examples=20, deadline=None)
@given(st.permutations(four_cases() + four_cases("n", 0.1)))
def test_the_order_of_the_cases_changes_no_row(records):
    def key(row):
        return (row.method, row.label)

    expected = sorted(summarize(evaluation_of(*four_cases(), *four_cases("n", 0.1))), key=key)
    assert sorted(summarize(evaluation_of(*records)), key=key) == expected


def test_methods_are_compared_on_the_cases_that_both_have():
    records = [*four_cases("old"), *four_cases("new", 0.1)[:3], a_record("s9", "liver", "new")]
    compared = {(row.label, row.quantity): row for row in compare_methods(evaluation_of(*records))}
    assert {(row.first, row.second) for row in compared.values()} == {("new", "old")}
    liver, spleen = compared["liver", "dice"], compared["spleen", "dice"]
    assert (liver.paired.difference.cases, liver.unpaired) == (2, 1)
    assert (spleen.paired.difference.cases, spleen.unpaired) == (1, 1)
    assert liver.paired.difference.mean == pytest.approx(0.1)
    assert math.isnan(liver.paired.probability_better)  # two people say nothing about others
    assert compared["liver", "hd95"].paired.difference.mean == pytest.approx(-1)


def test_a_method_is_compared_with_itself_earlier():
    now, before = evaluation_of(*four_cases(better=-0.2)), evaluation_of(*four_cases())
    first = compare_with_earlier(now, before)[0]
    assert (first.first, first.second) == ("m", "m (earlier)")
    assert first.paired.difference.mean == pytest.approx(-0.2)


def test_two_lone_methods_are_compared_whatever_they_are_called():
    row = compare_with_earlier(evaluation_of(*four_cases("b")), evaluation_of(*four_cases("a")))[0]
    assert (row.first, row.second) == ("b", "a (earlier)")


def test_earlier_results_of_other_data_are_refused():
    with pytest.raises(InvalidRequest, match="share no method"):
        compare_with_earlier(evaluation_of(a_record("s0")), evaluation_of(a_record("s1")))


def test_a_table_lines_up_and_keeps_bars_apart():
    assert markdown_table(["a", "b"], [["x|y", "1"], ["z", "22"]]) == (
        "| a    | b  |\n|------|----|\n| x\\|y | 1  |\n| z    | 22 |\n"
    )


def test_the_report_says_all_that_is_needed_to_believe_it():
    evaluation = evaluation_of(*four_cases(), a_record("s3", "spleen", dice=0.0, failure="no | answer"))
    text = report_text(evaluation, compare_methods(evaluation), evaluation.records[-1:])
    for said in ("- Protocol: numbers", "- Seed: 7", "- Methods: m", "- Processor: one", "Not a medical device"):
        assert said in text
    assert "Dice, higher is better: 2 |A and B| / (|A| + |B|)" in text
    assert "HD95 [mm], lower is better: 95th percentile" in text
    assert "no \\| answer" in text
    assert "| m      | all    | 5 | 3        | 1        | 0.440 (0.000 to 0.600) |" in text
    assert "## Differences" not in text


def test_a_difference_is_shown_with_its_chance():
    third = [a_record("s2", "liver", "old", 0.5), a_record("s2", "liver", "new", 0.6)]
    evaluation = evaluation_of(*four_cases("old"), *four_cases("new", 0.1), *third)
    text = report_text(evaluation, compare_methods(evaluation), ())
    assert re.search(
        r"\| new +\| old +\| liver +\| Dice +\| 0\.100 \(0\.100 to 0\.100\) +\| 1\.000 +\| 3 \| 3 +\|", text
    )
    assert re.search(r"\| new +\| old +\| liver +\| HD95 \[mm\] +\| -1\.00 \(-1\.00 to -1\.00\) +\| 1\.000 ", text)
    assert "## Worst cases" not in text


def test_two_people_have_no_interval_and_the_table_says_that_they_are_two():
    evaluation = evaluation_of(*four_cases("old"), *four_cases("new", 0.1))
    text = report_text(evaluation, compare_methods(evaluation), ())
    assert re.search(r"\| old +\| liver +\| 2 \| 2 +\| 0 +\| 0\.550 \(-\) +\|", text)
    assert re.search(r"\| new +\| old +\| liver +\| Dice +\| 0\.100 \(-\) +\| - +\| 2 \| 2 +\|", text)
    assert " to " not in text[text.index("| method") : text.index("- Dice")]
    assert "a dash with fewer than 3 subjects" in text


def with_supports(method, better=0.0):
    return [
        replace(record, item=replace(record.item, condition=f"{supports} supports"))
        for supports in (4, 16)
        for record in four_cases(method, better + supports / 100)
    ]


def test_conditions_are_never_mixed():
    evaluation = evaluation_of(*with_supports("old"), *with_supports("new", 0.1))
    rows = {(row.method, row.condition, row.label): row for row in summarize(evaluation)}
    assert len(rows) == 2 * 2 * 3
    assert rows["old", "4 supports", "all"].cases == 4
    assert rows["old", "4 supports", "all"].estimates["dice"].mean == pytest.approx(0.59)
    assert rows["old", "16 supports", "all"].estimates["dice"].mean == pytest.approx(0.71)
    compared = compare_methods(evaluation)
    assert {(row.condition, row.unpaired) for row in compared} == {("4 supports", 0), ("16 supports", 0)}
    assert {round(row.paired.difference.mean, 6) for row in compared if row.quantity == "dice"} == {0.1}
    text = report_text(evaluation, compared, ())
    assert re.search(r"\| method \| condition +\| label +\| n \|", text)
    assert re.search(r"\| old +\| 16 supports \| all +\| 4 \|", text)
    assert re.search(r"\| new +\| old +\| 16 supports \| liver +\| Dice", text)


def test_without_conditions_there_is_no_column_for_them():
    evaluation = evaluation_of(*four_cases("old"), *four_cases("new"))
    assert "condition" not in report_text(evaluation, compare_methods(evaluation), ())


def test_what_was_not_timed_has_no_columns_for_time():
    untimed = [replace(record, seconds=math.nan, peak_memory_mb=math.nan) for record in four_cases()]
    assert "seconds" in report_text(evaluation_of(*four_cases()), (), ())
    assert "seconds" not in report_text(evaluation_of(*untimed), (), ())
