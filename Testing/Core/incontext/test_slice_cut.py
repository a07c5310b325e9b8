"""One slice of an example: its voxels, its masks, and what it remembers of its volume."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.grids import SOME_ORDERS_AND_FLIPS, image_stored_as, stored_as
from fakes.people import person
from MedSegAICore.errors import InvalidRequest, InvalidSupport
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import canonical_geometry
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.slice_cut import slice_axis, slice_of, slice_region, usual_range
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.volume import VolumePatch


def plane(image, index, axis=0):
    return SlicePlane.of_slice(image.geometry, axis, index)


def test_a_slice_has_the_voxels_and_masks_of_its_place_and_knows_it() -> None:
    drawn = person(1)
    cut = slice_of(ContextExample(drawn, origin="corrected", model="adaptive"), plane(drawn.image, 9))

    view = canonical_geometry(drawn.image.geometry)
    assert cut.example.image.geometry.matches(view.crop((9, 0, 0), (1, *view.shape[1:])))
    np.testing.assert_array_equal(cut.example.image.array[0], drawn.image.canonical().array[9])
    np.testing.assert_array_equal(
        cut.example.masks["liver"].full()[0], drawn.masks["liver"].canonical().full()[9].astype(bool)
    )
    assert cut.position == pytest.approx(9.5 / 18)
    assert (cut.window.lower, cut.window.upper) == usual_range(drawn.image.array)
    assert (cut.origin, cut.model) == ("corrected", "adaptive")


@pytest.mark.parametrize("order", SOME_ORDERS_AND_FLIPS)
def test_the_way_in_which_an_image_is_stored_changes_nothing(order) -> None:
    drawn = person(1)
    image = image_stored_as(drawn.image, *order)
    masks = {
        label: VolumePatch.whole(stored_as(mask.full(), mask.geometry, *order)[0], image.geometry)
        for label, mask in drawn.masks.items()
    }

    cuts = [slice_of(ContextExample(one), plane(drawn.image, 9)) for one in (drawn, Example(image, masks))]

    np.testing.assert_array_equal(*(cut.example.image.array for cut in cuts))
    np.testing.assert_array_equal(*(cut.example.masks["kidney"].full() for cut in cuts))
    assert cuts[0].position == cuts[1].position


def test_a_region_covers_one_slice_of_the_volume_as_it_is_stored() -> None:
    image = person(1).image
    for axis, index in ((0, 4), (1, 20), (2, 7)):
        region = slice_region(image.geometry, plane(image, index, axis)).full()
        assert np.moveaxis(region, axis, 0)[index].all()
        assert region.sum() == np.moveaxis(region, axis, 0)[index].size
        assert slice_axis(image.geometry, plane(image, index, axis)) == axis


def test_what_shows_nothing_or_lies_elsewhere_is_refused() -> None:
    drawn = person(1)
    with pytest.raises(InvalidSupport, match="Nothing of liver, kidney is drawn on this slice"):
        slice_of(ContextExample(drawn), plane(drawn.image, 0))
    with pytest.raises(InvalidRequest, match="outside the volume"):
        slice_of(ContextExample(drawn), plane(drawn.image, 40))
    with pytest.raises(InvalidRequest, match="does not lie along an axis"):
        slice_region(drawn.image.geometry, SlicePlane((0, 0, 30), (1, 0, 0), (0, 0.7, 0.7)))
