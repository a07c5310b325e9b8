"""RePRI's head is the recorded one after every recorded number of steps."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.fewshot.prototypes.transduction import (
    Pixels,
    first_head,
    fit_head,
    loss_terms,
    pixels_at,
    size_of,
)
from parity_kit import load_kit
from torch.nn import functional

IGNORED = 255
SIZE = (32, 24)


def at_feature_size(masks):
    return functional.interpolate(masks[:, None].float(), SIZE, mode="nearest")[:, 0]


def pixels_of(kit, task, shots):
    support = at_feature_size(kit.tensor("support_masks")[task, :shots])
    query = at_feature_size(kit.tensor("query_masks")[task])
    support_features = kit.tensor("support_features")[task, :shots]
    query_features = kit.tensor("query_features")[task]
    return Pixels(
        pixels_at(support_features, support != IGNORED),
        (support[support != IGNORED] == 1).float(),
        pixels_at(query_features, query != IGNORED),
        pixels_at(query_features, query == query).mean(dim=0),
        shots,
    )


@pytest.mark.parametrize("shots", [1, 2])
def test_the_start_and_every_step_are_the_recorded_ones(shared, shots):
    kit = load_kit(shared / "parity" / "repri")
    tasks = [pixels_of(kit, task, shots) for task in range(2)]

    def assert_recorded(name, values):
        kit.assert_recorded(f"shot{shots}.{name}", torch.stack(values), tolerance=1e-4)

    starts = [first_head(pixels) for pixels in tasks]
    assert_recorded("prototype_start", [head.prototype for head in starts])
    assert_recorded("bias_start", [head.bias for head in starts])
    assert_recorded("prior_start", [size_of(head, task.query) for head, task in zip(starts, tasks, strict=True)])
    for steps in (1, 9, 49):
        fitted = [fit_head(pixels, steps=steps) for pixels in tasks]
        pairs = list(zip(fitted, tasks, strict=True))
        terms = [loss_terms(one.head, task, one.size_prior) for one, task in pairs]
        assert_recorded(f"steps{steps}.prototype", [one.head.prototype for one in fitted])
        assert_recorded(f"steps{steps}.bias", [one.head.bias for one in fitted])
        assert_recorded(f"steps{steps}.prior", [one.size_prior for one in fitted])
        losses = [torch.stack([term.cross_entropy, term.divergence, term.entropy]) for term in terms]
        assert_recorded(f"steps{steps}.loss_terms", losses)
        assert_recorded(f"steps{steps}.marginal", [size_of(one.head, task.query) for one, task in pairs])
    query = functional.normalize(kit.tensor("query_features")[:, 0], dim=1).permute(0, 2, 3, 1)
    found = [one.head.probability(features) for one, features in zip(fitted, query, strict=True)]
    assert_recorded("steps49.query_probability", [one[None] for one in found])
