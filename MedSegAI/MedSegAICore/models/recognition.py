"""Say in words what a checkpoint is, from the names and shapes of its tensors.

Every family of networks is one row of `FAMILIES`. A new one gets a row, above those rows whose marks it has as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

Shapes = Mapping[str, tuple[int, ...]]
Variant = tuple[str, str]
"""What is added to a family's title, and the name that the catalogue has for the variant ("" if it has none)."""

OTHER_FILE = "Choose a checkpoint of one of the listed models."
_PATCH_PIXELS = 16
_VIT_WIDTHS = {768: "b", 1024: "l", 1280: "h"}
_SAM2_SIZES = {471: "tiny", 519: "small", 615: "base plus", 903: "large"}
_SAM2_ONLY_IN_1 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")
_EFFICIENT_SAM_WIDTHS = {192: "Ti", 384: "S"}


@dataclass(frozen=True)
class Recognised:
    """What a checkpoint seems to be.

    Parameters
    ----------
    title
        In words.
    architecture
        What models of the catalogue that can use it call their architecture or their family; "" if none ever can.
    image_size
        Side of the pictures that a vision transformer was trained on [pixels]; 0 if that is not known.
    advice
        What to do if no model can use it.
    """

    title: str
    architecture: str = ""
    image_size: int = 0
    advice: str = OTHER_FILE


@dataclass(frozen=True)
class Family:
    """How the checkpoints of one family are known.

    Parameters
    ----------
    title
        What it is called.
    marks
        Every one of these patterns occurs in the name of some tensor.
    variant
        Tells its variants apart by the shapes; also refuses the checkpoint, with None, where the names are not enough.
    advice
        What to do if no model can use it.
    """

    title: str
    marks: tuple[str, ...]
    variant: Callable[[Shapes], Variant | None]
    advice: str = OTHER_FILE


def recognise(shapes: Shapes, parts: Collection[str] = ()) -> Recognised:
    """Return what a checkpoint seems to be.

    MedSAM and other fine-tuned copies of SAM have the names and shapes of SAM itself and are called SAM.

    Parameters
    ----------
    shapes
        The shape of each tensor by name.
    parts
        Names of what lies beside or around the table of tensors.
    """
    pixels = _image_size(shapes)
    for family in FAMILIES:
        if all(any(re.search(mark, name) for name in shapes) for mark in family.marks):
            variant = family.variant(shapes)
            if variant is not None:
                words, architecture = variant
                title = f"{family.title}{words}{_trained_by(parts)}"
                return Recognised(title, architecture, pixels, family.advice)
    return Recognised(f"an unknown network of {len(shapes)} tensors{_beginning(shapes)}")


def describe_checkpoint(shapes: Shapes) -> str:
    """Return in words what a checkpoint seems to be, from the shape of each of its tensors by name."""
    return recognise(shapes).title


def _one(architecture: str) -> Callable[[Shapes], Variant | None]:
    """Return the variant of a family that has only one."""
    return lambda _shapes: ("", architecture)


def _vit(prefix: str = "") -> Callable[[Shapes], Variant | None]:
    """Return what tells the sizes of SAM's own image encoder apart by its positions (1, rows, columns, width)."""

    def variant(shapes: Shapes) -> Variant | None:
        position = shapes.get("image_encoder.pos_embed", ())
        if len(position) != 4:
            return None
        pictures = f" for pictures of {_image_size(shapes)} pixels"
        letter = _VIT_WIDTHS.get(position[3])
        if letter is None:
            return f" with {position[3]} channels{pictures}", ""
        return f" ViT-{letter.upper()}{pictures}", f"{prefix}vit_{letter}"

    return variant


def _encoder_alone(shapes: Shapes) -> Variant | None:
    found = _vit()(shapes)
    return None if found is None else (f"{found[0]}, without its mask decoder", "")


def _hq(shapes: Shapes) -> Variant | None:
    if any("attention_biases" in name for name in shapes):
        return " on TinyViT", "hq_vit_tiny"
    return _vit("hq_")(shapes)


def _sam2(shapes: Shapes) -> Variant:
    is_2_1 = all(name in shapes for name in _SAM2_ONLY_IN_1)
    number = len(shapes) + (0 if is_2_1 else len(_SAM2_ONLY_IN_1))
    size = _SAM2_SIZES.get(number, "of unknown size")
    return f"{'.1' if is_2_1 else ''} {size}", f"sam2_{size}".replace(" ", "_") if number in _SAM2_SIZES else ""


def _volumetric(shapes: Shapes) -> Variant | None:
    """Return what SAM's network in three dimensions is, by its depth; FastSAM3D is its half."""
    if len(shapes.get("image_encoder.patch_embed.proj.weight", ())) != 5:
        return None
    blocks = {name.split(".")[2] for name in shapes if name.startswith("image_encoder.blocks.")}
    names = {12: ("SAM-Med3D", "sam_med3d"), 6: ("FastSAM3D", "")}
    return names.get(len(blocks), (f"SAM-Med3D with {len(blocks)} blocks", ""))


def _efficient_sam(shapes: Shapes) -> Variant:
    size = _EFFICIENT_SAM_WIDTHS.get(shapes.get("image_encoder.pos_embed", (0,))[-1], "")
    return f"-{size}" if size else "", f"efficient_sam_{size.lower()}" if size else ""


def _samed(shapes: Shapes) -> Variant:
    rank, width = shapes["w_a_000"] if len(shapes.get("w_a_000", ())) == 2 else (0, 0)
    letter = _VIT_WIDTHS.get(width, "")
    words = f" (a small addition of rank {rank} to SAM{f' ViT-{letter.upper()}' if letter else ''})"
    return words, f"samed_vit_{letter}" if letter else ""


_NO_NETWORK = "MedSegAI has no network for it. " + OTHER_FILE
_WHOLE = "Choose the file with the whole network."

FAMILIES = (
    Family("SAM 3", (r"^detector\.", r"^tracker\."), _one(""), _NO_NETWORK),
    Family("SAM 2", (r"^image_encoder\.trunk\.", r"^sam_mask_decoder\."), _sam2),
    Family("VISTA3D", (r"^class_head\.", r"^point_head\."), _one("vista3d")),
    Family("", (r"^image_encoder\.patch_embed\.proj\.weight$",), _volumetric),
    Family("SAMed", (r"^w_a_000$", r"^w_b_000$"), _samed),
    Family("SAM-Med2D", (r"\.Adapter\.channel\.",), _one("sam_med2d")),
    Family("Med-SA", (r"\.MLP_Adapter\.",), _one(""), _NO_NETWORK),
    Family("SALT", (r"trainable_scale_A",), _one(""), _NO_NETWORK),
    Family("S-SAM", (r"trainable_scale",), _one(""), _NO_NETWORK),
    Family("MA-SAM", (r"FacTu", r"FacTv"), _one(""), _NO_NETWORK),
    Family("HQ-SAM", (r"^mask_decoder\.hf_token\.",), _hq),
    Family("MobileSAM", (r"attention_biases", r"^image_encoder\.norm_head\."), _one("mobile_sam")),
    Family("LiteMedSAM", (r"attention_biases", r"^image_encoder\.layers\."), _one("lite_medsam")),
    Family("EfficientSAM", (r"^prompt_encoder\.invalid_points\.",), _efficient_sam, _NO_NETWORK),
    Family("EfficientViT-SAM", (r"^image_encoder\.backbone\.stages\.",), _one(""), _NO_NETWORK),
    Family(
        "SAM in the layout of the package transformers",
        (r"^vision_encoder\.", r"^shared_image_embedding\."),
        _one(""),
        "Download the file that the authors publish themselves, such as medsam_vit_b.pth or sam_vit_b_01ec64.pth.",
    ),
    Family("SAM", (r"^image_encoder\.pos_embed$", r"^mask_decoder\.iou_token\."), _vit()),
    Family("SAM", (r"^image_encoder\.pos_embed$",), _encoder_alone, _WHOLE),
    Family("the mask decoder of SAM without an image encoder", (r"^mask_decoder\.iou_token\.",), _one(""), _WHOLE),
    Family("ScribblePrompt-UNet", (r"^downs\.", r"^ups\.", r"^final_conv\."), _one("scribbleprompt_unet")),
    Family(
        "MedSegAI's interactive network", (r"^downs\.0\.conv1\.conv\.", r"^ups\.", r"^readout\."), _one("prompt_unet")
    ),
    Family(
        "MedSegAI's diffusion network",
        (r"^network\.conv_in\.conv\.", r"^network\.down_blocks\."),
        _one("mask_denoiser"),
    ),
    Family("SE-Net", (r"^conditioner\.squeeze_conv_", r"^segmentor\."), _one("senet")),
    Family("MedSegAI's in-context network", (r"\.cross\.cross_conv\.", r"^direct\."), _one("context_unet")),
    Family("MultiverSeg", (r"\.cross\.cross_conv\.", r"\.target\.vmapped\.norml\."), _one("multiverseg")),
    Family("Tyche", (r"\.cross\.cross_conv\.", r"\.meanconv\."), _one("tyche")),
    Family("UniverSeg", (r"\.cross\.cross_conv\.", r"\.target\.vmapped\."), _one("universeg")),
    Family("MedSegDiff v1", (r"^time_embed\.", r"^hwm\.ffparser\."), _one("medsegdiff_v1")),
    Family("MedSegDiff v2", (r"^time_embed\.", r"^hwm\.conv_blocks_context\."), _one("medsegdiff_v2")),
)
"""First match wins."""


def _image_size(shapes: Shapes) -> int:
    """Return the side of the pictures that SAM's own image encoder was trained on [pixels], or 0."""
    position = shapes.get("image_encoder.pos_embed", ())
    return position[1] * _PATCH_PIXELS if len(position) == 4 else 0


def _trained_by(parts: Collection[str]) -> str:
    return ", trained further with micro-sam" if "decoder_state" in parts else ""


def _beginning(shapes: Shapes) -> str:
    """Return the first names, by which a person may know the network."""
    names = [name[:60] for name in list(shapes)[:2]]
    return f" ({', '.join(names)}, ...)" if names else ""
