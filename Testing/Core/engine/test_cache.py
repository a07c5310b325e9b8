"""The cache that counts bytes."""

from __future__ import annotations

import threading

from MedSegAICore.engine.cache import ByteBoundedCache


def test_a_value_comes_back_and_an_unknown_key_gives_none():
    cache = ByteBoundedCache(10)
    cache.put(("a", 1), "value", 4)
    assert cache.get(("a", 1)) == "value"
    assert cache.get(("a", 2)) is None
    assert cache.size_bytes == 4


def test_the_value_unused_for_longest_makes_room():
    cache = ByteBoundedCache(10)
    for key in "abc":
        cache.put(key, key, 3)
    cache.get("a")
    cache.put("d", "d", 3)
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    assert cache.size_bytes == 9


def test_a_value_larger_than_the_limit_is_not_kept_and_pushes_nothing_out():
    cache = ByteBoundedCache(10)
    cache.put("small", 1, 5)
    cache.put("huge", 2, 11)
    assert cache.get("huge") is None
    assert cache.get("small") == 1


def test_a_value_as_large_as_the_limit_is_kept_alone():
    cache = ByteBoundedCache(10)
    cache.put("small", 1, 5)
    cache.put("full", 2, 10)
    assert cache.get("full") == 2
    assert cache.get("small") is None
    assert cache.size_bytes == 10


def test_putting_again_replaces_the_value_and_its_size():
    cache = ByteBoundedCache(10)
    cache.put("a", 1, 8)
    cache.put("a", 2, 3)
    assert cache.get("a") == 2
    assert cache.size_bytes == 3
    cache.put("a", 3, 11)  # too large now: the old value would be wrong
    assert cache.get("a") is None
    assert cache.size_bytes == 0


def test_clearing_forgets_everything():
    cache = ByteBoundedCache(10)
    cache.put("a", 1, 8)
    cache.clear()
    assert cache.get("a") is None
    assert cache.size_bytes == 0


def test_threads_together_never_exceed_the_limit():
    cache = ByteBoundedCache(100)
    sizes: list[int] = []

    def work(seed):
        for step in range(2000):
            cache.put((seed * step) % 37, step, (seed + step) % 30)
            cache.get(step % 37)
            sizes.append(cache.size_bytes)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert 0 <= min(sizes) <= max(sizes) <= 100
    cache.clear()
    assert cache.size_bytes == 0
