"""The panel of the AI In-context effect: its dialogs, its keys, and what it offers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import qt
import slicer
from Effects.incontext_case import TASK, InContextCase
from fakes.people import person
from MedSegAICore.recipe import recipes_from_json
from MedSegAICore.request import ContextOptions, InContextTask, SliceScope
from MedSegAICore.result import Provenance, SegmentationResult, Structure
from MedSegAICore.segmentation_file import RECIPE_TAG
from MedSegAICore.task_fields import task_to_dict
from MedSegAICore.volume import VolumePatch
from MedSegAILib.gui.structure_answer import StructureAnswer
from MedSegAILib.mrml.segments import lookOf, tagOf


@pytest.fixture
def open_case(desktop, registered):
    return lambda: InContextCase(desktop)


@pytest.fixture
def case(open_case):
    return open_case()


@pytest.fixture
def answer(monkeypatch):
    """Answer questions: for a folder, for a yes or no, for texts one after the other."""

    def answer(folder="", texts=(), agrees=True) -> None:
        left = iter(texts)
        monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: str(folder)))
        monkeypatch.setattr(qt.QInputDialog, "getText", staticmethod(lambda *_: next(left, "")))
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_: agrees)

    return answer


def result_of(case, labels=("liver",), scope=None, model="registered_context", seconds=2.0, candidates=0):
    """Return what a model could have found: the drawn organs, and candidates of which each is larger."""
    drawn = person(2)
    masks = {label: drawn.masks[label] for label in labels}
    structures = tuple(
        Structure(label, mask, VolumePatch(mask.array.astype(np.float16), mask.offset, mask.geometry))
        for label, mask in masks.items()
    )
    whole = VolumePatch.whole(np.any([mask.full() for mask in masks.values()], axis=0), drawn.image.geometry)
    larger = [VolumePatch.whole(np.roll(whole.array, n, axis=2), whole.geometry) for n in range(1, candidates + 1)]
    task = InContextTask(case.folder, TASK, model=model, **({"scope": scope} if scope else {}))
    made = Provenance(task_to_dict(task), case.image.fingerprint, model, "", "cpu", {}, seconds)
    return SegmentationResult(
        whole, replace(whole, array=whole.array.astype(np.float16)), made, None, tuple(larger), structures=structures
    )


def give(case, result, region=None) -> None:
    """Let the session hear an answer."""
    case.session._answered(case.volume, StructureAnswer(case.image, result, region))


@pytest.fixture
def answered(case):
    """A case whose image is known to the session, as after a question."""
    case.have_examples(0)
    case.image = case.session._images.of(case.volume)
    return case


def test_a_task_is_made_by_its_name_and_structures(case, answer) -> None:
    case.draw("liver", "kidney")
    answer(texts=["Organs in MR", "liver, kidney"])

    case.ui.newTaskButton.click()

    assert case.library.task("Organs in MR").labels == ("liver", "kidney")
    assert case.session.shelf.name == "Organs in MR"
    assert case.effect.parameters.text("Task") == "Organs in MR"


@pytest.mark.parametrize("texts", [[], [" "], ["name", " , "]])
def test_a_question_that_is_not_answered_makes_no_task(case, answer, texts) -> None:
    answer(texts=texts)

    case.ui.newTaskButton.click()

    assert case.library.tasks() == ()


def test_a_name_that_cannot_be_one_is_explained(case, answer) -> None:
    answer(texts=["a/b", "liver"])

    case.ui.newTaskButton.click()

    assert "cannot be the name of a task" in case.said


def test_a_task_is_shared_as_a_folder_and_taken_in_elsewhere(case, open_case, answer, tmp_path) -> None:
    case.have_examples(0)
    answer(folder=tmp_path)
    case.ui.shareTaskButton.click()
    assert "only as freely as the images" in case.said
    shared = tmp_path / TASK
    assert {file.name for file in shared.rglob("*") if file.is_file()} == {
        "task.json",
        "example.json",
        "image.nrrd",
        "labels.seg.nrrd",
    }

    other = open_case()
    answer(folder=shared)
    other.ui.takeTaskButton.click()

    assert other.session.shelf.name == TASK
    assert len(other.stored()) == 1


def test_a_task_is_removed_only_after_a_question(case, answer) -> None:
    case.have_examples(0)
    answer(agrees=False)
    case.ui.removeTaskButton.click()
    assert case.library.tasks() == (TASK,)

    answer(agrees=True)
    case.ui.removeTaskButton.click()

    assert case.library.tasks() == ()
    assert case.session.shelf.name == ""
    assert not case.ui.addSliceButton.enabled


def test_another_folder_has_other_tasks(case, answer, tmp_path, monkeypatch) -> None:
    case.have_examples(0)
    answer(folder=tmp_path)
    case.ui.libraryButton.click()
    assert case.ui.tasksTree.topLevelItemCount == 0
    assert case.session.shelf.folder == tmp_path

    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", staticmethod(lambda url: opened.append(url.toLocalFile())))
    case.ui.openLibraryButton.click()
    assert opened == [str(tmp_path)]


def test_a_task_is_chosen_in_the_list(case) -> None:
    case.make_task("liver", name="first")
    case.make_task("kidney", name="second")
    assert case.session.shelf.labels == ("kidney",)

    case.ui.tasksTree.setCurrentItem(case.ui.tasksTree.topLevelItem(0))

    assert case.session.shelf.labels == ("liver",)


def test_no_name_of_a_person_or_volume_is_stored(case) -> None:
    case.make_task("liver")
    case.volume.SetName("Doe^John 1961")
    case.draw("liver")

    case.ui.addVolumeButton.click()
    case.wait()
    case.ui.addSliceButton.click()

    files = [file for file in case.folder.rglob("*") if file.is_file()]
    assert len(files) == 7
    assert not any(b"Doe" in file.read_bytes() or "Doe" in str(file) for file in files)


def test_keys_apply(answered) -> None:
    give(answered, result_of(answered))

    answered.driver.mouse().key("a")

    assert answered.segments() == ["liver"]
    np.testing.assert_array_equal(answered.voxels("liver"), person(2).masks["liver"].full())


def test_a_task_is_renamed_and_stays_chosen(case, answer) -> None:
    case.have_examples(0)
    answer(texts=["Organs in CT"])
    case.ui.renameTaskButton.click()
    assert case.library.tasks() == ("Organs in CT",)
    assert case.session.shelf.name == "Organs in CT"
    assert case.ui.contextTree.topLevelItemCount == 1


def test_new_segments_look_as_on_the_first_example_of_the_task(case) -> None:
    case.make_task("liver")
    case.draw("liver")
    segmentation = case.segmentation.GetSegmentation()
    segment = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("liver"))
    segment.SetColor(0.25, 0.5, 0.75)
    look = lookOf(segment)
    case.ui.addSliceButton.click()
    segmentation.RemoveAllSegments()
    case.image = case.session._images.of(case.volume)
    give(case, result_of(case))
    case.ui.applyContextButton.click()
    written = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("liver"))
    assert lookOf(written) == look


def test_candidates_are_looked_at_with_a_slider_and_the_chosen_one_is_applied(answered) -> None:
    result = result_of(answered, candidates=2)
    give(answered, result)
    assert answered.ui.candidateSlider.maximum == 2

    answered.ui.candidateSlider.value = 2
    answered.effect.apply()

    np.testing.assert_array_equal(answered.voxels("liver"), result.candidates[1].array)
    segmentation = answered.segmentation.GetSegmentation()
    (recipe,) = recipes_from_json(tagOf(segmentation.GetSegment(segmentation.GetNthSegmentID(0)), RECIPE_TAG))
    assert recipe.task.candidate == 2
    answered.ui.candidateSlider.value = 0
    assert answered.session.canApply
    answered.effect.apply()
    np.testing.assert_array_equal(answered.voxels("liver"), result.mask.array)


def test_a_candidate_of_several_structures_keeps_them_apart(answered) -> None:
    result = result_of(answered, labels=("liver", "kidney"), candidates=1)

    liver, kidney = result.with_candidate(1).structures

    assert not (liver.mask.full() & kidney.mask.full()).any()
    assert not (liver.mask.full() & ~result.candidates[0].array).any()
    assert result.with_candidate(0) is result


def test_the_time_of_a_volume_is_told_once_a_network_has_done_a_slice(answered) -> None:
    assert answered.session.predictedSeconds is None
    plane = answered.effect.panel.plane
    answered.ui.viewSelector.currentIndex = 0
    answered.effect.parameters.set("Model", "universeg")
    region = _region(answered, plane)
    give(answered, result_of(answered, scope=SliceScope(plane), model="universeg"), region)

    assert answered.session.predictedSeconds == pytest.approx(2.0 * 18)
    assert "36 s at most" in answered.ui.predictedTimeLabel.text
    answered.ui.secondPassCheckBox.click()
    assert answered.session.predictedSeconds == pytest.approx(2 * 2.0 * 18)
    assert answered.session.settings.options == ContextOptions(second_pass=True)
    answered.effect.parameters.set("Model", "registered_context")
    assert answered.session.predictedSeconds is None


def test_options_of_networks_are_offered_for_networks_only(case) -> None:
    assert not case.ui.supportsSlider.enabled
    case.effect.parameters.set("Model", "tyche_ts")
    assert case.ui.supportsSlider.enabled


def test_a_model_without_its_weights_says_so_and_segments_nothing(case, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    case.have_examples(0)
    assert case.ui.segmentVolumeButton.enabled
    titles = [case.ui.contextModelSelector.itemText(index) for index in range(case.ui.contextModelSelector.count)]

    case.ui.contextModelSelector.currentIndex = next(n for n, title in enumerate(titles) if "needs" in title)

    assert not case.ui.segmentVolumeButton.enabled


def test_the_effect_shows_its_icon_and_help(case) -> None:
    assert not case.effect.icon().pixmap(21, 21).isNull()
    assert "Look here next" in case.effect.helpText()
    assert "Not a medical device" in case.effect.helpText()


def _region(case, plane):
    from MedSegAICore.incontext.slice_cut import slice_region

    return slice_region(case.image.geometry, plane)
