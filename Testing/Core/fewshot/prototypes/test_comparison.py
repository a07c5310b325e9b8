"""What comparison says on features whose answer is known."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore import Cancelled
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.prototypes.comparison import (
    TOGETHER,
    Question,
    by_fitted_head,
    by_local_prototypes,
    by_masked_average,
    by_one_prototype,
    compared,
)
from MedSegAICore.fewshot.prototypes.shots import Seen
from MedSegAICore.fewshot.prototypes.transduction import Pixels, fit_head, size_of
from torch.nn import functional


def two_colours(seed: int, inside):
    """Return noisy features (8, h, w): one direction inside, another outside."""
    random = torch.Generator().manual_seed(seed)
    directions = torch.eye(8)[:2]
    colours = torch.where(inside[None], directions[0][:, None, None], directions[1][:, None, None])
    return colours + 0.1 * torch.randn(8, *inside.shape, generator=random)


def square(shape, start, size):
    inside = torch.zeros(shape, dtype=torch.bool)
    inside[start : start + size, start : start + size] = True
    return inside


@pytest.fixture
def scene():
    support, query = square((20, 20), 6, 8), square((24, 16), 3, 6)
    return [Seen(two_colours(0, support), support.float())], two_colours(1, query), query


def asked(features, region, expected, seen, check=lambda: None) -> Question:
    return Question(features, region, expected, seen, check)


@pytest.mark.parametrize("ways", [TOGETHER, *((way,) for way in (by_masked_average, *TOGETHER))])
def test_every_way_finds_what_looks_like_the_example(scene, ways):
    seen, features, query = scene
    question = asked(features, torch.ones_like(query), float(query.float().mean()), seen)
    assert torch.equal(compared(question, ways) > 0.5, query)


def test_three_ways_are_averaged_unless_others_are_asked_for(scene):
    seen, features, query = scene
    assert (by_local_prototypes, by_one_prototype, by_fitted_head) == TOGETHER
    question = asked(features, torch.ones_like(query), 0.3, seen)
    alone = torch.stack([compared(question, (way,)) for way in TOGETHER])
    assert torch.equal(compared(question, TOGETHER), alone.mean(dim=0))


def test_the_masked_average_counts_every_example_alike(scene):
    (one,), features, query = scene
    other = Seen(one.features.flip(2)[:, :7], one.covered.flip(1)[:7])
    alone = [by_masked_average(asked(features, query, 0.5, [seen])) for seen in (one, other)]
    both = by_masked_average(asked(features, query, 0.5, [one, other]))
    assert both[query].mean() > 0.9
    assert (both - alone[0]).abs().max() > 0


def test_nothing_is_said_outside_the_region(scene):
    seen, features, _ = scene
    region = square((24, 16), 3, 4)
    found = compared(asked(features, region, 0.9, seen), TOGETHER)
    assert not found[~region].any()
    assert (found[region] > 0.5).all()


def test_the_example_may_be_all_structure(scene):
    _, features, query = scene
    inside = torch.ones(6, 6, dtype=torch.bool)
    seen = [Seen(two_colours(2, inside), inside.float())]
    found = compared(asked(features, torch.ones_like(query), 0.3, seen), TOGETHER)
    assert torch.isfinite(found).all()
    assert found[query].mean() > found[~query].mean()


def test_a_known_size_pulls_the_answer_towards_it():
    random = torch.Generator().manual_seed(0)
    support, query = (functional.normalize(torch.randn(n, 6, generator=random), dim=1) for n in (200, 300))
    pixels = Pixels(support, (torch.arange(200) < 80).float(), query, query.mean(dim=0), 1)
    sizes = [float(size_of(fit_head(pixels, torch.tensor([1 - share, share])).head, query)[1]) for share in (0.1, 0.8)]
    assert sizes[0] + 0.03 < sizes[1]


def test_fitting_stops_between_its_steps(scene):
    seen, features, query = scene
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        compared(asked(features, torch.ones_like(query), 0.3, seen, Run(cancel=token).check), TOGETHER)
