from __future__ import annotations

import pytest
from MedSegAICore import InvalidRequest
from MedSegAICore.fewshot.result_files import filled_values, known_values


def test_structures_that_are_called_by_a_value_have_it():
    assert known_values(("label 5", "liver"), {}) == {"label 5": 5}
    assert known_values(("label 5", "liver"), {"liver": 2}) == {"label 5": 5, "liver": 2}


@pytest.mark.parametrize("name", ["label 0", "label 70000", "label 05", "label", "my label 5"])
def test_names_of_other_kinds_are_only_names(name):
    assert known_values((name,), {}) == {}
    assert filled_values((name,), {}) == {name: 1}


def test_a_value_that_no_label_map_holds_is_refused():
    with pytest.raises(InvalidRequest, match="The label value is 70000"):
        known_values(("liver",), {"liver": 70000})


def test_structures_without_a_value_get_the_next_free_ones():
    assert filled_values(("a", "b", "c"), {"b": 1}) == {"a": 2, "b": 1, "c": 3}
