"""What a checkpoint seems to be."""

from __future__ import annotations

import json

import pytest
from MedSegAICore.models.recognition import describe_checkpoint


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"image_encoder.pos_embed": (1, 64, 64, 1024)}, "SAM ViT-L for pictures of 1024 pixels"),
        ({"image_encoder.pos_embed": (1, 16, 16, 768)}, "SAM ViT-B for pictures of 256 pixels"),
        ({"image_encoder.patch_embed.proj.weight": (768, 1, 16, 16, 16)}, "SAM-Med3D"),
        ({"encoder.weight": (3, 3)}, "an unknown network of 1 tensors"),
        ({}, "an unknown network of 0 tensors"),
    ],
)
def test_shapes_tell_variants_apart(shapes, words):
    assert words in describe_checkpoint(shapes)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("sam_vit_b", "SAM ViT-B for pictures of 1024 pixels"),
        ("mobile_sam", "MobileSAM"),
        ("lite_medsam", "LiteMedSAM"),
        ("sam_med2d", "SAM-Med2D"),
        ("hq_sam_vit_b", "HQ-SAM"),
        ("efficient_sam_ti", "EfficientSAM"),
        ("sam_med3d", "SAM-Med3D"),
        ("sam2_1_hiera_tiny", "SAM 2"),
        ("scribbleprompt_unet", "ScribblePrompt-UNet"),
        ("senet_few_shot", "SE-Net"),
    ],
)
def test_published_networks_are_recognised_by_their_names(shared, folder, words):
    entries = json.loads((shared / "parity" / folder / "keys.json").read_text())
    assert words in describe_checkpoint({entry["name"]: tuple(entry["shape"]) for entry in entries})
