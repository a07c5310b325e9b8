"""Files under Resources/."""

from __future__ import annotations

import pytest
from MedSegAILib.gui.resources import icon, resourcePath


def test_a_form_and_an_icon_are_found() -> None:
    assert resourcePath("UI/MedSegAI.ui").endswith("MedSegAI.ui")
    assert icon("MedSegAI").availableSizes()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"Resources/Icons/nothing\.png"):
        icon("nothing")
