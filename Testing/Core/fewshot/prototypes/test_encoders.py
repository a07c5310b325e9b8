"""Features of slices: of filters, and of the image encoder of a promptable model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from MedSegAICore import Cancelled
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.prototypes.encoders import (
    KERNEL_WIDTH,
    MOST_FEATURES,
    SHOWN,
    FilterBankEncoder,
    PromptableEncoder,
    _kernel_map,
)
from MedSegAICore.prompt.segmenter import SliceImage, SlicePrompts
from tiny_sam import textured_slice, tiny_network, tiny_segmenter

SPACING = (1.0, 1.0)


def shown(seed: int, shape):
    pixels = textured_slice(seed, shape)
    return (pixels - pixels.min()) / np.ptp(pixels)


def cancelled() -> Run:
    token = CancelToken()
    token.cancel()
    return Run(cancel=token)


@pytest.fixture
def bank():
    return FilterBankEncoder(ByteBoundedCache(1 << 24))


def test_the_cosine_of_filter_features_is_a_gaussian_of_the_distance_of_looks():
    random = torch.Generator().manual_seed(0)
    looks = torch.randn(13, 1, 2, generator=random) * 0.4
    one, other = torch.nn.functional.normalize(_kernel_map(looks), dim=0)[:, 0].T
    distance = (looks[:, 0, 0] - looks[:, 0, 1]).norm()
    assert abs(float(one @ other - torch.exp(-(distance**2) / (2 * KERNEL_WIDTH**2)))) < 0.2


@pytest.mark.parametrize("shape", [(9, 40), (128, 128), (300, 411), (1024, 200)])
def test_filters_describe_a_slice_at_a_bounded_number_of_places(bank, shape):
    channels, rows, columns = bank.embed(shown(0, shape), SPACING, "a", Run()).shape
    assert rows * columns <= MOST_FEATURES * 1.02
    assert abs(rows / columns - shape[0] / shape[1]) < 0.1 * shape[0] / shape[1]
    assert channels == 128


def test_filters_of_a_constant_slice_are_finite(bank):
    assert torch.isfinite(bank.embed(np.zeros((30, 30), np.float32), SPACING, "b", Run())).all()


def test_looks_are_kept(bank, monkeypatch):
    first = bank.embed(shown(0, (50, 60)), SPACING, "a", Run())
    monkeypatch.setattr("MedSegAICore.fewshot.prototypes.encoders._looks", None)
    assert torch.equal(bank.embed(shown(0, (50, 60)), SPACING, "a", Run()), first)


def test_the_features_of_a_promptable_model_cover_the_slice_alone():
    network = tiny_network(0)
    ramp = torch.arange(16.0).repeat(16, 1)[None, None] + torch.zeros(1, 256, 1, 1)
    assert torch.equal(network.within_picture(ramp, (256, 256)), ramp)
    part = network.within_picture(ramp, (100, 200))
    assert part.shape == (1, 256, 6, 12)
    centres = (torch.arange(12) + 0.5) * 200 / 12 / 16 - 0.5
    assert torch.allclose(part[0, 0, 0], centres, atol=1e-4)


def test_prompts_on_a_slice_use_the_features_that_were_made_of_it(monkeypatch):
    segmenter = tiny_segmenter()
    encoder = PromptableEncoder(segmenter)
    pixels = shown(1, (120, 90))
    features = encoder.embed(pixels, SPACING, "slice", Run())
    assert features.shape[0] == 256
    assert features.dtype == torch.float32
    monkeypatch.setattr(segmenter._network, "encode", None)
    assert torch.equal(encoder.embed(pixels, SPACING, "slice", Run()), features)
    prompts = SlicePrompts(np.array([[40.0, 50.0]]), np.array([True]))
    answer = segmenter.segment_slice(SliceImage(pixels, SPACING, SHOWN, "slice"), prompts, Run())
    assert answer.probability.shape == pixels.shape


def test_features_of_a_promptable_model_can_be_learned_from():
    features = PromptableEncoder(tiny_segmenter()).embed(shown(1, (64, 64)), SPACING, "slice", Run())
    weight = torch.zeros(256, requires_grad=True)
    torch.einsum("chw,c->hw", features, weight).sum().backward()
    assert torch.isfinite(weight.grad).all()


@pytest.mark.parametrize(
    "make", [lambda: FilterBankEncoder(ByteBoundedCache(1)), lambda: PromptableEncoder(tiny_segmenter())]
)
def test_looking_stops_when_it_is_cancelled(make):
    with pytest.raises(Cancelled):
        make().embed(shown(0, (40, 40)), SPACING, "a", cancelled())
