"""A training that was interrupted ends with the weights of one that was not."""

from __future__ import annotations

import json

import pytest
import torch
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, WeightsMismatch
from MedSegAICore.training import loop
from MedSegAICore.training.average import MovingAverage
from MedSegAICore.training.chance import batch_indices, step_generator, torch_generator
from MedSegAICore.training.journal import LOG_FILE
from MedSegAICore.training.loop import LoopSettings, rate_share, train
from torch import nn

SETTINGS = LoopSettings(steps=12, warm_up=3, average=0.9)


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def loss(model, step):
    values = torch.randn(8, 2, generator=torch_generator(7, step))
    return (model(values) - values.sum(1, keepdim=True)).square().mean()


def trained(folder, settings=SETTINGS, run=None, asked=loss):
    return train(network(), asked, settings, {"what": "sums"}, folder, run or Run())


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path):
    token = CancelToken()

    def stopping(model, step):
        if step == 4:
            token.cancel()
        return loss(model, step)

    with pytest.raises(Cancelled):
        trained(tmp_path / "stopped", run=Run(cancel=token), asked=stopping)
    whole, resumed = trained(tmp_path / "whole"), trained(tmp_path / "stopped")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_training_that_fails_keeps_the_steps_before(tmp_path):
    def failing(model, step):
        if step == 6:
            raise MemoryError
        return loss(model, step)

    with pytest.raises(MemoryError):
        trained(tmp_path, asked=failing)
    asked = []
    trained(tmp_path, asked=lambda model, step: asked.append(step) or loss(model, step))
    assert asked == list(range(6, 12))


def test_the_state_is_written_while_the_training_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    trained(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert all(line["loss"] > 0 for line in lines)
    assert loop.SAVE_EVERY_SECONDS <= 120


def test_a_state_of_other_settings_is_refused(tmp_path):
    trained(tmp_path)
    with pytest.raises(WeightsMismatch, match="other settings"):
        trained(tmp_path, LoopSettings(steps=12, warm_up=3, average=0.9, rate=0.5))


def test_it_learns(tmp_path):
    settings = LoopSettings(steps=300, rate=0.05, warm_up=5)
    model = network()
    train(model, loss, settings, {}, tmp_path, Run())
    assert loss(model.eval(), 1000).item() < 0.2


def test_bfloat16_keeps_the_weights_in_float32(tmp_path):
    weights = trained(tmp_path, LoopSettings(steps=2, half=True))
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32, torch.int64}


def test_the_rate_rises_and_falls_to_nothing():
    shares = [rate_share(step, LoopSettings(steps=100, warm_up=10)) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == pytest.approx(1.0)
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[-1] < 0.001


def test_the_average_lags_behind_and_whole_numbers_do_not():
    model = network()
    average = MovingAverage(model, 0.5)
    before = average.tensors["0.weight"].clone()
    with torch.no_grad():
        model[0].weight += 1
        model[1].num_batches_tracked += 3
    average.update(model, 1000)
    torch.testing.assert_close(average.tensors["0.weight"], before + 0.5)
    assert int(average.tensors["1.num_batches_tracked"]) == 3


def test_every_round_shows_every_example_once():
    shown = [index for step in range(6) for index in batch_indices(10, 5, 3, step)]
    assert sorted(shown[:10]) == sorted(shown[10:20]) == sorted(shown[20:]) == list(range(10))
    assert shown[:10] != shown[10:20]


def test_a_batch_may_be_larger_than_the_set():
    assert sorted(batch_indices(3, 6, 1, 0)) == [0, 0, 1, 1, 2, 2]


def test_chance_depends_on_seed_and_step_alone():
    assert step_generator(1, 2).random() == step_generator(1, 2).random() != step_generator(1, 3).random()
    first, again, other = (torch.rand(1, generator=torch_generator(*of)) for of in ((1, 2), (1, 2), (2, 2)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
