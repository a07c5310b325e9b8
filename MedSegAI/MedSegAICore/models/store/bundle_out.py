"""Checkpoints in one file, for computers without a network."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ...disk import move_into_place
from ...engine.run import Run
from ...errors import WeightsMissing
from ..catalogue import ModelSpec
from ..licences import needs_acceptance
from . import manifest
from .hashing import copy_hashed
from .manifest import BundledFile
from .store import WeightsStore, altered, weights_of
from .stored_file import StoredFile
from .troubles import check_room, writing_to


def bundle_out(store: WeightsStore, models: Sequence[ModelSpec], file: Path, run: Run) -> list[BundledFile]:
    """Write the checkpoints of some models into a zip file, which appears once it is whole.

    Every checkpoint is read and must be the one that its authors publish, or that first came where nobody tells the
    hash. Models without one, or with the same one as another, add nothing.

    Raises
    ------
    WeightsMissing
        A checkpoint is not there, or none of the models has one.
    WeightsAltered
        A checkpoint is another file, or a copy that was trained further.
    WeightsUnwritable
        The bundle cannot be written.
    """
    chosen = {spec.weights.filename: spec for spec in reversed(models) if spec.weights is not None}
    stored = {filename: store.look_at(weights_of(spec)) for filename, spec in sorted(chosen.items())}
    missing = [filename for filename, found in stored.items() if not found.is_there]
    if missing or not stored:
        message = f"There is no model file to bundle: {', '.join(missing) or 'these models need none'}."
        raise WeightsMissing(message, "Download or import it first, or choose other models.")
    sizes = [found.size_bytes for found in stored.values()]
    check_room(file.parent, sum(sizes))
    draft = file.with_name(f"{file.name}.part")
    try:
        with writing_to(file):
            bundled = _write(draft, stored, chosen, run)
            run.check()
            move_into_place(draft, file)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return bundled


def _write(draft: Path, stored: dict[str, StoredFile], chosen: dict[str, ModelSpec], run: Run) -> list[BundledFile]:
    bundled: list[BundledFile] = []
    total, done = sum(found.size_bytes for found in stored.values()), 0
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:  # checkpoints hardly become smaller
        for filename, found in stored.items():
            share = run.part(done / max(total, 1), (done + found.size_bytes) / max(total, 1))
            sha256 = _add(archive, found, share)
            if found.known_sha256 not in ("", sha256):
                raise altered(found, sha256)
            weights, is_accepted = found.weights, not needs_acceptance(chosen[filename])
            bundled.append(
                BundledFile(
                    filename,
                    sha256,
                    found.size_bytes,
                    weights.licence,
                    weights.licence_url,
                    licence_accepted=is_accepted,
                )
            )
            done += found.size_bytes
        archive.writestr(manifest.NAME, manifest.manifest_text(bundled))
    return bundled


def _add(archive: zipfile.ZipFile, found: StoredFile, run: Run) -> str:
    member = zipfile.ZipInfo(f"weights/{found.weights.filename}")
    member.external_attr = 0o644 << 16
    with found.place.file.open("rb") as source, archive.open(member, "w", force_zip64=True) as target:
        size = os.fstat(source.fileno()).st_size
        return copy_hashed(source, target, size, run, f"Bundling {found.weights.filename}")
