"""Bundles for computers without a network: whole and known, or refused with nothing written."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
import zlib
from collections import namedtuple
from dataclasses import replace

import pytest
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import BundleRefused, Cancelled, WeightsAltered, WeightsMissing, WeightsUnwritable
from MedSegAICore.models.licences import accept_licence, needs_acceptance
from MedSegAICore.models.store import bundle_in as bundle_in_module
from MedSegAICore.models.store import troubles
from MedSegAICore.models.store.bundle_in import bundle_in
from MedSegAICore.models.store.bundle_out import bundle_out
from MedSegAICore.models.store.layout import HIDDEN, Layout
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.store.stored_file import FileState


@pytest.fixture
def catalogue(spec, unknown, content):
    """A model whose file is known, and one whose authors tell no hash."""
    second = replace(unknown, weights=replace(unknown.weights, filename="second.pth"))
    return {"known": spec, "unknown": second}


@pytest.fixture
def full(store, catalogue, content, tmp_path):
    """The store with both files."""
    for name, data in (("known", content), ("unknown", b"second" * 1000)):
        file = tmp_path / name
        file.write_bytes(data)
        store.take(file, catalogue[name].weights, Run())
    return store


@pytest.fixture
def bundle(full, catalogue, tmp_path):
    file = tmp_path / "models.zip"
    bundle_out(full, list(catalogue.values()), file, Run())
    return file


@pytest.fixture
def empty(tmp_path):
    """The store of another computer."""
    return WeightsStore([tmp_path / "elsewhere" / "weights"])


def is_untouched(store) -> bool:
    """Tell whether nothing but locks was written."""
    root = store.folders[0].parent
    return not [file for file in root.rglob("*") if file.is_file() and file.suffix != ".lock"]


def made_of(folder, members, files=None, **how):
    """Write an archive with a manifest that fits `members`, unless `files` says otherwise."""
    listed = [
        {
            "filename": name.removeprefix("weights/"),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "licence": "MIT",
            "licence_url": "https://example.org",
            "licence_accepted": True,
        }
        for name, data in members
    ]
    file = folder / "made.zip"
    with zipfile.ZipFile(file, "w", **how) as archive:
        for name, data in members:
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps({"version": 1, "files": listed if files is None else files}))
    return file


def test_what_goes_out_comes_in(bundle, empty, catalogue, content):
    files = bundle_in(empty, catalogue, bundle, Run())

    assert [file.filename for file in files] == ["fake.pth", "second.pth"]
    assert (empty.folders[0] / "fake.pth").read_bytes() == content
    assert [empty.look_at(spec.weights).state for spec in catalogue.values()] == [FileState.VERIFIED] * 2
    assert empty.look_at(catalogue["known"].weights).is_published
    assert sorted(file.name for file in (empty.folders[0] / HIDDEN).iterdir() if file.suffix != ".lock") == [
        "fake.pth.json",
        "second.pth.json",
    ]


def test_one_file_of_several_models_goes_out_once(full, spec, tmp_path):
    files = bundle_out(full, [spec, replace(spec, name="twin")], tmp_path / "a.zip", Run())

    assert [file.filename for file in files] == ["fake.pth"]


def test_whether_licences_were_accepted_is_noted_and_not_taken_over(full, spec, empty, tmp_path, monkeypatch):
    strict = replace(spec, weights=replace(spec.weights, licence="strict", licence_must_be_accepted=True))
    assert not bundle_out(full, [strict], tmp_path / "a.zip", Run())[0].licence_accepted
    accept_licence(strict)
    assert bundle_out(full, [strict], tmp_path / "a.zip", Run())[0].licence_accepted

    monkeypatch.setenv("MEDSEGAI_LICENCES", str(tmp_path / "another user"))
    (file,) = bundle_in(empty, {"known": strict}, tmp_path / "a.zip", Run())
    assert (file.licence, file.licence_accepted) == ("strict", True)
    assert needs_acceptance(strict)


def test_a_missing_file_is_named_and_nothing_is_written(store, spec, tmp_path):
    for models in ([spec], [replace(spec, weights=None)], []):
        with pytest.raises(WeightsMissing, match=r"fake\.pth|need none"):
            bundle_out(store, models, tmp_path / "a.zip", Run())
    assert not list(tmp_path.glob("a.zip*"))


def test_a_damaged_file_does_not_go_out_and_an_older_bundle_stays(bundle, full, spec, folder, content):
    before = bundle.read_bytes()
    (folder / "fake.pth").write_bytes(content[::-1])

    with pytest.raises(WeightsAltered, match=r"fake\.pth"):
        bundle_out(full, [spec], bundle, Run())
    assert bundle.read_bytes() == before
    assert not bundle.with_name("models.zip.part").exists()


def test_a_copy_that_was_trained_further_does_not_go_out(store, spec, tmp_path):
    file = tmp_path / "other.pth"
    file.write_bytes(b"other")
    store.take(file, spec.weights, Run())

    with pytest.raises(WeightsAltered):
        bundle_out(store, [spec], tmp_path / "a.zip", Run())


def test_a_bundle_that_is_cancelled_leaves_nothing(full, spec, tmp_path, bundle, empty, catalogue):
    for work in (
        lambda run: bundle_out(full, [spec], tmp_path / "a.zip", run),
        lambda run: bundle_in(empty, catalogue, bundle, run),
    ):
        cancel = CancelToken()
        with pytest.raises(Cancelled):
            work(Run(lambda *_, cancel=cancel: cancel.cancel(), cancel))
    assert not list(tmp_path.glob("a.zip*"))
    assert is_untouched(empty)


def test_a_bundle_needs_room(full, spec, bundle, empty, catalogue, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(troubles.shutil, "disk_usage", lambda _: usage(0, 0, 1000))

    with pytest.raises(WeightsUnwritable):
        bundle_out(full, [spec], tmp_path / "a.zip", Run())
    with pytest.raises(WeightsUnwritable):
        bundle_in(empty, catalogue, bundle, Run())
    assert is_untouched(empty)


def test_what_is_there_stays_also_if_it_was_trained_further(bundle, empty, catalogue, tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(b"trained further")
    empty.take(file, catalogue["known"].weights, Run())

    bundle_in(empty, catalogue, bundle, Run())

    assert (empty.folders[0] / "fake.pth").read_bytes() == b"trained further"
    assert empty.look_at(catalogue["unknown"].weights).state is FileState.VERIFIED


@pytest.mark.parametrize("kept", [0, 10, 150_000, -1, -200])
def test_a_bundle_that_was_cut_off_is_refused(bundle, empty, catalogue, kept):
    bundle.write_bytes(bundle.read_bytes()[:kept])

    with pytest.raises(BundleRefused, match=r"models\.zip is cut off or is not a bundle"):
        bundle_in(empty, catalogue, bundle, Run())
    assert is_untouched(empty)


@pytest.mark.parametrize("position", [200, 150_000, 302_000])
def test_a_damaged_byte_is_found_and_nothing_is_written(bundle, empty, catalogue, position):
    data = bytearray(bundle.read_bytes())
    data[position] ^= 1
    bundle.write_bytes(data)

    with pytest.raises((BundleRefused, WeightsAltered)):
        bundle_in(empty, catalogue, bundle, Run())
    assert is_untouched(empty)


@pytest.mark.parametrize(
    "name",
    [
        "../fake.pth",
        "weights/../../fake.pth",
        "/weights/fake.pth",
        "C:/weights/fake.pth",
        "weights\\fake.pth",
        "weights/unheard.pth",
        "weights/",
        "fake.pth",
        "weights/fake.pth\0.txt",
        "other/fake.pth",
    ],
)
def test_names_that_are_not_those_of_known_files_are_refused(tmp_path, empty, catalogue, name):
    file = made_of(tmp_path, [(name, b"data")])

    with pytest.raises(BundleRefused):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)
    assert not (tmp_path / "fake.pth").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
def test_links_and_folders_are_refused(tmp_path, empty, catalogue, kind):
    file = tmp_path / "links.zip"
    with zipfile.ZipFile(file, "w") as archive:
        member = zipfile.ZipInfo("weights/fake.pth")
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")

    with pytest.raises(BundleRefused, match="a link or a folder"):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path, empty, catalogue):
    file = made_of(tmp_path, [("weights/second.pth", b"one"), ("weights/second.pth", b"two")])

    with pytest.raises(BundleRefused, match="two files of one name"):
        bundle_in(empty, catalogue, file, Run())


def test_a_file_that_unpacks_to_many_times_its_size_is_refused(tmp_path, empty, catalogue):
    file = made_of(tmp_path, [("weights/second.pth", bytes(10_000_000))], compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 20_000

    with pytest.raises(BundleRefused, match="times its size"):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)


def test_a_bundle_that_was_packed_again_by_another_program_is_taken(tmp_path, empty, catalogue, content):
    file = made_of(tmp_path, [("weights/fake.pth", content)], compression=zipfile.ZIP_DEFLATED)

    assert bundle_in(empty, catalogue, file, Run())
    assert empty.look_at(catalogue["known"].weights).is_published


def test_an_archive_whose_sizes_lie_is_refused(tmp_path, empty, catalogue):
    """The directory says 100 bytes, the file behind it unpacks to a million."""
    file = made_of(tmp_path, [("weights/second.pth", b"a" * 100)])
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(bytes(1_000_000)) + packer.flush()
    data = bytearray(file.read_bytes())
    start = data.index(b"a" * 100)
    data[start : start + 100] = bomb[:100].ljust(100, b"\0")
    for place in (data.index(b"PK\3\4"), data.index(b"PK\1\2") - 2):
        data[place + 8 : place + 10] = (8).to_bytes(2, "little")  # says that it is deflated
    directory = data.index(b"PK\1\2")
    data[directory + 10 : directory + 12] = (8).to_bytes(2, "little")
    file.write_bytes(data)

    with pytest.raises((BundleRefused, WeightsAltered)):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)


def test_all_files_together_have_a_bound(bundle, empty, catalogue, monkeypatch):
    monkeypatch.setattr(bundle_in_module, "MOST_BYTES", 300_001)

    with pytest.raises(BundleRefused, match="unpacks to more than"):
        bundle_in(empty, catalogue, bundle, Run())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_refused(tmp_path, empty, catalogue, content, method):
    file = made_of(tmp_path, [("weights/fake.pth", content)], compression=method)

    with pytest.raises(BundleRefused, match="unusual"):
        bundle_in(empty, catalogue, file, Run())


def test_another_file_under_a_known_name_is_refused_and_the_good_one_stays(tmp_path, full, catalogue, content, folder):
    for name in ("fake.pth", "second.pth"):
        before = (folder / name).read_bytes()
        with pytest.raises(WeightsAltered, match=rf"{name} is not the known file"):
            bundle_in(full, catalogue, made_of(tmp_path, [(f"weights/{name}", b"evil")]), Run())
        assert (folder / name).read_bytes() == before


def test_one_bad_file_keeps_all_out(tmp_path, empty, catalogue, content):
    file = made_of(tmp_path, [("weights/fake.pth", content), ("weights/second.pth", b"good")])
    data = file.read_bytes()
    file.write_bytes(data.replace(b"good", b"evil"))

    with pytest.raises((BundleRefused, WeightsAltered)):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)


GOOD = {
    "filename": "second.pth",
    "sha256": hashlib.sha256(b"data").hexdigest(),
    "size_bytes": 4,
    "licence": "MIT",
    "licence_url": "",
    "licence_accepted": True,
}


@pytest.mark.parametrize(
    "files",
    [
        None,
        [],
        "all",
        [GOOD | {"sha256": "1"}],
        [GOOD | {"size_bytes": 5}],
        [GOOD | {"size_bytes": "4"}],
        [GOOD | {"filename": "fake.pth"}],
        [GOOD | {"filename": "../second.pth"}],
        [GOOD | {"more": 1}],
        [GOOD, GOOD],
        [{}],
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path, empty, catalogue, files):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights/second.pth", b"data")
        if files is not None:
            archive.writestr("manifest.json", json.dumps({"version": 1, "files": files}))

    with pytest.raises(BundleRefused):
        bundle_in(empty, catalogue, file, Run())
    assert is_untouched(empty)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 2, "files": []}', " " * 1_100_000])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, empty, catalogue, text):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", text)

    with pytest.raises(BundleRefused):
        bundle_in(empty, catalogue, file, Run())


def test_no_bundle_at_all_is_refused(tmp_path, empty, catalogue):
    for file in (tmp_path / "nothing.zip", tmp_path):
        with pytest.raises(BundleRefused):
            bundle_in(empty, catalogue, file, Run())


def test_a_copy_that_a_killed_process_left_is_swept(bundle, empty, catalogue):
    left = Layout(empty.folders[0], "left.pth").incoming
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")

    bundle_in(empty, catalogue, bundle, Run())

    assert not left.exists()
