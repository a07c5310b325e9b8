"""The table and the page of a cohort: what to look at first comes first, and nothing is loaded from elsewhere."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import SimpleITK as sitk
from Core.cohort.conftest import make_balls, write_ball
from MedSegAICore.cohort import page
from MedSegAICore.cohort.case_loop import CaseReport
from MedSegAICore.cohort.case_record import CaseFailure, CaseRecord, StructureRecord
from MedSegAICore.cohort.case_work import CaseJob
from MedSegAICore.cohort.cohort_recipe import recipe_of_task
from MedSegAICore.cohort.manifest import Case
from MedSegAICore.cohort.summary import concerns_of, table_text, write_summary
from MedSegAICore.request import PromptTask

RECORD = CaseRecord("k", (), "r", "bright", "", {"medsegai": "0"}, "cpu", 1, 0.5, 0.7, (), (), {})


@pytest.fixture
def report(tmp_path):
    """Return a report of a case with a liver of some volume."""

    def make(name, ml=10.0, quality=None, failure=None):
        job = CaseJob(Case(name, tmp_path / "i.nrrd", name), recipe_of_task(PromptTask(())), tmp_path, ("nii.gz",))
        if failure:
            error = {"type": "InvalidImage", "message": failure, "advice": "Look."}
            return CaseReport(job, "failed", failure=CaseFailure("k", 2, error))
        part = StructureRecord("liver", 1, int(ml * 100), ml, quality)
        return CaseReport(job, "done", replace(RECORD, structures=(part,)))

    return make


def reasons(reports):
    return {
        report.job.case.name: " ".join(concern.reason for concern in found)
        for report, found in zip(reports, concerns_of(reports), strict=True)
    }


def test_a_volume_unlike_all_others_is_to_be_looked_at(report):
    usual = [report(f"p{index}", 10 + 0.3 * index) for index in range(8)]
    found = reasons([*usual, report("huge", 90.0), report("tiny", 0.5)])
    assert found["huge"].startswith("'liver' has 90 ml; half of all have less than")
    assert "half of all have more than" in found["tiny"]
    assert not any(found[f"p{index}"] for index in range(8))


def test_volumes_that_hardly_differ_have_no_outlier(report):
    assert not any(reasons([report(f"p{index}", 10 + 0.001 * (index == 7)) for index in range(8)]).values())


def test_a_few_volumes_are_not_compared(report):
    assert not any(reasons([report("a", 1.0), report("b", 1.0), report("c", 1.0), report("d", 90.0)]).values())


def test_failures_come_before_nothing_found_before_poor_before_unusual(report, tmp_path):
    usual = [report(f"p{index}", 10 + 0.3 * index) for index in range(8)]
    strange = [report("huge", 90.0), report("poor", 10, 0.55), report("empty", 0.0), report("broken", failure="It is.")]
    write_summary(tmp_path, [*usual, *strange], "Livers")
    names = re.findall(r'class="name">(\w+)<', (tmp_path / "index.html").read_text())
    assert names[0:2] == ["broken", "empty"]
    assert set(names[2:4]) == {"poor", "huge"}
    assert names[4:] == [f"p{index}" for index in range(8)]


class Loads(HTMLParser):
    """Collects everything that a browser would load or run."""

    def __init__(self):
        super().__init__()
        self.found, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.found += [values[name] for name in ("src", "href", "srcset", "data", "action") if values.get(name)]
        self.found += [name for name in values if name.startswith("on")]
        if tag in ("script", "link", "iframe", "object"):
            self.found.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_page_loads_nothing_runs_nothing_and_says_what_it_is_not(tmp_path):
    balls = make_balls(tmp_path / "data", 2)
    balls.table.write_text(
        "case,image,positive\n\"a & 'b'\",scan0.nrrd,middle.mrk.json\nc,none.nrrd,middle.mrk.json\n", encoding="utf-8"
    )
    balls.run(recipe=recipe_of_task(PromptTask((), "bright"), {"<script>alert(1)</script>": 1}))
    text = (balls.out / "index.html").read_text()
    loads = Loads()
    loads.feed(text)
    assert loads.found
    assert all(found.startswith("data:image/png;base64,") for found in loads.found)
    assert "url(" not in text
    assert '<i style="background:#e63d3d"></i>&lt;script&gt;' in text  # the colour of the outline
    assert "default-src 'none'" in text
    assert "Not a medical device" in loads.text
    assert "<script>alert(1)</script>: " in loads.text
    assert loads.text.index("There is no image file") < loads.text.index("a & 'b'")


def test_a_picture_shows_the_slice_with_most_of_the_structure_and_its_outline(tmp_path):
    balls = make_balls(tmp_path / "data", 1)
    balls.run()
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(balls.out / "p0.png")))
    assert picture.shape == (133, 160, 3)
    coloured = np.abs(picture.astype(int) - picture[..., :1]).max(axis=2) > 40
    rows, columns = np.nonzero(coloured)
    assert abs(rows.mean() - 66) < 4
    assert abs(columns.mean() - 80) < 4
    assert (rows.max() - rows.min()) * 40 / 133 == pytest.approx(20, abs=3)  # [mm]
    assert picture[66, 80].min() > 200
    assert picture[5, 5].max() < 100


def test_large_cohorts_have_a_page_that_a_browser_can_open(report, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_PICTURES", 3)
    write_summary(tmp_path, [report(f"p{index}") for index in range(5)], "Livers")
    text = (tmp_path / "index.html").read_text()
    assert text.count('class="card"') == 3
    assert "2 more cases are in summary.csv" in text


def test_no_cell_of_the_table_is_a_formula(report):
    reports = [report("=1+1"), report("@x", failure="-cmd")]
    table = list(csv.reader(io.StringIO(table_text(reports, concerns_of(reports)))))
    assert [row[0] for row in table] == ["case", "'=1+1", "'@x"]
    assert table[2][2].startswith("'-cmd")


def test_the_table_has_a_row_for_every_case_and_columns_for_every_structure(tmp_path):
    balls = make_balls(tmp_path / "data", 3)
    write_ball(balls.folder / "scan2.nrrd").unlink()
    balls.run()
    with (balls.out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["status"]) for row in rows] == [("p0", "done"), ("p1", "done"), ("p2", "failed")]
    assert {"ball ml", "ball voxels", "ball quality", "seconds", "model", "device", "warnings"} < set(rows[0])
    assert rows[2]["look at"].startswith("There is no image file. Choose")
