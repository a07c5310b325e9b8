"""What the interactive network learns from: nothing of a group that is left out, and each kind in its share."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore.training.prompt_sources import LABELLED_SHARES, asker_of, sources_of


@pytest.mark.parametrize("groups", [("ct", "mr", "xray"), ("ct", "xray"), ("mr",)])
def test_only_the_groups_asked_for_are_seen_each_kind_in_its_share(groups):
    sources = sources_of(groups)
    assert {source.group for source in sources} == {None, *groups}
    shares = {
        kind: sum(source.share for source in sources if source.kind == kind) for kind in ("drawn", "grown", "labelled")
    }
    assert sum(source.share for source in sources) == pytest.approx(1)
    assert shares["labelled"] == pytest.approx(sum(LABELLED_SHARES[group] for group in groups))
    assert shares["drawn"] == pytest.approx(shares["grown"])
    assert any(source.kind == "painted" for source in sources) == ("mr" in groups)
    assert len({source.name for source in sources}) == len(sources)


def test_without_images_bodies_are_drawn():
    assert [source.kind for source in sources_of(())] == ["drawn"]


@pytest.mark.slow
@pytest.mark.parametrize("source", sources_of(("ct", "mr", "xray")), ids=lambda source: source.name)
def test_every_source_can_be_asked_about(shared, source):
    question = asker_of(source, shared / "data", 48).ask(np.random.default_rng(1))
    assert question.channels.shape == (6, 48, 48)
    assert question.mask.any()
