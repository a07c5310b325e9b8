"""Checkpoints: read safely, unwrapped, fitted, and refused by name."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from random import Random

import pytest
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.errors import WeightsCorrupt, WeightsMismatch, WeightsMissing, WeightsUnsafe
from MedSegAICore.models.checkpoint import file_sha256, fit_checkpoint, open_checkpoint, read_checkpoint
from safetensors.torch import save_file


class Payload:
    """Creates a file when it is unpickled the careless way."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.fixture
def state():
    return {"first.weight": torch.arange(6.0).reshape(2, 3), "first.bias": torch.ones(2)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.pth"


def same(found, state):
    return found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model_state_dict": state, "epoch": 3},
        lambda state: {"state_dict": state, "optimizer": {"lr": torch.zeros(1)}},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {"net": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {f"module._orig_mod.sam.{name}": tensor for name, tensor in state.items()},
        lambda state: {"model": {f"model.{name}": tensor for name, tensor in state.items()}},
    ],
)
def test_wrappers_and_shared_prefixes_are_taken_off(state, file, wrap):
    torch.save(wrap(state), file)
    assert same(read_checkpoint(file), state)


def test_a_checkpoint_of_micro_sam_is_sam_with_a_decoder_of_its_own_beside_it(state, file):
    inner = {f"sam.{name}": tensor for name, tensor in state.items()}
    torch.save({"model_state": inner, "decoder_state": {"x": torch.ones(1)}, "iteration": 3}, file)
    table = open_checkpoint(file, ByteBoundedCache(99)).table
    assert table.shapes == {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert "decoder_state" in table.parts
    assert same(read_checkpoint(file), state)


def test_a_prefix_that_only_some_names_have_stays(file):
    mixed = {"module.a": torch.zeros(1), "b": torch.zeros(1)}
    torch.save(mixed, file)
    assert same(read_checkpoint(file), mixed)


def test_the_old_file_format_of_torch_is_read(state, file):
    torch.save(state, file, _use_new_zipfile_serialization=False)
    assert same(read_checkpoint(file), state)


@pytest.mark.parametrize("new_format", [True, False])
def test_every_layout_and_type_of_numbers_is_read_as_it_was_written(file, new_format):
    whole = torch.arange(24.0).reshape(4, 6)
    state = {
        "turned": whole.T,
        "part": whole[1:3, ::2],
        "shared": whole,
        "parameter": torch.nn.Parameter(whole + 1),
        "half": whole.half(),
        "bfloat": whole.bfloat16(),
        "double": whole.double(),
        "count": torch.tensor(1 << 40),
        "flag": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    torch.save(state, file, _use_new_zipfile_serialization=new_format)
    found = read_checkpoint(file)
    assert same(found, state)
    assert all(found[name].dtype == tensor.dtype for name, tensor in state.items())


def test_safetensors_are_read_whatever_the_file_is_called(state, file):
    save_file(state, file)
    assert same(read_checkpoint(file), state)


def test_a_file_that_is_not_there_is_missing(file, tmp_path):
    with pytest.raises(WeightsMissing, match=r"weights\.pth"):
        read_checkpoint(file)
    with pytest.raises(WeightsMissing):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_file_that_was_cut_off_is_corrupt(file, kind, kept):
    state = {"weight": torch.arange(5000.0)}
    if kind == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=kind == "zip")
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(WeightsCorrupt) as caught:
        read_checkpoint(file)
    assert type(caught.value) is WeightsCorrupt


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_corrupt(file, seed):
    file.write_bytes(Random(seed).randbytes(4000))
    with pytest.raises(WeightsCorrupt):
        read_checkpoint(file)


def test_damaged_bytes_anywhere_end_in_a_named_error_or_in_tensors(state, file):
    torch.save(state, file)
    intact = file.read_bytes()
    random = Random(0)
    refused = 0
    for _ in range(200):
        position = random.randrange(len(intact))
        file.write_bytes(intact[:position] + random.randbytes(1) + intact[position + 1 :])
        try:
            read_checkpoint(file)
        except WeightsCorrupt:
            refused += 1
    assert 0 < refused < 200


@pytest.mark.parametrize("content", [[torch.zeros(1)], {}, {"epoch": 3}, torch.zeros(2), "weights"])
def test_a_file_without_a_table_of_tensors_is_corrupt(file, content):
    torch.save(content, file)
    with pytest.raises(WeightsCorrupt, match="no table of tensors"):
        read_checkpoint(file)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_with_code_is_unsafe_and_its_code_does_not_run(file, tmp_path, protocol):
    created = tmp_path / "created"
    file.write_bytes(pickle.dumps({"weight": Payload(created)}, protocol=protocol))
    with pytest.raises(WeightsUnsafe):
        read_checkpoint(file)
    assert not created.exists()
    pickle.loads(file.read_bytes())  # noqa: S301  proves that the payload would have worked
    assert created.exists()


@pytest.mark.parametrize("new_format", [True, False])
def test_a_checkpoint_with_code_is_unsafe_and_its_code_does_not_run(state, file, tmp_path, new_format):
    created = tmp_path / "created"
    torch.save({**state, "extra": Payload(created)}, file, _use_new_zipfile_serialization=new_format)
    with pytest.raises(WeightsUnsafe, match=r"pathlib|builtins"):
        read_checkpoint(file)
    assert not created.exists()


def test_a_pickled_module_is_unsafe_and_named(file):
    torch.save(torch.nn.Linear(2, 2), file)
    with pytest.raises(WeightsUnsafe, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(file)


def test_a_torchscript_program_is_unsafe(file):
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(file))
    with pytest.raises(WeightsUnsafe, match="TorchScript"):
        read_checkpoint(file)


def test_a_fitting_checkpoint_becomes_the_parameters_as_float32(state):
    network = torch.nn.Sequential()
    network.first = torch.nn.Linear(3, 2)
    fit_checkpoint(network, {name: tensor.half() for name, tensor in state.items()}, "tiny")
    assert network.first.weight.dtype == torch.float32
    assert same(dict(network.state_dict()), state)


def test_counters_of_a_checkpoint_stay_whole_numbers():
    network = torch.nn.BatchNorm2d(2)
    fit_checkpoint(network, {**network.state_dict(), "num_batches_tracked": torch.tensor(1 << 60)}, "tiny")
    assert network.num_batches_tracked.dtype == torch.int64
    assert network.num_batches_tracked == 1 << 60


def test_a_checkpoint_of_another_network_is_refused_with_what_differs(state):
    network = torch.nn.Sequential()
    network.first = torch.nn.Linear(4, 2)
    other = {"first.weight": state["first.weight"], "second.weight": torch.zeros(1)}
    with pytest.raises(WeightsMismatch) as caught:
        fit_checkpoint(network, other, "tiny")
    message = caught.value.message
    assert "'tiny'" in message
    assert "lacks 1 of 2 tensors (first.bias)" in message
    assert "1 of its tensors do not belong to the network (second.weight)" in message
    assert "1 tensors have another size (first.weight)" in message
    assert "unknown network of 2 tensors" in message


def test_the_hash_is_that_of_the_file_and_is_remembered_until_the_file_changes(file, monkeypatch):
    cache = ByteBoundedCache(1000)
    file.write_bytes(b"one")
    assert file_sha256(file, cache) == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as context:
        context.setattr(Path, "open", None)  # a second look does not read the file
        assert file_sha256(file, cache) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"three")
    assert file_sha256(file, cache) == hashlib.sha256(b"three").hexdigest()
