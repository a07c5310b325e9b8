"""The drawn abdomen: what a scan of it must look like."""

from __future__ import annotations

import time

import numpy as np
import pytest
from MedSegAICore.phantom.anatomy import LABELS, Layer, Structure
from MedSegAICore.phantom.scanner import HOUNSFIELD_UNITS, Phantom, abdomen_ct, abdomen_mr, oblique_grid, render
from MedSegAICore.phantom.shapes import Capsule, Ellipsoid, Shape
from scipy import ndimage

COARSE = (1.8, 1.8, 4.0)
NUMBER = {name: label for label, name in LABELS.items()}


@pytest.fixture(scope="module")
def ct() -> Phantom:
    return abdomen_ct(0, COARSE)


@pytest.fixture(scope="module")
def mr() -> Phantom:
    return abdomen_mr(0, COARSE)


def core_of(phantom: Phantom, name: str) -> np.ndarray:
    """Intensities well inside a structure, where no other tissue takes part in the voxels."""
    inside = ndimage.binary_erosion(phantom.labels == NUMBER[name], iterations=2)
    return phantom.image.array[inside].astype(float)


def center_ras(phantom: Phantom, name: str) -> np.ndarray:
    voxels = np.argwhere(phantom.labels == NUMBER[name])
    return phantom.image.geometry.to_ras(voxels.mean(axis=0)[::-1])[0]


@pytest.mark.parametrize(
    ("name", "tissue"),
    [("liver", "liver"), ("spleen", "spleen"), ("aorta", "arterial blood"), ("inferior vena cava", "venous blood")],
)
def test_organs_have_the_hounsfield_units_of_a_portal_venous_scan(ct: Phantom, name: str, tissue: str) -> None:
    values = core_of(ct, name)
    assert np.median(values) == pytest.approx(HOUNSFIELD_UNITS[tissue], abs=6)
    assert 8 < values.std() < 30


def test_the_kidneys_enhance_most(ct: Phantom) -> None:
    assert np.median(core_of(ct, "left kidney")) > np.median(core_of(ct, "aorta")) > np.median(core_of(ct, "liver"))


def test_air_and_bone_bound_the_range(ct: Phantom) -> None:
    assert np.percentile(ct.image.array, 1) < -950
    assert 350 < np.percentile(ct.image.array, 99.9) < 900
    assert ct.image.array.dtype == np.int16


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("liver", 900, 1800),
        ("spleen", 90, 350),
        ("right kidney", 90, 230),
        ("left kidney", 90, 230),
        ("aorta", 35, 110),
    ],
)
def test_organs_have_plausible_volumes(ct: Phantom, name: str, least: float, most: float) -> None:
    millilitres = np.count_nonzero(ct.labels == NUMBER[name]) * np.prod(ct.image.geometry.spacing_ijk) / 1000
    assert least < millilitres < most


def test_organs_lie_on_their_side_of_the_patient(ct: Phantom) -> None:
    assert center_ras(ct, "liver")[0] > 30
    assert center_ras(ct, "spleen")[0] < -60
    assert center_ras(ct, "right kidney")[0] > 40 > -40 > center_ras(ct, "left kidney")[0]
    assert center_ras(ct, "stomach")[1] > center_ras(ct, "left kidney")[1] + 30


def test_the_grid_is_oblique_anisotropic_and_right_handed(ct: Phantom) -> None:
    geometry = ct.image.geometry
    assert geometry.spacing_ijk == pytest.approx(COARSE)
    largest = np.abs(geometry.axes_ras).max(axis=0)
    assert (largest < 0.9999).all()
    assert np.linalg.det(geometry.axes_ras) == pytest.approx(1)


def test_the_anatomy_stays_in_place_on_every_grid(ct: Phantom, mr: Phantom) -> None:
    thick = abdomen_ct(0, (3.0, 2.5, 6.0))
    for name in LABELS.values():
        assert center_ras(thick, name) == pytest.approx(center_ras(ct, name), abs=2.5)
        if name not in ("aorta", "inferior vena cava"):  # those leave the field of view, which is turned for MR
            assert center_ras(mr, name) == pytest.approx(center_ras(ct, name), abs=6)


def test_one_seed_is_one_image() -> None:
    first, again, other = (abdomen_ct(seed, (4, 4, 8)) for seed in (5, 5, 6))
    assert first.image.fingerprint == again.image.fingerprint
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)


def test_every_structure_is_there_for_many_seeds() -> None:
    for seed in range(8):
        assert set(np.unique(abdomen_ct(seed, (4, 4, 8)).labels)) == {0, *LABELS}


def test_mr_shows_fat_bright_and_blood_dark(ct: Phantom, mr: Phantom) -> None:
    assert np.median(core_of(mr, "aorta")) < 0.6 * np.median(core_of(mr, "liver"))
    assert np.median(core_of(ct, "aorta")) > np.median(core_of(ct, "liver"))
    assert np.percentile(mr.image.array, 95) > 1.5 * np.median(core_of(mr, "liver"))


def test_mr_has_a_bias_field_and_rician_noise(mr: Phantom) -> None:
    sides = mr.image.array.copy()
    fat = sides[(sides > 650) & (mr.labels == 0)]
    assert fat.std() / fat.mean() > 0.12  # noise and texture alone give about 0.06
    air = mr.image.array[:, :8, :8].astype(float)  # a corner of the picture
    assert air.min() >= 0
    assert air.mean() == pytest.approx(22 * np.sqrt(np.pi / 2), rel=0.1)  # Rayleigh: no signal


@pytest.mark.parametrize(
    ("shape", "millilitres", "tolerance"),
    [
        (Ellipsoid((5, -3, 8), (30, 22, 17), (20, 30, 40)), 4 / 3 * np.pi * 30 * 22 * 17 / 1000, 0.02),
        # a rod hardly thicker than the slices: its surface is no plane within a voxel
        (Capsule((-20, 3, -14), (25, 10, 20), 9, 9), (np.pi * 81 * 56.85 + 4 / 3 * np.pi * 729) / 1000, 0.06),
    ],
)
def test_partial_volume_keeps_the_amount_of_tissue(shape: Shape, millilitres: float, tolerance: float) -> None:
    geometry = oblique_grid((2.5, 2.0, 6.0), (8, 5, 3))
    share, labels = render([Structure(shape, (Layer("it", 4),))], geometry, {"air": 0, "it": 1})
    voxel = np.prod(geometry.spacing_ijk) / 1000
    assert share.sum() * voxel == pytest.approx(millilitres, rel=tolerance)
    assert np.count_nonzero(labels == 4) * voxel == pytest.approx(millilitres, rel=0.05)
    assert np.count_nonzero((share > 0.1) & (share < 0.9)) > 100


def test_the_default_ct_is_drawn_in_seconds() -> None:
    began = time.process_time()
    phantom = abdomen_ct()
    assert time.process_time() - began < 10
    assert phantom.image.geometry.shape == phantom.labels.shape == (62, 296, 414)
