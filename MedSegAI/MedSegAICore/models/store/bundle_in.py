"""Take a bundle of checkpoints in: all of it, or nothing."""

from __future__ import annotations

import contextlib
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from ...engine.run import Run
from ...errors import BundleRefused, WeightsAltered
from ..catalogue import ModelSpec
from ..weights_spec import WeightsSpec
from . import manifest
from .hashing import copy_hashed
from .layout import Layout
from .locking import held
from .manifest import BundledFile, read_manifest
from .store import WeightsStore
from .troubles import check_room, megabytes, writing_to

MOST_BYTES = 64_000_000_000
"""What all files of a bundle may take [bytes]."""
HIGHEST_RATIO = 20
"""How many times smaller than its content a file may be stored: tensors do not even become half as large."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 1


def bundle_in(store: WeightsStore, catalogue: Mapping[str, ModelSpec], file: Path, run: Run) -> list[BundledFile]:
    """Take the checkpoints of a bundle into the store; what is there already stays.

    Licences are not taken as accepted: each user is asked when the model is first used.

    Raises
    ------
    BundleRefused
        It is cut off or no bundle, holds names that are not those of known checkpoints, links or folders, or unpacks
        to more than it says. Nothing was written.
    WeightsAltered
        A checkpoint is not the one that its authors publish, or that is known. Nothing was changed.
    WeightsBusy, WeightsUnwritable, WeightsInUse
        It cannot be written now.
    """
    store.sweep()
    known = {spec.weights.filename: spec.weights for spec in catalogue.values() if spec.weights is not None}
    try:
        with zipfile.ZipFile(file) as archive:
            files = _described(archive, known)
            _check_hashes(store, files, known)
            check_room(store.folders[0], sum(one.size_bytes for one in files.values()))
            _take(archive, files, store, known, run)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        message = f"The file {file.name} is cut off or is not a bundle of model files ({error})."
        raise BundleRefused(message) from error
    return list(files.values())


def _described(archive: zipfile.ZipFile, known: Mapping[str, WeightsSpec]) -> dict[str, BundledFile]:
    """Return the files by their names in the archive, after everything was looked at that can be without reading."""
    members = {member.filename: member for member in archive.infolist()}
    if len(members) != len(archive.infolist()):
        _refuse("it holds two files of one name")
    for member in members.values():
        _check_member(member, known)
    if manifest.NAME not in members:
        _refuse(f"it has no {manifest.NAME}")
    if members[manifest.NAME].file_size > manifest.MOST_BYTES:
        _refuse(f"its {manifest.NAME} is too large")
    files = read_manifest(_bounded(archive, members[manifest.NAME]))
    if set(files) != set(members) - {manifest.NAME}:
        _refuse(f"its {manifest.NAME} lists other files than it holds")
    for name, one in files.items():
        if members[name].file_size != one.size_bytes:
            _refuse(f"{one.filename} has another size than its {manifest.NAME} says")
    if sum(one.size_bytes for one in files.values()) > MOST_BYTES:
        _refuse(f"it unpacks to more than {megabytes(MOST_BYTES)}")
    return files


def _check_member(member: zipfile.ZipInfo, known: Mapping[str, WeightsSpec]) -> None:
    folder, _, filename = member.orig_filename.rpartition("/")
    is_known = member.filename == manifest.NAME or (folder == "weights" and filename in known)
    if not is_known or member.filename != member.orig_filename:
        _refuse(f"it holds '{member.orig_filename}', which is no known model file")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        _refuse(f"'{member.filename}' is a link or a folder")
    if member.compress_type not in _METHODS or member.flag_bits & _IS_ENCRYPTED:
        _refuse(f"'{member.filename}' is encrypted or packed in an unusual way")
    if member.file_size > HIGHEST_RATIO * max(member.compress_size, 1000):
        _refuse(f"'{member.filename}' unpacks to {member.file_size // max(member.compress_size, 1)} times its size")


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as source:
        data = source.read(manifest.MOST_BYTES + 1)
    if len(data) > manifest.MOST_BYTES:
        _refuse(f"its {manifest.NAME} is too large")
    return data


def _check_hashes(store: WeightsStore, files: Mapping[str, BundledFile], known: Mapping[str, WeightsSpec]) -> None:
    for one in files.values():
        sha256 = store.look_at(known[one.filename]).known_sha256
        if sha256 not in ("", one.sha256):
            message = f"The bundle's {one.filename} is not the known file of that name: its sha256 is {one.sha256}."
            advice = "Nothing was changed. Import the file alone if it is a copy that was trained further."
            raise WeightsAltered(message, advice)


def _take(
    archive: zipfile.ZipFile,
    files: Mapping[str, BundledFile],
    store: WeightsStore,
    known: Mapping[str, WeightsSpec],
    run: Run,
) -> None:
    """Unpack everything beside its place, then move all of it there."""
    places = {name: Layout(store.folders[0], one.filename) for name, one in files.items()}
    fresh: dict[str, BundledFile] = {}
    total, done = max(sum(one.size_bytes for one in files.values()), 1), 0
    with ExitStack() as stack:
        for name, one in files.items():
            stack.enter_context(held(places[name]))
            if store.present(known[one.filename], Run(cancel=run.cancel)) is not None:
                continue
            fresh[name] = one
            stack.enter_context(_removed_afterwards(places[name].incoming))
            share = run.part(done / total, (done + one.size_bytes) / total)
            _unpack(archive, name, one, places[name], share)
            done += one.size_bytes
        run.check()
        for name, one in fresh.items():
            place = places[name]
            store.install(place, place.incoming, one.sha256, "taken from a bundle", known[one.filename])


def _unpack(archive: zipfile.ZipFile, name: str, one: BundledFile, place: Layout, run: Run) -> None:
    with archive.open(name) as source, writing_to(place.file), place.incoming.open("wb") as target:
        # an archive whose sizes lie ends early or late: Python stops at the size that was checked
        sha256 = copy_hashed(source, target, one.size_bytes, run, f"Unpacking {one.filename}")
        written = target.tell()
    if (sha256, written) != (one.sha256, one.size_bytes):
        message = f"The bundle's {one.filename} is damaged: its sha256 is {sha256}."
        raise WeightsAltered(message, "Nothing was changed. Make the bundle again.")


@contextlib.contextmanager
def _removed_afterwards(file: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _refuse(reason: str) -> NoReturn:
    message = f"The bundle is refused: {reason}."
    raise BundleRefused(message)
