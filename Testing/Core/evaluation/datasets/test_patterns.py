from __future__ import annotations

import pytest
from MedSegAICore.evaluation.datasets.patterns import Found, files_like, fill_in, find_in


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("03_image.nii.gz", "{subject}_image.nii.gz", Found("03", "")),
        ("a/s1_image.png", "{subject}/{image}_image.png", Found("a", "s1")),
        ("a/a-7.png", "{subject}/{subject}-{image}.png", Found("a", "7")),
        ("a/b-7.png", "{subject}/{subject}-{image}.png", None),
        ("p/nodule-1/slice-5.png", "{subject}/{image}.png", Found("p", "nodule-1/slice-5")),
        ("a/b_image.png", "{subject}_image.png", None),
        ("ct.nii.gz", "ct.nii.gz", Found("", "")),
        ("ctxniixgz", "ct.nii.gz", None),
    ],
)
def test_a_pattern_says_whose_an_image_is(text, pattern, found):
    assert find_in(text, pattern) == found
    if found is not None:
        assert fill_in(pattern, found) == text


def test_files_are_found_in_order_whatever_their_names_hold(tmp_path):
    for name in ("b[1]/2_image.png", "b[1]/1_image.png", "a/1_image.png", "a/1_label.png", "a/sub/1_image.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "folder_image.png").mkdir()
    assert files_like(tmp_path, "{subject}/{image}_image.png") == {
        "a/1_image.png": Found("a", "1"),
        "b[1]/1_image.png": Found("b[1]", "1"),
        "b[1]/2_image.png": Found("b[1]", "2"),
    }
    assert files_like(tmp_path, "b[1]/{image}_image.png").keys() == {"b[1]/1_image.png", "b[1]/2_image.png"}
