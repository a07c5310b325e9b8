"""What the README promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from MedSegAICore.images import image_from_array, read_image, write_image
from MedSegAICore.phantom.scanner import abdomen_ct


def test_the_example_segments_what_it_points_at(tmp_path: Path, project: Path) -> None:
    phantom = abdomen_ct(0, (3, 3, 6))
    write_image(tmp_path / "ct.nii.gz", image_from_array(phantom.image.array, phantom.image.geometry))
    readme = (project / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    code = f"import sys; sys.path.insert(0, {str(project / 'MedSegAI')!r})\n{example}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    mask, spleen = read_image(tmp_path / "spleen.nii.gz").array > 0, phantom.labels == 2
    assert 2 * np.count_nonzero(mask & spleen) / (np.count_nonzero(mask) + np.count_nonzero(spleen)) > 0.8


def test_every_file_that_is_named_exists(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!http)([^)]+)\)", readme)
    named = re.findall(r"`((?:MedSegAI|MedSegAI/\w+|Resources|Testing|\.ci)/[\w./]+)`", readme)
    paths = [path for path in [*linked, *named] if "NAME" not in path]
    assert len(paths) >= 6
    assert not [path for path in paths if not (project / path).exists()]


def test_every_model_of_the_catalogue_is_named(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    models = [file.stem for file in (project / "Resources" / "Models").glob("*.json")]
    assert models
    assert not [model for model in models if f"`{model}`" not in readme]
