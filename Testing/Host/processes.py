"""Looking at engine processes from outside."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def pid_of(engine, wait) -> int:
    heard = []
    engine.start(heard.append)
    wait(lambda: heard)
    return heard[0]["pid"]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits for its parent (state Z) does not."""
    if Path("/proc/self/stat").exists():
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text().rsplit(") ")[-1][0] != "Z"
    command = ["tasklist", "/FI", f"PID eq {pid}"] if os.name == "nt" else ["ps", "-o", "pid=,state=", "-p", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return str(pid) in listed and " Z" not in listed
