"""The command for plausible masks, where the name of its usual model stands for a small denoiser."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[2] / "MedSegAI"

if __name__ == "__main__":
    sys.path[:0] = [str(PRODUCT), str(PRODUCT.parent / "Testing")]
    from fakes.diffusion import diffusion_catalogue
    from MedSegAICore.models import catalogue

    known = diffusion_catalogue()
    catalogue.load_catalogue = lambda: known
    runpy.run_path(str(PRODUCT / "CLI" / "MedSegAIDiffusion" / "MedSegAIDiffusion.py"), run_name="__main__")
