"""Model files in the module's list: downloaded, verified, removed, bundled, while the application goes on."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import slicer
from Effects.panel_fixtures import *  # noqa: F403
from Effects.panel_fixtures import rows
from fakes.errands import spec_of
from fakes.file_server import FileServer, answer, slowly
from Host import qt_shim as qt
from MedSegAICore.models import licences
from MedSegAICore.models.store.sources import MIRROR_VARIABLE, Sources
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.store.stored_file import FileState
from MedSegAILib.gui import model_jobs, model_state, models_panel, settings


@pytest.fixture
def server():
    server = FileServer(bytes(range(256)) * 4000)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def undisturbed(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", MIRROR_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path / "user"))


@pytest.fixture
def listed(panel, server, monkeypatch):
    """The panel with two models whose files the server has; work on them is done by processes of their own."""
    catalogue = {name: replace(spec_of(name), title=name.title()) for name in ("first", "second")}
    for module in (models_panel, model_jobs, model_state):
        monkeypatch.setattr(module, "load_catalogue", lambda: catalogue)
    monkeypatch.setattr(model_jobs, "DOWNLOAD", "fakes.errands:download")
    monkeypatch.setattr(models_panel, "VERIFY", "fakes.errands:verify")
    monkeypatch.setattr(models_panel, "REMOVE", "fakes.errands:remove")
    settings.setOwnSources(Sources(mirror=server.url))
    panel.ui.checkAgainButton.click()
    panel.models.select("first")
    return panel


def is_offered(widget) -> bool:
    return not widget.isHidden()


def state(panel, row: int = 0) -> str:
    return rows(panel.ui.modelsTree)[row][1]


def end(panel, wait) -> str:
    wait(lambda: not is_offered(panel.ui.cancelJobButton), 30)
    return panel.ui.jobText.text


def test_a_file_is_downloaded_with_progress_while_the_application_goes_on(listed, server, wait, folder) -> None:
    server.mood = slowly(0.2, 200_000)
    ui, shown = listed.ui, []
    assert [is_offered(button) for button in (ui.downloadModelButton, ui.verifyModelButton, ui.removeModelButton)] == [
        True,
        False,
        False,
    ]

    begin = time.monotonic()
    ui.downloadModelButton.click()
    assert time.monotonic() - begin < 0.5
    assert is_offered(ui.cancelJobButton)
    assert is_offered(ui.jobProgressBar)
    assert not ui.downloadModelButton.enabled
    wait(lambda: shown.append(ui.jobProgressBar.value) or not is_offered(ui.cancelJobButton), 30)

    assert len({value for value in shown if 0 < value < 100}) >= 2
    assert ui.jobText.text == "First was downloaded and verified."
    assert (folder / "first.pth").read_bytes() == server.content
    assert state(listed) == "ready"
    assert "Its file was verified on 20" in ui.modelText.text
    assert is_offered(ui.verifyModelButton)
    assert not is_offered(ui.downloadModelButton)


def test_a_download_is_cancelled_and_goes_on_the_next_time(listed, server, wait, folder) -> None:
    server.moods = [slowly(0.15, 100_000)]
    ui = listed.ui
    ui.downloadModelButton.click()
    wait(lambda: ui.jobProgressBar.value > 20, 30)

    begin = time.monotonic()
    ui.cancelJobButton.click()
    assert "was cancelled" in end(listed, wait)
    assert time.monotonic() - begin < 2

    assert state(listed) == "partly downloaded"
    assert ui.downloadModelButton.text == "Go on with the download"
    assert is_offered(ui.removeModelButton)
    ui.downloadModelButton.click()
    end(listed, wait)
    assert (folder / "first.pth").read_bytes() == server.content
    assert "Range" in server.asked[-1][1]


def test_a_download_that_fails_is_told(listed, server, wait) -> None:
    server.mood = answer(404)
    listed.ui.downloadModelButton.click()

    assert "the server answers 404" in end(listed, wait)
    assert state(listed) == "file missing"


def test_a_licence_is_asked_for_before_the_download(listed, server, wait, monkeypatch) -> None:
    catalogue = models_panel.load_catalogue()
    weights = replace(catalogue["first"].weights, licence="strict", licence_must_be_accepted=True)
    catalogue["first"] = replace(catalogue["first"], weights=weights)
    listed.ui.checkAgainButton.click()
    asked, answers = [], [False, True]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: (asked.append(text), answers.pop(0))[1])

    listed.ui.downloadModelButton.click()
    assert not is_offered(listed.ui.cancelJobButton)
    assert server.asked == []

    listed.ui.downloadModelButton.click()
    end(listed, wait)
    assert len(asked) == 2
    assert "strict" in asked[0]
    assert state(listed) == "ready"


def test_a_swapped_file_is_shown_and_named_when_it_is_verified(listed, wait, folder) -> None:
    listed.ui.downloadModelButton.click()
    end(listed, wait)
    listed.ui.verifyModelButton.click()
    assert end(listed, wait) == "These files are as they were when they came: first.pth."

    (folder / "first.pth").write_bytes(b"swapped")
    listed.ui.checkAgainButton.click()
    assert state(listed) == "file changed"
    listed.ui.verifyModelButton.click()
    assert "first.pth" in end(listed, wait)
    assert "was changed after 20" in listed.ui.jobText.text
    assert is_offered(listed.ui.downloadModelButton)


def test_all_selected_files_are_verified(listed, wait, folder) -> None:
    for name in ("first", "second"):
        (folder / f"{name}.pth").write_bytes(b"data")
    listed.ui.checkAgainButton.click()
    tree = listed.ui.modelsTree
    for row in range(2):
        tree.topLevelItem(row).setSelected(True)

    listed.ui.verifyModelButton.click()

    assert "first.pth, second.pth" in end(listed, wait)


def test_a_file_is_removed_after_a_question(listed, wait, folder, monkeypatch) -> None:
    (folder / "first.pth").write_bytes(bytes(1_000_000))
    listed.ui.checkAgainButton.click()
    asked, answers = [], [False, True]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: (asked.append(text), answers.pop(0))[1])

    listed.ui.removeModelButton.click()
    assert (folder / "first.pth").exists()
    listed.ui.removeModelButton.click()

    assert end(listed, wait) == "first.pth was removed: 1 MB are free again."
    assert "first.pth" in asked[0]
    assert not (folder / "first.pth").exists()
    assert state(listed) == "file missing"


def test_a_file_of_several_models_is_not_removed_unsaid(listed, monkeypatch, folder) -> None:
    catalogue = models_panel.load_catalogue()
    catalogue["second"] = replace(catalogue["second"], weights=catalogue["first"].weights)
    (folder / "first.pth").write_bytes(b"data")
    listed.ui.checkAgainButton.click()
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", asked.append)

    listed.ui.removeModelButton.click()

    assert "These models use it: First, Second." in asked[0]


def test_a_bundle_goes_out_and_comes_in(panel, shared, folder, tmp_path, monkeypatch, wait) -> None:
    file = folder / "fold1.safetensors"
    file.write_bytes((shared / "weights" / "senet_few_shot" / "fold1.safetensors").read_bytes())
    path = str(tmp_path / "models.zip")
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_: path)
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: path)
    panel.ui.checkAgainButton.click()
    panel.models.select("senet_fold1")

    panel.ui.bundleOutButton.click()
    assert "with 1 files" in end(panel, wait)
    file.unlink()
    panel.ui.bundleInButton.click()

    assert end(panel, wait) == "These files were taken in: fold1.safetensors."
    assert file.exists()
    panel.ui.verifyModelButton.click()
    assert "what their authors publish: fold1.safetensors" in end(panel, wait)


def test_nothing_to_bundle_is_told(listed) -> None:
    listed.ui.bundleOutButton.click()

    assert "Select models whose files are on this computer" in listed.ui.jobText.text


def test_a_file_that_is_no_bundle_is_refused(listed, tmp_path, monkeypatch, wait) -> None:
    (tmp_path / "notes.zip").write_text("notes")
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: str(tmp_path / "notes.zip"))

    listed.ui.bundleInButton.click()

    assert "notes.zip is cut off or is not a bundle" in end(listed, wait)


@pytest.mark.parametrize(("row", "words"), [(2, "is SAM ViT-L"), (0, "can belong to several models")])
def test_of_several_models_with_one_network_the_user_says_which(panel, monkeypatch, wait, row, words) -> None:
    monkeypatch.setattr(models_panel, "IMPORT", "fakes.errands:choose")
    asked = []
    monkeypatch.setattr(qt.QInputDialog, "getItem", lambda *given: (asked.append(given), given[3][row])[1])

    panel.models.importFile("some.pth")
    wait(lambda: asked and not is_offered(panel.ui.cancelJobButton), 30)

    assert asked[0][3] == ["(none of them)", "SAM ViT-B", "SAM ViT-L"]
    assert words in panel.ui.jobText.text


def test_mirror_and_offline_folder_are_remembered(listed, folder, tmp_path, server, wait) -> None:
    (tmp_path / "first.pth").write_bytes(b"from the share")
    ui = listed.ui
    ui.mirrorEdit.text = " https://files.example.org "
    ui.mirrorEdit.editingFinished.emit()
    ui.offlineFolderEdit.currentPath = str(tmp_path)

    assert settings.ownSources() == Sources("https://files.example.org", str(tmp_path))
    ui.downloadModelButton.click()
    end(listed, wait)
    assert (folder / "first.pth").read_bytes() == b"from the share"
    assert server.asked == []


def test_what_is_not_chosen_the_environment_says(desktop, monkeypatch) -> None:
    settings.setOwnSources(Sources())
    monkeypatch.setenv(MIRROR_VARIABLE, "https://files.example.org")

    assert settings.sources() == Sources("https://files.example.org")


def test_a_page_is_not_downloaded(listed) -> None:
    catalogue = models_panel.load_catalogue()
    weights = replace(catalogue["first"].weights, url_is_page=True)
    catalogue["first"] = replace(catalogue["first"], weights=weights)
    settings.setOwnSources(Sources())
    listed.ui.checkAgainButton.click()

    assert not is_offered(listed.ui.downloadModelButton)
    assert f'<a href="{weights.url}">Its page</a> says how to get the file' in listed.ui.modelText.text


def test_the_console_gets_files_and_the_application_goes_on(desktop, server, folder, monkeypatch) -> None:
    from MedSegAILib.gui import model_store

    from MedSegAI import MedSegAILogic

    monkeypatch.setenv("PYTHONPATH", str(TESTING))  # noqa: F405
    settings.setOwnSources(Sources(mirror=server.url))
    monkeypatch.setattr(model_store, "DOWNLOAD", "fakes.errands:download")
    monkeypatch.setattr(model_store, "REMOVE", "fakes.errands:remove")
    told = []
    store = MedSegAILogic().modelStore(progress=lambda *words: told.append(words))

    store.download("first")
    assert WeightsStore().look_at(spec_of("first").weights).state is FileState.VERIFIED
    assert told
    assert "sam_vit_b_01ec64.pth" in store.files()
    assert store.remove("first") == len(server.content)
