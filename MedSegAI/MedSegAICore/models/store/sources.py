"""Where downloads come from: the authors' server, a mirror of the user's own, or a folder on the local network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ...errors import DownloadFailed
from ..weights_spec import WeightsSpec

MIRROR_VARIABLE = "MEDSEGAI_MIRROR"
"""Environment variable with the address that stands for all authors' servers."""
OFFLINE_VARIABLE = "MEDSEGAI_OFFLINE_FOLDER"
"""Environment variable that names a folder in which files are looked for before anything is downloaded."""

_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Sources:
    """Where files are looked for.

    Parameters
    ----------
    mirror
        Address that all files lie under, by their names; "" asks the authors' own servers. With a mirror no other
        server is asked.
    offline_folder
        Folder in which a file is looked for first; "" for none.
    """

    mirror: str = ""
    offline_folder: str = ""

    @classmethod
    def from_environment(cls) -> Sources:
        """Return what the environment variables say."""
        return cls(os.environ.get(MIRROR_VARIABLE, ""), os.environ.get(OFFLINE_VARIABLE, ""))

    def or_else(self, other: Sources) -> Sources:
        """Return these, with what they leave open taken from `other`."""
        return Sources(self.mirror or other.mirror, self.offline_folder or other.offline_folder)

    def offline_file(self, weights: WeightsSpec) -> Path | None:
        """Return the file in the offline folder, if it is there."""
        file = Path(self.offline_folder, weights.filename)
        return file if self.offline_folder and file.is_file() else None

    def url(self, weights: WeightsSpec) -> str:
        """Return the address of a file.

        Raises
        ------
        DownloadFailed
            Its authors only have a page for it, and there is no mirror.
        """
        if self.mirror:
            return f"{self.mirror.rstrip('/')}/{quote(weights.filename)}"
        if weights.url_is_page:
            message = f"The file {weights.filename} cannot be downloaded by itself."
            advice = f"Get it from the page {weights.url}, then import it."
            raise DownloadFailed(message, advice)
        return weights.url


def is_on_this_computer(url: str) -> bool:
    """Tell whether an address is one of this computer."""
    return urlsplit(url).hostname in _THIS_COMPUTER


def check_address(url: str) -> None:
    """Let an address pass that nobody can listen to or answer for: https, or a server on this computer.

    Raises
    ------
    DownloadFailed
        It is another one.
    """
    try:
        scheme, is_local = urlsplit(url).scheme, is_on_this_computer(url)
    except ValueError as error:
        message = f"The address {url} cannot be used: {error}."
        raise DownloadFailed(message, "Correct the address of the mirror.") from error
    if scheme != "https" and not (scheme == "http" and is_local):
        message = f"The address {url} is not safe: what comes from it could be changed on the way."
        raise DownloadFailed(message, "Use one that starts with https://, or import the file.")
