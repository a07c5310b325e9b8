from __future__ import annotations

import numpy as np
import pytest
from MedSegAICore import Cancelled, CancelToken
from MedSegAICore.engine.run import Run
from MedSegAICore.fewshot.registered import classifier
from MedSegAICore.fewshot.registered.classifier import train_classifier

FEATURES = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
LABELS = (FEATURES[:, 0] > 0).astype(np.uint8)


def test_training_tells_its_progress_now_and_then():
    told = []
    train_classifier(FEATURES, LABELS, 2, 0, Run(lambda fraction, _message: told.append(fraction)))
    assert told == sorted(told)
    assert 10 <= len(told) <= 40


def test_training_stops_at_its_next_step(monkeypatch):
    token, steps = CancelToken(), []
    loss = classifier._loss

    def counted(*arguments):
        steps.append(1)
        if len(steps) == 13:
            token.cancel()
        return loss(*arguments)

    monkeypatch.setattr(classifier, "_loss", counted)
    with pytest.raises(Cancelled):
        train_classifier(FEATURES, LABELS, 2, 0, Run(cancel=token))
    assert len(steps) == 13
