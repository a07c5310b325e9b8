"""What a checkpoint seems to be."""

from __future__ import annotations

import json

import pytest
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.recognition import FAMILIES, describe_checkpoint, recognise

POSITIONS = "image_encoder.pos_embed"
PATCHES = "image_encoder.patch_embed.proj.weight"
DECODER = "mask_decoder.iou_token.weight"
TINY_VIT = "image_encoder.layers.1.blocks.0.attn.attention_biases"
CROSS = "enc_blocks.0.cross.cross_conv.weight"


def names(*tensors: str, **shapes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return shapes of tensors of which only the names matter."""
    return {**dict.fromkeys(tensors, (1,)), **shapes}


def vit(grid: int, width: int, *more: str) -> dict[str, tuple[int, ...]]:
    return {POSITIONS: (1, grid, grid, width), **names(DECODER, *more)}


def vit_3d(depth: int) -> dict[str, tuple[int, ...]]:
    blocks = names(*(f"image_encoder.blocks.{block}.norm1.weight" for block in range(depth)))
    return {POSITIONS: (1, 8, 8, 8, 768), PATCHES: (768, 1, 16, 16, 16), DECODER: (1, 384), **blocks}


def sam2(count: int, *more: str) -> dict[str, tuple[int, ...]]:
    few = ("image_encoder.trunk.pos_embed", "sam_mask_decoder.iou_token.weight", *more)
    return names(*few, *(f"memory_attention.{number}" for number in range(count - len(few))))


ONLY_IN_2_1 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")

KNOWN = [
    (names("detector.backbone.weight", "tracker.maskmem_tpos_enc"), "SAM 3", ""),
    (sam2(471, *ONLY_IN_2_1), "SAM 2.1 tiny", "sam2_tiny"),
    (sam2(519, *ONLY_IN_2_1), "SAM 2.1 small", "sam2_small"),
    (sam2(615, *ONLY_IN_2_1), "SAM 2.1 base plus", "sam2_base_plus"),
    (sam2(903, *ONLY_IN_2_1), "SAM 2.1 large", "sam2_large"),
    (sam2(468), "SAM 2 tiny", "sam2_tiny"),
    (sam2(100), "SAM 2 of unknown size", ""),
    (
        names("image_encoder.encoder.down.weight", "class_head.mlp.weight", "point_head.mlp.weight"),
        "VISTA3D",
        "vista3d",
    ),
    (vit_3d(12), "SAM-Med3D", "sam_med3d"),
    (vit_3d(6), "FastSAM3D", ""),
    (vit_3d(8), "SAM-Med3D with 8 blocks", ""),
    (names("w_b_000", DECODER, w_a_000=(4, 768)), "SAMed (a small addition of rank 4 to SAM ViT-B)", "samed_vit_b"),
    (names("w_b_000", DECODER, w_a_000=(4, 1280)), "SAMed (a small addition of rank 4 to SAM ViT-H)", "samed_vit_h"),
    (vit(16, 768, "image_encoder.blocks.0.Adapter.channel.0.weight"), "SAM-Med2D", "sam_med2d"),
    (vit(64, 768, "image_encoder.blocks.0.MLP_Adapter.D_fc1.weight"), "Med-SA", ""),
    (vit(32, 768, "image_encoder.blocks.0.attn.qkv.trainable_scale_A"), "SALT", ""),
    (names("sam_encoder.blocks.0.attn.qkv.trainable_scale", "Text_Embedding_Affine.0.weight"), "S-SAM", ""),
    (vit(32, 1280, "FacTu.weight", "FacTv.weight"), "MA-SAM", ""),
    (vit(64, 768, "mask_decoder.hf_token.weight"), "HQ-SAM ViT-B for pictures of 1024 pixels", "hq_vit_b"),
    (vit(64, 1024, "mask_decoder.hf_token.weight"), "HQ-SAM ViT-L for pictures of 1024 pixels", "hq_vit_l"),
    (vit(64, 1280, "mask_decoder.hf_token.weight"), "HQ-SAM ViT-H for pictures of 1024 pixels", "hq_vit_h"),
    (names(TINY_VIT, DECODER, "mask_decoder.hf_token.weight"), "HQ-SAM on TinyViT", "hq_vit_tiny"),
    (names(TINY_VIT, DECODER, "image_encoder.norm_head.weight"), "MobileSAM", "mobile_sam"),
    (names(TINY_VIT, DECODER), "LiteMedSAM", "lite_medsam"),
    (
        {POSITIONS: (1, 197, 192), "prompt_encoder.invalid_points.weight": (1, 256)},
        "EfficientSAM-Ti",
        "efficient_sam_ti",
    ),
    ({POSITIONS: (1, 197, 384), "prompt_encoder.invalid_points.weight": (1, 256)}, "EfficientSAM-S", "efficient_sam_s"),
    (names("image_encoder.backbone.stages.0.op_list.0.weight", DECODER), "EfficientViT-SAM", ""),
    (names("vision_encoder.pos_embed", "shared_image_embedding.positional_embedding"), "SAM in the layout", ""),
    (vit(64, 768), "SAM ViT-B for pictures of 1024 pixels", "vit_b"),
    (vit(64, 1024), "SAM ViT-L for pictures of 1024 pixels", "vit_l"),
    (vit(64, 1280), "SAM ViT-H for pictures of 1024 pixels", "vit_h"),
    (vit(16, 768), "SAM ViT-B for pictures of 256 pixels", "vit_b"),
    (vit(16, 48), "SAM with 48 channels for pictures of 256 pixels", ""),
    ({POSITIONS: (1, 64, 64, 768)}, "SAM ViT-B for pictures of 1024 pixels, without its mask decoder", ""),
    (names(DECODER), "the mask decoder of SAM without an image encoder", ""),
    (names("downs.0.weight", "ups.0.weight", "final_conv.weight"), "ScribblePrompt-UNet", "scribbleprompt_unet"),
    (
        names("downs.0.conv1.conv.weight", "ups.0.transp_conv.conv.weight", "readout.weight"),
        "MedSegAI's interactive network",
        "prompt_unet",
    ),
    (names("conditioner.squeeze_conv_e1.weight", "segmentor.encode1.weight"), "SE-Net", "senet"),
    (
        names(CROSS, "enc_blocks.0.target.vmapped.norml.weight", "direct.weight"),
        "MedSegAI's in-context network",
        "context_unet",
    ),
    (names(CROSS, "enc_blocks.0.target.vmapped.conv.weight"), "UniverSeg", "universeg"),
    (names(CROSS, "enc_blocks.0.meanconv.vmapped.conv.weight"), "Tyche", "tyche"),
    (names(CROSS, "enc_blocks.0.target.vmapped.norml.weight"), "MultiverSeg", "multiverseg"),
    (names("network.conv_in.conv.bias", "network.down_blocks.0.x"), "MedSegAI's diffusion network", "mask_denoiser"),
    (names("time_embed.0.weight", "hwm.ffparser.0.complex_weight"), "MedSegDiff v1", "medsegdiff_v1"),
    (names("time_embed.0.weight", "hwm.conv_blocks_context.0.weight"), "MedSegDiff v2", "medsegdiff_v2"),
    ({"encoder.weight": (3, 3)}, "an unknown network of 1 tensors (encoder.weight, ...)", ""),
    ({}, "an unknown network of 0 tensors", ""),
]


@pytest.mark.parametrize(("shapes", "title", "architecture"), KNOWN, ids=[title for _, title, _ in KNOWN])
def test_names_and_shapes_tell_networks_apart(shapes, title, architecture):
    found = recognise(shapes)
    assert found.title.startswith(title)
    assert found.architecture == architecture
    assert found.advice.endswith(".")


@pytest.mark.parametrize("spec", load_catalogue().values(), ids=load_catalogue())
def test_every_network_with_a_file_can_be_recognised(spec):
    known = {architecture for _, _, architecture in KNOWN if architecture}
    assert spec.weights is None or known & {spec.architecture, spec.family}


def test_every_family_is_tested():
    found = {recognise(shapes).title for shapes, _, _ in KNOWN}
    assert [family.title for family in FAMILIES if not any(title.startswith(family.title) for title in found)] == []


def test_the_size_of_pictures_is_told_where_the_positions_tell_it():
    assert recognise(vit(16, 768)).image_size == 256
    assert recognise(names(DECODER)).image_size == 0


def test_a_network_that_was_trained_further_with_micro_sam_is_said_to_be():
    assert recognise(vit(64, 768), {"decoder_state", "model_state"}).title.endswith(", trained further with micro-sam")


def test_the_layout_of_another_package_is_refused_with_what_to_do():
    found = recognise(names("vision_encoder.pos_embed", "shared_image_embedding.positional_embedding"))
    assert "transformers" in found.title
    assert "medsam_vit_b.pth" in found.advice


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        ("sam_vit_b/keys", "SAM ViT-B for pictures of 1024 pixels"),
        ("mobile_sam/keys", "MobileSAM"),
        ("lite_medsam/keys", "LiteMedSAM"),
        ("sam_med2d/keys", "SAM-Med2D"),
        ("samed_vit_b/base_keys", "SAM ViT-B for pictures of 1024 pixels"),
        ("samed_vit_b/full_keys", "SAM ViT-B for pictures of 512 pixels"),
        ("samed_vit_b/keys", "SAMed (a small addition of rank 4 to SAM ViT-B)"),
        ("hq_sam_vit_b/keys", "HQ-SAM ViT-B for pictures of 1024 pixels"),
        ("hq_sam_vit_tiny/keys", "HQ-SAM on TinyViT"),
        ("efficient_sam_ti/keys", "EfficientSAM-Ti"),
        ("sam_med3d/keys", "SAM-Med3D"),
        ("sam2_1_hiera_tiny/keys", "SAM 2.1 tiny"),
        ("scribbleprompt_unet/keys", "ScribblePrompt-UNet"),
        ("senet_few_shot/keys", "SE-Net"),
        ("universeg_v1/keys", "UniverSeg"),
        ("tyche_ts_v1/keys", "Tyche"),
        ("multiverseg_v1/keys", "MultiverSeg"),
        ("medsegdiff_v1/keys", "MedSegDiff v1"),
        ("medsegdiff_v2/keys", "MedSegDiff v2"),
        ("medsegdiff_v2_small/keys", "MedSegDiff v2"),
        ("adnet_head/keys", "an unknown network of 1 tensors (t, ...)"),
    ],
)
def test_published_networks_are_recognised_by_their_names(shared, keys, title):
    entries = json.loads((shared / "parity" / f"{keys}.json").read_text())
    assert describe_checkpoint({entry["name"]: tuple(entry["shape"]) for entry in entries}) == title
