"""The denoiser learns what several people drew, in every way that it can be asked to predict."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from MedSegAICore.diffusion.model_file import read_header
from MedSegAICore.diffusion.noise_levels import NoiseLevels
from MedSegAICore.engine.run import Run
from MedSegAICore.evaluation.datasets.split import subject_split
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint
from MedSegAICore.networks.mask_denoiser import SHIPPED, DenoiserArchitecture, MaskDenoiser
from MedSegAICore.training import diffusion
from MedSegAICore.training.loop import LoopSettings, train
from MedSegAICore.training.rater_crops import SHIFT, RaterSlices, draw_crop

TINY = DenoiserArchitecture(channels=(16, 16), attention=(False, False), head_channels=16)
LEVELS = NoiseLevels()
PREDICTIONS = ("sample", "epsilon", "v_prediction")


def discs(count: int = 4, size: int = 24) -> RaterSlices:
    """Bright discs that three people drew and one did not see."""
    rows, columns = np.mgrid[:size, :size]
    disc = (rows - size // 2) ** 2 + (columns - size // 2) ** 2 <= 16
    images = np.where(disc, 200, 50).astype(np.uint8)[None].repeat(count, axis=0)
    masks = np.stack([disc, disc, disc, np.zeros_like(disc)])[None].repeat(count, axis=0)
    return RaterSlices(images, masks)


def task(**changes) -> diffusion.RaterTask:
    return replace(diffusion.RaterTask("diffusion", "discs", "disc", size=16, batch=4), **changes)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_loss_falls_whatever_is_predicted(tmp_path, prediction):
    asked = task()
    network = diffusion.network_for(asked, replace(TINY, prediction=prediction))
    loss = diffusion.rater_loss(discs(), asked, LEVELS)
    with torch.no_grad():
        before = float(sum(loss(network, step) for step in range(1000, 1010)))
    train(network, loss, LoopSettings(steps=60, rate=5e-3, warm_up=5), {}, tmp_path, Run())
    with torch.no_grad():
        after = float(sum(loss(network, step) for step in range(1000, 1010)))
    assert after < 0.8 * before


@pytest.mark.parametrize("method", ["one_pass", "dropout"])
def test_methods_to_compare_with_see_the_examples_of_the_diffusion(method):
    ours, theirs = task(), task(method=method)
    for step in (0, 7):
        for mine, its in zip(
            diffusion._batch(discs(), ours, step), diffusion._batch(discs(), theirs, step), strict=True
        ):
            assert torch.equal(mine, its)
    network = diffusion.network_for(theirs, TINY)
    assert diffusion.rater_loss(discs(), theirs, LEVELS)(network, 0).ndim == 0
    inputs = [layer.in_channels for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert inputs[0] == 2 * 4  # no noisy mask


def test_some_examples_have_no_condition_where_guidance_is_wanted():
    condition, masks = diffusion._batch(discs(8), task(batch=64, null=0.5), 0)
    empty = (condition == 0).all(dim=(1, 2, 3)).float().mean()
    assert 0.3 < float(empty) < 0.7
    assert set(masks.unique().tolist()) == {0.0, 1.0}


def test_examples_are_moved_but_never_lose_the_structure():
    chance, slices = np.random.default_rng(1), discs(size=64)
    crops = [draw_crop(slices, 0, 32, chance) for _ in range(60)]
    drawn = [crop for crop in crops if crop.mask.any()]
    assert 0.5 < len(drawn) / len(crops) < 0.95  # one rater of four drew nothing
    assert {int(crop.mask.sum()) for crop in drawn} == {int(slices.masks[0, 0].sum())}
    middles = [np.argwhere(crop.mask).mean(axis=0) for crop in drawn]
    assert np.ptp(middles, axis=0).min() > SHIFT
    told = [crop for crop in drawn if crop.condition[1].any()]
    assert 0.2 < len(told) / len(drawn) < 0.8
    for crop in crops:
        assert np.abs(crop.condition[0]).max() <= 1
    missed = [np.count_nonzero(crop.mask & (crop.condition[1] == 0)) / crop.mask.sum() for crop in told]
    assert np.median(missed) < 0.1


def test_a_square_beyond_the_edge_of_the_slice_has_no_structure_there():
    slices = discs(size=20)
    crop = draw_crop(slices, 0, 48, np.random.default_rng(0))
    assert crop.mask.shape == (48, 48)
    assert crop.mask.sum() in (0, slices.masks[0, 0].sum())


def test_the_command_trains_goes_on_and_writes_a_model_that_says_what_it_is(tmp_path, monkeypatch):
    root = tmp_path / "data"
    (root / "discs").mkdir(parents=True)
    slices = discs(8, 32)
    packed = np.packbits(slices.masks, axis=-1)
    names = np.array([f"person-{number}/disc.png" for number in range(8)])
    np.savez(root / "discs" / "discs.npz", image=slices.images, raters=packed, id=names)
    (root / "discs.json").write_text(json.dumps(described()))
    monkeypatch.setattr(diffusion, "SHIPPED", TINY)
    folder = tmp_path / "run"
    arguments = [str(folder), "--dataset", str(root / "discs.json"), "--label", "disc", "--steps", "2", "--size", "16"]
    assert diffusion.main(arguments) == 0
    assert diffusion.main(arguments) == 0
    header = read_header(folder / "model.safetensors")
    assert (header.architecture, header.levels, header.size) == (TINY, LEVELS, 16)
    fit_checkpoint(MaskDenoiser(header.architecture), read_checkpoint(folder / "model.safetensors"), "tiny")


def described():
    archive = {"file": "discs.npz", "names": "id", "pattern": "{subject}/{image}.png", "images": "image"}
    archive |= {"masks": "raters", "packed_bits": True, "label": "disc"}
    about = {"name": "discs", "title": "Discs", "kind": "other", "has_spacing": False, "folder": "discs"}
    words = {"licence": "ours", "training": "allowed", "source": "drawn", "citation": "", "notes": ""}
    return {**about, "files": None, "archive": archive, **words}


def test_nobody_is_in_two_parts():
    parts = subject_split([f"person {number}" for number in range(452)], diffusion.FRACTIONS)
    everyone = [subject for part in parts.values() for subject in part]
    assert len(everyone) == len(set(everyone)) == 452
    assert {part: len(subjects) for part, subjects in parts.items()} == {"training": 316, "validation": 45, "test": 91}


def test_the_shipped_network_is_small():
    assert sum(parameter.numel() for parameter in MaskDenoiser(SHIPPED).parameters()) == 1_696_836
