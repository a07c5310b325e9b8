"""What holds for all networks with a cross convolution: sets, memory, batches and cancelling."""

from __future__ import annotations

import weakref

import pytest
import torch
from MedSegAICore.networks.cross_convolution import CrossConvolution
from MedSegAICore.networks.multiverseg import MultiverSeg
from MedSegAICore.networks.tyche import TycheTS
from MedSegAICore.networks.universeg import UniverSeg
from tiny_sam import random_state
from torch.utils._python_dispatch import TorchDispatchMode

CHANNELS, SUPPORTS, SIDE = 16, 7, 32
KINDS = ("universeg", "tyche", "multiverseg")


class LiveBytes(TorchDispatchMode):
    """Counts the memory of all tensors that operations return while they live."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._storages = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else [found]:
            if isinstance(tensor, torch.Tensor):
                self._watch(tensor.untyped_storage())
        return found

    def _watch(self, storage):
        place = storage.data_ptr()
        if place == 0 or place in self._storages:
            return
        self._storages[place] = weakref.finalize(storage, self._forget, place, storage.nbytes())
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)

    def _forget(self, place, size):
        del self._storages[place]
        self.now -= size


def seeded(kind: str):
    """Return a small network as a function of (target, images, labels, at_once...), with some size of logits."""
    generator = torch.Generator().manual_seed(5)
    network = {"universeg": UniverSeg, "tyche": TycheTS, "multiverseg": MultiverSeg}[kind](CHANNELS)
    network.load_state_dict(random_state(network, 11))
    drawn = torch.rand(1, 4, SIDE, SIDE, generator=generator)
    noise = torch.randn(1, 3, 1, SIDE, SIDE, generator=generator)

    def ask(target, images, labels, **options):
        batch = len(target)
        if kind == "tyche":
            return network(target, images, labels, noise.expand(batch, -1, -1, -1, -1), **options)
        if kind == "multiverseg":
            target = torch.cat([target, drawn.expand(batch, -1, -1, -1)], dim=1)
        return network(target, images, labels, **options)

    return ask


def examples(count: int = SUPPORTS, batch: int = 1):
    generator = torch.Generator().manual_seed(count)
    target = torch.rand(batch, 1, SIDE, SIDE, generator=generator)
    images = torch.rand(batch, count, 1, SIDE, SIDE, generator=generator)
    return target, images, (images > 0.6).float()


@pytest.fixture(scope="module", params=KINDS)
def ask(request):
    return seeded(request.param)


@torch.inference_mode()
def test_the_order_of_supports_changes_nothing(ask):
    target, images, labels = examples()
    order = [3, 6, 0, 5, 1, 4, 2]
    assert (ask(target, images, labels) - ask(target, images[:, order], labels[:, order])).abs().max() < 1e-4


@torch.inference_mode()
def test_repeating_the_whole_set_of_supports_changes_nothing(ask):
    target, images, labels = examples()
    twice = ask(target, images.repeat(1, 2, 1, 1, 1), labels.repeat(1, 2, 1, 1, 1))
    assert (ask(target, images, labels) - twice).abs().max() < 1e-4


@torch.inference_mode()
def test_what_the_supports_show_changes_the_answer(ask):
    target, images, labels = examples()
    whole = ask(target, images, labels)
    assert (whole - ask(target, images, 1 - labels)).abs().max() > 1e-2
    assert (whole - ask(target, images[:, :2], labels[:, :2])).abs().max() > 1e-3


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
@torch.inference_mode()
def test_some_supports_at_a_time_give_what_all_at_once_give(ask, at_once):
    whole = ask(*examples())
    assert (whole - ask(*examples(), at_once=at_once)).abs().max() < 1e-5 * whole.abs().max()


@torch.inference_mode()
def test_memory_does_not_grow_with_the_number_of_supports(ask):
    peaks = {}
    for count in (4, 32):
        inputs = examples(count)
        with LiveBytes() as live:
            ask(*inputs, at_once=2)
        given = 2 * inputs[1].numel() * 4  # images and labels, put together
        peaks[count] = live.peak - given
    assert peaks[32] < 1.02 * peaks[4]


@torch.inference_mode()
def test_targets_of_a_batch_give_what_each_gives_alone(ask):
    target, images, labels = examples(batch=3)
    together = ask(target, images, labels)
    for one in range(3):
        alone = ask(target[one : one + 1], images[one : one + 1], labels[one : one + 1])
        torch.testing.assert_close(together[one : one + 1], alone, rtol=1e-4, atol=1e-5)


def test_the_networks_can_be_ended_before_every_block(ask):
    calls = []

    def end() -> None:
        calls.append(len(calls))
        if len(calls) == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError), torch.inference_mode():
        ask(*examples(), before_block=end)
    assert len(calls) == 4


@pytest.mark.parametrize("activated", [False, True])
def test_the_split_convolution_is_the_convolution_of_both_concatenated(activated):
    torch.manual_seed(2)
    cross = CrossConvolution(5, 6, 7, activated=activated)
    target, supports = torch.rand(2, 1, 5, 12, 10), torch.rand(2, 4, 6, 12, 10)
    both = torch.cat([target.expand(-1, 4, -1, -1, -1), supports], dim=2)
    expected = cross.cross_conv(both.flatten(0, 1)).unflatten(0, (2, 4))
    if activated:
        expected = torch.nn.functional.leaky_relu(expected, 0.01)
    torch.testing.assert_close(cross.met(cross.of_target(target), supports), expected, rtol=1e-4, atol=1e-5)


def test_all_parameters_can_be_trained():
    network = UniverSeg(8)
    network(*examples(3)).square().mean().backward()
    untrained = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert untrained == ["dec_blocks.2.support.vmapped.conv.weight", "dec_blocks.2.support.vmapped.conv.bias"]
