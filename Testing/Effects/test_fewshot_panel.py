"""The panel of the AI Few-shot effect: its dialogs, its keys, and what it offers."""

from __future__ import annotations

import pytest
import qt
from Effects.fewshot_case import FewShotCase


@pytest.fixture
def open_case(desktop, registered):
    return lambda: FewShotCase(desktop)


@pytest.fixture
def case(open_case):
    return open_case()


@pytest.fixture
def answer(monkeypatch):
    """Answer every question for a file or a folder."""

    def answer(path) -> None:
        for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
            monkeypatch.setattr(qt.QFileDialog, name, staticmethod(lambda *_arguments: str(path)))

    return answer


def test_a_model_is_saved_under_a_name_that_ends_as_it_should_and_loaded_again(case, answer, tmp_path) -> None:
    case.have_learned()
    answer(tmp_path / "mine")

    case.ui.saveModelButton.click()
    answer(tmp_path / "mine.safetensors")
    case.ui.loadModelButton.click()

    assert case.session.model.file == tmp_path / "mine.safetensors"
    assert case.ui.supportModelSelector.currentText == "mine"
    case.ui.supportModelSelector.currentIndex = 0
    assert case.session.model is None


def test_a_place_that_cannot_be_written_is_named(case, answer, tmp_path) -> None:
    case.have_learned()
    answer(tmp_path / "no folder" / "mine")

    case.ui.saveModelButton.click()

    assert "'mine.safetensors' cannot be written" in case.ui.fewShotStatusLabel.text


@pytest.mark.parametrize("button", ["addFolderButton", "addSetButton", "loadModelButton"])
def test_a_question_that_is_not_answered_changes_nothing(case, answer, button) -> None:
    answer("")

    getattr(case.ui, button).click()

    assert case.session.examples.items == []
    assert not case.session.isBusy


def test_a_folder_without_examples_is_explained(case, answer, tmp_path) -> None:
    answer(tmp_path)

    case.ui.addFolderButton.click()

    assert "holds no image with its labels" in case.ui.fewShotStatusLabel.text


def test_a_method_without_its_weights_says_so_and_does_not_learn(case, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MEDSEGAI_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    case.editor.setActiveEffectByName("")
    case.editor.setActiveEffectByName("AI Few-shot")
    case.add_examples(0)
    assert case.ui.learnButton.enabled
    titles = [case.ui.methodSelector.itemText(index) for index in range(case.ui.methodSelector.count)]

    case.ui.methodSelector.currentIndex = next(n for n, title in enumerate(titles) if "needs" in title)

    assert "Needs" in case.ui.methodStateLabel.text
    assert not case.ui.learnButton.enabled


def test_a_key_applies(case) -> None:
    case.have_learned()
    case.segment()

    case.driver.mouse().key("a")

    assert case.segments() == ["liver", "kidney"]


def test_without_a_volume_and_a_segmentation_nothing_is_added(case) -> None:
    case.choose(case.volume, None)

    assert "Choose a volume" in case.ui.fewShotStatusLabel.text


def test_an_example_that_is_added_again_is_brought_up_to_date(case) -> None:
    case.add_examples(0)
    volume, segmentation = case.examples[0]
    segmentation.GetSegmentation().RemoveSegment("kidney")

    case.choose(volume, segmentation)

    assert [item.labels for item in case.session.examples.items] == [("liver",)]


def test_every_editor_has_examples_of_its_own(case, open_case) -> None:
    case.add_examples(0)
    other = open_case()

    assert other.session is not case.session
    assert other.session.examples.items == []
