"""The module's panel on the host's desktop: what it shows, and what its buttons do."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import slicer
from Effects.panel_fixtures import *  # noqa: F403
from Effects.panel_fixtures import rows
from fakes.models import fake_spec, fake_weights
from Host import qt_shim as qt
from Host.nodes import add_segmentation, add_volume
from MedSegAICore.engine.inspection import Device, Inspection
from MedSegAICore.models import licences
from MedSegAILib.gui import installer, models_panel, settings

CPU = Device("cpu", "Processor, 8 cores", 16 << 30)
GPU = Device("cuda:0", "NVIDIA RTX 4000", 8 << 30)


def findings(panel) -> list[str]:
    return [label.text for label in panel.ui.findingsFrame.findChildren(qt.QLabel) if label.text]


def press(panel, text: str) -> None:
    """Press the button of a finding."""
    buttons = panel.ui.findingsFrame.findChildren(qt.QPushButton)
    (button,) = [button for button in buttons if button.text == text and not button.isHidden()]
    button.click()


def test_the_module_says_what_it_is_before_it_is_opened(desktop) -> None:
    module = slicer.modules.medsegai

    assert (module.title, module.categories) == ("MedSegAI", ["Segmentation"])
    assert "Not a medical device" in module.helpText
    assert module.icon.availableSizes()
    assert not getattr(module, "hidden", False)


def test_a_complete_installation_is_ready_to_use(open_panel, process, wait) -> None:
    panel = open_panel(process)
    wait(lambda: "Ready to use" in panel.ui.summaryText.text)

    assert "The engine, which does the segmentation, starts and answers." in findings(panel)
    assert any(text.startswith("PyTorch 2") for text in findings(panel))
    assert ["torch", "PyTorch extension"] in [[row[0], row[3]] for row in rows(panel.ui.packagesTree)]
    assert not panel.ui.installPackagesButton.enabled


def test_models_are_ready_once_their_file_is_there(panel, folder) -> None:
    shown = {row[0]: row[1:] for row in rows(panel.ui.modelsTree)}
    assert shown["Adaptive (no weights)"] == ["ready", "", ""]
    assert shown["SAM ViT-B"] == ["file missing", "375 MB", "Apache-2.0"]

    (folder / "sam_vit_b_01ec64.pth").write_bytes(b"")
    panel.ui.checkAgainButton.click()

    assert ["SAM ViT-B", "ready"] in [row[:2] for row in rows(panel.ui.modelsTree)]


def test_the_selected_model_says_what_it_is_good_for_and_what_it_lacks(panel) -> None:
    tree = panel.ui.modelsTree
    assert "Learns from your prompts alone" in panel.ui.modelText.text

    panel.models.select("sam_vit_b")

    assert "sam_vit_b_01ec64.pth" in panel.ui.modelText.text
    panel.ui.checkAgainButton.click()
    assert tree.currentItem().text(0) == "SAM ViT-B"


@pytest.fixture
def strict(panel, tmp_path, monkeypatch):
    """A listed model whose licence must be accepted, selected in the list."""
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path / "user"))
    weights = fake_weights(licence="CC-BY-NC-4.0", licence_must_be_accepted=True)
    catalogue = {"plain": fake_spec("plain"), "strict": fake_spec("strict", title="Strict", weights=weights)}
    monkeypatch.setattr(models_panel, "load_catalogue", lambda: catalogue)
    panel.ui.checkAgainButton.click()
    tree = panel.ui.modelsTree
    tree.setCurrentItem(tree.topLevelItem(1))
    return catalogue["strict"]


def test_a_licence_is_shown_accepted_and_withdrawn(panel, strict, monkeypatch) -> None:
    asked, answers = [], [False, True]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: (asked.append(text), answers.pop(0))[1])
    ui = panel.ui
    assert rows(ui.modelsTree)[1][1] == "accept licence"
    assert f'<a href="{strict.weights.licence_url}">CC-BY-NC-4.0</a>' in ui.modelText.text

    ui.licenceButton.click()
    assert rows(ui.modelsTree)[1][1] == "accept licence"
    ui.licenceButton.click()
    assert rows(ui.modelsTree)[1][1] == "file missing"
    assert all(f'<a href="{strict.weights.licence_url}">CC-BY-NC-4.0</a>' in text for text in asked)
    assert ui.licenceButton.text == "No longer accept the licence"

    ui.licenceButton.click()
    assert rows(ui.modelsTree)[1][1] == "accept licence"
    assert len(asked) == 2


def test_only_licences_that_must_be_accepted_have_a_button(panel, strict) -> None:
    tree = panel.ui.modelsTree
    assert not panel.ui.licenceButton.isHidden()
    tree.setCurrentItem(tree.topLevelItem(0))
    assert panel.ui.licenceButton.isHidden()


def test_an_acceptance_that_cannot_be_recorded_is_told(panel, strict, tmp_path, monkeypatch) -> None:
    (tmp_path / "user").write_text("a file in its place")
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: True)

    panel.ui.licenceButton.click()

    assert "cannot be recorded" in panel.ui.jobText.text
    assert rows(panel.ui.modelsTree)[1][1] == "accept licence"


@pytest.mark.parametrize(
    ("name", "words"),
    [("published.pth", "the file that its authors publish. The model is ready."), ("mine.pth", "trained further?")],
)
def test_a_model_file_is_taken_in(panel, monkeypatch, wait, name, words) -> None:
    monkeypatch.setattr(models_panel, "IMPORT", "fakes.errands:take")
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: f"downloads/{name}")

    panel.ui.importModelButton.click()
    assert f"{name} is being recognised" in panel.ui.jobText.text
    assert not panel.ui.importModelButton.enabled

    wait(lambda: panel.ui.importModelButton.enabled)
    assert f"{name} is SAM ViT-B" in panel.ui.jobText.text
    assert words in panel.ui.jobText.text


def test_a_wrong_file_is_refused_in_words(panel, tmp_path, folder, wait) -> None:
    file = tmp_path / "notes.pth"
    file.write_text("not a model")

    panel.models.importFile(str(file))
    wait(lambda: panel.ui.importModelButton.enabled)

    assert panel.ui.jobText.text == (
        "The file was not taken. The checkpoint notes.pth is cut off or is not a checkpoint."
        " Download the checkpoint again."
    )
    assert list(folder.iterdir()) == []


def test_a_crash_while_a_file_is_read_is_told(panel, monkeypatch, wait) -> None:
    monkeypatch.setattr(models_panel, "IMPORT", "fakes.errands:crash")

    panel.models.importFile("a.pth")
    wait(lambda: panel.ui.importModelButton.enabled)

    assert "without an answer" in panel.ui.jobText.text


def test_no_file_is_chosen(panel, monkeypatch) -> None:
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: "")

    panel.ui.importModelButton.click()

    assert panel.ui.importModelButton.enabled
    assert not panel.ui.jobText.visible


@pytest.mark.slow
def test_a_real_checkpoint_is_recognised_tried_and_copied(panel, tmp_path, folder, wait) -> None:
    import torch
    from MedSegAICore.networks.sam import ARCHITECTURES, Sam
    from tiny_sam import random_state

    file = tmp_path / "sam_vit_b_copy.pth"
    torch.save(random_state(Sam(ARCHITECTURES["vit_b"]), 0), file)

    panel.models.importFile(str(file))
    wait(lambda: panel.ui.importModelButton.enabled, 60)

    assert "sam_vit_b_copy.pth is SAM ViT-B, but not the file that its authors publish" in panel.ui.jobText.text
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["sam_vit_b_01ec64.pth"]
    assert ["SAM ViT-B", "ready"] in [row[:2] for row in rows(panel.ui.modelsTree)]


def test_an_engine_that_was_killed_is_started_again_by_its_button(panel, process, wait) -> None:
    wait(lambda: "Running: process" in panel.ui.engineText.text)
    first = process.hello["pid"]
    os.kill(first, 9)
    wait(lambda: "Not running" in panel.ui.engineText.text)
    assert panel.ui.usedText.text == "nothing"

    panel.ui.restartEngineButton.click()

    wait(lambda: "Running: process" in panel.ui.engineText.text)
    assert process.hello["pid"] != first


def test_the_log_of_the_engine_is_shown(panel, process, wait) -> None:
    from fakes.requests import a_request

    process.segmentAndWait(a_request("noisy"))

    wait(lambda: "a library prints" in panel.ui.engineLog.plainText)


def test_what_the_engine_keeps_in_memory_is_shown_and_cleared(panel, process, wait) -> None:
    wait(lambda: panel.ui.usedText.text == "0 MB; models: none")
    asked = []
    askMemory = process.askMemory
    process.askMemory = lambda onAnswer, clear=False: (asked.append(clear), askMemory(onAnswer, clear))

    panel.ui.clearCacheButton.click()

    assert asked == [True]


def test_the_devices_of_this_computer_can_be_chosen_and_are_remembered(panel, process) -> None:
    box, heard = panel.ui.deviceBox, []
    panel.engine.showDevices(Inspection("2.7", "", True, True, (CPU, GPU)))
    assert [box.itemText(row) for row in range(box.count)] == [
        "Automatic (the fastest)",
        "Processor, 8 cores, 17.2 GB",
        "NVIDIA RTX 4000, 8.6 GB",
    ]
    process.configure = lambda *arguments: heard.append(arguments)

    box.currentIndex = 2
    box.activated.emit(2)

    assert settings.device() == "cuda:0"
    assert heard == [("cuda:0", {}, 1 << 30)]


def test_a_chosen_device_that_is_gone_stays_chosen_and_is_named(panel) -> None:
    settings.setDevice("cuda:1")

    panel.engine.showDevices(Inspection("2.7", "", True, True, (CPU,)))

    assert panel.ui.deviceBox.currentText == "cuda:1 (not found)"


def test_the_size_of_the_memory_is_remembered_and_told(panel, process) -> None:
    heard = []
    process.configure = lambda *arguments: heard.append(arguments)

    panel.ui.cacheBox.value = 4

    assert settings.cacheGigabytes() == 4
    assert heard == [("auto", {}, 4 << 30)]


def test_an_engine_that_cannot_start_is_found_and_repaired(open_panel, start, wait, quick_inspection) -> None:
    process = start(["no-such-program"])
    panel = open_panel(process)
    words = "does not work: The program no-such-program cannot be started."
    wait(lambda: any(words in text for text in findings(panel)))
    wait(lambda: panel.ui.summaryText.text == "Something is wrong: see the installation check below.")

    process._command = start()._command
    press(panel, "Restart")

    wait(lambda: "The engine, which does the segmentation, starts and answers." in findings(panel))


def test_a_weights_folder_that_cannot_be_used_is_found(
    open_panel, process, folder, monkeypatch, quick_inspection
) -> None:
    folder.rmdir()
    folder.write_text("a file in its place")
    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    panel = open_panel(process)

    assert any("cannot be stored" in text for text in findings(panel))
    press(panel, "Show the folder")
    assert opened == [str(folder.parent)]


def test_missing_packages_are_found_and_installed_on_request(panel, monkeypatch) -> None:
    from MedSegAILib.gui import packages

    installed = []
    monkeypatch.setattr(packages, "installedVersion", lambda name: "" if name == "monai" else "99")
    monkeypatch.setattr(installer, "_pipInstall", installed.extend)
    panel.ui.checkAgainButton.click()
    assert any("missing or too old: monai." in text for text in findings(panel))

    press(panel, "Install...")

    assert installed == ["monai>=1.4"]
    assert "were installed" in panel.ui.packagesText.text


def test_a_refused_installation_is_told(panel, monkeypatch) -> None:
    from MedSegAILib.gui import packages

    monkeypatch.setattr(packages, "installedVersion", lambda name: "" if name == "torch" else "99")
    panel.ui.checkAgainButton.click()

    panel.ui.installPackagesButton.click()

    assert "Extensions Manager" in panel.ui.packagesText.text
    assert ["SAM ViT-B", "file missing"] in [row[:2] for row in rows(panel.ui.modelsTree)]


@pytest.fixture
def manager(desktop):
    """The action of the main window that opens the Extensions Manager."""
    action = qt.QAction("Extensions Manager", slicer.util.mainWindow())
    action.objectName = "ViewExtensionsManagerAction"
    yield action
    action.setParent(None)


@pytest.mark.parametrize("is_offered", [True, False], ids=["official build", "own build"])
def test_the_pytorch_extension_is_offered_where_it_is_missing(panel, manager, monkeypatch, is_offered) -> None:
    from MedSegAILib.gui import packages

    opened, said = [], []
    manager.visible = is_offered
    manager.connect("triggered()", lambda: opened.append(True))
    monkeypatch.setattr(slicer.util, "infoDisplay", said.append)
    monkeypatch.setattr(packages, "installedVersion", lambda name: "" if name == "torch" else "99")
    panel.ui.checkAgainButton.click()

    press(panel, "Get the extension...")

    assert (opened, len(said)) == (([True], 0) if is_offered else ([], 1))


def test_a_model_whose_packages_are_missing_says_so(panel, folder, monkeypatch) -> None:
    from MedSegAILib.gui import packages

    monkeypatch.setattr(packages, "installedVersion", lambda name: "" if name == "torch" else "99")
    (folder / "sam_vit_b_01ec64.pth").write_bytes(b"")
    panel.ui.checkAgainButton.click()

    tree = panel.ui.modelsTree
    place = [row[0] for row in rows(tree)].index("SAM ViT-B")
    tree.setCurrentItem(tree.topLevelItem(place))
    assert rows(tree)[place][1] == "package missing"
    assert "not installed: torch." in panel.ui.modelText.text


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("button", "sample"), [("tryHeadButton", "MRHead"), ("tryHeartButton", "CTACardio")])
def test_a_sample_opens_in_the_segment_editor_with_the_effect_active(
    panel, desktop, monkeypatch, button, sample
) -> None:
    downloaded, selected = [], []

    def download(name):
        downloaded.append(name)
        return add_volume(np.zeros((4, 5, 6), np.int16), name=name)

    sample_data = ModuleType("SampleData")
    sample_data.SampleDataLogic = lambda: SimpleNamespace(downloadSample=download)
    monkeypatch.setitem(sys.modules, "SampleData", sample_data)
    other = add_volume(np.zeros((4, 5, 6), np.int16))
    editor = desktop.open_editor(other, add_segmentation(other))
    monkeypatch.setattr(slicer.modules, "SegmentEditorWidget", SimpleNamespace(editor=editor), raising=False)
    monkeypatch.setattr(slicer.util, "selectModule", selected.append)

    getattr(panel.ui, button).click()

    assert (downloaded, selected) == ([sample], ["SegmentEditor"])
    assert editor.sourceVolumeNode().GetName() == sample
    assert editor.segmentationNode().GetSegmentation().GetNumberOfSegments() == 1
    assert editor.activeEffect().name == "AI Prompt"
