"""The interactive network learns from prompts and its own answers, and a stopped training goes on as if it were not."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.prompt_unet import PromptArchitecture, PromptUNet
from MedSegAICore.training import interactions, prompt
from MedSegAICore.training.example import Example
from MedSegAICore.training.interactions import Interactions, drawn, interaction_loss, seen_closely, segmentation_loss
from MedSegAICore.training.loop import LoopSettings, train

TINY = PromptArchitecture((8, 16))
SETTINGS = LoopSettings(steps=6, rate=2e-3, warm_up=2)


class Discs:
    """Bright discs of any size and place beside bright squares that nobody asks for."""

    def draw(self, size, chance):
        rows, columns = np.mgrid[:size, :size]
        at, radius = chance.uniform(0.3, 0.5, 2) * size, chance.uniform(0.08, 0.2) * size
        mask = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2
        image = mask + chance.normal(0, 0.1, mask.shape)
        image[-size // 4 :, -size // 4 :] += 1
        return Example(image.astype(np.float32), mask)


def asked(**changes) -> Interactions:
    return Interactions(**{"size": 32, "batch": 4, "seed": 3} | changes)


def trained(folder, loss, settings=SETTINGS, run=None):
    return train(prompt.network_for(1, TINY), loss, settings, {}, folder, run or Run())


def test_one_batch_can_be_learned_by_heart(tmp_path):
    loss, wide = interaction_loss(Discs(), asked()), PromptArchitecture((16, 32))
    network = prompt.network_for(1, wide)
    train(network, lambda net, _step: loss(net, 0), LoopSettings(steps=120, rate=1e-2, warm_up=5), {}, tmp_path, Run())
    with torch.no_grad():
        assert loss(network, 0) < 0.1 < 0.4 < loss(prompt.network_for(1, wide), 0)


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path):
    loss, token = interaction_loss(Discs(), asked()), CancelToken()

    def stopping(network, step):
        if step == 2:
            token.cancel()
        return loss(network, step)

    with pytest.raises(Cancelled):
        trained(tmp_path / "stopped", stopping, run=Run(cancel=token))
    whole, resumed = trained(tmp_path / "whole", loss), trained(tmp_path / "stopped", loss)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_later_interactions_show_the_answer_before_and_only_the_last_are_learned_from(monkeypatch):
    monkeypatch.setattr(interactions, "ROUNDS", (0, 0, 0, 1.0))
    seen = []

    class Answering(PromptUNet):
        def forward(self, channels):
            logits = super().forward(channels)
            seen.append((channels, logits))
            return logits

    interaction_loss(Discs(), asked(graded=1))(Answering(TINY), 0).backward()
    assert [logits.requires_grad for _, logits in seen] == [False, False, False, True]
    assert not seen[0][0][:, 4].any()
    for (_, answered), (shown, _) in pairwise(seen):
        torch.testing.assert_close(shown[:, 4:], answered.detach().sigmoid())
    marks = [float(channels[:, 2:4].sum()) for channels, _ in seen]
    assert marks == sorted(marks)
    assert marks[-1] > marks[0]


def test_mirrored_and_turned_pictures_keep_their_masks():
    chance = np.random.default_rng(2)
    for example in (drawn(Discs(), 32, chance) for _ in range(40)):
        assert example.image.shape == example.mask.shape == (32, 32)
        assert example.image[example.mask].mean() > 0.7 > 0.5 > np.median(example.image)


def test_a_close_look_shows_all_of_the_structure_larger():
    chance = np.random.default_rng(2)
    for _ in range(20):
        far = Discs().draw(64, chance)
        near = seen_closely(far, chance)
        assert near.mask.shape == (64, 64)
        assert near.mask.sum() >= far.mask.sum()
        assert not (near.mask[0].any() and near.mask[-1].any())


def test_the_loss_is_nothing_for_a_right_answer_and_counts_small_structures():
    masks = torch.zeros(2, 1, 32, 32)
    masks[:, :, :3, :3] = 1
    assert segmentation_loss(20 * (2 * masks - 1), masks) < 1e-3
    assert segmentation_loss(torch.full_like(masks, -20.0), masks) > 0.8


def test_the_command_trains_on_drawn_bodies_goes_on_and_writes_what_the_network_reads(tmp_path):
    arguments = [str(tmp_path), "--steps", "2", "--batch", "1", "--size", "32", "--half"]
    assert prompt.main(arguments) == 0
    written = (tmp_path / "model.safetensors").read_bytes()
    assert prompt.main(arguments) == 0
    assert (tmp_path / "model.safetensors").read_bytes() == written
    assert len(written) < 4_000_000
    fit_checkpoint(PromptUNet(), read_checkpoint(tmp_path / "model.safetensors"), "prompt network")
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2]
