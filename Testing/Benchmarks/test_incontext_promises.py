"""What is promised about tasks that grow: accepted slices make a real volume better."""

from __future__ import annotations

import pytest
from Benchmarks.accepted_slices import TEACHERS, gained, people_of
from MedSegAICore.evaluation.datasets.split import COMMITTED_SEED

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("shared")
def test_accepting_the_worst_slices_makes_a_volume_better_also_where_nothing_was_accepted():
    people = people_of("mr_hippocampus", (), 2, COMMITTED_SEED)
    teachers, (query, other) = people[:TEACHERS], people[TEACHERS:]
    found = gained(query, other, teachers, (0, 2))
    (before, _, _, elsewhere), (after, untouched, untouched_before, elsewhere_after) = found[0], found[2]
    assert after > before + 0.03
    assert untouched > untouched_before + 0.01
    assert elsewhere_after > elsewhere - 0.005
