"""Many prompts on one picture are answered in one call as they are one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from MedSegAICore.networks.hq_sam import HqSam
from MedSegAICore.networks.sam import Sam
from tiny_sam import TINY, random_state

PROMPTS = 6


@pytest.mark.parametrize("kind", [Sam, HqSam])
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("boxed", [True, False])
@torch.inference_mode()
def test_a_batch_gives_what_single_prompts_give(kind, several, boxed):
    network = kind(replace(TINY, depth=2))
    network.load_state_dict(random_state(network, 5), assign=True)
    random = torch.Generator().manual_seed(5)
    embedding = network.encode(torch.randn(1, 3, 256, 256, generator=random), lambda _done: None)
    places, labels = torch.rand(PROMPTS, 2, 2, generator=random) * 256, torch.tensor([[1.0, 0.0]] * PROMPTS)
    boxes = torch.rand(PROMPTS, 4, generator=random) * 256 if boxed else None

    def answers(first, last):
        box = None if boxes is None else boxes[first:last]
        return network.decode(embedding, (places[first:last], labels[first:last]), box, None, several)

    together = answers(0, PROMPTS)
    alone = [answers(number, number + 1) for number in range(PROMPTS)]
    for found, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(found, torch.cat(parts), rtol=1e-4, atol=1e-4)
