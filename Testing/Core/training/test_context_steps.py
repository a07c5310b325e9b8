"""The in-context network learns: one batch by heart, in an order that a stop does not change."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled
from MedSegAICore.training import context
from MedSegAICore.training.bank_files import MixedBank
from MedSegAICore.training.context_steps import ContextSteps, context_loss
from MedSegAICore.training.context_tasks import ContextTask
from MedSegAICore.training.loop import LoopSettings, train
from MedSegAICore.training.task_bank import TaskBank
from safetensors.torch import load_file

SIZE = 32


def discs(seed):
    """Six members with a disc that is brighter than a rectangle of the same size."""
    chance, masks = np.random.default_rng(seed), np.zeros((6, SIZE, SIZE), np.bool_)
    images = np.full(masks.shape, 0.2, np.float32)
    rows, columns = np.indices((SIZE, SIZE))
    for mask, image in zip(masks, images, strict=True):
        row, column = chance.integers(10, 22, 2)
        mask[(rows - row) ** 2 + (columns - column) ** 2 < 36] = True
        image[(row + 12) % SIZE : (row + 16) % SIZE, 4:20] = 0.5
        image[mask] = 0.8
    return ContextTask(images, masks)


@pytest.fixture(scope="module")
def tasks():
    return MixedBank([(TaskBank.of([discs(seed) for seed in range(4)]), 1.0)])


@pytest.mark.slow
def test_a_batch_is_learned_by_heart(tasks):
    loss, network = context_loss(tasks, ContextSteps(batch=4, seed=1)), context.network_for(1, 16).train()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    before = float(loss(network, 0).detach())
    for _ in range(150):
        value = loss(network, 0)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert float(loss(network, 0).detach()) < 0.15 * before


def test_an_untrained_network_says_what_is_expected(tasks):
    network = context.network_for(1, 8)
    target = torch.rand(2, 2, SIZE, SIZE)
    with torch.no_grad():
        said = torch.sigmoid(network(target, torch.rand(2, 3, 2, SIZE, SIZE)))
    assert torch.equal(said > 0.5, target[:, 1:] > 0.5)


def test_neither_order_nor_repetition_of_the_examples_changes_the_answer():
    network = context.network_for(1, 8)
    torch.nn.init.normal_(network.out_conv.conv.weight)
    target, supports = torch.rand(1, 2, SIZE, SIZE), torch.rand(1, 3, 2, SIZE, SIZE)
    with torch.no_grad():
        one = network(target, supports)
        assert torch.allclose(one, network(target, supports[:, [2, 0, 1]]), atol=1e-4)
        repeated = network(target, supports.repeat(1, 2, 1, 1, 1))
        assert torch.allclose(one, repeated, atol=0.05)  # the window's quantiles lie between pixels
        assert torch.allclose(one, network(target, supports, at_once=1), atol=1e-4)
        assert not torch.allclose(one, network(target, 1 - supports), atol=1e-2)


def test_a_training_that_was_stopped_ends_as_if_it_was_not(tasks, tmp_path):
    loss, settings = context_loss(tasks, ContextSteps(batch=2, seed=1)), LoopSettings(6, warm_up=2)
    learn = partial(train, loss=loss, settings=settings, task={"is": "a test"})
    whole = learn(context.network_for(1, 8), folder=tmp_path / "whole", run=Run())
    token = CancelToken()

    def stop(fraction, _message):
        if fraction >= 0.5:
            token.cancel()

    with pytest.raises(Cancelled):
        learn(context.network_for(1, 8), folder=tmp_path / "stopped", run=Run(stop, token))
    again = learn(context.network_for(1, 8), folder=tmp_path / "stopped", run=Run())
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_the_command_draws_tasks_and_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(context, "CHANNELS", 8)
    folder = tmp_path / "trained"
    line = [str(folder), "--steps", "2", "--tasks", "3", "--batch", "2", "--size", "48", "--processes", "1"]
    assert context.main(line) == 0
    assert load_file(folder / "model.safetensors").keys() == context.network_for(1, 8).state_dict().keys()
    settings = json.loads((folder / "tasks" / "drawn" / "settings.json").read_text())
    assert settings == {"source": "drawn", "size": 48, "seed": 1, "count": 3}
