"""A file server on this computer that is honest unless told otherwise: it truncates, stalls, redirects and lies."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Mood = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers one request in the mood that is next."""

    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, dict(self.headers)))
        mood = self.server.moods.pop(0) if self.server.moods else self.server.mood
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has hung up
            mood(self)

    def log_message(self, *_) -> None:
        pass

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    @property
    def start(self) -> int:
        """First byte that is asked for, if it is of the version that is there."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is None or self.headers.get("If-Range", self.server.etag) != self.server.etag:
            return 0
        return int(asked.group(1))


class FileServer(ThreadingHTTPServer):
    """Serves `content` under every path, in the moods of `moods` first and then always in `mood`.

    `asked` lists the path and the headers of every request.
    """

    daemon_threads = True

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = content, '"1"'
        self.moods: list[Mood] = []
        self.mood: Mood = honest
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.patience = threading.Event()  # set: whoever stalls goes on
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.patience.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


def honest(handler: Handler) -> None:
    content, start = handler.server.content, handler.start
    if start >= len(content) > 0:
        handler.head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
        return
    rest = content[start:]
    span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    handler.head(206 if start else 200, Content_Length=len(rest), ETag=handler.server.etag, **span)
    handler.wfile.write(rest)


def cut_off_after(count: int) -> Mood:
    """Hang up after some bytes."""

    def mood(handler: Handler) -> None:
        content, start = handler.server.content, handler.start
        span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        handler.head(206 if start else 200, Content_Length=len(content) - start, ETag=handler.server.etag, **span)
        handler.wfile.write(content[start : start + count])

    return mood


def stall_after(count: int) -> Mood:
    """Say nothing more after some bytes."""

    def mood(handler: Handler) -> None:
        cut_off_after(count)(handler)
        handler.wfile.flush()
        handler.server.patience.wait(30)

    return mood


def say_nothing(handler: Handler) -> None:
    handler.server.patience.wait(30)


def slowly(seconds: float, piece: int = 1 << 16) -> Mood:
    """Wait before each piece."""

    def mood(handler: Handler) -> None:
        content, start = handler.server.content, handler.start
        span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        handler.head(206 if start else 200, Content_Length=len(content) - start, ETag=handler.server.etag, **span)
        for begin in range(start, len(content), piece):
            handler.wfile.write(content[begin : begin + piece])
            handler.server.patience.wait(seconds)

    return mood


def ignore_range(handler: Handler) -> None:
    content = handler.server.content
    handler.head(200, Content_Length=len(content), ETag=handler.server.etag)
    handler.wfile.write(content)


def claim_length(length: int) -> Mood:
    """Lie about the size."""

    def mood(handler: Handler) -> None:
        handler.head(200, Content_Length=length, ETag=handler.server.etag)
        handler.wfile.write(handler.server.content)

    return mood


def in_chunks(handler: Handler) -> None:
    handler.head(200, Transfer_Encoding="chunked", ETag=handler.server.etag)
    for begin in range(0, len(handler.server.content), 50_000):
        piece = handler.server.content[begin : begin + 50_000]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def without_length(handler: Handler) -> None:
    handler.head(200, Connection="close")
    handler.wfile.write(handler.server.content)


def without_version(handler: Handler) -> None:
    content, start = handler.server.content, handler.start
    span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
    handler.head(206 if start else 200, Content_Length=len(content) - start, **span)
    handler.wfile.write(content[start:])


def send_page(handler: Handler) -> None:
    """Answer as a login page of a network does."""
    handler.head(200, Content_Length=6, Content_Type="text/html; charset=utf-8")
    handler.wfile.write(b"<html>")


def another_piece(handler: Handler) -> None:
    """Answer a question for the rest with the beginning, as if it were the rest."""
    content = handler.server.content
    handler.head(206, Content_Length=5, Content_Range=f"bytes 0-4/{len(content)}", ETag=handler.server.etag)
    handler.wfile.write(content[:5])


def answer(status: int, **headers: object) -> Mood:
    """Answer with a status and no file."""
    return lambda handler: handler.head(status, Content_Length=0, **headers)


def lead_to(url: str) -> Mood:
    """Redirect."""
    return answer(302, Location=url)
