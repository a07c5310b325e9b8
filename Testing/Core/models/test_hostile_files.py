"""Files that lie: each is refused by name, nothing in it runs, and memory stays as it was."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile

import pytest
import torch
from fakes import hostile_files as hostile
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.errors import WeightsCorrupt, WeightsUnsafe
from MedSegAICore.evaluation.peak_memory import PeakMemory
from MedSegAICore.models import checkpoint as checkpoint_module
from MedSegAICore.models.checkpoint import file_sha256, open_checkpoint, read_checkpoint

GIBIBYTE = 1 << 30
F32 = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.pth"


def memory_of(size: int) -> bytes:
    """Return a pickle that remembers one thing under a very high number."""
    return b"\x80\x02}r" + size.to_bytes(4, "little") + b"."


def test_what_the_attacks_start_from_is_a_good_checkpoint(file):
    assert torch.equal(read_checkpoint(hostile.archive(file))["weight"], torch.arange(4.0))
    hostile.safetensors(file, {"weight": F32})
    assert torch.equal(read_checkpoint(file)["weight"], torch.zeros(4))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda file: hostile.archive(file, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (lambda file: hostile.with_size_in_directory(file, GIBIBYTE), "unpacks to more than it holds"),
        (lambda file: hostile.archive(file, more=[("../evil.py", b"")]), r"leads out of it: '\.\./evil\.py'"),
        (lambda file: hostile.archive(file, more=[("archive/data/../../x", b"")]), "leads out of it"),
        (lambda file: hostile.archive(file, more=[("/etc/passwd", b"")]), "leads out of it"),
        (lambda file: hostile.archive(file, more=[("C:\\evil.dll", b"")]), "leads out of it"),
        (lambda file: hostile.with_larger_tensor(file, (GIBIBYTE, 256), 4), "larger than what is stored"),
        (lambda file: hostile.with_larger_tensor(file, (1 << 62, 1 << 62), 4), "larger than what is stored"),
        (lambda file: hostile.with_pickle(file, memory_of(1 << 31)), "more memory"),
        (lambda file: hostile.with_pickle(file, pickle.dumps(eval, 2)), r"builtins\.eval"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ccodecs\ndecode\n."), r"codecs\.decode"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ctorch\nload\n."), r"torch\.load"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0zip\x86R."), "zip"),
        (lambda file: hostile.safetensors(file, {"weight": F32}, length=GIBIBYTE), "header of an unreasonable size"),
        (lambda file: hostile.safetensors(file, {"weight": F32}, length=1 << 63), "header of an unreasonable size"),
    ],
)
def test_a_harmful_file_is_unsafe(file, make, words):
    make(file)
    with PeakMemory() as memory, pytest.raises(WeightsUnsafe, match=words):
        read_checkpoint(file)
    before = memory.megabytes
    with PeakMemory() as memory, pytest.raises(WeightsUnsafe):
        read_checkpoint(file)
    assert memory.megabytes < before + 50
    assert [path.name for path in file.parent.iterdir()] == ["weights.pth"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda file: hostile.with_larger_tensor(file, (5,), 5), "lacks a part"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02X\xff\xff\xff\x7fabc."), "not a checkpoint"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02" + b"]" * 5), "not a checkpoint"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02}q\0X\5\0\0\0modelh\0s."), "no table of tensors"),
        (lambda file: hostile.safetensors(file, {"weight": {**F32, "data_offsets": [0, 32]}}), "size"),
        (lambda file: hostile.safetensors(file, {"weight": {**F32, "shape": [8], "data_offsets": [0, 32]}}), "cut off"),
        (lambda file: hostile.safetensors(file, {"a": F32, "b": F32}), "overlap"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "data_offsets": [16, 32]}}, bytes(32)), "gaps"),
        (lambda file: hostile.safetensors(file, {"a": F32}, bytes(20)), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "shape": [-4]}}), "whole numbers"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "shape": [True] * 99}}), "whole numbers"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "dtype": "F3"}}), "unknown type"),
        (lambda file: hostile.safetensors(file, b'{"a": 1, "a": 2}'), "twice"),
        (lambda file: hostile.safetensors(file, b"{" + b'"a":{' * 100_000), "not a checkpoint"),
        (lambda file: hostile.safetensors(file, {}, b""), "no table of tensors"),
        (lambda file: file.write_bytes(b"<!DOCTYPE html><title>Quota exceeded</title>"), "is a web page"),
        (lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid"), "Git LFS"),
    ],
)
def test_a_file_that_contradicts_itself_is_corrupt(file, make, words):
    make(file)
    with pytest.raises(WeightsCorrupt, match=words) as caught:
        read_checkpoint(file)
    assert type(caught.value) is WeightsCorrupt


def test_a_safetensors_file_that_was_cut_off_within_its_header_is_corrupt(file):
    hostile.safetensors(file, {"weight": F32})
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(WeightsCorrupt):
        read_checkpoint(file)


def test_a_file_that_is_swapped_while_it_is_read_is_read_whole_and_named_by_its_own_hash(file, monkeypatch):
    cache = ByteBoundedCache(1000)
    torch.save({"weight": torch.ones(3)}, file)
    good = file_sha256(file, ByteBoundedCache(1000))
    other = file.with_name("other.pth")
    torch.save({"weight": torch.zeros(3)}, other)
    real = checkpoint_module._table

    def swap_first(opened, name):
        other.replace(file)
        return real(opened, name)

    monkeypatch.setattr(checkpoint_module, "_table", swap_first)
    found = open_checkpoint(file, cache)
    assert found.sha256 == good
    assert torch.equal(found.tensors["weight"], torch.ones(3))
    assert file_sha256(file, cache) != good


def test_a_file_that_is_written_to_while_it_is_read_is_refused(file, monkeypatch):
    torch.save({"weight": torch.ones(3)}, file)
    real = checkpoint_module._table

    def overwrite_first(opened, name):
        with file.open("r+b") as again:
            again.seek(-1, os.SEEK_END)
            again.write(b"\0")
        return real(opened, name)

    monkeypatch.setattr(checkpoint_module, "_table", overwrite_first)
    with pytest.raises(WeightsCorrupt, match="was changed while it was read"):
        open_checkpoint(file, ByteBoundedCache(1000))


def test_a_hash_is_not_remembered_for_other_content_with_the_same_size_and_time(file):
    cache = ByteBoundedCache(1000)
    file.write_bytes(b"one")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    first = file_sha256(file, cache)
    file.write_bytes(b"two")
    os.utime(file, ns=times)
    assert file_sha256(file, cache) != first


def test_a_checkpoint_in_use_may_be_replaced_by_renaming(file):
    state = {"weight": torch.arange(100_000.0)}
    torch.save(state, file)
    read = read_checkpoint(file)["weight"]
    other = file.with_name("other.pth")
    other.write_bytes(b"short")
    other.replace(file)
    assert torch.equal(read, state["weight"])


def test_writing_to_a_tensor_does_not_change_the_file(file):
    torch.save({"weight": torch.ones(1000)}, file)
    before = file.read_bytes()
    read_checkpoint(file)["weight"].fill_(7)
    assert file.read_bytes() == before


@pytest.mark.parametrize("new_format", [True, False])
def test_what_a_checkpoint_holds_is_told_without_torch(file, new_format):
    torch.save({"model": {"weight": torch.ones(2, 3)}}, file, _use_new_zipfile_serialization=new_format)
    code = (
        "import sys; from pathlib import Path; from MedSegAICore.engine.cache import ByteBoundedCache;"
        "from MedSegAICore.models.checkpoint import look_into;"
        "print(look_into(Path(sys.argv[1]), ByteBoundedCache(99))[0].shapes, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(file)]
    path = next(entry for entry in sys.path if entry.endswith("MedSegAI"))
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": path})
    assert done.stdout.strip() == "{'weight': (2, 3)} False"
