"""What is promised of the network for clicks and boxes that comes along, on people and sets that it has not seen."""

from __future__ import annotations

import pytest
from Benchmarks.prompt_network_table import SHIPPED, asked, table


@pytest.mark.slow
@pytest.mark.accuracy
@pytest.mark.usefixtures("shared")
def test_the_network_that_comes_along_is_better_than_the_adaptive_model_as_its_card_says(tmp_path):
    found = table(asked(None, SHIPPED, tmp_path, people=8, most=8))
    quantities = found["all"]
    gained = {name: values["difference"]["mean"] for name, values in quantities.items()}
    print(f"{quantities['box dice_0']['questions']} questions, network less adaptive: {gained}")
    assert found["network failures"] == 0
    assert gained["box dice_0"] > 0.01
    assert gained["click dice_1"] > 0.03
    assert gained["click dice_3"] > 0
    assert gained["click dice_5"] > 0
    assert found["network median seconds per answer"] < 2 * found["adaptive median seconds per answer"]
