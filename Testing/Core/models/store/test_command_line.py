"""The store from a shell: `python -m MedSegAICore.models`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from fakes.file_server import slowly
from MedSegAICore.models import __main__ as command_line
from MedSegAICore.models.licences import needs_acceptance
from MedSegAICore.models.store import jobs
from MedSegAICore.models.weights import FOLDER_VARIABLE


@pytest.fixture
def catalogue(spec, unknown, folder, monkeypatch):
    """What the command line knows: a model without a file, one with a known hash, one without."""
    weights = replace(unknown.weights, filename="unknown.pth")
    known = {
        "plain": replace(spec, name="plain", weights=None),
        "known": spec,
        "unknown": replace(unknown, weights=weights),
    }
    for module in (command_line, jobs):
        monkeypatch.setattr(module, "load_catalogue", lambda: known)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "none"))
    monkeypatch.setattr(command_line, "cancel_on_signal", lambda: command_line.Run().cancel)
    return known


def test_files_are_got_listed_verified_and_removed(catalogue, capsys, folder):
    assert command_line.main(["download", "known", "unknown"]) == 0
    said = capsys.readouterr()
    assert f"known: {folder / 'fake.pth'}\n" in said.out
    assert "unknown.pth (as it first came; its authors tell no hash)" in said.out
    assert "100% Downloading fake.pth: 0.3 MB of 0.3 MB" in said.err

    assert command_line.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["model", "known", "unknown"]
    assert all("verified" in line and "0.3 MB" in line for line in lines[1:])

    assert command_line.main(["verify", "known"]) == 0
    assert capsys.readouterr().out == "known: good\n"
    assert command_line.main(["remove", "known"]) == 0
    assert capsys.readouterr().out == "known: 0.3 MB are free again\n"
    assert not (folder / "fake.pth").exists()


def test_a_bundle_is_written_and_taken_in(catalogue, capsys, folder, tmp_path):
    bundle = str(tmp_path / "a.zip")
    command_line.main(["download", "known"])
    assert command_line.main(["bundle-out", bundle, "known"]) == 0
    command_line.main(["remove", "known"])
    assert command_line.main(["bundle-in", bundle]) == 0

    assert "fake.pth: 0.3 MB, licence MIT" in capsys.readouterr().out
    assert (folder / "fake.pth").exists()


@pytest.mark.parametrize(
    "arguments", [["download", "none"], ["verify", "known"], ["remove", "plain"], ["bundle-in", "no"]]
)
def test_what_goes_wrong_is_one_sentence(catalogue, capsys, arguments):
    assert command_line.main(arguments) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_licence_is_accepted_once_and_by_name(catalogue, capsys, server):
    spec = catalogue["known"] = replace(
        catalogue["known"], weights=replace(catalogue["known"].weights, licence_must_be_accepted=True)
    )
    assert command_line.main(["download", "known"]) == 1
    assert "Read it at" in capsys.readouterr().err
    assert server.asked == []
    command_line.main(["list"])
    assert "(to be accepted)" in capsys.readouterr().out

    assert command_line.main(["download", "--accept-licence", "known"]) == 0
    assert not needs_acceptance(spec)


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 0), ("yes", 0)])
def test_on_a_terminal_the_licence_is_asked_for(catalogue, capsys, monkeypatch, answer, code):
    catalogue["known"] = replace(
        catalogue["known"], weights=replace(catalogue["known"].weights, licence_must_be_accepted=True)
    )

    class Terminal:
        def isatty(self):
            return True

        def readline(self):
            return f"{answer}\n"

    monkeypatch.setattr(command_line.sys, "stdin", Terminal())
    assert command_line.main(["download", "known"]) == code
    assert "have the licence MIT: https://example.org/licence" in capsys.readouterr().out


def test_mirror_and_offline_folder_can_be_named(catalogue, server, tmp_path, content):
    assert command_line.main(["download", "--mirror", f"{server.url}/mirror", "known"]) == 0
    assert server.asked[0][0] == "/mirror/fake.pth"
    (tmp_path / "unknown.pth").write_bytes(content)
    assert command_line.main(["download", "--offline-folder", str(tmp_path), "unknown"]) == 0
    assert len(server.asked) == 1


def test_progress_off_a_terminal_is_a_line_every_tenth(catalogue, capsys, server):
    server.mood = slowly(0, 1000)
    command_line.main(["download", "known"])

    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 11


def test_the_module_runs(project):
    command = [sys.executable, "-m", "MedSegAICore.models", "--help"]
    done = subprocess.run(command, cwd=project / "MedSegAI", capture_output=True, text=True, check=True)

    assert "bundle-out" in done.stdout
