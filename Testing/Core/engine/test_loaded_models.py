"""Models stay loaded as long as their weights fit into a share of a device's memory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.free_memory import UNKNOWN, free_bytes
from MedSegAICore.engine.loaded_models import SHARE, LoadedModels, file_state, weight_bytes
from tiny_sam import tiny_network, tiny_segmenter

LAYER_BYTES = 4 * (10 * 9 + 10)


@dataclass
class Small:
    """A model around a layer of 400 bytes."""

    layer: torch.nn.Module


def model() -> Small:
    return Small(torch.nn.Linear(9, 10))


@pytest.fixture
def models() -> LoadedModels:
    """Room for three models on every device."""
    return LoadedModels(lambda _device: int(3.5 * LAYER_BYTES / SHARE))


def load(models: LoadedModels, *names: str, device: str = "cpu") -> None:
    for name in names:
        models.make_room(device, LAYER_BYTES)
        models.keep(name, model(), device)


def test_models_that_fit_stay(models):
    load(models, "a", "b", "c")
    assert models.names == ("a", "b", "c")
    assert isinstance(models.get("a"), Small)


def test_those_unused_for_longest_make_room(models):
    load(models, "a", "b", "c")
    models.get("a")
    load(models, "d")
    assert models.names == ("c", "a", "d")


def test_each_device_has_its_own_memory(models):
    load(models, "a", "b", "c")
    load(models, "d", "e", device="cuda:0")
    assert models.names == ("a", "b", "c", "d", "e")


def test_a_model_that_is_larger_than_its_file_pushes_others_out_but_not_itself(models):
    load(models, "a", "b")
    models.keep("large", Small(torch.nn.Linear(1000, 1000)), "cpu")
    assert models.names == ("large",)


def test_models_without_a_network_cost_nothing(models):
    models.keep("adaptive", object(), "cpu")
    load(models, "a", "b", "c", "d")
    assert models.names == ("adaptive", "b", "c", "d")


def test_the_free_memory_is_asked_for_once_before_models_take_some():
    asked = []
    models = LoadedModels(lambda device: asked.append(device) or 10**6)
    load(models, "a", "b")
    load(models, "c", device="mps")
    assert asked == ["cpu", "mps"]


def test_the_others_can_be_dropped_for_one(models):
    load(models, "a", "b", "c")
    assert models.drop_others("b", "cpu")
    assert models.names == ("b",)
    assert not models.drop_others("b", "cpu")


def test_a_file_that_was_replaced_belongs_to_no_loaded_model(models, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"a")
    models.keep("a", model(), "cpu", (file_state(file),))
    assert models.get("a", (file_state(file),)) is not None
    file.write_bytes(b"bc")
    assert models.get("a", (file_state(file),)) is None
    assert models.names == ()


def test_the_weights_of_real_segmenters_are_counted_once():
    network = tiny_network(0)
    expected = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    segmenter = tiny_segmenter(0, ByteBoundedCache(1 << 20))
    assert weight_bytes(segmenter) == expected
    assert weight_bytes(Small(segmenter)) == expected


def test_free_memory_is_a_plausible_number():
    assert 1 << 20 < free_bytes("cpu") < 1 << 50
    assert free_bytes("mps") == pytest.approx(free_bytes("cpu"), rel=0.5)
    if not torch.cuda.is_available():
        assert free_bytes("cuda:0") == UNKNOWN
