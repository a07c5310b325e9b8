"""Fused attention gives what the package's attention gives, in any number of steps."""

from __future__ import annotations

import pytest
import torch
from MedSegAICore.networks.fused_attention import FusedAttention
from MedSegAICore.networks.segment_anything_package import load_modeling


def attention(seed, width, heads, rows, columns):
    torch.manual_seed(seed)
    layer = load_modeling().image_encoder.Attention(width, heads, use_rel_pos=True, input_size=(rows, columns))
    torch.nn.init.normal_(layer.rel_pos_h)
    torch.nn.init.normal_(layer.rel_pos_w)
    return layer.eval()


@pytest.mark.parametrize(
    ("batch", "rows", "columns", "width", "heads"),
    [(1, 16, 16, 48, 4), (3, 14, 14, 32, 2), (2, 5, 9, 40, 1), (1, 1, 7, 16, 2)],
)
@pytest.mark.parametrize("bias_bytes", [1, 5000, 1 << 30])
@torch.inference_mode()
def test_the_answer_is_the_packages_whatever_the_size_of_a_step(batch, rows, columns, width, heads, bias_bytes):
    layer = attention(batch, width, heads, rows, columns)
    tokens = torch.randn(batch, rows, columns, width)
    expected = layer(tokens)
    fused = FusedAttention(layer)
    fused.bias_bytes = bias_bytes
    torch.testing.assert_close(fused(tokens), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias_bytes", [5000, 1 << 30])
def test_gradients_are_the_packages(bias_bytes):
    layer = attention(1, 48, 4, 16, 16)
    tokens = torch.randn(1, 16, 16, 48, requires_grad=True)
    (expected,) = torch.autograd.grad(layer(tokens).square().sum(), tokens)
    fused = FusedAttention(layer)
    fused.bias_bytes = bias_bytes
    (found,) = torch.autograd.grad(fused(tokens).square().sum(), tokens)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_the_parameters_keep_their_names_and_storage():
    layer = attention(0, 32, 2, 4, 4)
    fused = FusedAttention(layer)
    assert list(fused.state_dict()) == ["rel_pos_h", "rel_pos_w", "qkv.weight", "qkv.bias", "proj.weight", "proj.bias"]
    assert fused.qkv.weight.data_ptr() == layer.qkv.weight.data_ptr()
