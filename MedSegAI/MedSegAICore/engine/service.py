"""The engine process at work: one thread reads messages, the main thread does one job after the other."""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Cancelled, EngineFault, MedSegAIError
from ..incontext.storing import store
from ..volume import ImageVolume, VolumePatch
from .cache import GIBIBYTE
from .engine import Engine
from .fit_messages import fitted_message, images_of_fit, read_fit_message
from .frames import Frame, FrameReader, encode_frame
from .mapped_volume import receive_volume
from .messages import (
    error_message,
    hello_message,
    memory_message,
    need_volume_message,
    predicted_message,
    preview_message,
    progress_message,
    read_segment_message,
    result_message,
)
from .provenance import versions_in_use
from .run import CancelToken, PreviewCallback, ProgressCallback
from .store_messages import read_store_message, stored_message
from .threads import threads_in_use

READ_SIZE = 1 << 16
VOLUMES_LIMIT = 16
"""Volumes kept mapped; a request for one that was dropped asks for it again."""
JOBS = ("segment", "predict", "fit", "store")
"""Messages that ask for work."""
PROGRESS_INTERVAL = 0.05
"""Shortest time between two progress messages of a job [s]."""


class Channel:
    """The pipes to the application."""

    def __init__(self, input_handle: int, output_handle: int) -> None:
        self._input = input_handle
        self._output = os.fdopen(output_handle, "wb")
        self._lock = threading.Lock()

    def frames(self) -> Iterator[Frame]:
        """Yield messages until the application closes its end."""
        reader = FrameReader()
        while data := os.read(self._input, READ_SIZE):
            yield from reader.feed(data)

    def write(self, frame: Frame) -> None:
        """Send a message; any thread may."""
        data = encode_frame(frame)
        with self._lock:
            self._output.write(data)
            self._output.flush()


@dataclass
class Job:
    """A request that was read and not yet answered."""

    cancel: CancelToken = field(default_factory=CancelToken)
    started: bool = False
    is_watched: bool = False  # whether the application waits for a preview


class Service:
    """Answers messages with the engine.

    Parameters
    ----------
    channel
        Where messages come from and answers go to.
    make_engine
        Builds the engine from a device, checkpoint files and the size of its cache.
    """

    def __init__(self, channel: Channel, make_engine: Callable[[str, dict[str, Path], int], Engine]) -> None:
        self._channel = channel
        self._make_engine = make_engine
        self._engine = make_engine("auto", {}, GIBIBYTE)
        self._inbox: queue.Queue[Frame] = queue.Queue()
        self._jobs: dict[int, Job] = {}
        self._jobs_lock = threading.Lock()
        self._wanted_model = ""
        self._volumes: OrderedDict[str, ImageVolume] = OrderedDict()

    def run(self) -> None:
        """Serve until the application closes its end of the pipe, whatever is running then."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._handle(self._inbox.get())

    def _listen(self) -> None:
        # a process that nobody listens to must not live on: it would keep gigabytes and the device
        status = 1
        try:
            for frame in self._channel.frames():
                self._sort(frame)
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)

    def _sort(self, frame: Frame) -> None:
        """Queue a message for the main thread, or act on it at once if it is about a job that may be at work."""
        kind, number = frame.header["type"], frame.header.get("number", 0)
        if kind == "cancel":
            self._cancel(number)
            return
        if kind == "look":
            self._look(number)
            return
        if kind in JOBS:
            with self._jobs_lock:
                self._jobs[number] = Job()
        elif kind == "load":
            self._wanted_model = frame.header["model"]
        self._inbox.put(frame)

    def _cancel(self, number: int) -> None:
        with self._jobs_lock:
            job = self._jobs.get(number)
            if job is None:
                return
            job.cancel.cancel()
            if job.started:
                return
            del self._jobs[number]
        # it waits behind another job, which must not delay the answer
        message = "The run was cancelled before it began."
        self._channel.write(error_message(number, Cancelled(message)))

    def _look(self, number: int) -> None:
        with self._jobs_lock:
            job = self._jobs.get(number)
            if job is not None:
                job.is_watched = True

    def _handle(self, frame: Frame) -> None:
        kind = frame.header["type"]
        if kind == "configure":
            self._configure(frame)
        elif kind == "volume":
            self._keep_volume(frame)
        elif kind == "load":
            self._load(frame.header["model"])
        elif kind in JOBS:
            self._work(frame)
        elif kind == "memory":
            self._tell_memory(frame)
        else:
            message = f"There is no message of the type '{kind}'."
            raise EngineFault(message)

    def _configure(self, frame: Frame) -> None:
        weights = {name: Path(path) for name, path in frame.header["weights"].items()}
        self._engine = self._make_engine(frame.header["device"], weights, frame.header["cache_bytes"])
        self._channel.write(hello_message(os.getpid(), versions_in_use(), threads_in_use()))

    def _tell_memory(self, frame: Frame) -> None:
        if frame.header["clear"]:
            self._engine.unload()
        self._channel.write(memory_message(self._engine.cached_bytes, self._engine.loaded_models))

    def _keep_volume(self, frame: Frame) -> None:
        try:
            image = receive_volume(frame)
        except MedSegAIError:
            traceback.print_exc()  # the request that needs it asks for it again
            return
        self._volumes[image.fingerprint] = image
        while len(self._volumes) > VOLUMES_LIMIT:
            self._volumes.popitem(last=False)

    def _load(self, model: str) -> None:
        if model != self._wanted_model:  # the user has gone on to another one while this one waited
            return
        try:
            self._engine.load(model)
        except Exception:  # noqa: BLE001  the first request ends with the same error, and tells it
            traceback.print_exc()

    def _work(self, frame: Frame) -> None:
        number = frame.header["number"]
        with self._jobs_lock:
            job = self._jobs.get(number)
            if job is None:  # cancelled while it waited
                return
            job.started = True
        answer = self._answer(number, frame, job)
        with self._jobs_lock:
            del self._jobs[number]
        self._channel.write(answer)

    def _answer(self, number: int, frame: Frame, job: Job) -> Frame:
        images = {}
        for fingerprint in images_of_fit(frame) if frame.header["type"] == "fit" else [frame.header["image"]]:
            image = self._volumes.get(fingerprint)
            if image is None:
                return need_volume_message(number, fingerprint)
            self._volumes.move_to_end(fingerprint)
            images[fingerprint] = image
        try:
            return self._result(number, frame, images, job)
        except MedSegAIError as error:
            return error_message(number, error)
        except Exception as error:  # noqa: BLE001  nothing a job does may end the process; the log keeps the trace
            traceback.print_exc()
            return error_message(number, error)

    def _result(self, number: int, frame: Frame, images: Mapping[str, ImageVolume], job: Job) -> Frame:
        report = self._reporter(number)
        if frame.header["type"] == "fit":
            return fitted_message(number, self._engine.fit(read_fit_message(frame, images), report, job.cancel))
        if frame.header["type"] == "store":
            return stored_message(number, store(read_store_message(frame, images[frame.header["image"]])))
        request = read_segment_message(frame, images[frame.header["image"]])
        if frame.header["type"] == "predict":
            return predicted_message(number, self._engine.predicted_seconds(request, job.cancel))
        answer = self._engine.segment(request, report, job.cancel, self._previewer(number, job))
        return result_message(number, answer)

    def _previewer(self, number: int, job: Job) -> PreviewCallback:
        """Return what sends a preview if the application waits for one; it asks for the next when it has seen it."""

        def preview(make: Callable[[], VolumePatch]) -> None:
            if job.is_watched:
                job.is_watched = False
                self._channel.write(preview_message(number, make()))

        return preview

    def _reporter(self, number: int) -> ProgressCallback:
        last_report = -PROGRESS_INTERVAL

        def report(fraction: float, message: str) -> None:
            nonlocal last_report
            now = time.monotonic()
            if now - last_report >= PROGRESS_INTERVAL:
                last_report = now
                self._channel.write(progress_message(number, fraction, message))

        return report
