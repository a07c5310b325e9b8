"""What was registered once is not registered again."""

from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore import InvalidImage
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered import registrations
from MedSegAICore.fewshot.registered.fitting import align_pairs
from MedSegAICore.fewshot.registered.grids import coarse_image, normalised
from MedSegAICore.fewshot.registered.registrations import Registrations
from MedSegAICore.fewshot.registered.sources import prepare_sources
from MedSegAICore.volume import ImageVolume


@pytest.fixture
def counted(monkeypatch):
    """Count the registrations that are really done."""
    done = []
    for name in ("register", "register_from"):
        real = getattr(registrations, name)
        monkeypatch.setattr(registrations, name, lambda *given, real=real: done.append(1) or real(*given))
    return done


def test_the_same_images_are_registered_once(people, counted):
    known = Registrations(ByteBoundedCache(1 << 26))
    fixed, moving = (coarse_image(normalised(person.image)) for person in people[:2])
    first = known.register(fixed, moving, Run())
    assert known.register(fixed, moving, Run()) is first
    assert len(counted) == 1


def test_other_voxels_are_registered_anew(people, counted):
    known = Registrations(ByteBoundedCache(1 << 26))
    fixed, moving, other = (coarse_image(normalised(person.image)) for person in people[:3])
    assert known.register(fixed, moving, Run()) is not known.register(fixed, other, Run())
    assert len(counted) == 2


def test_learning_again_registers_nothing(people, counted):
    known = Registrations(ByteBoundedCache(1 << 28))
    align_pairs(prepare_sources(people[:2], ("liver",)), Run(), known)
    done = len(counted)
    align_pairs(prepare_sources(people[:2], ("liver",)), Run(), known)
    assert len(counted) == done > 2


def test_another_structure_does_not_register_the_whole_images_again(people, counted):
    known = Registrations(ByteBoundedCache(1 << 28))
    align_pairs(prepare_sources(people[:2], ("liver",)), Run(), known)
    done = len(counted)
    align_pairs(prepare_sources(people[:2], ("kidney",)), Run(), known)
    assert len(counted) == 2 * done - 2


def test_without_a_cache_nothing_is_kept(people, counted):
    fixed, moving = (coarse_image(normalised(person.image)) for person in people[:2])
    Registrations().register(fixed, moving, Run())
    Registrations().register(fixed, moving, Run())
    assert len(counted) == 2


def test_an_image_whose_voxels_are_all_alike_is_refused_by_name(people):
    blank = ImageVolume(np.zeros(people[0].image.geometry.shape, np.float32), people[0].image.geometry)
    with pytest.raises(InvalidImage, match="All voxels of the image are alike"):
        normalised(blank)
