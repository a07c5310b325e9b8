"""The SAM-Med3D segmenter: where cubes and answers lie, what it is asked, how far it follows a structure."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidImage, UnsupportedPrompt, WeightsMismatch, WeightsMissing
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.networks.sam_med3d.architecture import SamMed3dArchitecture
from MedSegAICore.networks.sam_med3d.network import SamMed3d
from MedSegAICore.prompt import sam_med3d_windows
from MedSegAICore.prompt.paradigm import segment_prompts
from MedSegAICore.prompt.sam_med3d import SamMed3dSegmenter, build
from MedSegAICore.prompt.sam_med3d_windows import STOPPED
from MedSegAICore.prompts import BoxPrompt, PointPrompt, SlicePlane
from MedSegAICore.request import PromptTask, SegmentationRequest, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume
from seeded_kit import load_seeded_kit
from tiny_sam import PLAN, random_state
from torch import nn
from torch.nn import functional

NAME = "sam_med3d_turbo"
SIDE = 64


class Brightness(nn.Module):
    """A network that takes for the structure what is brighter than the mean, and keeps what it was asked."""

    image_size = SIDE

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.seen, self.asked = [], []

    def encode(self, volume, before_block):
        before_block(0.0)
        self.seen.append(volume)
        return volume

    def decode(self, embedding, points, mask_logits, several):
        assert not several
        self.asked.append((points[0][0].int().tolist(), points[1][0].tolist(), mask_logits[0, 0].clone()))
        bright = functional.avg_pool3d((embedding > 0).float(), 4)
        return 8 * bright - 4, torch.tensor([[0.75]])

    def to_volume(self, logits):
        return functional.interpolate(logits, [SIDE] * 3, mode="trilinear", align_corners=False)


def segmenter_of(network, cache=None) -> SamMed3dSegmenter:
    cache = cache or ByteBoundedCache(1 << 28)
    return SamMed3dSegmenter(NAME, load_catalogue()[NAME].capabilities, network, "hash", "cpu", cache)


def positions_of(geometry: VolumeGeometry) -> np.ndarray:
    """Return the world position (k, j, i, 3) of every voxel."""
    kji = np.indices(geometry.shape).reshape(3, -1).T
    return geometry.to_ras(kji[:, ::-1]).reshape(*geometry.shape, 3)


def ball(geometry, centre, radius_mm) -> np.ndarray:
    return np.linalg.norm(positions_of(geometry) - centre, axis=-1) <= radius_mm


def image_of(inside: np.ndarray, geometry) -> ImageVolume:
    return ImageVolume(np.where(inside, 200, 20).astype(np.int16), geometry)


def segment(image, *prompts, scope=None, run=None, network=None):
    task = PromptTask(prompts, NAME, scope or VolumeScope())
    return segment_prompts(SegmentationRequest(image, task), segmenter_of(network or Brightness()), run or Run())


def dice(first, second) -> float:
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


def turned(angle_degrees: float) -> np.ndarray:
    angle = np.deg2rad(angle_degrees)
    about_z = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return about_z @ about_x


GRIDS = {
    "RAS": ((60, 60, 60), (1.5, 1.5, 1.5), np.eye(3)),
    "LPS, anisotropic": ((30, 120, 110), (0.8, 0.9, 3.2), np.diag([-1.0, -1, 1])),
    "sagittal": ((40, 70, 90), (1.0, 1.3, 2.4), np.eye(3)[:, [1, 2, 0]] * [1, -1, -1]),
    "oblique": ((45, 90, 80), (1.1, 1.0, 2.1), turned(25)),
}


def test_an_image_of_one_slice_is_a_volume_too():
    geometry = VolumeGeometry.from_components((1, 70, 80), (1.2, 1.2, 4.0))
    middle = geometry.to_ras([40, 30, 0])[0]
    network = Brightness()
    segment(image_of(ball(geometry, middle, 16), geometry), PointPrompt(middle), network=network)
    varies = network.seen[0][0, 0].flatten(0, 1).std(dim=0) > 0
    assert varies.nonzero().tolist() == [[SIDE // 2]]
    assert network.asked[0][0] == [[SIDE // 2] * 3]


@pytest.mark.parametrize("grid", GRIDS)
def test_a_mask_lands_on_the_structure_however_the_image_is_stored(grid):
    shape, spacing, axes = GRIDS[grid]
    geometry = VolumeGeometry.from_components(shape, spacing, (13.0, -7.0, 41.0), axes)
    middle = geometry.to_ras((np.array(shape[::-1]) - 1) * [0.45, 0.55, 0.5])[0]
    structure = ball(geometry, middle, 20.0)
    result = segment(image_of(structure, geometry), PointPrompt(middle))
    found = result.mask.full()
    assert dice(found, structure) > 0.9
    centre = positions_of(geometry)[found].mean(axis=0)
    assert np.abs(centre - positions_of(geometry)[structure].mean(axis=0)).max() < 0.5
    assert result.quality == 0.75
    assert result.warnings == ()


def test_the_network_sees_what_its_authors_resample():
    geometry = VolumeGeometry.from_components((30, 50, 40), (0.9, 1.1, 2.6), (5.0, -3.0, 8.0))
    array = np.random.default_rng(1).normal(80, 60, geometry.shape).astype(np.float32)
    inside = geometry.to_ras([22, 31, 17])[0]
    network = Brightness()
    segment(ImageVolume(array, geometry), PointPrompt(inside), network=network)
    expected, in_cube = resampled_cube(array, geometry, inside, SIDE)
    assert in_cube(inside).tolist() == [[SIDE // 2] * 3] == network.asked[0][0]
    np.testing.assert_allclose(network.seen[0][0, 0].numpy(), expected, atol=2e-4)


def resampled_cube(array, geometry, inside, side):
    """Return the normalised cube around a position of an image stored as RAS, by SimpleITK, and how to find points."""
    picture = sitk.GetImageFromArray(array)
    picture.SetSpacing(geometry.spacing_ijk.tolist())
    old = np.array(picture.GetSize()), geometry.spacing_ijk
    size = np.ceil(old[0] * old[1] / 1.5).astype(int)
    first = picture.TransformContinuousIndexToPhysicalPoint((0.5 * (1.5 / old[1] - 1)).tolist())
    target = sitk.Image(size.tolist(), sitk.sitkFloat32)
    target.SetSpacing([1.5] * 3)
    target.SetOrigin(first)
    resampled = sitk.GetArrayFromImage(sitk.Resample(picture, target, sitk.Transform(), sitk.sitkLinear)).transpose()

    def points_at(ras):
        return np.rint((geometry.to_ijk(ras) * old[1] - first) / 1.5).astype(int)

    begin = points_at(inside)[0] - side // 2
    padded = np.pad(resampled, side)
    cube = padded[tuple(slice(b + side, b + 2 * side) for b in begin)].astype(np.float64)
    above = cube[cube > 0]
    return (cube - above.mean()) / above.std(ddof=1), lambda ras: points_at(ras) - begin


def test_seeded_weights_give_the_networks_own_answer_on_the_image(shared):
    kit = load_seeded_kit(shared / "parity" / "sam_med3d")
    network = SamMed3d()
    network.load_state_dict(kit.weights(network), assign=True)
    geometry = VolumeGeometry.from_components((36, 50, 60), (1.7, 2.1, 2.9), (-20.0, 14.0, 3.0))  # fits in a cube
    array = np.random.default_rng(2).normal(60, 80, geometry.shape).astype(np.float32)
    first, second = geometry.to_ras([[28, 26, 17], [33, 30, 21]])
    image = ImageVolume(array, geometry)
    task = PromptTask((PointPrompt(first), PointPrompt(second, False)), NAME)
    result = segment_prompts(SegmentationRequest(image, task), segmenter_of(network), Run())
    cube, in_cube = resampled_cube(array, geometry, first, 128)
    points = torch.tensor(in_cube([first, second])[None], dtype=torch.float32)
    with torch.inference_mode():
        embedding = network.encode(torch.from_numpy(cube.astype(np.float32))[None, None], lambda _: None)
        zeros = torch.zeros(1, 1, 32, 32, 32)
        logits, _ = network.decode(embedding, (points[:, :1], torch.tensor([[1]])), zeros, several=False)
        logits, quality = network.decode(embedding, (points, torch.tensor([[1, 0]])), logits, several=False)
        expected = network.to_volume(logits)[0, 0].sigmoid().numpy()
    assert result.quality == pytest.approx(float(quality[0, 0].clamp(0, 1)), abs=1e-3)
    at = in_cube(positions_of(geometry).reshape(-1, 3))
    expected = expected[tuple(at.T)].reshape(geometry.shape)
    difference = np.abs(result.probability.full() - np.where(expected < 0.02, 0, expected))
    assert expected.min() < 0.1 < 0.9 < expected.max()  # otherwise there is little to compare
    assert np.mean(difference < 2e-3) > 0.99


def test_the_first_click_comes_with_zeros_and_each_next_one_with_the_answer_before():
    geometry = VolumeGeometry.from_components((60, 60, 60), (1.5, 1.5, 1.5))
    network, middle = Brightness(), geometry.to_ras([30, 30, 30])[0]
    image = image_of(ball(geometry, middle, 15), geometry)
    segment(image, PointPrompt(middle), PointPrompt(middle + np.array([6, 0, -3]), False), network=network)
    (points, labels, mask), (both, signs, previous) = network.asked
    assert points == [[32, 32, 32]]
    assert labels == [1]
    assert not mask.any()
    assert both == [[32, 32, 32], [36, 32, 30]]
    assert signs == [1, 0]
    assert previous.max() == 4
    assert len(network.seen) == 1


def test_a_click_before_the_first_positive_one_waits_for_it():
    geometry = VolumeGeometry.from_components((60, 60, 60), (1.5, 1.5, 1.5))
    network, middle = Brightness(), geometry.to_ras([30, 30, 30])[0]
    image = image_of(ball(geometry, middle, 15), geometry)
    segment(image, PointPrompt(middle + np.array([9, 0, 0]), False), PointPrompt(middle), network=network)
    assert [labels for _, labels, _ in network.asked] == [[0, 1]]


def test_the_same_cube_is_looked_at_once_and_only_the_new_click_is_answered():
    geometry = VolumeGeometry.from_components((60, 60, 60), (1.5, 1.5, 1.5))
    network, middle = Brightness(), geometry.to_ras([30, 30, 30])[0]
    image, segmenter = image_of(ball(geometry, middle, 15), geometry), segmenter_of(network)
    prompts = (PointPrompt(middle), PointPrompt(middle + np.array([6, 0, 0])))
    for count in (1, 2):
        task = PromptTask(prompts[:count], NAME)
        segment_prompts(SegmentationRequest(image, task), segmenter, Run())
    assert len(network.seen) == 1
    assert len(network.asked) == 2


LONG = VolumeGeometry.from_components((200, 40, 40), (1.5, 1.5, 1.5))
ROD = np.hypot(*(positions_of(LONG)[..., :2] - LONG.to_ras([20, 20, 0])[0, :2]).transpose(3, 0, 1, 2)) <= 15
END = LONG.to_ras([20, 20, 10])[0]


def test_a_structure_longer_than_a_cube_is_followed_to_its_ends():
    network = Brightness()
    result = segment(image_of(ROD, LONG), PointPrompt(END), network=network)
    assert dice(result.mask.full(), ROD) > 0.9
    assert result.mask.full().any(axis=(1, 2)).all()
    assert result.warnings == ()
    assert 5 <= len(network.seen) <= 8
    _, _, carried = network.asked[1]
    assert carried[:, :, :8].max() > 0
    assert not carried[:, :, 8:].any()


def test_another_structure_in_the_next_cube_is_left_out():
    other = ball(LONG, LONG.to_ras([20, 20, 190])[0], 12)
    rod = ROD & (np.arange(200) < 150)[:, None, None]
    result = segment(image_of(rod | other, LONG), PointPrompt(END))
    assert dice(result.mask.full(), rod) > 0.9
    assert not (result.mask.full() & other).any()


def test_a_structure_without_end_is_not_followed_for_ever(monkeypatch):
    monkeypatch.setattr(sam_med3d_windows, "MOST_CUBES", 2)
    network = Brightness()
    result = segment(image_of(ROD, LONG), PointPrompt(END), network=network)
    assert len(network.seen) == 3
    assert result.warnings == (STOPPED,)
    assert result.mask.array.any()


def test_a_click_far_away_is_asked_in_a_cube_of_its_own():
    two = ball(LONG, END, 12) | ball(LONG, LONG.to_ras([20, 20, 180])[0], 12)
    network = Brightness()
    result = segment(image_of(two, LONG), PointPrompt(END), PointPrompt(LONG.to_ras([20, 20, 180])[0]), network=network)
    assert dice(result.mask.full(), two) > 0.85
    assert [points for points, _, _ in network.asked] == [[[32, 32, 32]], [[32, 32, 32]]]


def test_a_cancelled_run_stops_before_the_next_cube():
    network, cancel = Brightness(), CancelToken()

    def stop(*_):
        if len(network.asked) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        segment(image_of(ROD, LONG), PointPrompt(END), network=network, run=Run(stop, cancel))
    assert len(network.seen) == 2


def test_progress_never_falls():
    seen = []
    segment(image_of(ROD, LONG), PointPrompt(END), run=Run(lambda fraction, _: seen.append(fraction)))
    assert seen == sorted(seen)
    assert len(seen) > 5


def test_a_box_is_said_to_become_a_point():
    geometry = VolumeGeometry.from_components((60, 60, 60), (1.5, 1.5, 1.5))
    middle = geometry.to_ras([30, 30, 30])[0]
    network = Brightness()
    result = segment(image_of(ball(geometry, middle, 15), geometry), BoxPrompt(middle, (30, 30, 30)), network=network)
    assert network.asked[0][:2] == ([[32, 32, 32]], [1])
    (warning,) = result.warnings
    assert "box" in warning


def test_a_slice_shows_the_part_of_the_answer_that_lies_on_it():
    geometry = VolumeGeometry.from_components((60, 60, 60), (1.5, 1.5, 1.5))
    middle = geometry.to_ras([30, 30, 30])[0]
    image = image_of(ball(geometry, middle, 15), geometry)
    whole = segment(image, PointPrompt(middle)).mask.full()
    for axis in range(3):
        plane = SlicePlane.of_slice(geometry, axis, 33)
        on_slice = segment(image, PointPrompt(middle), scope=SliceScope(plane)).mask.full()
        expected = np.zeros_like(whole)
        cut = tuple(33 if other == axis else slice(None) for other in range(3))
        expected[cut] = whole[cut]
        np.testing.assert_array_equal(on_slice, expected)


@pytest.mark.parametrize("scope", [VolumeScope("slices"), VolumeScope(direction="axial"), VolumeScope(fuse_axes=True)])
def test_going_slice_by_slice_is_refused_by_name(scope):
    geometry = VolumeGeometry.from_components((20, 20, 20))
    with pytest.raises(UnsupportedPrompt, match=NAME):
        segment(image_of(ball(geometry, (10, 10, 10), 5), geometry), PointPrompt((10, 10, 10)), scope=scope)


def test_an_image_without_intensities_above_zero_is_refused_by_name():
    geometry = VolumeGeometry.from_components((20, 20, 20))
    with pytest.raises(InvalidImage, match="above 0"):
        segment(ImageVolume(np.full((20, 20, 20), -5.0), geometry), PointPrompt((10, 10, 10)))


def test_building_without_a_fitting_checkpoint_is_refused_by_name(tmp_path):
    spec, cache = load_catalogue()[NAME], ByteBoundedCache(1 << 10)
    with pytest.raises(WeightsMissing):
        build(spec, None, PLAN, cache)
    tiny = SamMed3d(SamMed3dArchitecture(32, 2, 2, (1,), image_size=64, embedding_channels=48, window=3))
    torch.save({"model_state_dict": random_state(tiny, 3)}, tmp_path / "tiny.pth")
    with pytest.raises(WeightsMismatch, match=NAME):
        Engine("cpu", {NAME: tmp_path / "tiny.pth"}).segment(
            SegmentationRequest(
                image_of(np.ones((4, 4, 4), np.bool_), VolumeGeometry.from_components((4, 4, 4))),
                PromptTask((PointPrompt((1, 1, 1)),), NAME),
            )
        )
