"""The interactive network learns from prompts and its own answers, and a stopped training goes on as if it were not."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, WeightsMismatch
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.prompt_unet import PromptArchitecture, PromptUNet
from MedSegAICore.prompt.prompt_maps import disc_map
from MedSegAICore.training import interactions, prompt
from MedSegAICore.training.bank_files import MixedBank
from MedSegAICore.training.interactions import Interactions, interaction_loss, segmentation_loss
from MedSegAICore.training.loop import LoopSettings, train
from MedSegAICore.training.question_bank import QuestionBank
from MedSegAICore.training.questions import Question

TINY = PromptArchitecture((8, 16))
SETTINGS = LoopSettings(steps=6, rate=2e-3, warm_up=2)


def disc(number) -> Question:
    """A bright disc of any size and place beside a bright square that nobody asks for, and a click on it."""
    chance = np.random.default_rng(number)
    rows, columns = np.mgrid[:32, :32]
    at, radius = chance.uniform(0.3, 0.5, 2) * 32, chance.uniform(0.08, 0.2) * 32
    mask = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2
    channels = np.zeros((6, 32, 32), np.float32)
    channels[0] = mask + chance.normal(0, 0.1, mask.shape)
    channels[0, -8:, -8:] += 1
    channels[2] = disc_map([np.rint(at)], 2.0, (32, 32))
    channels[5, 10:16, 10:16] = 0.8
    return Question(channels, mask)


def discs() -> MixedBank:
    return MixedBank([(QuestionBank.of([disc(number) for number in range(20)]), 1.0)])


def asked(**changes) -> Interactions:
    return Interactions(**{"batch": 4, "seed": 3} | changes)


def trained(folder, loss, settings=SETTINGS, run=None):
    return train(prompt.network_for(1, TINY), loss, settings, {}, folder, run or Run())


def test_one_batch_can_be_learned_by_heart(tmp_path):
    loss, wide = interaction_loss(discs(), asked()), PromptArchitecture((16, 32))
    network = prompt.network_for(1, wide)
    train(network, lambda net, _step: loss(net, 0), LoopSettings(steps=120, rate=1e-2, warm_up=5), {}, tmp_path, Run())
    with torch.no_grad():
        assert loss(network, 0) < 0.1 < 0.4 < loss(prompt.network_for(1, wide), 0)


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path):
    loss, token = interaction_loss(discs(), asked()), CancelToken()

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

    interaction_loss(discs(), asked(graded=1))(Answering(TINY), 0).backward()
    assert [logits.requires_grad for _, logits in seen] == [False, False, False, True]
    assert not seen[0][0][:, 4].any()
    assert all(torch.equal(channels[:, 5], seen[0][0][:, 5]) for channels, _ in seen)
    for (_, answered), (shown, _) in pairwise(seen):
        torch.testing.assert_close(shown[:, 4:5], answered.detach().sigmoid())
    marks = [float(channels[:, 2:4].sum()) for channels, _ in seen]
    assert marks == sorted(marks)
    assert marks[-1] > marks[0]


def test_the_loss_is_nothing_for_a_right_answer_and_counts_small_structures():
    masks = torch.zeros(2, 1, 32, 32)
    masks[:, :, :3, :3] = 1
    assert segmentation_loss(20 * (2 * masks - 1), masks) < 1e-3
    assert segmentation_loss(torch.full_like(masks, -20.0), masks) > 0.8


def test_the_command_trains_on_drawn_bodies_goes_on_and_writes_what_the_network_reads(tmp_path):
    arguments = [str(tmp_path), "--steps", "2", "--batch", "1", "--size", "32", "--half", "--questions", "3"]
    arguments += ["--processes", "1"]
    assert prompt.main(arguments) == 0
    written = (tmp_path / "model.safetensors").read_bytes()
    assert prompt.main(arguments) == 0
    assert (tmp_path / "model.safetensors").read_bytes() == written
    assert len(written) < 4_000_000
    fit_checkpoint(PromptUNet(), read_checkpoint(tmp_path / "model.safetensors"), "prompt network")
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2]
    with pytest.raises(WeightsMismatch, match="other settings"):
        prompt.main([*arguments, "--seed", "2"])
