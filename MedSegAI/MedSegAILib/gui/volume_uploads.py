"""Volumes on their way to the engine process, a few milliseconds of each turn of the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from MedSegAICore.engine.frames import Frame
from MedSegAICore.engine.mapped_volume import write_volume
from MedSegAICore.errors import MedSegAIError
from MedSegAICore.volume import ImageVolume

from .engine_connection import EngineConnection
from .event_loop import later

TURN = 0.005
"""How long one turn of the event loop may be kept busy [s]; a piece of a volume takes about one millisecond more."""

OnReady = Callable[[], object]
OnError = Callable[[MedSegAIError], object]


@dataclass
class _Upload:
    """A volume that is being written, and who waits for it."""

    image: ImageVolume
    writing: Generator[None, None, Frame]
    version: object
    waiting: list[tuple[OnReady, OnError]] = field(default_factory=list)


class VolumeUploads:
    """Hands every volume once to one life of the engine process.

    Voxels that change while they are read are read again from the start, so that what arrives was one image.

    Parameters
    ----------
    connection
        The process.
    """

    def __init__(self, connection: EngineConnection) -> None:
        self._connection = connection
        self._sent: set[str] = set()
        self._uploads: dict[int, _Upload] = {}  # by the identity of the image, which the upload keeps alive
        self._isTurnAhead = False

    def send(self, image: ImageVolume, onReady: OnReady, onError: OnError) -> None:
        """Call `onReady` once the process has `image`, or `onError` if it cannot be handed over.

        For a volume that was sent or is small this happens at once, otherwise later, from the event loop.
        """
        if image.has_fingerprint and image.fingerprint in self._sent:
            onReady()
            return
        if id(image) not in self._uploads:
            self._uploads[id(image)] = self._begun(image)
        self._uploads[id(image)].waiting.append((onReady, onError))
        if not self._isTurnAhead:
            self._turn()

    def forget(self, fingerprint: str) -> None:
        """Send a volume again when it is next needed: the process has dropped it."""
        self._sent.discard(fingerprint)

    def stop(self) -> None:
        """Give up what is under way; nobody hears of it."""
        uploads, self._uploads = self._uploads, {}
        for upload in uploads.values():
            upload.writing.close()

    def _begun(self, image: ImageVolume) -> _Upload:
        return _Upload(image, write_volume(image, self._connection.folder), image.voxel_version())

    def _turn(self) -> None:
        """Write for a few milliseconds, and go on in the next turn of the event loop."""
        self._isTurnAhead = False
        until = time.perf_counter() + TURN
        while self._uploads and time.perf_counter() < until:
            upload = next(reversed(self._uploads.values()))  # the last asked for: somebody waits for it now
            try:
                self._step(upload)
            except MedSegAIError as error:
                self._end(upload, lambda _onReady, onError, error=error: onError(error))
        if self._uploads and not self._isTurnAhead:
            self._isTurnAhead = True
            later(0, self._turn)

    def _step(self, upload: _Upload) -> None:
        if upload.image.voxel_version() != upload.version:
            upload.writing.close()
            again = self._begun(upload.image)
            upload.writing, upload.version = again.writing, again.version
        try:
            next(upload.writing)
        except StopIteration as finished:
            self._announce(upload.image, finished.value)
            self._end(upload, lambda onReady, _onError: onReady())

    def _announce(self, image: ImageVolume, message: Frame) -> None:
        if image.fingerprint in self._sent:  # the same voxels came as another object before
            Path(message.header["path"]).unlink()
            return
        self._sent.add(image.fingerprint)
        self._connection.send(message)

    def _end(self, upload: _Upload, tell: Callable[[OnReady, OnError], object]) -> None:
        del self._uploads[id(upload.image)]
        for onReady, onError in upload.waiting:
            tell(onReady, onError)
