"""The shipped engine process with a real model."""

from __future__ import annotations

import numpy as np
from fakes.ball import box_in, scan, segmented
from fakes.compare import assert_same
from MedSegAICore.prompts import PointPrompt
from MedSegAICore.request import PromptTask, SegmentationRequest
from MedSegAILib.gui.engine_process import EngineProcess


def test_the_adaptive_model_answers_in_the_shipped_process_as_in_this_one() -> None:
    image, truth = scan()
    prompts = (box_in(image), PointPrompt(image.geometry.to_ras((22, 19, 4))[0]))
    engine = EngineProcess()
    try:
        answer = engine.segmentAndWait(SegmentationRequest(image, PromptTask(prompts)))
    finally:
        engine.stop()
    expected = segmented(image, *prompts)
    assert_same((answer.mask, answer.probability), (expected.mask, expected.probability))
    assert np.count_nonzero(answer.mask.full() & truth) > 0.8 * np.count_nonzero(truth)
