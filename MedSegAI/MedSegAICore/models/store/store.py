"""Everything that can be done with checkpoints: get, take in, look through, remove."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...disk import move_into_place
from ...engine.run import Run
from ...errors import WeightsAltered, WeightsMissing
from ..catalogue import ModelSpec
from ..licences import check_licence
from ..weights import shipped_folders, weights_folders
from ..weights_spec import WeightsSpec
from .download import Download
from .hashing import copy_hashed, hash_file
from .layout import HIDDEN, INCOMING, Layout
from .locking import held
from .part import PartFile, remove_part
from .record import new_record, write_record
from .sources import Sources
from .stored_file import FileState, StoredFile, look_at
from .troubles import check_room, writing_to


class WeightsStore:
    """The checkpoints on this computer; several processes may use them at once.

    Parameters
    ----------
    folders
        Where they lie. New files go into the first. None takes the folder that `MEDSEGAI_WEIGHTS` names, then the
        user's own.
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self.folders = tuple(weights_folders() if folders is None else folders)

    def look_at(self, weights: WeightsSpec) -> StoredFile:
        """Return what is there of a checkpoint, without reading it."""
        return look_at(weights, self.folders)

    def files(self, catalogue: Mapping[str, ModelSpec]) -> dict[str, StoredFile]:
        """Return what is there of every checkpoint of a catalogue, by the name of the file."""
        every = [spec.weights for spec in catalogue.values() if spec.weights is not None]
        return {weights.filename: self.look_at(weights) for weights in every}

    def download(self, spec: ModelSpec, sources: Sources, run: Run) -> StoredFile:
        """Get the checkpoint of a model, unless it is there; what an earlier try has left is not fetched again.

        Raises
        ------
        LicenceNotAccepted
            Its licence must be accepted first.
        WeightsMissing
            The model needs no checkpoint.
        WeightsBusy
            Another process is getting it.
        DownloadFailed
            No server sends it.
        WeightsAltered
            What was sent, or what lies in the folder, is another file.
        WeightsUnwritable, WeightsInUse
            It cannot be written.
        Cancelled
            The run was cancelled; what has come stays for the next time.
        """
        weights = weights_of(spec)
        check_licence(spec)
        place = Layout(self.folders[0], weights.filename)
        with held(place):
            stored = self.present(weights, run)
            if stored is not None:
                return stored
            known = self.look_at(weights).known_sha256
            offline = sources.offline_file(weights)
            if offline is not None:
                return self._copy(offline, place, weights, known, run)
            return self._fetch(sources.url(weights), place, weights, known, run)

    def take(self, file: Path, weights: WeightsSpec, run: Run, sha256: str = "") -> StoredFile:
        """Copy a file of the user's own to where a model looks for it; an older one is replaced once that is whole.

        Parameters
        ----------
        file, weights
            The file, and whose place it gets.
        run
            Hears of the progress.
        sha256
            What the file was when it was looked at; "" takes it as it is.

        Raises
        ------
        WeightsAltered
            The file is another one by now. Nothing was taken.
        WeightsBusy, WeightsUnwritable, WeightsInUse
            It cannot be written now.
        """
        place = Layout(self.folders[0], weights.filename)
        with held(place):
            if place.file.exists() and place.file.samefile(file):
                with writing_to(place.file):
                    write_record(place, new_record(place.file, sha256 or hash_file(file, run), "import"))
                return self.look_at(weights)
            return self._copy(file, place, weights, sha256, run, "import")

    def verify(self, weights: WeightsSpec, run: Run) -> StoredFile:
        """Read a checkpoint and hold it against what its authors publish, or what it was when it came.

        A file whose hash nobody tells is remembered as it is.

        Raises
        ------
        WeightsMissing
            There is no such file.
        WeightsAltered
            It was swapped, damaged or trained further.
        WeightsBusy, WeightsUnwritable
            The outcome cannot be noted.
        """
        stored = self.look_at(weights)
        if not stored.is_there:
            message = f"There is no model file {weights.filename} to verify."
            raise WeightsMissing(message, "Download or import it first.")
        with held(stored.place), writing_to(stored.place.file):
            return self._verified(stored, run)

    def remove(self, weights: WeightsSpec) -> int:
        """Remove a checkpoint, what is known of it and what has come of a download; return what that frees [bytes].

        What comes with MedSegAI stays.

        Raises
        ------
        WeightsInUse
            A program uses it, and the system does not allow it to be removed.
        WeightsBusy, WeightsUnwritable
            It cannot be removed now.
        """
        freed = 0
        for folder in (folder for folder in self.folders if folder not in shipped_folders()):
            place = Layout(folder, weights.filename)
            if not any(file.exists() for file in (place.file, place.part, place.record)):
                continue
            with held(place), writing_to(place.file):
                freed += sum(file.stat().st_size for file in (place.file, place.part) if file.exists())
                place.file.unlink(missing_ok=True)
                remove_part(place.part)
                place.record.unlink(missing_ok=True)
        return freed

    def sweep(self) -> None:
        """Remove copies that killed processes have left unfinished."""
        for file in (self.folders[0] / HIDDEN).glob(f"*{INCOMING}"):
            place = Layout(self.folders[0], file.name.removesuffix(INCOMING))
            with contextlib.suppress(Exception), held(place):  # whoever is busy with it cleans up
                file.unlink(missing_ok=True)

    def present(self, weights: WeightsSpec, run: Run) -> StoredFile | None:
        """Return the checkpoint if it can stay, None if it is missing or damaged; the caller holds the lock.

        Raises
        ------
        WeightsAltered
            A file that was put there by hand is another one: it may be the user's own.
        """
        stored = self.look_at(weights)
        if stored.state is FileState.VERIFIED or not stored.is_there:
            return stored if stored.is_there else None
        try:
            return self._verified(stored, run)
        except WeightsAltered:
            if stored.state is FileState.CHANGED:
                return None
            raise

    def install(self, place: Layout, draft: Path, sha256: str, source: str, weights: WeightsSpec) -> StoredFile:
        """Make a finished draft the checkpoint; the caller holds the lock."""
        with writing_to(place.file):
            move_into_place(draft, place.file)
            write_record(place, new_record(place.file, sha256, source))
        return self.look_at(weights)

    def _verified(self, stored: StoredFile, run: Run) -> StoredFile:
        file, record = stored.place.file, stored.record
        sha256 = hash_file(file, run)
        allowed = {stored.weights.sha256} if stored.weights.has_known_hash else set[str]()
        allowed |= set() if record is None else {record.sha256}
        if allowed and sha256 not in allowed:
            raise altered(stored, sha256)
        write_record(stored.place, new_record(file, sha256, "found in the folder", record))
        return self.look_at(stored.weights)

    def _fetch(self, url: str, place: Layout, weights: WeightsSpec, known: str, run: Run) -> StoredFile:
        size = weights.size_bytes
        with writing_to(place.file), PartFile(place.part) as part:
            sha256 = Download(url, weights.filename, known, size).fetch(part, run)
        stored = self.install(place, place.part, sha256, f"downloaded from {url}", weights)
        remove_part(place.part)
        return stored

    def _copy(
        self, file: Path, place: Layout, weights: WeightsSpec, known: str, run: Run, source: str = ""
    ) -> StoredFile:
        check_room(place.folder, file.stat().st_size)
        try:
            with writing_to(place.file), file.open("rb") as original, place.incoming.open("wb") as copy:
                words = f"Copying {weights.filename}"
                sha256 = copy_hashed(original, copy, file.stat().st_size, run, words)
            if known not in ("", sha256):
                message = f"The file {file} is not the known file {weights.filename}: its sha256 is {sha256}."
                advice = f"Nothing was taken. Put the right one into {file.parent}, and wait until it is whole."
                raise WeightsAltered(message, advice)
            return self.install(place, place.incoming, sha256, source or f"copied from {file.parent}", weights)
        finally:
            with contextlib.suppress(OSError):
                place.incoming.unlink(missing_ok=True)


def weights_of(spec: ModelSpec) -> WeightsSpec:
    """Return what is known about the checkpoint of a model.

    Raises
    ------
    WeightsMissing
        It has none.
    """
    if spec.weights is None:
        message = f"The model '{spec.name}' needs no checkpoint."
        raise WeightsMissing(message, "Use it without one.")
    return spec.weights


def altered(stored: StoredFile, sha256: str) -> WeightsAltered:
    """Return the error that says how a file differs from what is known of it."""
    file, record = stored.place.file, stored.record
    if record is not None:
        message = (
            f"The file {file.name} in {file.parent} was changed after {record.verified[:10]}: its sha256 is {sha256}."
        )
        advice = "Remove it and get it again. If you have changed it yourself, import it."
    else:
        message = (
            f"The file {file.name} in {file.parent} is not the one that its authors publish: its sha256 is {sha256}."
        )
        advice = "Remove it and get it again. If it is a copy that was trained further, import it."
    return WeightsAltered(message, advice)
