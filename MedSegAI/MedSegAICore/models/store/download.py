"""Download one file so that it arrives whole, goes on where it stopped, and is the one that was meant."""

from __future__ import annotations

from contextlib import closing

from ...engine.run import Run
from ...errors import DownloadFailed, WeightsAltered
from . import patience
from .connection import Answer, Connection, ConnectionTrouble
from .part import Origin, PartFile
from .patience import PatientConnection
from .troubles import RESERVE_BYTES, check_room, megabytes

WAITS = (0.5, 1.0, 2.0, 4.0)
"""How long is waited before each further try in a row that brings nothing [s]."""
WORTHWHILE_BYTES = 1 << 20
"""A try that brings as much does not count as one of them."""
_LOOK_AT_DISK_EVERY = 32 << 20


class Download:
    """One file that is fetched from a server into a `PartFile`.

    Parameters
    ----------
    url
        Its address.
    name
        What messages call it.
    sha256
        The hash that it must have; "" if that is not known.
    size_bytes
        The size that it must have [bytes]; None if that is not known.
    """

    def __init__(self, url: str, name: str, sha256: str, size_bytes: int | None) -> None:
        self._url, self._name, self._sha256, self._size_bytes = url, name, sha256, size_bytes
        self._next_look = 0
        self._is_joined = False  # of what several tries have brought

    def fetch(self, part: PartFile, run: Run) -> str:
        """Fill `part`, from wherever an earlier try has left it, and return its sha256.

        Raises
        ------
        DownloadFailed
            The server does not have the file, cannot be trusted, or does not send all of it.
        WeightsAltered
            What it sends is another file. Nothing of it stays.
        WeightsUnwritable
            The disk has no room for it.
        Cancelled
            The run was cancelled. What has come stays.
        """
        part.resume(run)
        if part.origin is not None and part.origin.url != self._url and not self._sha256:
            part.begin(None)  # whether the other server has the same file cannot be told in the end
        self._is_joined = part.size_bytes > 0
        self._fetch_all(part, run)
        if self._is_wrong(part) and self._is_joined:  # the beginning may have been of another version
            part.begin(None)
            self._fetch_all(part, run)
        if self._is_wrong(part):
            found = part.sha256
            part.begin(None)
            message = f"What {self._url} sends is not the known file {self._name}: its sha256 is {found}."
            raise WeightsAltered(message)
        return part.sha256

    def _is_wrong(self, part: PartFile) -> bool:
        return self._sha256 not in ("", part.sha256)

    def _fetch_all(self, part: PartFile, run: Run) -> None:
        """Ask for the rest until all has come, or asking has become pointless."""
        failures = 0
        while True:
            before = part.size_bytes
            try:
                self._fetch_rest(part, run)
                return
            except ConnectionTrouble as error:
                failures = 0 if part.size_bytes - before >= WORTHWHILE_BYTES else failures + 1
                if failures > len(WAITS):
                    message = f"The file {self._name} could not be downloaded from {self._url}: {error}."
                    raise DownloadFailed(message) from error
                run.step(self._fraction(part, self._size_bytes), f"Waiting for the server ({error})")
                patience.wait(WAITS[max(failures - 1, 0)], run)

    def _fetch_rest(self, part: PartFile, run: Run) -> None:
        if self._size_bytes is not None and part.size_bytes == self._size_bytes:
            return
        version = part.origin.version if part.origin is not None and part.origin.url == self._url else ""
        if not (version or self._sha256):
            part.begin(None)  # nothing would tell whether the rest belongs to this beginning
        start = part.size_bytes
        with closing(PatientConnection(lambda: Connection(self._url, start, version), run)) as connection:
            answer = connection.answer()
            if answer.start is None:
                self._nothing_more(part, answer)
                return
            self._check_total(answer, part)
            self._place(part, answer, version)
            expected = self._size_bytes if answer.total is None else answer.total
            check_room(part.folder, max((expected or 0) - part.size_bytes, 0))
            self._receive(part, connection, expected, run)

    def _nothing_more(self, part: PartFile, answer: Answer) -> None:
        """The server has nothing beyond what is there: either that is all, or it was of another version."""
        if part.size_bytes not in (self._size_bytes, answer.total):
            part.begin(None)
            reason = "the file has changed on the server"
            raise ConnectionTrouble(reason)

    def _check_total(self, answer: Answer, part: PartFile) -> None:
        if not (answer.ends_visibly or self._sha256 or self._size_bytes):
            message = f"Whether {self._name} comes whole from {self._url} cannot be told: the server hides its size."
            raise DownloadFailed(message)
        if self._size_bytes is None or answer.total in (None, self._size_bytes):
            return
        part.begin(None)
        message = (
            f"What {self._url} offers is not the known file {self._name}: it has {answer.total} bytes instead of"
            f" {self._size_bytes}."
        )
        raise WeightsAltered(message)

    def _place(self, part: PartFile, answer: Answer, version: str) -> None:
        """Make `part` end where the bytes that are about to come begin."""
        if answer.start == 0:
            part.begin(Origin(self._url, answer.version))
            return
        self._is_joined = True
        if answer.start != part.size_bytes or (version and answer.version not in ("", version)):
            part.begin(None)
            reason = "the server sent another piece of the file"
            raise ConnectionTrouble(reason)

    def _receive(self, part: PartFile, connection: PatientConnection, expected: int | None, run: Run) -> None:
        for chunk in connection.chunks():
            if expected is not None and part.size_bytes + len(chunk) > expected:
                part.begin(None)
                message = f"What {self._url} sends is larger than the file {self._name} ({megabytes(expected)})."
                raise WeightsAltered(message)
            part.add(chunk)
            self._look_at_disk(part)
            of = f" of {megabytes(expected)}" if expected is not None else ""
            run.step(self._fraction(part, expected), f"Downloading {self._name}: {megabytes(part.size_bytes)}{of}")
        if expected is not None and part.size_bytes < expected:
            reason = f"the connection ended after {part.size_bytes} of {expected} bytes"
            raise ConnectionTrouble(reason)

    def _look_at_disk(self, part: PartFile) -> None:
        """Stop before the disk is full, whatever the server has said about the size."""
        if part.size_bytes >= self._next_look:
            check_room(part.folder, 0)
            self._next_look = part.size_bytes + min(_LOOK_AT_DISK_EVERY, RESERVE_BYTES // 2)

    @staticmethod
    def _fraction(part: PartFile, expected: int | None) -> float:
        return part.size_bytes / expected if expected else 0.0
