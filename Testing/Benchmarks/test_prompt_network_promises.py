"""What is promised of the network for clicks and boxes that comes along, on people and sets that it has not seen."""

from __future__ import annotations

from statistics import median

import pytest
from Benchmarks.click_seconds import click_seconds
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


@pytest.mark.slow
@pytest.mark.usefixtures("shared", "nothing_older_is_collected")
def test_a_click_on_a_slice_of_512_x_512_pixels_is_answered_in_150_ms(machine_pace):
    seconds = {answer: median(all_of_them) for answer, all_of_them in click_seconds(people=8, threads=2).items()}
    print(seconds, machine_pace)
    assert max(seconds.values()) <= 0.15 * machine_pace
