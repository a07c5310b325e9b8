"""SE-Net gives what the authors' code gives with their four checkpoints, gate by gate and layer by layer."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.senet import SENet

FOLDS = (1, 2, 3, 4)
TAPS = ("segmentor.encode1", "segmentor.bottleneck", "segmentor.decode4")


@pytest.fixture(scope="module")
def kit(shared):
    """The recorded inputs and outputs, how they were thinned out, and where the checkpoints are."""
    folder = shared / "parity" / "senet_few_shot"
    with np.load(folder / "io.npz") as arrays:
        return SimpleNamespace(
            arrays=dict(arrays),
            spec=json.loads((folder / "spec.json").read_text()),
            keys=json.loads((folder / "keys.json").read_text()),
            weights=shared / "weights" / "senet_few_shot",
        )


def trained(kit, fold: int) -> SENet:
    network = SENet()
    fit_checkpoint(network, read_checkpoint(kit.weights / f"fold{fold}.safetensors"), f"fold {fold}")
    return network


@pytest.fixture(scope="module")
def first(kit):
    """What the first fold makes of the inputs: the maps of the tapped layers, the gates, and the logits."""
    network, maps = trained(kit, 1), {}
    for name in TAPS:
        layer = network.get_submodule(name)
        layer.register_forward_hook(lambda _layer, _inputs, output, name=name: maps.update({name: output}))
    with torch.inference_mode():
        gates = network.conditioner(torch.from_numpy(kit.arrays["in.condition"]))
        logits = network.segmentor(torch.from_numpy(kit.arrays["in.query"]), gates)
    return SimpleNamespace(maps=maps, gates=gates, logits=logits)


def assert_recorded(kit, name, found):
    expected = kit.arrays[f"out.{name}"]
    stored = kit.spec["outputs"][f"out.{name}"]["stored"]
    if stored != "all":
        steps = [slice(None, None, int(step.strip(" :[]"))) for step in stored.split(",")]
        found = np.asarray(found)[tuple(steps)]
    assert np.asarray(found).shape == expected.shape
    assert np.abs(np.asarray(found) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_names_shapes_and_types_of_the_parameters_are_the_published_ones_in_their_order(kit):
    state = SENet().state_dict().items()
    found = [(name, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for name, tensor in state]
    assert found == [(entry["name"], entry["shape"], entry["dtype"]) for entry in kit.keys]


@pytest.mark.parametrize("fold", FOLDS)
def test_every_checkpoint_gives_the_recorded_probabilities(kit, fold):
    network = trained(kit, fold)
    support, mask = torch.from_numpy(kit.arrays["in.condition"]).split(1, dim=1)
    with torch.inference_mode():
        found = network.segment(torch.from_numpy(kit.arrays["in.query"]), network.condition(support, mask))
    assert_recorded(kit, f"fold{fold}.foreground", found)


def test_the_first_checkpoint_gives_the_recorded_logits(kit, first):
    assert_recorded(kit, "fold1.logits", first.logits)


@pytest.mark.parametrize("level", range(1, 5))
def test_the_first_checkpoint_gives_the_recorded_gates(kit, first, level):
    assert_recorded(kit, f"fold1.gate_e{level}", first.gates.encoders[level - 1])
    assert_recorded(kit, f"fold1.gate_d{level}", first.gates.decoders[level - 1])


def test_the_first_checkpoint_gives_the_recorded_layers(kit, first):
    assert_recorded(kit, "fold1.gate_bottleneck", first.gates.bottleneck)
    assert_recorded(kit, "fold1.tap.segmentor.encode1", torch.nn.functional.max_pool2d(first.maps[TAPS[0]], 2))
    assert_recorded(kit, "fold1.tap.segmentor.bottleneck", first.maps[TAPS[1]])
    assert_recorded(kit, "fold1.tap.segmentor.decode4", first.maps[TAPS[2]])


def test_every_recorded_output_is_compared(kit):
    gates = {f"fold1.gate_{arm}{level}" for arm in "ed" for level in range(1, 5)} | {"fold1.gate_bottleneck"}
    compared = {f"fold{fold}.foreground" for fold in FOLDS} | {f"fold1.tap.{name}" for name in TAPS} | gates
    recorded = {name.removeprefix("out.") for name in kit.arrays if name.startswith("out.")}
    assert recorded == compared | {"fold1.logits"}
