"""The engine process with fake models in place of the catalogue's; `diffusion` as an argument takes those that draw."""

from __future__ import annotations

import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]


def make_engine(device, weights, cache_bytes):
    # not before the real child has taken the pipes
    if "diffusion" in sys.argv:
        from fakes.diffusion import diffusion_engine as engine
    else:
        from fakes.models import fake_engine as engine
    return engine(device, weights, cache_bytes)


if __name__ == "__main__":
    sys.path[:0] = [str(TESTING), str(TESTING.parent / "MedSegAI")]
    from MedSegAICore.engine.child import main

    main(make_engine)
