"""A file server on this computer, a store, and a model whose file the server has."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from fakes.file_server import FileServer
from fakes.models import fake_spec, fake_weights
from MedSegAICore.models import licences
from MedSegAICore.models.store import connection, download
from MedSegAICore.models.store.store import WeightsStore
from MedSegAICore.models.weights_spec import UNKNOWN


@pytest.fixture(autouse=True)
def undisturbed(tmp_path, monkeypatch):
    """No proxy, no settings of the user, and no long waits."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path / "user"))
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.3)


@pytest.fixture
def content():
    return np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def server(content):
    server = FileServer(content)
    yield server
    server.close()


@pytest.fixture
def spec(server, content):
    """A model whose file is known by hash and size."""
    sha256 = hashlib.sha256(content).hexdigest()
    weights = fake_weights(url=f"{server.url}/fake.pth", sha256=sha256, size_bytes=len(content))
    return fake_spec("known", title="Known", weights=weights)


@pytest.fixture
def unknown(spec):
    """The same model if its authors tell neither hash nor size."""
    return replace(spec, name="unknown", weights=replace(spec.weights, sha256=UNKNOWN, size_bytes=None))


@pytest.fixture
def folder(tmp_path):
    """The weights folder, which is not there yet."""
    return tmp_path / "data" / "weights"


@pytest.fixture
def store(folder):
    return WeightsStore([folder])
