#!/usr/bin/env python3
"""Run MedSegAI from its source folder.

python3 dev.py demo [--image FILE] [--labels FILE] [--output FOLDER]   segment a sample, or an image of yours
python3 dev.py test [pytest options]                                   run the tests, one process a core (-n 0: one)
python3 dev.py lint                                                    check style and types

The first run makes the folder .venv and installs what Testing/constraints.txt lists.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PINS = ROOT / "Testing" / "constraints.txt"
STATE = ENVIRONMENT / "medsegai-state"
INSTALLING = "installing"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)

RENDERING_LIBRARIES = (
    "libEGL.so.1", "libGL.so.1", "libxkbcommon.so.0", "libdbus-1.so.3", "libfontconfig.so.1", "libglib-2.0.so.0",
)  # fmt: skip
RENDERING_DRIVERS = ("*/dri/*.so", "dri/*.so", "*/libgallium*.so", "*/libEGL_nvidia.so*")
RENDERING_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"


def check_python() -> None:
    """Stop where the pinned packages do not exist for this Python."""
    version = sys.version_info[:2]
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return
    name, oldest, newest = (".".join(map(str, numbers)) for numbers in (version, OLDEST_PYTHON, NEWEST_PYTHON))
    problem = "old" if version < OLDEST_PYTHON else "new"
    message = f"Python {name} is too {problem}: the packages exist for Python {oldest} to {newest}."
    sys.exit(f"{message} Install one of those and start dev.py with it, for example: python{newest} dev.py demo")


def has_gpu() -> bool:
    """Tell whether the NVIDIA driver answers."""
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program, "-L"], capture_output=True).returncode == 0


def install() -> None:
    """Bring .venv to the pinned packages; do nothing if they are there."""
    gpu = has_gpu()
    wanted = hashlib.sha256(PINS.read_bytes() + str(gpu).encode()).hexdigest()
    state = STATE.read_text(encoding="utf-8") if STATE.is_file() else ""
    usable = pip("--version", quiet=True)
    if usable and state == wanted:
        return
    if state == INSTALLING:
        print("The last installation did not finish: starting again.")
    if not usable or state == INSTALLING:
        make_environment()
    print(f"Installing packages into {ENVIRONMENT} (once; some minutes) ...", flush=True)
    STATE.write_text(INSTALLING, encoding="utf-8")
    choose_torch(gpu)
    if not pip("install", "-r", str(PINS)):
        STATE.unlink()  # pip ended by itself: what it had installed is whole, and the next run goes on from there
        sys.exit("pip could not install the packages: its message is above. Check the network, then run this again.")
    STATE.write_text(wanted, encoding="utf-8")  # last: an interrupted installation is never taken for a whole one


def pip(*arguments: str, quiet: bool = False) -> bool:
    """Run the pip of .venv; return whether it succeeded."""
    if not PYTHON.is_file():
        return False
    output = subprocess.DEVNULL if quiet else None
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, stdout=output, stderr=output).returncode == 0


def make_environment() -> None:
    """Make an empty .venv."""
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]).returncode != 0:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        sys.exit("Python could not make .venv. On Debian or Ubuntu: sudo apt-get install python3-venv")


def choose_torch(gpu: bool) -> None:
    """Install the build of torch that fits the computer; on Linux the default one brings gigabytes for CUDA."""
    pin = next((line for line in PINS.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")), None)
    if pin is None or sys.platform != "linux":
        return
    version = pin.partition("==")[2]
    if gpu:
        pip("install", f"{pin},!={version}+cpu")
    elif not pip("install", f"{pin}+cpu", quiet=True):
        print(
            "No CPU-only build of torch is on pip's index, so the default build is used; it brings about 3 GB of\n"
            "CUDA libraries. To avoid them, add PyTorch's CPU index to pip's configuration (extra-index-url, see\n"
            "PyTorch's installation page), delete .venv and run this again.",
            flush=True,
        )


def missing_for_rendering() -> list[str]:
    """Return what the system lacks to draw without a screen."""
    missing = []
    for library in RENDERING_LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    folders = (Path("/usr/lib"), Path("/usr/lib64"))
    if not any(True for folder in folders for pattern in RENDERING_DRIVERS for _ in folder.glob(pattern)):
        missing.append("a Mesa driver")
    return missing


def can_render() -> bool:
    """Tell whether tests that draw can run; install the libraries where that is allowed."""
    if sys.platform != "linux" or not missing_for_rendering():
        return True
    command = f"apt-get install -y --no-install-recommends {RENDERING_PACKAGES}"
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing the system libraries that drawing needs ...", flush=True)
        subprocess.run(["apt-get", "update", "-q"])
        subprocess.run(command.split())
    missing = missing_for_rendering()
    if missing:
        print(f"This computer lacks {', '.join(missing)}: tests that need Qt or draw are left out.")
        print(f"On Debian or Ubuntu this adds them: sudo {command}", flush=True)
    return not missing


def demo(arguments: list[str]) -> int:
    """Run the demo where the user stands."""
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(ROOT / "MedSegAI"), "MPLBACKEND": "Agg"}
    return subprocess.run([str(PYTHON), "-m", "MedSegAICore.demo", *arguments], env=environment).returncode


def test(arguments: list[str]) -> int:
    """Run the tests; say what is left out."""
    environment = dict(os.environ)
    if not can_render():
        environment["MEDSEGAI_WITHOUT_RENDERING"] = "1"
    command = [str(PYTHON), "-m", "pytest", "-n", "auto", "--dist", "loadfile", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def lint(arguments: list[str]) -> int:
    """Check style and types."""
    checks = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])
    return max(subprocess.run([str(PYTHON), "-m", *check, *arguments], cwd=ROOT).returncode for check in checks)


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    commands = {"demo": demo, "test": test, "lint": lint}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    check_python()
    try:
        install()
        return commands[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
