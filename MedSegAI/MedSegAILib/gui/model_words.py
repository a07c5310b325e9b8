"""What the module says about a model and its file."""

from __future__ import annotations

from MedSegAICore.models.store.stored_file import FileState
from slicer.i18n import tr as _

from .doctor import formatBytes
from .model_jobs import canDownload, sizeText
from .model_state import ModelState, State


def columns(model: ModelState) -> tuple[str, str, str, str]:
    """Return the row of a model in the list: title, state, size and licence."""
    weights = model.spec.weights
    size, licence = ("", "") if weights is None else (sizeText(weights.size_bytes), weights.licence)
    if model.file is not None and model.file.is_there:
        size = formatBytes(model.file.size_bytes)
    return model.spec.title, _state(model), size, licence


def downloadText(model: ModelState) -> str:
    """Return what the button for a download says."""
    if model.file is not None and model.file.state is FileState.PARTIAL:
        return _("Go on with the download")
    size = "" if model.spec.weights is None else sizeText(model.spec.weights.size_bytes)
    return _("Download ({size})").format(size=size) if size else _("Download")


def description(model: ModelState) -> str:
    """Return what the model is good for, what it lacks, and what is known about its file."""
    parts = [model.spec.advice]
    if model.spec.memory_mb is not None:
        more = _("Without a graphics card it takes up to {size} of memory.")
        parts.append(more.format(size=formatBytes(model.spec.memory_mb * 1_000_000)))
    if model.file is not None:
        parts += [_aboutLicence(model), _aboutFile(model)]
    if model.missingBase is not None:
        more = _("It also needs the file of {model}, which is downloaded with it.")
        parts.append(more.format(model=model.missingBase.title))
    if model.missingPackages:
        more = _("It also needs Python packages that are not installed: {names}.")
        parts.append(more.format(names=", ".join(model.missingPackages)))
    return " ".join(filter(None, parts))


def verifiedText(found: list[dict]) -> str:
    """Return what came of verifying some files."""
    good = [file["filename"] for file in found if file["is_published"]]
    others = [file["filename"] for file in found if not file["is_published"]]
    parts = []
    if good:
        parts.append(_("These files are what their authors publish: {names}.").format(names=", ".join(good)))
    if others:
        parts.append(_("These files are as they were when they came: {names}.").format(names=", ".join(others)))
    return " ".join(parts)


def _state(model: ModelState) -> str:
    states = {
        State.READY: _("ready"),
        State.LICENCE_NOT_ACCEPTED: _("accept licence"),
        State.FILE_MISSING: _("file missing"),
        State.PACKAGE_MISSING: _("package missing"),
    }
    of_file = {FileState.PARTIAL: _("partly downloaded"), FileState.CHANGED: _("file changed")}
    if model.file is not None and model.state in (State.READY, State.FILE_MISSING, State.PACKAGE_MISSING):
        return of_file.get(model.file.state, states[model.state])
    return states[model.state]


def _aboutLicence(model: ModelState) -> str:
    weights = model.spec.weights
    text = _('Its licence is <a href="{url}">{licence}</a>.')
    if model.state is State.LICENCE_NOT_ACCEPTED:
        text = _('Its licence, <a href="{url}">{licence}</a>, must be accepted before it can be used.')
    return text.format(url=weights.licence_url, licence=weights.licence)


def _aboutFile(model: ModelState) -> str:
    """Return what is known about the file, or how it is got."""
    file, weights = model.file, model.spec.weights
    if file.state is FileState.CHANGED:
        return _("Its file has changed since it was verified: verify it again.")
    if file.state is FileState.UNVERIFIED:
        return _("Its file was never verified.")
    if file.state is FileState.VERIFIED:
        text = _("Its file was verified on {date}.").format(date=file.record.verified[:10])
        if weights.has_known_hash and not file.is_published:
            text += " " + _("It is not the one that its authors publish.")
        return text
    page = _('<a href="{url}">Its page</a> says how to get the file; then import it here.')
    direct = _('Download it here, or <a href="{url}">by hand</a>.')
    return (direct if canDownload(model.spec) else page).format(url=weights.url)
