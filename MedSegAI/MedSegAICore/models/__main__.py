"""Get, look through and carry model files: `python -m MedSegAICore.models --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..command_line import cancel_on_signal, exit_code, say
from ..engine.run import Run
from .catalogue import ModelSpec, load_catalogue
from .licences import accept_licence, needs_acceptance
from .store.jobs import described, read_bundle, remove_model, write_bundle
from .store.sources import MIRROR_VARIABLE, OFFLINE_VARIABLE, Sources
from .store.store import WeightsStore, weights_of
from .store.troubles import megabytes


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m MedSegAICore.models", description="The model files on this computer."
    )
    parser.add_argument("--verbose", action="store_true", help="say where in the program an error arose")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show which files are there")
    download = _with_models(
        commands.add_parser("download", help="get files; what has come already is not fetched again")
    )
    download.add_argument("--mirror", default="", help=f"address that all files lie under (or {MIRROR_VARIABLE})")
    download.add_argument(
        "--offline-folder", default="", help=f"folder that is looked into first (or {OFFLINE_VARIABLE})"
    )
    download.add_argument("--accept-licence", action="store_true", help="accept the licences, which you have read")
    _with_models(commands.add_parser("verify", help="read files again and say whether they are as they should be"))
    _with_models(commands.add_parser("remove", help="remove files"))
    bundle = commands.add_parser("bundle-out", help="write files into one zip file for a computer without a network")
    bundle.add_argument("file", type=Path)
    _with_models(bundle)
    commands.add_parser("bundle-in", help="take the files of such a zip file").add_argument("file", type=Path)
    return parser.parse_args(arguments)


def _with_models(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("models", nargs="+", metavar="MODEL", help="name of a model, as `list` shows it")
    return parser


def show(_options: argparse.Namespace, _run: Run) -> None:
    """Print a table of all models that have a file."""
    store = WeightsStore()
    rows = [("model", "state", "size", "verified", "licence", "file")]
    for spec in load_catalogue().values():
        if spec.weights is None:
            continue
        stored = store.look_at(spec.weights)
        size = stored.size_bytes or spec.weights.size_bytes
        date = stored.record.verified[:10] if stored.is_there and stored.record is not None else "-"
        licence = f"{spec.weights.licence}{' (to be accepted)' if needs_acceptance(spec) else ''}"
        place = str(stored.place.file) if stored.is_there else spec.weights.filename
        rows.append(
            (spec.name, stored.state.value, "unknown" if size is None else megabytes(size), date, licence, place)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def download(options: argparse.Namespace, run: Run) -> None:
    """Get the files of some models, after their licences were accepted."""
    sources = Sources(options.mirror, options.offline_folder).or_else(Sources.from_environment())
    store = WeightsStore()
    for spec in described(options.models):
        for one in (*described([spec.base] if spec.base else []), spec):
            if needs_acceptance(one) and (options.accept_licence or _is_accepted(one)):
                accept_licence(one)
            stored = store.download(one, sources, run)
            say(f"{one.name}: {stored.place.file}{'' if stored.is_published else _unpublished(one)}")


def verify(options: argparse.Namespace, run: Run) -> None:
    """Read the files of some models again."""
    store = WeightsStore()
    for spec in described(options.models):
        stored = store.verify(weights_of(spec), run)
        say(f"{spec.name}: good{'' if stored.is_published else _unpublished(spec)}")


def remove(options: argparse.Namespace, _run: Run) -> None:
    """Remove the files of some models."""
    for name in options.models:
        say(f"{name}: {megabytes(remove_model(name))} are free again")


def pack(options: argparse.Namespace, run: Run) -> None:
    """Write a bundle."""
    for file in write_bundle(options.models, str(options.file), run):
        say(f"{file['filename']}: {megabytes(file['size_bytes'])}, sha256 {file['sha256']}")


def unpack(options: argparse.Namespace, run: Run) -> None:
    """Take a bundle in."""
    for file in read_bundle(str(options.file), run):
        say(f"{file['filename']}: {megabytes(file['size_bytes'])}, licence {file['licence']}")


COMMANDS: dict[str, Callable[[argparse.Namespace, Run], None]] = {
    "list": show,
    "download": download,
    "verify": verify,
    "remove": remove,
    "bundle-out": pack,
    "bundle-in": unpack,
}


class ProgressLine:
    """Progress on the standard error: one line that changes on a terminal, a line every tenth elsewhere."""

    def __init__(self) -> None:
        self._stream, self._shown = sys.stderr, -1.0

    def __call__(self, fraction: float, message: str) -> None:
        """Show progress."""
        is_terminal = self._stream.isatty()
        if fraction < self._shown:
            self._shown = -1.0
        if fraction - self._shown < (0.001 if is_terminal else 0.1) and fraction < 1:
            return
        self._shown = fraction
        text = f"{fraction:4.0%} {message}"
        self._stream.write(f"\r{text[:100]:100}{chr(10) if fraction >= 1 else ''}" if is_terminal else f"{text}\n")
        self._stream.flush()


def _is_accepted(spec: ModelSpec) -> bool:
    """Ask on a terminal whether the user accepts a licence."""
    weights = weights_of(spec)
    if not sys.stdin.isatty():
        return False
    say(f"The weights of {spec.title} have the licence {weights.licence}: {weights.licence_url}")
    sys.stdout.write("Read it: it says what they may be used for. Do you accept it? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _unpublished(spec: ModelSpec) -> str:
    if not weights_of(spec).has_known_hash:
        return " (as it first came; its authors tell no hash)"
    return " (unchanged, but not what its authors publish: a copy that was trained further)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = options_of(arguments)
    run = Run(ProgressLine(), cancel_on_signal())
    return exit_code(lambda: COMMANDS[options.command](options, run), verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
