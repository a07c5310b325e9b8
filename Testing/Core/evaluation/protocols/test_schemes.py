"""Which slices a method sees, counted by hand for each published scheme."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.methods import Recording, bright
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import GeometryMismatch, InvalidRequest
from MedSegAICore.evaluation.protocols.slice_schemes import OuyangSlices, RoySlices, centre_slices, extent_of
from MedSegAICore.evaluation.protocols.whole_schemes import FullVolume, InContext
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.support import Support
from MedSegAICore.volume import ImageVolume, VolumePatch


def bar(first: int, last: int, slices: int = 20) -> np.ndarray:
    """Return a structure on the slices from `first` to `last`."""
    mask = np.zeros((slices, 4, 5), bool)
    mask[first : last + 1, 1:3, 1:4] = True
    return mask


def image_of(mask: np.ndarray) -> ImageVolume:
    """Return an image whose slices are numbered and whose structure is brighter than 50."""
    numbers = np.arange(len(mask), dtype=np.float32)[:, None, None]
    return ImageVolume(numbers + 100 * mask, VolumeGeometry.from_components(mask.shape, (1, 1, 3)))


def support_of(mask: np.ndarray) -> Support:
    image = image_of(mask)
    return Support(image, VolumePatch.whole(mask, image.geometry), "example")


def shown_by(scheme, support_mask: np.ndarray, query_mask: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Return for each call of the method the slices of the example and of the query that it was shown."""
    method = Recording()
    scheme.ask(method, [support_of(support_mask)], image_of(query_mask), query_mask, Run())
    numbers = []
    for supports, query in method.shown:
        example = supports[0].image
        heights = [round(volume.geometry.to_ras([[0, 0, 0]])[0, 2] / 3) for volume in (example, query)]
        found = [[int(number) for number in volume.array[:, 0, 0]] for volume in (example, query)]
        assert heights == [found[0][0], found[1][0]]  # voxels and grid agree about the place
        numbers.append((found[0], found[1]))
    return numbers


def test_ouyang_takes_the_slices_at_a_sixth_a_half_and_five_sixths():
    assert centre_slices(bar(2, 10), 3) == [3, 6, 9]
    assert centre_slices(bar(5, 10), 3) == [6, 8, 10]
    assert centre_slices(bar(7, 7), 3) == [7, 7, 7]
    for count in range(1, 19):
        expected = [int((1 / 6 + group * (1 - 1 / 3) / 2) * count) for group in range(3)]
        assert centre_slices(bar(0, count - 1), 3) == expected


def test_slices_without_the_structure_are_not_counted():
    with_a_hole = bar(2, 4) | bar(10, 12)
    assert centre_slices(with_a_hole, 3) == [3, 10, 12]
    assert extent_of(with_a_hole) == (2, 12)


def test_ouyang_cuts_the_query_into_thirds_of_its_length():
    assert shown_by(OuyangSlices(), bar(2, 10), bar(4, 13)) == [
        ([3], [4, 5, 6]),
        ([6], [7, 8, 9]),
        ([9], [10, 11, 12, 13]),
    ]


def test_ouyang_leaves_groups_out_where_the_query_is_thin():
    assert shown_by(OuyangSlices(), bar(2, 10), bar(6, 6)) == [([3], [6])]
    assert shown_by(OuyangSlices(), bar(2, 10), bar(6, 7)) == [([3], [6]), ([9], [7])]


def test_roy_shows_the_centre_of_each_group_for_all_slices_of_the_group():
    assert shown_by(RoySlices(4), bar(1, 12), bar(8, 15)) == [
        ([2], [8, 9]),
        ([5], [10, 11]),
        ([8], [12, 13]),
        ([11], [14, 15]),
    ]


def test_roy_spreads_a_thin_query_over_the_groups():
    assert shown_by(RoySlices(12), bar(1, 12), bar(8, 10)) == [([1], [8]), ([5], [9]), ([9], [10])]


def test_nothing_is_told_of_the_query_in_the_full_volume():
    everything = list(range(20))
    assert shown_by(FullVolume(), bar(2, 10), bar(4, 13)) == [([6], everything)]
    assert shown_by(FullVolume("all"), bar(2, 10), bar(4, 13)) == [(everything, everything)]
    assert shown_by(FullVolume(), bar(2, 10), bar(4, 5)) == shown_by(FullVolume(), bar(2, 10), bar(4, 13))
    assert shown_by(InContext(), bar(2, 10), bar(4, 13)) == [(everything, everything)]


def test_the_examples_of_several_people_stand_side_by_side():
    method = Recording()
    supports = [support_of(bar(2, 10)), support_of(bar(0, 5))]
    OuyangSlices().ask(method, supports, image_of(bar(4, 13)), bar(4, 13), Run())
    assert [[int(one.image.array[0, 0, 0]) for one in shown] for shown, _ in method.shown] == [[3, 1], [6, 3], [9, 5]]
    assert all(one.mask.array.any() for shown, _ in method.shown for one in shown)


@pytest.mark.parametrize(
    ("scheme", "scored"),
    [(RoySlices(3), (4, 14)), (OuyangSlices(), (4, 14)), (FullVolume(), (0, 20)), (InContext(), (0, 20))],
)
def test_answers_stand_where_they_were_asked_for(scheme, scored):
    truth = bar(4, 13)
    answer = scheme.ask(bright, [support_of(bar(2, 10))], image_of(truth), truth, Run())
    assert np.array_equal(answer, truth)
    assert scheme.scored(truth) == slice(*scored)


@pytest.mark.parametrize("scheme", [RoySlices(3), OuyangSlices(), FullVolume(), InContext()])
def test_an_answer_of_another_shape_is_refused(scheme):
    truth = bar(4, 9)
    with pytest.raises(GeometryMismatch, match="answered with a mask of the shape"):
        scheme.ask(lambda *_: truth[0], [support_of(bar(2, 10))], image_of(truth), truth, Run())


def test_setting_two_keeps_slices_with_the_structure_out_of_training():
    novel = [bar(3, 5, 8), bar(5, 6, 8)]
    assert OuyangSlices(1).training_slices(novel, 8) == tuple(range(8))
    assert OuyangSlices(2).training_slices(novel, 8) == (0, 1, 2, 7)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RoySlices(0),
        lambda: OuyangSlices(groups=0),
        lambda: OuyangSlices(3),
        lambda: FullVolume("first"),
    ],
)
def test_a_scheme_that_does_not_exist_is_refused(make):
    with pytest.raises(InvalidRequest):
        make()
