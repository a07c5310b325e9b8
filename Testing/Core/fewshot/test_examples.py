from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.fewshot import segmented
from MedSegAICore import GeometryMismatch, InvalidImage, InvalidSupport
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.examples import Example, common_labels
from MedSegAICore.fewshot.prototypes.knowledge import learned
from MedSegAICore.fewshot.registered.fitting import fit_supports
from MedSegAICore.support import Support
from MedSegAICore.volume import VolumePatch
from scipy import ndimage


def test_a_mask_without_a_voxel_is_refused_by_name(people):
    image = people[0].image
    empty = VolumePatch.whole(np.zeros(image.geometry.shape, bool), image.geometry)
    with pytest.raises(InvalidSupport, match="The example 'scan 7' has an empty mask"):
        Example(image, {**people[0].masks, "spleen": empty}, "scan 7")


def test_a_mask_on_another_grid_is_refused_by_name(people, draw_person):
    other = draw_person(1, (18, 26, 25))
    with pytest.raises(GeometryMismatch, match="The example 'scan 7'"):
        Example(people[0].image, other.masks, "scan 7")


def test_an_example_with_other_structures_is_refused_by_name(people):
    only_liver = Example(people[1].image, {"liver": people[1].masks["liver"]}, "person 1")
    with pytest.raises(InvalidSupport, match="The example 'person 1' and the first one do not both show 'kidney'"):
        fit_supports([people[0], only_liver], Run())


def test_no_example_is_refused():
    with pytest.raises(InvalidSupport, match="There is no example"):
        common_labels([])


def test_a_slice_among_volumes_is_refused_by_name(people, draw_person):
    with pytest.raises(InvalidSupport, match="'one slice' and the first one are not both slices or both volumes"):
        fit_supports([people[0], draw_person(1, (1, 32, 30), "one slice")], Run())


def test_a_slice_as_query_of_volumes_is_refused(model, draw_person):
    with pytest.raises(InvalidImage, match="The image is a slice, but the examples are volumes"):
        segmented(model, draw_person(5, (1, 32, 30)).image, Run())


def test_an_image_of_a_few_voxels_is_refused(draw_person):
    with pytest.raises(InvalidImage, match="24 x 26 x 4 voxels, too few"):
        fit_supports([draw_person(0, (4, 26, 24))], Run())


@pytest.mark.parametrize("learn", [fit_supports, lambda examples, run: learned(examples, None, run)])
def test_an_example_whose_image_cannot_be_used_is_named(learn, people, draw_person):
    alike = replace(people[1].image, array=np.zeros_like(people[1].image.array))
    for example in (draw_person(1, (4, 26, 24), "scan 7"), Example(alike, people[1].masks, "scan 7")):
        with pytest.raises(InvalidImage, match="The example 'scan 7' cannot be used"):
            learn([people[0], example], Run())


def test_a_structure_that_another_one_covers_is_refused_by_name(people):
    liver, image = people[0].masks["liver"], people[0].image
    inside = VolumePatch(ndimage.binary_erosion(liver.array), liver.offset, liver.geometry)
    with pytest.raises(InvalidSupport, match="The example 'scan 7' shows 'tumour' only where later structures cover"):
        fit_supports([Example(image, {"tumour": inside, "liver": liver}, "scan 7")], Run())
    values = Example(image, {"liver": liver, "tumour": inside}, "scan 7").label_map(("liver", "tumour"))
    assert np.count_nonzero(values == 2) == np.count_nonzero(inside.array)


def test_a_support_is_an_example_of_one_structure(people):
    support = Support(people[0].image, people[0].masks["kidney"], "person 0")
    example = Example.of_support(support, "kidney")
    assert np.array_equal(example.label_map(("kidney",)), support.mask.canonical().array)
