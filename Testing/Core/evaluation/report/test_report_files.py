"""The files that an evaluation leaves behind, plots included."""

from __future__ import annotations

import csv
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from Core.evaluation.report.test_tables import evaluation_of, four_cases
from fakes.questions import SCORE, a_record
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import RecordsDamaged
from MedSegAICore.evaluation.error_maps import error_map, worst_first, write_error_map
from MedSegAICore.evaluation.report.environment import environment, processor_name
from MedSegAICore.evaluation.report.evaluation import Evaluation
from MedSegAICore.evaluation.report.files import write_report
from MedSegAICore.evaluation.report.plots import draw_cases, draw_clicks, draw_plots, draw_volumes
from MedSegAICore.evaluation.report.results import read_results, results_text, write_cases
from MedSegAICore.evaluation.work import Quantity
from MedSegAICore.geometry import VolumeGeometry

GEOMETRY = VolumeGeometry.from_components((4, 5, 6), (1, 2, 3), (-10, 20, 30))


def no_masks(record, run):
    return np.zeros(GEOMETRY.shape, bool), np.zeros(GEOMETRY.shape, bool), GEOMETRY


def test_results_come_back_as_they_were(tmp_path):
    evaluation = evaluation_of(*four_cases(), a_record("s7", dice=0.0, failure="broke", values={"x": math.inf}))
    path = tmp_path / "results.json"
    path.write_text(results_text(evaluation, ()))
    again = read_results(path)
    assert vars(again) == vars(evaluation)
    assert json.loads(path.read_text())["summary"][0]["cases"] == 3


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": "MedSegAI evaluation 9"}', '{"format": 3, "records": 1}']
)
def test_other_files_are_no_results(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(RecordsDamaged, match=r"results\.json"):
        read_results(path)


def test_every_case_is_a_line(tmp_path):
    records = [*four_cases(), a_record("s7", dice=0.0, failure='said "no",\nthen left')]
    write_cases(tmp_path / "cases.csv", evaluation_of(*records))
    with (tmp_path / "cases.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 5
    assert [float(row["dice"]) for row in rows] == [record.values["dice"] for record in records]
    assert rows[-1]["failure"] == records[-1].failure


def test_a_report_is_whole_and_compares_with_an_earlier_one(tmp_path):
    earlier = evaluation_of(*four_cases())
    warnings = write_report(tmp_path, evaluation_of(*four_cases(better=0.1)), earlier, no_masks, 2, Run())
    assert warnings == ()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cases.csv", "cases.png", "results.json", "table.md"]
    assert "m (earlier)" in (tmp_path / "table.md").read_text()


def test_without_matplotlib_there_are_tables_and_a_warning(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (warning,) = write_report(tmp_path, evaluation_of(*four_cases()), None, no_masks, 2, Run())
    assert "matplotlib" in warning
    assert (tmp_path / "table.md").exists()


def test_error_maps_are_written_for_the_worst_cases_and_replace_older_ones(tmp_path):
    def masks(record, run):
        truth = np.zeros(GEOMETRY.shape, bool)
        truth[1:3, 1:3, 1:3] = True
        return (truth if record.item.subject == "s1" else np.roll(truth, 1, axis=2)), truth, GEOMETRY

    (tmp_path / "errors").mkdir()
    (tmp_path / "errors" / "error_001_old.seg.nrrd").touch()
    (tmp_path / "errors" / "mine.seg.nrrd").touch()
    records = [a_record("s0", "left/lung", dice=0.5), a_record("s1", dice=0.4), a_record("s2", dice=0.9)]
    write_report(tmp_path, evaluation_of(*records), None, masks, 2, Run())
    names = sorted(file.name for file in (tmp_path / "errors").iterdir())
    assert names == ["error_002_m_s0_left_lung.seg.nrrd", "mine.seg.nrrd"]


def test_an_error_map_tells_what_is_right_added_and_missed(tmp_path):
    truth = np.zeros(GEOMETRY.shape, bool)
    truth[1, 1, 1:4] = True
    prediction = np.roll(truth, 1, axis=2)
    labels = error_map(prediction, truth)
    assert labels[1, 1].tolist() == [0, 3, 1, 1, 2, 0]
    assert not labels[[0, 2, 3]].any()
    path = tmp_path / "map.seg.nrrd"
    write_error_map(path, prediction, truth, GEOMETRY)
    written = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), labels)
    assert [written.GetMetaData(f"Segment{n}_Name") for n in range(3)] == [
        "Correct",
        "False positive",
        "False negative",
    ]
    assert written.GetSpacing() == (1, 2, 3)


def test_nothing_predicted_is_all_missed(tmp_path):
    truth = np.ones(GEOMETRY.shape, bool)
    assert set(np.unique(error_map(~truth, truth))) == {3}
    write_error_map(tmp_path / "map.seg.nrrd", ~truth, truth, GEOMETRY)
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "map.seg.nrrd"))))) == {3}


@pytest.mark.parametrize(
    ("higher_is_better", "order"), [(True, [-3.0, 0.5, 2.0]), (False, [2.0, 0.5, -3.0]), (None, [-3.0, 2.0, 0.5])]
)
def test_the_worst_case_comes_first(higher_is_better, order):
    records = [a_record(f"s{value}", dice=value) for value in (0.5, 2.0, -3.0)]
    quantity = replace(SCORE, higher_is_better=higher_is_better)
    found = worst_first(evaluation_of(*records, quantities=(quantity,)))
    assert [record.values["dice"] for record in found] == order


def test_the_environment_names_what_a_reader_must_know():
    found = environment()
    for name in ("Date", "Versions", "System", "Processor", "Memory", "Graphics card"):
        assert found[name]
    assert "numpy" in found["Versions"]
    assert processor_name()


def with_all_values() -> Evaluation:
    quantities = (
        SCORE,
        Quantity("volume_difference", "Volume difference", "ml", None, ""),
        Quantity("true_volume", "Reference volume", "ml", None, "", shown=False),
        *(Quantity(f"dice_{click}", "Dice", "", True, "", clicks=click) for click in range(3)),
    )
    values = {"volume_difference": -3.0, "true_volume": 40.0, "dice_0": 0.2, "dice_1": 0.5, "dice_2": 0.7}
    records = [a_record(f"s{n}", label, m, values=values) for n in range(5) for label in "ab" for m in "xy"]
    return evaluation_of(
        *records, a_record("s9", dice=0.0, values=values | {"true_volume": 4000.0}), quantities=quantities
    )


def test_every_plot_is_drawn_where_its_values_are(tmp_path):
    files = draw_plots(tmp_path, with_all_values())
    assert [file.name for file in files] == ["cases.png", "volumes.png", "clicks.png"]
    for file in files:
        width, height = sitk.ReadImage(str(file)).GetSize()
        assert min(width, height) > 300


def test_dots_crosses_and_names_are_on_the_plot_of_cases():
    evaluation = evaluation_of(*four_cases(), a_record("s3", "spleen", dice=0.0))
    axes = draw_cases(evaluation).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["liver (n = 2)", "spleen (n = 3)"]
    drawn = sum(len(collection.get_offsets()) for collection in axes.collections)
    assert drawn == len(evaluation.records)


def test_conditions_have_rows_and_panels_of_their_own():
    evaluation = with_all_values()
    records = [
        replace(record, item=replace(record.item, condition=f"{supports} supports"))
        for supports in (1, 4, 16, 64)
        for record in evaluation.of_method("x")
    ]
    evaluation = replace(evaluation, records=tuple(records))
    rows = [label.get_text() for label in draw_cases(evaluation).axes[0].get_yticklabels()]
    assert rows[:3] == ["a, 1 supports (n = 5)", "b, 1 supports (n = 5)", "a, 4 supports (n = 5)"]
    panels = draw_volumes(evaluation).axes
    titles = [axes.get_title().splitlines()[0] for axes in panels if axes.axison]
    assert titles == [f"x, {supports} supports" for supports in (1, 4, 16, 64)]
    assert len(panels) == 6


def test_titles_of_neighbouring_panels_do_not_touch():
    evaluation = with_all_values()
    condition = "16 supports, masks deranged"
    records = [
        replace(record, method=method, item=replace(record.item, condition=condition))
        for record in evaluation.of_method("x")
        for method in ("mean-mask", "first-mask", "registration")
    ]
    figure = draw_volumes(replace(evaluation, records=tuple(records)))
    figure.draw_without_rendering()
    first, second, third = (axes.title.get_window_extent() for axes in figure.axes)
    assert first.x1 < second.x0
    assert second.x1 < third.x0


def test_limits_of_agreement_are_those_of_bland_and_altman():
    difference = [-3.0, 1.0, 5.0, 2.0]
    records = [
        a_record(f"s{n}", values={"volume_difference": value, "true_volume": 50.0})
        for n, value in enumerate(difference)
    ]
    axes = draw_volumes(replace(with_all_values(), records=tuple(records))).axes[0]
    heights = sorted({line.get_ydata()[0] for line in axes.lines} - {0})
    bias, spread = np.mean(difference), 1.96 * np.std(difference, ddof=1)
    assert heights == pytest.approx([bias - spread, bias, bias + spread])


def test_the_curve_of_clicks_goes_through_the_means():
    axes = draw_clicks(with_all_values()).axes[0]
    assert [line.get_label() for line in axes.lines] == ["x (n = 10)", "y (n = 10)", "m (n = 1)"]
    assert axes.lines[0].get_ydata() == pytest.approx([0.2, 0.5, 0.7])


def test_one_method_has_a_line_for_each_label():
    evaluation = with_all_values()
    axes = draw_clicks(replace(evaluation, records=evaluation.of_method("x"))).axes[0]
    assert [line.get_label() for line in axes.lines] == ["a (n = 5)", "b (n = 5)", "all (n = 10)"]


def test_without_the_values_there_is_no_plot():
    assert draw_clicks(evaluation_of(a_record())) is None
    assert draw_volumes(evaluation_of(a_record())) is None
    assert draw_cases(evaluation_of()) is None
