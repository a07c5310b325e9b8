"""Who serves as an example for whom, and what the answers are worth."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.datasets import drawn_case, drawn_dataset
from fakes.grids import SOME_ORDERS_AND_FLIPS, stored_as
from fakes.methods import Recording, bright, item_of, nothing
from hypothesis import given
from hypothesis import strategies as st
from MedSegAICore.engine.run import Run
from MedSegAICore.errors import InvalidRequest
from MedSegAICore.evaluation.datasets.dataset import Case, load_dataset
from MedSegAICore.evaluation.metrics.registry import standard_metrics
from MedSegAICore.evaluation.protocols.baselines import mean_mask
from MedSegAICore.evaluation.protocols.from_supports import SupportProtocol
from MedSegAICore.evaluation.protocols.plans import Asked, in_context_plan
from MedSegAICore.evaluation.protocols.slice_schemes import OuyangSlices, RoySlices
from MedSegAICore.evaluation.protocols.whole_schemes import FullVolume, InContext
from MedSegAICore.evaluation.records import RecordFile
from MedSegAICore.evaluation.runner import run_evaluation
from MedSegAICore.geometry import VolumeGeometry

SCHEMES = [RoySlices(3), OuyangSlices(), FullVolume(), FullVolume("all"), InContext()]


def bar(first: int, last: int, slices: int = 12) -> np.ndarray:
    mask = np.zeros((slices, 6, 6), bool)
    mask[first : last + 1, 1:4, 1:4] = True
    return mask


def people(count: int, **options):
    return drawn_dataset(*(drawn_case(f"{number:02}", {"bar": bar(2, 7)}) for number in range(count)), **options)


@given(st.integers(3, 12), st.integers(1, 2), st.integers(0, 50), st.sampled_from([0, 2, 3]))
def test_examples_are_of_as_many_other_people_and_never_of_the_query(count, shots, seed, folds):
    protocol = SupportProtocol(people(count), InContext(), shots, seed=seed, folds=folds)
    for query in protocol.dataset.cases:
        try:
            examples = protocol.examples(query, "bar")
        except InvalidRequest:
            assert folds  # too few people in the other folds
            continue
        drawn = {case.subject for case in examples}
        assert len(drawn) == shots
        assert query.subject not in drawn
        if folds:
            assert not drawn & set(protocol.fold_of(query.subject))


def test_what_the_method_is_shown_never_holds_the_query():
    protocol = SupportProtocol(people(6), InContext(), 5)
    for item in protocol.items():
        method = Recording()
        protocol.evaluate(item, method, Run())
        ((supports, _),) = method.shown
        assert sorted(support.name for support in supports) == sorted({f"{n:02}" for n in range(6)} - {item.subject})


def test_few_examples_are_the_first_of_many_and_the_same_for_all_queries():
    dataset = people(9)
    few, many = SupportProtocol(dataset, InContext(), 2), SupportProtocol(dataset, InContext(), 6)
    first_of = set()
    for query in dataset.cases:
        drawn = [case.subject for case in many.examples(query, "bar")]
        assert [case.subject for case in few.examples(query, "bar")] == drawn[:2]
        first_of.add(drawn[0])
    assert len(first_of) == 2  # one for all others, and one for that one


def test_one_person_gives_one_example_however_many_images_there_are():
    cases = [drawn_case(subject, {"bar": bar(2, 7)}, name=name) for subject in "abc" for name in "123"]
    protocol = SupportProtocol(drawn_dataset(*cases), InContext(), 2)
    assert len(protocol.items()) == 9
    assert len({case.subject for case in protocol.examples(cases[0], "bar")}) == 2


def test_only_people_who_show_the_structure_serve_as_examples():
    cases = [drawn_case("a", {"bar": bar(2, 7)}), drawn_case("b", {"bar": bar(2, 7)})]
    dataset = drawn_dataset(*cases, *(drawn_case(name, {"bar": bar(1, 0), "rod": bar(1, 2)}) for name in "cdefg"))
    protocol = SupportProtocol(dataset, InContext(), labels=("bar",))
    assert [item.subject for item in protocol.items()] == ["a", "b"]
    assert [protocol.examples(case, "bar")[0].subject for case in cases] == ["b", "a"]


def test_examples_come_from_those_who_may_serve():
    protocol = SupportProtocol(people(8), InContext(), 2, subjects=("00", "01"), supports_from=("05", "06"))
    assert {item.subject for item in protocol.items()} == {"00", "01"}
    for query in protocol.dataset.cases[:2]:
        assert {case.subject for case in protocol.examples(query, "bar")} == {"05", "06"}


def test_too_few_people_are_refused_by_name_before_anything_runs():
    protocol = SupportProtocol(people(4), InContext(), 4)
    with pytest.raises(InvalidRequest, match="'drawn' shows 'bar' in 3 people other than '00'") as caught:
        protocol.items()
    assert "fewer than 4 examples" in caught.value.advice


@pytest.mark.parametrize(("scheme", "shots"), [(InContext(), 0), (RoySlices(), 0), (InContext(deranged=True), 1)])
def test_fewer_examples_than_a_scheme_needs_are_refused_at_once(scheme, shots):
    with pytest.raises(InvalidRequest, match=f"cannot do with {shots} examples"):
        SupportProtocol(people(4), scheme, shots)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_right_answer_scores_one_and_no_answer_scores_nothing(scheme):
    protocol = SupportProtocol(people(3), scheme)
    item = protocol.items()[0]
    right, failed = protocol.evaluate(item, bright, Run()), protocol.failed_values(item)
    assert right["dice"] == right["nsd"] == 1
    assert right["hd95"] == 0
    empty = protocol.evaluate(item, nothing, Run())
    assert empty["dice"] == 0
    assert failed == empty
    assert set(right) == {quantity.name for quantity in protocol.quantities()}


def too_long(_supports, query, _run):
    """Answer with a bar over all slices."""
    return np.broadcast_to((query.array > 50).any(axis=0), query.array.shape)


@pytest.mark.parametrize(("scheme", "expected"), [(OuyangSlices(), 1.0), (RoySlices(3), 1.0), (FullVolume(), 12 / 18)])
def test_schemes_that_tell_the_extent_do_not_count_what_lies_beyond(scheme, expected):
    protocol = SupportProtocol(people(3), scheme)
    assert protocol.evaluate(protocol.items()[0], too_long, Run())["dice"] == pytest.approx(expected)


@pytest.mark.parametrize(("order", "flips"), SOME_ORDERS_AND_FLIPS)
def test_how_the_voxels_are_stored_does_not_matter(order, flips):
    grid = VolumeGeometry.from_components((12, 6, 6), (1, 1, 3))
    plain = [drawn_case(name, {"bar": bar(2, 7)}, grid) for name in "ab"]
    stored, geometry = stored_as(bar(2, 7), grid, order, flips)
    turned = [plain[0], drawn_case("b", {"bar": stored}, geometry)]

    def shown(*cases: Case):
        protocol, method = SupportProtocol(drawn_dataset(*cases), OuyangSlices()), Recording()
        protocol.evaluate(item_of(protocol, "b"), method, Run())
        return [(supports[0].image.array, query.array) for supports, query in method.shown]

    for one, other in zip(shown(*plain), shown(*turned), strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_pictures_are_measured_in_pixels():
    quantities = {one.name: one.unit for one in SupportProtocol(people(2, has_spacing=False), InContext()).quantities()}
    assert quantities["hd95"] == "px"
    assert set(quantities) == {"true_volume", *(metric.name for metric in standard_metrics())}


def test_the_in_context_protocols_come_with_their_diagnosis():
    protocols = in_context_plan((1, 4), deranged=True).over(people(5), Asked())
    assert {protocol.name for protocol in protocols} == {"In-context"}
    assert [protocol.condition for protocol in protocols] == ["1 support", "4 supports", "4 supports, masks deranged"]
    assert [protocol.shots for protocol in in_context_plan().over(people(2), Asked())] == [1, 4, 16, 64]


def test_examples_that_are_moved_are_a_condition_of_their_own():
    protocols = in_context_plan((1,), unmatched=True).over(people(3), Asked())
    assert [protocol.condition for protocol in protocols] == ["1 support", "1 support, unmatched"]


def test_the_mean_mask_does_not_care_whose_masks_they_are():
    cases = [drawn_case(f"{n:02}", {"bar": bar(n, n + 4)}) for n in range(5)]
    plain, exchanged = in_context_plan((4,), deranged=True).over(drawn_dataset(*cases), Asked())
    for item, same in zip(plain.items(), exchanged.items(), strict=True):
        assert (item.condition, same.condition) == ("4 supports", "4 supports, masks deranged")
        assert plain.evaluate(item, mean_mask, Run()) == exchanged.evaluate(same, mean_mask, Run())


def test_the_runner_keeps_a_method_that_fails(tmp_path):
    def fails(_supports, _query, _run):
        message = "no idea"
        raise ValueError(message)

    protocol = SupportProtocol(people(2), OuyangSlices(2), folds=2)
    records = run_evaluation(protocol, {"mean mask": mean_mask, "fails": fails}, RecordFile(tmp_path / "r", {}), Run())
    assert [record.failure for record in records] == ["", "", *["ValueError: no idea"] * 2]
    assert [record.values["dice"] for record in records] == [1, 1, 0, 0]


def test_telling_the_extent_flatters_on_real_images(shared):
    dataset = load_dataset("mr_abdomen_t2", shared / "data")
    names = ("liver",), dataset.subjects[:2]
    known, unknown = (SupportProtocol(dataset, scheme, 1, *names) for scheme in (OuyangSlices(), FullVolume()))
    for item in known.items():
        told, alone = (one.evaluate(item, mean_mask, Run())["dice"] for one in (known, unknown))
        assert told > alone + 0.1
