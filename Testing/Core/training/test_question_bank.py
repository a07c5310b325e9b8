"""Questions are given back as they were asked, and what is seen is turned and mirrored as a whole."""

from __future__ import annotations

import numpy as np
from MedSegAICore.training.bank_files import MixedBank
from MedSegAICore.training.question_bank import QuestionBank
from MedSegAICore.training.questions import Question


class Squares:
    """Asks about bright squares, with a guess of how sure one likes."""

    def __init__(self, guess=1.0):
        self._guess = guess

    def ask(self, chance):
        channels, mask = np.zeros((6, 24, 24), np.float32), np.zeros((24, 24), np.bool_)
        low = chance.integers(1, 12, 2)
        mask[low[0] : low[0] + 7, low[1] : low[1] + 5] = True
        channels[0] = channels[1] = mask
        channels[5] = self._guess * mask
        channels[2, low[0], low[1]] = 1
        return Question(channels, mask)


def same(one, other):
    return np.array_equal(one.channels, other.channels) and np.array_equal(one.mask, other.mask)


def test_a_bank_gives_back_what_was_asked():
    asked = [Squares().ask(np.random.default_rng(seed)) for seed in range(6)]
    bank = QuestionBank.of(asked)
    assert len(bank) == 6
    assert all(same(bank.question(number), one) for number, one in enumerate(asked))


def test_what_is_drawn_is_turned_and_mirrored_as_a_whole():
    bank = QuestionBank.of([Squares().ask(np.random.default_rng(3))])
    seen = set()
    for seed in range(40):
        question = bank.draw(np.random.default_rng(seed))
        picture, box, inside, outside, before, guess = question.channels
        assert np.array_equal(box > 0, question.mask)
        assert np.array_equal(guess > 0.5, question.mask)
        assert question.mask[inside > 0].all()
        assert not np.stack([outside, before]).any()
        assert abs(picture[question.mask].mean() - picture[~question.mask].mean()) > 0.3
        seen.add(question.mask.tobytes())
    assert len(seen) == 8
    assert np.array_equal(bank.draw(np.random.default_rng(1)).channels, bank.draw(np.random.default_rng(1)).channels)


def test_banks_are_drawn_from_as_often_as_their_shares_say():
    banks = [QuestionBank.of([Squares(guess).ask(np.random.default_rng(1))]) for guess in (0.0, 1.0)]
    mixed = MixedBank([(banks[0], 3.0), (banks[1], 1.0)])
    unsure = np.mean(
        [not mixed.chosen(chance).draw(chance).channels[5].any() for chance in map(np.random.default_rng, range(300))]
    )
    assert 0.65 < unsure < 0.85
