"""From examples to a file, and from that file to a result, as everybody calls it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from fakes.grids import image_stored_as, stored_as
from MedSegAICore import (
    Cancelled,
    CancelToken,
    CleanUp,
    Engine,
    FewShotTask,
    FitRequest,
    InvalidRequest,
    InvalidSupportModel,
    Recipe,
    SegmentationRequest,
    UnknownModel,
)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def report(engine, people, tmp_path_factory):
    file = tmp_path_factory.mktemp("learned") / "organs.safetensors"
    return engine.fit(FitRequest(people[:3], file))


@pytest.fixture(scope="session")
def result(engine, report, people):
    return engine.segment(SegmentationRequest(people[3].image, FewShotTask(report.file), "organs", 7))


def dice(mask, drawn) -> float:
    one, other = mask.full(), drawn.full()
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_the_report_says_what_was_learned(report):
    assert (report.model, report.labels) == ("registered", ("liver", "kidney"))
    assert report.sha256 == hashlib.sha256(report.file.read_bytes()).hexdigest()
    assert report.seconds > 0


def test_every_example_is_scored_by_what_the_others_teach(report):
    assert {label: len(scores) for label, scores in report.leave_one_out.items()} == {"liver": 3, "kidney": 3}
    assert all(0.8 < score <= 1 for scores in report.leave_one_out.values() for score in scores)


def test_every_structure_is_found(result, people):
    assert [structure.label for structure in result.structures] == ["liver", "kidney"]
    for structure in result.structures:
        assert dice(structure.mask, people[3].masks[structure.label]) > 0.88
    assert (result.segment, result.generation) == ("organs", 7)


def test_structures_do_not_overlap_and_make_up_the_mask(result):
    masks = [structure.mask.full() for structure in result.structures]
    assert not (masks[0] & masks[1]).any()
    assert np.array_equal(masks[0] | masks[1], result.mask.full())
    parts = [structure.probability.full() for structure in result.structures]
    assert np.array_equal(np.maximum(*parts), result.probability.full())


def test_the_expected_quality_is_what_leave_one_out_says(result, report):
    expected = [np.mean(scores) for scores in report.leave_one_out.values()]
    assert [structure.quality for structure in result.structures] == pytest.approx(expected)


def test_a_single_example_is_asked_back_about_itself(engine, people, tmp_path):
    report = engine.fit(FitRequest(people[:1], tmp_path / "one.safetensors"))
    assert not report.leave_one_out
    found = engine.segment(SegmentationRequest(people[3].image, FewShotTask(report.file)))
    assert all(0.6 < structure.quality < 1 for structure in found.structures)


def test_a_poor_answer_warns(engine, people, tmp_path):
    report = engine.fit(FitRequest(people[:1], tmp_path / "one.safetensors"))
    noise = np.random.default_rng(0).normal(size=people[3].image.array.shape).astype(np.float32)
    unlike = type(people[3].image)(noise, people[3].image.geometry)
    found = engine.segment(SegmentationRequest(unlike, FewShotTask(report.file)))
    assert any("expected to be poor" in warning or "Nothing was found" in warning for warning in found.warnings)


def test_a_recipe_makes_the_result_again(engine, result, people):
    recipe = Recipe.from_json(Recipe.from_result(result).to_json())
    again = engine.segment(recipe.request(people[3].image))
    assert all(
        np.array_equal(one.mask.full(), other.mask.full())
        for one, other in zip(result.structures, again.structures, strict=True)
    )


def test_a_recipe_refuses_another_support_model(engine, result, people, tmp_path):
    made = Recipe.from_result(result).task
    file = tmp_path / "other.safetensors"
    engine.fit(FitRequest(people[1:2], file))
    with pytest.raises(InvalidSupportModel, match="not the one that is asked for"):
        engine.segment(SegmentationRequest(people[3].image, FewShotTask(file, made.sha256)))


def test_the_storage_order_of_the_query_changes_nothing(engine, report, result, people):
    order, flips = (2, 0, 1), (-1, 1, -1)
    image = image_stored_as(people[3].image, order, flips)
    found = engine.segment(SegmentationRequest(image, FewShotTask(report.file)))
    for structure, expected in zip(found.structures, result.structures, strict=True):
        stored, _ = stored_as(expected.mask.full(), expected.mask.geometry, order, flips)
        assert (structure.mask.full() != stored).mean() < 1e-3


def test_clean_up_is_done_for_every_structure(engine, report, people):
    task = FewShotTask(report.file, threshold=0.2, clean_up=CleanUp(largest_island=True))
    found = engine.segment(SegmentationRequest(people[3].image, task))
    assert all(structure.mask.array.any() for structure in found.structures)


def test_another_model_than_the_files_own_is_refused(engine, report, people):
    with pytest.raises(UnknownModel, match="no model 'adaptive' for this task"):
        engine.segment(SegmentationRequest(people[3].image, FewShotTask(report.file, model="adaptive")))


def test_a_cancelled_fit_leaves_the_older_file(engine, people, tmp_path):
    file = tmp_path / "older.safetensors"
    file.write_bytes(b"older")
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        engine.fit(FitRequest(people[:2], file), cancel=token)
    assert file.read_bytes() == b"older"


def test_a_file_name_without_its_suffix_is_refused(people, tmp_path):
    with pytest.raises(InvalidRequest, match="no name for a support model"):
        FitRequest(people[:1], tmp_path / "organs.txt")
