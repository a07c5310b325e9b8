"""Who is trained on and who is tested on: by subject, from a seed, whatever the order of the files.

Subjects are ordered by a hash of seed and name, not by a generator of random numbers: the order of the others
stays when one joins or leaves, and it is the same with every version of every library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from math import floor, isclose

from ...errors import InvalidRequest

COMMITTED_SEED = 20261120
"""Seed of every split and draw that names no other; a new one makes new tables that old ones do not compare with."""


def drawn_order(names: Collection[str], seed: int = COMMITTED_SEED, purpose: str = "") -> list[str]:
    """Return the names, each once, in an order that looks random and depends on nothing but what is given."""

    def drawn(name: str) -> tuple[bytes, str]:
        return hashlib.blake2b(f"{seed}\n{purpose}\n{name}".encode(), digest_size=16).digest(), name

    return sorted(set(names), key=drawn)


def subject_split(
    subjects: Collection[str], fractions: Mapping[str, float], seed: int = COMMITTED_SEED
) -> dict[str, tuple[str, ...]]:
    """Return the subjects of each part; every subject is in exactly one.

    Parameters
    ----------
    subjects
        Everyone in the set.
    fractions
        Name and share of each part; the shares sum to 1. What rounding leaves over goes to the parts that lost
        most by it.
    seed
        Draws who is where.

    Raises
    ------
    InvalidRequest
        A share is below 0, or they do not sum to 1.
    """
    if not fractions or min(fractions.values()) < 0 or not isclose(sum(fractions.values()), 1.0, abs_tol=1e-9):
        message = f"The shares {', '.join(f'{part} {share:g}' for part, share in fractions.items())} do not sum to 1."
        raise InvalidRequest(message, "Choose shares of 0 or more that sum to 1.")
    order = drawn_order(subjects, seed)
    exact = {part: share * len(order) for part, share in fractions.items()}
    counts = {part: floor(size + 1e-9) for part, size in exact.items()}
    by_loss = sorted(exact, key=lambda part: counts[part] - exact[part])
    for part in by_loss[: len(order) - sum(counts.values())]:
        counts[part] += 1
    split, start = {}, 0
    for part, count in counts.items():
        split[part] = tuple(sorted(order[start : start + count]))
        start += count
    return split


def subject_folds(subjects: Collection[str], folds: int, seed: int = COMMITTED_SEED) -> tuple[tuple[str, ...], ...]:
    """Return the subjects of each of `folds` parts, whose sizes differ by one at most.

    Raises
    ------
    InvalidRequest
        There are fewer subjects than folds, or fewer than two folds.
    """
    order = drawn_order(subjects, seed)
    if not 2 <= folds <= len(order):
        message = f"{len(order)} subjects cannot be dealt into {folds} folds."
        raise InvalidRequest(message, "Choose two folds or more, and no more than there are subjects.")
    return tuple(tuple(sorted(order[fold::folds])) for fold in range(folds))


def capped_subjects(subjects: Collection[str], most: int, seed: int = COMMITTED_SEED) -> tuple[str, ...]:
    """Return `most` of the subjects, or all of them if there are not more, sorted."""
    return tuple(sorted(drawn_order(subjects, seed)[:most]))
