"""Ask a server for a file, or for the rest of it.

`requests` is used because Slicer ships it, with its certificates, and because it knows the proxies and certificates of
hospitals (`HTTPS_PROXY`, `REQUESTS_CA_BUNDLE`): nothing has to be installed. pooch is built on it too, but starts
every download anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ...errors import DownloadFailed, PackageMissing
from .sources import check_address, is_on_this_computer

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 15
STALL_SECONDS = 30
"""How long a server may say nothing."""
MOST_REDIRECTS = 8
READ_BYTES = 1 << 16

_REDIRECTS = (301, 302, 303, 307, 308)
_TRY_LATER = (408, 425, 429, 500, 502, 503, 504)


class ConnectionTrouble(Exception):
    """Something that may be over soon: the same question is worth asking again."""


@dataclass(frozen=True)
class Answer:
    """What a server says about the bytes that it is about to send.

    Parameters
    ----------
    start
        Where in the file they begin [bytes]; None if the server says that there is nothing from there on.
    total
        Size of the whole file [bytes]; None if the server does not say.
    version
        What names this version of the file (a strong ETag, or else the time of its last change), "" if nothing does.
    ends_visibly
        Whether a connection that breaks can be told from the end of the file.
    """

    start: int | None
    total: int | None
    version: str
    ends_visibly: bool = True


class Connection:
    """One question for the bytes of a file from `start` on; ask for `answer` first, then for `chunks`.

    Parameters
    ----------
    url
        Where the file is.
    start
        First byte that is wanted.
    version
        The version that the bytes before it are of: where the file has changed since, the server begins anew. ""
        takes the rest of whatever is there now.

    Raises
    ------
    DownloadFailed
        The address or one that it leads to is not safe, or the server says that it has no such file.
    ConnectionTrouble
        There is no answer, or the server is in trouble.
    PackageMissing
        The package `requests` is not installed.
    """

    def __init__(self, url: str, start: int = 0, version: str = "") -> None:
        self._asked = {"Accept-Encoding": "identity"}
        if start:
            self._asked["Range"] = f"bytes={start}-"
            if version:
                self._asked["If-Range"] = version
        self._start = start
        self._response = self._open(url)
        self.answer = self._understood()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as they come; that they are all is for the caller to check."""
        from urllib3.exceptions import HTTPError

        try:
            while chunk := self._response.raw.read(READ_BYTES, decode_content=False):
                yield chunk
        except (HTTPError, OSError, ValueError) as error:
            raise ConnectionTrouble(_reason(error)) from error

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    def _open(self, url: str) -> requests.Response:
        """Ask, and follow where the server sends us as long as that is safe."""
        begins_here = is_on_this_computer(url)
        for _ in range(MOST_REDIRECTS + 1):
            check_address(url)
            if is_on_this_computer(url) and not begins_here:
                message = f"The server leads to {url}, which is on this computer."
                raise DownloadFailed(message)
            response = self._ask(url)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            url = _joined(url, response.headers.get("Location", ""))
        message = f"The server leads from one address to the next, at last to {url}."
        raise DownloadFailed(message)

    def _ask(self, url: str) -> requests.Response:
        try:
            import requests
        except ImportError as error:
            message = "To download model files, the Python package requests is needed."
            raise PackageMissing(message) from error
        waits = (CONNECT_SECONDS, STALL_SECONDS)
        try:
            with _session() as session:
                return session.get(url, headers=self._asked, stream=True, timeout=waits)
        except requests.exceptions.SSLError as error:
            message = f"The server of {url} cannot prove that it is the right one ({_reason(error)})."
            advice = "Where a firewall reads along, name its certificates in REQUESTS_CA_BUNDLE; or import the file."
            raise DownloadFailed(message, advice) from error
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, OSError) as error:
            if isinstance(error, requests.exceptions.InvalidURL):
                message = f"The address {url} cannot be used."
                raise DownloadFailed(message) from error
            raise ConnectionTrouble(_reason(error)) from error

    def _understood(self) -> Answer:
        status, headers = self._response.status_code, self._response.headers
        if status == 200 and headers.get("Content-Type", "").startswith("text/html"):
            self.close()
            message = f"The server of {self._response.url} sends a page instead of the file."
            raise DownloadFailed(message, "Open the address in a browser: it may ask for a login. Or import the file.")
        version = headers.get("ETag", "")
        if not version.startswith('"'):  # a weak one does not promise equal bytes
            version = headers.get("Last-Modified", "")
        if status == 200:
            total = _whole_number(headers.get("Content-Length"))
            is_chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
            return Answer(0, total, version, is_chunked or total is not None)
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", ""))
        total = _whole_number(span.group(2)) if span else None
        if status == 206 and span and span.group(1):
            return Answer(int(span.group(1)), total, version)
        self.close()
        if status == 416 and self._start:
            return Answer(None, total, version)
        reason = f"the server answers {status} {self._response.reason or ''}".rstrip()
        if status in _TRY_LATER or status == 206:
            raise ConnectionTrouble(reason)
        message = f"The file cannot be downloaded from {self._response.url}: {reason}."
        raise DownloadFailed(message)


def _session() -> requests.Session:
    """Return a session that leaves redirects alone; others read all that a server sends along with one."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
            return None

    return Session()


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # which no check lets pass


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,18}", text) else None


def _reason(error: BaseException) -> str:
    """Return the innermost cause in words: the outer ones only say that something has failed."""
    words = {
        "ReadTimeoutError": f"the server has said nothing for {STALL_SECONDS} s",
        "IncompleteRead": "the connection broke off",
        "ConnectTimeoutError": f"the server has not answered for {CONNECT_SECONDS} s",
        "NameResolutionError": "the server's name is not known here",
    }
    while True:
        if type(error).__name__ in words:
            return words[type(error).__name__]
        causes = (getattr(error, "reason", None), *error.args[::-1])
        inner = next((cause for cause in causes if isinstance(cause, BaseException)), None)
        if inner is None:
            return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        error = inner
