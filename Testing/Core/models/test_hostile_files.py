"""Files that lie: each is refused by name, nothing in it runs, and memory stays as it was."""

from __future__ import annotations

import os
import pickle
import zipfile

import pytest
import torch
from fakes import hostile_files as hostile
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.errors import WeightsCorrupt, WeightsUnsafe
from MedSegAICore.evaluation.peak_memory import PeakMemory
from MedSegAICore.models import checkpoint as checkpoint_module
from MedSegAICore.models.checkpoint import file_sha256, open_checkpoint, read_checkpoint
from safetensors.torch import save_file

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
    assert torch.equal(read_checkpoint(hostile.old_with_larger_tensor(file, (4,), 4))["weight"], torch.ones(4))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda file: hostile.archive(file, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (lambda file: hostile.with_size_in_directory(file, GIBIBYTE), "unpacks to more than it holds"),
        (lambda file: hostile.archive(file, more=[("../evil.py", b"")]), r"leads out of it: '\.\./evil\.py'"),
        (lambda file: hostile.archive(file, more=[("archive/data/../../x", b"")]), "leads out of it"),
        (lambda file: hostile.archive(file, more=[("/etc/passwd", b"")]), "leads out of it"),
        (lambda file: hostile.archive(file, more=[("C:\\evil.dll", b"")]), "leads out of it"),
        (lambda file: hostile.with_larger_tensor(file, (GIBIBYTE, 256), 4, strides=(0, 0)), "larger than what is stor"),
        (lambda file: hostile.with_pickle(file, pickle.dumps(eval, 2)), r"builtins\.eval"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ccodecs\ndecode\n."), r"codecs\.decode"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ctorch\nload\n."), r"torch\.load"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0zip\x86R."), "encode"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ctorch\nTensor\nJ\0\0\0\x40\x85R."), r"torch\.Tensor"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02cbuiltins\nbytearray\nJ\0\0\0\x40\x85R."), "bytearray"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ctorch.storage\nUntypedStorage\nK\1\x85R."), "Untyped"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02ctorch\nUntypedStorage\nK\1\x85R."), "Untyped"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."), "tuples within tuples"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02})" + b"q\0h\0\x86" * 60 + b"Ns."), "tuples within tuples"),
        (lambda file: hostile.archive(file, more=[("archive/DATA.pkl", b"")]), "two parts of the same name"),
        (lambda file: hostile.tar(file), r"archive \(tar\)"),
        (lambda file: hostile.old_with_larger_tensor(file, (1 << 60,), 1 << 60), "more memory than there is"),
        (lambda file: hostile.old_with_larger_tensor(file, (1 << 60,), 4), "more memory than there is"),
        (lambda file: file.write_bytes(pickle.dumps(eval, 2)), r"builtin.*eval"),
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
        (lambda file: hostile.with_larger_tensor(file, (GIBIBYTE, 256), 4), "not a checkpoint"),
        (lambda file: hostile.with_larger_tensor(file, (1 << 62, 1 << 62), 4), "not a checkpoint"),
        (lambda file: hostile.old_with_larger_tensor(file, (GIBIBYTE,), GIBIBYTE), "lacks a part"),
        (lambda file: hostile.old_with_larger_tensor(file, (GIBIBYTE,), 4), "not a checkpoint"),
        (lambda file: hostile.old_with_larger_tensor(file, (4,), 4, declared=GIBIBYTE), "not a checkpoint"),
        (lambda file: hostile.with_pickle(file, memory_of(1 << 31)), "no table of tensors"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02X\xff\xff\xff\x7fabc."), "not a checkpoint"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02" + b"]" * 5), "not a checkpoint"),
        (lambda file: hostile.with_pickle(file, b"\x80\x02}q\0X\5\0\0\0modelh\0s."), "no table of tensors"),
        (lambda file: hostile.safetensors(file, {"weight": F32}, length=GIBIBYTE), "header too large"),
        (lambda file: hostile.safetensors(file, {"weight": F32}, length=1 << 63), "header too large"),
        (lambda file: hostile.safetensors(file, {"weight": {**F32, "data_offsets": [0, 32]}}), "damaged"),
        (lambda file: hostile.safetensors(file, {"weight": {**F32, "shape": [8], "data_offsets": [0, 32]}}), "cut off"),
        (lambda file: hostile.safetensors(file, {"a": F32, "b": F32}), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "data_offsets": [16, 32]}}, bytes(32)), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": F32}, bytes(20)), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "shape": [1 << 62, 8]}}), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "shape": [-4]}}), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "shape": [True] * 99}}), "damaged"),
        (lambda file: hostile.safetensors(file, {"a": {**F32, "dtype": "F3"}}), "unknown variant `F3`"),
        (lambda file: hostile.safetensors(file, b'{"a": 1, "a": 2}'), "damaged"),
        (lambda file: hostile.safetensors(file, b"{" + b'"a":{' * 100_000), "damaged"),
        (lambda file: hostile.safetensors(file, {}, b""), "no table of tensors"),
        (lambda file: file.write_bytes(b"<!DOCTYPE html><title>Quota exceeded</title>"), "is a web page"),
        (lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid"), "Git LFS"),
    ],
)
def test_a_file_that_contradicts_itself_is_corrupt(file, make, words):
    make(file)
    with PeakMemory() as memory, pytest.raises(WeightsCorrupt, match=words) as caught:
        read_checkpoint(file)
    assert type(caught.value) is WeightsCorrupt
    before = memory.megabytes
    with PeakMemory() as memory, pytest.raises(WeightsCorrupt):
        read_checkpoint(file)
    assert memory.megabytes < before + 50


def test_a_safetensors_file_that_was_cut_off_within_its_header_is_corrupt(file):
    hostile.safetensors(file, {"weight": F32})
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(WeightsCorrupt):
        read_checkpoint(file)


def replaced(file, other):
    other.replace(file)


def replaced_and_put_back(file, other):
    kept = file.rename(file.with_name("kept.pth"))
    other.replace(file)
    read_checkpoint(file)
    kept.replace(file)


def overwritten(file, _other):
    with file.open("r+b") as again:
        again.seek(-1, os.SEEK_END)
        again.write(b"\0")


@pytest.mark.parametrize("change", [replaced, replaced_and_put_back, overwritten])
@pytest.mark.parametrize("comes_first", [True, False])
def test_a_file_that_changes_while_it_is_read_is_refused(file, monkeypatch, change, comes_first):
    torch.save({"weight": torch.ones(3)}, file)
    other = file.with_name("other.pth")
    torch.save({"weight": torch.zeros(3)}, other)
    real = checkpoint_module.read_table

    def with_change(path):
        monkeypatch.undo()
        steps = [lambda: change(path, other), lambda: real(path)]
        return [step() for step in (steps if comes_first else reversed(steps))][1 if comes_first else 0]

    monkeypatch.setattr(checkpoint_module, "read_table", with_change)
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


@pytest.mark.parametrize("save", [torch.save, save_file])
def test_writing_to_a_tensor_does_not_change_the_file(file, save):
    save({"weight": torch.ones(1000)}, file)
    before = file.read_bytes()
    read_checkpoint(file)["weight"].fill_(7)
    assert file.read_bytes() == before
