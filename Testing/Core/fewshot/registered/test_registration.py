from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import SimpleITK as sitk
from MedSegAICore import Cancelled
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.fewshot.registered.grids import coarse_image, normalised, resampled
from MedSegAICore.fewshot.registered.registration import register


@pytest.fixture(scope="module")
def body(people) -> sitk.Image:
    return normalised(people[0].image)


def test_a_known_affine_map_is_found(body):
    truth = sitk.AffineTransform(3)
    truth.SetCenter(body.TransformContinuousIndexToPhysicalPoint([n / 2 for n in body.GetSize()]))
    truth.Rotate(0, 1, 0.12)
    truth.Scale([1.08, 0.95, 1.04])
    truth.SetTranslation([3.0, -4.0, 2.5])
    fixed = resampled(body, body, truth)
    found = register(fixed, body, Run()).affine
    inner = [body.TransformIndexToPhysicalPoint([i, j, k]) for i in (6, 18) for j in (6, 20) for k in (5, 13)]
    errors = [np.linalg.norm(np.subtract(found.TransformPoint(at), truth.TransformPoint(at))) for at in inner]
    assert max(errors) < 1.5  # a voxel is 2 mm and more and more


def test_deformation_brings_people_closer_than_an_affine_map(people):
    fixed, moving = (normalised(person.image) for person in people[:2])
    found = register(fixed, moving, Run())
    one = sitk.GetArrayFromImage(fixed)
    moved = [sitk.GetArrayFromImage(resampled(moving, fixed, way)) for way in (found.affine, found.deformable)]
    assert np.abs(one - moved[1]).mean() < 0.9 * np.abs(one - moved[0]).mean()
    assert 0.8 < found.similarity <= 1


def test_the_same_images_are_registered_alike_every_time(people):
    fixed, moving = (coarse_image(normalised(example.image)) for example in people[:2])
    fixed = sitk.Expand(fixed, [2, 2, 2])  # more voxels than the metric looks at, so that some are drawn
    maps = [np.array(register(fixed, moving, Run()).affine.GetParameters()) for _ in range(2)]
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-6, atol=1e-6)


def test_slices_are_registered_in_their_plane(draw_person):
    fixed, moving = (normalised(draw_person(seed, (1, 48, 44)).image) for seed in (1, 2))
    assert fixed.GetDimension() == 2
    assert register(fixed, moving, Run()).similarity > 0.8


def test_a_cancelled_run_ends_within_a_second(draw_person):
    fixed, moving = (coarse_image(normalised(draw_person(seed, (60, 60, 60)).image)) for seed in (1, 2))
    token = CancelToken()
    timer = threading.Timer(0.5, token.cancel)
    timer.start()
    began = time.perf_counter()
    with pytest.raises(Cancelled):
        register(fixed, moving, Run(cancel=token))
    assert time.perf_counter() - began < 1.5
