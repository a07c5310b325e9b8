"""Examples are shown as they come to lie on a slice, by the best of their registrations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered.aligned_examples import aligned_examples
from MedSegAICore.fewshot.registered.grids import resampled
from MedSegAICore.fewshot.registered.query import register_query


def test_an_example_is_shown_by_that_of_its_registrations_after_which_it_is_most_like_the_slice(
    learned_from_slices, slices
):
    registered = register_query(learned_from_slices.model, slices[2].image, Run())
    first, second = registered.alignments
    elsewhere = replace(first.whole, deformable=sitk.TranslationTransform(2, (9, 9)))

    def shown(similarity):
        added = replace(first, near=(*first.near, replace(elsewhere, similarity=similarity)))
        return aligned_examples(
            registered.fine, learned_from_slices.model.scans, (added, second), len(learned_from_slices.labels), Run()
        )

    worst, best = shown(-2.0), shown(2.0)
    moved = sitk.GetArrayFromImage(
        resampled(learned_from_slices.model.scans[0].fine, registered.fine, elsewhere.deformable)
    )
    assert np.array_equal(best.images[0], moved)
    assert not np.array_equal(worst.images[0], moved)
    assert not np.array_equal(worst.masks[0], best.masks[0])
    assert np.array_equal(worst.masks[1], best.masks[1])
