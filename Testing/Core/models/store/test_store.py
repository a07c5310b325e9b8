"""Files in the store: taken in, looked through, found changed, removed, and held by one process at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from fakes.file_server import stall_after
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    WeightsAltered,
    WeightsBusy,
    WeightsInUse,
    WeightsMissing,
    WeightsUnwritable,
)
from MedSegAICore.models.store import store as store_module
from MedSegAICore.models.store import troubles, trust
from MedSegAICore.models.store.layout import HIDDEN, Layout
from MedSegAICore.models.store.locking import held
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.store.stored_file import FileState
from MedSegAICore.models.store.trust import trusted_weights
from MedSegAICore.models.weights import FOLDER_VARIABLE

TESTING = Path(__file__).resolve().parents[3]
DOWNLOADER = """
import sys
from fakes.models import fake_spec, fake_weights
from MedSegAICore.engine.run import Run
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.store.store import WeightsStore
from pathlib import Path
url, sha256, size, folder = sys.argv[1:]
spec = fake_spec("known", weights=fake_weights(url=url, sha256=sha256, size_bytes=int(size)))
tell = lambda fraction, words: print(fraction, flush=True)
WeightsStore([Path(folder)]).download(spec, Sources(), Run(tell))
"""


@pytest.fixture
def mine(tmp_path, content):
    """A file of the user's own, which happens to be the published one."""
    file = tmp_path / "mine.pth"
    file.write_bytes(content)
    return file


@pytest.fixture
def other(tmp_path, content):
    """A file of the user's own, which is another one."""
    file = tmp_path / "other.pth"
    file.write_bytes(content[::-1])
    return file


def put(folder, content) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fake.pth").write_bytes(content)
    return folder / "fake.pth"


def names(folder) -> list[str]:
    return sorted(file.name for file in (folder / HIDDEN).iterdir() if file.suffix != ".lock")


def test_a_file_that_is_taken_in_is_copied_and_known(store, spec, mine, content, folder):
    stored = store.take(mine, spec.weights, Run())

    assert (folder / "fake.pth").read_bytes() == content == mine.read_bytes()
    assert (stored.state, stored.is_published, stored.record.source) == (FileState.VERIFIED, True, "import")
    assert names(folder) == ["fake.pth.json"]


def test_a_copy_that_was_trained_further_is_told_apart_and_stays_good(store, spec, other):
    assert not store.take(other, spec.weights, Run()).is_published
    assert not store.verify(spec.weights, Run()).is_published
    assert not store.download(spec, Sources(), Run()).is_published


def test_a_file_that_lies_there_already_is_only_looked_at(store, spec, folder, content):
    file = put(folder, content)
    before = file.stat().st_ino

    assert store.take(file, spec.weights, Run()).is_published
    assert file.stat().st_ino == before


def test_a_copy_that_fails_leaves_the_old_file_and_nothing_else(store, spec, mine, other, folder, content, monkeypatch):
    store.take(mine, spec.weights, Run())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "copy_hashed", full)
    with pytest.raises(WeightsUnwritable, match="The disk is full"):
        store.take(other, spec.weights, Run())
    assert (folder / "fake.pth").read_bytes() == content
    assert names(folder) == ["fake.pth.json"]
    assert store.look_at(spec.weights).state is FileState.VERIFIED


def test_a_copy_that_is_cancelled_leaves_nothing(store, spec, mine, folder):
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        store.take(mine, spec.weights, Run(cancel=cancel))
    assert names(folder) == []
    assert not (folder / "fake.pth").exists()


def test_a_copy_needs_room(store, spec, mine, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(troubles.shutil, "disk_usage", lambda _: usage(0, 0, 1000))

    with pytest.raises(WeightsUnwritable, match="too full"):
        store.take(mine, spec.weights, Run())


def test_the_states_of_a_file(store, spec, folder, content):
    states = [store.look_at(spec.weights).state]
    file = put(folder, content)
    states.append(store.look_at(spec.weights).state)
    store.verify(spec.weights, Run())
    states.append(store.look_at(spec.weights).state)
    file.write_bytes(content)
    states.append(store.look_at(spec.weights).state)
    store.verify(spec.weights, Run())
    states.append(store.look_at(spec.weights).state)

    missing, unverified, verified, changed = (
        FileState.MISSING,
        FileState.UNVERIFIED,
        FileState.VERIFIED,
        FileState.CHANGED,
    )
    assert states == [missing, unverified, verified, changed, verified]


def test_a_file_that_was_swapped_in_secret_is_named(store, spec, folder, content):
    """Also if size and time of change are those of the good file."""
    file = put(folder, content)
    store.verify(spec.weights, Run())
    status = file.stat()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert store.look_at(spec.weights).state is FileState.CHANGED
    with pytest.raises(WeightsAltered, match=r"fake\.pth in .* was changed after 20"):
        store.verify(spec.weights, Run())


def test_a_wrong_file_that_was_put_there_by_hand_is_named(store, spec, folder):
    put(folder, b"other")

    with pytest.raises(WeightsAltered, match=r"fake\.pth in .* is not the one that its authors publish"):
        store.verify(spec.weights, Run())


def test_a_file_without_a_known_hash_is_remembered_as_it_first_is(store, unknown, folder, content):
    file = put(folder, content)
    stored = store.verify(unknown.weights, Run())
    assert (stored.state, stored.is_published) == (FileState.VERIFIED, False)

    file.write_bytes(content[::-1])
    with pytest.raises(WeightsAltered):
        store.verify(unknown.weights, Run())


def test_there_must_be_something_to_verify(store, spec):
    with pytest.raises(WeightsMissing, match=r"fake\.pth"):
        store.verify(spec.weights, Run())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": 1}', '{"signature": [1, 2]}'])
def test_a_damaged_record_counts_as_none(store, spec, folder, content, text):
    put(folder, content)
    store.verify(spec.weights, Run())
    Layout(folder, "fake.pth").record.write_text(text)

    assert store.look_at(spec.weights).state is FileState.UNVERIFIED
    assert store.verify(spec.weights, Run()).is_published


def test_when_a_file_came_is_kept_while_it_is_the_same(store, spec, mine):
    first = store.take(mine, spec.weights, Run()).record
    again = store.verify(spec.weights, Run()).record

    assert (again.added, again.source) == (first.added, "import")


def test_a_removed_file_is_gone_with_all_that_was_known(store, spec, mine, folder, content):
    store.take(mine, spec.weights, Run())
    place = Layout(folder, "fake.pth")
    place.part.write_bytes(b"1234")

    assert store.remove(spec.weights) == len(content) + 4
    assert names(folder) == []
    assert store.look_at(spec.weights).state is FileState.MISSING
    assert store.remove(spec.weights) == 0


def test_the_second_folder_is_looked_into_and_cleared_too(spec, tmp_path, content):
    folders = [tmp_path / "first", tmp_path / "second"]
    put(folders[1], content)
    store = WeightsStore(folders)

    assert store.verify(spec.weights, Run()).place.folder == folders[1]
    assert store.remove(spec.weights) == len(content)


def test_a_file_in_use_is_named_where_the_system_forbids_to_remove_it(store, spec, mine, monkeypatch):
    store.take(mine, spec.weights, Run())

    def used(path, **_):
        error = PermissionError(13, "in use", str(path))
        error.winerror = 32
        raise error

    monkeypatch.setattr(Path, "unlink", used)
    with pytest.raises(WeightsInUse, match=r"using the file fake\.pth.*Press Clear"):
        store.remove(spec.weights)
    monkeypatch.undo()
    assert store.look_at(spec.weights).state is FileState.VERIFIED


def test_a_folder_that_cannot_be_written_is_named(spec, mine, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")

    with pytest.raises(WeightsUnwritable, match="taken"):
        WeightsStore([tmp_path / "taken"]).take(mine, spec.weights, Run())


def test_all_files_of_a_catalogue_are_listed_once(store, spec, unknown, mine):
    store.take(mine, spec.weights, Run())

    listed = store.files({"a": spec, "b": spec})

    assert [(name, stored.state) for name, stored in listed.items()] == [("fake.pth", FileState.VERIFIED)]


def test_two_processes_do_not_get_one_file_at_once(store, spec, folder, mine):
    with held(Layout(folder, "fake.pth")):
        for action in (
            lambda: store.download(spec, Sources(), Run()),
            lambda: store.take(mine, spec.weights, Run()),
        ):
            with pytest.raises(WeightsBusy, match=r"fake\.pth"):
                action()
    assert store.take(mine, spec.weights, Run()).is_published


def test_a_killed_download_leaves_no_lock_and_is_taken_up(store, spec, server, folder, content):
    server.moods = [stall_after(200_000)]
    weights = spec.weights
    command = [sys.executable, "-c", DOWNLOADER, weights.url, weights.sha256, str(weights.size_bytes), str(folder)]
    paths = os.pathsep.join([str(TESTING), str(TESTING.parent / "MedSegAI")])
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)
    try:
        while float(process.stdout.readline()) < 0.6:
            pass
        with pytest.raises(WeightsBusy):
            store.download(spec, Sources(), Run())
    finally:
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
        process.stdout.close()

    begin = time.monotonic()
    assert store.download(spec, Sources(), Run()).is_published
    assert time.monotonic() - begin < 5
    assert (folder / "fake.pth").read_bytes() == content
    assert int(server.asked[-1][1]["Range"].removeprefix("bytes=").removesuffix("-")) > 150_000


def test_copies_that_killed_processes_left_are_swept_but_not_those_in_work(store, folder):
    for name in ("left.pth", "busy.pth"):
        incoming = Layout(folder, name).incoming
        incoming.parent.mkdir(parents=True, exist_ok=True)
        incoming.write_bytes(b"half")

    with held(Layout(folder, "busy.pth")):
        store.sweep()

    assert names(folder) == ["busy.pth.incoming"]


@pytest.fixture
def trusted(folder, monkeypatch, content, spec):
    """The folder of the models is the one that the engine looks into, and the file was verified."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    file = put(folder, content)
    WeightsStore().verify(spec.weights, Run())
    return file


def test_a_model_is_not_built_from_a_file_that_was_swapped_after_it_was_verified(trusted, spec, content):
    assert trusted_weights(spec) == trusted
    trusted.write_bytes(content[::-1])

    with pytest.raises(WeightsAltered, match=r"fake\.pth in .* was changed"):
        trusted_weights(spec)


def test_a_file_that_was_only_copied_anew_is_read_once(trusted, spec, content, monkeypatch):
    read = []
    hash_file = trust.hash_file
    monkeypatch.setattr(trust, "hash_file", lambda *arguments: (read.append(1), hash_file(*arguments))[1])
    trusted.write_bytes(content)

    assert trusted_weights(spec) == trusted_weights(spec) == trusted
    assert read == [1]


def test_a_file_that_was_put_there_by_hand_is_taken_as_it_is(folder, spec, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    file = put(folder, b"anything")

    assert trusted_weights(spec) == file
