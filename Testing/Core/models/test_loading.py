"""Networks come from their files to their device with one copy of the weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes.models import fake_spec
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.errors import OutOfDeviceMemory, WeightsMismatch, WeightsMissing
from MedSegAICore.models.loading import load_network
from MedSegAICore.networks.resized_positions import fitting_positions, resized_distances, resized_grid
from MedSegAICore.networks.sam import Sam
from tiny_sam import TINY, random_state

FLOAT32, BFLOAT16 = DevicePlan("cpu", "float32", ""), DevicePlan("cpu", "bfloat16", "")
SPEC = fake_spec("tiny")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.pth"
    torch.save({"model": random_state(Sam(TINY), 1)}, path)
    return path


def loaded(network, file, plan=FLOAT32, **more):
    return load_network(network, SPEC, file, plan, ByteBoundedCache(1000), **more)


def test_a_network_gets_the_weights_and_the_hash_of_its_file(file):
    network = Sam(TINY)
    found = loaded(network, file)
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.warnings == ()
    state = random_state(Sam(TINY), 1)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_the_large_layers_are_converted_and_the_others_are_not(file):
    network = Sam(TINY)
    loaded(network, file, BFLOAT16)
    assert network.image_encoder.blocks[0].mlp.lin1.weight.dtype == torch.bfloat16
    assert torch.equal(network.image_encoder.pos_embed, random_state(Sam(TINY), 1)["image_encoder.pos_embed"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("plan", "is_mapped"), [(FLOAT32, True), (BFLOAT16, False)])
def test_the_file_stays_mapped_only_where_its_numbers_are_used_as_they_are(tmp_path, plan, is_mapped):
    file = tmp_path / "a_name_of_its_own.pth"
    torch.save(random_state(Sam(TINY), 1), file)
    network = Sam(TINY)
    loaded(network, file, plan)
    assert (file.name in Path("/proc/self/maps").read_text()) == is_mapped
    assert network.image_encoder is not None


@pytest.mark.parametrize("size", [128, 512])
def test_a_file_for_pictures_of_another_size_is_interpolated_and_that_is_said(file, size):
    architecture = replace(TINY, image_size=size)
    network = Sam(architecture)
    found = loaded(network, file, adapt=lambda state: fitting_positions(state, architecture))
    assert "learned from pictures of 256 pixels and is used on" in found.warnings[0]
    assert str(size) in found.warnings[0]
    state, given = random_state(Sam(TINY), 1), network.state_dict()
    whole, windowed = "image_encoder.blocks.1.attn.rel_pos_h", "image_encoder.blocks.0.attn.rel_pos_h"
    positions = "image_encoder.pos_embed"
    assert torch.equal(given[positions], resized_grid(state[positions], size // 16))
    assert torch.equal(given[whole], resized_distances(state[whole], size // 16))
    assert torch.equal(given[windowed], state[windowed])


def test_a_file_that_fits_is_used_without_a_word(file):
    assert loaded(Sam(TINY), file, adapt=lambda state: fitting_positions(state, TINY)).warnings == ()


def test_another_network_is_refused_by_name(file):
    with pytest.raises(WeightsMismatch, match="It seems to be SAM with 48 channels"):
        loaded(torch.nn.Linear(2, 2), file)
    with pytest.raises(WeightsMissing, match="needs a checkpoint"):
        loaded(Sam(TINY), None)


def test_positions_that_are_none_are_left_for_the_loader_to_refuse(tmp_path):
    file = tmp_path / "odd.pth"
    state = random_state(Sam(TINY), 1)
    state["image_encoder.pos_embed"] = torch.zeros(5)
    torch.save(state, file)
    architecture = replace(TINY, image_size=128)
    with pytest.raises(WeightsMismatch, match="another size"):
        loaded(Sam(architecture), file, adapt=lambda tensors: fitting_positions(tensors, architecture))


def test_a_device_without_room_has_a_name(file):
    def full(_state):
        message = "CUDA out of memory"
        raise RuntimeError(message)

    with pytest.raises(OutOfDeviceMemory, match="too little memory for the model 'tiny'"):
        loaded(Sam(TINY), file, adapt=full)


MEASURE = """
import json, sys
from pathlib import Path
import torch
from fakes.models import fake_spec
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.evaluation.peak_memory import PeakMemory
from MedSegAICore.models.loading import load_network

class Wide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        with torch.device("meta"):
            self.wide, self.norm = torch.nn.Linear(6000, 10000), torch.nn.LayerNorm(8)
    def compute_in(self, dtype):
        self.wide.to(dtype)

def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3

network = Wide()
before = resident()
with PeakMemory() as memory:
    plan = DevicePlan("cpu", sys.argv[2], "")
    load_network(network, fake_spec("wide"), Path(sys.argv[1]), plan, ByteBoundedCache(99))
    if sys.argv[2] == "float32":
        network.wide.weight.sum()
print(json.dumps({"before": before, "after": resident(), "peak": memory.megabytes}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("new_format", "suffix"), [(True, "pth"), (False, "pth"), (True, "safetensors")])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_there_is_one_copy_of_the_weights(tmp_path, new_format, suffix, dtype):
    file = tmp_path / f"wide.{suffix}"
    state = {"wide.weight": torch.ones(10000, 6000), "wide.bias": torch.ones(10000)}
    state |= {f"norm.{name}": torch.ones(8) for name in ("weight", "bias")}
    if suffix == "safetensors":
        from safetensors.torch import save_file

        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=new_format)
    path = ":".join(entry for entry in sys.path if entry.endswith(("MedSegAI", "Testing")))
    command = [sys.executable, "-c", MEASURE, str(file), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": path})
    found = json.loads(done.stdout)
    size = 240 if dtype == "float32" else 120
    assert found["after"] - found["before"] == pytest.approx(size, abs=25)
    if dtype == "float32":
        assert found["peak"] - found["before"] == pytest.approx(size, abs=30)
