"""Say in words what a checkpoint is, from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

Shapes = Mapping[str, tuple[int, ...]]

# First match wins. Every word must occur in some name.
_SIGNATURES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("detector.", "tracker."), "SAM 3"),
    (("image_encoder.trunk.",), "SAM 2"),
    (("class_head.", "point_head."), "VISTA3D"),
    (("w_a_000",), "SAMed (a small addition to SAM)"),
    ((".Adapter.channel",), "SAM-Med2D"),
    (("MLP_Adapter",), "Med-SA"),
    (("trainable_scale",), "S-SAM or SALT"),
    (("mask_decoder.hf_token",), "HQ-SAM"),
    (("attention_biases", "norm_head"), "MobileSAM"),
    (("attention_biases",), "LiteMedSAM"),
    (("prompt_encoder.invalid_points",), "EfficientSAM"),
    (("vision_encoder.", "shared_image_embedding."), "SAM in the layout of the transformers package"),
    (("downs.", "ups.", "final_conv."), "ScribblePrompt-UNet"),
    (("conditioner.squeeze_conv_", "segmentor."), "SE-Net"),
)
_VIT_WIDTHS = {768: "B", 1024: "L", 1280: "H"}
_PATCH_PIXELS = 16


def describe_checkpoint(shapes: Shapes) -> str:
    """Return what a checkpoint seems to be, from the shape of each of its tensors by name.

    MedSAM and other fine-tuned copies of SAM have the names and shapes of SAM itself and are called SAM.
    """
    if len(shapes.get("image_encoder.patch_embed.proj.weight", ())) == 5:
        return "SAM-Med3D or FastSAM3D"
    for words, network in _SIGNATURES:
        if all(any(word in name for name in shapes) for word in words):
            return network
    position = shapes.get("image_encoder.pos_embed", ())
    if len(position) == 4 and position[3] in _VIT_WIDTHS:
        return f"SAM ViT-{_VIT_WIDTHS[position[3]]} for pictures of {position[1] * _PATCH_PIXELS} pixels"
    return f"an unknown network of {len(shapes)} tensors"
