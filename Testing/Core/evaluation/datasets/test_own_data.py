"""The description of one's own data in the README works as it stands there."""

from __future__ import annotations

import re

import numpy as np
from fakes.datasets import GRID, write_volume
from MedSegAICore.evaluation.datasets.dataset import load_dataset


def test_the_example_of_the_readme_describes_a_folder(tmp_path, project):
    (block,) = re.findall(r"```json\n(.*?)```", (project / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(block.splitlines()) <= 15
    (tmp_path / "mine.json").write_text(block, encoding="utf-8")
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:3, 1:3, 1:3], labels[3, 4, 4] = 1, 2
    for subject, image in (("anna", "first"), ("anna", "second"), ("bert", "first")):
        write_volume(tmp_path / subject / f"{image}.nii.gz", labels * np.float32(100))
        write_volume(tmp_path / subject / f"{image}_labels.nii.gz", labels)
    dataset = load_dataset(tmp_path / "mine.json")
    assert dataset.subjects == ("anna", "bert")
    assert [(case.subject, case.name) for case in dataset.cases] == [
        ("anna", "first"),
        ("anna", "second"),
        ("bert", "first"),
    ]
    for case in dataset.cases:
        assert case.image().array.max() == 200
        assert case.present_labels == ("liver", "spleen")
        assert np.array_equal(case.mask("liver").array, labels == 1)
