"""Downloads from a server that truncates, stalls, redirects, lies and changes its mind."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import namedtuple
from dataclasses import replace

import pytest
from fakes.file_server import (
    another_piece,
    answer,
    claim_length,
    cut_off_after,
    honest,
    ignore_range,
    in_chunks,
    lead_to,
    say_nothing,
    send_page,
    slowly,
    stall_after,
    without_length,
    without_version,
)
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import (
    Cancelled,
    DownloadFailed,
    LicenceNotAccepted,
    WeightsAltered,
    WeightsMissing,
    WeightsUnwritable,
)
from MedSegAICore.models.licences import accept_licence
from MedSegAICore.models.store import connection, troubles
from MedSegAICore.models.store.layout import HIDDEN, Layout
from MedSegAICore.models.store.part import PartFile
from MedSegAICore.models.store.sources import Sources
from MedSegAICore.models.store.stored_file import FileState

HONEST = Sources()


def get(store, spec, sources=HONEST, run=None):
    return store.download(spec, sources, run or Run())


def ranges(server) -> list[str | None]:
    return [headers.get("Range") for _, headers in server.asked]


def leftovers(folder) -> list[str]:
    return sorted(file.name for file in (folder / HIDDEN).glob("*") if file.suffix not in (".lock", ".json"))


def test_a_file_arrives_whole_and_verified(store, spec, folder, content):
    told = []
    stored = get(store, spec, run=Run(lambda fraction, words: told.append((fraction, words))))

    assert (folder / "fake.pth").read_bytes() == content
    assert (stored.state, stored.is_published) == (FileState.VERIFIED, True)
    assert stored.record.source == f"downloaded from {spec.weights.url}"
    assert leftovers(folder) == []
    assert told[-1] == (1.0, "Downloading fake.pth: 0.3 MB of 0.3 MB")
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)


def test_what_is_there_is_not_fetched_again(store, spec, server):
    get(store, spec)
    get(store, spec)

    assert len(server.asked) == 1


@pytest.mark.parametrize("trouble", [cut_off_after(100_000), stall_after(100_000)], ids=["cut off", "stalled"])
def test_a_broken_connection_is_taken_up_where_it_broke(store, spec, folder, server, content, trouble):
    server.moods = [trouble]

    get(store, spec)

    assert (folder / "fake.pth").read_bytes() == content
    first, second = ranges(server)
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 100_000
    assert server.asked[1][1]["If-Range"] == '"1"'


@pytest.mark.parametrize(
    "trouble", [answer(500), answer(503), answer(429), say_nothing], ids=["500", "503", "429", "silence"]
)
def test_a_server_in_trouble_is_asked_again(store, spec, server, trouble):
    server.moods = [trouble]

    assert get(store, spec).is_published


def test_a_server_that_stays_in_trouble_is_given_up_by_name_and_what_came_is_kept(store, spec, folder, server):
    server.moods, server.mood = [cut_off_after(100_000)], answer(502)

    with pytest.raises(DownloadFailed, match=r"fake\.pth could not be downloaded.*answers 502"):
        get(store, spec)

    assert len(server.asked) == 3
    assert leftovers(folder) == ["fake.pth.part"]
    assert store.look_at(spec.weights).state is FileState.PARTIAL


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416])
def test_a_file_that_is_not_there_is_not_asked_for_again(store, spec, server, status):
    server.mood = answer(status)

    with pytest.raises(DownloadFailed, match=str(status)):
        get(store, spec)
    assert len(server.asked) == 1


def test_a_login_page_is_not_taken_for_a_file(store, unknown, server, folder):
    server.mood = send_page

    with pytest.raises(DownloadFailed, match="a page instead of the file"):
        get(store, unknown)
    assert not (folder / "fake.pth").exists()


def test_no_server_at_all_is_told(store, spec, server):
    server.close()

    with pytest.raises(DownloadFailed, match=r"refused.*import it"):
        get(store, spec)


def test_a_server_that_ignores_the_range_starts_anew(store, spec, server, content, folder):
    server.moods = [cut_off_after(100_000), ignore_range]

    get(store, spec)

    assert (folder / "fake.pth").read_bytes() == content


def test_a_file_that_changes_between_two_tries_is_fetched_anew(store, unknown, server, content, folder):
    server.moods = [cut_off_after(100_000)]
    server.mood = lambda handler: (
        setattr(server, "content", content[::-1]),
        setattr(server, "etag", '"2"'),
        ignore_range(handler),
    )

    get(store, unknown)

    assert (folder / "fake.pth").read_bytes() == content[::-1]


def test_a_changed_file_whose_server_does_not_tell_is_found_by_its_hash(store, spec, server, content, folder):
    server.content = b"older" + content[5:]
    server.moods = [cut_off_after(100_000)]

    def without_telling(handler):
        server.content = content
        server.mood = without_version
        without_version(handler)

    server.mood = without_telling
    get(store, spec)

    assert (folder / "fake.pth").read_bytes() == content
    assert ranges(server)[-1] is None


@pytest.mark.parametrize("mood", [another_piece, answer(206)], ids=["another piece", "no range"])
def test_a_piece_that_was_not_asked_for_is_not_appended(store, spec, server, content, folder, mood):
    server.moods = [cut_off_after(100_000), mood]

    get(store, spec)

    assert (folder / "fake.pth").read_bytes() == content


def test_a_part_that_is_already_whole_is_not_asked_for(store, spec, server, content, folder):
    server.moods, server.mood = [cut_off_after(100_000)], answer(404)
    with pytest.raises(DownloadFailed):
        get(store, spec)
    place = Layout(folder, "fake.pth")
    place.part.write_bytes(content)
    server.asked.clear()

    assert get(store, spec).is_published
    assert server.asked == []


def test_a_whole_part_of_unknown_size_is_recognised_by_the_server(store, unknown, server, content, folder):
    server.moods, server.mood = [cut_off_after(100_000)], answer(404)
    with pytest.raises(DownloadFailed):
        get(store, unknown)
    Layout(folder, "fake.pth").part.write_bytes(content)
    server.moods, server.mood = [], honest

    get(store, unknown)

    assert (folder / "fake.pth").read_bytes() == content
    assert ranges(server)[-1] == f"bytes={len(content)}-"


@pytest.mark.parametrize("difference", [-1000, 1000])
def test_a_server_that_offers_another_size_is_refused_by_name_before_anything_comes(
    store, spec, server, folder, difference
):
    server.mood = claim_length(len(server.content) + difference)

    with pytest.raises(WeightsAltered, match=r"fake\.pth: it has \d+ bytes instead of 300000"):
        get(store, spec)
    assert len(server.asked) == 1
    assert Layout(folder, "fake.pth").part.stat().st_size == 0


def test_of_an_unknown_file_a_length_that_is_too_long_is_found(store, unknown, server):
    server.mood = claim_length(len(server.content) + 1000)

    with pytest.raises(DownloadFailed, match="the connection broke off"):
        get(store, unknown)


def test_wrong_bytes_are_refused_by_name(store, spec, server, content, folder):
    server.content = content[::-1]
    sha256 = hashlib.sha256(server.content).hexdigest()

    with pytest.raises(WeightsAltered, match=rf"not the known file fake\.pth: its sha256 is {sha256}"):
        get(store, spec)

    assert not (folder / "fake.pth").exists()
    assert Layout(folder, "fake.pth").part.stat().st_size == 0


def test_the_users_own_file_is_never_replaced_by_a_download(store, spec, server, folder):
    folder.mkdir(parents=True)
    (folder / "fake.pth").write_bytes(b"trained further")

    with pytest.raises(WeightsAltered, match="If it is a copy that was trained further, import it"):
        get(store, spec)

    assert (folder / "fake.pth").read_bytes() == b"trained further"
    assert server.asked == []


def test_a_damaged_file_is_replaced_and_only_by_the_right_one(store, spec, server, content, folder):
    get(store, spec)
    (folder / "fake.pth").write_bytes(b"damaged")
    server.content = content[::-1]
    with pytest.raises(WeightsAltered):
        get(store, spec)
    assert (folder / "fake.pth").read_bytes() == b"damaged"

    server.content = content
    assert get(store, spec).is_published
    assert (folder / "fake.pth").read_bytes() == content


def test_more_bytes_than_the_file_has_are_not_taken(store, spec, server, folder):
    server.content += b"more"
    server.mood = in_chunks

    with pytest.raises(WeightsAltered, match=r"larger than the file fake\.pth"):
        get(store, spec)
    assert not (folder / "fake.pth").exists()


def test_a_file_in_chunks_is_taken(store, unknown, server, content, folder):
    server.mood = in_chunks

    get(store, unknown)

    assert (folder / "fake.pth").read_bytes() == content


def test_a_file_whose_end_cannot_be_told_is_refused_unless_its_hash_is_known(store, spec, unknown, server):
    server.mood = without_length

    with pytest.raises(DownloadFailed, match="hides its size"):
        get(store, unknown)
    assert get(store, spec).is_published


def test_an_unknown_file_is_begun_anew_if_nothing_tells_its_version(store, unknown, server):
    server.moods, server.mood = [cut_off_after(1000)], without_version
    server.etag = ""

    get(store, unknown)

    assert ranges(server) == [None, None]


def test_the_first_hash_of_an_unknown_file_counts_from_then_on(store, unknown, server, content, folder):
    get(store, unknown)
    (folder / "fake.pth").unlink()
    server.content = content[::-1]

    with pytest.raises(WeightsAltered, match="remove the old one first"):
        get(store, unknown)

    store.remove(unknown.weights)
    get(store, unknown)
    assert (folder / "fake.pth").read_bytes() == content[::-1]


def test_redirects_are_followed(store, spec, server):
    server.moods = [lead_to(f"{server.url}/elsewhere/fake.pth"), lead_to("/again/fake.pth")]

    assert get(store, spec).is_published
    assert [path for path, _ in server.asked] == ["/fake.pth", "/elsewhere/fake.pth", "/again/fake.pth"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://example.org/fake.pth", "not safe"),
        ("file:///etc/passwd", "not safe"),
        ("ftp://127.0.0.1/fake.pth", "not safe"),
        ("https://[broken/fake.pth", "cannot be used"),
    ],
)
def test_redirects_to_where_nobody_answers_for_the_file_are_refused(store, spec, server, target, words):
    server.mood = lead_to(target)

    with pytest.raises(DownloadFailed, match=words):
        get(store, spec)


def test_endless_redirects_end(store, spec, server):
    server.mood = lead_to("/fake.pth")

    with pytest.raises(DownloadFailed, match="from one address to the next"):
        get(store, spec)


def test_a_server_elsewhere_may_not_lead_to_this_computer(store, spec, server, monkeypatch):
    monkeypatch.setattr(connection, "is_on_this_computer", lambda url: "elsewhere" not in url)
    weights = replace(spec.weights, url=f"{server.url}/elsewhere")
    server.mood = lead_to("/fake.pth")

    with pytest.raises(DownloadFailed, match="which is on this computer"):
        get(store, replace(spec, weights=weights))


@pytest.mark.parametrize("mood", [say_nothing, stall_after(1000), slowly(0.05, 500)], ids=["silence", "stall", "slow"])
def test_a_cancel_is_noticed_within_a_second_and_what_came_is_kept(store, spec, server, folder, monkeypatch, mood):
    monkeypatch.setattr(connection, "STALL_SECONDS", 30)
    server.mood, cancel = mood, CancelToken()
    threading.Timer(0.3, cancel.cancel).start()
    begin = time.monotonic()

    with pytest.raises(Cancelled):
        get(store, spec, run=Run(cancel=cancel))

    assert time.monotonic() - begin < 1.3
    assert not (folder / "fake.pth").exists()


def test_a_cancelled_download_goes_on_the_next_time(store, spec, server, content, folder):
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        get(store, spec, run=Run(lambda fraction, _: fraction > 0.5 and cancel.cancel(), cancel))

    get(store, spec)

    assert (folder / "fake.pth").read_bytes() == content
    assert int(ranges(server)[-1].removeprefix("bytes=").removesuffix("-")) > 150_000


def test_a_full_disk_is_named_before_anything_comes(store, spec, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(troubles.shutil, "disk_usage", lambda _: usage(0, 0, troubles.RESERVE_BYTES + 1000))

    with pytest.raises(WeightsUnwritable, match=r"0\.3 MB are needed"):
        get(store, spec)


def test_a_disk_that_fills_up_meanwhile_is_named(store, spec, monkeypatch, server, folder):
    server.moods = [cut_off_after(100_000)]
    add = PartFile.add

    def full(part, chunk):
        if part.size_bytes + len(chunk) > 150_000:
            raise OSError(28, "No space left on device")
        add(part, chunk)

    monkeypatch.setattr(PartFile, "add", full)
    with pytest.raises(WeightsUnwritable, match="The disk is full"):
        get(store, spec)
    assert not (folder / "fake.pth").exists()


def test_a_licence_comes_before_the_download(store, spec, server):
    strict = replace(spec, weights=replace(spec.weights, licence_must_be_accepted=True))
    with pytest.raises(LicenceNotAccepted):
        get(store, strict)
    assert server.asked == []

    accept_licence(strict)
    assert get(store, strict).is_published


def test_a_model_without_a_file_has_nothing_to_download(store, spec):
    with pytest.raises(WeightsMissing):
        get(store, replace(spec, weights=None))


def test_a_mirror_is_asked_instead_of_the_authors(store, spec, server):
    elsewhere = replace(spec, weights=replace(spec.weights, url="https://example.org/fake.pth", url_is_page=True))

    get(store, elsewhere, Sources(mirror=f"{server.url}/models/"))

    assert server.asked[0][0] == "/models/fake.pth"


def test_without_a_mirror_a_page_is_for_people(store, spec):
    with pytest.raises(DownloadFailed, match="Get it from the page"):
        get(store, replace(spec, weights=replace(spec.weights, url_is_page=True)))


def test_an_unsafe_mirror_is_refused(store, spec):
    with pytest.raises(DownloadFailed, match="not safe"):
        get(store, spec, Sources(mirror="http://files.example.org"))


def test_the_offline_folder_comes_first(store, spec, server, content, tmp_path, folder):
    offline = tmp_path / "share"
    offline.mkdir()
    (offline / "fake.pth").write_bytes(content)

    stored = get(store, spec, Sources(offline_folder=str(offline)))

    assert server.asked == []
    assert stored.is_published
    assert stored.record.source == f"copied from {offline}"
    assert leftovers(folder) == []


def test_a_wrong_file_in_the_offline_folder_is_refused_by_name(store, spec, tmp_path, folder):
    (tmp_path / "fake.pth").write_bytes(b"another")

    with pytest.raises(WeightsAltered, match=r"not the known file fake\.pth"):
        get(store, spec, Sources(offline_folder=str(tmp_path)))
    assert not (folder / "fake.pth").exists()
    assert leftovers(folder) == []


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MEDSEGAI_MIRROR", "https://files.example.org")
    monkeypatch.setenv("MEDSEGAI_OFFLINE_FOLDER", os.sep)

    assert Sources(mirror="https://mine").or_else(Sources.from_environment()) == Sources("https://mine", os.sep)
