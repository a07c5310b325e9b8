"""Whole volumes with a network for slices: geometry, axes, passes, members, progress and cancelling."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.context import copying_network, noisy_network, threshold_network
from fakes.grids import SOME_ORDERS_AND_FLIPS, image_stored_as, stored_as
from fakes.people import person
from MedSegAICore.engine.run import CancelToken, Run
from MedSegAICore.errors import Cancelled, InvalidRequest, InvalidSupport
from MedSegAICore.fewshot.examples import Example
from MedSegAICore.geometry import VolumeGeometry
from MedSegAICore.incontext.context_example import ContextExample
from MedSegAICore.incontext.slice_cut import slice_image, usual_range
from MedSegAICore.prompts import SlicePlane
from MedSegAICore.request import ContextOptions, IntensityWindow, SliceScope, VolumeScope
from MedSegAICore.volume import ImageVolume, VolumePatch

ONE = ContextOptions(supports=1)


def dice(one, other) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def inside(answer, label="liver"):
    return answer.probabilities[label].full() >= 0.5


def plane(image, index, axis=0):
    return SliceScope(SlicePlane.of_slice(image.geometry, axis, index))


@pytest.mark.parametrize("direction", ["axial", "coronal", "sagittal"])
def test_masks_of_an_example_come_back_where_they_were_drawn(ask, contexts, direction):
    example = contexts[1].example
    answer = ask(image=example.image, contexts=contexts[1:2], scope=VolumeScope(direction=direction), options=ONE)
    for label, mask in example.masks.items():
        assert dice(inside(answer, label), mask.full()) > 0.93


@pytest.mark.parametrize(("order", "flips"), SOME_ORDERS_AND_FLIPS)
def test_the_storage_order_of_image_and_examples_changes_nothing(ask, contexts, query, order, flips):
    expected = ask(contexts=contexts[:2]).probabilities["liver"].full()
    moved = []
    for context in contexts[:2]:
        masks = {}
        for label, mask in context.example.masks.items():
            array, geometry = stored_as(mask.full(), mask.geometry, order, flips)
            masks[label] = VolumePatch.whole(array, geometry)
        moved.append(ContextExample(Example(image_stored_as(context.example.image, order, flips), masks)))
    image = image_stored_as(query.image, order, flips)
    found = ask(image=image, contexts=tuple(moved)).probabilities["liver"].full()
    stored, _ = stored_as(expected, query.image.geometry, order, flips)
    assert np.abs(found - stored).max() < 2e-3


def test_proportions_and_spacing_are_kept_for_images_of_other_shapes(ask):
    """A circle in the world stays one, whatever the voxels are."""

    def disc(shape, spacing):
        geometry = VolumeGeometry.from_components((1, *shape), (*spacing, 3.0))
        rows, columns = np.indices(shape)
        y, x = (
            (axis - (n - 1) / 2) * step for axis, n, step in zip((rows, columns), shape, spacing[::-1], strict=True)
        )
        mask = ((y**2 + x**2) ** 0.5 < 20)[None]
        body = (np.maximum(abs(y), abs(x)) < 45)[None]
        return ImageVolume((body + mask).astype(np.float32), geometry), VolumePatch.whole(mask, geometry)

    image, mask = disc((100, 100), (1.0, 1.0))
    context = ContextExample(Example(image, {"disc": mask}))
    for shape, spacing in (((50, 200), (0.5, 2.0)), ((60, 30), (4.0, 2.0)), ((128, 96), (1.0, 1.5))):
        query, truth = disc(shape, spacing)
        answer = ask(image=query, contexts=(context,), labels=("disc",), network=copying_network(64))
        assert dice(inside(answer, "disc"), truth.full()) > 0.9


def test_probabilities_add_up_to_one_at_most(ask):
    answer = ask(network=threshold_network())
    total = sum(patch.full() for patch in answer.probabilities.values())
    assert 0.5 < total.max() <= 1 + 2e-3


def test_one_slice_is_answered_as_it_is_within_the_volume(ask, query):
    whole = ask(network=threshold_network()).probabilities["kidney"].full()
    for index in (6, 9):
        one = ask(network=threshold_network(), scope=plane(query.image, index)).probabilities["kidney"].full()
        assert np.array_equal(one[index], whole[index])
        assert not np.delete(one, index, axis=0).any()


def test_a_slice_that_was_cut_out_is_answered_as_it_is_within_the_volume(ask, contexts, query):
    """With the window of the volume, its intensities have the same meaning."""
    window = IntensityWindow(*usual_range(query.image.array))
    cut = slice_image(query.image.canonical(), 0, 9)
    network = threshold_network()
    alone = ask(image=cut, window=window, network=network).probabilities["liver"].canonical().full()
    within = ask(window=window, network=network, scope=plane(query.image, 9)).probabilities["liver"].canonical().full()
    assert dice(alone[0] >= 0.5, within[9] >= 0.5) > 0.95


def test_only_the_range_is_looked_at(ask, query):
    ends = query.image.geometry.to_ras([[0, 0, 5], [0, 0, 8]])
    found = ask(scope=VolumeScope(range_ras=ends)).probabilities["liver"].full()
    assert found[5:9].any(axis=(1, 2)).any()
    assert not found[:5].any()
    assert not found[9:].any()


def test_a_second_look_makes_small_structures_finer(ask):
    def small(seed):
        drawn = person(seed, (8, 160, 160))
        mask = np.zeros((8, 160, 160), bool)
        mask[3:5, 60:68, 90:99] = True
        image = ImageVolume(drawn.image.array + 300 * mask, drawn.image.geometry)
        return Example(image, {"spot": VolumePatch.whole(mask, image.geometry)})

    context, query = ContextExample(small(0)), small(0)
    asked = {"image": query.image, "contexts": (context,), "labels": ("spot",)}
    once, twice = (ask(**asked, options=ContextOptions(supports=1, second_pass=more)) for more in (False, True))
    truth = query.masks["spot"].full()
    assert dice(inside(twice, "spot"), truth) > max(0.85, dice(inside(once, "spot"), truth) + 0.1)


def test_fused_axes_are_the_mean_of_all_three(ask):
    scopes = [VolumeScope(direction=direction) for direction in ("axial", "coronal", "sagittal")]
    singles = [ask(scope=scope).probabilities["liver"].full() for scope in scopes]
    fused = ask(scope=VolumeScope(direction="axial", fuse_axes=True)).probabilities["liver"].full()
    assert np.abs(fused - np.mean(singles, axis=0)).max() < 0.02


def test_fewer_and_more_supports_are_shown_as_asked(ask, query):
    for count in (1, 4, 9):
        calls = []
        ask(network=copying_network(calls=calls), scope=plane(query.image, 9), options=ContextOptions(supports=count))
        assert {call.images.shape[1] for call in calls} == {count}


def test_subsets_and_augmentations_multiply_the_answers_and_give_candidates(ask, query):
    calls = []
    options = ContextOptions(supports=4, subsets=2, augmentations=2)
    answer = ask(network=copying_network(calls=calls), scope=plane(query.image, 9), options=options)
    assert len(calls) == 2 * 2 * 3
    assert len(answer.candidates) == 6
    assert not ask(scope=plane(query.image, 9)).candidates


def test_candidates_of_noise_are_whole_volumes_that_differ(ask):
    answer = ask(network=noisy_network(), options=ContextOptions(supports=4, candidates=4))
    assert len(answer.candidates) == 4
    sizes = {int(candidate.array.sum()) for candidate in answer.candidates}
    assert len(sizes) > 2
    again = ask(network=noisy_network(), options=ContextOptions(supports=4, candidates=4))
    assert all(np.array_equal(a.full(), b.full()) for a, b in zip(answer.candidates, again.candidates, strict=True))


@pytest.mark.parametrize("combine", ["mean", "vote", "staple"])
def test_answers_are_combined_as_asked(ask, combine):
    options = ContextOptions(supports=2, subsets=3, combine=combine)
    answer = ask(options=options)
    assert inside(answer).any()
    assert 0 < answer.uncertainty.array.max() <= 1
    assert answer.uncertainty.array.dtype == np.float16


def test_doubt_is_greatest_at_the_border_and_nothing_far_away(ask, query):
    answer = ask(options=ContextOptions(supports=9))
    doubt, probability = answer.uncertainty.full().astype(float), sum(p.full() for p in answer.probabilities.values())
    assert doubt[np.abs(probability - 0.5) < 0.1].min() > 0.9
    assert doubt[probability == 0].max() < 0.15


def test_progress_goes_up_and_a_cancel_is_noticed_between_slices(ask):
    seen, token, calls = [], CancelToken(), []

    def report(fraction, _message):
        seen.append(fraction)
        if len(seen) == 5:
            token.cancel()

    with pytest.raises(Cancelled):
        ask(run=Run(report, token), network=copying_network(calls=calls))
    assert seen == sorted(seen)
    assert len(calls) <= 6
    seen.clear()
    ask(run=Run(lambda fraction, _message: seen.append(fraction)))
    assert seen == sorted(seen)
    assert seen[-1] <= 1


def test_where_no_chosen_example_shows_the_structure_the_network_is_not_asked(ask, contexts):
    calls = []
    ask(network=copying_network(calls=calls), options=ONE, labels=("kidney",))
    assert 0 < len(calls) < contexts[0].example.image.geometry.shape[0]


def test_slices_serve_as_examples_across_their_own_axis(ask, contexts, query):
    example = contexts[0].example
    view = example.image.canonical()
    cut = slice_image(view, 0, 9)
    drawn = VolumePatch.whole(example.masks["liver"].canonical().full()[9:10], cut.geometry)
    context = ContextExample(Example(cut, {"liver": drawn}), position=0.5)
    asked = {"contexts": (context,), "labels": ("liver",)}
    assert inside(ask(**asked, scope=plane(query.image, 9)))[9].any()
    with pytest.raises(InvalidSupport, match="No example shows coronal slices"):
        ask(**asked, scope=VolumeScope(direction="coronal"))


def test_oblique_and_distant_slices_are_refused(ask, query):
    tilted = SliceScope(SlicePlane(query.image.geometry.to_ras([9, 9, 9])[0], [1, 0, 0.5], [0, 1, 0]))
    with pytest.raises(InvalidRequest, match="does not lie along an axis"):
        ask(scope=tilted)
    with pytest.raises(InvalidRequest, match="outside the volume"):
        ask(scope=SliceScope(SlicePlane([0, 0, 1e4], [1, 0, 0], [0, -1, 0])))


def test_memory_that_runs_out_is_answered_with_one_support_at_a_time(ask, query):
    asked = []

    def ask_network(_network, shown):
        asked.append(shown.at_once)
        if shown.at_once > 1:
            raise MemoryError
        return 12 * shown.labels.mean(dim=1) - 6

    network = copying_network()
    object.__setattr__(network, "ask", ask_network)
    answer = ask(network=network, scope=plane(query.image, 9))
    assert asked[0] > 1
    assert set(asked[1:]) == {1}
    assert "one example at a time" in answer.warnings[0]
